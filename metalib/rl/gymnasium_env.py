"""2-D navigation as an environment of Gymnasium, so that anybody's agent can run in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from metalib.i18n import _
from metalib.rl.navigation import LIMIT, NavigationTasks


class NavigationEnv(gymnasium.Env):
    """The task of `NavigationTasks`, one trajectory at a time, in NumPy.

    The observation is the place; of the goal only the reward tells. An episode is *truncated* after
    ``horizon`` actions and never terminated: nothing ends at the goal.

    Args:
        goal: where it is, (2,); ``None`` draws another one at each ``reset(seed=…)`` and keeps it at a
            ``reset()`` without a seed, so that several trajectories of one task can be made.
        tasks: where goals come from, and the horizon.

    ``reset(options={"goal": (x, y)})`` sets a goal, and ``options={"new": True}`` draws another one without a
    new seed. ``info["goal"]`` has it, for whoever wants to know what the agent may not.
    """

    metadata = {"render_modes": []}

    def __init__(self, goal: Sequence[float] | None = None, tasks: NavigationTasks | None = None) -> None:
        self.tasks = NavigationTasks() if tasks is None else tasks
        self.observation_space = _box(self.tasks.horizon * LIMIT)
        self.action_space = _box(LIMIT)
        self._fixed = None if goal is None else _point(goal)
        self._goal, self._place, self._done = self._fixed, np.zeros(2), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Back to the origin."""
        super().reset(seed=seed)
        options = options or {}
        if "goal" in options:
            self._goal = _point(options["goal"])
        elif self._fixed is not None:
            self._goal = self._fixed
        elif self._goal is None or seed is not None or options.get("new"):
            self._goal = self.np_random.uniform(-self.tasks.reach, self.tasks.reach, 2)
        self._place, self._done = np.zeros(2), 0
        return self._seen()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move by the action, clipped; the reward is minus the distance to the goal."""
        if self._goal is None:
            raise RuntimeError(_("Call reset() before step()."))
        self._place = self._place + np.clip(np.asarray(action, dtype=np.float64), -LIMIT, LIMIT)
        self._done += 1
        seen, info = self._seen()
        reward = -float(np.linalg.norm(self._place - self._goal))
        return seen, reward, False, self._done >= self.tasks.horizon, info

    def _seen(self) -> tuple[np.ndarray, dict[str, Any]]:
        assert self._goal is not None
        return self._place.astype(np.float32), {"goal": self._goal.copy()}


def _box(side: float) -> gymnasium.spaces.Box:
    """The square [−side, side]²."""
    high = np.full(2, side, np.float32)
    return gymnasium.spaces.Box(-high, high, dtype=np.float32)


def _point(value: Sequence[float]) -> np.ndarray:
    """A goal (2,).

    Raises:
        ValueError: it is none.
    """
    point = np.asarray(value, dtype=np.float64)
    if point.shape != (2,) or not np.isfinite(point).all():
        raise ValueError(_("goal must be two finite numbers, not {value!r}.").format(value=value))
    return point
