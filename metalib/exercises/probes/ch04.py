"""Probes of chapter 4."""

import torch

from metalib.exercises.probes import N_, label, probe


def symmetric(size, generator):
    """A symmetric matrix whose eigenvalues lie about 1."""
    a = torch.randn(size, size, generator=generator)
    return a @ a.T / size + 0.2 * torch.eye(size)


@probe("04/bowl", context={"torch": torch})
def probe_bowl(meta_gradient):
    generator = torch.Generator().manual_seed(1)
    a, c, theta = (
        symmetric(3, generator),
        torch.randn(3, generator=generator),
        torch.randn(3, generator=generator),
    )
    return {
        "α = 0.1": meta_gradient(theta.clone(), a.clone(), c.clone(), 0.1),
        "α = 0.3": meta_gradient(theta.clone(), a.clone(), c.clone(), 0.3),
    }


@probe("04/hvp", context={"torch": torch})
def probe_hvp(hvp):
    def loss(theta):
        return (theta**4).sum() / 4 + theta[0] * theta[1] * theta[2] + torch.sin(theta).sum()

    generator = torch.Generator().manual_seed(2)
    result = {}
    for number in (1, 2):
        theta = torch.randn(4, generator=generator).requires_grad_()
        result[label(N_("point {n}"), n=number)] = hvp(loss, theta, torch.randn(4, generator=generator)) + 0.0
    return result


@probe("04/steps", context={"torch": torch})
def probe_steps(meta_gradient):
    def gradient(theta):
        return torch.stack([theta[0] ** 3 + theta[1], theta[1] ** 3 + theta[0] + 2 * theta[1] * theta[2] ** 2,
                            2 * theta[2] * theta[1] ** 2 + theta[2]])  # fmt: skip

    def hessian(theta):
        a, b, c = theta
        one = torch.ones(())
        rows = (
            [3 * a**2, one, 0 * one],
            [one, 3 * b**2 + 2 * c**2, 4 * b * c],
            [0 * one, 4 * b * c, 2 * b**2 + 1],
        )
        return torch.stack([torch.stack(list(row)) for row in rows])

    result = {}
    for steps in (1, 2, 3):
        theta = torch.tensor([0.9, -0.4, 0.6])
        result[f"steps = {steps}"] = meta_gradient(gradient, hessian, theta, 0.15, steps)
    return result


@probe("04/reptile", context={"torch": torch})
def probe_reptile(reptile):
    generator = torch.Generator().manual_seed(4)
    centres = torch.randn(3, 2, generator=generator)
    matrices = torch.stack([symmetric(2, generator) for _task in range(3)])

    def gradients():
        return [lambda theta, a=a, c=c: a @ (theta - c) for a, c in zip(matrices, centres, strict=True)]

    theta = torch.randn(2, generator=generator)
    return {
        N_("one inner step"): reptile(gradients(), theta.clone(), 0.1, 1, 0.5),
        N_("four inner steps"): reptile(gradients(), theta.clone(), 0.2, 4, 0.5),
    }


@probe("04/implicit", context={"torch": torch})
def probe_implicit(implicit):
    generator = torch.Generator().manual_seed(5)
    a, b = symmetric(3, generator), symmetric(3, generator)
    c, d, theta = torch.randn(3, 3, generator=generator)
    return {
        f"λ = {lam}": implicit(theta.clone(), a.clone(), c.clone(), b.clone(), d.clone(), lam)
        for lam in (0.5, 4.0)
    }
