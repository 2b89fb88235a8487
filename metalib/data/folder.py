"""A learner's own images: a folder for each class, as many images in it as there are."""

import operator
import warnings
from pathlib import Path

import numpy as np
import torch

from metalib.data.images import ImageSet
from metalib.data.pictures import read_all, refuse_others
from metalib.i18n import _
from metalib.paths import expanded

# What file managers, synchronisers and archives leave behind, in small letters.
IGNORED = {
    "__macosx",
    "__pycache__",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "@eadir",
    "#recycle",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
}
SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"}


def from_folder(path: str | Path, size: int = 28, channels: int = 1) -> ImageSet:
    """Images from path/<class>/<image>, in any format that Pillow reads.

    The set is uint8 (classes, drawings, channels, size, size). Each image is padded to a square with the
    colour of its own edge, and is made `size` x `size` with the LANCZOS filter. What is transparent becomes
    paper: white under dark ink, and under bright ink black, which is then turned round. Images of more than 8
    bits are made darker by one factor for the whole set.

    With one channel each image becomes grey. Ink must be 255: where the edges of more than half of the images
    are bright, the paper is taken to be bright and all images are inverted (1 - x); else none. With three
    channels the colours stay as they are.

    An image set needs the same number of drawings of each class: the smallest class sets it, the first ones
    by name are taken, and a warning says how many are left out. Images that are blank are named in a warning.
    Hidden files and folders are ignored, and what file managers and archives leave behind. A class has the
    name of its folder.

    Raises FileNotFoundError without such a folder; ValueError for fewer than two classes, for a class with
    fewer than two images, for images that lie deeper than in the folder of their class, and for a file that
    is not an image or is too large, which it names.
    """
    path = expanded(path)
    if not path.is_dir():
        raise FileNotFoundError(_("There is no folder {path}.").format(path=path))
    size = _size(size)
    if isinstance(channels, bool) or channels not in (1, 3):
        raise ValueError(
            _("channels must be 1 (grey) or 3 (colour), but it is {value!r}.").format(value=channels)
        )
    classes = _classes(path)
    drawings, fewest = min((len(files), name) for name, files in classes.items())
    if drawings < 2:
        raise ValueError(
            _(
                "Every class needs at least 2 images, one to learn from and one to be asked about, but "
                "{folder} has {count}."
            ).format(folder=path / fewest, count=drawings)
        )
    spare = [file for files in classes.values() for file in files[drawings:]]
    refuse_others(spare)  # a note among the images would be counted as one of them
    if spare:
        warnings.warn(
            _(
                "Every class must have the same number of drawings: {drawings}, as many as {fewest} has. "
                "{left_out} images of other classes are left out."
            ).format(drawings=drawings, fewest=fewest, left_out=len(spare)),
            stacklevel=2,
        )
    files = [file for given in classes.values() for file in given[:drawings]]
    images, edges = read_all(files, size, "L" if channels == 1 else "RGB")
    blank = [file for file, image in zip(files, images, strict=True) if image.min() == image.max()]
    if blank:
        warnings.warn(
            _("{count} images are blank, all of one colour: {first} is the first of them.").format(
                count=len(blank), first=blank[0]
            ),
            stacklevel=2,
        )
    if channels == 1 and np.mean(edges >= 128) > 0.5:
        images = 255 - images
    images = images.reshape(len(classes), drawings, size, size, channels)
    return ImageSet(
        torch.from_numpy(images).permute(0, 1, 4, 2, 3).contiguous(),
        tuple(classes),
        (path.resolve().name,) * len(classes),
        title=path.name,
        source="folder",
    )


def _size(size: int) -> int:
    try:
        whole = 0 if isinstance(size, bool) else operator.index(size)
    except TypeError:
        whole = 0
    if whole < 1:
        raise ValueError(
            _("size must be a whole number of pixels, 1 or more, but it is {size!r}.").format(size=size)
        )
    return whole


def _classes(path: Path) -> dict[str, list[Path]]:
    """The image files of each class, by the name of its folder; raises ValueError for another arrangement."""
    folders = {folder.name: folder for folder in _visible(path) if folder.is_dir()}
    classes = {name: [file for file in _visible(f) if file.is_file()] for name, f in folders.items()}
    deeper = {name: [d.name for d in _visible(f) if d.is_dir()] for name, f in folders.items()}
    splits = [name for name in folders if name.lower() in SPLITS and deeper[name] and not classes[name]]
    if splits:
        raise ValueError(
            _(
                "{path} holds splits ({names}), and the classes lie in them: give the folder of one split, "
                "such as {example}."
            ).format(path=path, names=", ".join(splits), example=path / splits[0])
        )
    if len(folders) == 1 and len(next(iter(deeper.values()))) > 1 and not any(classes.values()):
        raise ValueError(
            _("{path} holds nothing but the folder {inner}: give that one.").format(
                path=path, inner=next(iter(folders.values()))
            )
        )
    for name, inner in deeper.items():
        below = [d for d in inner if any(f.is_file() for f in _visible(folders[name] / d))]
        if below:
            raise ValueError(
                _(
                    "The images of a class must lie in its folder itself, but {folder} has folders with "
                    "files in them ({names}): move the images up, or give {folder} where these are the "
                    "classes."
                ).format(folder=folders[name], names=", ".join(below[:3]))
            )
    if len(classes) < 2:
        raise ValueError(
            _(
                "{path} must hold at least two folders, one for each class with its images in it, but it "
                "holds {count}."
            ).format(path=path, count=len(classes))
        )
    return classes


def _visible(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.name.lower() not in IGNORED)
