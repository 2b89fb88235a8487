"""Glyphs: the same everywhere, distinct, well drawn, split without overlap, cached whole or not at all."""

import sys
import time

import numpy as np
import pytest

from metalib.data import glyphs as glyphs_function, store
from metalib.data.outlines import FACES, read_outlines
from metalib.data.splits import SPLITS
from metalib.paths import CacheError, cache_dir

# In the package the function has taken its module's name.
module = sys.modules["metalib.data.glyphs"]

SHA256 = "43d64b910cd5db411bbad113ff4654dc7078f61db58fb2a8be5f8c7e488e6fbf"
assert SHA256 == module.SHA256, "whoever changes the recipe changes both, and raises RECIPE"


@pytest.fixture(scope="module")
def drawn():
    """All glyphs, drawn now, and put into the tests' cache for whoever needs them later."""
    images = module.paint_all()
    path = cache_dir() / f"glyphs-{module.RECIPE}.safetensors"
    if not path.exists():
        store.save_images(images, path)
    return images


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_same_to_the_bit_on_every_machine(drawn):
    assert store.digest(drawn) == SHA256


def test_many_classes_of_many_scripts(drawn):
    assert tuple(drawn.images.shape) == (1939, 20, 1, 28, 28)
    assert len(set(drawn.alphabets)) == 15
    assert len(set(drawn.names)) == len(drawn)


def test_the_same_shape_in_several_scripts_is_one_class(drawn):
    assert "LATIN CAPITAL LETTER A" in drawn.names
    assert "GREEK CAPITAL LETTER ALPHA" not in drawn.names
    assert "CYRILLIC CAPITAL LETTER A" not in drawn.names
    assert "GREEK CAPITAL LETTER PSI" in drawn.names
    assert "CYRILLIC CAPITAL LETTER ZHE" in drawn.names
    # Small o is capital O made smaller, and every glyph fills the frame.
    assert len({"LATIN SMALL LETTER O", "LATIN CAPITAL LETTER O"} & set(drawn.names)) == 1


def test_no_drawing_occurs_twice(drawn):
    flat = drawn.images.reshape(len(drawn) * drawn.drawings, -1).numpy()
    assert len({picture.tobytes() for picture in flat}) == len(flat)


def test_ink_is_whole_centred_and_fills_the_frame(drawn):
    ink = drawn.images.reshape(-1, 28, 28).numpy()
    assert ink[:, [0, -1], :].max() == 0 and ink[:, :, [0, -1]].max() == 0, "nothing is cut off"
    extents, centres = [], []
    for axis in (1, 2):
        some = (ink > 0).any(axis)
        first, last = some.argmax(1), 27 - some[:, ::-1].argmax(1)
        extents.append(last - first + 1)
        centres.append((first + last) / 2 - 13.5)
    longest = np.maximum(*extents)
    assert longest.min() >= 17 and longest.max() <= 24
    assert np.abs(centres).max() <= 2.5
    assert np.abs(np.mean(centres)) < 0.1
    # Black on white, not a grey cloud.
    assert ink.max(axis=(1, 2)).min() >= 128


def test_no_two_classes_look_alike():
    """Checked by a formula of its own, in float64, on the undistorted regular face."""
    outlines = read_outlines(module.script_of, FACES[:1])
    sans = module.distinct(outlines)
    pictures = module.plain(outlines, sans, 26.0).astype(np.float64)
    halved = pictures.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(len(pictures), -1)
    squares = (halved**2).sum(1)
    distance = (squares[:, None] + squares - 2 * halved @ halved.T) / (squares[:, None] + squares)
    np.fill_diagonal(distance, 1)
    # Rounding to 16 greys moves the bound of 0.025 a little.
    assert distance.min() > 0.015
    assert len(sans) > 1800


def test_near_looks():
    square = np.zeros((1, 28, 28), np.uint8)
    square[:, 8:20, 8:20] = 255
    square[:, 10:18, 10:18] = 0
    bolder, dotted, moved = square.copy(), square.copy(), np.roll(square, 5, 2)
    bolder[:, 7:21, 7:21] = 255
    bolder[:, 10:18, 10:18] = 0
    dotted[:, 2:5, 12:15] = 255
    look = module.Looks.of
    assert look(square).near(look(square)).all()
    assert look(square).near(look(bolder)).all(), "another weight is not another character"
    assert not look(square).near(look(dotted)).any(), "a dot is"
    assert not look(square).near(look(moved)).any()


def test_turns_keep_lengths():
    """The quotients of t are a cosine and a sine."""
    t = np.linspace(-0.1, 0.1, 101)
    cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    assert np.allclose(cos, np.cos(2 * np.arctan(t))) and np.allclose(sin, np.sin(2 * np.arctan(t)))


@pytest.mark.parametrize("by", ["character", "script"])
def test_splits_are_disjoint_and_complete(drawn, by):
    parts = {split: glyphs_function(split, by) for split in SPLITS}
    names = [set(part.names) for part in parts.values()]
    assert sum(map(len, names)) == len(set.union(*names)) == len(drawn)
    assert {split: len(part) for split, part in parts.items()} == {
        "character": {"train": 1357, "validation": 193, "test": 389},
        "script": {"train": 1346, "validation": 121, "test": 472},
    }[by]
    where = {name: i for i, name in enumerate(drawn.names)}
    for split, part in parts.items():
        assert part.title == f"glyphs, {split} (by {by})" and part.source == "glyphs"
        assert (part.images == drawn.images[[where[name] for name in part.names]]).all()


def test_by_script_no_script_is_on_two_sides(drawn):
    train, validation, test = (set(glyphs_function(split, "script").alphabets) for split in SPLITS)
    assert not (train & validation or train & test or validation & test)
    assert train | validation | test == set(drawn.alphabets)
    assert min(map(len, (train, validation, test))) >= 3
    train, _validation, test = (set(glyphs_function(split, "character").alphabets) for split in SPLITS)
    assert "Greek" in train & test, "by character, scripts are on both sides"


@pytest.mark.parametrize(("arguments", "words"), [(("tset",), "split must"), (("test", "font"), "by must")])
def test_wrong_choices(arguments, words):
    with pytest.raises(ValueError, match=words):
        glyphs_function(*arguments)


def test_the_second_load_is_quick_and_draws_nothing(drawn, empty_cache, monkeypatch):
    monkeypatch.setattr(module, "paint_all", lambda: drawn)
    glyphs_function()
    monkeypatch.setattr(module, "paint_all", lambda: pytest.fail("drawn again"))
    start = time.perf_counter()
    again = glyphs_function()
    # It takes 0.05 s; the bound only catches a load that draws or decodes something.
    assert time.perf_counter() - start < 2
    assert (again.images == drawn.images).all()


def test_a_damaged_cache_is_drawn_again(drawn, empty_cache, monkeypatch):
    monkeypatch.setattr(module, "paint_all", lambda: drawn)
    glyphs_function()
    (path,) = empty_cache.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert store.load_images(path, "glyphs") is None
    assert store.digest(glyphs_function()) == SHA256
    assert store.digest(store.load_images(path, "glyphs")) == SHA256


def test_an_interrupt_while_drawing_leaves_nothing(empty_cache, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    few = read_outlines(lambda c: c in "abcdef", FACES[:1])
    monkeypatch.setattr(module, "read_outlines", lambda letter: few)
    monkeypatch.setattr(module, "distinct", lambda outlines: np.arange(5))
    monkeypatch.setattr(module, "rasterise", interrupted)
    with pytest.raises(KeyboardInterrupt):
        glyphs_function()
    assert not empty_cache.exists()


def test_an_interrupt_while_writing_leaves_nothing(drawn, empty_cache, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "paint_all", lambda: drawn)
    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        glyphs_function()
    assert list(empty_cache.iterdir()) == []


def test_other_fonts_are_noticed(drawn, empty_cache, monkeypatch):
    monkeypatch.setattr(module, "paint_all", lambda: drawn.subset(range(50)))
    with pytest.warns(UserWarning, match="are not those that the course was made with"):
        glyphs_function()


def test_a_cache_that_cannot_be_written(drawn, empty_cache, monkeypatch):
    empty_cache.write_bytes(b"a file in the place of the folder")
    monkeypatch.setattr(module, "paint_all", lambda: drawn)
    with pytest.raises(CacheError, match="METALIB_CACHE") as caught:
        glyphs_function()
    assert str(empty_cache) in str(caught.value)
