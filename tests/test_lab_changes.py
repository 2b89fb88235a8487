"""What a picture changes of another, there and back; a surface sends changes, or a new ground."""

import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from metalib.lab.changes import LONGEST, RUN, apply_changes, encode_changes
from metalib.lab.png import encode_png
from metalib.lab.surface import MOST, Surface

WHITE = np.full((40, 60, 4), 255, np.uint8)


def picture(*marks):
    """White with rectangles (top, left, bottom, right, grey)."""
    made = WHITE.copy()
    for top, left, bottom, right, grey in marks:
        made[top:bottom, left:right, :3] = grey
    return made


def noise(seed, shape=WHITE.shape):
    made = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    made[..., 3] = 255
    return made


def read(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 60)] * 4, st.integers(0, 255)), max_size=6), st.integers(0, 3))
def test_there_and_back(marks, seed):
    ground = noise(seed) if seed else WHITE
    new = ground.copy()
    for top, left, bottom, right, grey in marks:
        new[top:bottom, left:right, :3] = grey
    changes = encode_changes(new, ground, 10**9)
    assert len(changes) % RUN == 0
    np.testing.assert_array_equal(apply_changes(ground, changes), new)


def test_nothing_changed_takes_no_bytes_and_one_colour_one_run():
    assert encode_changes(WHITE, WHITE, 0) == b""
    rows = picture((3, 0, 5, 60, 7))  # over the end of a row: pixels are counted on
    assert encode_changes(rows, WHITE, 10**9) == (180).to_bytes(4, "little") + bytes([7, 7, 7, 255]) + (
        120
    ).to_bytes(2, "little")


def test_too_much_is_none():
    assert encode_changes(noise(1), WHITE, 10**9) is not None
    assert encode_changes(noise(1), WHITE, RUN * 100) is None
    ground = np.full((2, LONGEST, 4), 255, np.uint8)
    assert encode_changes(ground - 1, ground, 10**9) is None, "the length has two bytes"
    assert encode_changes(ground[:1] - 1, ground[:1], 10**9) is not None


def test_a_surface_keeps_its_ground_while_changes_are_short():
    surface = Surface()
    surface.paint(picture((1, 1, 9, 9, 30)), WHITE, "one")
    ground = surface.ground
    assert (read(ground) == WHITE).all() and surface.changes
    surface.paint(picture((2, 2, 9, 9, 60)), WHITE, "two")
    assert surface.ground is ground and surface.alt == "two"
    np.testing.assert_array_equal(read(surface.picture), picture((2, 2, 9, 9, 60)))
    surface.paint(WHITE, WHITE, "three")
    assert surface.ground is ground and surface.changes == b""


def test_a_picture_that_changes_all_over_becomes_the_ground_of_the_next():
    surface, large = Surface(), (200, 200, 4)
    assert RUN * 200 * 200 > MOST > 50 * RUN
    white, first = np.full(large, 255, np.uint8), noise(1, large)
    surface.paint(first, white, "")
    assert surface.changes == b"" and (read(surface.ground) == first).all()
    second = first.copy()
    second[5:9, 5:9] = 0, 0, 0, 255
    ground = surface.ground
    surface.paint(second, white, "")
    assert surface.ground is ground and 0 < len(surface.changes) < 1000
    assert (read(surface.picture) == second).all()
    first[:] = 0  # the painter's memory, which it uses again
    assert (read(surface.picture) == second).all()
    surface.paint(white[:50], white[:50], "")  # another size
    assert read(surface.picture).shape == (50, 200, 4)


@pytest.mark.parametrize("then", ["show", "paint"])
def test_the_picture_as_a_file_is_made_once_and_is_always_the_one_that_is_shown(then):
    surface = Surface()
    assert surface.picture == b""
    surface.paint(picture((0, 0, 5, 5, 1)), WHITE, "")
    first = surface.picture
    assert surface.picture is first
    surface.paint(picture((0, 0, 5, 5, 1)), WHITE, "")
    assert surface.picture is first
    if then == "show":
        surface.show(encode_png(noise(3)), "")
        np.testing.assert_array_equal(read(surface.picture), noise(3))
    else:
        surface.paint(noise(3), WHITE, "")
        np.testing.assert_array_equal(read(surface.picture), noise(3))
    surface.paint(picture((0, 0, 5, 5, 1)), WHITE, "")
    assert surface.picture == first
