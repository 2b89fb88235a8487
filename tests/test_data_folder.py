"""A learner's own images."""

import numpy as np
import pytest
from PIL import Image

from metalib.data import from_folder


def stroke(width=40, height=40, paper=255, ink=0) -> Image.Image:
    """A vertical bar in the middle third."""
    pixels = np.full((height, width), paper, np.uint8)
    pixels[height // 8 : -height // 8, width // 3 : 2 * width // 3] = ink
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path):
    for name in ("cats", "dogs", "owls"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(3):
            stroke().save(tmp_path / "mine" / name / f"{i}.png")
    return tmp_path / "mine"


def test_classes_are_folders(folder, recwarn):
    images = from_folder(folder)
    assert tuple(images.images.shape) == (3, 3, 1, 28, 28)
    assert images.names == ("cats", "dogs", "owls")
    assert set(images.alphabets) == {"mine"} and images.title == "mine" and images.source == "folder"
    assert not recwarn.list


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 40)])
def test_ink_is_bright_whatever_the_paper(folder, paper, ink):
    for file in folder.glob("*/*.png"):
        stroke(paper=paper, ink=ink).save(file)
    picture = from_folder(folder).images[0, 0, 0]
    assert picture[14, 14] >= 200 and picture[0, 0] <= 60


def test_one_polarity_for_all_even_where_one_edge_is_dark(folder):
    stroke(paper=0, ink=255).save(folder / "cats" / "1.png")
    images = from_folder(folder).images
    assert images[0, 0, 0, 14, 14] == 255, "most papers are bright, so all are inverted"
    assert images[0, 1, 0, 14, 14] == 0


@pytest.mark.parametrize(("width", "height"), [(80, 40), (40, 80), (28, 28), (300, 20)])
def test_padding_keeps_the_proportions(folder, width, height):
    for file in folder.glob("*/*.png"):
        stroke(width, height).save(file)
    picture = from_folder(folder, size=60).images[0, 0, 0]
    ink = np.argwhere(picture.numpy() > 127)
    tall, wide = ink.max(0) - ink.min(0) + 1
    side = max(width, height)
    # The bar takes a third of the width and three quarters of the height.
    assert abs(wide - 60 * width / 3 / side) <= 2
    assert abs(tall - 60 * height * 0.75 / side) <= 2
    assert np.abs((ink.max(0) + ink.min(0)) / 2 - 29.5).max() <= 1.5, "in the middle"


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "gif", "tiff", "webp"])
def test_any_format(folder, suffix):
    for file in list(folder.glob("*/*.png")):
        Image.open(file).convert("RGB").save(file.with_suffix(f".{suffix}"))
        file.unlink()
    assert from_folder(folder).images[0, 0, 0, 14, 14] >= 250


def test_transparent_is_paper_and_sixteen_bits_are_scaled(folder):
    grey = np.asarray(stroke())
    clear = np.stack([grey, grey, grey, np.where(grey == 0, 255, 0).astype(np.uint8)], -1)
    clear[..., :3] = 0
    for file in folder.glob("*/*.png"):
        Image.fromarray(clear).save(file)
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "dogs" / "0.png")
    images = from_folder(folder).images
    assert images[0, 0, 0, 14, 14] == 255 and images[0, 0, 0, 0, 0] == 0
    assert images[1, 0, 0, 14, 14] == 255 and images[1, 0, 0, 0, 0] == 0


def test_hidden_files_are_ignored(folder):
    (folder / ".git").mkdir()
    (folder / "notes.txt").write_text("beside the classes, not in one")
    (folder / "cats" / ".DS_Store").write_bytes(b"")
    (folder / "cats" / "Thumbs.db").write_bytes(b"")
    assert tuple(from_folder(folder).images.shape) == (3, 3, 1, 28, 28)


def test_the_smallest_class_sets_the_count(folder):
    (folder / "dogs" / "2.png").unlink()
    with pytest.warns(UserWarning, match="2, as many as dogs has. 2 images of other classes are left out"):
        assert from_folder(folder).drawings == 2


def test_a_class_needs_two_images(folder):
    for i in (1, 2):
        (folder / "dogs" / f"{i}.png").unlink()
    with pytest.raises(ValueError, match="at least 2 images.*dogs has 1"):
        from_folder(folder)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image_is_named(folder, content):
    (folder / "owls" / "1.png").write_bytes(content)
    with pytest.raises(ValueError, match="1.png is not an image that Pillow can read"):
        from_folder(folder)


def test_an_image_cut_short_is_named(folder):
    file = folder / "owls" / "1.png"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ValueError, match="1.png is not an image that Pillow can read"):
        from_folder(folder)


def test_no_folder_an_empty_one_and_images_beside_the_classes(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere"):
        from_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="at least two folders, one for each class.* holds 0"):
        from_folder(tmp_path)
    stroke().save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="at least two folders"):
        from_folder(tmp_path)


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "28"])
def test_a_size_that_is_none(folder, size):
    with pytest.raises(ValueError, match="size must be a whole number"):
        from_folder(folder, size=size)
