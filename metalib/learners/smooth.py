"""A learner without a network, for comparison: the smoothest curve through the examples."""

from __future__ import annotations

import torch
from torch import Tensor

from metalib.learners.base import Learner


class SmoothCurve(Learner):
    """The smoothest curve through the points: kernel ridge regression. No network, nothing trained.

    The prediction is Σ w_i k(x, x_i) with k(a, b) = exp(−(a − b)² / 2ℓ²) and w = (K + r·1)⁻¹ y. It is
    also the mean of a Gaussian process (Rasmussen & Williams 2006, section 2.2).

    Args:
        length: ℓ, in units of x: how far a point is felt.
        ridge: r, which keeps the equations solvable where points nearly coincide.
    """

    def __init__(self, length: float = 1.0, ridge: float = 1e-6) -> None:
        super().__init__()
        self.length, self.ridge = length, ridge

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """k for each pair, float64 and on the processor (Apple's GPU has no float64): (T, N, 1) and (T, M, 1)
        give (T, N, M)."""
        a, b = a.cpu().double(), b.cpu().double()
        return torch.exp(-(a - b.mT).square() / (2 * self.length**2))

    def adapt(self, support_x: Tensor, support_y: Tensor) -> tuple[Tensor, Tensor]:
        """The points (T, S, 1) and their weights w (T, S, 1)."""
        ridge = self.ridge * torch.eye(support_x.shape[1], dtype=torch.float64)
        return support_x, torch.linalg.solve(
            self.kernel(support_x, support_x) + ridge, support_y.cpu().double()
        )

    def predict(self, adapted: tuple[Tensor, Tensor], query_x: Tensor) -> Tensor:
        """(T, Q, 1) in, (T, Q, 1) out."""
        points, weight = adapted
        return (self.kernel(query_x, points) @ weight).to(query_x.dtype).to(query_x.device)

    @property
    def is_transductive(self) -> bool:
        return False
