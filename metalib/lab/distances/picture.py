"""The painter of the distance laboratory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.markers import MarkerStyle
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from metalib import look
from metalib.i18n import _
from metalib.lab.distances.math import MAX_CLASSES, WINDOW, DistanceResult
from metalib.lab.picture import Picture

COLOURS = (look.BLUE, look.ORANGE, look.GREEN, look.PURPLE, look.VERMILION)
MARKERS = ("o", "s", "D", "p", "h")
BANDS = 10  # shades of a region: one for each tenth of p
STRONGEST = 0.75  # the opacity of a region where p is nearly 1
ROWS = np.linspace(0.87, 0.41, MAX_CLASSES)  # of the bars, in heights of their axes
HIGH, BELOW = 420, 38  # the axes in pixels of a 1000 pixel wide picture


class Regions(Artist):
    """An image of whole pixels that fills its axes. Matplotlib's own would be resampled at every draw, which
    takes longer than all the rest of the picture."""

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes, self.colours = axes, np.full((1, 1, 4), 255, np.uint8)
        self.set_figure(axes.figure)

    def draw(self, renderer: Any) -> None:
        box = self.axes.bbox
        across = round(box.width / self.colours.shape[1])
        up = round(box.height / self.colours.shape[0])
        context = renderer.new_gc()
        sized = self.colours.repeat(up, axis=0).repeat(across, axis=1)
        renderer.draw_image(context, round(box.x0), round(box.y0), sized)
        context.restore()


def palette(classes: int) -> np.ndarray:
    """RGBA (classes, BANDS, 4): each class's colour, from white where p is 1/classes to strong near 1."""
    middle = (np.arange(BANDS) + 0.5) / BANDS
    opacity = STRONGEST * np.clip((middle - 1 / classes) / (1 - 1 / classes), 0, 1)[:, None]
    colours = [1 - opacity * (1 - np.array(to_rgb(colour))) for colour in COLOURS[:classes]]
    opaque = np.concatenate([np.stack(colours), np.ones((classes, BANDS, 1))], axis=-1)
    return np.round(255 * opaque).astype(np.uint8)


def digit(number: int) -> MarkerStyle:
    """A number as a marker, centred: drawn ten times as fast as text."""
    path = TextPath((0, 0), str(number), size=10, prop=FontProperties(weight="bold"))
    box = path.get_extents()
    return MarkerStyle(path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)))


class DistancePicture(Picture):
    """Left: the plane with its regions, the prototypes and the query. Right: p(y = c | x) as bars."""

    height = 510

    def build(self, figure: Figure) -> Iterable[Artist]:
        place_of = lambda left, wide: (left / 1000, BELOW / self.height, wide / 1000, HIGH / self.height)  # noqa: E731
        self.plane, axes = figure.add_axes(place_of(46, 560)), figure.add_axes(place_of(636, 356))
        left, right, bottom, top = WINDOW
        self.plane.set(xlim=(left, right), ylim=(bottom, top), xticks=range(-4, 5), yticks=range(-3, 4))
        self.plane.grid(False)
        words = _("colour: the most probable class, a shade lighter for every 10 % less")
        self.plane.text(0, 1.025, words, transform=self.plane.transAxes, fontsize=look.SMALL)
        self.regions = Regions(self.plane)
        self.plane.add_artist(self.regions)
        dotted = {"linewidths": 1.2, "linestyles": [(0, (1, 2.5))]}
        self.borders = LineCollection([], colors="#444444", linewidths=1.6)
        self.spokes = LineCollection([], colors="#444444", **dotted)
        for lines in (self.borders, self.spokes):
            self.plane.add_collection(lines, autolim=False)
        black = {"color": look.BLACK, "linestyle": "none"}
        (self.origin,) = self.plane.plot([0], [0], "+", color=look.BLACK, markersize=16, markeredgewidth=2)
        self.arrow = FancyArrowPatch(
            (0, 0), (1, 1), arrowstyle="-|>", mutation_scale=22, linewidth=3.2, color=look.BLACK, shrinkA=0,
            shrinkB=0,
        )  # fmt: skip
        self.plane.add_patch(self.arrow)
        circle = {"color": "none", "markeredgecolor": look.BLACK, "markersize": 34, "markeredgewidth": 1.8}
        (self.ring,) = self.plane.plot([], [], "o", **circle)
        self.marks = [self._mark(self.plane, number, 23) for number in range(MAX_CLASSES)]
        cross = {**black, "markersize": 17, "markeredgecolor": "white", "markeredgewidth": 1.5}
        (self.query,) = self.plane.plot([], [], "X", **cross)
        moving = [self.regions, self.borders, self.spokes, self.origin, self.arrow, self.ring, self.query]
        moving += [artist for pair in self.marks for artist in pair]
        return [*moving, *self._build_bars(axes)]

    def _mark(self, axes: Axes, number: int, size: float) -> tuple[Artist, Artist]:
        """A prototype's mark, and its number inside."""
        style = {"markerfacecolor": "white", "markeredgecolor": COLOURS[number], "markeredgewidth": 3.6}
        (mark,) = axes.plot([], [], MARKERS[number], markersize=size, clip_on=False, **style)
        ink = {"color": look.BLACK, "markeredgewidth": 0, "linestyle": "none"}
        (label,) = axes.plot([], [], marker=digit(number + 1), markersize=10, clip_on=False, **ink)
        return mark, label

    def _build_bars(self, axes: Axes) -> list[Artist]:
        """A row for each class: its mark, its distance, a bar as long as p, and p."""
        axes.axis("off")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.text(0.0, 1.025, "p(y = c | x)", fontsize=look.TITLE, fontweight="bold")
        small = {"fontsize": look.SMALL, "va": "center"}
        for x, words, side in ((0.0, _("class"), "left"), (0.3, "d", "right"), (1.0, "p", "right")):
            axes.text(x, 0.955, words, ha=side, **small)
        axes.text(0.36, 0.955, _("softmax of −d / T"), **small)
        self.shown_classes = 0
        self.tags, self.bars, self.labels = [], [], []
        for number, row in enumerate(ROWS):
            self.tags.append(self._mark(axes, number, 20))
            for artist in self.tags[-1]:
                artist.set_data([0.055], [row])
            axes.add_patch(bar := Rectangle((0.36, row - 0.036), 0, 0.072, facecolor=COLOURS[number]))
            self.bars.append(bar)
            right = {"ha": "right", "va": "center", "fontsize": look.TEXT}
            distance = axes.text(0.3, row, "", **right)
            self.labels.append((distance, axes.text(1.0, row, "", fontweight="bold", **right)))
        axes.plot([0.36, 0.36], [ROWS[-1] - 0.06, ROWS[0] + 0.05], color="#444444", linewidth=1)
        self.loss = axes.text(0.0, 0.255, "", fontsize=look.TEXT, va="center", linespacing=1.35)
        self.frame = Rectangle((-0.015, 0), 1.03, 0.1, fill=False, edgecolor=look.BLACK, linewidth=1.8)
        self.frame.set_clip_on(False)
        axes.add_patch(self.frame)
        words = _(
            "Drag the query ✕ or a prototype. By keys:\n0 to 5 chooses (ring), arrows move (Shift:\n"
            "a little), Home puts all points back."
        )
        axes.text(0.0, 0.0, words, fontsize=look.SMALL, va="bottom", color="#4a4f57", linespacing=1.35)
        texts = [text for label in self.labels for text in label]
        return [*self.bars, *texts, self.loss, self.frame]

    def pixels_a_unit(self) -> float:
        """How many pixels of a 1000 pixel wide picture one unit of the plane has."""
        return 560 / (WINDOW[1] - WINDOW[0])

    def anywhere(self, x: float, y: float) -> tuple[float, float]:
        """The point of the plane at (x, y) of the picture, outside the axes too."""
        width, height = self.plane.figure.bbox.size
        across, up = self.plane.transData.inverted().transform((x * width, (1 - y) * height))
        return float(across), float(up)

    def update(self, result: DistanceResult) -> None:
        n = result.classes
        if n != self.shown_classes:  # the rows' marks stand still
            self.shown_classes = n
            for number, row in enumerate(self.tags):
                for artist in row:
                    artist.set_visible(number < n)
            self.redraw()
        band = np.minimum((BANDS * result.confidence).astype(np.uint8), BANDS - 1)
        self.regions.colours = palette(n)[result.winner, band]
        self.borders.set_segments(list(result.borders))
        cosine = result.distance == "cosine"
        points = np.concatenate([result.prototypes, result.query[None]])
        start = np.zeros(2) if cosine else result.query
        self.spokes.set_segments([np.stack([start, end]) for end in (points if cosine else points[:-1])])
        self.origin.set_visible(cosine)
        self.query.set_data(*result.query[:, None])
        self.ring.set_data(*(points[result.selected - 1][:, None]))  # −1, the last, is the query
        for i in range(MAX_CLASSES):
            for artist in (*self.marks[i], self.bars[i], *self.labels[i]):
                artist.set_visible(i < n)
            if i < n:
                for artist in self.marks[i]:
                    artist.set_data(*points[i][:, None])
                self.bars[i].set_width(0.43 * result.p[i])
                self.labels[i][0].set_text(look.signed(result.distances[i]))
                self.labels[i][1].set_text(probability(result.p[i]))
        self._point(result)

    def _point(self, result: DistanceResult) -> None:
        """The arrow along −∇loss; its length grows with the gradient's, but never beyond two units."""
        length = float(np.linalg.norm(result.gradient))
        self.arrow.set_visible(length > 0.1)  # a shorter one would hide behind the query
        if length > 0.1:
            shift = -result.gradient * 2 / (1 + length)
            self.arrow.set_positions(result.query, result.query + shift)
        self.frame.set_visible(result.truth > 0)
        self.loss.set_text("")
        if result.truth:
            self.frame.set_y(ROWS[result.truth - 1] - 0.05)
            text = _("true class {c}: loss −ln p = {loss}\ngradient of the loss: length {length}")
            self.loss.set_text(
                text.format(c=result.truth, loss=look.signed(result.loss), length=f"{length:.3g}")
            )

    def describe(self, result: DistanceResult) -> str:
        names = {
            "squared_euclidean": _("Squared Euclidean distance"),
            "euclidean": _("Euclidean distance"),
            "cosine": _("Cosine distance"),
        }
        text = _("{distance}, temperature {t:.2g}. The query is at {query}.").format(
            distance=names[result.distance], t=result.temperature, query=look.point(result.query)
        )
        for number, point in enumerate(result.prototypes):
            text += " " + _("Prototype {n} at {place}: distance {d}, p = {p}.").format(
                n=number + 1,
                place=look.point(point),
                d=look.signed(result.distances[number]),
                p=probability(result.p[number]),
            )
        if result.truth:
            text += " " + _("True class {c}: loss {loss}; downhill is {way}.").format(
                c=result.truth, loss=look.signed(result.loss), way=look.point(-result.gradient)
            )
        moved = _("prototype {n}").format(n=result.selected) if result.selected else _("the query")
        return text + " " + _("The arrow keys move {what}.").format(what=moved)

    def remark(self, result: DistanceResult) -> str:
        if result.wanted != result.truth:
            return _("There are only {n} classes here: none of them is marked as the true one.").format(
                n=result.classes
            )
        at_zero = [np.linalg.norm(point) < 1e-12 for point in (result.query, *result.prototypes)]
        if result.distance == "cosine" and any(at_zero):
            return _("A point at the origin has no direction: its cosine with everything counts as 0.")
        return ""


def probability(value: Any) -> str:
    """Three decimals, and no 0.000 or 1.000 for what is neither."""
    if 0 < value < 0.0005:
        return "<0.001"
    return ">0.999" if 0.9995 <= value < 1 else f"{value:.3f}"
