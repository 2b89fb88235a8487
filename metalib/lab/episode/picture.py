"""The painter of the episode laboratory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from metalib import look
from metalib.i18n import _
from metalib.lab.episode.rules import MAX_QUERIES, MAX_WAYS, EpisodeResult, Score
from metalib.lab.picture import Picture


class EpisodePicture(Picture):
    """Left: the support set, a column for each class. Right: one query, and at the end all of them."""

    height = 470
    left, top, wide, high = 24, 84, 522, 320  # of the support set, in pixels
    right = 600  # where the queries begin
    written = 26  # below each query of the review

    def __init__(self, opponent: str) -> None:
        super().__init__()
        self.opponent = opponent

    def build(self, figure: Figure) -> Iterable[Artist]:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.plot([self.right - 26] * 2, [24, 410], color=look.LIGHT_GREY, linewidth=1.5)
        images = {"cmap": "gray", "vmin": 0, "vmax": 255, "aspect": "auto", "interpolation": "bilinear"}
        blank = np.full((2, 2), 255)
        made = [axes.imshow(blank, **images) for _image in range(2 + MAX_WAYS * MAX_QUERIES)]
        self.support, self.asked, *self.review = made
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))  # pixels, from the top left
        self.frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor=look.BLUE, linewidth=3.5)
        axes.add_patch(self.frame)

        def text(x: float, y: float, **style: Any) -> Artist:
            return axes.text(x, y, "", **{"fontsize": look.TEXT, "va": "center", **style})

        bold = {"fontweight": "bold"}
        self.heading = text(self.left, 28, fontsize=look.TITLE, **bold)
        self.numbers = [text(0, 64, ha="center", **bold) for _class in range(MAX_WAYS)]
        self.title = text(self.right, 28, fontsize=look.TITLE, **bold)
        self.help = text(self.right, 358, fontsize=look.SMALL, linespacing=1.5)
        self.key = text(self.right, 58, fontsize=look.SMALL)
        small = {"ha": "center", "va": "top", "fontsize": look.SMALL}
        self.marks = [text(0, 0, **small) for _query in range(MAX_WAYS * MAX_QUERIES)]
        self.truths = [text(0, 0, **{**small, "ha": "right", **bold}) for _query in self.marks]
        self.score = text(self.left, 444, **bold)
        texts = [self.heading, *self.numbers, self.title, self.help, self.key]
        texts += [*self.marks, *self.truths, self.score]
        return [*made, self.frame, *texts]

    def column(self, ways: int, shots: int) -> float:
        """The width of a class's column in pixels."""
        return min(self.wide / ways, self.high / shots, 112)

    def class_at(self, result: EpisodeResult, x: float, y: float) -> int | None:
        """The class whose column is at (x, y), 0..1 from left and top; None elsewhere."""
        ways, shots = result.dealt.support.shape[:2]
        size = self.column(ways, shots)
        column = (x * self.width - self.left) / size
        inside = 0 <= column < ways and self.top - 40 <= y * self.height < self.top + shots * size
        return int(column) if inside else None

    def update(self, result: EpisodeResult) -> None:
        dealt, asked = result.dealt, len(result.yours)
        ways, shots = dealt.support.shape[:2]
        size = self.column(ways, shots)
        script = dealt.key[0] or _("all scripts")
        self.heading.set_text(
            _("{ways}-way {shots}-shot, {script}: support").format(ways=ways, shots=shots, script=script)
        )
        look.show_drawings(self.support, dealt.support.swapaxes(0, 1), self.left, self.top, size)
        for number, label in enumerate(self.numbers):
            label.set_text(str(number + 1) if number < ways else "")
            label.set_x(self.left + (number + 0.5) * size)
        self.frame.set_visible(not result.is_over)
        self.frame.set_bounds(self.left + (result.cursor or 0) * size, self.top - 36, size, shots * size + 40)
        self.asked.set_visible(not result.is_over)
        if not result.is_over:
            self.title.set_text(_("query {n} of {total}").format(n=asked + 1, total=len(dealt.truth)))
            self.help.set_text(
                _("Which class is it? Click on it, or press its\nnumber, or point with ← → and press Enter.")
            )
            look.show_drawings(self.asked, dealt.query[None, asked : asked + 1], self.right, self.top, 224)
        else:
            self.title.set_text(_("the episode is over"))
            self.help.set_text("")
        key = _("bold: the true class; below: you, {opponent}").format(opponent=self.opponent)
        self.key.set_text(key if result.is_over else "")
        self.update_review(result)
        self.score.set_text(self.words_for(result.score))

    def update_review(self, result: EpisodeResult) -> None:
        """All queries with the truth and both answers, once it may be told."""
        dealt = result.dealt
        count = len(dealt.truth) if result.is_over else 0
        across = min(6, max(3, math.ceil(math.sqrt(count))))
        size = 384 / across
        drawn = min(size - 22, 336 / math.ceil(max(count, 1) / across) - self.written)
        for number, (tile, mark, label) in enumerate(zip(self.review, self.marks, self.truths, strict=True)):
            tile.set_visible(number < count)
            mark.set_visible(number < count)
            label.set_visible(number < count)
            if number >= count:
                continue
            row, column = divmod(number, across)
            middle, above = self.right + (column + 0.5) * size, self.top + row * (drawn + self.written)
            look.show_drawings(tile, dealt.query[None, number : number + 1], middle - drawn / 2, above, drawn)
            truth = dealt.truth[number]
            given = (result.yours[number], dealt.machine[number])
            marks = " ".join(f"{answer + 1}{'✓' if answer == truth else '✗'}" for answer in given)
            mark.set_text(marks)
            mark.set_position((middle, above + drawn + 2))
            label.set_text(str(truth + 1))
            label.set_position((middle - drawn / 2 - 4, above))

    def words_for(self, score: Score) -> str:
        """The score in words."""
        if not score.n:
            return _("Score: play the episode to its end.")
        return _(
            "Score after {n} queries: you {yours} ({you:.0f} %), {opponent} {machine} ({it:.0f} %)"
        ).format(
            n=score.n,
            yours=score.yours,
            you=100 * score.yours / score.n,
            opponent=self.opponent,
            machine=score.machine,
            it=100 * score.machine / score.n,
        )

    def describe(self, result: EpisodeResult) -> str:
        dealt = result.dealt
        ways, shots = dealt.support.shape[:2]
        classes = ", ".join(f"{number}: {name}" for number, name in enumerate(dealt.names, 1))
        words = _("A {ways}-way {shots}-shot episode; its classes are {classes}.").format(
            ways=ways, shots=shots, classes=classes
        )
        if result.is_over:
            said = "; ".join(
                _("query {n} is class {truth}, you said {yours}, {opponent} {machine}").format(
                    n=n, truth=truth + 1, yours=yours + 1, opponent=self.opponent, machine=machine + 1
                )
                for n, (truth, yours, machine) in enumerate(
                    zip(dealt.truth, result.yours, dealt.machine, strict=True), 1
                )
            )
            words += " " + _("It is over: {said}.").format(said=said)
        else:
            words += " " + _("Query {n} of {total}; you point at class {cursor}.").format(
                n=len(result.yours) + 1, total=len(dealt.truth), cursor=result.cursor + 1
            )
        return f"{words} {self.words_for(result.score)}"

    def remark(self, result: EpisodeResult) -> str:
        return _("Press Enter, or the button, for the next episode.") if result.is_over else ""
