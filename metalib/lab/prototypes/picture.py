"""The painter of the prototype laboratory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from metalib import look
from metalib.i18n import _
from metalib.lab.prototypes.episode import MAX_QUERIES, MAX_WAYS, PrototypeResult
from metalib.lab.prototypes.plane import COLOURS, MARKERS, PlanePicture, digit


def distance_names() -> dict[str, str]:
    """The distances in words."""
    return {
        "squared_euclidean": _("squared Euclidean"),
        "euclidean": _("Euclidean"),
        "cosine": _("cosine"),
    }


class PrototypePicture(PlanePicture):
    """Left: the plane with its regions. Right: the drawings, the one pointed at, and the confusion matrix."""

    height = 624
    panel = (24, 88, 540, 450)  # of the plane, in pixels: left, top, width, height
    left, top, wide, high = 626, 88, 354, 232  # of the drawings
    second = 372  # where the lower half of the right side begins
    big, cells = 118, 150  # the drawing pointed at, and the confusion matrix

    def build(self, figure: Figure) -> Iterable[Artist]:
        x, y, wide, high = self.panel
        self.plane = figure.add_axes(
            (x / self.width, 1 - (y + high) / self.height, wide / self.width, high / self.height)
        )
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.axis("off")
        self.sheet.patch.set_visible(False)
        moving = [*self.build_plane(self.plane), *self.build_sheet(self.sheet)]
        self.sheet.set(xlim=(0, self.width), ylim=(self.height, 0))  # pixels, from the top left
        return moving

    def build_sheet(self, axes: Any) -> list[Artist]:
        """The right half and the line below; returns what moves."""
        blank = np.full((2, 2), 255)
        images = {"cmap": "gray", "vmin": 0, "vmax": 255, "aspect": "auto", "interpolation": "bilinear"}
        self.drawn = [axes.imshow(blank, **images) for _image in range(3)]
        self.matrix = axes.imshow(blank, **{**images, "interpolation": "nearest"})
        self.frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor=look.BLACK, linewidth=3)
        axes.add_patch(self.frame)
        corner = (self.width - 20 - self.cells, self.second)
        border = Rectangle(corner, self.cells, self.cells, fill=False, edgecolor=look.GREY)
        axes.add_patch(border)
        (self.crossed,) = axes.plot(
            [], [], marker="x", color=look.VERMILION, markersize=11, markeredgewidth=2.6, linestyle="none"
        )
        self.bars = [Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS]
        for bar in self.bars:
            axes.add_patch(bar)

        def text(x: float, y: float, words: str = "", **style: Any) -> Artist:
            style = {"fontsize": look.SMALL, "va": "center_baseline", **style}
            return axes.text(x, y, words, **style)

        bold = {"fontweight": "bold"}
        self.titles = [text(x, 24, fontsize=look.TITLE, **bold) for x in (24, self.left)]
        text(self.left, 68, _("support set, then queries"))
        self.rows, self.marks = [], []
        for colour, marker in zip(COLOURS, MARKERS, strict=True):
            self.rows.append(digit(axes, len(self.rows) + 1, color=colour))
            self.marks += axes.plot([], [], marker=marker, color=colour, markersize=8, linestyle="none")
        self.chosen = text(self.left - 46, self.second - 22, **bold)
        self.verdict = text(self.left - 46, self.second + self.big + 22)
        self.says = [digit(axes, way + 1) for way in range(MAX_WAYS)]
        text(self.width - 20, self.second - 22, _("confusion"), ha="right", **bold)
        text(self.width - 20, self.second + self.cells + 22, _("rows: the true class"), ha="right")
        self.counts = [digit(axes, count) for count in range(1, MAX_QUERIES + 1)]
        self.shows = text(24, 556, **bold)
        # What stands still is drawn once: letters are the dearest part of a picture.
        note = _(
            "The plane is the one in which this episode's embeddings vary most (PCA). A region is that of "
            "the prototype nearest\nto the points of this plane. Queries lie off it, and are judged in all "
            "dimensions."
        )
        text(24, 573, note, linespacing=1.4, va="top")
        texts = [*self.titles, *self.rows, self.chosen, self.verdict, *self.says, *self.counts]
        moving = [*self.drawn, self.matrix, border, self.frame, self.crossed, *self.bars, *self.marks, *texts]
        return [*moving, self.shows]

    def layout(self, result: PrototypeResult) -> tuple[float, float]:
        """The size of a drawing in pixels, and where the queries begin."""
        ways, shots, queries = *result.support.shape[:2], result.query.shape[1]
        size = min((self.wide - 14) / (shots + queries), self.high / ways, 62)
        return size, self.left + shots * size + 14

    def example_at(self, result: PrototypeResult, x: float, y: float) -> tuple[int, int] | None:
        """The example, as `PrototypeResult.selected`, at (x, y), 0..1 from left and top; None elsewhere."""
        (ways, shots), queries = result.support.shape[:2], result.query.shape[1]
        size, begin = self.layout(result)
        across, down = x * self.width, y * self.height
        row = int((down - self.top) // size)
        if across >= self.left and 0 <= row < ways:
            queried = across >= begin
            column = int((across - (begin if queried else self.left)) // size) - (0 if queried else shots)
            inside = column < queries if queried else column < 0
            return (row, column) if inside else None
        point = self.to_data(self.plane, x, y)
        if point is None:
            return None
        places = self.scaled(result, np.concatenate([result.support, result.query], axis=1))  # (N, K + Q, 2)
        distance = np.linalg.norm(places - point, axis=-1)
        way, column = np.unravel_index(int(distance.argmin()), distance.shape)
        return (int(way), int(column) - shots) if distance.min() < 0.15 else None

    def update(self, result: PrototypeResult) -> None:
        self.update_plane(result)
        self.update_drawings(result)
        self.update_chosen(result)
        self.update_confusion(result)
        name, right, asked = result.embedding, int(result.right.sum()), result.right.size
        self.titles[0].set_text(
            _("{embedding}: {right} of {asked} right, {share:.0f} %").format(
                embedding=name if len(name) <= 26 else name[:25] + "…",
                right=right,
                asked=asked,
                share=100 * result.accuracy,
            )
        )
        self.titles[1].set_text(
            _("{ways}-way {shots}-shot").format(ways=len(result.support), shots=result.support.shape[1])
        )
        self.shows.set_text(
            _("shows {share:.0f} % of the variance in {dimensions} dimensions").format(
                share=100 * result.share, dimensions=result.dimensions
            )
        )

    def update_drawings(self, result: PrototypeResult) -> None:
        """The drawings class by class, with a cross on each query that is misjudged."""
        ways, shots = result.support.shape[:2]
        size, begin = self.layout(result)
        look.show_drawings(self.drawn[0], result.dealt.support, self.left, self.top, size)
        look.show_drawings(self.drawn[1], result.dealt.query, begin, self.top, size)
        for way, (row, mark) in enumerate(zip(self.rows, self.marks, strict=True)):
            middle = self.top + (way + 0.5) * size
            for line, x in ((row, self.left - 33), (mark, self.left - 14)):
                line.set_data([x] if way < ways else [], [middle] if way < ways else [])
        rows, columns = (~result.right).nonzero()
        self.crossed.set_data(begin + (columns + 0.5) * size, self.top + (rows + 0.5) * size)
        way, column = result.selected
        x = begin + column * size if column >= 0 else self.left + (shots + column) * size
        self.frame.set_bounds(x, self.top + way * size, size, size)

    def update_chosen(self, result: PrototypeResult) -> None:
        """The drawing pointed at, and its distances to the prototypes as bars."""
        way, column = result.selected
        drawings = result.dealt.query if column >= 0 else result.dealt.support
        left, distances = self.left - 46, result.selected_distances
        look.show_drawings(self.drawn[2], drawings[way, column][None, None], left, self.second, self.big)
        self.chosen.set_text(self.name(result))
        nearest = int(distances.argmin())
        self.verdict.set_text(
            _("bars: distances; nearest: {answer} {mark}").format(
                answer=nearest + 1, mark="✓" if nearest == way else "✗"
            )
        )
        high, begin, longest = (
            self.big / len(distances),
            left + self.big + 24,
            max(float(distances.max()), 1e-12),
        )
        for number_, (bar, say) in enumerate(zip(self.bars, self.says, strict=True)):
            shown = number_ < len(distances)
            bar.set_visible(shown)
            say.set_data([], [])
            if shown:
                top = self.second + number_ * high
                bar.set_bounds(begin, top + 0.14 * high, 1 + 46 * distances[number_] / longest, 0.72 * high)
                say.set_data([begin - 11], [top + high / 2])

    def update_confusion(self, result: PrototypeResult) -> None:
        """The confusion matrix: shades of blue, and its counts."""
        ways, counts = len(result.support), result.confusion
        size, left = self.cells / ways, self.width - 20 - self.cells
        self.matrix.set_data(255 - 110 * counts / counts.sum(axis=1, keepdims=True))
        self.matrix.set_extent((left, left + self.cells, self.second + self.cells, self.second))
        for count, line in enumerate(self.counts, 1):
            rows, columns = (counts == count).nonzero()
            line.set_data(left + (columns + 0.5) * size, self.second + (rows + 0.5) * size)

    def name(self, result: PrototypeResult) -> str:
        """The selected example in words."""
        way, column = result.selected
        words = _("query {n} of class {way}") if column >= 0 else _("support {n} of class {way}")
        return words.format(
            n=column + 1 if column >= 0 else result.support.shape[1] + column + 1, way=way + 1
        )

    def describe(self, result: PrototypeResult) -> str:
        ways, shots = result.support.shape[:2]
        classes = ", ".join(f"{n}: {name}" for n, name in enumerate(result.dealt.names, 1))
        missed = [
            _("query {n} of class {way} goes to {answer}").format(
                n=q + 1, way=c + 1, answer=result.answers[c, q] + 1
            )
            for c, q in zip(*(~result.right).nonzero(), strict=True)
        ]
        distances = ", ".join(f"{n}: {look.number(d)}" for n, d in enumerate(result.selected_distances, 1))
        return _(
            "A {ways}-way {shots}-shot episode, embedding: {embedding}, distance: {distance}; its classes "
            "are {classes}. Right: {right} of {asked} queries. Misjudged: {missed}. The picture shows "
            "{share:.0f} % of the variance in {dimensions} dimensions. You point at {selected}; its "
            "distances to the prototypes are {distances}; the nearest is {nearest}."
        ).format(
            ways=ways,
            shots=shots,
            embedding=result.embedding,
            distance=distance_names()[result.distance],
            classes=classes,
            right=int(result.right.sum()),
            asked=result.right.size,
            missed="; ".join(missed) or _("none"),
            share=100 * result.share,
            dimensions=result.dimensions,
            selected=self.name(result),
            distances=distances,
            nearest=int(result.selected_distances.argmin()) + 1,
        )

    def remark(self, result: PrototypeResult) -> str:
        if result.distance == "euclidean":
            return _(
                "The square root does not change which prototype is nearest, so all answers are those of the "
                "squared distance. What it changes is the loss in training: see chapter 6."
            )
        return ""
