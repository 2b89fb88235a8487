"""The state of the alphabet laboratory, what it leads to, and what a learner can do, state by state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from metalib.data import ImageSet, drawings
from metalib.data.alphabet import Alphabet, Drawing, Strokes
from metalib.i18n import N_, _
from metalib.lab.alphabet.answers import AlphabetMethod, MethodAnswer, answer
from metalib.lab.alphabet.picking import next_drawing
from metalib.lab.controls import choice, hidden, made_of, optional, whole, whole_slider

QUERY = 0  # beside the classes 1 … 10: what is written can be for the query
STEP = {"ArrowLeft": -1, "ArrowUp": -1, "ArrowRight": 1, "ArrowDown": 1}


def drawn(name: str, value: Any) -> Strokes:
    """Strokes, or none yet; raises ValueError for strokes that are none."""
    if not isinstance(value, tuple | list) or value:
        drawings.checked(value)
    return tuple(tuple((x, y) for x, y in stroke) for stroke in value)


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
    alphabet: Alphabet = hidden(Alphabet(), made_of(Alphabet))
    strokes: Strokes = hidden((), drawn)
    cursor: int | None = hidden(None, optional(whole))

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


def judge(methods: Iterable[AlphabetMethod], state: AlphabetState) -> AlphabetResult:
    """The answers to the query where there is one, or why there are none.

    Raises ValueError: the example that is pointed at does not exist.
    """
    alphabet, problem = state.alphabet, ""
    if state.cursor is not None and not 0 <= state.cursor < len(alphabet.examples):
        raise ValueError(_("There is no example {n}.").format(n=state.cursor + 1))
    answers: tuple[MethodAnswer, ...] = ()
    pending = Drawing.of(state.strokes) if state.strokes and state.target != QUERY else None
    if alphabet.query is not None:
        try:
            answers = answer(methods, alphabet.support, alphabet.labels, alphabet.query.picture, state.steps)
        except ValueError as error:
            problem = str(error)
    return AlphabetResult(pending, answers, problem)


def settled(before: AlphabetState, after: AlphabetState) -> AlphabetState:
    """While the query is written for, it is what is on the pad: where one of them changes, the other follows.

    Strokes for a class become the query when that is turned to; from there they go no further. Raises
    ValueError for strokes that are none.
    """
    alphabet, strokes = after.alphabet, after.strokes
    if after.target == QUERY:
        if strokes != before.strokes or (after.target != before.target and strokes):
            alphabet = replace(alphabet, query=Drawing.of(strokes) if strokes else None)
        elif after.target != before.target or alphabet.query != before.alphabet.query:
            strokes = written(alphabet.query)
    elif before.target == QUERY:
        strokes = ()
    there = after.cursor is not None and 0 <= after.cursor < len(alphabet.examples)
    return replace(after, alphabet=alphabet, strokes=strokes, cursor=after.cursor if there else None)


def written(query: Drawing | None) -> Strokes:
    """The strokes of a query, where there are some."""
    return query.strokes if query else ()


def moved(state: AlphabetState, **values: Any) -> AlphabetState:
    """The state with these values, settled."""
    return settled(state, replace(state, **values))


def add(state: AlphabetState) -> AlphabetState:
    """What is on the pad becomes an example; the query is answered already, and makes room for another.

    Raises ValueError: nothing is written, or the class is full.
    """
    if state.target == QUERY:
        return clear(state)
    alphabet = state.alphabet.add(state.target, Drawing.of(state.strokes))
    return moved(state, alphabet=alphabet, strokes=(), cursor=None)


def undo(state: AlphabetState) -> AlphabetState:
    """Without the last stroke on the pad."""
    return moved(state, strokes=state.strokes[:-1])


def clear(state: AlphabetState) -> AlphabetState:
    """Nothing on the pad; and no query, where that is what is written for."""
    query = None if state.target == QUERY else state.alphabet.query
    return moved(state, strokes=(), alphabet=replace(state.alphabet, query=query))


def remove(state: AlphabetState) -> AlphabetState:
    """Without the example that is pointed at, or else the last one of the class that is written for.

    Where one was pointed at, the one in its place is next, so that pressing Delete goes on. Raises ValueError
    where there is none.
    """
    examples, index = state.alphabet.examples, state.cursor
    if index is None:
        own = [n for n, (label, _one) in enumerate(examples) if state.target in (label, QUERY)]
        if examples and not own:
            raise ValueError(
                _("Class {n} has no example: point at one of another class, then remove it.").format(
                    n=state.target
                )
            )
        index = own[-1] if own else None
    alphabet = state.alphabet.remove(index)
    left = len(alphabet.examples)
    pointed = state.cursor is not None and left > 0
    return moved(state, alphabet=alphabet, cursor=min(index or 0, left - 1) if pointed else None)


def start_again(state: AlphabetState) -> AlphabetState:
    """An empty board and an empty pad."""
    return replace(state, alphabet=Alphabet(), strokes=(), cursor=None, target=1)


def pick(state: AlphabetState, images: ImageSet, character: int | None = None) -> AlphabetState:
    """With the next drawing of a character as example or query; what is on the pad for a class stays there.

    Raises as `next_drawing`, or ValueError where the class is full.
    """
    taken = next_drawing(images, state.character if character is None else character, state.alphabet)
    if state.target == QUERY:
        return moved(state, alphabet=replace(state.alphabet, query=taken))
    return moved(state, alphabet=state.alphabet.add(state.target, taken), cursor=None)


def loaded(state: AlphabetState, alphabet: Alphabet) -> AlphabetState:
    """With another alphabet on the board, its query on the pad."""
    return replace(state, alphabet=alphabet, strokes=written(alphabet.query), cursor=None, target=QUERY)


def choose(state: AlphabetState, key: str) -> AlphabetState:
    """A key on the board or on the pad: what is written for."""
    if key.isdecimal():
        return moved(state, target=int(key) or 10)
    return moved(state, target=QUERY) if key == "Home" else state


def press_board(state: AlphabetState, key: str) -> AlphabetState:
    """A key on the board: point at an example, or remove it."""
    count, step = len(state.alphabet.examples), STEP.get(key)
    if step and count:
        start = state.cursor if state.cursor is not None else (-1 if step > 0 else count)
        return replace(state, cursor=(start + step) % count)
    if key in ("Delete", "Backspace"):
        return remove(state)
    return replace(state, cursor=None) if key == "Escape" else choose(state, key)


def press_pad(state: AlphabetState, key: str) -> AlphabetState:
    """A key on the pad; Backspace is its own."""
    if key in ("Enter", " "):
        return add(state)
    return clear(state) if key == "Delete" else choose(state, key)
