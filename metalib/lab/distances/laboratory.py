"""The distance laboratory: prototypes and a query in the plane, and what the softmax over distances says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from metalib import look
from metalib.i18n import _
from metalib.lab.distances.classify import (
    MAX_CLASSES,
    PROTOTYPES,
    QUERY,
    DistanceResult,
    DistanceState,
    classify,
)
from metalib.lab.distances.geometry import WINDOW
from metalib.lab.distances.looks import (
    ARROW,
    BANDS,
    BORDER,
    COLOURS,
    CROSS,
    DARK,
    ORIGIN,
    RING,
    SPOKE,
    STRONGEST,
    prototype,
)
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import Sheet, arrow, digit, line
from metalib.lab.parts import ARROWS, Drag, Keys, View
from metalib.lab.picture import Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Panel, Words

REACH = 26  # pixels of a 1000 pixel wide picture: how near the pointer must be to take hold of a point

UNIT = 66  # pixels of one unit of the plane


def moved(state: DistanceState, number: int, x: float, y: float) -> DistanceState:
    """The query (number 0) or a prototype (1, 2, …) put at (x, y), or as near as the window allows."""
    left, right, bottom, top = WINDOW
    # Two decimals are what is shown; so the picture's numbers are those of the place that is named.
    place = (round(float(np.clip(x, left, right)), 2), round(float(np.clip(y, bottom, top)), 2))
    if number == 0:
        return replace(state, query=place, selected=0)
    places = [*state.prototypes, *PROTOTYPES[len(state.prototypes) :]]
    places[number - 1] = place
    return replace(state, prototypes=tuple(places), selected=number)


def grab(view: View, x: float, y: float) -> tuple[int, float, float] | None:
    """The point under the pointer, and how far it was missed. In the empty plane it calls the query; beside
    the plane it takes nothing."""
    there = view.painter.to_data(view.painter.plane, x, y)
    if there is None:
        return None
    away = view.state.points - np.array(there)
    nearest = int(np.argmin(np.hypot(*away.T)))
    if np.hypot(*away[nearest]) * UNIT > REACH:
        return 0, 0.0, 0.0
    return nearest, *away[nearest].tolist()


def pull(view: View, held: tuple[int, float, float], x: float, y: float) -> DistanceState:
    """What is held goes with the pointer, outside the plane as far as the window goes."""
    number, dx, dy = held
    x, y = view.painter.to_data(view.painter.plane, x, y, anywhere=True)
    return moved(view.state, number, x + dx, y + dy)


def pressed(view: View, event: KeyEvent) -> DistanceState | None:
    """Numbers choose a point, arrows move it, Home puts all back."""
    state, chosen = view.state, view.state.shown(view.state.selected)
    if event.key in ARROWS:
        x, y = state.points[chosen] + (0.05 if event.shift else 0.25) * np.array(ARROWS[event.key])
        return moved(state, chosen, x, y)
    if event.key.isdecimal() and int(event.key) <= state.classes:
        return replace(state, selected=int(event.key))
    return replace(state, query=QUERY, prototypes=PROTOTYPES) if event.key == "Home" else None


class Regions(Artist):
    """An image of whole pixels that fills its axes. Matplotlib's own would be resampled at every draw, which
    takes longer than all the rest of the picture."""

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes, self.box, self.colours = axes, axes.bbox, np.full((1, 1, 4), 255, np.uint8)
        self.set_figure(axes.figure)
        self.set_animated(True)

    def draw(self, renderer: Any) -> None:
        box = self.box
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


class DistancePainter(Painter):
    """Left: the plane with its regions, the prototypes and the query. Right: p(y = c | x) as bars."""

    height = 456
    fold = 0.595
    left, top = 46, 24  # of the plane, in pixels
    class_at, distance_at, bar_at, p_at = 634, 760, 782, 984  # the columns at the right
    longest = 132  # pixels of a bar for p = 1
    rows = range(90, 90 + 62 * MAX_CLASSES, 62)

    def build(self, figure: Figure) -> None:
        sheet = Sheet(figure, self.width, self.height)
        left, right, bottom, top = WINDOW
        wide, high = UNIT * (right - left) / self.width, UNIT * (top - bottom) / self.height
        place = (self.left / self.width, 1 - self.top / self.height - high, wide, high)
        self.plane = figure.add_axes(place)
        self.plane.set(xlim=(left, right), ylim=(bottom, top), xticks=range(-4, 5), yticks=range(-3, 4))
        self.plane.grid(False)
        self.regions = Regions(self.plane)
        self.plane.add_artist(self.regions)
        self.borders, self.spokes = (LineCollection([], animated=True, **style) for style in (BORDER, SPOKE))
        for lines in (self.borders, self.spokes):
            self.plane.add_collection(lines, autolim=False)
        self.origin = line(self.plane, **ORIGIN)
        self.origin.set_data([0], [0])
        self.arrow = arrow(self.plane, mutation_scale=22, **ARROW)
        self.ring, self.query = line(self.plane, **RING), line(self.plane, **CROSS)
        self.marks = [self._mark(self.plane, number, 23) for number in range(MAX_CLASSES)]
        self._build_bars(sheet)

    def _mark(self, axes: Axes, number: int, size: float, moves: bool = True) -> tuple[Line2D, Line2D]:
        """A prototype's mark, and its number inside."""
        mark = line(axes, moves=moves, **prototype(number, size))
        return mark, digit(axes, number + 1, bold=True, moves=moves, clip_on=False)

    def _build_bars(self, sheet: Sheet) -> None:
        """A row for each class: its mark, its distance, a bar as long as p, and p."""
        sheet.text(self.class_at, 36, _("class"), moves=False, ha="center")
        sheet.text(self.distance_at, 36, "d", moves=False, ha="right")
        sheet.text(self.bar_at, 36, _("softmax of −d / T"), moves=False)
        sheet.text(self.p_at, 36, "p", moves=False, ha="right")
        axis = sheet.line(moves=False, color=DARK, linewidth=1)
        axis.set_data([self.bar_at] * 2, [self.rows[0] - 30, self.rows[-1] + 30])
        self.bars = sheet.bars(facecolors=COLOURS)
        large: look.Style = {"ha": "right", "fontsize": look.TEXT}
        self.distances = [sheet.text(self.distance_at, row, **large) for row in self.rows]
        self.chances = [sheet.text(self.p_at, row, fontweight="bold", **large) for row in self.rows]
        self.tags = [self._mark(sheet.axes, number, 20, False) for number in range(MAX_CLASSES)]
        for row, pair in zip(self.rows, self.tags, strict=True):
            for artist in pair:
                artist.set_data([self.class_at], [row])
        self.frame = sheet.frame(edgecolor=look.BLACK, linewidth=1.8)
        self.shown_classes = 0

    def update(self, state: DistanceState, result: DistanceResult) -> None:
        n, points, true = state.classes, state.points, state.shown(state.truth)
        if n != self.shown_classes:  # the rows' marks stand still
            self.shown_classes = n
            for number, row in enumerate(self.tags):
                for artist in row:
                    artist.set_visible(number < n)
            self.renew()
        band = np.minimum((BANDS * result.confidence).astype(np.uint8), BANDS - 1)
        self.regions.colours = palette(n)[result.winner, band]
        self.borders.set_segments(list(result.borders))
        cosine = state.distance == "cosine"
        start = np.zeros(2) if cosine else points[0]
        self.spokes.set_segments([np.stack([start, end]) for end in (points if cosine else points[1:])])
        self.origin.set_visible(cosine)
        self.query.set_data(*points[0][:, None])
        self.ring.set_data(*points[state.shown(state.selected)][:, None])
        self.bars.put(self.bar_at, np.array(self.rows[:n]) + 13, self.longest * result.p, 26)
        for i in range(MAX_CLASSES):
            for artist in (*self.marks[i], self.distances[i], self.chances[i]):
                artist.set_visible(i < n)
            if i < n:
                for artist in self.marks[i]:
                    artist.set_data(*points[i + 1][:, None])
                self.distances[i].set_text(look.signed(result.distances[i]))
                self.chances[i].set_text(probability(result.p[i]))
        self.frame.set_visible(true > 0)
        self.frame.set_bounds(
            self.class_at - 24, self.rows[true - 1] - 25, self.p_at - self.class_at + 34, 50
        )
        # The arrow goes along −∇loss; its length grows with the gradient's, but never beyond two units.
        length = float(np.linalg.norm(result.gradient))
        self.arrow.set_visible(length > 0.1)  # a shorter one would hide behind the query
        self.arrow.set_positions(points[0], points[0] - result.gradient * 2 / (1 + length))

    def words(self, state: DistanceState, result: DistanceResult) -> Words:
        right = (self.class_at - 24) / self.width
        loss = (
            "" if state.truth else _("choose a true class to see its loss")
        )  # one that is gone is named below
        if state.shown(state.truth):
            loss = _("loss −ln p = {loss}, |gradient| = {length:.3g}").format(
                loss=look.signed(result.loss), length=float(np.linalg.norm(result.gradient))
            )
        plane = _("colour: the most probable class, paler for every 10 % less")
        return Words(
            (
                Panel(self.left / self.width, right - 0.02, note=plane),
                Panel(right, 1.0, "p(y = c | x)", note=loss),
            ),
            remark(state),
        )

    def describe(self, state: DistanceState, result: DistanceResult) -> str:
        text = _("The query is at {query}.").format(query=look.point(state.query))
        for number, point in enumerate(state.points[1:]):
            text += " " + _("Prototype {n} at {place}: distance {d}, p = {p}.").format(
                n=number + 1,
                place=look.point(point),
                d=look.signed(result.distances[number]),
                p=probability(result.p[number]),
            )
        if state.shown(state.truth):
            text += " " + _("Downhill is {way}.").format(way=look.point(-result.gradient))
        chosen = state.shown(state.selected)
        what = _("prototype {n}").format(n=chosen) if chosen else _("the query")
        return text + " " + _("The arrow keys move {what}.").format(what=what)


def remark(state: DistanceState) -> str:
    """What is special here, or else what a learner can do."""
    if state.truth != state.shown(state.truth):
        return _("There are only {n} classes here: none of them is marked as the true one.").format(
            n=state.classes
        )
    if state.distance == "cosine" and (np.linalg.norm(state.points, axis=1) < 1e-12).any():
        return _("A point at the origin has no direction: its cosine with everything counts as 0.")
    return _(
        "Drag the query ✕ or a prototype. By keys: 0 to 5 chooses one (ring), arrows move it (Shift: a "
        "little), Home puts all points back."
    )


def probability(value: float) -> str:
    """Three decimals, and no 0.000 or 1.000 for what is neither."""
    if 0 < value < 0.0005:
        return "<0.001"
    return ">0.999" if 0.9995 <= value < 1 else f"{value:.3f}"


class DistanceLaboratory(Laboratory):
    """Drag the query and the prototypes, or choose one by its number (0 is the query) and move it by the
    arrow keys, with Shift in small steps. Home puts all points back.

    Args:
        initial: values of `DistanceState` to begin with; of the prototypes the first ones are enough.
    """

    def __init__(self, **initial: Any) -> None:
        super().__init__(
            DistanceState,
            classify,
            DistancePainter(),
            initial=initial,
            on=[Drag(grab, pull), Keys(pressed)],
            label=_("Distances. Drag a point, or choose it by 0 to 5 and move it by the arrow keys."),
        )

    def move(self, number: int, x: float, y: float) -> DistanceResult:
        """Put the query (number 0) or a prototype (1, 2, …) at (x, y), or as near as the window allows."""
        return self.go(moved(self.state, number, x, y))
