"""Omniglot: 1623 handwritten characters of 50 alphabets, each drawn by 20 people.

Lake, B. M., Salakhutdinov, R., and Tenenbaum, J. B. (2015). Human-level concept learning through
probabilistic program induction. Science, 350(6266), 1332-1338. Licence of the data: MIT, (c) 2015 Brenden
Lake.

The drawings, 105 x 105 black on white, become 28 x 28 grey with ink = 255 (1 - x): each is read as grey and
made smaller with Pillow's LANCZOS filter. Another filter or the other polarity changes results.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from metalib.data import store
from metalib.data.download import download
from metalib.data.images import ImageSet
from metalib.data.splits import SPLITS, by_alphabet, by_permutation, check_choice, chosen
from metalib.i18n import _
from metalib.paths import cache_dir, data_dir, lock

SIZE = 28
DRAWINGS = 20
SEED = 1
# Raise with every change of the recipe: it names the cache file.
RECIPE = 1
# Training, validation, test: as the MAML authors do, 1200 of the 1623 characters to train and validate on.
CHARACTERS_OF_SPLIT = (1100, 100, 423)
# An Omniglot drawing has about 500 bytes. A file that claims to be a drawing and is far larger is not one.
LARGEST_DRAWING = 1 << 16


fetch = partial(download, begins=b"PK\x03\x04")  # as every zip does


class ArchiveError(ValueError):
    """A copy of Omniglot was cut short or altered; nothing of it was used."""


@dataclass(frozen=True)
class Archive:
    """One of the two official archives.

    size: of the official zip, in bytes. listing: the SHA-256 of its list of drawings, a line
    "<sha256>  <path>" for each, sorted by path; it stays the same however the drawings are packed.
    """

    name: str
    url: str
    size: int
    drawings: int
    listing: str


_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
PARTS = (
    Archive(
        "images_background",
        _URL + "images_background.zip",
        9464212,
        19280,
        "deaa02f758afda524b3a045c7af40311f2d9ded3e2a39f715ece8470d474bc6a",
    ),
    Archive(
        "images_evaluation",
        _URL + "images_evaluation.zip",
        6462886,
        13180,
        "3d5e035f27423c362bf9a181af649b43cda64c1008f842177ddc5203269c901e",
    ),
)


def omniglot(split: str = "train", by: str = "character", download: bool = False) -> ImageSet:
    """Omniglot, uint8 (classes, 20, 1, 28, 28), ink = 255; classes are named "Alphabet/characterNN".

    split: "train", "validation", "test", or "all" (background, then evaluation). by="character": a fixed
    random permutation, 1100 / 100 / 423 characters; drawings of one alphabet are on every side.
    by="alphabet", the harder one: of the 30 background alphabets in alphabetical order every sixth is for
    validation, the others for training; the 20 evaluation alphabets are for the test.

    Read from the cache; else from the two zips (official or packed again) or unpacked folders in
    METALIB_DATA; else, with download=True, from the authors' repository (16 MB), once. The content is
    checked before use.
    Raises ValueError for another split, ArchiveError for a damaged copy, FileNotFoundError where there is no
    copy, DownloadError, and CacheError where the cache cannot be written.
    """
    check_choice("split", split, (*SPLITS, "all"))
    check_choice("by", by, ("character", "alphabet"))
    path = cache_dir() / f"omniglot-{RECIPE}.safetensors"
    images = store.load_images(path, source="omniglot")
    if images is None:
        # Both copies are found (or not) before the long work begins.
        sources = [_find(part, download) for part in PARTS]
        images = build([read_part(part, source) for part, source in zip(PARTS, sources, strict=True)])
        store.save_images(images, path)
        # What a download that was given up has left: the drawings came from elsewhere in the end.
        for left in _downloads().glob("*.part"):
            with suppress(OSError), open(left, "rb+") as file:
                if lock(file):
                    left.unlink()
    if split == "all":
        return images
    if by == "character":
        return chosen(images, split, by_permutation(CHARACTERS_OF_SPLIT, split, SEED), by)
    background = sorted(set(images.alphabets[: PARTS[0].drawings // DRAWINGS]))
    validation = background[5::6]
    alphabets: dict[str, Collection[str]] = {
        "train": set(background) - set(validation),
        "validation": validation,
        "test": set(images.alphabets) - set(background),
    }
    return chosen(images, split, by_alphabet(images, alphabets[split]), by)


def _find(part: Archive, may_download: bool) -> Path:
    """The folder or zip of one part: from METALIB_DATA, an earlier download, or a download now."""
    given = data_dir()
    # torchvision keeps its copy, unpacked, in a folder omniglot-py.
    places = [given, given / "omniglot-py"] if given else []
    for place in (*places, _downloads()):
        for source in (place / part.name, place / f"{part.name}.zip"):
            if source.exists():
                return source
    if may_download:
        return fetch(part.url, _downloads() / f"{part.name}.zip", part.size)
    if given is not None:
        raise FileNotFoundError(
            _(
                "METALIB_DATA is {folder}, but neither {name}.zip nor a folder {name} is there: put one "
                "there, or call omniglot(..., download=True)."
            ).format(folder=given, name=part.name)
        )
    raise FileNotFoundError(
        _(
            "Omniglot is not on this computer yet: call omniglot(..., download=True) to fetch it (16 MB), or "
            "set the environment variable METALIB_DATA to a folder with images_background.zip and "
            "images_evaluation.zip."
        )
    )


def _downloads() -> Path:
    return cache_dir() / "downloads"


def read_part(part: Archive, source: Path) -> dict[str, bytes]:
    """The drawings of one part, {path: PNG bytes} sorted by path, once their content has been checked.

    Raises ArchiveError. A damaged copy that metalib itself downloaded is deleted, so that the next call can
    fetch it.
    """
    wanted = re.compile(re.escape(part.name) + r"/[^/\\]+/character\d\d/\d{4}_\d\d\.png")
    try:
        drawings = (_from_folder if source.is_dir() else _from_zip)(source, wanted, part)
        lines = (f"{hashlib.sha256(png).hexdigest()}  {path}\n" for path, png in drawings.items())
        if hashlib.sha256("".join(lines).encode()).hexdigest() != part.listing:
            raise ValueError(_("the drawings are not those of Omniglot"))
    # On bytes that are no zip, Python's reader raises one or another of these.
    except (
        ValueError,
        OSError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        MemoryError,
    ) as error:
        if source.parent == _downloads() and source.is_file():
            source.unlink(missing_ok=True)
        raise ArchiveError(
            _(
                "{source} was cut short or altered ({reason}), so nothing of it is used: fetch it again."
            ).format(source=source, reason=error)
        ) from error
    return drawings


def _from_zip(source: Path, wanted: re.Pattern, part: Archive) -> dict[str, bytes]:
    # Nothing is unpacked to disk, so no name in the archive can lead anywhere.
    with zipfile.ZipFile(source) as archive:
        members = sorted(
            (m for m in archive.infolist() if wanted.fullmatch(m.filename)), key=lambda m: m.filename
        )
        _check_sizes(((m.filename, m.file_size) for m in members), part)
        return {m.filename: archive.read(m) for m in members}


def _from_folder(source: Path, wanted: re.Pattern, part: Archive) -> dict[str, bytes]:
    files = {f"{part.name}/{f.relative_to(source).as_posix()}": f for f in source.glob("*/character*/*.png")}
    files = {path: files[path] for path in sorted(files) if wanted.fullmatch(path)}
    _check_sizes(((path, file.stat().st_size) for path, file in files.items()), part)
    return {path: file.read_bytes() for path, file in files.items()}


def _check_sizes(sizes, part: Archive) -> None:
    """Refuse before reading what cannot be Omniglot, however large it claims to be."""
    count = 0
    for path, size in sizes:
        count += 1
        if size > LARGEST_DRAWING:
            raise ValueError(
                _("{path} has {size} bytes, far too many for a drawing").format(path=path, size=size)
            )
    if count != part.drawings:
        raise ValueError(
            _("{count} drawings instead of {drawings}").format(count=count, drawings=part.drawings)
        )


def build(parts: list[dict[str, bytes]]) -> ImageSet:
    """All characters of the parts, one part after the other, in the order of their paths."""
    paths = [path for part in parts for path in part]
    pictures = np.stack([read_drawing(part[path]) for part in parts for path in part])
    names = [path.split("/", 1)[1].rsplit("/", 1)[0] for path in paths][::DRAWINGS]
    return ImageSet(
        torch.from_numpy(pictures.reshape(-1, DRAWINGS, 1, SIZE, SIZE)),
        tuple(names),
        tuple(name.split("/")[0] for name in names),
        title="Omniglot",
        source="omniglot",
    )


def read_drawing(png: bytes) -> np.ndarray:
    """One drawing as uint8 (28, 28), ink = 255."""
    with Image.open(io.BytesIO(png)) as picture:
        grey = picture.convert("L").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return 255 - np.asarray(grey)
