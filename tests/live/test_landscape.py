"""The loss-landscape laboratory in Chromium is the one in Python: numbers, words and moves."""

from dataclasses import replace

import numpy as np
import pytest

from metalib.lab.landscape.laboratory import MAX_MOVES, LandscapeState, explore, follow, pressed, pull
from metalib.lab.landscape.objectives import descent
from metalib.lab.parts import View
from metalib.lab.surface import KeyEvent
from metalib.tasks.landscapes import LANDSCAPES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Python computes here in float64 as the page does; but sin and cos may differ in the last digit.
EXACT = {
    name: 1e-9 for name in ("trail", "theta", "path", "losses", "directions", "cosines", "average", "maml")
} | {"optima": 1e-7, "lost": 0.0}


@pytest.fixture(scope="module")
def landscape(bench):
    return bench("landscape")


def theta(rng):
    """Where it begins, anywhere in some landscape's window, or at an edge or a corner."""
    if rng.random() < 0.15:
        return None
    left, right, bottom, top = LANDSCAPES[list(LANDSCAPES)[rng.integers(len(LANDSCAPES))]].window
    share = rng.uniform(0, 1, 2)
    if rng.random() < 0.2:
        share = np.round(share)
    return float(left + share[0] * (right - left)), float(bottom + share[1] * (top - bottom))


def steady(state):
    """The state with no more meta-steps than a change of θ in its last digits leaves as they are.

    With large rates a descent on the waves is chaotic: it doubles a difference with every step, and what
    comes after so many is decided by how sin rounds. The page has another sin than NumPy.
    """
    begin = np.asarray(state.land.start if state.theta is None else state.theta)
    how = {"method": state.method, "beta": state.beta, "moves": state.moves}
    one, other = (descent(state.land, begin + d, state.alpha, state.steps, **how) for d in (0, 1e-14))
    length = min(len(one), len(other))
    apart = np.abs(one[:length] - other[:length]).max(axis=1)
    wild = np.flatnonzero(apart > 1e-11)
    return replace(state, moves=max(int(wild[0]) - 2, 0)) if len(wild) else state


def drawn(bench, number, seed):
    return [steady(state) for state in bench.states(number, seed, {"theta": theta})]


def test_two_hundred_states_agree_to_the_ninth_digit(landscape):
    chosen = drawn(landscape, 200, 1)
    landscape.agrees(chosen, tolerance=EXACT)
    assert len({state.landscape for state in chosen}) == len(LANDSCAPES)
    assert {0, 5} <= {state.steps for state in chosen} and max(state.moves for state in chosen) == MAX_MOVES
    # Where rounding was found to decide, it is the waves'; elsewhere all that was drawn was compared.
    kept = [
        one
        for one, state in zip(chosen, landscape.states(200, 1, {"theta": theta}), strict=True)
        if one == state
    ]
    assert len(kept) > 180


@pytest.mark.parametrize("name", LANDSCAPES)
def test_the_ends_of_every_slider_and_the_edges_of_the_window_agree(landscape, name):
    left, right, bottom, top = LANDSCAPES[name].window
    corners = [(left, bottom), (right, top), tuple(LANDSCAPES[name].centres[0].tolist()), (0.0, 0.0)]
    chosen = [
        steady(LandscapeState(name, alpha, steps, method, beta, moves, place))
        for alpha in (0.01, 1.0)
        for steps in (0, 1, 5)
        for place, method, beta, moves in zip(
            corners,
            ("maml", "fomaml", "reptile", "joint"),
            (1.0, 0.01, 1.0, 0.1),
            (60, 60, 1, 0),
            strict=True,
        )
    ]
    landscape.agrees(chosen, tolerance=EXACT)


def test_it_says_what_the_notebook_says_in_every_language(landscape):
    chosen = drawn(landscape, 40, 2)
    lost = LandscapeState("waves", 0.630957, 4, "maml", 1.0, 60, (4.0, 3.0))
    worse = LandscapeState("waves", alpha=0.5, theta=(4.0, 0.0))
    flat = LandscapeState("equal", theta=(1.0, 1.0), steps=0)
    assert explore(lost).lost
    landscape.speaks_alike([*chosen, steady(worse), flat])
    said = landscape.ask("words", states=[landscape.live.encode(lost)])[0]
    assert "left for good: β = 1 is too large here" in said["remark"]


KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", " ", "Backspace", "Home", "End", "5")


def test_every_key_leads_where_it_leads_in_python(landscape):
    edge = LandscapeState("waves", theta=LANDSCAPES["waves"].window[1::2], moves=0)
    for state in [*drawn(landscape, 12, 3), edge, replace(edge, moves=MAX_MOVES, alpha=0.01, beta=0.01)]:
        view = View(landscape.laboratory.painter, state, explore(state))
        for key in KEYS:
            for shift in (False, True):
                alike(landscape.keys(state, key, shift), pressed(view, KeyEvent(key, shift)))


def alike(page, python):
    """The same state; θ within the last digits."""
    assert (page is None) == (python is None)
    if python is not None:
        assert replace(page, theta=None) == replace(python, theta=None)
        assert (page.theta is None) == (python.theta is None)
        if python.theta is not None:
            np.testing.assert_allclose(page.theta, python.theta, rtol=0, atol=1e-9)


@pytest.mark.parametrize("panel", [0, 1])
def test_theta_goes_with_the_pointer_inside_the_window_and_stays_outside(landscape, panel):
    landscape.measure(60, reach=18)
    state = LandscapeState("equal", moves=3, theta=(1.0, 0.5))
    lab, axes = landscape.laboratory, landscape.laboratory.painter.panels[panel]
    lab.set(landscape="equal")
    here = tuple(explore(state).theta)
    for place in ((-1.5, 2.0), (3.2, -2.6), (3.3, 0.0), (0.0, -2.7), (0.4, 0.4)):
        width, height = axes.figure.bbox.size
        x, y = axes.transData.transform(np.array(place) - 1e-9 * np.sign(place))
        python = pull(View(lab.painter, state, explore(state)), "θ", x / width, 1 - y / height)
        for page in (landscape.drag(state, panel, here, place), landscape.touch(state, panel, *place)):
            assert (page is None) == (python is None), place
            if page is not None:
                np.testing.assert_allclose(page.theta, python.theta, atol=1e-6)
                assert page.moves == python.moves == 0
    away = (here[0] + 0.31, here[1])  # more than 18 of 60 pixels
    assert landscape.drag(state, panel, away, (0.0, 0.0)) is None


def test_another_landscape_begins_at_its_own_start(landscape):
    before = LandscapeState("equal", theta=(1.0, 0.5), moves=4)
    for after in (
        replace(before, landscape="waves"),
        replace(before, landscape="waves", theta=(2.0, 2.0)),
        replace(before, alpha=0.5),
        replace(before, theta=None),
        before,
    ):
        assert landscape.follow(before, after) == follow(before, after)
