"""Linear regression in closed form, as learners: ridge and least squares, and the posterior over a pool."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.learners.base import Learner


class _LinearLearner(Learner):
    """Predicts w·x with a vector w for each task, which ``adapt`` finds; no intercept."""

    def predict(self, adapted: Tensor, query_x: Tensor) -> Tensor:
        """``(T, Q, d)`` to ``(T, Q, 1)``, for vectors ``(T, d, 1)``."""
        return (query_x.cpu().double() @ adapted).to(query_x.dtype).to(query_x.device)

    @property
    def is_transductive(self) -> bool:
        return False


class RidgeRegression(_LinearLearner):
    """w = (XᵀX + ridge · I)⁻¹ Xᵀy: for w ~ N(0, I) and noise of the variance ``ridge`` the posterior mean,
    which no predictor beats in squared error (Bishop 2006, section 3.3).

    Args:
        ridge: 0 is least squares; of the many w through too few points, the shortest.

    Raises:
        ValueError: not a finite number of at least 0.
    """

    def __init__(self, ridge: float = 0.0) -> None:
        super().__init__()
        if not (math.isfinite(ridge) and ridge >= 0):
            raise ValueError(
                _("ridge must be a finite number of at least 0, not {value}.").format(value=ridge)
            )
        self.ridge = float(ridge)

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """w of each task, ``(T, d, 1)``, float64 on the processor."""
        x, y = support_x.cpu().double(), support_y.cpu().double()
        if self.ridge == 0:
            return torch.linalg.pinv(x) @ y
        regular = x.mT @ x + self.ridge * torch.eye(x.shape[-1], dtype=x.dtype)
        return torch.linalg.solve(regular, x.mT @ y)


class PoolPosterior(_LinearLearner):
    """The posterior mean of w where w is known to be one of M vectors, each equally likely: the best
    predictor for tasks from this pool, and it knows no others (the discrete minimum mean squared error
    estimator of Raventós et al. 2023).

    Args:
        weights: the pool, ``(M, d)``, as `metalib.tasks.LinearTasks.weights` has it.
        noise: the standard deviation of the noise in y.

    Raises:
        ValueError: a noise that is not positive: one point then decides.
    """

    def __init__(self, weights: Tensor, noise: float) -> None:
        super().__init__()
        if not (math.isfinite(noise) and noise > 0):
            raise ValueError(
                _("{name} must be a finite number above 0, not {value}.").format(name="noise", value=noise)
            )
        self.weights, self.noise = weights.cpu().double(), float(noise)

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """w of each task, ``(T, d, 1)``, float64 on the processor."""
        return (self.chances(support_x, support_y) @ self.weights).unsqueeze(-1)

    def chances(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """How likely each vector of the pool is after the support set, ``(T, M)``."""
        x, y = support_x.cpu().double(), support_y.cpu().double()
        misses = (y - x @ self.weights.mT).square().sum(dim=1)  # (T, M)
        return torch.softmax(-misses / (2 * self.noise**2), dim=-1)
