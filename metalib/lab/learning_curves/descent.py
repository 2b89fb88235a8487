"""Gradient descent on a small ReLU network without autograd: what a laboratory can afford at every move.

A thousand inner steps of three networks take a tenth of a second here and a second with autograd, whose
bookkeeping costs more than the arithmetic. A test holds it against `metalib.learners`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metalib.learners import GradientLearner
from metalib.learners.guarded import EXPLODED, WATCHED


def descend(learner: GradientLearner, x: np.ndarray, y: np.ndarray, q: np.ndarray) -> np.ndarray:
    """What the learner predicts at q (Q, 1) after its inner steps on the points x, y (S, 1), or at its start
    where they explode (as `metalib.learners.Guarded` has it): float32 (Q,).

    The learner is one around `metalib.models.sine_net`, and the loss is the mean squared error.
    """
    # (out, in) as PyTorch keeps them becomes (in, out), and a copy: the model is left alone.
    start = [parameter.detach().numpy().T for parameter in learner.model.parameters()]
    w1, b1, w2, b2, w3, b3 = adapted = [value.copy() for value in start]
    losses: list[float] = []
    alpha, scale = np.float32(learner.alpha), np.float32(2 / len(x))
    with np.errstate(over="ignore", invalid="ignore"):  # an exploding task is taken back below
        for step in range(int(learner.steps)):
            h = np.maximum(x @ w1 + b1, 0)
            g = np.maximum(h @ w2 + b2, 0)
            residual = g @ w3 + b3 - y
            if step <= WATCHED:
                losses.append(np.square(residual).mean())
            slope = residual * scale  # dL/d(output)
            slope_g = (slope @ w3.T) * (g > 0)
            slope_h = (slope_g @ w2.T) * (h > 0)
            w3 -= alpha * (g.T @ slope)
            b3 -= alpha * slope.sum(axis=0)
            w2 -= alpha * (h.T @ slope_g)
            b2 -= alpha * slope_g.sum(axis=0)
            w1 -= alpha * (x.T @ slope_h)
            b1 -= alpha * slope_h.sum(axis=0)
        losses.append(np.square(_network(adapted, x) - y).mean())
    fine = losses[-1] <= losses[0] and all(loss <= EXPLODED * losses[0] for loss in losses)
    return _network(adapted if fine else start, q)[:, 0]


def _network(theta: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    w1, b1, w2, b2, w3, b3 = theta
    return np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3
