"""What the navigation laboratory computes: one task, adapted to step by step; the noise can be had again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from metalib.rl import Navigation, PolicyLearner, Stage
from metalib.rl.policy import Trajectories, play, weights_of

HORIZON = 100


@dataclass(frozen=True, eq=False)
class NavigationResult:
    """k + 1 stages, before any step and after each; N trajectories of each."""

    before: np.ndarray
    """Places of the trajectories before any step, (N, H + 1, 2)."""
    after: np.ndarray
    """The same after the last step; or where a policy no longer gives numbers, of the last that did."""
    returns: np.ndarray
    """The mean return at each stage, (k + 1,)."""
    deviations: np.ndarray
    """σ at each stage, the mean over both coordinates, (k + 1,)."""
    best: float
    """The return of the agent that knows the goal."""
    broken: int | None
    """The first step after which the policy gives no numbers."""

    @property
    def closed(self) -> float:
        """How much of the gap from no step to the all-knowing agent the steps close."""
        return float((self.returns[-1] - self.returns[0]) / (self.best - self.returns[0]))


class Walks:
    """The ways of some learners on tasks of one's choice; the last few are kept, as far as they were gone."""

    def __init__(self, learners: Mapping[str, PolicyLearner]) -> None:
        self.learners = learners
        self.way = lru_cache(maxsize=8)(self._begin)

    def _begin(self, start: str, alpha: float, goal: tuple[float, float], noise: int) -> list[Stage]:
        return []

    @torch.no_grad()
    def walk(
        self, start: str, alpha: float, goal: tuple[float, float], noise: int, steps: int, drawn: bool
    ) -> NavigationResult:
        """Adapt to one goal: the first step with α, later ones with half of it.

        Args:
            noise: the number of all that is random: each stage has noise of its own.
            drawn: show and score actions as they are drawn; else each policy's mean actions. The steps learn
                from drawn actions either way.
        """
        learner, task = self.learners[start], Navigation(torch.tensor([goal]), HORIZON)
        way = self.way(start, alpha, goal, noise)
        while len(way) <= steps:
            done = len(way)
            weights = (
                learner.improve(*way[-1], alpha if done == 1 else alpha / 2)
                if done
                else weights_of(learner.policy, 1)
            )
            way.append(Stage(weights, play(weights, task, self._noise(learner, noise, done))))
        stages = way[: steps + 1]
        shown = [played if drawn else self._mean(weights, task) for weights, played in stages]
        bad = [k for k, played in enumerate(shown) if not played.places.isfinite().all()]
        last = shown[(bad[0] if bad else len(shown)) - 1]
        return NavigationResult(
            before=_places(shown[0]),
            after=_places(last),
            returns=np.array([played.returns.item() for played in shown]),
            deviations=np.array([weights["log_deviation"].exp().mean().item() for weights, _all in stages]),
            best=task.best_returns().item(),
            broken=bad[0] if bad else None,
        )

    @staticmethod
    def _noise(learner: PolicyLearner, noise: int, stage: int) -> Tensor:
        generator = torch.Generator().manual_seed(1000 * noise + stage)
        return torch.randn(1, learner.trajectories, HORIZON, 2, generator=generator)

    @staticmethod
    def _mean(weights: Mapping[str, Tensor], task: Navigation) -> Trajectories:
        return play(weights, task, torch.zeros(1, 1, HORIZON, 2))


def _places(played: Trajectories) -> np.ndarray:
    return played.places[0].double().numpy()
