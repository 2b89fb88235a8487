"""The cost laboratory without a browser: what it measures, what it predicts, its picture and its words."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from readable import check_fast_picture

from metalib import MAML, SineTasks
from metalib.lab import CostLaboratory
from metalib.lab.cost.laboratory import CostPainter
from metalib.lab.cost.meter import STEPS, WAYS, CostState, Meter, meta_step, segment_of
from metalib.models import count_parameters, peak_memory, sine_net

SMALL = {"width": 20, "tasks": 1}


@pytest.fixture(scope="module")
def meter():
    made = Meter()
    made.work(CostState(**SMALL), up_to=16)
    return made


def test_bytes_are_those_of_a_meta_step_of_metalib(meter):
    batch = SineTasks(shots=10, queries=10).sample(1, torch.Generator().manual_seed(0))
    learner = MAML(sine_net(width=20), 0.01, 8)

    def work():
        learner.zero_grad()
        learner.loss(batch).backward()

    work()
    result = meter.compute(CostState(**SMALL))
    assert result.measured["second"][STEPS.index(8)] == peak_memory(work)[0]
    assert result.copy == 4 * count_parameters(sine_net(width=20))


def test_every_way_takes_the_meta_gradient_it_says():
    for way in WAYS:
        meta_step(way, 20, 2, 3, "2")()
    assert [segment_of("root", steps) for steps in (1, 4, 8, 16, 64)] == [1, 2, 3, 4, 8]
    assert segment_of("16", 4) == 4


def test_predicted_lines_meet_the_points(meter):
    result = meter.compute(CostState(**SMALL))
    at16 = STEPS.index(16)
    for way in WAYS:
        assert result.predicted[way][at16] == pytest.approx(result.measured[way][at16], rel=0.03), way
    assert np.isnan(result.measured["second"][-1]) and np.isfinite(result.predicted["second"][-1])
    assert not result.is_done


def test_work_goes_on_until_nothing_is_missing_and_measures_nothing_twice(monkeypatch):
    meter, state, made = Meter(), CostState(**SMALL), []
    monkeypatch.setattr(meter, "measure", lambda *key: made.append(key) or float(key[4]))
    assert meter.work(state, seconds=0.0) and len(made) == 1
    assert not meter.work(state) and meter.compute(state).is_done
    assert len(made) == len(set(made)) == len(meter.wanted(state))
    before = len(made)
    meter.work(replace(state, draw=1))  # bytes are the same at every count
    assert len(made) == before
    meter.work(replace(state, segment="4"))  # another segment: only the checkpointed loops are new
    assert {key[1] for key in made[before:]} == {"checkpointed"}
    before = len(made)
    timed = replace(state, shown="time")
    meter.work(timed)
    counted = len(made) - before
    meter.work(replace(timed, draw=1))  # times are not
    assert len(made) == before + 2 * counted


def test_times_are_measured_and_predicted():
    meter, state = Meter(), CostState(**SMALL, shown="time")
    assert not meter.work(state, up_to=8)
    result = meter.compute(state)
    for way in WAYS:
        assert 0 < result.measured[way][STEPS.index(8)] < 60
        at4 = STEPS.index(4)
        assert result.predicted[way][at4] == pytest.approx(result.measured[way][at4])


@pytest.fixture(scope="module")
def lab():
    return CostLaboratory(**SMALL, steps=4)


def test_words_say_the_costs_at_the_chosen_steps(lab):
    lab.set(steps=4, segment="root", shown="memory", draw=0)
    bytes_held = lab.result.measured["second"][STEPS.index(4)]
    assert f"second order {bytes_held / 1e3:.3g} kB" in lab.surface.alt
    assert "at T = 4" in lab.surface.alt
    assert "points kept 2, steps recorded at a time 2" in lab.surface.message
    lab.set(segment="1")
    assert "points kept 4, steps recorded at a time 1" in lab.surface.message
    lab.set(segment="root")


def test_keys_and_the_pointer_choose_the_steps(lab):
    lab.set(steps=4)
    lab.surface.key("ArrowRight")
    assert lab.state.steps == 8
    lab.surface.key("End")
    assert lab.state.steps == 64
    lab.surface.key("Home")
    assert lab.state.steps == 1
    lab.surface.pointer("down", 0.985, 0.5, pressed=True)
    assert lab.state.steps == 64
    lab.surface.key("Enter")
    assert lab.state.draw == 1 and np.isfinite(lab.result.measured["second"][0])


@pytest.mark.parametrize("values", [{}, {"steps": 64, "segment": "4"}, {"shown": "time"}])
def test_the_fast_picture_is_the_full_one(meter, values):
    painter = CostPainter()
    first = CostState(**SMALL)
    painter.pixels(first, meter.compute(first))
    state = replace(first, **values)
    check_fast_picture(painter, state, meter.compute(state))


@pytest.mark.slow
def test_the_try_this_list_is_as_it_says():
    lab = CostLaboratory(steps=64)
    least = {}
    for segment in ("1", "8", "64"):
        lab.set(segment=segment)
        lab.finish()
        least[segment] = lab.result.measured["checkpointed"][-1]
    second = lab.result.measured["second"]
    assert least["8"] < least["1"] and least["8"] < least["64"]
    assert least["64"] == pytest.approx(second[-1], rel=0.1)
    rises = second[-1] / second[-2]
    lab.set(width=80)
    lab.finish()
    wide = lab.result.measured["second"]
    assert wide[-1] > 2 * second[-1] and wide[-1] / wide[-2] == pytest.approx(rises, rel=0.02)
    lab.set(width=40, segment="root", shown="time")
    lab.finish()
    ratio = lab.result.measured["checkpointed"][-1] / lab.result.measured["second"][-1]
    assert 1.0 < ratio < 3.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 3}, "steps must be one of 1, 2, 4, 8, 16, 32, 64, not 3"),
        ({"tasks": 0}, "tasks must lie between 1 and 8"),
        ({"segment": "5"}, "segment must be one of"),
    ],
)
def test_mistakes_are_said(values, words):
    with pytest.raises(ValueError, match=words):
        CostLaboratory(**values)
