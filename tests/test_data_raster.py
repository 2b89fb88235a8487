"""Outlines are the fonts' own, and polygons become the pictures that geometry says."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from metalib.data.outlines import CHORDS, font_folder, read_outlines, script_of
from metalib.data.raster import rasterise


def picture(*contours, size=8) -> np.ndarray:
    """One picture (size, size) of closed contours, each a list of corners in pixels."""
    points = np.array([corner for contour in contours for corner in contour], float)
    following, start = [], 0
    for contour in contours:
        following += [*range(start + 1, start + len(contour)), start]
        start += len(contour)
    return rasterise(points, np.array(following), np.array([0, len(points)]), size)[0]


def box(left, top, right, bottom):
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_a_square_on_the_grid_is_exact():
    expected = np.zeros((8, 8), np.uint8)
    expected[1:4, 2:7] = 255
    assert (picture(box(2, 1, 7, 4)) == expected).all()


def test_a_pixel_half_covered_is_half_grey():
    assert picture(box(0, 0, 2.5, 1)).tolist()[0] == [255, 255, 128, 0, 0, 0, 0, 0]
    assert picture(box(0, 0, 1, 2.25))[:, 0].tolist() == [255, 255, 64, 0, 0, 0, 0, 0]


def test_winding_counts_the_direction():
    outer, inner = box(0, 0, 8, 8), box(2, 2, 6, 6)
    assert picture(outer, inner)[4, 4] == 255, "two turns the same way are still inside"
    assert picture(outer, inner[::-1])[4, 4] == 0, "a turn back is a hole"


def test_what_lies_outside_of_the_frame_is_cut_off():
    assert (picture(box(-5, -5, 20, 20)) == 255).all()
    assert (picture(box(-5, 2, -1, 6)) == 0).all()
    assert (picture(box(9, 2, 12, 6)) == 0).all()


corner = st.tuples(st.floats(0.5, 15.5), st.floats(0.5, 15.5))


@given(st.tuples(corner, corner, corner))
def test_the_grey_of_a_triangle_is_its_area(triangle):
    (ax, ay), (bx, by), (cx, cy) = triangle
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    sides = np.hypot([ax - bx, bx - cx, cx - ax], [ay - by, by - cy, cy - ay])
    # 16 samples a pixel: each side can be wrong by a quarter of a pixel along its length, and mostly is not.
    assert abs(picture(triangle, size=16).sum() / 255 - area) <= 0.25 * sides.sum() + 0.5


# Where a sample lies exactly on an edge, rounding decides on which side it is. Of corners on a grid of 1/8,
# moved aside by far less than that, no edge meets a sample; and whole pixels move them without rounding.
eighths = st.integers(4, 124).map(lambda n: n / 8)
off_grid = st.tuples(eighths.map(lambda x: x + 2**-20), eighths)


@given(st.lists(off_grid, min_size=3, max_size=8), st.integers(1, 5))
def test_direction_does_not_matter_and_a_whole_pixel_is_a_whole_pixel(polygon, by):
    here = picture(polygon, size=24)
    assert (picture(polygon[::-1], size=24) == here).all()
    there = picture([(x + by, y) for x, y in polygon], size=24)
    assert (there[:, by:] == here[:, :-by]).all()


def test_pictures_do_not_depend_on_their_neighbours(monkeypatch):
    outlines = read_outlines(lambda c: c in "abcdefgh", ("DejaVuSans",))
    points, following, first = outlines.take(np.array([3, 0, 3, 7, 1]))
    points = points / 100 + 4
    together = rasterise(points, following, first, 28)
    monkeypatch.setattr("metalib.data.raster.BATCH", 2)
    assert (rasterise(points, following, first, 28) == together).all()
    assert (together[0] == together[2]).all() and together.max() == 255


@pytest.mark.parametrize("face", ["DejaVuSans", "DejaVuSerif-Italic", "DejaVuSansMono-Bold"])
def test_outlines_are_those_that_fonttools_reads(face):
    tools = pytest.importorskip("fontTools.ttLib")
    from fontTools.pens.basePen import decomposeQuadraticSegment
    from fontTools.pens.recordingPen import DecomposingRecordingPen

    letters = "AaBgéßǖΨЖԱ"
    outlines = read_outlines(lambda c: c in letters, (face,))
    font = tools.TTFont(font_folder() / f"{face}.ttf")
    glyphs, cmap = font.getGlyphSet(), font.getBestCmap()
    assert set(outlines.characters) == {c for c in letters if ord(c) in cmap}
    for number, character in enumerate(outlines.characters):
        pen = DecomposingRecordingPen(glyphs)
        glyphs[cmap[ord(character)]].draw(pen)
        expected, here = set(), None
        for operation, points in pen.value:
            if operation == "qCurveTo":
                if points[-1] is None:  # no point of the contour lies on the curve
                    pytest.skip(f"{character} of {face} has a contour without a point on the curve")
                for control, end in decomposeQuadraticSegment(points):
                    for k in range(1, CHORDS + 1):
                        t = k / CHORDS
                        weights = ((1 - t) ** 2, 2 * t * (1 - t), t * t)
                        corners = (here, control, end)
                        x, y = (np.dot(weights, [c[axis] for c in corners]) for axis in (0, 1))
                        expected.add((float(x), float(y)))
                    here = end
            elif operation in ("moveTo", "lineTo"):
                here = points[0]
                expected.add(tuple(map(float, here)))
        found = outlines.points[outlines.first[number] : outlines.first[number + 1]]
        # Lines are cut into chords as well: all corners must be there, and nothing far from them.
        assert expected <= set(map(tuple, found.tolist()))
        assert found.min(0).tolist() == np.min(list(expected), 0).tolist()
        assert found.max(0).tolist() == np.max(list(expected), 0).tolist()


def test_every_contour_is_closed():
    outlines = read_outlines(lambda c: c in "aAiÄg8", ("DejaVuSans", "DejaVuSerif"))
    for number in range(len(outlines)):
        begin, end = outlines.first[number : number + 2]
        own = outlines.following[begin:end]
        assert sorted(own) == list(range(begin, end)), "a permutation, so each contour returns to its start"


def test_only_the_units_of_the_font_file_are_seen():
    outlines = read_outlines(script_of, ("DejaVuSans-Oblique",))
    # Corners are whole, points between two curves half, points on the chords sixteenths of those.
    assert (outlines.points * 32 == np.round(outlines.points * 32)).all()
    assert np.abs(outlines.points).max() < 10_000


@settings(max_examples=300)
@given(st.characters())
def test_only_letters_have_a_script(character):
    if script_of(character):
        assert character.isalpha()


def test_scripts():
    assert [script_of(c) for c in "AΩЖաგאبᐁⵀ"] == [
        *("Latin", "Greek", "Cyrillic", "Armenian", "Georgian", "Hebrew", "Arabic"),
        *("Canadian syllabics", "Tifinagh"),
    ]
    assert [script_of(c) for c in "1+☃𝔄𞸀 "] == [None] * 6
