"""Probes of chapter 3."""

import torch
import torch.nn.functional as F

from metalib.exercises.probes import N_, forbid_autograd, label, probe, with_gradient
from metalib.tasks import SineTasks


def network(theta, x):
    """The chapter's network 1-40-40-1 at `theta`, a list of six tensors, for `x` of shape (N, 1)."""
    w1, b1, w2, b2, w3, b3 = theta
    h = torch.relu(x @ w1.T + b1)
    h = torch.relu(h @ w2.T + b2)
    return h @ w3.T + b3


def start(draw):
    """Six small tensors for `network`."""
    shapes = [(40, 1), (40,), (40, 40), (40,), (1, 40), (1,)]
    return [(0.3 * draw.normal(*shape)).requires_grad_() for shape in shapes]


@probe("03/inner-step", context={"torch": torch})
def probe_inner_step(inner_step, draw):
    result = {}
    for points in draw.different(2, 3, 9):
        theta, x, y = draw.normal(2), draw.uniform(points, low=-2, high=2), draw.normal(points)
        alpha = draw.number(0.05, 0.5)
        with forbid_autograd():
            result[label(N_("one step with K = {k}, α = {alpha}"), k=points, alpha=alpha)] = inner_step(
                theta, x, y, alpha
            )
    return result


@probe("03/one-line", context={"torch": torch}, atol=1e-5)
def probe_one_line(inner_step, draw):
    def loss(theta, x, y):
        return ((x @ theta.T).tanh() - y).square().mean()

    points, inputs, outputs = draw.different(3, 2, 6)
    x, y = draw.normal(points, inputs), draw.normal(points, outputs)
    theta = draw.normal(outputs, inputs).requires_grad_()
    moved = inner_step(loss, theta, x, y, draw.number(0.1, 1.0))
    return {N_("θ′"): with_gradient(moved, theta)}


@probe("03/meta-loss", context={"torch": torch, "F": F, "network": network})
def probe_meta_loss(meta_loss, draw):
    theta, result = start(draw), {}
    batch = SineTasks(shots=draw.whole(2, 5), queries=draw.whole(6, 9)).sample(
        draw.whole(2, 4), draw.generator
    )
    for steps in (1, draw.whole(2, 4)):
        name = label(N_("the meta-loss with steps = {steps}"), steps=steps)
        result[name] = with_gradient(meta_loss(theta, batch, 0.02, steps), theta)
    return result


@probe("03/meta-gradient", context={"torch": torch})
@probe("03/first-order", context={"torch": torch})
def probe_meta_gradient(meta_gradient, draw):
    result = {}
    for n in draw.different(2, 2, 5):
        mixing, target = draw.normal(n, n), 2 + draw.normal(n)
        alpha, theta = draw.number(0.05, 0.3), draw.normal(n).requires_grad_()

        def support_loss(theta, mixing=mixing):
            return (theta**4).sum() / 4 + theta @ mixing @ theta / 4

        def query_loss(theta, mixing=mixing, target=target):
            return ((theta - target) ** 2).sum() + theta @ mixing.abs() @ theta / 4

        result[label(N_("n = {n}, α = {alpha}"), n=n, alpha=alpha)] = meta_gradient(
            support_loss, query_loss, theta, alpha
        )
    return result
