"""What the distance laboratory computes: p(y = c | x), its loss, the gradient, and the same for the plane."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from metalib.i18n import N_
from metalib.lab.controls import choice, hidden, hidden_number, log_slider, point, whole_slider
from metalib.lab.distances.geometry import borders, distances, plane, slopes
from metalib.learners import DISTANCE_LABELS

MIN_CLASSES, MAX_CLASSES = 2, 5
TRUTHS = {0: N_("none"), **{number: str(number) for number in range(1, MAX_CLASSES + 1)}}
QUERY = (0.2, 0.5)
PROTOTYPES = ((-2.0, 1.3), (1.7, 1.7), (0.4, -1.5), (-2.6, -1.4), (2.9, -0.7))


def places(name: str, value: Any) -> tuple[tuple[float, float], ...]:
    """Points; raises where one is none."""
    return tuple(point(name, one) for one in (value if isinstance(value, Iterable) else [value]))


@dataclass(frozen=True)
class DistanceState:
    """Where the points are and how far they count as. `selected` (0 is the query) is what the keys move.

    Prototypes that are not given stand where `PROTOTYPES` says.
    """

    distance: str = choice(N_("distance"), DISTANCE_LABELS, "squared_euclidean")
    temperature: float = log_slider(N_("temperature"), 1.0, 0.01, 100.0, form=".3g")
    classes: int = whole_slider(N_("classes"), 3, MIN_CLASSES, MAX_CLASSES)
    truth: int = choice(N_("true class"), TRUTHS, 0)
    query: tuple[float, float] = hidden(QUERY, point)
    prototypes: tuple[tuple[float, float], ...] = hidden(PROTOTYPES, places)
    selected: int = hidden_number(0, 0, MAX_CLASSES)

    @property
    def points(self) -> np.ndarray:
        """The query and the prototypes that are shown, (1 + classes, 2)."""
        prototypes = (*self.prototypes, *PROTOTYPES[len(self.prototypes) :])[: self.classes]
        return np.array([self.query, *prototypes], float)

    def shown(self, number: int) -> int:
        """`truth` or `selected`; 0 where there is no such class now. With the class, it comes back."""
        return number if 0 < number <= self.classes else 0


class DistanceResult(NamedTuple):
    """What the distances say, for C classes.

    `distances` and `p` (C,) are the query's. With a true class, `loss` is −log p of it, and
    `gradient` (2,) the loss's gradient with respect to the query; else nan and zero. `winner` and
    `confidence` answer for all cells of the window, `borders` (n, 2, 2) are the exact lines between its
    regions.
    """

    distances: np.ndarray
    p: np.ndarray
    loss: float
    gradient: np.ndarray
    winner: np.ndarray
    confidence: np.ndarray
    borders: np.ndarray


def classify(state: DistanceState) -> DistanceResult:
    """p(y = c | x) = softmax over c of −d(x, p_c) / temperature."""
    query, prototypes = state.points[0], state.points[1:]
    x, y = query
    found = distances(x, y, prototypes, state.distance)
    logits, true = -found / state.temperature, state.shown(state.truth)
    log_p = logits - np.logaddexp.reduce(logits)
    loss, gradient = math.nan, np.zeros(2)
    if true:  # ∇(−log p_y) = (∇d_y − Σ p_c ∇d_c) / temperature
        slope = slopes(query, prototypes, state.distance)
        loss, gradient = (
            float(-log_p[true - 1]),
            (slope[true - 1] - np.exp(log_p) @ slope) / state.temperature,
        )
    key = tuple(map(tuple, prototypes.tolist()))
    winner, confidence = plane(key, state.distance, state.temperature)
    lines = borders(key, state.distance)
    return DistanceResult(found, np.exp(log_p), loss, gradient, winner, confidence, lines)
