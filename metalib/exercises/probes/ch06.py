"""Probes of chapter 6."""

import math

import torch

from metalib.exercises.probes import N_, label, probe


@probe("06/posterior", context={"torch": torch})
def probe_posterior(log_posterior):
    generator = torch.Generator().manual_seed(1)
    z, prototypes = torch.randn(4, 3, generator=generator), torch.randn(5, 3, generator=generator)
    return {
        N_("four queries, T = 1"): log_posterior(z.clone(), prototypes.clone(), 1.0),
        N_("the same, T = 3"): log_posterior(z.clone(), prototypes.clone(), 3.0),
        N_("thirty times as far apart"): log_posterior(30 * z, 30 * prototypes, 1.0),
    }


@probe("06/linear", context={"torch": torch})
def probe_linear(as_linear):
    generator = torch.Generator().manual_seed(2)
    result = {}
    for t in (1, 4):
        weight, bias = as_linear(torch.randn(4, 3, generator=generator), float(t))
        result[label(N_("weight, T = {t}"), t=t)] = weight
        result[label(N_("bias, T = {t}"), t=t)] = bias
    return result


@probe("06/bregman", context={"torch": torch})
def probe_bregman(divergence):
    generator = torch.Generator().manual_seed(3)
    x, p = (0.2 + torch.rand(4, 3, generator=generator) for _which in range(2))
    return {
        "φ = ‖x‖²": divergence(lambda v: v @ v, lambda v: 2 * v, x[0].clone(), p[0].clone()),
        "φ = Σ x log x": divergence(
            lambda v: (v * v.log()).sum(), lambda v: v.log() + 1, x[1].clone(), p[1].clone()
        ),
        "φ = −Σ log x": divergence(lambda v: -v.log().sum(), lambda v: -1 / v, x[2].clone(), p[2].clone()),
    }


@probe("06/pull", context={"torch": torch})
def probe_pull(pull):
    generator = torch.Generator().manual_seed(4)
    z, prototypes = torch.randn(3, generator=generator), torch.randn(4, 3, generator=generator)
    return {
        N_("true class 0, T = 1"): pull(z.clone(), prototypes.clone(), 0, 1.0),
        N_("true class 2, T = 1"): pull(z.clone(), prototypes.clone(), 2, 1.0),
        N_("true class 2, T = 5"): pull(z.clone(), prototypes.clone(), 2, 5.0),
    }


@probe("06/ceiling", context={"torch": torch, "math": math})
def probe_ceiling(temperature_for):
    cases = ((0.9, 5), (0.99, 20), (0.6, 2))
    return {label(N_("p = {p}, {ways} ways"), p=p, ways=ways): temperature_for(p, ways) for p, ways in cases}
