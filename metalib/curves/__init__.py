"""Learning curves: the error on new tasks against the number of examples, for several ways to learn.

`python -m metalib curves` measures them and writes `curves.json` beside this file, which the chapter and the
laboratory show; a test measures some of its points again. Every method has the same chance: its settings are
chosen for each number of shots on *validation* tasks, from a list that stands in `methods`, and its error is
then measured once on *test* tasks, the same ones for all methods.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from metalib.curves.families import FAMILIES, Family, find
from metalib.curves.measure import FILE, score
from metalib.curves.methods import Method, Setting

__all__ = ["FAMILIES", "Curve", "Family", "Method", "Setting", "card", "find", "load", "score"]


@dataclass(frozen=True)
class Curve:
    """One measured curve: P points, lists in the order of the shots."""

    name: str
    shots: list[int]
    mean: list[float]
    half_width: list[float]
    settings: list[Setting]
    n_tasks: int

    def at(self, shots: int) -> tuple[float, float]:
        """Mean and half-width at one of the measured numbers of shots."""
        place = self.shots.index(shots)
        return self.mean[place], self.half_width[place]


@cache
def card() -> dict[str, Any]:
    """The whole measured file: command, versions, digests of the weights, seeds, and the curves."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def load(family: str) -> dict[str, Curve]:
    """The measured curves of a family by method.

    Raises:
        ValueError: no such family.
    """
    described = find(family)
    return {
        key: Curve(
            described.methods[key].name,
            shots=[point["shots"] for point in points],
            mean=[point["mean"] for point in points],
            half_width=[point["half_width"] for point in points],
            settings=[point["setting"] for point in points],
            n_tasks=described.n_test,
        )
        for key, points in card()["curves"][family].items()
    }
