"""The episode laboratory: play an N-way K-shot episode against a learner, on characters neither has seen.

Both players get the same support set and the same queries. Neither is told the truth before the last query is
answered: a query whose label is known would be one more support example.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from metalib import look
from metalib.data import ImageSet
from metalib.i18n import N_, _
from metalib.lab.controls import choice, counter, hidden, whole_slider
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import Sheet
from metalib.lab.parts import Keys, Touch, View
from metalib.lab.picture import Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Panel, Words
from metalib.learners import Learner
from metalib.tasks import Episodes

MAX_WAYS, MAX_SHOTS, MAX_QUERIES = 9, 5, 3  # so many ways because each class has one key, 1 to 9
EVERY_SCRIPT = ""


class EpisodeKey(NamedTuple):
    """Which episode it is; `queries` are those of one class, `number` seeds the draw."""

    script: str
    ways: int
    shots: int
    queries: int
    number: int


class Given(NamedTuple):
    """One answer of the player, beside the learner's and the truth."""

    episode: EpisodeKey
    yours: int
    machine: int
    truth: int


@dataclass(frozen=True)
class EpisodeState:
    """An episode, the answers given so far in this one and in others, and the class that is pointed at."""

    ways: int = whole_slider(N_("ways"), 5, 2, MAX_WAYS)
    shots: int = whole_slider(N_("shots"), 1, 1, MAX_SHOTS)
    queries: int = whole_slider(N_("queries"), 1, 1, MAX_QUERIES)
    script: str = choice(N_("script"), {}, EVERY_SCRIPT)
    draw: int = counter(N_("new episode"), N_("no. {number}"), 1)
    answers: tuple[Given, ...] = hidden(())
    cursor: int = hidden(0)

    @property
    def episode(self) -> EpisodeKey:
        """Which one is played."""
        return EpisodeKey(self.script, self.ways, self.shots, self.queries, self.draw)

    @property
    def pointed(self) -> int:
        """The class that Enter would answer: `cursor`, or the nearest where there are fewer classes now."""
        return min(max(self.cursor, 0), self.ways - 1)


class DealtEpisode(NamedTuple):
    """An episode and the learner's answers. N ways, K shots, Q queries in all; labels are 0 … N − 1."""

    support: np.ndarray  # uint8 (N, K, H, W), ink = 255
    query: np.ndarray  # uint8 (Q, H, W), in the order in which they are asked
    truth: tuple[int, ...]  # (Q,)
    machine: tuple[int, ...]  # (Q,), the learner's answers
    names: tuple[str, ...]  # (N,), the characters


class Score(NamedTuple):
    """Right answers in the episodes played to the end: `yours` and `machine` of `n` queries."""

    n: int
    yours: int
    machine: int


class EpisodeResult(NamedTuple):
    """The episode, the player's answers to it so far, and the score since the start."""

    dealt: DealtEpisode
    yours: tuple[int, ...]
    score: Score

    @property
    def is_over(self) -> bool:
        """Are all queries answered."""
        return len(self.yours) == len(self.dealt.truth)


@torch.no_grad()
def deal(images: ImageSet, learner: Learner, which: EpisodeKey) -> DealtEpisode:
    """Draw an episode and let `learner` answer it; the same key gives the same episode.

    Raises:
        ValueError: too few characters or drawings; see `metalib.Episodes`.
    """
    if which.script != EVERY_SCRIPT:
        images = images.subset([i for i, name in enumerate(images.alphabets) if name == which.script])
    generator = torch.Generator().manual_seed(which.number)
    episodes = Episodes(images, which.ways, which.shots, which.queries)
    classes, drawings = episodes.draw(1, generator)
    batch = episodes.gather(classes, drawings)
    # Queries come class by class: asked in that order, they would give themselves away.
    order = torch.randperm(which.ways * which.queries, generator=generator)
    learner.eval()
    scores = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    shown = episodes.pictures(classes, drawings)[0].amax(dim=2)  # of colours the one with most ink
    return DealtEpisode(
        support=shown[:, : which.shots].numpy(),
        query=shown[:, which.shots :].flatten(0, 1)[order].numpy(),
        truth=tuple(batch.query_y[0, order].tolist()),
        machine=tuple(scores.argmax(dim=-1)[0, order].tolist()),
        names=tuple(images.names[i] for i in classes[0].tolist()),
    )


def play(dealt: DealtEpisode, state: EpisodeState) -> EpisodeResult:
    """How far the dealt episode is, and the score.

    Only episodes answered to the end are counted: a score that moved with every answer would tell the truth.
    """
    given = Counter(one.episode for one in state.answers)
    counted = [one for one in state.answers if given[one.episode] == one.episode.ways * one.episode.queries]
    yours = sum(one.yours == one.truth for one in counted)
    machine = sum(one.machine == one.truth for one in counted)
    here = tuple(one.yours for one in state.answers if one.episode == state.episode)
    return EpisodeResult(dealt, here, Score(len(counted), yours, machine))


def answered(state: EpisodeState, result: EpisodeResult, label: int) -> EpisodeState:
    """The state once the present query is said to be of class `label`; the same where the episode is over.

    Raises:
        ValueError: there is no such class.
    """
    if result.is_over:
        return state
    if not 0 <= label < state.ways:
        raise ValueError(
            _("There are the classes 1 to {ways}, but no {label}.").format(ways=state.ways, label=label + 1)
        )
    now = len(result.yours)
    given = Given(state.episode, label, result.dealt.machine[now], result.dealt.truth[now])
    return replace(state, answers=(*state.answers, given), cursor=label)


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
    left, top, wide, high = 24, 48, 522, 320  # of the support set, in pixels
    right, above = 600, 14  # where the queries begin
    written = 26  # below each query of the review

    def __init__(self, opponent: str) -> None:
        super().__init__()
        self.opponent = opponent

    def build(self, figure: Figure) -> Iterable[Artist]:
        sheet = Sheet(figure, self.width, self.height)
        line = sheet.line(moves=False, color=look.LIGHT_GREY, linewidth=1.5)
        line.set_data([self.right - 26] * 2, [12, self.height - 12])
        self.support, self.asked = sheet.tiles(), sheet.tiles()
        self.frame = sheet.frame(edgecolor=look.BLUE, linewidth=3.5)
        bold = {"fontsize": look.TEXT, "fontweight": "bold"}
        self.numbers = [sheet.text(0, 28, ha="center", **bold) for _class in range(MAX_WAYS)]
        self.review = [
            (sheet.tiles(), sheet.text(0, 0, ha="center", va="top"),
             sheet.text(0, 0, ha="right", va="top", fontweight="bold"))
            for _query in range(MAX_WAYS * MAX_QUERIES)
        ]  # fmt: skip
        return sheet.moving

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
        words = _("A {ways}-way {shots}-shot episode; its classes are {classes}. ").format(
            ways=state.ways, shots=state.shots, classes=classes
        )
        if result.is_over:
            one = _("query {n} is class {truth}, you said {yours}, {opponent} {machine}")
            rows = enumerate(zip(dealt.truth, result.yours, dealt.machine, strict=True), 1)
            words += _("It is over: {said}.").format(
                said="; ".join(
                    one.format(n=n, truth=t + 1, yours=y + 1, opponent=self.opponent, machine=m + 1)
                    for n, (t, y, m) in rows
                )
            )
        else:
            words += _("Query {n} of {total}; you point at class {cursor}.").format(
                n=len(result.yours) + 1, total=len(dealt.truth), cursor=state.pointed + 1
            )
        return f"{words} {self.score_in_words(result.score)}"

    def score_in_words(self, score: Score) -> str:
        """The score, once there is one."""
        if not score.n:
            return _("Score: play the episode to its end.")
        text = _("Score after {n} queries: you {yours} ({you:.0f} %), {opponent} {machine} ({it:.0f} %)")
        share = {"you": 100 * score.yours / score.n, "it": 100 * score.machine / score.n}
        return text.format(opponent=self.opponent, **score._asdict(), **share)


class EpisodeLaboratory(Laboratory):
    """Play N-way K-shot episodes against a learner: click on a class, or press its number.

    The arrow keys point at a class, Enter answers; Enter at the end deals the next episode.

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
        if learner is None:
            from metalib import weights  # only where it is needed

            learner = weights.load("glyphs-protonet")
        if images is None:
            from metalib.data import glyphs

            # By character, as it was trained. Of the scripts that the other split holds out it knows most
            # characters: playing with those would not be fair.
            images = glyphs("test", by="character")
        counts = Counter(images.alphabets)
        scripts = {name: name for name in sorted(counts) if counts[name] >= MAX_WAYS}
        # The learner answers once for each episode, not at every press of a key.
        dealt = lru_cache(maxsize=32)(partial(deal, images, learner))
        super().__init__(
            EpisodeState,
            lambda state: play(dealt(state.episode), state),
            EpisodePainter(opponent),
            initial=initial,
            allowed={"script": {EVERY_SCRIPT: N_("all scripts"), **scripts}},
            on=[Touch(touched), Keys(pressed)],
            label=_("The query and the classes: press the number of its class"),
        )

    def answer(self, label: int) -> EpisodeResult:
        """Say that the present query is of class `label`, 0 … ways − 1; nothing where the episode is over.

        Raises:
            ValueError: there is no such class.
        """
        return self.go(answered(self.state, self.result, label))
