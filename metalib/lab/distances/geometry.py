"""Distances in the plane: the softmax over them, their slopes, and where the nearest prototype changes.

Everything in NumPy; tests compare with metalib's learners, with plain loops and with finite differences.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np

WINDOW = (-4.0, 4.0, -3.0, 3.0)  # left, right, bottom, top
CELLS = (264, 198)  # across and up: where the plane is asked, two pixels apart
FAR = 20.0  # a line as long as this crosses the window


def unit(points: np.ndarray) -> np.ndarray:
    """Vectors (..., 2) of length one; the zero vector stays zero, as in `torch.nn.functional.normalize`."""
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-12)


def distances(x: np.ndarray, y: np.ndarray, prototypes: np.ndarray, kind: str) -> np.ndarray:
    """The distances (C, ...) of points (x, y), together of the shape (...), to prototypes (C, 2)."""
    there = unit(prototypes) if kind == "cosine" else prototypes
    across, up = there.T.reshape(2, -1, *[1] * np.broadcast(x, y).ndim)
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


@lru_cache(maxsize=8)
def plane(prototypes: tuple, kind: str, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """For every cell of the window the most probable class, uint8, and its p, float32; (up, across) each,
    from the bottom row up.

    In float32, and with no more than the largest p needs: it follows a dragged prototype.
    """
    left, right, bottom, top = WINDOW
    x = np.linspace(left, right, 2 * CELLS[0] + 1, dtype=np.float32)[1::2]  # the middles of the cells
    y = np.linspace(bottom, top, 2 * CELLS[1] + 1, dtype=np.float32)[1::2, None]
    points = np.array(prototypes)
    if kind == "cosine":
        points = unit(points).round(6)  # so that two points in one direction are equally near
    scores = distances(x, y, points.astype(np.float32), kind) / np.float32(-temperature)  # (C, up, across)
    best = scores.max(axis=0)
    return scores.argmax(axis=0).astype(np.uint8), 1 / np.exp(scores - best).sum(axis=0)


@lru_cache(maxsize=8)
def borders(prototypes: tuple, kind: str) -> np.ndarray:
    """Where the most probable class changes: exact line segments (n, 2, 2), from point to point.

    The class is that of the largest of the linear functions a·x + b: for both Euclidean distances they are
    2p·x − ‖p‖², for the cosine p·x / ‖p‖. Two of them are equal on a line; a border is the piece of it on
    which no third is larger. The temperature plays no part.
    """
    points, found = np.array(prototypes), []
    if kind == "cosine":
        a, b = unit(points), np.zeros(len(points))
    else:
        a, b = 2 * points, -(points**2).sum(axis=1)
    for i, j in combinations(range(len(points)), 2):
        across = a[j] - a[i]
        if np.linalg.norm(across) < 1e-9:
            continue
        start, along = across * (b[i] - b[j]) / (across @ across), unit(np.array([-across[1], across[0]]))
        # On start + t · along another one is no larger where rate · t ≤ room.
        others = np.delete(np.arange(len(points)), [i, j])
        more = a[others] - a[i]
        rate, room = more @ along, b[i] - b[others] - more @ start
        up, down = rate > 1e-9, rate < -1e-9
        high, low = min([FAR, *room[up] / rate[up]]), max([-FAR, *room[down] / rate[down]])
        if high > low and (room[~up & ~down] > -1e-9).all():
            found.append([start + low * along, start + high * along])
    return np.array(found).reshape(-1, 2, 2)
