"""The state of the alphabet laboratory, and what it leads to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from metalib.i18n import N_
from metalib.lab.alphabet.answers import Method, MethodAnswer, answer
from metalib.lab.alphabet.examples import Alphabet, Drawing, Strokes
from metalib.lab.controls import choice, hidden, whole_slider

QUERY = 0  # beside the classes 1 … 10: what is written can be for the query


@dataclass(frozen=True)
class AlphabetState:
    """The board and the pad.

    `target` is the class 1 … 10 that is written for, or `QUERY`; `strokes` are on the pad: the query's, or of
    an example that is not on the board yet. `cursor` is the number of the example that is pointed at.
    `character` of `script` is the class of the data set that `pick` takes from.
    """

    target: int = choice(N_("I draw"), {})
    steps: int = whole_slider(N_("inner steps"), 3, 0, 10)
    script: str = choice(N_("data set"), {})
    character: int = choice(N_("character"), {})
    alphabet: Alphabet = hidden(Alphabet())
    strokes: Strokes = hidden(())
    cursor: int | None = hidden(None)

    @property
    def rows(self) -> tuple[int, ...]:
        """The classes that have a row: those with examples, and the one that is written for."""
        return tuple(sorted({*self.alphabet.classes, self.target} - {QUERY}))


@dataclass(frozen=True, eq=False)
class AlphabetResult:
    """What a state leads to.

    pending: the drawing that is not yet among the examples of its class; answers: one of each method, or none
    where there is no query; problem: one sentence where it cannot be answered.
    """

    pending: Drawing | None
    answers: tuple[MethodAnswer, ...] = ()
    problem: str = ""


def judge(methods: Iterable[Method], state: AlphabetState) -> AlphabetResult:
    """The answers to the query where there is one, or why there are none."""
    alphabet, answers, problem = state.alphabet, (), ""
    pending = Drawing.of(state.strokes) if state.strokes and state.target != QUERY else None
    if alphabet.query is not None:
        try:
            answers = answer(methods, alphabet.support, alphabet.labels, alphabet.query.picture, state.steps)
        except ValueError as error:
            problem = str(error)
    return AlphabetResult(pending, answers, problem)
