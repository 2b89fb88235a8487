"""The page's contours are matplotlib's: the same lines, filled where the values are not above the level."""

import json

import numpy as np
import pytest
from contourpy import contour_generator

from metalib.lab.landscape.laboratory import grid
from metalib.lab.landscape.looks import LEVELS
from metalib.lab.landscape.objectives import objective
from metalib.tasks.landscapes import LANDSCAPES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ASK = """([what, xs, ys, values, levels]) =>
    JSON.stringify(levels.map((level) => contour[what](xs, ys, Float64Array.from(values), level)))"""


@pytest.fixture(scope="module")
def page(stage):
    stage.evaluate("async () => { window.contour = await import('/contour.js'); }")
    return stage


def fields():
    """Values on grids, with levels: MAML's objectives, noise full of saddles, a hill that leaves the grid."""
    for name, alpha, steps in (("unequal", 0.3, 1), ("equal", 1.0, 1), ("waves", 0.7, 3), ("waves", 1.0, 5)):
        x, y, points = grid(name)
        yield x, y, np.clip(objective(LANDSCAPES[name], points, alpha, steps), 1e-9, 1e6), LEVELS
    rng = np.random.default_rng(0)
    x, y = np.linspace(0, 3, 14), np.linspace(-1, 1, 9)
    yield x, y, rng.normal(size=(9, 14)), (-1.0, 0.0, 0.5)
    yield x, y, rng.integers(0, 2, (9, 14)) + 0.0, (0.5,)  # a chessboard with holes: every saddle is a tie
    yield x, y, -((x - 3) ** 2) - (y[:, None] - 0.2) ** 2, (-4.0, -1.0, -0.01, 1.0)


def asked(page, what, x, y, values, levels):
    given = [what, x.tolist(), y.tolist(), values.ravel().tolist(), list(levels)]
    return json.loads(page.evaluate(ASK, given))


def segments(lines):
    """The pieces of lines, each from its lower end to its higher one, in order."""
    pieces = [np.stack([line[:-1], line[1:]], axis=1) for line in map(np.asarray, lines) if len(line) > 1]
    pieces = np.concatenate([np.zeros((0, 2, 2)), *pieces]).round(9)
    turned = [sorted(map(tuple, piece)) for piece in pieces.tolist() if piece[0] != piece[1]]
    return np.array(sorted(turned)).reshape(-1, 2, 2)


@pytest.mark.parametrize("number", range(len(list(fields()))))
def test_lines_are_those_of_matplotlib(page, number):
    x, y, values, levels = list(fields())[number]
    python = contour_generator(x, y, values, name="serial")
    for level, lines in zip(levels, asked(page, "isolines", x, y, values, levels), strict=True):
        wanted, found = segments(python.lines(level)), segments(lines)
        assert wanted.shape == found.shape, level
        np.testing.assert_allclose(found, wanted, atol=1e-8)
        for line in lines:  # one that is not closed leads from border to border
            if line[0] != line[-1]:
                for end in (line[0], line[-1]):
                    assert end[0] in (x[0], x[-1]) or end[1] in (y[0], y[-1])


@pytest.mark.parametrize("number", range(len(list(fields()))))
def test_what_is_filled_is_what_lies_below(page, number):
    x, y, values, levels = list(fields())[number]
    # A little aside from the grid's points, whose edges the rings may follow.
    at_x, at_y = x[1:-1] + 1e-4 * (x[1] - x[0]), y[1:-1] + 1.7e-4 * (y[1] - y[0])
    for level, rings in zip(levels, asked(page, "regions", x, y, values, levels), strict=True):
        assert all(ring[0] == ring[-1] for ring in rings)
        inside = np.zeros((len(at_y), len(at_x)), bool)
        for ring in map(np.asarray, rings):
            for (x0, y0), (x1, y1) in zip(ring[:-1], ring[1:], strict=True):
                if y0 != y1:
                    crossed = (y0 > at_y) != (y1 > at_y)
                    edge = x0 + (at_y - y0) / (y1 - y0) * (x1 - x0)
                    inside ^= crossed[:, None] & (at_x[None] < edge[:, None])
        here = values[1:-1, 1:-1]
        clear = np.abs(here - level) > 2e-3 * np.ptp(np.minimum(values, 10 * abs(level) + 1))
        np.testing.assert_array_equal(inside[clear], (here <= level)[clear])
