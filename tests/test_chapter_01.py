"""Chapter 1 measures in its own cells. Those definitions, taken from its source, give metalib's numbers."""

import math
import re
import warnings
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from chapter_code import definitions, solution

import metalib
from metalib import curves
from metalib.timeline import WORKS

TEXT = (Path(__file__).resolve().parent.parent / "chapters" / "source" / "01_background.md").read_text(
    "utf-8"
)


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines, and its list of choices."""
    names = {"torch": torch, "metalib": metalib, "math": math, "warnings": warnings, "curves": curves}
    names["namedtuple"] = namedtuple
    return definitions("01_background", constants=("Choice", "choices"), **names)


@pytest.fixture
def values():
    return torch.rand(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_chapters_interval_is_metalibs_and_the_exercises(chapter, values):
    known = metalib.evaluation.Evaluation(values, "loss")
    assert chapter["interval"](values) == pytest.approx((known.mean, known.half_width))
    answer = solution("01/interval")
    assert [float(part) for part in answer(values)] == pytest.approx([known.mean, known.half_width])


def test_the_chapters_error_is_metalibs(chapter):
    learner = metalib.FromScratch(metalib.models.sine_net())
    waves = metalib.SineTasks(5, 20)
    got = chapter["error"](learner, chapter["Choice"](0.02, 3), waves, 30, 7)
    learner = metalib.FromScratch(metalib.models.sine_net(), alpha=0.02, steps=3)
    known = metalib.evaluate(learner, waves, 30, torch.Generator().manual_seed(7))
    assert torch.allclose(got, known.values)


def test_the_chapters_choice_is_the_best_on_validation_tasks_and_never_an_exploded_one(chapter):
    learner = metalib.weights.load("sine-maml")
    waves = metalib.SineTasks(5, 50)
    best = chapter["tuned"](learner, waves, n_tasks=10)
    known = {c: chapter["error"](learner, c, waves, 10, 10_000).mean().item() for c in chapter["choices"]}
    assert any(not math.isfinite(mean) for mean in known.values()), "the list contains an α that explodes"
    finite = {c: mean for c, mean in known.items() if math.isfinite(mean)}
    assert best == min(finite, key=finite.get)


def test_the_chapters_needed_is_the_exercises_solution(chapter):
    answer = solution("01/examples-needed")
    for curve in curves.load("sine").values():
        for target in (1.0, 0.3, 1e-9):
            ours, theirs = chapter["needed"](curve, target), answer(curve.shots, curve.mean, target)
            assert ours == (f"more than {curve.shots[-1]}" if theirs == math.inf else str(theirs))


def test_the_exercises_paired_interval_is_metalibs_compare():
    answer = solution("01/paired")
    one, two = metalib.weights.load("sine-joint"), metalib.weights.load("sine-maml")
    waves = metalib.SineTasks(5, 10)
    first, second = (
        metalib.evaluate(x, waves, 40, torch.Generator().manual_seed(0)).values for x in (one, two)
    )
    known = metalib.evaluation.compare(one, two, waves, 40, torch.Generator().manual_seed(0))
    assert [float(part) for part in answer(first, second)] == pytest.approx([known.mean, known.half_width])


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
    references = TEXT[TEXT.index("## Further reading") :]
    for entry in WORKS:
        first_author = re.split(r",| et al\.| & ", entry.authors)[0]
        line = [line for line in references.splitlines() if first_author in line and str(entry.year) in line]
        assert line, entry
