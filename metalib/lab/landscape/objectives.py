"""What MAML and its relatives do to a landscape: inner steps, objectives, optima, and outer directions.

All in closed form from the landscape's gradient and Hessian; tests compare with autograd and with finite
differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from metalib.i18n import N_
from metalib.tasks.landscapes import LANDSCAPES, Landscape

METHODS = {
    "maml": N_("MAML"),
    "fomaml": N_("first-order MAML"),
    "reptile": N_("Reptile"),
    "joint": N_("joint training"),
}
FAR = 1e6  # a parameter beyond this has left for good
ROUNDS = 8  # of ever finer grids: the last has cells of some millionths


def inner_path(landscape: Landscape, theta: np.ndarray, alpha: float, steps: int) -> np.ndarray:
    """θ (..., 2) and each task's parameters after every inner step, (k + 1, T, ..., 2)."""
    tasks = len(landscape.centres)
    path = [np.broadcast_to(np.asarray(theta, float), (tasks, *np.shape(theta)))]
    for _step in range(steps):
        path.append(np.clip(path[-1] - alpha * landscape.gradient(path[-1]), -FAR, FAR))
    return np.stack(path)


def objective(landscape: Landscape, theta: np.ndarray, alpha: float, steps: int) -> np.ndarray:
    """The mean over tasks of the loss after k inner steps from θ (..., 2); with none, the average loss."""
    return landscape.loss(inner_path(landscape, theta, alpha, steps)[-1]).mean(axis=0)


def directions(landscape: Landscape, theta: np.ndarray, alpha: float, steps: int) -> dict[str, np.ndarray]:
    """What each method subtracts from θ (2,), times the outer step size: {method: (2,)}.

    MAML: the mean of (I − αH₀) … (I − αH_{k−1}) ∇L(θ_k); first-order MAML: of ∇L(θ_k); joint training: of
    ∇L(θ₀). Reptile: of (θ − θ_k)/(αk), that is, of the gradients met on the way: divided so that its unit is
    that of a gradient (Nichol et al. 2018, section 5).
    """
    path = inner_path(landscape, theta, alpha, steps)
    gradients = [landscape.gradient(points) for points in path]
    product = gradients[-1]
    for points in path[-2::-1]:  # the last step's factor meets the gradient first
        product = product - alpha * np.einsum("tij,tj->ti", landscape.hessian(points), product)
    way = np.mean(gradients[:-1], axis=0) if steps else gradients[0]
    found = (product, gradients[-1], way, gradients[0])
    return {method: value.mean(axis=0) for method, value in zip(METHODS, found, strict=True)}


def descent(
    landscape: Landscape, theta: np.ndarray, alpha: float, steps: int, *, method: str, beta: float, moves: int
) -> np.ndarray:
    """`moves` outer steps from θ by `method`, each β times its direction: (moves + 1, 2), or fewer points
    where they leave for good."""
    way = [np.asarray(theta, float)]
    for _move in range(moves):
        following = way[-1] - beta * directions(landscape, way[-1], alpha, steps)[method]
        if not (np.abs(following) < FAR).all():
            break
        way.append(following)
    return np.stack(way)


def lowest(function: Callable[[np.ndarray], np.ndarray], window: tuple) -> np.ndarray:
    """Where in the window `function` (points (..., 2) to (...)) is lowest: a grid, again and again finer."""
    left, right, bottom, top = window
    centre, reach = np.array([(left + right) / 2, (bottom + top) / 2]), np.array([right - left, top - bottom])
    for _round in range(ROUNDS):
        x, y = (
            np.clip(np.linspace(c - r / 2, c + r / 2, 41), low, high)
            for c, r, low, high in zip(centre, reach, (left, bottom), (right, top), strict=True)
        )
        points = np.stack(np.meshgrid(x, y), axis=-1)
        values = function(points)
        centre = points[np.unravel_index(np.argmin(values), values.shape)]
        reach = reach * 0.2
    return centre.copy()  # not a view, which would keep the whole grid


def optima(name: str, alpha: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The θ (2,) in the window where the average loss is lowest, and where MAML's objective is."""
    return optimum(name, 0.0, 0), optimum(name, alpha, steps)


@cache
def optimum(name: str, alpha: float, steps: int) -> np.ndarray:
    """The θ (2,) in the window where the mean loss after so many inner steps is lowest."""
    landscape = LANDSCAPES[name]
    return lowest(lambda points: objective(landscape, points, alpha, steps), landscape.window)


@dataclass(frozen=True)
class LandscapeResult:
    """What there is to see at θ. T tasks, k inner steps, m meta-steps.

    `trail` (m + 1, 2) leads from where θ was put to `theta` (2,), where it is now; `path` (k + 1, T, 2) are
    the inner steps from there, `losses` (k + 1, T) the tasks' losses on them. `directions[method]` (2,) is
    the gradient by which a method goes down. `optima` are the best θ for the average loss and for MAML.
    `lost`: the meta-descent left for good after `len(trail) - 1` steps.
    """

    trail: np.ndarray
    path: np.ndarray
    losses: np.ndarray
    directions: dict[str, np.ndarray]
    optima: tuple[np.ndarray, np.ndarray]
    lost: bool

    @property
    def theta(self) -> np.ndarray:
        return self.trail[-1]

    def cosine(self, method: str) -> float:
        """Between a method's direction and MAML's; nan where one of them is zero."""
        a, b = self.directions[method], self.directions["maml"]
        length = np.linalg.norm(a) * np.linalg.norm(b)
        return float(a @ b / length) if length > 1e-12 else float("nan")
