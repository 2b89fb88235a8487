"""The measured learning curves, read from `curves.json`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from metalib.curves.families import find
from metalib.curves.measure import FILE
from metalib.curves.methods import Setting


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

    def needed(self, target: float) -> float:
        """The smallest measured number of shots with an error of at most `target`; infinite if none has."""
        reached = (shots for shots, mean in zip(self.shots, self.mean, strict=True) if mean <= target)
        return next(reached, math.inf)


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
