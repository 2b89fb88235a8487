"""Gradient descent on a small ReLU network without autograd: what a laboratory can afford at every move.

A thousand inner steps of three networks take a tenth of a second here and a second with autograd, whose
bookkeeping costs more than the arithmetic. A test holds it against `metalib.learners`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from metalib.learners import GradientLearner
from metalib.learners.guarded import EXPLODED, WATCHED

Weights = Sequence[np.ndarray]  # of the three layers: (in, out) and (out,), in turn
EVERY = 25  # steps, about a millisecond


def descend(learner: GradientLearner, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[Weights, bool]]:
    """The weights after every `EVERY` inner steps on the points x, y (S, 1), beginning with none, each with
    False; and at last, with True, those that the learner keeps: its start where the steps explode (as
    `metalib.learners.Guarded` has it).

    The learner is one around `metalib.models.sine_net`, and the loss is the mean squared error. The same
    arrays come each time, changed.
    """
    # (out, in) as PyTorch keeps them becomes (in, out), and a copy: the model is left alone.
    start = [parameter.detach().numpy().T for parameter in learner.model.parameters()]
    w1, b1, w2, b2, w3, b3 = adapted = [value.copy() for value in start]
    losses: list[float] = []
    alpha, scale = np.float32(learner.alpha), np.float32(2 / len(x))
    for step in range(int(learner.steps)):
        if step % EVERY == 0:
            yield adapted, False
        with np.errstate(over="ignore", invalid="ignore"):  # an exploding task is taken back below
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
    with np.errstate(over="ignore", invalid="ignore"):
        losses.append(np.square(network(adapted, x)[:, None] - y).mean())
    fine = losses[-1] <= losses[0] and all(loss <= EXPLODED * losses[0] for loss in losses)
    yield (adapted if fine else start), True


def network(weights: Weights, x: np.ndarray) -> np.ndarray:
    """The network's output (N,) at x (N, 1)."""
    w1, b1, w2, b2, w3, b3 = weights
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3)[:, 0]
