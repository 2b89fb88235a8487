"""Logistic regression on frozen features: the strong baseline of few-shot learning.

The weights of T tasks are found together, by Newton's method with conjugate gradients (see `minimise`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.embedding import Embedding, members
from metalib.tasks import TaskBatch

NEWTON_STEPS, CG_STEPS, HALVINGS = 60, 200, 30
"""At most; some 6, 10 and 0 are needed."""
ROUNDING = 1e-12
"""An objective that grows by no more than this part of it has not grown: near the minimum it cannot tell."""
SOLVED = 0.01
"""Conjugate gradients go on until the residual is this part of the gradient."""


class LinearClassifier(NamedTuple):
    """The linear classifier of each of T tasks: logits = x @ weight + bias."""

    weight: Tensor
    """``(T, D, ways)``."""
    bias: Tensor
    """``(T, 1, ways)``."""


class LogisticRegression(Embedding):
    """Multinomial logistic regression on the features of a trained encoder (Tian et al. 2020, section 3.2).

    No part of the encoder learns: for each task, the linear classifier minimises ½ ‖W‖² + C · Σ cross-entropy
    over the support set. The bias is not penalised.

    Args:
        encoder: any ``nn.Module`` mapping ``(N, ...)`` to features ``(N, D)``, trained before; for instance
            as a plain classifier, by :class:`NearestCentroid`.
        C: how much the support set counts against the penalty; positive. The paper's 1 is also that of
            scikit-learn, where the function comes from.
        normalise: bring each feature vector to length 1, as the paper does.
        tolerance: no component of the gradient is larger in the end.

    Raises:
        TypeError: the encoder is no module.
        ValueError: C or tolerance not positive.
    """

    def __init__(
        self, encoder: nn.Module, C: float = 1.0, normalise: bool = True, tolerance: float = 1e-6
    ) -> None:
        super().__init__(encoder)
        for name, value in (("C", C), ("tolerance", tolerance)):
            if not 0 < value < math.inf:
                raise ValueError(
                    _("{name} must be a finite number above 0, not {value}.").format(name=name, value=value)
                )
        self.C, self.normalise, self.tolerance = C, normalise, tolerance

    def over(self, encoder: nn.Module) -> LogisticRegression:
        return LogisticRegression(encoder, self.C, self.normalise, self.tolerance)

    def features(self, x: Tensor) -> Tensor:
        """Features ``(T, N, D)`` of ``(T, N, ...)``, each of length 1 if so wished; in float64, where the
        device knows it."""
        embedded = self.embed(x)
        if embedded.device.type != "mps":
            embedded = embedded.double()
        return F.normalize(embedded, dim=-1) if self.normalise else embedded

    @torch.no_grad()
    def adapt(self, support_x: Tensor, support_y: Tensor) -> LinearClassifier:
        """The classifier of each task.

        Raises:
            ValueError: no labels 0 … ways − 1, or one without a support example in some task.
        """
        x = self.features(support_x)
        ones = torch.ones_like(x[..., :1])
        penalised = torch.ones_like(x[0, 0]).unsqueeze(-1)  # (D, 1)
        theta = minimise(
            torch.cat([x, ones], dim=-1),
            members(support_y, x.dtype),
            torch.cat([penalised, torch.zeros_like(penalised[:1])]),
            self.C,
            self.tolerance,
        )
        return LinearClassifier(theta[:, :-1], theta[:, -1:])

    def predict(self, adapted: LinearClassifier, query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``."""
        return self.features(query_x) @ adapted.weight + adapted.bias

    def loss(self, batch: TaskBatch) -> Tensor:
        """There is none to train by.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            _(
                "LogisticRegression trains nothing: its features are frozen. Train the encoder with "
                "metalib.NearestCentroid or metalib.ProtoNet."
            )
        )


def objective(x: Tensor, y: Tensor, penalty: Tensor, C: float, theta: Tensor) -> Tensor:
    """½ Σ penalty · θ² + C · Σ cross-entropy of each task, ``(T,)``; for shapes see :func:`minimise`."""
    entropy = -(y * (x @ theta).log_softmax(dim=-1)).sum(dim=(1, 2))
    return 0.5 * (penalty * theta.square()).sum(dim=(1, 2)) + C * entropy


def minimise(x: Tensor, y: Tensor, penalty: Tensor, C: float, tolerance: float) -> Tensor:
    """θ ``(T, D, ways)`` that minimises :func:`objective`, for T tasks at once.

    Newton's method: each step solves H · step = gradient by conjugate gradients, which need no Hessian, only
    its products with vectors. The objective is convex; a step that does not lower it is halved.

    Args:
        x: inputs ``(T, S, D)``.
        y: targets, ``(T, S, ways)``, a distribution over the ways for each example.
        penalty: ``(D, 1)`` or of θ's shape, not negative.
        tolerance: no component of the gradient is larger in the end, or than the arithmetic allows.
    """
    theta = x.new_zeros(len(x), x.shape[-1], y.shape[-1])
    for _step in range(NEWTON_STEPS):
        p = (x @ theta).softmax(dim=-1)  # (T, S, ways)
        gradient = penalty * theta + C * x.mT @ (p - y)
        if (gradient.abs() <= tolerance).all():
            break

        def hessian(v: Tensor, p: Tensor = p) -> Tensor:
            moved = p * (x @ v)
            return penalty * v + C * x.mT @ (moved - p * moved.sum(dim=-1, keepdim=True))

        step, before = solve(hessian, gradient), objective(x, y, penalty, C, theta)
        before = before + ROUNDING * before.abs()
        for _halving in range(HALVINGS):
            worse = objective(x, y, penalty, C, theta - step) > before
            if not worse.any():
                break
            step = torch.where(worse.view(-1, 1, 1), step / 2, step)
        theta = theta - step
    return theta


def solve(matrix, b: Tensor) -> Tensor:
    """v with ``matrix(v) = b``, nearly, for T symmetric positive semidefinite matrices at once: conjugate
    gradients (Hestenes and Stiefel 1952) until each residual is `SOLVED` times as long as b ``(T, D, ways)``.
    """

    def dot(u: Tensor, v: Tensor) -> Tensor:
        return (u * v).sum(dim=(1, 2), keepdim=True)

    v, residual, direction = torch.zeros_like(b), b, b
    square = dot(residual, residual)
    enough = SOLVED**2 * square
    for _step in range(CG_STEPS):
        if (square <= enough).all():
            break
        image = matrix(direction)
        # A task that is solved divides 0 by 0, and stays where it is.
        length = torch.where(square > enough, square / dot(direction, image), 0)
        v, residual = v + length * direction, residual - length * image
        old, square = square, dot(residual, residual)
        direction = residual + torch.where(old > 0, square / old, 0) * direction
    return v
