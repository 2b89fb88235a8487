"""The shift laboratory without a browser: its answers against metalib's learners, the dial, its picture, the
pointer and the keys."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from readable import check_fast_picture, check_nothing_still_has_changed, check_texts
from torch import nn

import metalib
from metalib.data import SHIFTS, ImageSet, Shift, glyphs
from metalib.lab import ShiftLaboratory, shift
from metalib.lab.shift.task import FIRST_TASK, METHODS, STRENGTHS, TUNED, Dial, ShiftState, shifted
from metalib.learners import restandardised
from metalib.models import conv4
from metalib.tasks import Episodes


def encoder():
    network = conv4(4, norm="batch", downsample="stride", generator=torch.Generator().manual_seed(1))
    x = glyphs("train").images[:40, 0].float() / 255
    for _pass in range(30):
        network(x)
    return network.eval()


IMAGES, OTHERS = glyphs("test").subset(range(12)), glyphs("validation").subset(range(10))


@pytest.fixture(scope="module")
def dial():
    return Dial(encoder(), IMAGES, OTHERS, tasks=2)


@pytest.fixture(scope="module")
def lab():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shift.laboratory, "AT_ONCE", 1)
        made = ShiftLaboratory(encoder(), IMAGES, OTHERS, tasks=2)
    made.home = made.state
    return made


@pytest.mark.parametrize("where", ["both", "query"])
def test_answers_are_those_of_metalibs_learners(dial, where):
    state = ShiftState(kind="wobble", strength=6, where=where, shots=3)
    batch = shifted(dial.task(3, 7), state)
    home = dial.encoder
    there = restandardised(home, Shift("wobble", 0.6)(dial.unlabelled))
    protonet = metalib.ProtoNet(home)
    learners = {
        "pixels": (metalib.ProtoNet(nn.Flatten()),) * 2,
        "frozen": (protonet,) * 2,
        "statistics": (metalib.ProtoNet(there) if where == "both" else protonet, metalib.ProtoNet(there)),
        "tuned": (metalib.FineTuning(home, adapts="all", **TUNED),) * 2,
    }
    for method, (adapts, predicts) in learners.items():
        with torch.no_grad():
            adapted = adapts.adapt(batch.support_x, batch.support_y)
            expected = predicts.predict(adapted, batch.query_x)[0]
            found = dial.logits(method, state, batch)
        assert torch.allclose(found, expected, atol=1e-5, rtol=1e-4), method


def test_averages_are_those_of_evaluate(dial):
    state = ShiftState(kind="slant", strength=4, where="both", shots=2)
    while dial.work(state):
        pass
    averages = dial.compute(state).averages
    assert averages.n == 2

    class Drawn:
        def sample(self, n_tasks, generator):
            return dial.task(2, generator.initial_seed())

    for strength in (0, 4, 10):
        tasks = metalib.Changed(Drawn(), Shift("slant", strength / 10), support=True)
        for number, value in enumerate(averages.values[:, list(METHODS).index("frozen"), strength]):
            seeded = torch.Generator().manual_seed(FIRST_TASK + number)
            assert metalib.evaluate(metalib.ProtoNet(dial.encoder), tasks, 1, seeded).mean == value
    mean, half = averages.of("frozen")
    values = averages.values[:, 1]
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(half, 1.96 * values.std(axis=0, ddof=1) / np.sqrt(2))


def test_one_shot_more_leaves_the_rest_as_it_was(dial):
    few, many = dial.task(2, 5), dial.task(3, 5)
    assert torch.equal(few.query_x, many.query_x) and torch.equal(few.query_y, many.query_y)
    first = torch.arange(15).view(5, 3)[:, :2].flatten()
    assert torch.equal(few.support_x, many.support_x[:, first])
    assert torch.equal(few.support_y, many.support_y[:, first])


def test_no_average_is_no_number_and_one_has_no_interval(dial):
    state = ShiftState(kind="inversion", shots=1)
    mean, half = dial.compute(state).averages.of("pixels")
    assert np.isnan(mean).all() and np.isnan(half).all()
    dial.work(state, tasks=1)
    mean, half = dial.compute(state).averages.of("pixels")
    assert np.isfinite(mean).all() and np.isnan(half).all() and len(mean) == len(STRENGTHS)


def test_turning_the_dial_keeps_the_episode_and_its_averages(lab):
    lab.set(kind="thick", strength=0, where="query", shots=2, draw=3, method="frozen")
    still = lab.result
    averages = still.averages.values
    lab.set(strength=8)
    assert np.array_equal(lab.result.support, still.support), "the support set is not shifted"
    assert lab.result.query.astype(int).sum() > still.query.astype(int).sum(), "thicker strokes, more ink"
    assert np.array_equal(lab.result.averages.values, averages)
    lab.set(method="pixels")
    assert np.array_equal(lab.result.averages.values, averages)
    lab.set(where="both")
    assert lab.result.support.astype(int).sum() > still.support.astype(int).sum()
    lab.set(strength=0)
    assert np.array_equal(lab.result.support, still.support) and np.array_equal(lab.result.query, still.query)


def test_only_the_queries_are_shifted_in_a_gap():
    batch = Episodes(IMAGES, 5, 2, 4).sample(1, torch.Generator().manual_seed(0))
    gap = shifted(batch, ShiftState(kind="inversion", strength=10, where="query"))
    both = shifted(batch, ShiftState(kind="inversion", strength=10, where="both"))
    assert torch.equal(gap.support_x, batch.support_x) and torch.allclose(gap.query_x, 1 - batch.query_x)
    assert torch.allclose(both.support_x, 1 - batch.support_x)


def test_a_laboratory_begins_with_a_few_tasks_and_finishes_the_rest(lab):
    assert lab.compute(lab.home).averages.n == 1
    lab.set(kind="rotation", shots=1)
    assert lab.result.averages.n == 0, "a move waits for no average"
    lab.finish()
    assert lab.result.averages.n == 2


STATES = [
    {},
    {"kind": "noise", "strength": 10, "where": "both", "method": "statistics", "shots": 10},
    {"kind": "rotation", "strength": 0, "method": "tuned", "shots": 1},
    {"kind": "thin", "strength": 7, "method": "pixels", "draw": 4},
]


@pytest.mark.parametrize("change", STATES)
def test_fast_picture_equals_the_full_one(lab, change):
    state = replace(lab.state, **change)
    result, painter = lab.compute(state), lab.painter
    check_fast_picture(painter, state, result)
    check_nothing_still_has_changed(painter, lab.state, lab.result)


def test_no_text_is_small(lab):
    check_texts(lab.painter.full(lab.state, lab.result), 1000, least=4)


def test_the_pointer_and_the_keys_turn_the_dial(lab):
    lab.set(strength=5, draw=1)
    axes = lab.painter.axes.get_position()

    def at(strength):
        return axes.x0 + axes.width * (strength + 0.4) / 10.8

    lab.surface.pointer("down", at(2.2), 0.5, pressed=True)
    assert lab.state.strength == 2
    lab.surface.pointer("move", at(7), 0.5, pressed=True)
    assert lab.state.strength == 7
    lab.surface.pointer("up", at(10.3), 0.5)
    assert lab.state.strength == 10
    lab.surface.pointer("down", 0.2, 0.5, pressed=True)
    assert lab.state.strength == 10, "a drawing is no place of the dial"
    for key, strength in (("ArrowLeft", 9), ("Home", 0), ("ArrowLeft", 0), ("End", 10), ("ArrowRight", 10)):
        lab.surface.key(key)
        assert lab.state.strength == strength
    lab.surface.key("Enter")
    assert lab.state.draw == 2 and lab.state.strength == 10


def test_it_says_what_each_method_knows_and_how_it_fares(lab):
    lab.set(kind="noise", where="query", strength=6, method="tuned", shots=2)
    assert "says nothing of the new domain" in lab.surface.message
    lab.set(where="both")
    assert "says nothing" not in lab.surface.message
    lab.set(method="statistics")
    assert "unlabelled drawings of other characters" in lab.surface.message
    lab.finish()
    assert "Accuracy of this method in % against the strength: 0: " in lab.surface.alt
    assert "±" in lab.surface.alt and "mean of 2 tasks" in lab.surface.alt


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="strength must lie between 0 and 10; 11 does not"):
        ShiftLaboratory(encoder(), IMAGES, OTHERS, tasks=2, strength=11)
    with pytest.raises(ValueError, match="kind must be one of"):
        ShiftLaboratory(encoder(), IMAGES, OTHERS, tasks=2, kind="blur")
    with pytest.raises(ValueError, match="needs at least 5 classes and 5 drawings"):
        ShiftLaboratory(encoder(), IMAGES.subset(range(4)), OTHERS, tasks=2)
    small = ImageSet(IMAGES.images[..., :9, :9], IMAGES.names, IMAGES.alphabets)
    with pytest.raises(ValueError, match="This encoder cannot read images"):
        ShiftLaboratory(conv4(4, norm="batch"), small, OTHERS, tasks=2)
    for name in ("encoder", "images", "unlabelled"):
        with pytest.raises(TypeError, match=f"{name} must be of the kind"):
            ShiftLaboratory(**{name: 3})
    with pytest.raises(ValueError, match="no batch normalisation that keeps statistics"):
        ShiftLaboratory(nn.Flatten(), IMAGES, OTHERS, tasks=2)


def test_every_kind_of_shift_has_a_place(lab):
    for kind in SHIFTS:
        lab.set(kind=kind, strength=10, method="frozen", shots=1)
        assert not lab.surface.failed
