"""The navigation laboratory without a browser: walks, picture, pointer, keys and words."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from readable import check_fast_picture, check_texts

from metalib import rl
from metalib.lab import NavigationLaboratory
from metalib.lab.navigation.laboratory import NavigationState
from metalib.lab.navigation.walks import Walks
from metalib.rl.policy import play, weights_of

RANDOM = rl.PolicyMAML(rl.GaussianPolicy(width=8), trajectories=5)


@pytest.fixture(scope="module")
def lab():
    return NavigationLaboratory({"random": RANDOM, "other": RANDOM}, alpha=0.05)


@pytest.fixture(autouse=True)
def back(lab):
    lab.go(lab.state.__class__(start="random", alpha=0.05))


def test_a_walk_is_the_learners_own_way():
    walks = Walks({"it": RANDOM})
    result = walks.walk("it", 0.2, (0.3, -0.1), 4, 2, True)
    task = rl.Navigation(torch.tensor([[0.3, -0.1]]))
    weights = weights_of(RANDOM.policy, 1)
    with torch.no_grad():
        for stage in range(3):
            generator = torch.Generator().manual_seed(4000 + stage)
            played = play(weights, task, torch.randn(1, 5, 100, 2, generator=generator))
            assert result.returns[stage] == pytest.approx(played.returns.item(), rel=1e-5)
            if stage == 0:
                np.testing.assert_allclose(result.before, played.places[0], atol=1e-6)
            weights = RANDOM.improve(weights, played, 0.2 if stage == 0 else 0.1)
    np.testing.assert_allclose(result.after, played.places[0], atol=1e-4)
    assert result.best == pytest.approx(task.best_returns().item()) and result.broken is None
    assert result.closed == pytest.approx(
        (result.returns[2] - result.returns[0]) / (result.best - result.returns[0])
    )


def test_mean_actions_have_no_noise_and_change_no_step():
    walks = Walks({"it": RANDOM})
    drawn, mean = (walks.walk("it", 0.2, (0.3, -0.1), 4, 2, shown) for shown in (True, False))
    assert drawn.before.shape == (5, 101, 2) and mean.before.shape == (1, 101, 2)
    np.testing.assert_array_equal(drawn.deviations, mean.deviations)
    here = torch.zeros(1, 2)
    with torch.no_grad():
        for place in mean.before[0, 1:]:
            here = here + (0.1 * RANDOM.policy(here)).clamp(-0.1, 0.1)
            np.testing.assert_allclose(here[0], place, atol=1e-5)


def test_more_steps_go_on_from_the_way_that_was_gone(lab):
    lab.set(steps=3)
    three = lab.result.returns
    lab.set(steps=1)
    np.testing.assert_array_equal(lab.result.returns, three[:2])
    lab.set(noise=2)
    assert not np.allclose(lab.result.returns, three[:2])


STATES = [{}, {"steps": 5, "alpha": 5.0}, {"steps": 0}, {"actions": "mean", "goal": (-1.0, 1.0)}]


@pytest.mark.parametrize("change", STATES)
def test_the_fast_picture_is_the_full_one(lab, change):
    state = replace(lab.state, **change)
    result, painter = lab.compute(state), lab.painter
    check_fast_picture(painter, state, result)


def test_no_text_is_small_or_cut_off(lab):
    check_texts(lab.painter.full(lab.state, lab.result), 1000, least=4)


def at(lab, x, y):
    axes, height = lab.painter.plane, lab.painter.height
    across, up = axes.transData.transform((x, y))
    return across / 1000, 1 - up / height


def test_the_pointer_puts_the_goal(lab):
    lab.surface.pointer("down", *at(lab, -0.4, 0.25), pressed=True)
    assert lab.state.goal == pytest.approx((-0.4, 0.25), abs=0.002)
    lab.surface.pointer("move", *at(lab, 0.1, 0.2), pressed=True)
    assert lab.state.goal == pytest.approx((0.1, 0.2), abs=0.002)
    lab.surface.pointer("up", *at(lab, 1.2, -1.2))
    assert lab.state.goal == (1.0, -1.0), "no further than it may"
    lab.surface.pointer("move", *at(lab, 0.1, 0.2))
    lab.surface.pointer("down", 0.8, 0.5, pressed=True)  # in the other panel
    assert lab.state.goal == (1.0, -1.0)
    assert "outside the dotted square" in lab.surface.message


def test_keys_move_the_goal_and_draw_noise(lab):
    home = NavigationState().goal
    for key, shift, goal in (
        ("ArrowLeft", False, (home[0] - 0.1, home[1])),
        ("ArrowUp", True, (home[0] - 0.1, home[1] + 0.01)),
        ("Home", False, home),
    ):
        lab.surface.key(key, shift=shift)
        assert lab.state.goal == pytest.approx(goal), key
    before = lab.result.before
    lab.surface.key("Enter")
    assert lab.state.noise == 2 and not np.allclose(lab.result.before, before)
    lab.surface.key("x")
    assert lab.state.noise == 2


def test_words_tell_what_the_picture_shows(lab):
    lab.set(steps=2)
    result, (left, right) = lab.result, lab.surface.words
    said = [f"{value:.1f}".replace("-", "−") for value in (*result.returns, result.best)]
    assert f"before: {said[0]}" in str(left) and f"after the last: {said[2]}" in str(left)
    assert f"who knows the goal: {said[3]}" in str(right)
    for part in ("The goal is at (0.30, 0.40)", *said, "gap closed:", "random"):
        assert part in lab.surface.alt
    lab.set(steps=0)
    assert "after the last" not in str(lab.surface.words) and right["title"].startswith("gap closed")


def test_a_step_that_makes_it_worse_is_said(lab):
    seen = set()
    for alpha, goal in ((0.01, (0.5, 0.5)), (0.02, (-0.5, -0.5)), (5.0, (0.1, 0.0))):
        result = lab.set(alpha=alpha, goal=goal)
        worse = bool(result.returns[-1] < result.returns[0])
        assert ("made it worse" in lab.surface.message) == worse
        seen.add(worse)
    assert seen == {True, False}


class Breaking(rl.PolicyMAML):
    """Its second step gives no numbers."""

    def improve(self, weights, played, alpha):
        stepped = super().improve(weights, played, alpha)
        return {name: value * (np.nan if alpha < 0.15 else 1) for name, value in stepped.items()}


def test_a_policy_without_numbers_is_said_and_not_drawn():
    made = NavigationLaboratory({"it": Breaking(rl.GaussianPolicy(width=4), trajectories=3)}, steps=1)
    one = made.result.after
    made.set(steps=3)
    assert made.result.broken == 2 and np.array_equal(made.result.after, one)
    assert "after step 2 the policy gives no numbers" in made.surface.message and not made.surface.failed


def test_bad_input_is_one_clear_sentence(lab):
    with pytest.raises(ValueError, match="goal must lie between -1 and 1; 2 does not"):
        lab.set(goal=(2.0, 0.0))
    with pytest.raises(ValueError, match="alpha must lie between 0.005 and 5; 9 does not"):
        lab.set(alpha=9.0)
    with pytest.raises(TypeError, match="must be of the kind PolicyLearner"):
        NavigationLaboratory({"x": torch.nn.Linear(2, 2)})


def test_the_default_knows_three_starts():
    made = NavigationLaboratory()
    assert made.state == NavigationState() and made.state.start == "maml"
    options = [name for _label, name in made.controls["start"].options]
    assert options == ["random", "joint", "maml"]
    assert made.result.returns[1] > made.result.returns[0] + 10
    data, _metadata = made._repr_mimebundle_()
    assert "<img " in data["text/html"] and "The goal is at" in data["text/plain"]
