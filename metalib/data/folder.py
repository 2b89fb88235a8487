"""A learner's own images: a folder for each class, as many images in it as there are."""

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from metalib.data.images import ImageSet
from metalib.i18n import _

# What file managers leave behind.
IGNORED = {"thumbs.db", "desktop.ini"}


def from_folder(path: str | Path, size: int = 28) -> ImageSet:
    """Images from path/<class>/<image>, in any format that Pillow reads.

    The set is uint8 (classes, drawings, 1, size, size). Each image becomes grey, is padded to a square with
    the grey of its own edge, and is made `size` x `size` with the LANCZOS filter. Ink must be 255: where
    the edges of more than half of the images are bright, the paper is taken to be bright and all images are
    inverted (1 - x); else none. An image set needs the same number of drawings of each class: the smallest
    class sets it, the first ones by name are taken, and a warning says how many are left out. Hidden files
    and folders are ignored. A class has the name of its folder.

    Raises FileNotFoundError without such a folder; ValueError for fewer than two classes, for a class with
    fewer than two images, and for a file that is not an image, which it names.
    """
    path = Path(path).expanduser()
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(
            _("size must be a whole number of pixels, 1 or more, but it is {size!r}.").format(size=size)
        )
    if not path.is_dir():
        raise FileNotFoundError(_("There is no folder {path}.").format(path=path))
    classes = {f.name: [i for i in _visible(f) if i.is_file()] for f in _visible(path) if f.is_dir()}
    if len(classes) < 2:
        raise ValueError(
            _(
                "{path} must hold at least two folders, one for each class with its images in it, but it "
                "holds {count}."
            ).format(path=path, count=len(classes))
        )
    drawings, fewest = min((len(files), name) for name, files in classes.items())
    if drawings < 2:
        raise ValueError(
            _(
                "Every class needs at least 2 images, one to learn from and one to be asked about, but "
                "{folder} has {count}."
            ).format(folder=path / fewest, count=drawings)
        )
    left_out = sum(len(files) - drawings for files in classes.values())
    if left_out:
        warnings.warn(
            _(
                "Every class must have the same number of drawings: {drawings}, as many as {fewest} has. "
                "{left_out} images of other classes are left out."
            ).format(drawings=drawings, fewest=fewest, left_out=left_out),
            stacklevel=2,
        )
    squares, edges = zip(
        *(_read(file, size) for files in classes.values() for file in files[:drawings]), strict=True
    )
    images = np.stack(squares)
    if np.mean(np.array(edges) >= 128) > 0.5:
        images = 255 - images
    images = images.reshape(len(classes), drawings, 1, size, size)
    return ImageSet(
        torch.from_numpy(images),
        tuple(classes),
        (path.resolve().name,) * len(classes),
        title=path.name,
        source="folder",
    )


def _visible(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.name.lower() not in IGNORED)


def _read(file: Path, size: int) -> tuple[np.ndarray, int]:
    """The image as uint8 (size, size), and the median grey of its edge before padding."""
    try:
        with Image.open(file) as image:
            grey = grey_of(ImageOps.exif_transpose(image))
    # Pillow's readers raise many kinds of errors on damaged files; for a learner they are one.
    except Exception as error:
        raise ValueError(
            _("{file} is not an image that Pillow can read ({reason}).").format(
                file=file, reason=str(error).replace(repr(str(file)), "").strip() or type(error).__name__
            )
        ) from error
    pixels = np.asarray(grey)
    edge = int(np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])))
    side = max(grey.size)
    square = Image.new("L", (side, side), edge)
    square.paste(grey, ((side - grey.width) // 2, (side - grey.height) // 2))
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS)), edge


def grey_of(image: Image.Image) -> Image.Image:
    """8-bit grey; what is transparent becomes white paper."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        # Pillow would cut values above 255 off instead of scaling them.
        values = np.asarray(image, np.float64)
        low, high = values.min(), max(values.max(), values.min() + 1)
        return Image.fromarray(np.round((values - low) / (high - low) * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L")
