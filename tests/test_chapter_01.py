"""Chapter 1 measures in its own cells. Those definitions, taken from its source, give metalib's numbers."""

import math
import re
import warnings
from pathlib import Path

import citations
import pytest
import torch
from chapter_code import definitions, solution

import metalib
from metalib import curves
from metalib.timeline import WORKS

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "chapters" / "source" / "01_background.md").read_text("utf-8")


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines, and its list of settings."""
    names = {"torch": torch, "metalib": metalib, "math": math, "warnings": warnings, "curves": curves}
    names["waves"] = metalib.SineTasks(shots=5, queries=50)
    return definitions("01_background", constants=("settings",), **names)


@pytest.fixture
def values():
    return torch.rand(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_readers_line_is_protonet_on_pixels_with_one_shot():
    nearest = solution("01/nearest")
    episodes = metalib.Episodes(metalib.data.glyphs("test"), ways=5, shots=1, queries=3)
    batch = episodes.sample(4, torch.Generator().manual_seed(0))
    learner = metalib.ProtoNet(torch.nn.Flatten())
    known = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x).argmax(dim=-1)
    for i in range(4):
        order = batch.support_y[i].argsort()
        for q in range(batch.query_x.shape[1]):
            assert int(nearest(batch.support_x[i, order, 0], batch.query_x[i, q, 0])) == int(known[i, q])


def test_the_sixth_picture_is_another_drawing_of_the_fourth():
    episodes = metalib.Episodes(metalib.data.glyphs("test"), ways=5, shots=1, queries=15)
    episode = episodes.sample(1, torch.Generator().manual_seed(18))
    assert "query_x[0, 45, 0]" in TEXT and int(episode.query_y[0, 45]) == int(episode.support_y[0, 3]) == 3
    assert not torch.equal(episode.query_x[0, 45], episode.support_x[0, 3])


def test_the_exercises_interval_is_metalibs(values):
    known = metalib.evaluation.Evaluation(values, "loss")
    answer = solution("01/interval")
    assert [float(part) for part in answer(values)] == pytest.approx([known.mean, known.half_width])


def test_the_chapters_errors_are_metalibs(chapter):
    learner = metalib.FromScratch(metalib.models.sine_net())
    got = chapter["errors"](learner, (0.02, 3), 30, 7).values
    learner = metalib.FromScratch(metalib.models.sine_net(), alpha=0.02, steps=3)
    known = metalib.evaluate(learner, chapter["waves"], 30, torch.Generator().manual_seed(7))
    assert torch.allclose(got, known.values)


def test_the_chapters_choice_is_the_best_on_validation_tasks_and_never_an_exploded_one(chapter):
    learner = metalib.weights.load("sine-maml")
    found, best = chapter["tuned"](learner)
    known = {one: chapter["errors"](learner, one, 40, 10_000).mean for one in chapter["settings"]}
    assert any(not math.isfinite(mean) for mean in known.values()), "the list contains an α that explodes"
    assert {k: v for k, v in found.items() if math.isfinite(v)} == {
        k: v for k, v in known.items() if math.isfinite(v)
    }
    finite = {one: mean for one, mean in known.items() if math.isfinite(mean)}
    assert best == min(finite, key=finite.get)


def test_a_curve_needs_as_many_shots_as_the_exercise_says():
    answer = solution("01/examples-needed")
    for curve in curves.load("sine").values():
        for target in (1.0, 0.3, 1e-9, curve.mean[3]):
            assert curve.needed(target) == answer(curve.shots, curve.mean, target)


def test_the_exercises_paired_interval_is_metalibs_compare():
    answer = solution("01/paired")
    one, two = metalib.weights.load("sine-joint"), metalib.weights.load("sine-maml")
    waves = metalib.SineTasks(5, 10)
    first, second = (
        metalib.evaluate(x, waves, 40, torch.Generator().manual_seed(0)).values for x in (one, two)
    )
    known = metalib.evaluation.compare(one, two, waves, 40, torch.Generator().manual_seed(0))
    assert [float(part) for part in answer(first, second)] == pytest.approx([known.mean, known.half_width])


# What the predictions' answers say, held against the measured curves


def test_what_is_said_of_the_sine_curves():
    sine = curves.load("sine")
    at = {shots: sorted(sine, key=lambda name: sine[name].at(shots)[0]) for shots in (3, 20)}
    assert at[3][:2] == ["maml", "plain"]
    assert at[20] == ["plain", "maml", "joint", "scratch"]
    assert sine["maml"].at(7)[0] < sine["plain"].at(7)[0] and sine["plain"].at(10)[0] < sine["maml"].at(10)[0]
    target = sine["maml"].at(5)[0]
    assert 0.2 < target < 0.3
    assert [sine[name].needed(target) for name in ("plain", "joint", "scratch")] == [10, 20, 50]


def test_what_is_said_of_the_glyph_curves():
    glyphs = curves.load("glyphs")
    assert abs(glyphs["scratch"].at(1)[0] - glyphs["plain"].at(1)[0]) < glyphs["plain"].at(1)[1]
    assert glyphs["joint"].at(1)[0] < 5 and glyphs["maml"].at(1)[0] < 5
    assert abs(glyphs["joint"].at(1)[0] - glyphs["maml"].at(1)[0]) < glyphs["joint"].at(1)[1]
    assert glyphs["protonet"].at(1)[0] + glyphs["protonet"].at(1)[1] < glyphs["maml"].at(1)[0]


def test_what_is_said_of_tasks_from_elsewhere():
    flat = metalib.SineTasks(5, 100).sample(2000, torch.Generator().manual_seed(0)).query_y.square().mean()
    outside = curves.load("sine-elsewhere")
    assert outside["maml"].at(1)[0] > 5 > flat and outside["joint"].at(1)[0] > flat
    assert outside["maml"].at(7)[0] > 1 > outside["maml"].at(10)[0]
    inside = curves.load("glyphs")
    for name in ("joint", "maml", "protonet"):
        assert curves.load("glyphs-elsewhere")[name].at(1)[0] > 5 * inside[name].at(1)[0]


def test_some_waves_are_few_waves_with_ever_new_points(chapter):
    few = chapter["SomeWaves"](2, torch.Generator().manual_seed(0))
    batch = few.sample(40, torch.Generator().manual_seed(1))
    waves = set()
    for i in range(40):
        x, y = batch.support_x[i], batch.support_y[i]
        basis = torch.cat([torch.sin(x), torch.cos(x)], dim=1)
        a, b = torch.linalg.lstsq(basis, y).solution.flatten().tolist()
        assert torch.allclose(basis @ torch.tensor([[a], [b]]), y, atol=1e-3)
        waves.add((round(a, 2), round(b, 2)))
    assert len(waves) == 2
    assert len(set(batch.support_x.flatten().tolist())) == 400


def test_every_entry_of_the_timeline_has_its_reference():
    known = citations.references(ROOT)
    lines = TEXT[TEXT.index("## Further reading") :].splitlines()
    read = [known[key].full() + line for line in lines for key in citations.keys(line)]
    for entry in WORKS:
        first_author = re.split(r",| et al\.| & ", entry.authors)[0]
        assert [line for line in read if first_author in line and str(entry.year) in line], entry
