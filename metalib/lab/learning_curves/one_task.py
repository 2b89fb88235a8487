"""One test task, and what each method of the learning curves makes of it.

Some methods take a second on it, so each is adapted in pieces: `advance` goes on for a moment, `so_far` says
where everybody stands.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from metalib import curves
from metalib.curves import FAMILIES
from metalib.lab.learning_curves.descent import descend, network
from metalib.learners import Guarded, Learner
from metalib.tasks import Episodes, SineTasks, TaskBatch, sine

SHOWN = 10  # query pictures
GRID = torch.linspace(-5, 5, 161)
AT_ONCE = 0.01  # seconds for what a move shows at once; the rest comes while nobody moves anything


class WaveTask(NamedTuple):
    """One wave and what each method makes of it, on the `GRID` (G,): S shots. A method that is not `done` is
    shown where its steps have led so far."""

    target: np.ndarray  # (G,)
    support: tuple[np.ndarray, np.ndarray]  # x and y, (S,)
    predictions: dict[str, np.ndarray]  # (G,)
    errors: dict[str, float]
    done: frozenset[str]


class GlyphTask(NamedTuple):
    """One 5-way task: an example of each class, ten queries with their classes, and for each method that is
    `done` which of the ten it gets right; `errors` are per cent of all 25 queries."""

    support: np.ndarray  # uint8 (5, 28, 28), ink = 255
    queries: np.ndarray  # uint8 (10, 28, 28)
    labels: np.ndarray  # (10,)
    right: dict[str, np.ndarray]  # bool (10,)
    errors: dict[str, float]
    done: frozenset[str]


class OneTask:
    """A task on which the methods are adapted bit by bit, each in its turn."""

    def __init__(self, family: str, shots: int, draw: int) -> None:
        self.methods = {name: learner(family, name, shots) for name in FAMILIES[family].methods}
        tasks = FAMILIES[family].tasks("test", FAMILIES[family].shots[-1])
        assert isinstance(tasks, SineTasks | Episodes)
        drawn = tasks.draw(1, torch.Generator().manual_seed(draw))
        self.batch = fewer(tasks.gather(*drawn), self.ways, shots)
        self.show(tasks, drawn, draw)
        self.ways_left = deque((name, self.way(one)) for name, one in self.methods.items())
        self.adapted: dict[str, Any] = {}
        self.advance(AT_ONCE)

    ways = 1
    must_begin = 0  # so many methods have something to show at once

    def show(self, tasks: Any, drawn: Any, draw: int) -> None:
        """Keep what a picture of the task needs."""
        raise NotImplementedError

    def way(self, one: Learner) -> Iterator[tuple[Any, bool]]:
        """What the method makes of the task after each piece of its adaptation; whether that was the last."""
        raise NotImplementedError

    @torch.no_grad()
    def advance(self, seconds: float) -> bool:
        """Go on for so many seconds; whether there is more to do."""
        end = time.perf_counter() + seconds
        try:
            while self.ways_left and (self.must_begin > len(self.adapted) or time.perf_counter() < end):
                name, way = self.ways_left.popleft()
                self.adapted[name], ended = next(way)
                if not ended:
                    self.ways_left.append((name, way))
        except BaseException:  # an interrupted way cannot go on: begin anew
            one_task.cache_clear()
            raise
        return bool(self.ways_left)

    @property
    def done(self) -> frozenset[str]:
        """The methods that are adapted."""
        return frozenset(self.methods) - {name for name, _way in self.ways_left}


class OneWave(OneTask):
    """A wave."""

    must_begin = 4

    def show(self, tasks: SineTasks, drawn: Any, draw: int) -> None:
        self.x, self.y, self.wave = (
            part[0].numpy() for part in (self.batch.support_x, self.batch.support_y, self.batch.query_y)
        )  # each (N, 1)
        self.inputs = torch.cat([self.batch.query_x, GRID.view(1, -1, 1)], dim=1)
        self.target = sine(GRID, drawn.amplitude, drawn.phase).flatten().numpy()

    def way(self, one: Learner) -> Iterator[tuple[np.ndarray, bool]]:
        """Its predictions at the queries and on the grid, (Q + G,)."""
        if isinstance(one, Guarded):  # a gradient learner
            for weights, ended in descend(one.learner, self.x, self.y):
                yield network(weights, self.inputs[0].numpy()), ended
        else:
            adapted = one.adapt(self.batch.support_x, self.batch.support_y)
            yield one.predict(adapted, self.inputs).flatten().numpy(), True

    def so_far(self) -> WaveTask:
        """Where everybody stands."""
        cut = len(self.wave)
        predictions = {name: self.adapted[name][cut:] for name in self.methods}
        errors = {
            name: float(np.square(self.adapted[name][:cut] - self.wave[:, 0]).mean()) for name in self.methods
        }
        return WaveTask(self.target, (self.x[:, 0], self.y[:, 0]), predictions, errors, self.done)


class FiveGlyphs(OneTask):
    """Five characters."""

    ways = 5

    def show(self, tasks: Episodes, drawn: Any, draw: int) -> None:
        pictures = tasks.pictures(*drawn)[0, :, :, 0].numpy()
        order = torch.randperm(self.batch.query_y.shape[1], generator=torch.Generator().manual_seed(draw))
        self.chosen = order[:SHOWN].numpy()
        self.examples = pictures[:, 0]
        self.queries = pictures[:, tasks.shots :].reshape(-1, *pictures.shape[2:])[self.chosen]

    def way(self, one: Learner) -> Iterator[tuple[Tensor | None, bool]]:
        """Nothing, step by step, and then which queries it gets right, bool (25,)."""
        if isinstance(one, Guarded):
            for point in one.walk(self.batch.support_x, self.batch.support_y):
                adapted = point
                yield None, False
        else:
            adapted = one.adapt(self.batch.support_x, self.batch.support_y)
        logits = one.predict(adapted, self.batch.query_x)
        yield (logits.argmax(dim=-1) == self.batch.query_y)[0], True

    def so_far(self) -> GlyphTask:
        """Where everybody stands."""
        hits = {name: self.adapted[name] for name in self.methods if name in self.done}
        right = {name: hit.numpy()[self.chosen] for name, hit in hits.items()}
        errors = {name: 100 * (1 - hit.double().mean().item()) for name, hit in hits.items()}
        labels = self.batch.query_y[0].numpy()[self.chosen]
        return GlyphTask(self.examples, self.queries, labels, right, errors, self.done)


@lru_cache(maxsize=64)
def one_task(family: str, shots: int, draw: int) -> OneWave | FiveGlyphs:
    """One test task; one shot more adds an example and leaves the others as they are."""
    kind = FiveGlyphs if family.startswith("glyphs") else OneWave
    return kind(family, shots, draw)


@cache
def learner(family: str, method: str, shots: int) -> Learner:
    """The method with the settings of its curve at this number of shots."""
    curve = curves.load(family)[method]
    return FAMILIES[family].methods[method].learner(curve.settings[curve.shots.index(shots)])


def fewer(batch: TaskBatch, ways: int, shots: int) -> TaskBatch:
    """The same tasks with only the first `shots` support examples of each of `ways` classes."""
    x, y = (
        part.unflatten(1, (ways, -1))[:, :, :shots].flatten(1, 2)
        for part in (batch.support_x, batch.support_y)
    )
    return TaskBatch(x, y, batch.query_x, batch.query_y)
