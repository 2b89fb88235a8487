"""Characters that somebody has written: drawings, and an alphabet of them with a query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from metalib.data import drawings
from metalib.data.omniglot import SIZE
from metalib.i18n import _

MAX_CLASSES, MAX_EXAMPLES = 10, 5

Strokes = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Drawing:
    """One picture. pixels: 28 · 28 bytes, ink = 255; strokes: how it was written, or () where it comes from
    a data set; source: where it comes from then."""

    pixels: bytes
    strokes: Strokes = ()
    source: str = ""

    @classmethod
    def of(cls, strokes: Iterable) -> Drawing:
        """What was written, brought to Omniglot's look; raises as `metalib.data.drawings.from_strokes`."""
        # Four decimals: what is written, saved and loaded again is the same to the bit.
        arrays = drawings.checked(list(strokes))
        rounded = tuple(tuple(map(tuple, np.round(stroke, 4).tolist())) for stroke in arrays)
        return cls(drawings.from_strokes(rounded).tobytes(), rounded)

    @property
    def picture(self) -> np.ndarray:
        """uint8 (28, 28), ink = 255."""
        return np.frombuffer(self.pixels, np.uint8).reshape(SIZE, SIZE)


@dataclass(frozen=True)
class Alphabet:
    """A few examples of each class, and a query. `examples`: pairs (class 1 … 10, drawing) in order."""

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

    @property
    def is_picked(self) -> bool:
        """Are there examples, and all from a data set."""
        return bool(self.examples) and not any(drawing.strokes for _label, drawing in self.examples)

    def of_class(self, label: int) -> tuple[Drawing, ...]:
        """The examples of one class."""
        return tuple(drawing for one, drawing in self.examples if one == label)

    def first(self, label: int) -> int:
        """The number of a class's first example, or of where it would be."""
        return sum(one < label for one, _drawing in self.examples)

    def place(self, index: int) -> tuple[int, int]:
        """An example's class, and how many of that class lie before it."""
        label = self.examples[index][0]
        return label, index - self.first(label)

    def add(self, label: int, drawing: Drawing) -> Alphabet:
        """One example more, behind those of its class. Raises ValueError: no such class, or a full one."""
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
        return replace(
            self, examples=tuple(sorted((*self.examples, (label, drawing)), key=lambda one: one[0]))
        )

    def remove(self, index: int | None) -> Alphabet:
        """Without the example of that number. Raises ValueError where there is none."""
        if index is None or not 0 <= index < len(self.examples):
            raise ValueError(_("There is no example to remove."))
        return replace(self, examples=self.examples[:index] + self.examples[index + 1 :])
