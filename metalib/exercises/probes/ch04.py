"""Probes of chapter 4."""

import torch
from torch import Tensor
from torch.func import grad

from metalib.exercises.probes import N_, Draw, forbid_autograd, label, probe, require, watch

HESSIAN_BUILT = N_("You made a tensor of n × n numbers on the way: the Hessian. Only H v is needed.")
ONE_BY_ONE = N_(
    "The larger n is, the more your answer has to do: it goes through H, or through θ, one by one. "
    "Two gradients are enough, however large n is."
)


def symmetric(size: int, draw: Draw) -> Tensor:
    """A symmetric matrix with eigenvalues between about 0.2 and 3."""
    root = draw.normal(size, size)
    return root @ root.T / size + 0.2 * torch.eye(size)


@probe("04/bowl", context={"torch": torch})
def probe_bowl(meta_gradient, draw):
    n = draw.whole(2, 5)
    matrix, c, theta = symmetric(n, draw), draw.normal(n), draw.normal(n)
    result = {}
    for alpha in (draw.number(0.05, 0.15), draw.number(0.2, 0.4)):
        with forbid_autograd():
            result[f"α = {alpha}"] = meta_gradient(theta.clone(), matrix.clone(), c.clone(), alpha)
    return result


@probe("04/one-line", context={"torch": torch, "grad": grad})
def probe_one_line(meta_gradient, draw):
    n = draw.whole(2, 5)
    bowls = [(symmetric(n, draw), draw.normal(n)) for _loss in range(2)]

    def loss(bowl):
        matrix, c = bowl
        return lambda theta: (theta - c) @ matrix @ (theta - c) / 2 + (theta**4).sum() / 10

    support, query = map(loss, bowls)
    alpha = draw.number(0.05, 0.3)
    return {f"α = {alpha}": meta_gradient(support, query, draw.normal(n), alpha)}


@probe("04/hvp", context={"torch": torch})
def probe_hvp(hvp, draw):
    n = draw.whole(40, 60)

    def loss(theta):
        return (theta**4).sum() / 4 + (theta[1:] * theta[:-1] ** 2).sum() + torch.sin(theta).sum()

    # In double precision, so that differences of gradients pass as well: they keep the rule.
    theta, v = (draw.normal(n).double() for _ in range(2))
    with watch() as usual:
        grad(lambda point: grad(loss)(point) @ v)(theta)
    with watch() as seen:
        product = hvp(loss, theta.clone().requires_grad_(), v.clone())
    require(seen.largest < n * n, HESSIAN_BUILT)
    require(sum(seen.operations.values()) < 5 * sum(usual.operations.values()), ONE_BY_ONE)
    return {label(N_("a θ of {n} numbers"), n=n): product}


@probe("04/steps", context={"torch": torch})
def probe_steps(meta_gradient, draw):
    n = draw.whole(2, 4)
    matrix = symmetric(n, draw)

    def gradient(theta):
        return matrix @ theta + theta**3

    def hessian(theta):
        return matrix + torch.diag(3 * theta**2)

    theta, alpha = draw.uniform(n, low=0.5, high=1.0), draw.number(0.08, 0.15)
    result = {}
    for steps in (1, 2, draw.whole(3, 5)):
        with forbid_autograd():
            result[f"steps = {steps}"] = meta_gradient(gradient, hessian, theta.clone(), alpha, steps)
    return result


@probe("04/reptile", context={"torch": torch})
def probe_reptile(reptile, draw):
    n, tasks = draw.whole(2, 4), draw.whole(2, 5)
    bowls = [(symmetric(n, draw), draw.normal(n)) for _task in range(tasks)]
    gradients = [lambda theta, a=a, c=c: a @ (theta - c) for a, c in bowls]
    theta, alpha, many = draw.normal(n), draw.number(0.1, 0.2), draw.whole(3, 5)
    # Far from ½, where ε and 1 − ε are alike.
    return {
        N_("one inner step"): reptile(list(gradients), theta.clone(), alpha, 1, draw.number(0.1, 0.4)),
        label(N_("{n} inner steps"), n=many): reptile(
            list(gradients), theta.clone(), alpha, many, draw.number(0.6, 0.9)
        ),
    }


@probe("04/implicit", context={"torch": torch})
def probe_implicit(implicit, draw):
    n = draw.whole(2, 5)
    a, b = symmetric(n, draw), symmetric(n, draw)
    c, d, theta = draw.normal(3, n)
    return {
        f"λ = {lam}": implicit(theta.clone(), a.clone(), c.clone(), b.clone(), d.clone(), lam)
        for lam in (draw.number(0.3, 0.7), draw.number(2.0, 5.0))
    }
