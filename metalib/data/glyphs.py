"""Glyphs: characters of the world's scripts, drawn from the fonts that matplotlib ships.

They stand in for Omniglot where there is no network: classes with 20 drawings each, 28 x 28 grey pixels. A
class is a character; its drawings cycle through the faces that contain it (sans serif, monospaced and
serif; upright, bold and oblique), each turned, sheared, stretched, bent and shifted a little at random.

Two classes must never look the same. Characters are gone through by code point within each face; one whose
picture is nearly that of a character before it is left out, so Greek and Cyrillic A are the Latin one (see
`distinct`).

The pictures are the same to the bit on every machine: exact outlines, `RandomState`'s frozen random
numbers, and no function but +, -, *, / and rounding on the way.
"""

import unicodedata
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from metalib.data import store
from metalib.data.images import ImageSet
from metalib.data.outlines import Outlines, font_folder, read_outlines, script_of
from metalib.data.raster import rasterise
from metalib.data.splits import SPLITS, by_alphabet, by_permutation, check_choice, chosen
from metalib.i18n import _
from metalib.paths import cache_dir

# outlines.FACES holds three families one after the other, each in the same four styles.
STYLES = 4
DRAWINGS = 20
SIZE = 28
SEED = 20230711
# Raise with every change of the recipe: it names the cache file.
RECIPE = 1
# `store.digest` of all glyphs.
SHA256 = "43d64b910cd5db411bbad113ff4654dc7078f61db58fb2a8be5f8c7e488e6fbf"

# Whole scripts are held out, so that no shape of a family of scripts is on both sides: Latin, Greek,
# Coptic, Cyrillic and Old Italic stay together.
SCRIPTS_OF_SPLIT = {
    "train": ("Latin", "Greek", "Coptic", "Cyrillic", "Old Italic", "Canadian syllabics", "Lisu"),
    "validation": ("Hebrew", "Lao", "N'Ko"),
    "test": ("Arabic", "Armenian", "Georgian", "Tifinagh", "Ogham"),
}


def glyphs(split: str = "all", by: str = "character") -> ImageSet:
    """Characters from matplotlib's fonts: uint8 (classes, 20, 1, 28, 28), ink = 255.

    split: "train", "validation", "test" or "all". by="character": a fixed random permutation of the classes,
    70 %, 10 % and 20 %; scripts are on all sides. by="script": whole scripts, as in `SCRIPTS_OF_SPLIT`.
    Names are Unicode's, alphabets are scripts. The first call draws all of them in a few seconds and keeps
    them in the cache. Raises ValueError for another split or `by`, CacheError where the cache cannot be
    written.
    """
    check_choice("split", split, (*SPLITS, "all"))
    check_choice("by", by, ("character", "script"))
    path = cache_dir() / f"glyphs-{RECIPE}.safetensors"
    images = store.load_images(path, source="glyphs")
    if images is None:
        images = paint_all()
        if store.digest(images) != SHA256:
            warnings.warn(
                _(
                    "The fonts in {folder} are not those that the course was made with (DejaVu as matplotlib "
                    "ships it), so results on glyphs will differ a little from the printed ones."
                ).format(folder=font_folder()),
                stacklevel=2,
            )
        store.save_images(images, path)
    if split == "all":
        return images
    if by == "script":
        return chosen(images, split, by_alphabet(images, SCRIPTS_OF_SPLIT[split]), by)
    train, validation = len(images) * 7 // 10, len(images) // 10
    sizes = (train, validation, len(images) - train - validation)
    return chosen(images, split, by_permutation(sizes, split, SEED), by)


def paint_all() -> ImageSet:
    """Draw every class; pure computing, no cache."""
    outlines = read_outlines(script_of)
    kept = distinct(outlines)
    characters = sorted({outlines.characters[g] for g in kept})
    faces_of: dict[str, list[int]] = {c: [] for c in characters}
    for g in kept:
        faces_of[outlines.characters[g]].append(g)
    # Drawing j of a class takes its face j, and begins again after the last.
    drawn = np.array([[faces_of[c][j % len(faces_of[c])] for j in range(DRAWINGS)] for c in characters])
    pictures = paint(outlines, drawn.reshape(-1), np.random.RandomState(SEED))
    return ImageSet(
        torch.from_numpy(pictures.reshape(len(characters), DRAWINGS, 1, SIZE, SIZE)),
        tuple(unicodedata.name(c) for c in characters),
        tuple(str(script_of(c)) for c in characters),
        title="glyphs",
        source="glyphs",
    )


def paint(
    outlines: Outlines, glyphs: np.ndarray, random: np.random.RandomState, batch: int = 2000
) -> np.ndarray:
    """Randomly distorted pictures of the given glyphs: uint8 (len(glyphs), 28, 28)."""
    parts = []
    for start in range(0, len(glyphs), batch):
        points, following, first = outlines.take(glyphs[start : start + batch])
        parts.append(rasterise(distort(points, first, random), following, first, SIZE))
    return np.concatenate(parts)


def distort(points: np.ndarray, first: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Bend, turn, shear, stretch, and fit into the frame: points (P, 2) in pixels, y downwards."""
    count = len(first) - 1
    owner = np.repeat(np.arange(count), np.diff(first))

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return low + (high - low) * random.random_sample((count, *shape))

    x, y = _centred(points, first, owner, np.full(count, 2.0))
    # A smooth wobble: a polynomial of degree three that moves no point by more than a few pixels.
    basis = (x * y, x * x, y * y, x * (x * x - 1), y * (y * y - 1))
    wobble = uniform(-0.11, 0.11, 2, len(basis))[owner]
    dx, dy = (sum(wobble[:, axis, k] * b for k, b in enumerate(basis)) for axis in (0, 1))
    x, y = x + dx, y + dy
    # A stretch and a shear, then a turn by up to 11 degrees. With t = tan(angle / 2) sine and cosine are
    # quotients, which every machine computes alike; numpy's sin and cos differ between machines in the last
    # bit.
    x, y = x * uniform(0.85, 1.15)[owner], y * uniform(0.85, 1.15)[owner]
    x = x + uniform(-0.18, 0.18)[owner] * y
    t = uniform(-0.1, 0.1)
    cos, sin = ((1 - t * t) / (1 + t * t))[owner], (2 * t / (1 + t * t))[owner]
    x, y = cos * x - sin * y, sin * x + cos * y
    x, y = _centred(np.stack([x, y], 1), first, owner, uniform(18.0, 22.5))
    shift = uniform(-1.75, 1.75, 2)[owner]
    return np.stack([SIZE / 2 + x + shift[:, 0], SIZE / 2 - y + shift[:, 1]], 1)


def _centred(points: np.ndarray, first: np.ndarray, owner: np.ndarray, extent: np.ndarray):
    """x and y, each glyph's bounding box centred on 0 and its longer side made `extent` (glyphs,) long."""
    low = np.minimum.reduceat(points, first[:-1])
    high = np.maximum.reduceat(points, first[:-1])
    scale = extent / (high - low).max(1)
    moved = (points - ((low + high) / 2)[owner]) * scale[owner, None]
    return moved[:, 0], moved[:, 1]


def plain(outlines: Outlines, glyphs: np.ndarray, extent: float) -> np.ndarray:
    """Undistorted, centred pictures (len(glyphs), 28, 28) whose longer side is `extent` pixels."""
    points, following, first = outlines.take(glyphs)
    owner = np.repeat(np.arange(len(glyphs)), np.diff(first))
    x, y = _centred(points, first, owner, np.full(len(glyphs), extent))
    return rasterise(np.stack([SIZE / 2 + x, SIZE / 2 - y], 1), following, first, SIZE)


def distinct(outlines: Outlines) -> np.ndarray:
    """The glyphs (G',) to draw from, such that no two characters look alike in any two faces of one style.

    A character that looks like an earlier one in the first face that has it is left out altogether; in a
    later face only that face is left out.
    """
    characters = np.array(outlines.characters)
    settled: set[str] = set()
    dropped: set[str] = set()
    kept: list[list[tuple[np.ndarray, Looks]]] = [[] for _style in range(STYLES)]
    for face in np.unique(outlines.faces):
        own = np.flatnonzero(outlines.faces == face)
        own = own[[c not in dropped for c in characters[own]]]
        looks = Looks.of(plain(outlines, own, 26.0))
        good = np.ones(len(own), bool)
        for others, their_looks in kept[face % STYLES]:
            same = characters[own][:, None] == characters[others]
            good &= ~(looks.near(their_looks) & ~same).any(1)
        near = looks.near(looks)
        for i in np.flatnonzero(good):
            good[i] = not (near[i, :i] & good[:i]).any()
        dropped.update(set(characters[own[~good]].tolist()) - settled)
        settled.update(characters[own[good]].tolist())
        kept[face % STYLES].append((own[good], looks.take(good)))
    return np.sort(np.concatenate([glyphs for style in kept for glyphs, _looks in style]))


@dataclass(frozen=True)
class Looks:
    """What decides whether two pictures could be taken for one another.

    float32, but whole numbers below 2**24, so that products are exact and every machine decides alike.
    """

    ink: np.ndarray  # (N, 784), 1 where there is ink
    bare: np.ndarray  # (N, 784), 1 where neither the pixel nor its eight neighbours have ink
    small: np.ndarray  # (N, 196), the picture at half its size, 0 to 15
    squares: np.ndarray  # (N,), the sum of squares of `small`

    @staticmethod
    def of(pictures: np.ndarray) -> "Looks":
        count, half = len(pictures), SIZE // 2
        grown = np.pad(pictures >= 64, ((0, 0), (1, 1), (1, 1)))
        grown = grown[:, :-2] | grown[:, 1:-1] | grown[:, 2:]
        grown = grown[:, :, :-2] | grown[:, :, 1:-1] | grown[:, :, 2:]
        small = pictures.reshape(count, half, 2, half, 2).sum((2, 4), dtype=np.int64) // 68
        small = small.reshape(count, -1).astype(np.float32)
        ink, bare = ((p.reshape(count, -1)).astype(np.float32) for p in (pictures >= 128, ~grown))
        return Looks(ink, bare, small, (small * small).sum(1))

    def take(self, chosen: np.ndarray) -> "Looks":
        return Looks(self.ink[chosen], self.bare[chosen], self.small[chosen], self.squares[chosen])

    def near(self, other: "Looks") -> np.ndarray:
        """Which pairs look alike: bool (N, M).

        Either at most one pixel of ink of one has no ink of the other in or beside it (they differ at most in
        weight), or at half size their squared difference is at most 2.5 % of the sum of their squares.
        """
        stray = self.ink @ other.bare.T + self.bare @ other.ink.T
        total = self.squares[:, None] + other.squares
        return (stray <= 1) | (40 * (total - 2 * (self.small @ other.small.T)) <= total)
