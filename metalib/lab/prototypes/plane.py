"""The left half of the prototype laboratory's picture: the plane with its regions and points."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from metalib import look
from metalib.i18n import _
from metalib.lab.picture import Picture
from metalib.lab.prototypes.episode import ASPECT, MAX_WAYS, PrototypeResult

COLOURS = look.CYCLE[:MAX_WAYS]
MARKERS = (*look.MARKERS[:6], "*")  # an X would look like the mark of a misjudged query
PALE = np.array([[0.76 + 0.24 * part for part in to_rgb(colour)] for colour in COLOURS])
INK = {"markeredgecolor": look.BLACK, "linestyle": "none"}


class PlanePicture(Picture):
    """A plane of the embedding space: regions, support, prototypes, queries, and the one pointed at."""

    def build_plane(self, axes: Any) -> list[Artist]:
        """The left half; returns what moves. Its window is always (−ASPECT, ASPECT, −1, 1)."""
        axes.grid(False)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, color=look.GREY)
        self.regions = [
            axes.add_patch(Polygon(np.zeros((1, 2)), facecolor=pale, edgecolor=look.GREY, zorder=look_at(0)))
            for pale in PALE
        ]
        axes.set(xlim=(-ASPECT, ASPECT), ylim=(-1, 1))
        (self.ties,) = axes.plot([], [], color=look.BLACK, linewidth=1.2, linestyle=":", zorder=look_at(1))
        self.support, self.query, self.prototypes, self.labels = [], [], [], []
        for way, (colour, marker) in enumerate(zip(COLOURS, MARKERS, strict=True)):
            style = {"marker": marker, "linestyle": "none", "markersize": 9}
            hollow = {**style, "markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 2}
            self.query += axes.plot([], [], zorder=look_at(2), **hollow)
            filled = {"color": colour, "markeredgecolor": "white"}
            self.support += axes.plot([], [], zorder=look_at(3), **style, **filled)
            disc = {"marker": "o", "markersize": 20, "color": colour, "markeredgewidth": 2, **INK}
            self.prototypes += axes.plot([], [], zorder=look_at(5), **disc)
            self.labels.append(digit(axes, way + 1, color="white", zorder=look_at(6)))
        cross = {"marker": "x", "color": look.BLACK, "markersize": 13, "markeredgewidth": 2.4}
        (self.missed,) = axes.plot([], [], linestyle="none", zorder=look_at(4), **cross)
        ring = {"marker": "o", "markersize": 25, "markerfacecolor": "none", "markeredgewidth": 2.6}
        (self.ring,) = axes.plot([], [], zorder=look_at(7), **ring, **INK)
        (self.tie,) = axes.plot([], [], color=look.BLACK, linewidth=2.2, zorder=look_at(4))
        grey = {"color": look.GREY, "linestyle": "none"}
        handles = [
            Line2D([], [], marker="o", markersize=15, label=_("prototype"), color=look.GREY, **INK),
            Line2D([], [], marker="o", markersize=8, label=_("support"), **grey),
            Line2D([], [], marker="o", markersize=8, label=_("query"), markerfacecolor="white",
                   markeredgewidth=2, **grey),
            Line2D([], [], linestyle="none", label=_("misjudged"), **{**cross, "markersize": 11}),
        ]  # fmt: skip
        look.legend(axes, handles=handles, handlelength=1.2, columnspacing=1.0, handletextpad=0.3)
        lines = [*self.regions, self.ties, *self.query, *self.support, *self.prototypes, *self.labels]
        return [*lines, self.missed, self.ring, self.tie]

    def update_plane(self, result: PrototypeResult) -> None:
        """Regions, points and the ties from the support set to its prototypes."""
        ways = len(result.support)
        for way, region in enumerate(self.regions):
            corners = result.regions[way] if way < ways else ()
            region.set_visible(len(corners) > 2)
            if len(corners) > 2:
                region.set_xy(self.scaled(result, corners))
        support, query = self.scaled(result, result.support), self.scaled(result, result.query)
        prototypes = self.scaled(result, result.prototypes)
        for way in range(MAX_WAYS):
            shown = way < ways
            self.support[way].set_data(*(support[way].T if shown else ([], [])))
            self.query[way].set_data(*(query[way].T if shown else ([], [])))
            self.prototypes[way].set_data(*(prototypes[way, :, None] if shown else ([], [])))
            self.labels[way].set_data(*(prototypes[way, :, None] if shown else ([], [])))
        # One line with gaps: from each support example to its prototype.
        tied = np.full((*support.shape[:2], 3, 2), np.nan)
        tied[:, :, 0], tied[:, :, 1] = support, prototypes[:, None]
        self.ties.set_data(*tied.reshape(-1, 2).T)
        self.missed.set_data(*query[~result.right].T)
        way, column = result.selected
        here = query[way, column] if column >= 0 else support[way, column]
        self.ring.set_data(*here[:, None])
        nearest = prototypes[int(result.selected_distances.argmin())]
        self.tie.set_data(*np.stack([here, nearest]).T)

    def scaled(self, result: PrototypeResult, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the embedding's plane in the coordinates of the panel."""
        left, right, bottom, top = result.window
        return (points - (left, bottom)) / (right - left, top - bottom) * (2 * ASPECT, 2) - (ASPECT, 1)


def digit(axes: Any, value: int, **style: Any) -> Line2D:
    """A digit, as large as in text of 13 points, as a marker: drawn faster than text, and at many places."""
    style = {"color": look.BLACK, "markeredgewidth": 0.4, "linestyle": "none", **style}
    return axes.plot([], [], marker=f"$\\mathdefault{{{value}}}$", markersize=10, **style)[0]


def look_at(level: int) -> int:
    """The zorder of a moving layer: above what stands still, in a fixed order among themselves."""
    return 10 + level
