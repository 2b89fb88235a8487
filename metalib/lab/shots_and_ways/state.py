"""The state and the result of the shots-and-ways laboratory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metalib.i18n import N_
from metalib.lab.controls import choice, counter, whole_slider

METHODS = {
    "pixels": N_("pixels"),
    "centroid": N_("plain, cosine"),
    "logistic": N_("logistic"),
    "protonet": N_("ProtoNet"),
    "maml": N_("MAML"),
}
LEAKS = {
    "none": N_("none"),
    "support": N_("a support image again"),
    "twice": N_("one class twice"),
    "sorted": N_("sorted labels"),
    "overlap": N_("training classes"),
    "statistics": N_("query statistics"),
}
ALONG = {"shots": N_("shots"), "ways": N_("ways")}
GRID = {"shots": (1, 2, 3, 5, 10), "ways": (2, 3, 5, 10, 15, 20)}
MAX_SHOTS, MAX_WAYS, QUERIES = 10, 20, 5


@dataclass(frozen=True)
class ShotsAndWaysState:
    """A setting and the leak in it, what the curves go along, the episode `draw`, whose answers are seen."""

    along: str = choice(N_("curves along"), ALONG, "shots")
    ways: int = whole_slider(N_("ways"), 5, 2, MAX_WAYS)
    shots: int = whole_slider(N_("shots"), 1, 1, MAX_SHOTS)
    leak: str = choice(N_("leak"), LEAKS, "none")
    method: str = choice(N_("answers of"), METHODS, "centroid")
    draw: int = counter(N_("new episode"), N_("no. {number}"), 1)


@dataclass(frozen=True)
class Cell:
    """One mean that is worked out: a method on tasks of one size, with a leak or without."""

    method: str
    leak: str
    ways: int
    shots: int


@dataclass(frozen=True, eq=False)
class MethodCurve:
    """A method along shots or ways; each is (P,), not a number where nothing is known yet."""

    mean: np.ndarray
    half: np.ndarray
    clean: np.ndarray
    """The mean without the leak."""


@dataclass(frozen=True)
class Here:
    """A method at the present setting, in fractions: its mean, half its interval, from n tasks; and what the
    leak adds, with half the interval of that."""

    mean: float
    half: float
    n: int
    added: float
    added_half: float


@dataclass(frozen=True, eq=False)
class ShotsAndWaysResult:
    """One episode, and all curves as far as they are known."""

    pictures: np.ndarray  # uint8 (N, K + Q, H, W), support before query
    numbers: np.ndarray  # (N,): of the classes, in the image set
    names: tuple[str, ...]  # (N,)
    right: np.ndarray | None  # bool (N, Q): the chosen method's answers; None if it cannot do the task
    x: tuple[int, ...]  # (P,): shots or ways
    curves: dict[str, MethodCurve]
    here: dict[str, Here]
    is_done: bool
    """Whether all means have all their tasks."""

    @property
    def n(self) -> int:
        """How many tasks the means of this setting have, at most."""
        return max((one.n for one in self.here.values()), default=0)
