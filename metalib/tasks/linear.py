"""Linear functions: the regression tasks that a formula solves, and whose number can be limited."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_generator, check_positive, check_whole
from metalib.tasks.sine import uniform

SPREADS = ("normal", "uniform")


@dataclass(frozen=True)
class LinearTasks:
    """Regression tasks y = w·x + ε. Each task is a weight vector w of its own, w ~ N(0, I).

    The numbers in an input x are independent: N(0, scale²), or U(−scale, scale). ε ~ N(0, noise²) is
    independent at every point, support and query. For this prior the posterior mean of w is ridge regression
    with the ridge noise² (`metalib.learners.RidgeRegression`).

    Args:
        shots: support points a task.
        queries: query points a task.
        inputs: d, how many numbers an x has.
        noise: the standard deviation of ε; 0 for none.
        scale: how far inputs reach.
        spread: ``"normal"`` (Garg et al. 2022) or ``"uniform"`` (von Oswald et al. 2023).
        intercept: the last number of every x is 1, so that w ends with an intercept.
        pool: M, the number of tasks there are. Each task is one of M fixed vectors, any of them equally often
            (Raventós et al. 2023); 0 draws a new w for every task.
        pool_seed: which M vectors. Those of a small pool are the first ones of a large pool.

    Raises:
        TypeError, ValueError: counts below 1, a noise below 0, a scale that is not positive, another spread.
    """

    shots: int = 10
    queries: int = 1
    inputs: int = 5
    noise: float = 0.0
    scale: float = 1.0
    spread: str = "normal"
    intercept: bool = False
    pool: int = 0
    pool_seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"shots": 1, "queries": 1, "inputs": 1, "pool": 0, "pool_seed": 0}.items():
            object.__setattr__(self, name, check_whole(name, getattr(self, name), least))
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise ValueError(
                _("noise must be a finite number of at least 0, not {value}.").format(value=self.noise)
            )
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(
                _("{name} must be a finite number above 0, not {value}.").format(
                    name="scale", value=self.scale
                )
            )
        if self.spread not in SPREADS:
            raise ValueError(
                _("spread must be one of {names}, not {value!r}.").format(names=SPREADS, value=self.spread)
            )

    @property
    def weights(self) -> Tensor:
        """The vectors of the pool, ``(pool, inputs)``.

        Raises:
            ValueError: there is no pool: every task has a vector of its own.
        """
        if not self.pool:
            raise ValueError(_("These tasks have no pool: every one of them draws a vector of its own."))
        return _pool(self.pool, self.inputs, self.pool_seed)

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw ``n_tasks`` vectors and their points: x is ``(T, shots, inputs)`` and ``(T, queries,
        inputs)``, y ``(T, shots, 1)`` and ``(T, queries, 1)``; float32."""
        check_positive(n_tasks=n_tasks)
        check_generator(generator)
        if not self.pool:
            weight = _normal((n_tasks, self.inputs), generator)
        else:
            chosen = torch.randint(self.pool, (n_tasks,), generator=generator, device=generator.device)
            weight = self.weights.to(generator.device)[chosen]
        return self.at(weight, generator)

    def at(self, weight: Tensor, generator: torch.Generator) -> TaskBatch:
        """The tasks of these vectors, ``(T, inputs)``, with fresh random points."""
        check_generator(generator)
        parts = []
        for points in (self.shots, self.queries):
            x = self._inputs((len(weight), points, self.inputs), generator)
            y = x @ weight.unsqueeze(-1)
            # Drawn even where it counts for nothing: the same seed then means the same points.
            parts += [x, y + self.noise * _normal(tuple(y.shape), generator)]
        return TaskBatch(*parts)

    def _inputs(self, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
        if self.spread == "uniform":
            x = uniform((-self.scale, self.scale), shape, generator)
        else:
            x = self.scale * _normal(shape, generator)
        if self.intercept:
            x[..., -1] = 1.0
        return x


@functools.lru_cache(maxsize=8)
def _pool(vectors: int, inputs: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    # One after the other: torch draws the end of a large tensor in another way than its beginning.
    return torch.stack([_normal((inputs,), generator) for _vector in range(vectors)])


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    # float32 whatever the default dtype is, so that a seed always means the same tasks.
    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
