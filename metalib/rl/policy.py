"""Gaussian policies, the trajectories that they make, and the probabilities of these.

Shapes: T tasks, N trajectories of each, H actions of each; states and actions are in the plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from metalib.i18n import _
from metalib.rl.navigation import LIMIT, Navigation, move, reward

Weights = Mapping[str, Tensor]
"""Parameters of T policies, ``{parameter name: (T, ...)}``."""


class Trajectories(NamedTuple):
    """What T policies did in their tasks, N times each."""

    places: Tensor
    """All places along the way, the first and the last included, ``(T, N, H + 1, 2)``."""
    actions: Tensor
    """As drawn, in units of the limit and before any clipping, ``(T, N, H, 2)``."""
    rewards: Tensor
    """After each action, ``(T, N, H)``."""

    @property
    def states(self) -> Tensor:
        """Where each action was taken, ``(T, N, H, 2)``."""
        return self.places[:, :, :-1]

    @property
    def returns(self) -> Tensor:
        """The mean return of each task, ``(T,)``."""
        return self.rewards.sum(dim=-1).mean(dim=-1)


class GaussianPolicy(nn.Module):
    """a ~ N(μ(s), σ²): μ is a network with two hidden layers of tanh, σ one number for each coordinate.

    Actions are in units of the environment's limit, ± 0.1, as in the authors' code.

    Args:
        width: units a hidden layer.
        deviation: σ to begin with.
        generator: where the initial weights come from; ``None`` uses seed 0.
    """

    def __init__(
        self, width: int = 64, deviation: float = 0.3, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        if not (0 < deviation < math.inf):
            raise ValueError(
                _("deviation must be a finite positive number, not {value}.").format(value=deviation)
            )
        self.net = nn.Sequential(
            nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2)
        )
        generator = generator or torch.Generator().manual_seed(0)
        for layer in self.net:
            if isinstance(layer, nn.Linear):  # as in the authors' code
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)
        self.log_deviation = nn.Parameter(torch.full((2,), math.log(deviation)))

    def forward(self, states: Tensor) -> Tensor:
        """μ, (..., 2), of states (..., 2)."""
        return self.net(states)


def weights_of(policy: GaussianPolicy, n_tasks: int) -> dict[str, Tensor]:
    """The policy's own parameters for so many tasks."""
    return {name: value.expand(n_tasks, *value.shape) for name, value in policy.named_parameters()}


def means(weights: Weights) -> Callable[[Tensor], Tensor]:
    """μ of T policies, as a function of states: ``(T, N, 2)`` both.

    The layers are those of `GaussianPolicy`, written out: a hundred calls a trajectory are what a laboratory
    waits for.
    """
    (first, a), (second, b), (third, c) = (
        (weights[f"net.{layer}.weight"].mT, weights[f"net.{layer}.bias"].unsqueeze(1)) for layer in (0, 2, 4)
    )

    def mean(states: Tensor) -> Tensor:
        hidden = torch.baddbmm(a, states, first).tanh()
        return torch.baddbmm(c, torch.baddbmm(b, hidden, second).tanh(), third)

    return mean


@torch.no_grad()
def play(weights: Weights, tasks: Navigation, noise: Tensor) -> Trajectories:
    """Let T policies act: a = μ(s) + σ ε.

    Args:
        noise: ε, ``(T, N, H, 2)``, standard normal; zero lets them take their mean actions.
    """
    mean = means(weights)
    shaken = weights["log_deviation"].exp()[:, None, None] * noise
    places, actions = [tasks.start(noise.shape[1])], []
    for now in shaken.unbind(dim=2):
        actions.append(mean(places[-1]) + now)
        places.append(move(places[-1], LIMIT * actions[-1]))
    way = torch.stack(places, dim=2)  # (T, N, H + 1, 2)
    rewards = reward(way[:, :, 1:], tasks.goals[:, None, None])
    return Trajectories(way, torch.stack(actions, dim=2), rewards)


def log_probabilities(weights: Weights, played: Trajectories) -> Tensor:
    """log π(a|s) of every action, ``(T, N, H)``: with a graph to the weights, none to the trajectories."""
    mean = means(weights)(played.states.flatten(1, 2)).view_as(played.actions)
    log_deviation = weights["log_deviation"][:, None, None]
    distance = (played.actions - mean) / log_deviation.exp()
    return (-distance.square() / 2 - log_deviation - math.log(2 * math.pi) / 2).sum(dim=-1)
