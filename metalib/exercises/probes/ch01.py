"""Probes of chapter 1."""

import math

import torch

from metalib.exercises.probes import N_, label, probe


@probe("01/nearest", context={"torch": torch})
def probe_nearest(nearest, draw):
    ways, height, width = draw.different(3, 2, 7)
    results = {}
    for n in range(1, 9):  # a wrong rule may be right by luck once or twice
        ink = draw.uniform(ways, 1, 1, low=0.2)  # one picture has more of it than another
        pictures = ink * draw.uniform(ways, height, width)
        new = pictures[draw.whole(0, ways - 1)] + 0.4 * torch.randn(height, width, generator=draw.generator)
        results[label(N_("picture {n}"), n=n)] = nearest(pictures, new)
    return results


@probe("01/interval", context={"torch": torch})
def probe_interval(interval, draw):
    few, many = draw.different(2, 20, 300)
    return {
        label(N_("{n} tasks"), n=few): interval(3 * torch.rand(few, generator=draw.generator)),
        label(N_("{n} tasks"), n=many): interval(draw.normal(many).square()),
    }


@probe("01/examples-needed", context={"math": math}, edges=True)
def probe_needed(needed, draw):
    points = draw.whole(4, 8)
    shots = sorted(draw.different(points, 1, 100))
    errors = [0.0]
    for _point in range(points):
        errors.insert(0, errors[0] + draw.number(0.1, 1.0))
    errors.pop()
    place = draw.whole(1, points - 2)
    between = (errors[place] + errors[place + 1]) / 2
    return {
        N_("between two points"): needed(shots, errors, between),
        N_("exactly at a point"): needed(shots, errors, errors[place]),
        N_("reached at once"): needed(shots, errors, errors[0] + 1),
        N_("only at the last point"): needed(shots, errors, errors[-1]),
        N_("never reached"): needed(shots, errors, errors[-1] / 2),
    }


@probe("01/paired", context={"torch": torch})
def probe_paired(paired, draw):
    n = draw.whole(30, 120)
    hard = 5 * torch.rand(n, generator=draw.generator)
    first, second = (
        hard + 0.3 * torch.rand(n, generator=draw.generator) + draw.number(0.0, 0.4) for _method in range(2)
    )
    return {N_("two methods on the same tasks"): paired(first, second)}
