"""Pulling the adapted curve of the sine laboratory: θ, α or a support point follows."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from readable import check_fast_picture
from torch import nn

from metalib.lab import KeyEvent, SineLaboratory
from metalib.lab.sine.compute import adapt_sine, task_of
from metalib.lab.sine.laboratory import shipped_starts
from metalib.lab.sine.pulling import CLOSE, exact, height, pull, responsible
from metalib.lab.sine.state import ALPHAS, CAUSES, HEIGHTS, INPUTS, SineState, follow
from metalib.models import sine_net, tanh_net

SHOWN = {"start": "maml", "steps": 1, "amplitude": 4.0, "phase": 2.8, "draw": 2}  # as in chapter 3


@pytest.fixture(scope="module")
def models():
    return {name: getattr(start, "model", start) for name, start in shipped_starts().items()}


@pytest.fixture(scope="module")
def exactly(models):
    return {name: exact(model) for name, model in models.items()}


states = st.builds(
    SineState,
    start=st.sampled_from(["random", "joint", "maml", "fomaml", "reptile"]),
    alpha=st.floats(math.log(1e-4), math.log(0.015)).map(lambda log: float(f"{math.exp(log):.6g}")),
    steps=st.integers(0, 5),
    shots=st.integers(1, 20),
    amplitude=st.floats(0.1, 5.0),
    phase=st.floats(0.0, 3.14),
    draw=st.integers(0, 1000),
    cause=st.sampled_from(list(CAUSES)),
    hand=st.floats(*INPUTS),
)


def at(model, state):
    return height(model, state).value


# A smooth network in float64: where a ReLU switches there is no gradient.
# The ReLU networks go through the same code.
@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("cause", CAUSES)
def test_the_gradient_is_the_slope_of_the_height(cause, steps):
    model = exact(tanh_net(torch.Generator().manual_seed(3)))
    size = sum(value.numel() for value in model.parameters())
    rng = np.random.default_rng(steps)
    state = SineState(
        alpha=0.03,
        steps=steps,
        shots=4,
        hand=1.3,
        shift=tuple(rng.normal(0, 0.1, size)),
        points=((2, 1.0, -2.0),),
    )
    found, nudge = height(model, state), 1e-6
    if cause == "theta":
        for number in rng.choice(size, 12, replace=False):
            both = [np.array(state.shift), np.array(state.shift)]
            both[0][number] += nudge
            both[1][number] -= nudge
            up, down = (at(model, replace(state, shift=tuple(one))) for one in both)
            assert found.theta[number] == pytest.approx((up - down) / (2 * nudge), rel=1e-5, abs=1e-7)
    elif cause == "alpha":
        up, down = (at(model, replace(state, alpha=0.03 + by)) for by in (nudge, -nudge))
        assert found.alpha == pytest.approx((up - down) / (2 * nudge), rel=1e-5, abs=1e-7)
    else:
        for axis in (0, 1):
            places = [[1.0, -2.0], [1.0, -2.0]]
            places[0][axis] += nudge
            places[1][axis] -= nudge
            up, down = (at(model, replace(state, points=((2, *place),))) for place in places)
            assert found.points[2, axis] == pytest.approx((up - down) / (2 * nudge), rel=1e-5, abs=1e-7)
    only = height(model, state, cause)
    assert only.value == found.value
    for name, part in (("theta", "theta"), ("alpha", "alpha"), ("point", "points")):
        wanted = getattr(found, part) if name == cause else 0 * np.asarray(getattr(found, part))
        np.testing.assert_array_equal(getattr(only, part), wanted)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(state=states, up=st.floats(-2, 2))
def test_a_pull_lands_or_says_why_not(models, exactly, state, up):
    before = adapt_sine(models[state.start], state)
    after = pull(exactly[state.start], state, before.height + up)
    result = adapt_sine(models[state.start], after)
    kept = ("start", "steps", "shots", "amplitude", "phase", "draw", "cause", "hand")
    assert all(getattr(state, name) == getattr(after, name) for name in kept)
    gap = before.height + up - result.height
    assert ALPHAS[0] <= after.alpha <= ALPHAS[1] and result.exploded is None
    for _which, x, y in after.points:
        assert INPUTS[0] <= x <= INPUTS[1] and HEIGHTS[0] <= y <= HEIGHTS[1]
    beside = 0.0  # α keeps to its slider's positions: so much is between two of them
    if state.cause == "alpha" and after.alpha != state.alpha:
        assert after.alpha == pytest.approx(10 ** (round(40 * math.log10(after.alpha)) / 40), rel=1e-5)
        steps = [replace(after, alpha=after.alpha * 10 ** (part / 40)) for part in (-1, -0.5, 0.5, 1)]
        beside = max(abs(at(exactly[state.start], step) - result.height) for step in steps)
    assert after.asked is None if not after.stuck else after.asked == before.height + up
    assert after.stuck or abs(gap) < CLOSE + beside + 1e-3
    assert abs(gap) <= abs(up) + beside + 1e-3, "it never goes away from the pointer"
    moved = {"theta": bool(after.shift), "alpha": after.alpha != state.alpha, "point": bool(after.points)}
    assert not any(it for cause, it in moved.items() if cause != state.cause), "nothing but the cause moves"
    back = after.put_back()
    assert back == state.let_go()


def test_theta_brings_the_curve_anywhere_nearby_and_back(models, exactly):
    rng = np.random.default_rng(8)
    for start in models:
        for _state in range(3):
            chosen = {
                "amplitude": rng.uniform(1, 5),
                "phase": rng.uniform(0, 3),
                "draw": int(rng.integers(999)),
            }
            state = SineState(start=start, steps=int(rng.integers(4)), hand=rng.uniform(-4.5, 4.5), **chosen)
            there = adapt_sine(models[start], state).height
            up = state
            for part in (0.3, 0.6, 0.9):
                up = pull(exactly[start], up, there + part)
            assert not up.stuck and up.shift
            assert not pull(exactly[start], up, there).stuck


def test_the_shift_lies_along_the_gradient(exactly):
    state = SineState(**SHOWN, hand=3.0)
    first = height(exactly["maml"], state)
    shift = np.array(pull(exactly["maml"], state, first.value + 0.05).shift)
    cosine = shift @ first.theta / np.linalg.norm(shift) / np.linalg.norm(first.theta)
    assert cosine > 0.999
    assert np.linalg.norm(shift) == pytest.approx(0.05 / np.linalg.norm(first.theta), rel=0.15)


@pytest.mark.parametrize("cause", ["alpha", "point"])
def test_with_no_step_only_theta_moves(exactly, cause):
    state = SineState(**{**SHOWN, "steps": 0}, cause=cause)
    assert pull(exactly["maml"], state, 2.0) == replace(state, asked=2.0, stuck="steps")


def test_alpha_stops_at_the_end_of_its_range_and_before_an_explosion(exactly):
    small = pull(exactly["maml"], SineState(**SHOWN, cause="alpha", hand=3.0, alpha=2e-4), 6.0)
    assert small.stuck == "limit" and small.alpha == ALPHAS[0]
    for alpha in (0.015, 0.02, 0.024):
        state = SineState(**{**SHOWN, "steps": 5}, cause="alpha", hand=3.0, alpha=alpha)
        now = height(exactly["maml"], state, "alpha")
        large = pull(exactly["maml"], state, now.value + math.copysign(5, now.alpha))
        assert large.alpha < 0.1 and height(exactly["maml"], large).largest < 1e3


def test_where_nothing_answers_it_says_so():
    model = exact(sine_net())
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()  # no hidden unit is on: no point's place matters, and only a bias moves
    state = SineState(steps=1, shots=1, points=((0, 1.0, 0.0),))
    assert pull(model, replace(state, cause="alpha"), 1.0).stuck == "flat"
    assert responsible(model, replace(state, cause="point")) == 0  # its height moves the bias
    assert pull(model, replace(state, cause="theta"), 1.0).stuck == ""


def test_an_exploded_adaptation_cannot_be_pulled(exactly):
    state = SineState(**{**SHOWN, "steps": 5, "alpha": 1.0})
    assert pull(exactly["maml"], state, 1.0) == state
    lab = SineLaboratory(**{**SHOWN, "steps": 5, "alpha": 1.0})
    assert "too large" in lab.surface.message
    lab.surface.key("ArrowUp")
    assert not lab.state.moved and "drag it" not in lab.surface.alt
    lab.close()


def test_what_a_pull_has_moved_goes_with_what_it_belongs_to():
    before = SineState(shift=(0.1,), points=((0, 1.0, 2.0),), alpha_before=0.02, asked=1.0, stuck="short")
    assert follow(before, replace(before, start="joint")) == replace(before.let_go(), start="joint", shift=())
    for change in ({"draw": 3}, {"amplitude": 1.0}, {"phase": 0.5}):
        assert follow(before, replace(before, **change)) == replace(before.let_go(), points=(), **change)
    after = replace(before, alpha=0.1)
    assert follow(before, after) == replace(after.let_go(), alpha_before=None)
    assert follow(before, replace(before, steps=1)) == replace(before.let_go(), steps=1)
    assert not before.put_back().moved and before.put_back().alpha == 0.02


@pytest.fixture
def lab():
    made = SineLaboratory(**SHOWN)
    yield made
    made.close()


def drag(lab, x, up):
    """Take the curve at x with the pointer, and pull it up by so much."""
    axes, result = lab.painter.axes, lab.result
    at = int(np.abs(result.x - x).argmin())

    def on_picture(height):
        across, above = axes.transData.transform((result.x[at], height)) / axes.figure.bbox.size
        return float(across), float(1 - above)

    y = float(result.curves[-1][at])
    lab.surface.pointer("down", *on_picture(y), pressed=True)
    for part in (0.3, 0.7, 1.0):
        lab.surface.pointer("move", *on_picture(y + part * up), pressed=True)
    lab.surface.pointer("up", *on_picture(y + up))
    return lab.result


@pytest.mark.parametrize("cause", CAUSES)
def test_dragging_moves_the_cause_and_home_and_the_button_put_it_back(lab, cause):
    first = lab.set(cause=cause)
    (button,) = next(part for part in lab.parts if hasattr(part, "buttons")).buttons.values()
    for put_back in (lambda: lab.surface.key("Home"), button.click):
        result = drag(lab, 3.0, 0.8)
        assert lab.state.hand == 3.0 and result.height == pytest.approx(
            first.curves[-1][128] + 0.8, abs=CLOSE
        )
        assert lab.state.moved and result.free is not None
        np.testing.assert_allclose(result.free.curves, first.curves, atol=1e-6)
        assert "That moved the curve by 0.8" in lab.surface.message or "by 0.7" in lab.surface.message
        check_fast_picture(lab.painter, lab.state, result)
        put_back()
        assert not lab.state.moved and lab.surface.message == ""
        np.testing.assert_array_equal(lab.result.curves, first.curves)


def test_the_point_that_follows_is_marked_and_leaves_its_place(lab):
    result = lab.set(cause="point", hand=3.0)
    assert result.point == responsible(exact(lab.compute.__self__.models["maml"]), lab.state)
    after = drag(lab, 3.0, 1.0)
    ((which, x, y),) = lab.state.points
    assert which == result.point == after.point
    assert (after.support[0][which], after.support[1][which]) == pytest.approx((x, y))
    others = np.arange(5) != which
    np.testing.assert_array_equal(after.support[0][others], result.support[0][others])
    assert "where a point was" in lab.surface.alt
    lab.set(shots=1)  # the point that moved is not among them
    assert not lab.state.moved or which == 0


def test_a_click_beside_the_curve_takes_hold_of_nothing(lab):
    before = lab.state
    lab.surface.pointer("down", 0.3, 0.05, pressed=True)
    lab.surface.pointer("move", 0.3, 0.5, pressed=True)
    lab.surface.pointer("up", 0.3, 0.5)
    assert lab.state == before


def test_the_keys_choose_a_place_and_pull(lab):
    lab.surface.key("ArrowRight")
    assert lab.state.hand == 3.2
    lab.surface.key("ArrowLeft", shift=True)
    assert lab.state.hand == 3.18
    before = lab.result.height
    lab.surface.key("ArrowUp")
    assert lab.result.height == pytest.approx(before + 0.2, abs=CLOSE)
    lab.surface.key("ArrowDown")
    assert lab.result.height == pytest.approx(before, abs=2 * CLOSE)
    for _press in range(12):
        lab.surface.key("ArrowRight")
    assert lab.state.hand == INPUTS[1]
    assert lab.painter.on_curve(lab.result, 2.0, 0.5, 10) is None
    lab.compute.__self__.pressed(type("V", (), {"state": lab.state}), KeyEvent("Enter"))


def test_the_curve_is_held_where_it_is_drawn_at_every_resolution(lab):
    for resolution in (1.0, 2.0):
        lab.surface.resolution = resolution
        axes = lab.painter.axes
        across, above = axes.transData.transform((3.0, lab.result.height)) / axes.figure.bbox.size
        x, away = lab.painter.on_curve(lab.result, across, 1 - above, 5)
        assert x == 3.0 and away == pytest.approx(0, abs=1e-3)


def test_bad_moves_are_refused_in_one_sentence(lab):
    for change, message in (
        ({"shift": (1.0, 2.0)}, "shift must have as many numbers as θ, 1761, not 2"),
        ({"shift": (math.nan,)}, "shift must be finite numbers"),
        ({"points": ((20, 0.0, 0.0),)}, "points must lie between 0 and 19; 20 does not"),
        ({"points": ((0, 9.0, 0.0),)}, "points must lie between -5 and 5; 9 does not"),
        ({"hand": 7.0}, "hand must lie between -5 and 5; 7 does not"),
        ({"stuck": "glue"}, "stuck must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            lab.set(**change)
        assert not lab.state.moved


def test_any_model_can_be_pulled_and_is_left_alone():
    class Single(nn.Module):
        """Computes in float32 only."""

        def __init__(self):
            super().__init__()
            self.net = tanh_net()

        def forward(self, x):
            return self.net(x) + torch.ones(1, 1, dtype=torch.float32) @ torch.zeros(
                1, 1, dtype=torch.float32
            )

    for model in (tanh_net(), sine_net(width=7), Single()):
        before = [value.clone() for value in model.parameters()]
        lab = SineLaboratory({"mine": model}, steps=2)
        there = lab.result.height
        lab.surface.key("ArrowUp")
        assert lab.result.height == pytest.approx(there + 0.2, abs=CLOSE)
        assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
        lab.close()


def test_moved_points_are_those_that_are_learned_from():
    task = task_of(SineState(shots=3, points=((1, 0.5, -6.0), (7, 0.0, 0.0))))
    assert (task.support_x[0, 1].item(), task.support_y[0, 1].item()) == (0.5, -6.0)
    assert task.support_x.shape == (1, 3, 1)


@pytest.mark.parametrize("cause", CAUSES)
def test_no_line_of_the_legend_comes_or_goes_while_the_curve_is_pulled(lab, cause):
    lab.set(cause=cause, hand=3.0)
    before = lab.painter.words(lab.state, lab.result).panels[0]
    drag(lab, 3.0, 0.5)
    assert lab.state.moved and lab.painter.words(lab.state, lab.result).panels[0] == before


def test_the_answer_of_a_browser_to_a_pull_is_no_hand_on_the_slider(lab, monkeypatch):
    lab.set(cause="alpha", hand=3.0)
    lab.surface.key("ArrowUp")
    first = lab.state
    lab.surface.key("ArrowUp")
    second, said = lab.state, lab.surface.message
    assert first.alpha != second.alpha
    lab.controls["alpha"].value = first.alpha  # late
    assert lab.state == second and lab.surface.message == said and lab.controls["alpha"].value == second.alpha
    monkeypatch.setattr("metalib.lab.sine.laboratory.ECHO", 0.0)
    lab.controls["alpha"].value = first.alpha
    assert lab.state.alpha == first.alpha and lab.state.alpha_before is None
