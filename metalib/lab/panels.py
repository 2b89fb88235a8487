"""Parts of pictures that several laboratories share.

`StepCurves`: support and query against the inner step. `BandedCurve`: a curve with its interval. `Sheet`:
axes in pixels over the whole picture, with drawings as tiles, frames and short texts. `Bars`: many rectangles
as one artist. `digit`: a number or a letter as a marker.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from metalib import look
from metalib.i18n import _
from metalib.lab.words import Entry

SUPPORT_LINE: look.Style = {**look.SUPPORT, "markersize": 8, "linestyle": "-", "linewidth": 2.2}
QUERY_LINE: look.Style = {**look.QUERY, "linestyle": "--", "linewidth": 2.2}


class StepCurves:
    """Two lines against the inner step, 0 … `most`: one for the support set, one for the query set."""

    def __init__(self, axes: Axes, most: int, **settings: Any) -> None:
        self.axes = axes
        axes.set(xlim=(-0.4, most + 0.4), xlabel=_("inner step"), **settings)
        axes.set_xticks(range(0, most + 1, 2))
        (self.query,), (self.support,) = axes.plot([], [], **QUERY_LINE), axes.plot([], [], **SUPPORT_LINE)
        self.moving: list[Artist] = [self.query, self.support]

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


class BandedCurve:
    """A curve with a band around it, such as a mean with its 95 % interval, in matplotlib's `style`.

    Bands lie below all curves where they stand still. Where they move, give a `zorder` above `MOVING`.
    """

    def __init__(self, axes: Axes, opacity: float = 0.2, **style: Any) -> None:
        self.band = PolyCollection([], facecolors=style["color"], linewidths=0, alpha=opacity)
        axes.add_collection(self.band, autolim=False)
        (self.line,) = axes.plot([], [], **style)
        self.moving: list[Artist] = [self.band, self.line]

    def update(self, x: Any, mean: Any, low: Any, high: Any) -> None:
        """Show both; four arrays (P,), with gaps where there is no number."""
        self.line.set_data(x, mean)
        edge = np.concatenate([np.stack([x, low], axis=1), np.stack([x, high], axis=1)[::-1]])
        edge = edge[np.isfinite(edge).all(axis=1)]
        self.band.set_verts([edge] if len(edge) else [])


class Sheet:
    """Axes over the whole picture, in pixels from the top left, on which drawings lie as tiles.

    `tiles`, `frame`, `text` and `add` put artists on it; `moving` has all that were made with `moves=True`.
    """

    def __init__(self, figure: Figure, width: int, height: int) -> None:
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.axis("off")
        self.axes.patch.set_visible(False)
        self.axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
        self.width, self.height = width, height
        self.moving: list[Artist] = []

    def add(self, artist: Any, moves: bool = True) -> Any:
        """Any artist made for these axes."""
        if isinstance(artist, Rectangle):
            self.axes.add_patch(artist)
        elif isinstance(artist, PolyCollection):
            self.axes.add_collection(artist, autolim=False)
        if moves:
            self.moving.append(artist)
        return artist

    def tiles(self, smooth: bool = True) -> AxesImage:
        """A place for drawings; `look.show_drawings(tiles, drawings, x, y, size)` fills it."""
        # Made by hand: `imshow` would move the limits of the axes.
        image = AxesImage(
            self.axes, cmap="gray", interpolation="bilinear" if smooth else "nearest", extent=(0, 1, 1, 0)
        )
        image.set_data(np.full((2, 2), 255))
        image.set_clim(0, 255)
        self.axes.add_image(image)
        return self.add(image)

    def frame(self, **style: Any) -> Rectangle:
        """An empty rectangle; `set_bounds(x, y, width, height)` places it."""
        return self.add(Rectangle((0, 0), 1, 1, fill=False, **style))

    def text(self, x: float, y: float, words: str = "", *, moves: bool = True, **style: Any) -> Any:
        """A short text, of the smallest size unless another is given."""
        made = self.axes.text(x, y, words, **{"fontsize": look.SMALL, "va": "center", **style})
        return self.add(made, moves)

    def bars(self, **style: Any) -> Bars:
        """Rectangles of one look."""
        return self.add(Bars(**style))

    def line(self, *, moves: bool = True, **style: Any) -> Line2D:
        """A line or markers; `set_data` places it."""
        return self.add(self.axes.plot([], [], **style)[0], moves)


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
    return axes.plot([], [], marker=_digit_path(value, "bold" if bold else "normal"), **made)[0]
