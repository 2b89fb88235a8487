"""What the distance laboratory computes: distances, the softmax over them, its gradient, and the borders.

Everything in NumPy, in double precision; tests compare with metalib's learners, with plain loops and with
finite differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations

import numpy as np

from metalib.i18n import _

MIN_CLASSES, MAX_CLASSES = 2, 5
WINDOW = (-4.0, 4.0, -3.0, 3.0)  # left, right, bottom, top
CELLS = (280, 210)  # across and up: where the plane is asked, two pixels apart
FAR = 20.0  # a line as long as this crosses the window
KINDS = ("squared_euclidean", "euclidean", "cosine")


def unit(points: np.ndarray) -> np.ndarray:
    """Vectors (..., 2) of length one; the zero vector stays zero, as in `torch.nn.functional.normalize`."""
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-12)


def distances(points: np.ndarray, prototypes: np.ndarray, kind: str) -> np.ndarray:
    """The distances (..., C) of points (..., 2) to prototypes (C, 2)."""
    if kind == "cosine":
        return 1 - unit(points) @ unit(prototypes).T
    squared = ((points[..., None, :] - prototypes) ** 2).sum(-1)
    return squared if kind == "squared_euclidean" else np.sqrt(squared)


def slopes(point: np.ndarray, prototypes: np.ndarray, kind: str) -> np.ndarray:
    """The gradients (C, 2) of the distances of one point (2,) with respect to it; zero where there is none:
    at the prototype itself (Euclidean), at the origin (cosine)."""
    if kind == "cosine":
        length = float(np.linalg.norm(point))
        if length < 1e-12:
            return np.zeros_like(prototypes)
        here, there = unit(point), unit(prototypes)
        return ((there @ here)[:, None] * here - there) / length
    away = point - prototypes
    return 2 * away if kind == "squared_euclidean" else unit(away)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log p from logits (..., C): the largest is taken away first, so that no exponential overflows."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@cache
def cells() -> np.ndarray:
    """The middles (210, 280, 2) of the cells of the window, from the bottom row up."""
    left, right, bottom, top = WINDOW
    x = left + (np.arange(CELLS[0]) + 0.5) * (right - left) / CELLS[0]
    y = bottom + (np.arange(CELLS[1]) + 0.5) * (top - bottom) / CELLS[1]
    return np.stack(np.meshgrid(x, y), axis=-1)


@lru_cache(maxsize=8)
def plane(prototypes: tuple, kind: str, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """For every cell of the window the most probable class, uint8, and its p, float32; (210, 280) each.

    In float32, class by class, and with no more than the largest p needs: it follows a dragged prototype.
    """
    places = np.moveaxis(cells(), -1, 0).astype(np.float32)  # (2, 210, 280)
    found = [distances_in_float32(places, point, kind) for point in np.array(prototypes, np.float32)]
    scores = np.stack(found) / np.float32(-temperature)  # (C, 210, 280)
    best = scores.max(axis=0)
    return scores.argmax(axis=0).astype(np.uint8), 1 / np.exp(scores - best).sum(axis=0)


def distances_in_float32(places: np.ndarray, point: np.ndarray, kind: str) -> np.ndarray:
    """The distance of (2, …) places to one point (2,)."""
    x, y = places
    if kind == "cosine":
        there = unit(point).round(6)  # so that two points in one direction are equally near
        return 1 - (x * there[0] + y * there[1]) / np.hypot(x, y)  # no middle of a cell is at the origin
    squared = (x - point[0]) ** 2 + (y - point[1]) ** 2
    return squared if kind == "squared_euclidean" else np.sqrt(squared)


@lru_cache(maxsize=8)
def borders(prototypes: tuple, kind: str) -> np.ndarray:
    """Where the most probable class changes: exact line segments (n, 2, 2), from point to point.

    For both Euclidean distances they are pieces of the lines half-way between two prototypes, for the cosine
    rays from the origin. The temperature plays no part.
    """
    points = np.array(prototypes)
    found = rays(points) if kind == "cosine" else bisectors(points)
    return np.array(found).reshape(-1, 2, 2)


def bisectors(points: np.ndarray) -> list[np.ndarray]:
    """Of the line half-way between each two points, the piece on which no third point is nearer."""
    found = []
    for i, j in combinations(range(len(points)), 2):
        across = points[j] - points[i]
        if np.linalg.norm(across) < 1e-9:
            continue
        start, along = (points[i] + points[j]) / 2, unit(np.array([-across[1], across[0]]))
        low, high = -FAR, FAR
        for k in set(range(len(points))) - {i, j}:
            # ‖x − p_i‖² ≤ ‖x − p_k‖² is rate · t ≤ room on the line x = start + t · along
            normal = 2 * (points[k] - points[i])
            rate, room = normal @ along, points[k] @ points[k] - points[i] @ points[i] - normal @ start
            if abs(rate) < 1e-12:
                low, high = (low, high) if room >= 0 else (0.0, 0.0)
            elif rate > 0:
                high = min(high, room / rate)
            else:
                low = max(low, room / rate)
        if high > low:
            found.append(np.stack([start + low * along, start + high * along]))
    return found


def rays(points: np.ndarray) -> list[np.ndarray]:
    """The directions in which the largest cosine changes from one point to another."""
    angles, there = np.arctan2(points[:, 1], points[:, 0]), np.linalg.norm(points, axis=1) > 1e-12
    candidates = set()
    for i, j in combinations(range(len(points)), 2):
        if there[i] and there[j]:  # half-way between them, and on the other side
            candidates |= {(angles[i] + angles[j]) / 2 + turn for turn in (0, math.pi)}
        elif there[i] or there[j]:  # a point at the origin has cosine zero with everything
            candidates |= {angles[i if there[i] else j] + turn for turn in (-math.pi / 2, math.pi / 2)}

    def winner(angle: float) -> int:
        cosines = unit(points) @ np.array([math.cos(angle), math.sin(angle)])
        return int(cosines.round(9).argmax())  # of equal ones the first

    changes = [angle for angle in sorted(candidates) if winner(angle - 1e-6) != winner(angle + 1e-6)]
    return [FAR * np.array([[0, 0], [math.cos(angle), math.sin(angle)]]) for angle in changes]


@dataclass(frozen=True)
class DistanceResult:
    """What the laboratory shows, for C classes.

    `distances`, `logits` and `p` (C,) are the query's; `truth` is the true class 1 … C or 0 for none. With
    one, `loss` is −log p of it and `gradient` (2,) the loss's gradient with respect to the query; else nan
    and zero. `winner` and `confidence` (210, 280) answer for the whole window, `borders` (n, 2, 2) are the
    exact lines between its regions. `wanted` is the true class that was asked for.
    """

    query: np.ndarray
    prototypes: np.ndarray
    distance: str
    temperature: float
    selected: int
    distances: np.ndarray
    logits: np.ndarray
    p: np.ndarray
    truth: int
    wanted: int
    loss: float
    gradient: np.ndarray
    winner: np.ndarray
    confidence: np.ndarray
    borders: np.ndarray

    @property
    def classes(self) -> int:
        return len(self.prototypes)


def check(query: object, prototypes: Sequence, distance: str, temperature: float, classes: int) -> None:
    """Refuse what has no answer.

    Raises:
        TypeError, ValueError: an argument of another kind, or outside its limits.
    """
    if distance not in KINDS:
        raise ValueError(
            _("distance must be one of {known}, not {value!r}.").format(
                known=", ".join(KINDS), value=distance
            )
        )
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(
            _("temperature must be a positive finite number, not {value}.").format(value=temperature)
        )
    if not isinstance(classes, int) or not MIN_CLASSES <= classes <= MAX_CLASSES:
        raise ValueError(
            _("classes must be a whole number from {low} to {high}, not {value}.").format(
                low=MIN_CLASSES, high=MAX_CLASSES, value=classes
            )
        )
    if len(prototypes) < classes:
        raise ValueError(
            _("{classes} classes need as many prototypes, not {n}.").format(
                classes=classes, n=len(prototypes)
            )
        )
    for name, point in (("query", query), *((_("a prototype"), place) for place in prototypes)):
        numbers = np.asarray(point, float)
        if numbers.shape != (2,) or not np.isfinite(numbers).all():
            raise ValueError(
                _("{name} must be two finite numbers, not {value}.").format(name=name, value=point)
            )


def classify(
    *,
    query: tuple[float, float],
    prototypes: Sequence[tuple[float, float]],
    classes: int,
    distance: str = "squared_euclidean",
    temperature: float = 1.0,
    truth: int = 0,
    selected: int = 0,
) -> DistanceResult:
    """The laboratory's pure function: p(y = c | x) = softmax over c of −d(x, p_c) / temperature.

    Only the first `classes` prototypes count; a `truth` or a `selected` point beyond them counts as 0.

    Raises:
        TypeError, ValueError: see `check`.
    """
    check(query, prototypes, distance, temperature, classes)
    shown = tuple(tuple(map(float, place)) for place in prototypes[:classes])
    x, points = np.array(query, float), np.array(shown)
    found = distances(x, points, distance)
    logits = -found / temperature
    log_p = log_softmax(logits)
    true = truth if 0 < truth <= classes else 0
    gradient = np.zeros(2)
    if true:  # ∇(−log p_y) = (∇d_y − Σ p_c ∇d_c) / temperature
        slope = slopes(x, points, distance)
        gradient = (slope[true - 1] - np.exp(log_p) @ slope) / temperature
    winner, confidence = plane(shown, distance, temperature)
    return DistanceResult(
        query=x,
        prototypes=points,
        distance=distance,
        temperature=temperature,
        selected=selected if 0 <= selected <= classes else 0,
        distances=found,
        logits=logits,
        p=np.exp(log_p),
        truth=true,
        wanted=truth,
        loss=float(-log_p[true - 1]) if true else math.nan,
        gradient=gradient,
        winner=winner,
        confidence=confidence,
        borders=borders(shown, distance),
    )
