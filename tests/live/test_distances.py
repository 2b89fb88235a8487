"""The distance laboratory in Chromium is the one in Python: numbers, words and moves."""

from dataclasses import replace

import numpy as np
import pytest

from metalib.lab.distances.classify import PROTOTYPES, QUERY, DistanceState, classify
from metalib.lab.distances.geometry import WINDOW
from metalib.lab.distances.laboratory import UNIT, grab, pressed, pull
from metalib.lab.parts import View
from metalib.lab.surface import KeyEvent
from metalib.learners import DISTANCES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Python computes all but the regions in float64, as the page does.
EXACT = {"distances": 1e-12, "p": 1e-12, "loss": 1e-12, "gradient": 1e-10, "borders": 1e-9}
REGIONS = ("winner", "confidence")
ONE_PLACE = ((1.5, 1.0),) * 5
IN_LINE = ((1.5, 1.0), (3.0, 2.0), (-1.5, -1.0), (0.75, 0.5), (0.0, 0.0))
CORNERS = ((-4.0, -3.0), (4.0, 3.0), (-4.0, 3.0), (4.0, -3.0), (0.0, 3.0))


def place(rng):
    """Somewhere in the window; one in eight lies at the origin, as many in a corner."""
    chance = rng.random()
    if chance < 0.125:
        return 0.0, 0.0
    share = rng.uniform(-1, 1, 2)
    x, y = np.where(share < 0, -1, 1) if chance < 0.25 else share
    return round(float(4 * x), 2), round(float(3 * y), 2)


HIDDEN = {
    "query": place,
    "prototypes": lambda rng: tuple(place(rng) for _ in range(rng.integers(0, 6))),
    "selected": lambda rng: int(rng.integers(0, 6)),
}


@pytest.fixture(scope="module")
def distances(bench):
    return bench("distances")


def without(keys, live):
    """The same laboratory, whose reference leaves these out."""

    def reference(state, result):
        return {key: value for key, value in live.reference(state, result).items() if key not in keys}

    return replace(live, reference=reference)


def test_two_hundred_states_agree_to_the_tenth_digit(distances):
    live = distances.live
    distances.live = without(REGIONS, live)  # of 52 272 cells each: those follow
    try:
        chosen, _found = distances.agrees(200, 1, EXACT, hidden=HIDDEN)
    finally:
        distances.live = live
    assert {state.distance for state in chosen} == set(DISTANCES)
    assert {2, 5} <= {state.classes for state in chosen} and {0, 5} <= {state.truth for state in chosen}


@pytest.mark.parametrize("kind", DISTANCES)
def test_every_cell_of_the_plane_has_the_same_class_and_the_same_p(distances, kind):
    strange = [
        DistanceState(kind, temperature, 5, truth, QUERY, places)
        for temperature, truth, places in (
            (0.01, 1, PROTOTYPES),
            (100.0, 0, IN_LINE),
            (0.01, 2, ONE_PLACE),
            (0.01, 5, CORNERS),
        )
    ]
    drawn = [replace(state, distance=kind) for state in distances.states(4, 2, HIDDEN)]
    # NumPy's exp in float32 is right to about one unit of the last digit, as the page's is.
    distances.agrees([*strange, *drawn], tolerance={**EXACT, "winner": 0.0, "confidence": 1e-6})


@pytest.mark.parametrize("kind", DISTANCES)
def test_where_points_coincide_or_lie_at_the_origin_the_numbers_agree(distances, kind):
    live = distances.live
    distances.live = without(REGIONS, live)
    chosen = [
        DistanceState(kind, temperature, classes, truth, query, places)
        for temperature in (0.01, 1.0, 100.0)
        for classes in (2, 5)
        for truth in (0, 2)
        for query in ((0.0, 0.0), (1.5, 1.0), (-4.0, 3.0))
        for places in (ONE_PLACE, IN_LINE, CORNERS)
    ]
    try:
        distances.agrees(chosen, tolerance=EXACT)
    finally:
        distances.live = live


def test_it_says_what_the_notebook_says_in_every_language(distances):
    special = [
        DistanceState("cosine", 1.0, 3, 2, (0.0, 0.0)),
        DistanceState(classes=2, truth=5, selected=4),
        DistanceState(temperature=0.01, truth=1, selected=2),
        DistanceState("euclidean", 0.01, 5, 3, PROTOTYPES[2]),
    ]
    distances.speaks_alike([*special, *distances.states(40, 3, HIDDEN)])


KEYS = (*"0123456789", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Enter", "+")


def test_every_key_leads_where_it_leads_in_python(distances):
    corner = DistanceState(query=WINDOW[1::2], prototypes=CORNERS, classes=5)
    between = DistanceState(query=(0.1234, -0.4567))  # a place that has more digits than are shown
    for state in [*distances.states(8, 4, HIDDEN), corner, replace(corner, selected=2), between]:
        view = View(distances.laboratory.painter, state, classify(state))
        for key in KEYS:
            for shift in (False, True):
                python = pressed(view, KeyEvent(key, shift))
                assert distances.keys(state, key, shift) == python, (key, shift, state)


def on_picture(painter, x, y):
    width, height = painter.plane.figure.bbox.size
    across, up = painter.plane.transData.transform((x, y))
    return across / width, 1 - up / height


def test_a_point_goes_with_the_pointer_as_in_python(distances):
    distances.measure(UNIT, reach=26)  # as in a picture of 1000 pixels
    state, painter = DistanceState(classes=4, truth=1), distances.laboratory.painter
    for start, end in (
        ((0.3, 0.45), (1.0, 1.0)),  # the query, a little missed
        ((-2.1, 1.2), (3.0, -2.0)),  # a prototype
        ((0.4, -1.5), (9.0, -9.0)),  # beyond the window
        ((-2.6, -1.4), (0.125, 0.375)),  # to a place between two that are named
    ):
        view = View(painter, state, classify(state))
        held = grab(view, *on_picture(painter, *start))
        python = pull(view, held, *on_picture(painter, *end))
        page = distances.drag(state, 0, start, end)
        places = np.array([page.query, *page.prototypes])
        np.testing.assert_array_equal(places, places.round(2))
        assert replace(page, query=QUERY, prototypes=()) == replace(python, query=QUERY, prototypes=())
        np.testing.assert_allclose(
            [page.query, *page.prototypes], [python.query, *python.prototypes], atol=0.0101
        )


def test_the_empty_plane_calls_the_query_and_beside_it_nothing_happens(distances):
    distances.measure(UNIT, reach=26)
    state, painter = DistanceState(selected=2), distances.laboratory.painter
    view = View(painter, state, classify(state))
    for place in ((3.0, -2.0), (-3.5, 2.5)):
        held = grab(view, *on_picture(painter, *place))
        python = pull(view, held, *on_picture(painter, *place))
        assert (
            distances.drag(state, 0, place, place) is None
        )  # nothing to hold on to; the touch calls it there
        assert distances.touch(state, 0, *place) == python
    for panel, place in ((0, (-4.2, 0.0)), (0, (0.0, 3.1)), (1, (0.5, 0.5))):
        assert distances.touch(state, panel, *place) is None
        assert distances.drag(state, panel, place, (0.0, 0.0)) is None
