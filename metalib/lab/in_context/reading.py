"""What the in-context laboratory computes: one set of points, and everybody's curve through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from metalib.i18n import N_
from metalib.lab.controls import (
    choice,
    counter,
    hidden,
    hidden_number,
    log_slider,
    point,
    slider,
    whole_slider,
)
from metalib.learners import MAML, InContext, Learner, PoolPosterior, RidgeRegression
from metalib.tasks import LinearTasks

MAX_POINTS, NOISE, TRAINED = 11, 0.2, 2.0
"""The most points and the noise that the shipped networks have seen, and how far their inputs reached."""
REACH = 6.0  # the window goes from −REACH to REACH in x and in y
GRID = np.linspace(-REACH, REACH, 121)
INSIDE = np.abs(GRID) <= TRAINED + 1e-9
POOLS = {"lines": 0, "lines-pool-4": 4, "lines-pool-16": 16, "lines-pool-64": 64, "lines-pool-256": 256}
NETWORKS = {
    "lines": N_("all lines"),
    "lines-pool-256": N_("256 lines"),
    "lines-pool-64": N_("64 lines"),
    "lines-pool-16": N_("16 lines"),
    "lines-pool-4": N_("4 lines"),
}


def places(name: str, value: Any) -> tuple[tuple[float, float], ...]:
    """Points; raises where one is none."""
    return tuple(point(name, one) for one in (value if isinstance(value, Iterable) else [value]))


@dataclass(frozen=True)
class InContextState:
    """The points and who reads them. `points` are all that there are, of which the first `shots` are shown;
    none: as they were drawn. `selected` is what the keys move."""

    network: str = choice(N_("trained on"), NETWORKS, "lines")
    shots: int = whole_slider(N_("points"), 4, 1, MAX_POINTS)
    noise: float = slider(N_("noise"), NOISE, 0.0, 2.0)
    alpha: float = log_slider(N_("α (one step)"), 0.2, 0.01, 2.0)
    ridge: float = log_slider(N_("ridge λ"), NOISE**2, 0.001, 10.0)
    draw: int = counter(N_("new line"), N_("no. {number}"), 1)
    points: tuple[tuple[float, float], ...] = hidden((), places)
    selected: int = hidden_number(1, 1, MAX_POINTS)

    @property
    def pointed(self) -> int:
        """The number of the selected point, brought back to those that are shown."""
        return min(self.selected, self.shots)


class Reading(NamedTuple):
    """The answers of all; G places on the grid, S points.

    `points` (S, 2) are shown, of `all_points` (MAX_POINTS, 2). `curves` has (G,) by name: "network", "ridge",
    "step", and "pool" where the network knows a pool. `truth` is (slope, intercept) of the line that was
    drawn, `lines` (name -> such a pair) those of the curves: of the network's the nearest line inside the
    trained range, from which it bends away by `bend` in the root mean square. `away` says how far the
    network's curve is from each of the others inside that range, in the root mean square, and `beyond`
    outside of it. `pool` (M, 2) are the lines that the network knows; (0, 2) without a pool.
    `overshoots` is 2α times the largest curvature: above 2, the step makes the loss on the points larger.
    """

    points: np.ndarray
    all_points: np.ndarray
    curves: dict[str, np.ndarray]
    truth: np.ndarray
    lines: dict[str, np.ndarray]
    bend: float
    away: dict[str, float]
    beyond: dict[str, float]
    pool: np.ndarray
    overshoots: float


def drawn(draw: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A line, (slope, intercept), and `MAX_POINTS` noisy points of it, in hundredths: (MAX_POINTS, 2)."""
    tasks = LinearTasks(MAX_POINTS, 1, inputs=2, noise=noise, spread="uniform", scale=TRAINED, intercept=True)
    generator = torch.Generator().manual_seed(draw)
    weight = torch.randn(1, 2, generator=generator)
    batch = tasks.at(weight, generator)
    points = torch.cat([batch.support_x[..., :1], batch.support_y], dim=-1)[0].numpy().astype(float)
    return weight[0].numpy().astype(float), points.clip(-REACH, REACH).round(2)


def readers(network: Learner, pool: int, state: InContextState) -> dict[str, Learner]:
    """Everybody who reads the points, by name."""
    start = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(start.weight)
    found: dict[str, Learner] = {
        "network": network,
        "ridge": RidgeRegression(state.ridge),
        "step": MAML(start, alpha=state.alpha),
    }
    if pool:
        found["pool"] = PoolPosterior(LinearTasks(inputs=2, pool=pool).weights, NOISE)
    return found


def with_ones(x: Any) -> Tensor:
    """Numbers (N,) as the inputs (x, 1) of one task, (1, N, 2)."""
    return torch.stack([torch.as_tensor(x, dtype=torch.float32), torch.ones(len(x))], dim=-1).unsqueeze(0)


@torch.no_grad()
def read(networks: Mapping[str, InContext], state: InContextState) -> Reading:
    """Let everybody read the points and answer on the whole grid."""
    truth, as_drawn = drawn(state.draw, state.noise)
    every = np.array(state.points, float) if state.points else as_drawn
    every = np.concatenate([every, as_drawn[len(every) :]])
    points = every[: state.shots]
    x, y = with_ones(points[:, 0]), torch.as_tensor(points[:, 1:], dtype=torch.float32).unsqueeze(0)
    pool = POOLS.get(state.network, 0)
    asked, curves = with_ones(GRID), {}
    for name, learner in readers(networks[state.network], pool, state).items():
        answer = learner.predict(learner.adapt(x, y), asked)
        curves[name] = answer[0, :, 0].numpy().astype(float)
    lines = {name: np.polyfit(GRID[INSIDE], curve[INSIDE], 1) for name, curve in curves.items()}
    gaps = {name: curves["network"] - curve for name, curve in curves.items() if name != "network"}
    features = x[0].double().numpy()
    curvature = np.linalg.eigvalsh(features.T @ features / len(features))[-1]
    return Reading(
        points=points,
        all_points=every,
        curves=curves,
        truth=truth,
        lines=lines,
        bend=root_mean_square((curves["network"] - np.polyval(lines["network"], GRID))[INSIDE]),
        away={name: root_mean_square(gap[INSIDE]) for name, gap in gaps.items()},
        beyond={name: root_mean_square(gap[~INSIDE]) for name, gap in gaps.items()},
        pool=LinearTasks(inputs=2, pool=pool).weights.double().numpy() if pool else np.zeros((0, 2)),
        overshoots=float(2 * state.alpha * curvature),
    )


def root_mean_square(values: np.ndarray) -> float:
    """√ of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def moved(state: InContextState, every: np.ndarray, number: int, x: float, y: float) -> InContextState:
    """Point `number` (1, 2, …) of all (MAX_POINTS, 2) put at (x, y), or as near as the window allows."""
    places = [tuple(place) for place in every.tolist()]
    places[number - 1] = tuple(round(float(np.clip(value, -REACH, REACH)), 2) for value in (x, y))
    return replace(state, points=tuple(places), selected=number)


def follow(before: InContextState, after: InContextState) -> InContextState:
    """A new line, or other noise, draws all points anew."""
    if (before.draw, before.noise) != (after.draw, after.noise):
        return replace(after, points=())
    return after
