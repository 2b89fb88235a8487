"""A learner's drawing brought to Omniglot's look: its size, place, stroke width, polarity and grey levels.

Measured on the 19 280 drawings of Omniglot's background set (105 x 105 pixels; 5 %, 50 %, 95 % quantiles):

| what | 5 % | 50 % | 95 % | here |
|---|---|---|---|---|
| longest side of the ink's bounding box, pixels | 44 | 68.5 | 88 | 69 |
| its centre, to the right of the picture's | -11 | -1 | 7.5 | -1 |
| its centre, below the picture's | -10.5 | -1.5 | 7 | -1.5 |
| share of the picture that is ink | 0.035 | 0.077 | 0.125 | as drawn |
| ink's centre of mass, to the right | -11.7 | -1.4 | 8.9 | as drawn |
| ink's centre of mass, below | -13.2 | -2.5 | 8.0 | as drawn |
| stroke width, pixels | 5 | 5 | 5 | 5 |

The pen is round: of the ink, 99 % (median) is covered by discs of 5 pixels across that fit into it, 78 % by
squares of 5 x 5, 8 % by squares of 6 x 6. Pixels are black or white. People drew at many sizes; here every
drawing gets the median one, so what only its size or its place told is lost.

The strokes are drawn at 105 x 105 with that pen, and the picture takes the same way from there as Omniglot's
own (`metalib.data.omniglot`): Pillow's LANCZOS filter to 28 x 28, then 1 - x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from metalib.data.folder import grey_of
from metalib.data.omniglot import SIZE
from metalib.i18n import _

CANVAS = 105  # pixels of an Omniglot drawing
PEN = 5  # pixels across
EXTENT = 69 - PEN  # what the middle of the pen travels, along the longer side
CENTRE = (CANVAS / 2 - 1, CANVAS / 2 - 1.5)
DOT = 0.02  # of the pad: whatever is smaller is a dot and is not made larger
LARGEST = 1000  # pixels that an image's longer side is read with
WORKED = 160  # pixels of the longer side at which an image's strokes are thinned
BLOB = 0.4  # a shape whose strokes are so wide, in its own length, is a dot
FAINTEST = 48  # grey levels between ink and paper below which an image counts as empty

Stroke = Sequence[Sequence[float]]


def from_strokes(strokes: Sequence[Stroke]) -> np.ndarray:
    """A drawing as Omniglot has them: uint8 (28, 28), ink = 255 and paper = 0.

    Args:
        strokes: each a list of points (x, y), joined by straight lines; x to the right, y downwards, both in
            one unit, the width of the pad. One point, or points within 1/50 of the pad, make a dot. (Other
            units are welcome where the drawing is larger than a dot: size and place do not count.)

    Raises:
        ValueError: no stroke at all, or a stroke that is not a list of pairs of finite numbers.
    """
    return small(inked(_travelled(checked(strokes))))


def from_image(source: str | Path | Image.Image | np.ndarray) -> np.ndarray:
    """A scanned or photographed drawing as Omniglot has them: uint8 (28, 28), ink = 255 and paper = 0.

    Ink is told from paper by one threshold (Otsu 1979), and what most of the edge is made of is the paper:
    dark on bright and bright on dark are the same. The strokes are thinned to their middle lines (Zhang and
    Suen 1984) and drawn anew with Omniglot's pen. A filled shape becomes its middle line, a blob
    a dot; shadows on a photograph may be taken for ink.

    Args:
        source: a file, a Pillow image, or an array of bytes (H, W) or (H, W, 3).

    Raises:
        ValueError: a file that is not an image, or an image without ink.
        FileNotFoundError: no such file.
    """
    ink = _ink_of(_opened(source))
    points = np.argwhere(thinned(ink))[:, ::-1].astype(float)
    width = ink.sum() / len(points)
    if width > BLOB * max(ink.shape):
        points = points[:1]
    # Pixels lie closer together here than on the canvas, so points will do for lines.
    return small(inked(_fitted(points)))


def checked(strokes: Sequence[Stroke]) -> list[np.ndarray]:
    """The strokes as arrays (points, 2), without those that have no point; raises as `from_strokes`."""
    try:
        made = [np.asarray(stroke, float).reshape(-1, 2) for stroke in strokes if len(stroke)]
    except (TypeError, ValueError):
        made = [np.full((1, 2), math.nan)]
    if not made:
        raise ValueError(_("The drawing is empty: draw at least one stroke."))
    if not all(np.isfinite(stroke).all() and np.abs(stroke).max() < 1e6 for stroke in made):
        raise ValueError(_("A stroke must be a list of points (x, y), each two finite numbers."))
    return made


def inked(points: np.ndarray) -> np.ndarray:
    """Where the pen leaves ink on its way: bool (105, 105), for points (N, 2) of the canvas, close together.

    As in Omniglot the middle of the pen is on a pixel; the pen blackens all pixels whose middles are at most
    half its width from there, 21 of them.
    """
    reach = PEN // 2
    # Rounded, so that the last bits of a float, which scaling changes, choose no pixel.
    columns, rows = np.floor(np.round(points, 6)).astype(int).T
    way = np.zeros((CANVAS + 2 * reach, CANVAS + 2 * reach), bool)
    inside = ((rows >= 0) & (rows < CANVAS)) & ((columns >= 0) & (columns < CANVAS))
    way[rows[inside] + reach, columns[inside] + reach] = True
    canvas = np.zeros((CANVAS, CANVAS), bool)
    for down in range(PEN):
        for right in range(PEN):
            if (down - reach) ** 2 + (right - reach) ** 2 <= (PEN / 2) ** 2:
                canvas |= way[down : down + CANVAS, right : right + CANVAS]
    return canvas


def small(ink: np.ndarray) -> np.ndarray:
    """The canvas, bool (105, 105), as uint8 (28, 28), on the same way as `metalib.data.omniglot.small`."""
    paper = Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))
    return 255 - np.asarray(paper.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _travelled(strokes: list[np.ndarray]) -> np.ndarray:
    """The pen's way on the canvas, (N, 2): the strokes fitted, with points every quarter of a pixel."""
    ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    strokes = np.split(_fitted(np.concatenate(strokes), dot=DOT), ends)
    way = [strokes[0][:1]]
    for stroke in strokes:
        way.append(stroke[:1])
        lengths = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
        counts = np.ceil(4 * lengths).astype(int)
        begin = np.repeat(np.arange(len(counts)), counts)
        share = (np.arange(len(begin)) - np.repeat(np.cumsum(counts) - counts, counts) + 1) / counts[begin]
        way.append(stroke[begin] + share[:, None] * (stroke[begin + 1] - stroke[begin]))
    return np.concatenate(way)


def _fitted(points: np.ndarray, dot: float = 0.0) -> np.ndarray:
    """Points moved to where Omniglot's drawings are, and made as large as those; a dot stays a point."""
    low, high = points.min(axis=0), points.max(axis=0)
    across = float((high - low).max())
    scale = EXTENT / across if across > dot else 0.0
    return (points - (low + high) / 2) * scale + CENTRE


def _opened(source: str | Path | Image.Image | np.ndarray) -> np.ndarray:
    """The image in grey, uint8 (H, W), at most `LARGEST` pixels along a side."""
    try:
        if isinstance(source, str | Path):
            with Image.open(source) as image:
                image.load()
        else:
            image = source if isinstance(source, Image.Image) else Image.fromarray(source)
        grey = grey_of(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise FileNotFoundError(_("There is no file {source}.").format(source=source)) from None
    # Pillow's readers raise many kinds of errors on damaged files; for a learner they are one.
    except Exception as error:
        name = source if isinstance(source, str | Path) else type(source).__name__
        raise ValueError(
            _("{name} is not an image that Pillow can read ({reason}).").format(
                name=name, reason=str(error).replace(repr(str(name)), "").strip() or type(error).__name__
            )
        ) from error
    grey.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return np.asarray(grey)


def _ink_of(grey: np.ndarray) -> np.ndarray:
    """Where the ink is, cut to its bounding box: bool, the longer side `WORKED` pixels or a little less."""
    level = otsu(grey)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    bright_paper = np.mean(edge > level) > 0.5
    ink = grey <= level if bright_paper else grey > level
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if int(grey.max()) - int(grey.min()) < FAINTEST or not len(rows):
        raise ValueError(_("The image is empty: there is no ink on it that stands out from the paper."))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = Image.fromarray(np.where(ink[box], 255, 0).astype(np.uint8))
    scale = WORKED / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    return np.asarray(cut.resize(size, Image.Resampling.BILINEAR)) >= 128


def otsu(grey: np.ndarray) -> int:
    """The grey level that parts an image's values best: those up to it, and those above it (Otsu 1979)."""
    count = np.bincount(grey.ravel(), minlength=256).astype(float)
    below, total = np.cumsum(count), grey.size
    mean = np.cumsum(count * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean[-1] * below / total - mean) ** 2 / (below * (total - below))
    return int(np.nanargmax(np.where(np.isfinite(between), between, -1.0)))


def thinned(ink: np.ndarray) -> np.ndarray:
    """The middle lines of the ink, one pixel wide: bool of the same shape.

    Zhang, T. Y., and Suen, C. Y. (1984). A fast parallel algorithm for thinning digital patterns.
    Communications of the ACM, 27(3), 236-239."""
    now = np.pad(ink, 1)
    # p2 … p9 in the paper's order: from the upper neighbour clockwise.
    shifts = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            p = np.stack([np.roll(now, (-dy, -dx), (0, 1)) for dy, dx in shifts])
            neighbours = p.sum(axis=0)
            turns = (~p & np.roll(p, -1, axis=0)).sum(axis=0)
            above, right, below, left = p[0], p[2], p[4], p[6]
            if first:
                open_side = ~(above & right & below) & ~(right & below & left)
            else:
                open_side = ~(above & right & left) & ~(above & below & left)
            gone = now & (neighbours >= 2) & (neighbours <= 6) & (turns == 1) & open_side
            if gone.any():
                now, changed = now & ~gone, True
    return now[1:-1, 1:-1]
