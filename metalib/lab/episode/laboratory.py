"""The episode laboratory: what it shows of an episode, and what clicks and keys do."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from matplotlib.figure import Figure

from metalib import look, weights
from metalib.data import ImageSet, glyphs
from metalib.i18n import N_, _
from metalib.lab.arguments import of_kind
from metalib.lab.episode.rules import (
    EVERY_SCRIPT,
    MAX_QUERIES,
    MAX_WAYS,
    EpisodeResult,
    EpisodeState,
    Score,
    answered,
    deal,
    play,
    started_again,
)
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import Sheet
from metalib.lab.parts import Buttons, Keys, Touch, View
from metalib.lab.picture import Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Panel, Words
from metalib.learners import Learner


def touched(view: View, x: float, y: float) -> EpisodeState | None:
    """A click on a class answers."""
    label = view.painter.class_at(view.state, x, y)
    return None if label is None else answered(view.state, view.result, label)


def pressed(view: View, event: KeyEvent) -> EpisodeState | None:
    """A number answers, arrows point and Enter answers; Enter at the end deals the next episode."""
    state, over = view.state, view.result.is_over
    if event.key.isdecimal():
        return answered(state, view.result, int(event.key) - 1)
    if event.key in ("Enter", " "):
        if over:
            return replace(state, draw=state.draw + 1, cursor=0)
        return answered(state, view.result, state.pointed)
    if event.key in ("ArrowLeft", "ArrowRight") and not over:
        step = 1 if event.key == "ArrowRight" else -1
        return replace(state, cursor=(state.pointed + step) % state.ways)
    return None


class EpisodePainter(Painter):
    """Left: the support set, a column for each class. Right: one query, and at the end all of them."""

    height = 380
    fold = 0.574
    left, top, wide, high = 24, 48, 522, 320  # of the support set, in pixels
    right, above = 600, 14  # where the queries begin
    written = 26  # below each query of the review

    def __init__(self, opponent: str) -> None:
        super().__init__()
        self.opponent = opponent

    def build(self, figure: Figure) -> None:
        sheet = Sheet(figure, self.width, self.height)
        line = sheet.line(moves=False, color=look.LIGHT_GREY, linewidth=1.5)
        line.set_data([self.right - 26] * 2, [12, self.height - 12])
        self.support, self.asked = sheet.tiles(), sheet.tiles()
        self.frame = sheet.frame(edgecolor=look.BLUE, linewidth=3.5)
        bold: look.Style = {"fontsize": look.TEXT, "fontweight": "bold"}
        self.numbers = [sheet.text(0, 28, ha="center", **bold) for _class in range(MAX_WAYS)]
        self.review = [
            (sheet.tiles(), sheet.text(0, 0, ha="center", va="top"),
             sheet.text(0, 0, ha="right", va="top", fontweight="bold"))
            for _query in range(MAX_WAYS * MAX_QUERIES)
        ]  # fmt: skip

    def column(self, state: EpisodeState) -> float:
        """The width of a class's column in pixels."""
        return min(self.wide / state.ways, self.high / state.shots, 112)

    def class_at(self, state: EpisodeState, x: float, y: float) -> int | None:
        """The class whose column is at (x, y), 0..1 from left and top; None elsewhere."""
        size = self.column(state)
        column = (x * self.width - self.left) / size
        inside = 0 <= column < state.ways and self.top - 40 <= y * self.height < self.top + state.shots * size
        return int(column) if inside else None

    def update(self, state: EpisodeState, result: EpisodeResult) -> None:
        dealt, size, playing = result.dealt, self.column(state), not result.is_over
        look.show_drawings(self.support, dealt.support.swapaxes(0, 1), self.left, self.top, size)
        for number, label in enumerate(self.numbers):
            label.set(text=number + 1 if number < state.ways else "", x=self.left + (number + 0.5) * size)
        left = self.left + state.pointed * size
        self.frame.set(bounds=(left, self.top - 36, size, state.shots * size + 40), visible=playing)
        self.asked.set_visible(playing)
        if playing:
            now = dealt.query[None, len(result.yours), None]
            look.show_drawings(self.asked, now, self.right, self.above, 256)
        self.update_review(result)

    def update_review(self, result: EpisodeResult) -> None:
        """All queries with the truth and both answers, once it may be told."""
        dealt = result.dealt
        count = len(dealt.truth) if result.is_over else 0
        across = min(6, max(3, math.ceil(math.sqrt(count))))
        size = 384 / across
        side = min(size - 22, 360 / math.ceil(max(count, 1) / across) - self.written)
        for number, parts in enumerate(self.review):
            for part in parts:
                part.set_visible(number < count)
            if number >= count:
                continue
            tile, marks, label = parts
            row, column = divmod(number, across)
            middle, above = self.right + (column + 0.5) * size, self.above + row * (side + self.written)
            look.show_drawings(tile, dealt.query[None, number, None], middle - side / 2, above, side)
            truth, given = dealt.truth[number], (result.yours[number], dealt.machine[number])
            said = " ".join(f"{answer + 1}{'✓' if answer == truth else '✗'}" for answer in given)
            marks.set_text(said)
            marks.set_position((middle, above + side + 2))
            label.set_text(truth + 1)
            label.set_position((middle - side / 2 - 4, above))

    def words(self, state: EpisodeState, result: EpisodeResult) -> Words:
        support = _("{ways}-way {shots}-shot, {script}: support").format(
            ways=state.ways, shots=state.shots, script=state.script or _("all scripts")
        )
        if result.is_over:
            query = _("the episode is over")
            note = _("bold: the true class; below: you, {opponent}").format(opponent=self.opponent)
            remark = _("Press Enter, or the button, for the next episode.")
        else:
            now, total = len(result.yours) + 1, len(result.dealt.truth)
            query, note = _("query {n} of {total}").format(n=now, total=total), ""
            remark = _("Which class is it? Click on it, press its number, or point with ← → and press Enter.")
        left = Panel(self.left / self.width, 0.57, support, note=self.score_in_words(result.score))
        return Words((left, Panel(self.right / self.width, 1.0, query, note=note)), remark)

    def describe(self, state: EpisodeState, result: EpisodeResult) -> str:
        dealt = result.dealt
        classes = ", ".join(f"{number}: {name}" for number, name in enumerate(dealt.names, 1))
        words = _("The classes are {classes}.").format(classes=classes)
        if result.is_over:
            one = _("query {n} is class {truth}, you said {yours}, {opponent} {machine}")
            rows = enumerate(zip(dealt.truth, result.yours, dealt.machine, strict=True), 1)
            said = _("; ").join(
                one.format(n=n, truth=t + 1, yours=y + 1, opponent=self.opponent, machine=m + 1)
                for n, (t, y, m) in rows
            )
            return f"{words} " + _("It is over: {said}.").format(said=said)
        return f"{words} " + _("You point at class {n}.").format(n=state.pointed + 1)

    def score_in_words(self, score: Score) -> str:
        """The score of this setting, once there is one, and after two episodes by how much one is ahead."""
        if not score.n:
            return _("No score with this setting yet: play the episode to its end.")
        text = _("Score after {n} queries: you {yours} ({you:.0f} %), {opponent} {machine} ({it:.0f} %)")
        share = {"you": 100 * score.yours / score.n, "it": 100 * score.machine / score.n}
        said = text.format(opponent=self.opponent, **score._asdict(), **share)
        if score.episodes < 2:
            return said
        ahead = _("{score}; difference {ahead:+.0f} ± {half:.0f} % over {episodes} episodes")
        return ahead.format(
            score=said, ahead=100 * score.ahead, half=100 * score.half_width, episodes=score.episodes
        ).replace("-", "−")


class EpisodeLaboratory(Laboratory):
    """Play N-way K-shot episodes against a learner: click on a class, or press its number.

    The arrow keys point at a class, Enter answers; Enter at the end deals the next episode. Each setting
    (script, ways, shots) has a score of its own.

    Args:
        learner: the opponent; by default the shipped ProtoNet.
        images: characters that it was not trained on; by default the glyphs of the test split that the
            shipped ProtoNet belongs to.
        opponent: its name.
        initial: values of `EpisodeState` to begin with.
    """

    def __init__(
        self,
        learner: Learner | None = None,
        images: ImageSet | None = None,
        opponent: str = "ProtoNet",
        **initial: Any,
    ) -> None:
        learner = weights.load("glyphs-protonet") if learner is None else learner
        # By character, as it was trained. Of the scripts that the other split holds out it knows most
        # characters: playing with those would not be fair.
        images = glyphs("test", by="character") if images is None else images
        of_kind("learner", learner, Learner)
        counts = Counter(of_kind("images", images, ImageSet).alphabets)
        scripts = {name: name for name in sorted(counts) if counts[name] >= MAX_WAYS}
        # The learner answers once for each episode, not at every press of a key.
        dealt = lru_cache(maxsize=32)(partial(deal, images, learner))
        super().__init__(
            EpisodeState,
            lambda state: play(dealt(state.episode), state),
            EpisodePainter(opponent),
            initial=initial,
            allowed={"script": {EVERY_SCRIPT: N_("all scripts"), **scripts}},
            on=[
                Touch(touched),
                Keys(pressed),
                Buttons({"again": (N_("forget the scores"), lambda view: started_again(view.state))}),
            ],
            label=_("The query and the classes: press the number of its class"),
        )

    def answer(self, label: int) -> EpisodeResult:
        """Say that the present query is of class `label`, 0 … ways − 1; nothing where the episode is over.

        Raises:
            TypeError: `label` is no whole number.
            ValueError: there is no such class.
        """
        return self.go(answered(self.state, self.result, label))
