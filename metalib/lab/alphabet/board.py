"""What lies on the board of the alphabet laboratory: drawings, the classes they are examples of, and a query.

`play` is the laboratory's pure function, from the state of its controls to what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from metalib.data import drawings
from metalib.data.omniglot import SIZE
from metalib.i18n import _
from metalib.lab.alphabet.rules import Adapt, Answer, Candidates, adapt, answer

MAX_CLASSES, MAX_EXAMPLES = 10, 5
QUERY = 0  # beside the classes 1 … 10: what a drawing can be for

Strokes = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Drawing:
    """One picture on the board.

    pixels: 28 · 28 bytes, ink = 255; strokes: how it was drawn, () where it comes from a data set;
    source: where it comes from then.
    """

    pixels: bytes
    strokes: Strokes = ()
    source: str = ""

    @classmethod
    def of(cls, strokes: Iterable) -> Drawing:
        """What was drawn, brought to Omniglot's look; raises as `metalib.data.drawings.from_strokes`."""
        # Four decimals: what is drawn, saved and loaded again is the same to the bit.
        arrays = drawings.checked(list(strokes))
        rounded = tuple(tuple((x, y) for x, y in np.round(stroke, 4).tolist()) for stroke in arrays)
        return cls(drawings.from_strokes(rounded).tobytes(), rounded)

    @property
    def picture(self) -> np.ndarray:
        """uint8 (28, 28), ink = 255."""
        return np.frombuffer(self.pixels, np.uint8).reshape(SIZE, SIZE)


@dataclass(frozen=True)
class Alphabet:
    """Everything on the board. `examples` are pairs (class, drawing) in the order of the classes 1 … 10."""

    examples: tuple[tuple[int, Drawing], ...] = ()
    query: Drawing | None = None

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """The classes that have examples, in rising order."""
        return tuple(sorted({label for label, _drawing in self.examples}))

    @property
    def support(self) -> np.ndarray:
        """The examples' pictures, uint8 (S, 28, 28)."""
        return np.array([drawing.picture for _label, drawing in self.examples], np.uint8).reshape(
            -1, SIZE, SIZE
        )

    @property
    def labels(self) -> tuple[int, ...]:
        """For each example the place of its class in `classes`: 0 … ways − 1."""
        return tuple(self.classes.index(label) for label, _drawing in self.examples)

    def of_class(self, label: int) -> tuple[Drawing, ...]:
        """The examples of one class."""
        return tuple(drawing for one, drawing in self.examples if one == label)

    def add(self, label: int, drawing: Drawing) -> Alphabet:
        """With one more example, behind those of its class.

        Raises:
            ValueError: there is no such class, or it is full.
        """
        if isinstance(label, bool) or not isinstance(label, int) or not 1 <= label <= MAX_CLASSES:
            raise ValueError(
                _("There is room for {most} classes, 1 to {most}; there is no class {label!r}.").format(
                    most=MAX_CLASSES, label=label
                )
            )
        if len(self.of_class(label)) >= MAX_EXAMPLES:
            raise ValueError(
                _("Class {label} has {most} examples already, and there is no room for more.").format(
                    label=label, most=MAX_EXAMPLES
                )
            )
        examples = sorted((*self.examples, (label, drawing)), key=lambda example: example[0])
        return replace(self, examples=tuple(examples))

    def remove(self, index: int | None) -> Alphabet:
        """Without the example of that number. Raises ValueError where there is none."""
        if index is None or not 0 <= index < len(self.examples):
            raise ValueError(_("There is no example to remove."))
        return replace(self, examples=self.examples[:index] + self.examples[index + 1 :])


@dataclass(frozen=True, eq=False)
class Board:
    """What the laboratory shows.

    target: the class 1 … 10 that is drawn for, or QUERY; pending: the drawing that is not yet among its
    examples; cursor: the number of the example that is pointed at; steps: MAML's inner steps;
    problem: one sentence where the query cannot be answered.
    """

    alphabet: Alphabet
    target: int
    pending: Drawing | None
    cursor: int | None
    steps: int
    answers: tuple[Answer, ...] = ()
    problem: str = ""

    @property
    def rows(self) -> tuple[int, ...]:
        """The classes that have a row: those with examples, and the one that is drawn for."""
        return tuple(sorted({*self.alphabet.classes, self.target} - {QUERY}))


def play(
    methods: Sequence[Candidates],
    alphabet: Alphabet,
    drawing: Strokes = (),
    target: int = QUERY,
    cursor: int | None = None,
    steps: int = 3,
    adapt: Adapt = adapt,
) -> Board:
    """What to show: the answers to the query where there is one, or why there are none."""
    pending = Drawing.of(drawing) if drawing and target != QUERY else None
    if cursor is not None and not 0 <= cursor < len(alphabet.examples):
        cursor = None
    answers, problem = (), ""
    if alphabet.query is not None:
        try:
            answers = answer(methods, alphabet.support, alphabet.labels, alphabet.query.picture, steps, adapt)
        except ValueError as error:
            problem = str(error)
    return Board(alphabet, target, pending, cursor, steps, answers, problem)
