"""The painter of the prototype laboratory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from metalib import look
from metalib.i18n import N_, _
from metalib.lab.panels import Sheet, digit, line
from metalib.lab.picture import Painter
from metalib.lab.prototypes.episode import ASPECT, PrototypeResult
from metalib.lab.words import Entry, Panel, Words

COLOURS = look.CYCLE  # so many ways can be shown as there are colours that all eyes tell apart
KINDS = list(zip(COLOURS, (*look.MARKERS[:6], "*"), strict=True))  # an X would look like a misjudged query
PALE = [[0.76 + 0.24 * part for part in to_rgb(colour)] for colour in COLOURS]
HOW = N_(
    "Mouse or arrow keys point at an example, Page Down at the next misjudged query; Enter draws a new "
    "episode."
)
NONE: look.Style = {"linestyle": "none"}
GREY: look.Style = {"marker": "o", "color": look.GREY, **NONE}
DISC: look.Style = {
    "marker": "o",
    "markersize": 20,
    "markeredgecolor": look.BLACK,
    "markeredgewidth": 2,
    **NONE,
}
HOLLOW: look.Style = {"markerfacecolor": "white", "markeredgewidth": 2}
MISSED: look.Style = {"marker": "x", "color": look.BLACK, "markersize": 13, "markeredgewidth": 2.4, **NONE}
CROSSED: look.Style = {**MISSED, "color": look.VERMILION, "markersize": 11}
EXAMPLES: list[look.Style] = [{"color": c, "marker": m, "markersize": 9, **NONE} for c, m in KINDS]
FILLED: look.Style = {"markeredgecolor": "white"}
RING: look.Style = {**DISC, "markersize": 25, "markerfacecolor": "none", "markeredgewidth": 2.6}
TIES: look.Style = {"color": look.BLACK, "linewidth": 1.2, "linestyle": ":"}
TIE: look.Style = {"color": look.BLACK, "linewidth": 2.2}


class PlanePanel:
    """The window on the plane: regions, support, prototypes, queries, and the one pointed at."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        axes.grid(False)
        axes.set(xticks=[], yticks=[], xlim=(-ASPECT, ASPECT), ylim=(-1, 1))
        axes.spines[:].set(visible=True, color=look.GREY)

        style: look.Style = {"edgecolor": look.GREY, "animated": True}
        self.regions = [Polygon(np.zeros((1, 2)), facecolor=pale, **style) for pale in PALE]
        for region in self.regions:
            axes.add_patch(region)
        self.ties = line(axes, **TIES)
        self.query = [line(axes, **kind, **HOLLOW) for kind in EXAMPLES]
        self.support = [line(axes, **kind, **FILLED) for kind in EXAMPLES]
        self.missed, self.tie = line(axes, **MISSED), line(axes, **TIE)
        self.prototypes = [line(axes, color=colour, **DISC) for colour in COLOURS]
        self.numbers = [digit(axes, way, color="white") for way in range(1, len(COLOURS) + 1)]
        self.ring = line(axes, **RING)

    def update(self, result: PrototypeResult, shots: int, here: tuple[int, int]) -> None:
        """Show it; `here` is the example pointed at."""
        for way, region in enumerate(self.regions):
            corners = result.regions[way] if way < len(result.regions) else ()
            region.set_visible(len(corners) > 2)
            if len(corners) > 2:
                region.set_xy(corners)
            own, prototype = result.examples[way : way + 1], result.prototypes[way : way + 1]  # one or none
            self.support[way].set_data(*own[:, :shots].reshape(-1, 2).T)
            self.query[way].set_data(*own[:, shots:].reshape(-1, 2).T)
            self.prototypes[way].set_data(*prototype.T)
            self.numbers[way].set_data(*prototype.T)
        tied = np.full((len(result.examples), shots, 3, 2), np.nan)  # one line with gaps
        tied[:, :, 0], tied[:, :, 1] = result.examples[:, :shots], result.prototypes[:, None]
        self.ties.set_data(*tied.reshape(-1, 2).T)
        self.missed.set_data(*result.examples[:, shots:][~result.right].T)
        nearest = result.prototypes[result.distances[here].argmin()]
        self.ring.set_data(*result.examples[here][:, None])
        self.tie.set_data(*np.stack([result.examples[here], nearest]).T)


class PrototypePainter(Painter):
    """Left: the plane with its regions. Right: the drawings, the one pointed at, and the confusion matrix."""

    height = 430
    fold = 0.54
    left, top, wide, high, gap = 606, 10, 374, 200, 14  # of the drawings, in pixels
    big, second, matrix_left = 150, 246, 830  # below: a square's size and top, and where the matrix begins

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self.names = names

    def build(self, figure: Figure) -> None:
        self.plane = PlanePanel(figure.add_axes((0.024, 10 / 430, 0.492, 410 / 430)))
        self.sheet = sheet = Sheet(figure, self.width, self.height)
        self.support, self.query, self.chosen = (sheet.tiles() for _image in range(3))
        self.matrix = sheet.tiles(smooth=False)
        sheet.frame(edgecolor=look.GREY).set_bounds(self.matrix_left, self.second, self.big, self.big)
        self.frame = sheet.frame(edgecolor=look.BLACK, linewidth=3)
        self.crossed = sheet.line(**CROSSED)
        self.bars = sheet.bars(facecolors=COLOURS)
        self.marks = [sheet.line(marker=marker, color=colour, **NONE) for colour, marker in KINDS]
        self.numbers = [sheet.digit(n, color=colour) for n, colour in enumerate(COLOURS, 1)]
        self.counts = [sheet.digit(count) for count in range(1, 9)]
        above, below = self.second - 16, self.second + self.big + 16
        for x, y, words in (
            (560, above, _("pointed at")),
            (735, above, _("distances")),
            (self.matrix_left, above, _("confusion")),
            (self.matrix_left, below, _("rows: true class")),
        ):
            sheet.text(x, y, words, moves=False)

    def columns(self, state: Any) -> tuple[float, np.ndarray]:
        """The size of a drawing in pixels, and the left edges of a class's drawings (K + Q,)."""
        each = state.shots + state.queries
        size = min((self.wide - self.gap) / each, self.high / state.ways, 62)
        return size, self.left + np.arange(each) * size + self.gap * (np.arange(each) >= state.shots)

    def example_at(self, state: Any, result: PrototypeResult, x: float, y: float) -> tuple[int, int] | None:
        """The example, as `state.selected`, at (x, y), 0..1 from left and top; None elsewhere."""
        size, edges = self.columns(state)
        across, row = x * self.width, int((y * self.height - self.top) // size)
        under = np.flatnonzero((edges <= across) & (across < edges + size))
        if 0 <= row < state.ways and len(under):
            return row, int(under[0]) - state.shots
        point = self.to_data(self.plane.axes, x, y)
        if point is None:
            return None
        away = np.linalg.norm(result.examples - point, axis=-1)
        way, column = np.unravel_index(int(away.argmin()), away.shape)
        return (int(way), int(column) - state.shots) if away.min() < 0.15 else None

    def update(self, state: Any, result: PrototypeResult) -> None:
        here = state.pointed
        self.plane.update(result, state.shots, here)
        self.update_drawings(state, result, here)
        self.update_confusion(result.confusion)

    def update_drawings(self, state: Any, result: PrototypeResult, here: tuple[int, int]) -> None:
        """The drawings class by class, those misjudged crossed out; the one pointed at and its distances."""
        (size, edges), shots = self.columns(state), state.shots
        drawings, distances = result.drawings, result.distances[here]
        look.show_drawings(self.support, drawings[:, :shots], self.left, self.top, size)
        look.show_drawings(self.query, drawings[:, shots:], edges[shots], self.top, size)
        look.show_drawings(self.chosen, drawings[here][None, None], 560, self.second, self.big)
        self.frame.set_bounds(edges[here[1]], self.top + here[0] * size, size, size)
        middle = np.arange(state.ways) + 0.5
        rows, high = self.top + middle * size, self.big / state.ways
        bars = self.second + middle * high
        for way in range(len(COLOURS)):
            row, bar = rows[way : way + 1], bars[way : way + 1]  # one or none
            self.marks[way].set_data(np.full(row.shape, 592), row)
            self.numbers[way].set_data([573, 743][: 2 * len(row)], [*row, *bar])
        long = 52 * distances / max(float(distances.max()), 1e-12)
        self.bars.put(754, bars + 0.36 * high, 1 + long, 0.72 * high)
        ways, queries = (~result.right).nonzero()
        self.crossed.set_data(edges[shots + queries] + size / 2, rows[ways])

    def update_confusion(self, confusion: np.ndarray) -> None:
        """The confusion matrix: shades of grey, and its counts."""
        size, (left, top) = self.big / len(confusion), (self.matrix_left, self.second)
        self.matrix.set_data(255 - 110 * confusion / confusion.sum(axis=1, keepdims=True))
        self.matrix.set_extent((left, left + self.big, top + self.big, top))
        for count, number in enumerate(self.counts, 1):
            rows, columns = (confusion == count).nonzero()
            number.set_data(left + (columns + 0.5) * size, top + (rows + 0.5) * size)

    def words(self, state: Any, result: PrototypeResult) -> Words:
        legend = (
            Entry(_("prototype"), {**GREY, **DISC}),
            Entry(_("support"), GREY),
            Entry(_("query"), {**GREY, **HOLLOW}),
            Entry(_("misjudged"), MISSED),
        )
        share = _("The plane shows {share:.0f} % of the variance in {dimensions} dimensions.").format(
            share=100 * result.plane.share, dimensions=len(result.plane.centre)
        )
        episode = _("{ways}-way {shots}-shot: support set, then queries").format(
            ways=state.ways, shots=state.shots
        )
        left = Panel(0.024, 0.54, self.score(state, result), legend, share)
        right = Panel(0.56, 1.0, episode, note=pointed_at(state, result))
        return Words((left, right), remark(state.distance, result.stands_in))

    def describe(self, state: Any, result: PrototypeResult) -> str:
        missed = _("; ").join(
            _("query {n} of class {way} goes to {answer}").format(
                n=query + 1, way=way + 1, answer=result.answers[way, query] + 1
            )
            for way, query in result.misjudged
        )
        distances = enumerate(result.distances[state.pointed], 1)
        return _(
            "The classes are {classes}. Misjudged: {missed}. The example pointed at has these distances to "
            "the prototypes: {distances}."
        ).format(
            classes=", ".join(f"{n}: {name}" for n, name in enumerate(result.names, 1)),
            missed=missed or _("none"),
            distances=", ".join(f"{n}: {look.number(distance)}" for n, distance in distances),
        )

    def score(self, state: Any, result: PrototypeResult) -> str:
        """How many queries are judged right in this embedding."""
        return _("{embedding}: {right} of {asked} right, {share:.0f} %").format(
            embedding=_(self.names[state.embedding]),
            right=int(result.right.sum()),
            asked=result.right.size,
            share=100 * result.right.mean(),
        )


def pointed_at(state: Any, result: PrototypeResult) -> str:
    """The example that is pointed at, and what it is judged to be."""
    here = way, number = state.pointed
    query = number - state.shots
    nearest = int(result.distances[here].argmin())
    said = (
        _("You point at query {n} of class {way}; nearest prototype: {answer} {mark}")
        if query >= 0
        else _("You point at support {n} of class {way}; nearest prototype: {answer} {mark}")
    )
    mark = "✓" if nearest == way else "✗"
    return said.format(n=(query if query >= 0 else number) + 1, way=way + 1, answer=nearest + 1, mark=mark)


def remark(distance: str, stands_in: np.ndarray) -> str:
    """How to read the plane, who stands in a foreign region, what this distance changes, and how to go on."""
    said = [
        _(
            "The plane is the one in which this episode's embeddings vary most (PCA). A region is that of "
            "the prototype nearest to its points. Queries and prototypes lie off the plane; queries are "
            "judged in all dimensions."
        )
    ]
    abroad = [(way, region) for way, region in enumerate(stands_in) if way != region]
    if abroad:
        way, region = abroad[0]
        said.append(
            _(
                "So prototype {way} is drawn in the region of {region}, and is nearest to itself all the "
                "same."
            ).format(way=way + 1, region=region + 1)
        )
    if distance == "euclidean":
        said.append(
            _(
                "The square root does not change which prototype is nearest, so all answers are those of the "
                "squared distance. What it changes is the loss in training: see chapter 6."
            )
        )
    return " ".join([*said, _(HOW)])
