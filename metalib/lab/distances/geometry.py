"""Distances in the plane: the softmax over them, their slopes, and where the nearest prototype changes.

Everything in NumPy; tests compare with metalib's learners, with plain loops and with finite differences.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import combinations

import numpy as np

WINDOW = (-4.0, 4.0, -3.0, 3.0)  # left, right, bottom, top
CELLS = (264, 198)  # across and up: where the plane is asked, two pixels apart
FAR = 20.0  # a line as long as this crosses the window


def unit(points: np.ndarray) -> np.ndarray:
    """Vectors (..., 2) of length one; the zero vector stays zero, as in `torch.nn.functional.normalize`."""
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-12)


def distances(x: np.ndarray, y: np.ndarray, prototypes: np.ndarray, kind: str) -> np.ndarray:
    """The distances (C, ...) of the points (x, y), each of the shape (...), to prototypes (C, 2)."""
    there = unit(prototypes) if kind == "cosine" else prototypes
    across, up = there.T.reshape(2, -1, *[1] * np.ndim(x))
    if kind == "cosine":
        return 1 - (x * across + y * up) / np.maximum(np.hypot(x, y), 1e-12)
    squared = (x - across) ** 2 + (y - up) ** 2
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
    """log p from logits (C,): the largest is taken away first, so that no exponential overflows."""
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


@cache
def cells() -> tuple[np.ndarray, np.ndarray]:
    """x and y of the middles of the window's cells, float32 (up, across) each, from the bottom row up."""
    left, right, bottom, top = WINDOW
    x = left + (np.arange(CELLS[0]) + 0.5) * (right - left) / CELLS[0]
    y = bottom + (np.arange(CELLS[1]) + 0.5) * (top - bottom) / CELLS[1]
    x, y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return x, y


@lru_cache(maxsize=8)
def plane(prototypes: tuple, kind: str, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """For every cell of the window the most probable class, uint8, and its p, float32; (up, across) each.

    In float32, and with no more than the largest p needs: it follows a dragged prototype.
    """
    points = np.array(prototypes)
    if kind == "cosine":
        points = unit(points).round(6)  # so that two points in one direction are equally near
    scores = distances(*cells(), points.astype(np.float32), kind) / np.float32(
        -temperature
    )  # (C, up, across)
    best = scores.max(axis=0)
    return scores.argmax(axis=0).astype(np.uint8), 1 / np.exp(scores - best).sum(axis=0)


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
        # ‖x − p_i‖² ≤ ‖x − p_k‖² is rate · t ≤ room on the line x = start + t · along
        others = np.delete(points, [i, j], axis=0)
        normals = 2 * (others - points[i])
        rate = normals @ along
        room = (others**2).sum(axis=1) - points[i] @ points[i] - normals @ start
        up, down = rate > 1e-12, rate < -1e-12
        high, low = min([FAR, *room[up] / rate[up]]), max([-FAR, *room[down] / rate[down]])
        if high > low and (room[~up & ~down] >= 0).all():
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
