"""A learner's own images."""

import shutil
import struct
import zlib

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


def test_a_note_among_the_images_of_a_class_is_no_image_that_is_left_out(folder):
    (folder / "cats" / "zzz notes.txt").write_text("the last by name, so that it would not be read")
    with pytest.raises(ValueError, match=r"zzz notes.txt is not an image"):
        from_folder(folder)


def test_one_group_of_classes_is_not_mentioned(folder):
    assert "3 classes, 3 drawings" in repr(from_folder(folder))


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


# --- folders as they come


@pytest.mark.parametrize("junk", ["__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", ".ipynb_checkpoints"])
def test_what_programs_leave_behind_is_no_class(folder, junk, recwarn):
    for name in ("cats", "dogs"):
        (folder / junk / name).mkdir(parents=True)
        (folder / junk / name / "._0.png").write_bytes(b"\0\5\x16\7")
        (folder / name / junk).mkdir()
        (folder / name / junk / "0.png").write_bytes(b"a preview")
        (folder / name / "desktop.ini").write_bytes(b"")
    assert from_folder(folder).names == ("cats", "dogs", "owls") and not recwarn.list


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Validation"), ("train", "val", "test")])
def test_splits_above_the_classes_are_said(folder, tmp_path, names):
    for name in names:
        shutil.copytree(folder, tmp_path / "all" / name)
    with pytest.raises(ValueError, match=rf"holds splits \(.*{names[0]}.*give the folder of one split"):
        from_folder(tmp_path / "all")
    assert len(from_folder(tmp_path / "all" / names[0])) == 3


def test_classes_that_are_called_like_splits_are_classes(folder):
    (folder / "cats").rename(folder / "train")
    (folder / "dogs").rename(folder / "test")
    assert from_folder(folder).names == ("owls", "test", "train")


def test_one_folder_more_than_needed_is_named(folder, tmp_path):
    (tmp_path / "unpacked").mkdir()
    folder.rename(tmp_path / "unpacked" / "mine")
    (tmp_path / "unpacked" / "__MACOSX").mkdir()
    with pytest.raises(ValueError, match=r"nothing but the folder .*unpacked.mine: give that one"):
        from_folder(tmp_path / "unpacked")


def test_images_below_a_class_are_not_overlooked(folder):
    (folder / "cats" / "more").mkdir()
    assert len(from_folder(folder)) == 3, "an empty folder says nothing"
    stroke().save(folder / "cats" / "more" / "9.png")
    with pytest.raises(ValueError, match=r"cats has folders with files in them \(more\)"):
        from_folder(folder)


def drawn(mode, ink, ground=None):
    """The bar in `ink`, on `ground`, or on nothing (transparent)."""
    if ground is None:
        picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        picture.paste((*ink, 255), (13, 5, 26, 35))
    else:
        picture = Image.new("RGB", (40, 40), ground)
        picture.paste(ink, (13, 5, 26, 35))
    if mode == "P":
        return picture.quantize(8)
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("ink", [(255, 255, 255), (255, 255, 0), (130, 130, 130), (0, 0, 0), (30, 60, 200)])
def test_ink_on_nothing_is_seen_whatever_its_colour(folder, mode, ink, recwarn):
    for file in folder.glob("*/*.png"):
        drawn(mode, ink).save(file)
    picture = from_folder(folder).images[0, 0, 0].int()
    assert picture[14, 14] - picture[0, 0] > 90 and picture[0, 0] < 10
    assert not recwarn.list


def test_white_and_black_ink_on_nothing_look_alike(folder):
    for n, file in enumerate(sorted(folder.glob("*/*.png"))):
        drawn("RGBA", (255,) * 3 if n % 2 else (0,) * 3).save(file)
    images = from_folder(folder).images
    assert (images[:, :, 0, 14, 14] == 255).all() and (images[:, :, 0, 0, 0] == 0).all()


def test_colour(folder):
    for file in folder.glob("*/*.png"):
        drawn("RGB", (200, 30, 60), (20, 90, 250)).save(file)
    drawn("RGBA", (255, 255, 255)).save(folder / "cats" / "1.png")
    images = from_folder(folder, channels=3).images
    assert tuple(images.shape) == (3, 3, 3, 28, 28)
    assert images[0, 0, :, 14, 14].tolist() == [200, 30, 60]
    assert images[0, 0, :, 1, 1].tolist() == [20, 90, 250], "nothing is turned round"
    assert images[0, 1, :, 14, 14].tolist() == [255] * 3 and images[0, 1, :, 1, 1].tolist() == [0] * 3


@pytest.mark.parametrize("channels", [0, 2, 4, True, "RGB", None])
def test_a_number_of_channels_that_is_none(folder, channels):
    with pytest.raises(ValueError, match="channels must be 1"):
        from_folder(folder, channels=channels)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_deep_images_are_made_darker_together(folder, bits):
    """Two images of one set: the same grey stays the same, and all stand as their 8-bit copies would."""
    files = sorted(folder.glob("*/*.png"))
    white = 2**bits - 1
    for n, file in enumerate(files):
        pixels = np.full((40, 40), white if n == 0 else round(white * 0.5), np.uint16)
        pixels[5:35, 13:26] = round(white * 0.25)
        Image.fromarray(pixels).save(file)
    images = 255 - from_folder(folder).images.int()
    assert abs(images[0, 0, 0, 14, 14] - 64) <= 1 and abs(images[0, 1, 0, 14, 14] - 64) <= 1
    assert abs(images[0, 1, 0, 1, 1] - 128) <= 1


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_floating_images_are_scaled_by_their_range(folder, top):
    for n, file in enumerate(sorted(folder.glob("*/*.png"))):
        pixels = np.full((40, 40), top if n < 8 else top / 2, np.float32)
        pixels[5:35, 13:26] = 0
        Image.fromarray(pixels).save(file.with_suffix(".tiff"))
        file.unlink()
    images = 255 - from_folder(folder).images.int()
    assert images[0, 0, 0, 1, 1] == 255 and abs(images[2, 2, 0, 1, 1] - 128) <= 1


def test_blank_images_are_named(folder):
    Image.new("L", (9, 9), 255).save(folder / "dogs" / "1.png")
    with pytest.warns(UserWarning, match=r"1 images are blank.*dogs.1.png"):
        from_folder(folder)


@pytest.mark.parametrize("shape", [(1, 20_000), (60_000, 1), (3, 9_000)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
def test_a_small_file_takes_little_memory(folder, shape, mode):
    Image.new(mode, shape).save(folder / "dogs" / "1.png")
    made = []
    new = Image.new

    def counted(mode, size, *more):
        made.append(size[0] * size[1] * len(mode))
        return new(mode, size, *more)

    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="blank"):
        patch.setattr(Image, "new", counted)
        from_folder(folder)
    assert max(made) < 4 * 2048**2


@pytest.mark.parametrize("size", [(11_300, 11_300), (3_000, 2_000), (100_000, 100_000), (2**31 - 1, 1)])
def test_a_file_that_claims_to_be_huge_is_named_before_its_pixels_are_read(folder, size, monkeypatch):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    file = folder / "dogs" / "1.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(500))) + chunk(b"IEND", b"")
    )
    with pytest.raises(ValueError, match=r"dogs.1.png (has, or claims to have|is not an image)"):
        from_folder(folder)


def test_a_photograph_keeps_its_direction(folder):
    """Phones store pictures lying down, with a note which way is up; large ones are read smaller."""
    for file in list(folder.glob("*/*.png")):
        picture = stroke(2600, 2600).rotate(90)
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(file.with_suffix(".jpg"), exif=exif)
        file.unlink()
    picture = from_folder(folder).images[0, 0, 0]
    tall, wide = np.ptp(np.argwhere(picture.numpy() > 127), axis=0)
    assert tall > 1.5 * wide


def test_numbers_of_numpy_are_numbers(folder):
    assert from_folder(folder, size=np.int64(12), channels=np.int64(1)).images.shape[-1] == 12
