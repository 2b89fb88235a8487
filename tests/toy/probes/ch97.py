"""The toy chapter's probes."""

import torch

from metalib.exercises.probes import probe


@probe("97/inner-step", context={"torch": torch})
def probe_inner_step(inner_step):
    generator = torch.Generator().manual_seed(0)
    theta, gradient = torch.randn(3, 1, generator=generator), torch.randn(3, 1, generator=generator)
    return inner_step(theta, gradient, 0.1)


@probe("97/largest-alpha", rtol=0.01)
def probe_largest_alpha(largest_alpha):
    return largest_alpha
