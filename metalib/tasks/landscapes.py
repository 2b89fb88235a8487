"""Tasks whose losses have two parameters: each task's loss, gradient and Hessian in closed form.

Support and query loss of a task are one and the same function here, as with a support set so large that both
agree. Plain NumPy: small enough that every drag of the mouse computes everything anew.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from metalib.i18n import N_


class Landscape(ABC):
    """The losses of T tasks over a plane with coordinates θ₁, θ₂.

    `window` is what a picture shows, (left, right, bottom, top); `axes` names the coordinates; `start` is a θ
    to begin with; `centres` (T, 2) is the best θ of each task.
    """

    axes: tuple[str, str] = ("θ₁", "θ₂")  # translated where they are shown
    window: tuple[float, float, float, float]
    start: tuple[float, float]
    centres: np.ndarray

    @abstractmethod
    def loss(self, points: np.ndarray) -> np.ndarray:
        """Losses (T, ...) at `points` (T, ..., 2): task t at the t-th points; T = 1 there means all alike."""

    @abstractmethod
    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Gradients (T, ..., 2)."""

    @abstractmethod
    def hessian(self, points: np.ndarray) -> np.ndarray:
        """Hessians (T, ..., 2, 2)."""


class Bowls(Landscape):
    """Quadratic losses L(θ) = ½ (θ − c)ᵀ A (θ − c), one centre c and one symmetric matrix A a task."""

    def __init__(self, centres, curvatures, start=(0.4, 2.0), window=(-3.2, 3.2, -2.6, 2.6)) -> None:
        self.centres, self.matrices = np.array(centres, float), np.array(curvatures, float)
        self.start, self.window = start, window

    def _offset(self, points: np.ndarray) -> np.ndarray:
        return points - self.centres.reshape(-1, *[1] * (points.ndim - 2), 2)

    def loss(self, points: np.ndarray) -> np.ndarray:
        return 0.5 * np.einsum("t...i,tij,t...j->t...", (d := self._offset(points)), self.matrices, d)

    def gradient(self, points: np.ndarray) -> np.ndarray:
        return np.einsum("tij,t...j->t...i", self.matrices, self._offset(points))

    def hessian(self, points: np.ndarray) -> np.ndarray:
        shape = (len(self.centres), *points.shape[1:-1], 2, 2)
        return np.broadcast_to(self.matrices.reshape(-1, *[1] * (points.ndim - 2), 2, 2), shape)


class SineLandscape(Landscape):
    """θ = (amplitude, phase) of a sine wave, whose loss is the mean squared error for x spread over −5 … 5.

    a·sin(x − p) = u·sin x + v·cos x with u = a·cos p and v = −a·sin p, and sin and cos are orthogonal on an
    interval around 0. So the loss is s·(u − U)² + c·(v − V)² with s, c the mean squares of sin and cos there:
    simple in (u, v), and bent in (a, p).
    """

    axes = (N_("amplitude"), N_("phase"))
    window, start = (-0.6, 5.4, -0.9, 4.0), (1.0, 0.2)
    sin_square, cos_square = 0.5 - math.sin(10) / 20, 0.5 + math.sin(10) / 20

    def __init__(self, waves) -> None:
        self.centres = np.array(waves, float)
        amplitude, phase = self.centres.T
        self.targets = np.stack([amplitude * np.cos(phase), -amplitude * np.sin(phase)], axis=-1)

    def _parts(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        a, p = points[..., 0], points[..., 1]
        sin, cos = np.sin(p), np.cos(p)
        target = self.targets.reshape(-1, *[1] * (points.ndim - 2), 2)
        return a, sin, cos, a * cos - target[..., 0], -a * sin - target[..., 1]

    def loss(self, points: np.ndarray) -> np.ndarray:
        _a, _sin, _cos, r, q = self._parts(points)
        return self.sin_square * r**2 + self.cos_square * q**2

    def gradient(self, points: np.ndarray) -> np.ndarray:
        a, sin, cos, r, q = self._parts(points)
        s, c = 2 * self.sin_square * r, 2 * self.cos_square * q
        return np.stack([s * cos - c * sin, -a * (s * sin + c * cos)], axis=-1)

    def hessian(self, points: np.ndarray) -> np.ndarray:
        a, sin, cos, r, q = self._parts(points)
        s, c = 2 * self.sin_square, 2 * self.cos_square
        aa = np.broadcast_to(s * cos**2 + c * sin**2, r.shape)  # alike for all tasks
        ap = a * sin * cos * (c - s) - s * r * sin - c * q * cos
        pp = a**2 * (s * sin**2 + c * cos**2) - a * (s * r * cos - c * q * sin)
        return np.stack([np.stack([aa, ap], axis=-1), np.stack([ap, pp], axis=-1)], axis=-2)


def turned(steep: float, flat: float, degrees: float) -> list[list[float]]:
    """A symmetric matrix with these two eigenvalues, the steep direction `degrees` from the first axis."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    q = np.array([[c, -s], [s, c]])
    return (q @ np.diag([steep, flat]) @ q.T).tolist()


LANDSCAPES: dict[str, Landscape] = {
    "unequal": Bowls([(-1.6, -0.4), (1.6, 0.5)], [turned(2.0, 1.0, 25), turned(0.6, 0.3, 115)]),
    "equal": Bowls([(-1.8, -1.2), (1.9, -0.7), (-0.1, 1.9)], [turned(1.0, 0.4, 30)] * 3),
    "waves": SineLandscape([(4.2, 0.5), (2.2, 1.6), (3.2, 2.7)]),
}
NAMES = {
    "unequal": N_("a steep and a flat bowl"),
    "equal": N_("three equal bowls"),
    "waves": N_("sine waves"),
}
