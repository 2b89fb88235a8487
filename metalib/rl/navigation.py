"""2-D navigation: walk to a goal that only the reward tells of (Finn et al. 2017, section 5.3.1).

A state is a place in the plane, beginning at the origin; an action is a velocity, each of whose coordinates
is clipped to ± 0.1; after every action the reward is *minus the distance* to the goal; a trajectory has 100
actions. The paper says *squared* distance; its authors' code (cbfinn/maml_rl, `point_env_randgoal.py`)
takes the root, and so do we. There an episode also ends within 0.01 of the goal; here it never ends early.

Shapes: T tasks, N trajectories of each, H actions of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.tasks.batch import check_generator, check_positive, check_whole
from metalib.tasks.sine import uniform

LIMIT = 0.1
"""The largest velocity in each coordinate."""


def move(states: Tensor, actions: Tensor) -> Tensor:
    """The next states (..., 2) after actions (..., 2), which are clipped."""
    return states + actions.clamp(-LIMIT, LIMIT)


def reward(states: Tensor, goals: Tensor) -> Tensor:
    """Minus the distance (...) from states (..., 2) to goals (..., 2)."""
    return -(states - goals).norm(dim=-1)


@dataclass(frozen=True, eq=False)
class Navigation:
    """T tasks: their goals, and how many actions a trajectory has."""

    goals: Tensor
    """``(T, 2)``."""
    horizon: int = 100

    def __len__(self) -> int:
        return len(self.goals)

    def to(self, device: torch.device | str) -> Navigation:
        """The same tasks on another device."""
        return replace(self, goals=self.goals.to(device))

    def start(self, trajectories: int) -> Tensor:
        """The first states: the origin, ``(T, N, 2)``."""
        return self.goals.new_zeros(len(self), trajectories, 2)

    def step(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Next states ``(T, N, 2)`` and their rewards ``(T, N)``, for ``(T, N, 2)`` both."""
        states = move(states, actions)
        return states, reward(states, self.goals.unsqueeze(1))

    def best_returns(self) -> Tensor:
        """The return of the agent that knows the goal, ``(T,)``: an exact upper bound.

        It goes in each coordinate as fast as it may until it is there. The distance grows with |dx| and with
        |dy|, and no walk makes either of them smaller at any time, so no other agent does better.
        """
        time = torch.arange(1, self.horizon + 1, device=self.goals.device)
        left = (self.goals.abs().unsqueeze(-1) - LIMIT * time).clamp(min=0)  # (T, 2, H)
        return -left.norm(dim=1).sum(dim=-1)


@dataclass(frozen=True)
class NavigationTasks:
    """Goals drawn evenly from the square [−reach, reach]².

    Args:
        reach: half the side of the square; the paper's is 0.5.
        horizon: actions a trajectory.

    Raises:
        ValueError: a reach that is not positive and finite, a horizon below 1.
    """

    reach: float = 0.5
    horizon: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", check_whole("horizon", self.horizon, 1))
        if not (0 < self.reach < math.inf):
            raise ValueError(
                _("reach must be a finite positive number, not {value}.").format(value=self.reach)
            )

    def sample(self, n_tasks: int, generator: torch.Generator) -> Navigation:
        """So many tasks."""
        check_positive(n_tasks=n_tasks)
        check_generator(generator)
        return Navigation(uniform((-self.reach, self.reach), (n_tasks, 2), generator), self.horizon)
