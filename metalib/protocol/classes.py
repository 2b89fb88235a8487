"""Which class an example belongs to, told by what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from metalib.protocol.pictures import Codes, codes, outlines_of

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Drawings:
    """The n drawings that are known of one side of a protocol, and their classes."""

    seen: Codes
    classes: np.ndarray
    """int64 (n,): the class of each."""
    names: list[str]
    """What to call each class."""
    keys: list[tuple[str, str, str]]
    """Source, alphabet and name of each class; none where nothing tells them."""
    outlines: Tensor | None
    """See `outlines_of`."""
    is_whole: bool
    """All drawings there are, not only what came in some tasks."""

    @classmethod
    def of(cls, images: Any) -> Drawings:
        """All drawings of an image set, or of its tensor ``(classes, drawings, ...)``."""
        pictures = tensor_of(images)
        count, each = pictures.shape[:2]
        flat = pictures.flatten(0, 1)
        names = list(getattr(images, "names", None) or map(str, range(count)))
        source, alphabets = getattr(images, "source", ""), getattr(images, "alphabets", ())
        keys = [(source, *pair) for pair in zip(alphabets, names, strict=True)] if source else []
        classes = np.arange(count).repeat(each)
        return cls(codes(flat), classes, names, keys, outlines_of(flat), True)


def tensor_of(images: Any) -> Any:
    """What an image set, or a set of words, holds; anything else as it is."""
    return getattr(images, "images", getattr(images, "tokens", images))


def images_behind(tasks: Any, depth: int = 4) -> Any:
    """The image set or tensor ``(classes, drawings, ...)`` from which tasks are drawn, where they tell it as
    `Episodes` does (``image_set``, ``images``), or what they wrap (``episodes``, ``tasks``); else None."""
    images = getattr(tasks, "image_set", None) or getattr(tasks, "images", None)
    if isinstance(tensor_of(images), Tensor):
        return images
    for name in ("episodes", "tasks"):
        inner = getattr(tasks, name, None)
        if inner is not None and depth:
            return images_behind(inner, depth - 1)
    return None


class ClassBook:
    """Looks up the class of an example by its code. Drawings that several classes have say nothing.

    Args:
        drawings: of all classes.
        rotations: class c · 4 + k is class c turned by k quarters, as in `Episodes`.
    """

    def __init__(self, drawings: Drawings, rotations: bool = False) -> None:
        found, numbers = drawings.seen.exact, drawings.classes
        if rotations:
            found = np.concatenate([drawings.seen.by_quarters(k) for k in range(4)])
            numbers = np.concatenate([4 * numbers + k for k in range(4)])
        order = np.lexsort((numbers, found))
        self._codes, numbers = found[order], numbers[order]
        self._codes, first = np.unique(self._codes, return_index=True)
        last = np.append(first[1:], len(numbers)) - 1
        self._numbers = np.where(numbers[first] == numbers[last], numbers[first], UNKNOWN)
        self.count = len(drawings.names) * (4 if rotations else 1)

    def look_up(self, asked: np.ndarray) -> np.ndarray:
        """The class of each code, `UNKNOWN` where it is none of these."""
        place = np.searchsorted(self._codes, asked).clip(max=len(self._codes) - 1)
        return np.where(self._codes[place] == asked, self._numbers[place], UNKNOWN)


class Families:
    """Classes told apart without being known: examples that had one label in one task are of one class, and
    so are those that are linked by others (a union-find forest)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def find(self, code: int) -> int:
        """The family of a code: the code of one of its members."""
        parent = self._parent
        while (above := parent.setdefault(code, code)) != code:
            parent[code] = parent[above]  # halve the way for the next who asks
            code = above
        return code

    def unite(self, group: np.ndarray) -> None:
        """These belong together."""
        if len(group):
            first = self.find(int(group[0]))
            for code in group[1:]:
                self._parent[self.find(int(code))] = first

    def __len__(self) -> int:
        return len(self._parent)
