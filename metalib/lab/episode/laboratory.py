"""The episode laboratory: play an N-way K-shot episode against a learner, on characters neither has seen.

State: ways, shots, queries a class, script, the episode's number, the answers given so far and the class that
is pointed at. The rules are in `rules`, the painter in `picture`.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.episode.picture import EpisodePicture
from metalib.lab.episode.rules import (
    EVERY_SCRIPT,
    MAX_QUERIES,
    MAX_SHOTS,
    MAX_WAYS,
    Answer,
    EpisodeResult,
    deal,
    play,
)
from metalib.lab.laboratory import Laboratory
from metalib.lab.surface import KeyEvent, PointerEvent
from metalib.learners import Learner


class EpisodeLaboratory(Laboratory):
    """Play N-way K-shot episodes against a learner: click on a class, or press its number.

    The arrow keys point at a class, Enter answers; Enter at the end deals the next episode.

    Args:
        learner: the opponent; by default the shipped ProtoNet.
        images: characters that it was not trained on; by default the glyphs of the test split that the
            shipped ProtoNet belongs to.
        opponent: its name.
        initial: initial values: ways, shots, queries (a class), script, draw.
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
        scripts = {_("all scripts"): EVERY_SCRIPT}
        scripts |= {name: name for name in sorted(counts) if counts[name] >= MAX_WAYS}
        first = {"ways": 5, "shots": 1, "queries": 1, "script": EVERY_SCRIPT, "draw": 1, **initial}

        # The learner answers once for each episode, not at every press of a key.
        dealt = functools.lru_cache(maxsize=32)(functools.partial(deal, images, learner))

        def compute(answers: tuple[Answer, ...], cursor: int, **which: Any) -> EpisodeResult:
            return play(dealt(**which), answers, cursor)

        answers, cursor = controls.Hidden(), controls.Hidden()
        answers.value, cursor.value = (), 0
        super().__init__(
            compute,
            EpisodePicture(opponent),
            {
                "ways": controls.whole_slider(_("ways"), first.pop("ways"), 2, MAX_WAYS),
                "shots": controls.whole_slider(_("shots"), first.pop("shots"), 1, MAX_SHOTS),
                "queries": controls.whole_slider(_("queries"), first.pop("queries"), 1, MAX_QUERIES),
                "script": controls.choice(_("script"), scripts, first.pop("script")),
                "draw": controls.Counter(_("new episode"), _("no. {number}"), first.pop("draw")),
                "answers": answers,
                "cursor": cursor,
            },
            label=_("The query and the classes: press the number of its class"),
        )
        if first:
            raise TypeError(_("The episode laboratory has no {name}.").format(name=", ".join(first)))
        self.surface.on_pointer(self._touched)
        self.surface.on_key(self._pressed)

    def answer(self, label: int) -> EpisodeResult:
        """Say that the present query is of class `label`, 0 … ways − 1; nothing where the episode is over.

        Raises:
            ValueError: there is no such class.
        """
        result = self.result
        if result.is_over:
            return result
        ways, now = len(result.dealt.names), len(result.yours)
        if not 0 <= label < ways:
            raise ValueError(
                _("There are the classes 1 to {ways}, but no {label}.").format(ways=ways, label=label + 1)
            )
        given = Answer(result.dealt.key, label, result.dealt.machine[now], result.dealt.truth[now])
        return self.set(answers=(*self.state["answers"], given), cursor=label)

    def _touched(self, event: PointerEvent) -> None:
        if event.kind == "down" and not self.result.is_over:
            chosen = self.picture.class_at(self.result, event.x, event.y)
            if chosen is not None:
                self.answer(chosen)

    def _pressed(self, event: KeyEvent) -> None:
        cursor = self.result.cursor
        if event.key.isdecimal():
            self.answer(int(event.key) - 1)
        elif event.key in ("Enter", " ") and cursor is None:
            self.set(draw=self.state["draw"] + 1, cursor=0)
        elif event.key in ("Enter", " "):
            self.answer(cursor)
        elif event.key in ("ArrowLeft", "ArrowRight") and cursor is not None:
            step = 1 if event.key == "ArrowRight" else -1
            self.set(cursor=(cursor + step) % len(self.result.dealt.names))
