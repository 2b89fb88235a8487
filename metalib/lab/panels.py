"""Parts of pictures that several laboratories share.

`StepCurves`: support and query against the inner step. `BandedCurve`: a curve with its interval. `Sheet`:
axes in pixels over the whole picture, with drawings as tiles, frames and short texts. `Bars`: many rectangles
as one artist. `line`, `arrow`, and `digit`, a number or a letter as a marker: one artist each. All of them
move, as `Painter` has it, unless they are made with `moves=False`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from metalib import look
from metalib.i18n import _
from metalib.lab.words import Entry

SUPPORT_LINE: look.Style = {**look.SUPPORT, "markersize": 8, "linestyle": "-", "linewidth": 2.2}
QUERY_LINE: look.Style = {**look.QUERY, "linestyle": "--", "linewidth": 2.2}


def line(axes: Axes, *, moves: bool = True, **style: Any) -> Line2D:
    """A line or markers; `set_data` places them."""
    return axes.plot([], [], animated=moves, **style)[0]


def arrow(axes: Axes, **style: Any) -> Any:
    """An arrow; `set_positions(from, to)` places it, exactly from point to point."""
    shape: look.Style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "animated": True}
    return axes.add_patch(FancyArrowPatch((0, 0), (1, 1), **shape, **style))


class StepCurves:
    """Two lines against the inner step, 0 … `most`: one for the support set, one for the query set."""

    def __init__(self, axes: Axes, most: int, **settings: Any) -> None:
        self.axes = axes
        axes.set(xlim=(-0.4, most + 0.4), xlabel=_("inner step"), **settings)
        axes.set_xticks(range(0, most + 1, 2))
        self.query, self.support = line(axes, **QUERY_LINE), line(axes, **SUPPORT_LINE)

    def update(self, support: np.ndarray, query: np.ndarray) -> None:
        """Show both, (k + 1,) each, kept inside the axes; what is no number lies at the top."""
        low, high = self.axes.get_ylim()
        for line, values in ((self.support, support), (self.query, query)):
            inside = np.clip(np.nan_to_num(values, nan=high, posinf=high), low, high)
            line.set_data(np.arange(len(values)), inside)

    @staticmethod
    def legend(support: str, query: str) -> list[Entry]:
        """Its legend, with what stands beside each name."""
        return [
            Entry(_("support {value}").format(value=support).rstrip(), SUPPORT_LINE),
            Entry(_("query {value}").format(value=query).rstrip(), QUERY_LINE),
        ]

    @staticmethod
    def describe(support: Iterable[str], query: Iterable[str]) -> str:
        """Both at every step, in words."""
        both = enumerate(zip(support, query, strict=True))
        by_step = _("; ").join(f"{step}: {one}, {other}" for step, (one, other) in both)
        return _("On support and query after each step: {by_step}.").format(by_step=by_step)


class BandedCurve:
    """A curve with a band around it, such as a mean with its 95 % interval, in matplotlib's `style`.

    Bands lie below all curves. Where they move, give a `zorder` above `MOVING`.
    """

    def __init__(self, axes: Axes, opacity: float = 0.2, *, moves: bool = True, **style: Any) -> None:
        band: look.Style = {"facecolors": style["color"], "linewidths": 0, "alpha": opacity}
        self.band = PolyCollection([], animated=moves, **band)
        axes.add_collection(self.band, autolim=False)
        self.line = line(axes, moves=moves, **style)

    def update(self, x: Any, mean: Any, low: Any, high: Any) -> None:
        """Show both; four arrays (P,), with gaps where there is no number."""
        self.line.set_data(x, mean)
        edge = np.concatenate([np.stack([x, low], axis=1), np.stack([x, high], axis=1)[::-1]])
        edge = edge[np.isfinite(edge).all(axis=1)]
        self.band.set_verts([edge] if len(edge) else [])


class Sheet:
    """Axes over the whole picture, in pixels from the top left, on which drawings lie as tiles.

    `tiles`, `frame`, `text`, `bars`, `line` and `digit` put artists on it.
    """

    def __init__(self, figure: Figure, width: int, height: int) -> None:
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.axis("off")
        self.axes.patch.set_visible(False)
        self.axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)

    def tiles(self, smooth: bool = True) -> AxesImage:
        """A place for drawings; `look.show_drawings(tiles, drawings, x, y, size)` fills it."""
        # Made by hand: `imshow` would move the limits of the axes.
        how = "bilinear" if smooth else "nearest"
        image = AxesImage(self.axes, cmap="gray", interpolation=how, extent=(0, 1, 1, 0), animated=True)
        image.set_data(np.full((2, 2), 255))
        image.set_clim(0, 255)
        self.axes.add_image(image)
        return image

    def frame(self, **style: Any) -> Rectangle:
        """An empty rectangle; `set_bounds(x, y, width, height)` places it."""
        made = Rectangle((0, 0), 1, 1, fill=False, animated=True, **style)
        self.axes.add_patch(made)
        return made

    def text(self, x: float, y: float, words: str = "", *, moves: bool = True, **style: Any) -> Any:
        """A short text, of the smallest size unless another is given."""
        style = {"fontsize": look.SMALL, "va": "center", **style}
        # A learner's name with a $ in it is no mathematics.
        return self.axes.text(x, y, words, animated=moves, **{"parse_math": False, **style})

    def bars(self, **style: Any) -> Bars:
        """Rectangles of one look."""
        made = Bars(animated=True, **style)
        self.axes.add_collection(made, autolim=False)
        return made

    def line(self, *, moves: bool = True, **style: Any) -> Line2D:
        """As `line`."""
        return line(self.axes, moves=moves, **style)

    def digit(self, value: int | str, **style: Any) -> Line2D:
        """As `digit`."""
        return digit(self.axes, value, **style)


class Bars(PolyCollection):
    """Many rectangles of one look as one artist: quicker than one artist each."""

    def __init__(self, **style: Any) -> None:
        super().__init__([], **{"linewidths": 0, **style})

    def put(self, left: Any, bottom: Any, width: Any, height: Any, shown: Any = True) -> None:
        """Place them; each argument is a number or an array, all of one shape. y runs downwards on a sheet,
        so that `bottom` is the larger. `shown` says which of them are seen."""
        left, bottom, width, height, shown = np.broadcast_arrays(left, bottom, width, height, shown)
        x = np.stack([left, left + width, left + width, left], axis=-1)
        y = np.stack([bottom, bottom, bottom - height, bottom - height], axis=-1)
        self.set_verts(np.stack([x, y], axis=-1)[shown].reshape(-1, 4, 2))


@cache
def _digit_path(value: int | str, weight: str) -> MarkerStyle:
    path = TextPath((0, 0), str(value), size=10, prop=FontProperties(family="DejaVu Sans", weight=weight))
    box = path.get_extents()
    middle = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
    return MarkerStyle(path.transformed(middle))


def digit(axes: Axes, value: int | str, *, bold: bool = False, **style: Any) -> Line2D:
    """A number or a letter, as large as in text of 13 points, as a marker: painted faster than text, and at
    many places."""
    made = {"color": look.BLACK, "markeredgewidth": 0, "linestyle": "none", "markersize": 10, **style}
    return line(axes, marker=_digit_path(value, "bold" if bold else "normal"), **made)
