"""Averages over tasks that are worked out bit by bit, and kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from metalib.data import ImageSet
from metalib.lab.adaptation.start import Start
from metalib.lab.adaptation.task import Average, accuracy, nth_task, queries_for, walk
from metalib.tasks import Episodes

KEPT = 16  # averages, of the settings used last


@dataclass
class Unfinished:
    """One average on its way: what the finished tasks gave, and where the present one stands."""

    steps: int
    episodes: Episodes
    rows: list[np.ndarray] = field(default_factory=list)  # (2, steps + 1) each
    way: Iterator | None = None
    points: list[tuple[float, float]] = field(default_factory=list)


class Averages:
    """Average accuracies for any settings, each over the same `tasks` tasks.

    Settings are the arguments of `adaptation` but for the task that is shown: start (its name), alpha, steps,
    shots, ways, transductive. What `work` has finished stays; with more steps than before it begins anew.
    """

    def __init__(self, starts: Mapping[str, Start], images: ImageSet, tasks: int) -> None:
        self.starts, self.images, self.tasks = starts, images, tasks
        self._known: dict[tuple, Unfinished] = {}

    def get(self, **settings) -> Average:
        """The average over as many tasks as are finished."""
        found, points = self._find(**settings), settings["steps"] + 1
        rows = [row[:, :points] for row in found.rows]
        return Average(np.array(rows).reshape(len(rows), 2, points))

    def work(self, seconds: float = math.inf, **settings) -> bool:
        """Go on for so many seconds, but one inner step at least; whether there is more to do."""
        found, end = self._find(**settings), time.perf_counter() + seconds
        how = {name: settings[name] for name in ("alpha", "transductive")}
        while len(found.rows) < self.tasks:
            if found.way is None:
                task = nth_task(found.episodes, len(found.rows))
                found.way = walk(self.starts[settings["start"]], task, steps=found.steps, **how)
            found.points += [(accuracy(s), accuracy(q)) for s, q in [next(found.way)]]
            if len(found.points) > found.steps:
                found.rows.append(np.array(found.points).T)
                found.way, found.points = None, []
            if time.perf_counter() > end:
                break
        return len(found.rows) < self.tasks

    def _find(
        self, *, start: str, alpha: float, steps: int, shots: int, ways: int, transductive: bool
    ) -> Unfinished:
        key = (start, alpha, shots, ways, transductive)
        found = self._known.pop(key, None)
        if found is None or found.steps < steps:
            queries = queries_for(self.images, ways, shots, transductive)
            found = Unfinished(steps, Episodes(self.images, ways, shots, queries))
        self._known[key] = found  # the newest is last
        if len(self._known) > KEPT:
            self._known.pop(next(iter(self._known)))
        return found
