"""Random smooth functions: the regression tasks whose best answer is a formula."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_generator, check_positive, check_whole
from metalib.tasks.sine import uniform


@dataclass(frozen=True)
class GaussianProcessTasks:
    """Regression tasks y = f(x) + ε. Each task is a function f of its own, drawn from a Gaussian process.

    The process has the mean 0 and the covariance exp(−(x − x′)² / 2ℓ²), so f(x) has the variance 1;
    ε ~ N(0, noise²) is independent at every point; inputs x ~ U(−3, 3). With this covariance the posterior of
    any task is known in closed form (Rasmussen & Williams 2006, section 2.2).

    Args:
        shots: support points a task.
        queries: query points a task.
        length: ℓ, how far in x until the function has changed.
        noise: the standard deviation of ε; positive, which keeps the covariance of all points regular.
        inputs: the range of x.

    Raises:
        TypeError, ValueError: shots or queries below 1, a length or noise that is not positive, an empty
            range.
    """

    shots: int = 5
    queries: int = 20
    length: float = 1.0
    noise: float = 0.1
    inputs: tuple[float, float] = (-3.0, 3.0)

    def __post_init__(self) -> None:
        for name in ("shots", "queries"):
            object.__setattr__(self, name, check_whole(name, getattr(self, name), 1))
        for name in ("length", "noise"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(
                    _("{name} must be a finite number above 0, not {value}.").format(name=name, value=value)
                )
        low, high = self.inputs
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError(
                _("{name} must be a finite range (low, high) with low ≤ high, not {value}.").format(
                    name="inputs", value=self.inputs
                )
            )

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Of f at the inputs ``(T, A, 1)`` and ``(T, B, 1)``: ``(T, A, B)``."""
        return torch.exp(-(a - b.mT).square() / (2 * self.length**2))

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw ``n_tasks`` functions and their points: x and y are ``(T, shots, 1)`` and ``(T, queries, 1)``,
        float32."""
        check_positive(n_tasks=n_tasks)
        check_generator(generator)
        points = self.shots + self.queries
        # In float64: the covariance of many near points is nearly singular.
        x = uniform(self.inputs, (n_tasks, points, 1), generator).double()
        noise = self.noise**2 * torch.eye(points, dtype=x.dtype, device=x.device)
        independent = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        y = torch.linalg.cholesky(self.covariance(x, x) + noise) @ independent
        (support_x, query_x), (support_y, query_y) = (
            part.float().split([self.shots, self.queries], dim=1) for part in (x, y)
        )
        return TaskBatch(support_x, support_y, query_x, query_y)
