"""Probes of chapter 1."""

import math

import torch

from metalib.exercises.probes import N_, probe


@probe("01/interval", context={"torch": torch})
def probe_interval(interval):
    generator = torch.Generator().manual_seed(1)
    return {
        N_("50 tasks"): interval(torch.rand(50, generator=generator) * 3),
        N_("200 tasks"): interval(torch.randn(200, generator=generator).square()),
    }


@probe("01/examples-needed", context={"math": math}, edges=True)
def probe_needed(needed):
    shots, error = [1, 2, 5, 10, 20, 50], [4.0, 3.0, 1.5, 0.8, 0.3, 0.1]
    return {
        N_("between two points"): needed(shots, error, 1.4),
        N_("exactly at a point"): needed(shots, error, 1.5),
        N_("reached at once"): needed(shots, error, 9.0),
        N_("never reached: is it math.inf"): needed(shots, error, 0.01) == math.inf,
    }


@probe("01/paired", context={"torch": torch})
def probe_paired(paired):
    generator = torch.Generator().manual_seed(3)
    hard = torch.rand(80, generator=generator) * 5
    first, second = (hard + 0.3 * torch.rand(80, generator=generator) + shift for shift in (0.2, 0.0))
    return {N_("two methods on 80 tasks"): paired(first, second)}
