"""Probes of chapter 3."""

import torch
import torch.nn.functional as F

from metalib.exercises.probes import N_, probe
from metalib.tasks import SineTasks


def network(theta, x):
    """The chapter's network 1-40-40-1 at `theta`, a list of six tensors, for `x` of shape (N, 1)."""
    w1, b1, w2, b2, w3, b3 = theta
    h = torch.relu(x @ w1.T + b1)
    h = torch.relu(h @ w2.T + b2)
    return h @ w3.T + b3


def start(generator):
    """Six small tensors for `network`."""
    shapes = [(40, 1), (40,), (40, 40), (40,), (1, 40), (1,)]
    return [(0.3 * torch.randn(shape, generator=generator)).requires_grad_() for shape in shapes]


@probe("03/inner-step", context={"torch": torch})
def probe_inner_step(inner_step):
    generator = torch.Generator().manual_seed(1)
    theta = torch.tensor([0.5, -1.0])
    x, y = torch.randn(7, generator=generator), torch.randn(7, generator=generator)
    return {
        N_("one step with α = 0.1"): inner_step(theta.clone(), x, y, 0.1),
        N_("one step with α = 0.5"): inner_step(theta.clone(), 2 * x, y, 0.5),
    }


@probe("03/meta-loss", context={"torch": torch, "F": F, "network": network})
def probe_meta_loss(meta_loss):
    generator = torch.Generator().manual_seed(2)
    theta = start(generator)
    batch = SineTasks(shots=4, queries=6).sample(3, generator)
    return {
        N_("one inner step"): meta_loss(theta, batch, 0.02, 1),
        N_("three inner steps"): meta_loss(theta, batch, 0.02, 3),
    }


@probe("03/meta-gradient", context={"torch": torch})
@probe("03/first-order", context={"torch": torch})
def probe_meta_gradient(meta_gradient):
    def support_loss(theta):
        return (theta**4).sum() / 4 + theta[0] * theta[1]

    def query_loss(theta):
        return ((theta - 2) ** 2).sum() + theta[0] * theta[2]

    result = {}
    for alpha in (0.1, 0.3):
        theta = torch.tensor([0.9, -0.4, 0.6], requires_grad=True)
        result[f"α = {alpha}"] = meta_gradient(support_loss, query_loss, theta, alpha)
    return result
