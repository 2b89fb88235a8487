"""Are the gradients those of the losses? Autograd's slopes against differences of the loss itself.

A graph that is cut somewhere (`.detach()`, `.data`, `no_grad`, NumPy, a state dict that is loaded back) still
gives a gradient, only of another function. The loss tells: moved a little along a direction v, it must change
by ⟨gradient, v⟩.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from metalib.diagnosis.trial import seeded
from metalib.learners.embedding import Embedding

DIRECTIONS = 3
TOLERANCE = 5e-3
"""A share of the usual slope by which gradient and difference may differ."""

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Slopes:
    """What a comparison has found."""

    agree: bool | None
    """None: the loss is too rough to tell."""
    wrong: tuple[str, ...]
    """Parameters of which the gradient is not the slope."""
    unused: tuple[str, ...]
    """Parameters that change nothing."""
    slope: float
    said: float


def shifts(learner: nn.Module) -> set[str]:
    """Biases of linear layers and convolutions, where a normalisation may take out what they add, or a
    distance, which does not feel a shift of all embeddings."""
    kinds = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, Embedding)
    if not any(isinstance(part, kinds) for part in learner.modules()):
        return set()
    layers = (nn.Linear, nn.modules.conv._ConvNd)
    biases = {f"{name}.bias" for name, part in learner.named_modules() if isinstance(part, layers)}
    rates = {name for name, _p in learner.named_parameters() if name.startswith("alphas.")}  # theirs
    return biases | rates


def compare(
    loss: Callable[[Weights], float],
    weights: Weights,
    gradient: Mapping[str, Tensor],
    usual_zeros: Collection[str] = (),
) -> Slopes:
    """The loss, as a function of some weights, against what is said to be its gradient there.

    usual_zeros: weights without a gradient are looked at one by one, but not these.
    """
    generator = seeded(3)
    sizes = {n: float(w.square().mean().sqrt().clamp(min=1e-2)) for n, w in weights.items()}

    def direction(names: list[str]) -> Weights:
        return {
            n: torch.randn(weights[n].shape, generator=generator).to(weights[n]) * sizes[n] for n in names
        }

    def said(way: Weights) -> float:
        return float(sum((gradient[n] * v).sum() for n, v in way.items()))

    def usual(names: list[str]) -> float:
        """The standard deviation of the slope along random directions, as the gradient has it."""
        return math.sqrt(sum(float((gradient[n] * sizes[n]).square().sum()) for n in names))

    def slope(way: Weights) -> float | None:
        return measured(loss, here, weights, way, usual(list(weights)))

    here = loss(weights)
    every, scale = list(weights), usual(list(weights))
    seen = []
    for _direction in range(DIRECTIONS):
        way = direction(every)
        found = slope(way)
        if found is not None:
            away = abs(found - said(way)) / max(scale, abs(found), 1e-12)
            seen.append((away, found, said(way)))
    if not seen:
        return Slopes(None, (), (), 0.0, 0.0)
    away, found, as_said = sorted(seen)[len(seen) // 2]  # a kink nearby (a ReLU at 0) spoils one direction
    agree = away <= TOLERANCE
    wrong, unused = [], []
    floor = 1e-7 * max(scale, abs(found), 1e-12)
    for name in every:
        none = usual([name]) <= floor
        if agree and (not none or name in usual_zeros):
            continue
        way = direction([name])
        own = slope(way)
        if own is None:
            continue
        if abs(own) <= floor and none:
            unused.append(name)
        elif abs(own - said(way)) > TOLERANCE * max(usual([name]), abs(own)) and abs(own) > floor:
            wrong.append(name)
    return Slopes(agree and not wrong, tuple(wrong), tuple(unused), found, as_said)


def measured(
    loss: Callable[[Weights], float], here: float, weights: Weights, way: Weights, scale: float
) -> float | None:
    """The slope of the loss along a direction: a difference that stays when the step is changed, and is the
    same on both sides; or None, where there is no such thing (a ReLU exactly at 0).

    here: the loss of these weights.
    """

    def difference(step: float) -> tuple[float, float]:
        """And by how much the slopes of both sides differ."""
        ends = (
            {n: w + sign * step * way[n] if n in way else w for n, w in weights.items()} for sign in (1, -1)
        )
        up, down = (loss(end) for end in ends)
        return (up - down) / (2 * step), abs(up - 2 * here + down) / step

    double = next(iter(weights.values())).dtype == torch.float64
    for step in (1e-7, 1e-5, 1e-3) if double else (3e-3, 1e-2):
        (one, bend), (other, _bend) = difference(step), difference(0.4 * step)
        room = TOLERANCE * max(abs(one), scale, 1e-12)
        if abs(one - other) <= (0.2 if double else 5) * room and bend <= (1 if double else 40) * room:
            return one
    return None
