"""One image file after the other brought to one size and depth: what `from_folder` reads.

A file is little trusted: its size is looked at before its pixels are, and large ones are made smaller at
once, so that a folder of photographs does not fill the memory.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from metalib.i18n import _

Made = TypeVar("Made")

DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Pillow's modes of more than 8 bits, which it would cut off at 255."""
RANGES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""What white is in images of 1 (floating), 8, 10, 12, 14 and 16 bits."""
LARGEST = 50_000_000  # pixels
DENSEST = 1000  # pixels a byte of file, in images of more than SMALL pixels
SMALL = 4_000_000
SIDE = 1024  # pixels that a side keeps at least, before the fine filter makes it small


def read_all(files: Sequence[Path], size: int, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """The images as uint8 (N, size, size) for mode "L" or (N, size, size, 3) for "RGB", and the median grey
    (N,) of each one's edge before padding.

    Raises ValueError for a file that is not an image or is too large, and names it.
    """
    white = _white(files)
    squares, edges = zip(
        *(_guarded(file, lambda i: _square(i, size, mode, white)) for file in files), strict=True
    )
    return np.stack(squares), np.array(edges)


def _guarded(file: Path, work: Callable[[Image.Image], Made]) -> Made:
    """What `work` makes of the opened image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            image = Image.open(file)
        with image:
            _check_size(image, file)
            return work(image)
    except _TooLarge:
        raise
    # Pillow's readers raise many kinds of errors on damaged files; for a learner they are one.
    except Exception as error:
        raise _no_image(file, error) from error


def refuse_others(files: Sequence[Path]) -> None:
    """Raise ValueError for the first file that is not an image, and name it; only their heads are read."""
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                Image.open(file).close()
        except Image.DecompressionBombError:  # an image it is
            continue
        except Exception as error:
            raise _no_image(file, error) from error


def _no_image(file: Path, error: Exception) -> ValueError:
    reason = str(error).replace(repr(str(file)), "").strip() or type(error).__name__
    return ValueError(
        _("{file} is not an image that Pillow can read ({reason}).").format(file=file, reason=reason)
    )


class _TooLarge(ValueError):
    """An image that would fill the memory."""


def _check_size(image: Image.Image, file: Path) -> None:
    pixels = image.width * image.height
    if pixels > LARGEST or pixels > max(SMALL, DENSEST * file.stat().st_size):
        raise _TooLarge(
            _(
                "{file} has, or claims to have, {width} × {height} pixels: too many for an example. Make it "
                "smaller first."
            ).format(file=file, width=image.width, height=image.height)
        )


def _white(files: Sequence[Path]) -> float:
    """What white is in the deep images of the set: one number for all of them, so that the same grey in two
    images stays the same. It is the least of the usual ranges that holds them all."""

    def brightest(image: Image.Image) -> tuple[str, float]:
        return image.mode, float(np.nan_to_num(np.asarray(image)).max()) if image.mode in DEEP else 0.0

    found = [_guarded(file, brightest) for file in files]
    deep = [(mode, value) for mode, value in found if mode in DEEP]
    if not deep:
        return 255.0
    least = max(value for _mode, value in deep)
    whole = all(mode != "F" for mode, _value in deep)
    return next((white for white in RANGES[whole:] if least <= white), least)


def _square(image: Image.Image, size: int, mode: str, white: float) -> tuple[np.ndarray, int]:
    """The image as uint8 (size, size) or (size, size, 3), and the median grey of its edge before padding."""
    # A photograph is read at a fraction of its size, where its format knows how.
    image.draft(image.mode, (max(SIDE, size), max(SIDE, size)))
    ImageOps.exif_transpose(image, in_place=True)
    flat = flattened(_smaller(image, size), mode, white)
    pixels = np.asarray(flat)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = tuple(int(value) for value in np.atleast_1d(np.median(border, axis=0)))
    side = max(flat.size)
    square = Image.new(mode, (side, side), colour[0] if mode == "L" else colour)
    square.paste(flat, ((side - flat.width) // 2, (side - flat.height) // 2))
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS)), _grey(colour)


def _smaller(image: Image.Image, size: int) -> Image.Image:
    """The image with sides of SIDE pixels or little more; as it is where it has no more."""
    factors = tuple(max(1, side // max(SIDE, size)) for side in image.size)
    factor = max(factors)
    if factor == 1 or image.mode in DEEP:
        return image
    if image.mode in ("1", "P"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.reduce((min(factor, image.width), min(factor, image.height)))


def flattened(image: Image.Image, mode: str, white: float = 255.0) -> Image.Image:
    """The image in mode "L" or "RGB", 8 bits a channel, with paper where it is transparent.

    White paper shows dark ink. Bright ink would vanish on it: that stands on black, and where the image
    becomes grey it is turned round, so that paper is white in all images that were transparent.
    """
    if image.mode in DEEP:
        values = np.nan_to_num(np.asarray(image, np.float32)).clip(0, white)
        return Image.fromarray(np.round(values / white * 255).astype(np.uint8)).convert(mode)
    if not image.has_transparency_data:
        return image.convert(mode)
    image = image.convert("RGBA")
    alpha, grey = np.asarray(image.getchannel("A"), np.float64), np.asarray(image.convert("L"))
    ink = (alpha * grey).sum() / max(alpha.sum(), 1)
    bright = ink >= 128 and alpha.min() < 255
    made = Image.alpha_composite(Image.new("RGBA", image.size, "black" if bright else "white"), image)
    made = made.convert(mode)
    return ImageOps.invert(made) if bright and mode == "L" else made


def _grey(colour: tuple[int, ...]) -> int:
    """The grey of a colour, as Pillow converts it."""
    return colour[0] if len(colour) == 1 else int(np.dot(colour, (0.299, 0.587, 0.114)))
