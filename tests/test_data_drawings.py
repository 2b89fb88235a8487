"""Drawings brought to Omniglot's look: against Omniglot itself, and what must not matter."""

import io

import numpy as np
import pytest
from PIL import Image

from metalib.data import drawings, omniglot
from metalib.data.drawings import from_strokes

TURN = np.linspace(0, 2 * np.pi, 80)


def around(x, y, r, turns=1.0):
    angle = turns * TURN
    return np.stack([x + r * np.cos(angle), y + r * np.sin(angle)], axis=1).tolist()


SHAPES = {
    "circle": [around(0.5, 0.5, 0.3)],
    "cross": [[[0.2, 0.2], [0.8, 0.8]], [[0.8, 0.2], [0.2, 0.8]]],
    "A": [[[0.2, 0.9], [0.5, 0.1], [0.8, 0.9]], [[0.3, 0.6], [0.7, 0.6]]],
    "E": [[[0.7, 0.1], [0.3, 0.1], [0.3, 0.9], [0.7, 0.9]], [[0.3, 0.5], [0.6, 0.5]]],
    "eyes": [around(0.3, 0.3, 0.1), around(0.7, 0.3, 0.1), [[0.2, 0.7], [0.5, 0.8], [0.8, 0.7]]],
    "wave": [np.stack([0.1 + 0.8 * TURN / TURN[-1], 0.5 + 0.2 * np.sin(2 * TURN)], axis=1).tolist()],
    "hook": [[[0.3, 0.1], [0.3, 0.8], [0.5, 0.9], [0.7, 0.8]], [[0.1, 0.3], [0.6, 0.3]]],
}
shapes = pytest.mark.parametrize("strokes", SHAPES.values(), ids=SHAPES)


def moved(strokes, scale=1.0, dx=0.0, dy=0.0):
    return [[(scale * x + dx, scale * y + dy) for x, y in stroke] for stroke in strokes]


def difference(a, b):
    """The mean difference of two pictures as a share of their mean ink."""
    return np.abs(a.astype(float) - b).mean() / ((a.mean() + b.mean()) / 2)


def looks(pictures):
    """Of each picture (N, 28, 28): mean ink, stroke width in pixels, centre of mass to the right and down."""
    ink = np.asarray(pictures, float) / 255
    total = ink.sum((1, 2))
    # A long line of width w has the area w and two edges of height 1 for each pixel of its length.
    rise = np.hypot(np.diff(ink, axis=1)[:, :, 1:], np.diff(ink, axis=2)[:, 1:])
    place = np.arange(28) - 13.5
    return {
        "ink": ink.mean((1, 2)),
        "stroke width": 2 * total / rise.sum((1, 2)),
        "right": (ink.sum(1) * place).sum(1) / total,
        "down": (ink.sum(2) * place).sum(1) / total,
    }


@shapes
def test_a_drawing_has_the_size_and_the_place_of_omniglots(strokes):
    made = from_strokes(strokes)
    assert made.shape == (28, 28) and made.dtype == np.uint8 and made.max() > 240
    canvas = drawings.inked(drawings._travelled(drawings.checked(strokes)))
    y, x = np.nonzero(canvas)
    assert max(np.ptp(x), np.ptp(y)) + 1 == pytest.approx(69, abs=1)
    assert (x.min() + x.max() + 1) / 2 - 52.5 == pytest.approx(-1, abs=1)
    assert (y.min() + y.max() + 1) / 2 - 52.5 == pytest.approx(-1.5, abs=1)
    assert (made == drawings.shrunk(canvas)).all()


def test_a_line_is_five_pixels_wide_and_a_dot_is_round():
    for strokes, axis in (([[[0.1, 0.5], [0.9, 0.5]]], 0), ([[[0.5, 0.1], [0.5, 0.9]]], 1)):
        canvas = drawings.inked(drawings._travelled(drawings.checked(strokes)))
        assert set(canvas.sum(axis)[canvas.any(axis)][5:-5]) == {5}
    dot = drawings.inked(drawings._travelled(drawings.checked([[[0.3, 0.8]]])))
    assert dot.sum() == 21 and dot.any(0).sum() == dot.any(1).sum() == 5


def test_the_way_to_28_pixels_is_omniglots_own():
    canvas = drawings.inked(drawings._travelled(drawings.checked(SHAPES["A"])))
    file = io.BytesIO()
    Image.fromarray(~canvas).save(file, "png")  # 1 bit, black on white, as Omniglot's files are
    module = __import__("metalib.data.omniglot", fromlist=["read_drawing"])
    assert (module.read_drawing(file.getvalue()) == from_strokes(SHAPES["A"])).all()


@shapes
def test_size_and_place_do_not_matter(strokes):
    reference = from_strokes(strokes)
    for change in ({"scale": 0.1}, {"scale": 7.0}, {"dx": 0.3, "dy": -0.2}, {"scale": 0.5, "dx": 0.4}):
        assert difference(reference, from_strokes(moved(strokes, **change))) < 0.02


@shapes
def test_how_the_points_lie_on_a_line_does_not_matter(strokes):
    finer = [
        [
            tuple(np.add(a, share * np.subtract(b, a)))
            for a, b in zip(stroke, stroke[1:], strict=False)
            for share in (0.0, 0.3, 0.9)
        ]
        + [stroke[-1], stroke[-1]]
        for stroke in strokes
    ]
    assert difference(from_strokes(strokes), from_strokes(finer)) < 0.03
    backwards = [stroke[::-1] for stroke in strokes[::-1]]
    assert difference(from_strokes(strokes), from_strokes(backwards)) < 0.03


def test_a_dot_is_a_dot_however_it_is_drawn():
    dot = from_strokes([[[0.2, 0.9]]])
    assert dot.max() > 200 and (dot > 60).sum() <= 9
    assert (from_strokes([[[0.7, 0.1], [0.71, 0.105], [0.7, 0.1]]]) == dot).all()


@pytest.mark.parametrize("strokes", [[], [[]], [[], []]])
def test_an_empty_drawing_is_said(strokes):
    with pytest.raises(ValueError, match="^The drawing is empty: draw at least one stroke.$"):
        from_strokes(strokes)


@pytest.mark.parametrize(
    "strokes",
    [[[[0.1, np.nan]]], [[[0.1, np.inf]]], [[[1, 2, 3]]], [["ab"]], [5], 7, [[[1e9, 0]]], [[None]]]
    # With the pen's pressure, or flat: not to be taken apart into other points.
    + [[[[0.1, 0.2, 0.9], [0.3, 0.4, 0.8]]], [[[0.1, 0.2, 0.9, 0]] * 3]]
    + [[[[0.1, 0.2, 0.3, 0.4]]], [[0.1, 0.2, 0.3, 0.4]], [[[[0.1, 0.2]] * 2]]],
)
def test_what_is_no_stroke_is_said(strokes):
    with pytest.raises(ValueError, match="A stroke must be a list of points"):
        from_strokes(strokes)


# --- against the real thing
@pytest.fixture(scope="module")
def real():
    return omniglot("train").images[:, :, 0].flatten(0, 1).numpy()


@pytest.mark.omniglot
def test_drawings_look_like_omniglots(real):
    limits = {name: np.quantile(values, [0.05, 0.95]) for name, values in looks(real[::7]).items()}
    made = [from_strokes(strokes) for strokes in SHAPES.values()]
    for name, values in looks(made).items():
        low, high = limits[name]
        assert (values >= low).all() and (values <= high).all(), (name, low, high, values)


@pytest.mark.omniglot
def test_the_measured_figures_are_omniglots():
    module = __import__("metalib.data.omniglot", fromlist=["PARTS"])
    part = module.PARTS[0]
    files = list(module.read_part(part, module._find(part, False)).values())[::20]
    ink = np.stack([np.asarray(Image.open(io.BytesIO(png)).convert("L")) < 128 for png in files])

    def edges(there):
        return there.argmax(1), 105 - there[:, ::-1].argmax(1)

    (top, bottom), (left, right) = edges(ink.any(2)), edges(ink.any(1))
    quantiles = [0.05, 0.5, 0.95]
    longest = np.quantile(np.maximum(right - left, bottom - top), quantiles)
    np.testing.assert_allclose(longest, [44, 68.5, 88], atol=2)
    np.testing.assert_allclose(np.quantile((left + right) / 2 - 52.5, quantiles), [-11, -1, 7.5], atol=1)
    np.testing.assert_allclose(np.quantile((top + bottom) / 2 - 52.5, quantiles), [-10.5, -1.5, 7], atol=1)
    np.testing.assert_allclose(np.quantile(ink.mean((1, 2)), quantiles), [0.035, 0.077, 0.125], atol=0.006)
    # Runs of ink along the rows are as long as the pen is wide, where a stroke is crossed at a right angle.
    ends = np.diff(np.pad(ink[::5].reshape(-1, 105), ((0, 0), (1, 1))).astype(int), axis=1)
    runs = np.argwhere(ends == -1)[:, 1] - np.argwhere(ends == 1)[:, 1]
    assert np.bincount(runs).argmax() == drawings.PEN
