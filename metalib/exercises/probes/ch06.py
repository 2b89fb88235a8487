"""Probes of chapter 6."""

import math
from typing import Any

import torch

from metalib.exercises.probes import N_, forbid_autograd, label, probe, require, watch

FAR = 60.0  # from the origin: there an expanded square has lost digits, and differences have not


@probe("06/squares", context={"torch": torch}, atol=1e-3)
def probe_squares(squared_distances, draw):
    queries, classes, size = draw.different(3, 2, 8)
    result: dict[str, Any] = {}
    operations = []
    for extra in (0, 9):
        z, prototypes = draw.normal(queries + extra, size), draw.normal(classes + extra, size)
        with watch() as seen:
            result[label(N_("{n} queries"), n=len(z))] = squared_distances(z, prototypes)
        operations.append(seen.operations.total())
    require(
        operations[0] == operations[1],
        N_("More queries and classes take more operations: there is a loop, and this works without one."),
    )
    far = FAR + draw.normal(2, queries, size)
    result[N_("far from the origin")] = squared_distances(far[0], far[1][: max(1, queries - 1)])
    return result


@probe("06/posterior", context={"torch": torch}, atol=1e-3)
def probe_posterior(log_posterior, draw):
    queries, classes, size = draw.different(3, 2, 8)
    z, prototypes = draw.normal(queries, size), draw.normal(classes, size)
    warm = draw.number(2.0, 5.0)
    far = FAR + torch.cat([z, prototypes])
    return {
        N_("T = 1"): log_posterior(z.clone(), prototypes.clone(), 1.0),
        label(N_("the same, T = {t}"), t=warm): log_posterior(z.clone(), prototypes.clone(), warm),
        N_("thirty times as far apart"): log_posterior(30 * z, 30 * prototypes, 1.0),
        N_("far from the origin"): log_posterior(far[:queries], far[queries:], 1.0),
    }


@probe("06/linear", context={"torch": torch})
def probe_linear(as_linear, draw):
    result = {}
    for t in (1.0, draw.number(2.0, 6.0)):
        weight, bias = as_linear(draw.normal(*draw.different(2, 2, 7)), t)
        result[label(N_("weight, T = {t}"), t=t)] = weight
        result[label(N_("bias, T = {t}"), t=t)] = bias
    return result


@probe("06/bregman", context={"torch": torch})
def probe_bregman(divergence, draw):
    def points():
        size = draw.whole(2, 6)
        return draw.uniform(size, low=0.2, high=1.2), draw.uniform(size, low=0.2, high=1.2)

    return {
        "φ = ‖x‖²": divergence(lambda v: v @ v, lambda v: 2 * v, *points()),
        "φ = Σ x log x": divergence(lambda v: (v * v.log()).sum(), lambda v: v.log() + 1, *points()),
        "φ = −Σ log x": divergence(lambda v: -v.log().sum(), lambda v: -1 / v, *points()),
    }


@probe("06/pull", context={"torch": torch})
def probe_pull(pull, draw):
    classes, size = draw.different(2, 3, 7)
    z, prototypes, warm = draw.normal(size), draw.normal(classes, size), draw.number(2.0, 6.0)
    result = {}
    with forbid_autograd():
        for y, t in ((0, 1.0), (classes - 1, 1.0), (draw.whole(1, classes - 1), warm)):
            found = pull(z.clone(), prototypes.clone(), y, t)
            result[label(N_("true class {y}, T = {t}"), y=y, t=t)] = found
    return result


@probe("06/ceiling", context={"torch": torch, "math": math})
def probe_ceiling(temperature_for, draw):
    cases = [(draw.number(0.6, 0.99, 2), ways) for ways in draw.different(3, 2, 30)]
    return {label(N_("p = {p}, {ways} ways"), p=p, ways=ways): temperature_for(p, ways) for p, ways in cases}
