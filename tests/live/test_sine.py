"""The sine laboratory in the page: its numbers, words and moves are Python's."""

from dataclasses import replace

import numpy as np
import pytest
from bench import TOLERANCE, difference

from metalib.lab.sine.compute import adapt_sine
from metalib.lab.sine.laboratory import Pulling, shipped_starts
from metalib.lab.sine.live import reference
from metalib.lab.sine.pulling import exact

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE = 1761  # numbers of θ


def shift(rng):
    """Nothing, or about a hundredth of θ's length in any direction."""
    return tuple(rng.normal(0, 0.005, SIZE).tolist()) if rng.random() < 0.5 else ()


def points(rng):
    """None to three points in new places, not all of them among the shots."""
    which = rng.choice(8, rng.integers(0, 4), replace=False)
    return tuple(sorted((int(one), rng.uniform(-5, 5), rng.uniform(-6, 6)) for one in which))


HIDDEN = {
    "shift": shift,
    "points": points,
    "hand": lambda rng: round(rng.uniform(-5, 5), 4),
    "alpha_before": lambda rng: None if rng.random() < 0.7 else 10 ** rng.uniform(-4, -1.5),
}
CALM = {**HIDDEN, "alpha": lambda rng: float(f"{10 ** rng.uniform(-4, -1.7):.6g}")}


@pytest.fixture(scope="module")
def sine(bench):
    return bench("sine")


@pytest.fixture(scope="module")
def models():
    return {name: getattr(start, "model", start) for name, start in shipped_starts().items()}


def test_200_states_give_the_same_numbers(sine, models):
    """Where float32 itself is that exact. With an α just below the explosion, or beyond, each step multiplies
    its rounding; there the page, which computes in float64, is nearer to Python's float64 than float32 is.
    """
    states = sine.states(200, 1, HIDDEN)
    states += [replace(states[0], draw=2**31), replace(states[1], draw=2**31 - 1)]
    doubles = {name: exact(model) for name, model in models.items()}
    found = []
    for at in range(0, len(states), 50):
        encoded = [sine.live.encode(state) for state in states[at : at + 50]]
        found += sine.ask("compute", states=encoded, keys=list(reference(*shown(sine, states[0]))))
    unsure = 0
    for state, page in zip(states, found, strict=True):
        _state, single = shown(sine, state)
        double = replace(adapt_sine(doubles[state.start], state), point=single.point)
        exactly = reference(state, double)
        lost = max(apart(value, exactly[key]) for key, value in reference(state, single).items())
        unsure += lost > TOLERANCE / 2
        for key, value in reference(state, single).items():
            problem = difference(exactly[key], page[key], max(TOLERANCE, lost))
            assert not problem, f"{key}, in float64: {problem} in {state}"
            if lost <= TOLERANCE / 2:
                problem = difference(value, page[key], TOLERANCE)
                assert not problem, f"{key}: {problem} in {state}"
    assert unsure <= 12


def apart(one, other):
    """The largest difference of two arrays, in units of the largest number."""
    if one is None or isinstance(one, str):
        return 0.0
    one, other = (np.where(np.isfinite(part), part, 0.0) for part in (one, other))
    return float(np.abs(one - other).max(initial=0) / np.abs(other).max(initial=1.0))


def shown(sine, state):
    return state, sine.laboratory.compute(state)


def test_words_are_the_same_in_both_languages(sine):
    stuck = {"stuck": lambda rng: ("", "", "limit", "short")[rng.integers(4)]}
    # The loss on a point or two that the steps have fitted is nothing but rounding.
    many = {"shots": lambda rng: int(rng.integers(5, 21))}
    sine.speaks_alike(24, 2, hidden={**CALM, **stuck, **many})
    exploded = [replace(state, alpha=1.0, steps=3) for state in sine.states(4, 3, HIDDEN)]
    sine.speaks_alike(exploded)


def test_a_pull_moves_the_same_cause_by_the_same_amount(sine, models):
    """`pulling.py` computes in float64 for this; α is kept to six digits."""
    hand, rng, held = Pulling(models), np.random.default_rng(5), 0
    for state in sine.states(30, 7, CALM):
        result = sine.laboratory.compute(state)
        if result.exploded is not None:
            continue
        at = int(rng.integers(len(result.x)))
        x, height, up = float(result.x[at]), float(result.curves[-1][at]), float(rng.uniform(-1.5, 1.5))
        python = hand.pull(replace(state, hand=x), height + up)
        page = sine.drag(state, 0, (x, height), (x, height + up))
        same(python, page)
        held += 1
    assert held > 25


def same(python, page):
    """Two states, but for rounding."""
    assert page is not None and page.alpha == pytest.approx(python.alpha, rel=2e-5)
    rounded = {"alpha": 0.0, "asked": 0.0, "shift": (), "points": ()}
    assert replace(page, **rounded) == replace(python, **rounded)
    assert (page.asked is None) == (python.asked is None)
    assert page.asked is None or page.asked == pytest.approx(python.asked, abs=1e-4)
    assert difference(list(python.shift), list(page.shift), TOLERANCE) == ""
    assert difference(list(python.points), list(page.points), TOLERANCE) == ""


def test_the_hand_takes_hold_of_the_curve_only(sine):
    state = sine.states(1, 11, CALM)[0]
    result = sine.laboratory.compute(state)
    sine.measure([40, 40])
    x, y = float(result.x[80]), float(result.curves[-1][80])
    assert sine.drag(state, 0, (x, y + 2), (x, y)) is None
    assert sine.drag(state, 1, (x, y), (x, y + 1)) is None
    assert sine.drag(replace(state, alpha=1.0, steps=3, start="maml"), 0, (0, 0), (0, 1)) is None
    assert sine.drag(state, 0, (x, y + 0.2), (x, y + 0.2)).hand == x
    sine.measure(60)


def test_keys_and_the_button_lead_to_the_same_states(sine, models):
    from metalib.lab.parts import View
    from metalib.lab.surface import KeyEvent

    hand = Pulling(models)
    for state in sine.states(6, 13, CALM):
        view = View(None, *shown(sine, state))
        if view.result.exploded is not None:
            continue
        for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home"):
            python = hand.pressed(view, KeyEvent(key, shift=key == "ArrowDown"))
            same(python, sine.keys(state, key, key == "ArrowDown"))
        if state.moved:
            same(state.put_back(), sine.press(state, 0))
    assert sine.keys(state, "Enter") is None


def test_what_follows_a_control_is_the_same(sine):
    from metalib.lab.sine.state import follow

    before = replace(
        sine.states(1, 17, CALM)[0], shift=(0.1,) * SIZE, alpha_before=0.01, points=((0, 1.0, 2.0),)
    )
    near = before.alpha * 1.01
    for change in (
        {"start": "joint"},
        {"draw": 3},
        {"amplitude": 1.0},
        {"alpha": 0.5},
        {"alpha": near},
        {"steps": 2},
    ):
        before = replace(before, asked=1.0, stuck="short", start="maml")
        after = replace(before, **change)
        assert sine.follow(before, after) == follow(before, after)
