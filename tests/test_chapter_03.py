"""Chapter 3 builds MAML in its own cells. Those definitions, taken from its source, give metalib's
numbers."""

import ast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from chapter_code import SOURCES, cells, definitions, solution

import metalib
from metalib.exercises.probes import ch03
from metalib.lab import SineLaboratory, TrainingLaboratory


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines."""
    return definitions("03_maml", torch=torch, F=F, metalib=metalib)


@pytest.fixture
def theta():
    return [p.detach().double().requires_grad_() for p in metalib.models.sine_net().parameters()]


@pytest.fixture
def batch():
    drawn = metalib.SineTasks(5, 6).sample(3, torch.Generator().manual_seed(0))
    return metalib.TaskBatch(*(part.double() for part in drawn))


def test_the_chapters_network_is_the_sine_net(chapter, theta, batch):
    expected = metalib.models.sine_net().double()(batch.query_x[0])
    assert torch.allclose(chapter["network"](theta, batch.query_x[0]), expected)
    assert torch.allclose(ch03.network(theta, batch.query_x[0]), expected)


@pytest.mark.parametrize("step, first_order", [("inner_step", False), ("inner_step_forgetful", True)])
def test_the_chapters_maml_is_metalibs(chapter, theta, batch, step, first_order):
    learner = metalib.MAML(metalib.models.sine_net().double(), alpha=0.01, first_order=first_order)
    ours = chapter["meta_loss"](theta, batch, 0.01, step=chapter[step])
    theirs = learner.loss(batch)
    assert torch.allclose(ours, theirs, rtol=1e-12)
    pairs = zip(
        torch.autograd.grad(ours, theta), torch.autograd.grad(theirs, list(learner.parameters())), strict=True
    )
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-13) for a, b in pairs)


def test_the_solution_of_the_meta_loss_exercise_is_metalibs_too(theta, batch):
    answer = solution("03/meta-loss")
    learner = metalib.MAML(metalib.models.sine_net().double(), alpha=0.02, steps=3)
    assert torch.allclose(answer(theta, batch, 0.02, 3), learner.loss(batch), rtol=1e-12)


# What the text promises of the laboratories: each "try this" is tried.


@pytest.fixture
def lab():
    """The sine laboratory as the chapter shows it."""
    (code,) = [code for code in cells("03_maml") if "SineLaboratory(" in code]
    call = ast.parse(code).body[-1].value
    made = SineLaboratory(**{argument.arg: ast.literal_eval(argument.value) for argument in call.keywords})
    yield made
    made.close()


def distance(result, step=-1):
    """Of the curve after a step from the wave: the mean square over the whole picture."""
    return float(np.square(result.curves[step] - result.target).mean())


def test_one_step_from_maml_finds_the_wave_and_ten_from_a_random_start_do_not(lab):
    assert distance(lab.result, 0) > 7 and distance(lab.result) < 0.3
    assert distance(lab.set(start="random", steps=10)) > 15


def test_try_1_one_step_follows_the_wave_at_every_phase(lab):
    for phase in np.arange(0, 3.14, 0.1):
        result = lab.set(phase=float(phase))
        assert distance(result) < distance(result, 0) / 2, phase
        assert distance(result) < 1.2, phase
    # A point below the grey curve lowers its neighbourhood, and lifts the curve half a wave away.
    result = lab.set(phase=2.8, shots=1)
    (x,), (y,) = result.support
    change = result.curves[1] - result.curves[0]
    near, left, right = (int(np.abs(result.x - at).argmin()) for at in (x, x - np.pi, x + np.pi))
    assert y < result.curves[0][near]
    assert change[near] < -2 and change[left] > 2 and change[right] > 2


@pytest.mark.parametrize("start", ["joint", "random"])
def test_try_2_ten_steps_are_not_enough_for_the_others(lab, start):
    result = lab.set(start=start, steps=10)
    assert (np.diff(result.support_loss) < 0).all()
    assert result.query_loss[-1] > result.query_loss[0]


def test_try_3_alpha_is_small_enough_just_right_and_too_large(lab):
    assert (np.diff(lab.set(steps=5, alpha=0.005).support_loss) < 0).all()
    change = np.diff(lab.set(alpha=0.01).support_loss)
    assert list(change > 0) == [False, True, True, False, False]
    assert lab.set(alpha=0.025).exploded is None
    assert lab.set(alpha=0.032).exploded and "too large" in lab.surface.message


def test_try_4_one_point_gives_one_whole_wave(lab):
    result = lab.set(shots=1, steps=1)
    assert len(result.support[0]) == 1
    crossings = np.count_nonzero(np.diff(np.sign(result.curves[1])))
    assert crossings >= 3 and np.ptp(result.curves[1]) > 8


def pulled_up(lab, cause, start="maml"):
    """The result, and by how much the curve moved over the whole picture, after the curve was pulled up by 1
    at x = 3."""
    lab.surface.key("Home")
    lab.set(start=start, cause=cause, hand=3.0)
    for _press in range(5):
        lab.surface.key("ArrowUp")
    free = lab.result.free
    return lab.result, lab.result.curves[-1] - free.curves[-1]


def test_try_5_names_all_that_the_items_before_it_have_moved(lab):
    source = (SOURCES / "03_maml.md").read_text("utf-8")
    (text,) = (line for line in source.splitlines() if line.startswith("5. ") and "a pull moves" in line)
    state = lab.state
    for said in (
        f"α = {state.alpha}",
        f"φ = {state.phase}",
        f"{state.shots} shots",
        f"{state.steps} step",
        "*MAML*",
    ):
        assert said in text


def test_try_5_a_small_shift_of_theta_lifts_its_own_place(lab):
    result, moved = pulled_up(lab, "theta")
    share = result.distance / result.free.length
    assert result.height - result.free.height == pytest.approx(1, abs=0.1)
    assert 0.0015 < share < 0.004
    assert 0.1 < (np.abs(moved) > 0.5).mean() < 0.3
    result, moved = pulled_up(lab, "theta", "random")
    assert result.height - result.free.height == pytest.approx(1, abs=0.1)
    assert 12 < result.distance / result.free.length / share < 30
    assert moved.min() > 0


def test_try_6_alpha_slides_the_whole_curve_and_a_point_moves_the_wave(lab):
    result, moved = pulled_up(lab, "alpha")
    assert 0.0015 < lab.state.alpha < 0.0025 and (np.abs(moved) > 0.5).mean() > 0.85
    assert result.query_loss[-1] > 10 * result.free.query_loss[-1]
    result, moved = pulled_up(lab, "point")
    assert result.height - result.free.height == pytest.approx(1, abs=0.1)
    assert moved.min() < -0.6
    result, moved = pulled_up(lab, "point", "random")
    ((_which, x, y),) = lab.state.points
    assert (abs(x), abs(y)) == (5, 6) and lab.state.stuck == "limit"
    assert result.height - result.free.height < 0.9


@pytest.mark.slow
def test_the_training_shows_what_to_look_for():
    learner = metalib.MAML(metalib.models.sine_net(), alpha=0.01, steps=1)
    training = metalib.Training(
        learner, metalib.SineTasks(10, 10), torch.Generator().manual_seed(0), meta_batch=25, lr=1e-3
    )
    watch = TrainingLaboratory(training, iterations=3000, steps=5)
    begun = watch.result.adaptation
    assert np.ptp(begun.curves[0]) < 0.5 and distance(begun) > 0.8 * distance(begun, 0)
    watch.train(500)  # as the chapter's cell
    halfway = watch.result.adaptation
    assert 0.1 < distance(halfway) / distance(halfway, 0) < 0.6
    watch.train(1000)
    leapt = watch.result.adaptation
    assert distance(leapt, 1) < 0.15 * distance(leapt, 0)
    assert all(distance(result, 0) > 5 for result in (begun, halfway, leapt)), "the grey line stays far"
    watch.close()
