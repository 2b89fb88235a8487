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

import numpy as np
from PIL import Image

from metalib.data.omniglot import SIZE
from metalib.i18n import _

CANVAS = 105  # pixels of an Omniglot drawing
PEN = 5  # pixels across
EXTENT = 69 - PEN  # what the middle of the pen travels, along the longer side
CENTRE = (CANVAS / 2 - 1, CANVAS / 2 - 1.5)
DOT = 0.02  # of the pad: whatever is smaller is a dot and is not made larger

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
    return shrunk(inked(_travelled(checked(strokes))))


def checked(strokes: Sequence[Stroke]) -> list[np.ndarray]:
    """The strokes as arrays (points, 2), without those that have no point; raises as `from_strokes`."""
    try:
        made = [np.asarray(stroke, float) for stroke in strokes if len(stroke)]
    except (TypeError, ValueError):
        made = [np.full((1, 2), math.nan)]
    # Points with a third number, such as the pen's pressure, are not taken apart into others.
    made = [s if s.ndim == 2 and s.shape[1] == 2 else np.full((1, 2), math.nan) for s in made]
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


def shrunk(ink: np.ndarray) -> np.ndarray:
    """The canvas, bool (105, 105), as uint8 (28, 28), as `metalib.data.omniglot.read_drawing` makes it."""
    paper = Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))
    return 255 - np.asarray(paper.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _travelled(strokes: list[np.ndarray]) -> np.ndarray:
    """The pen's way on the canvas, (N, 2): the strokes fitted, with points every quarter of a pixel."""
    ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    strokes = np.split(_fitted(np.concatenate(strokes)), ends)
    way = [strokes[0][:1]]
    for stroke in strokes:
        way.append(stroke[:1])
        lengths = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
        counts = np.ceil(4 * lengths).astype(int)
        begin = np.repeat(np.arange(len(counts)), counts)
        share = (np.arange(len(begin)) - np.repeat(np.cumsum(counts) - counts, counts) + 1) / counts[begin]
        way.append(stroke[begin] + share[:, None] * (stroke[begin + 1] - stroke[begin]))
    return np.concatenate(way)


def _fitted(points: np.ndarray) -> np.ndarray:
    """Points moved to where Omniglot's drawings are, and made as large as those; a dot stays a point."""
    low, high = points.min(axis=0), points.max(axis=0)
    across = float((high - low).max())
    scale = EXTENT / across if across > DOT else 0.0
    return (points - (low + high) / 2) * scale + CENTRE
