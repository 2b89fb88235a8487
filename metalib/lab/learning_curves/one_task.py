"""One test task, and what each method of the learning curves makes of it."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import torch

from metalib import curves
from metalib.curves import FAMILIES
from metalib.lab.learning_curves.descent import descend
from metalib.learners import Guarded, Learner
from metalib.tasks import Episodes, SineTasks, TaskBatch, sine

SHOWN = 10  # query pictures
GRID = torch.linspace(-5, 5, 161)


class WaveTask(NamedTuple):
    """One wave and what each method makes of it, on the `GRID` (G,): S shots."""

    target: np.ndarray  # (G,)
    support: tuple[np.ndarray, np.ndarray]  # x and y, (S,)
    predictions: dict[str, np.ndarray]  # (G,)
    errors: dict[str, float]


class GlyphTask(NamedTuple):
    """One 5-way task: an example of each class, ten queries with their classes, and for each method which of
    the ten it gets right; `errors` are per cent of all 25 queries."""

    support: np.ndarray  # uint8 (5, 28, 28), ink = 255
    queries: np.ndarray  # uint8 (10, 28, 28)
    labels: np.ndarray  # (10,)
    right: dict[str, np.ndarray]  # bool (10,)
    errors: dict[str, float]


@lru_cache(maxsize=64)
def one_task(family: str, shots: int, draw: int) -> WaveTask | GlyphTask:
    """One test task; one shot more adds an example and leaves the others as they are."""
    tasks = FAMILIES[family].tasks("test", FAMILIES[family].shots[-1])
    methods = {name: learner(family, name, shots) for name in FAMILIES[family].methods}
    if isinstance(tasks, Episodes):
        return glyph_task(tasks, methods, shots, draw)
    assert isinstance(tasks, SineTasks)
    return wave_task(tasks, methods, shots, draw)


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


@torch.no_grad()
def wave_task(tasks: SineTasks, methods: dict[str, Learner], shots: int, draw: int) -> WaveTask:
    """Adapt every method to one wave."""
    drawn = tasks.draw(1, torch.Generator().manual_seed(draw))
    batch = fewer(tasks.gather(*drawn), 1, shots)
    x, y, wave = (part[0].numpy() for part in (batch.support_x, batch.support_y, batch.query_y))  # (N, 1)
    inputs = torch.cat([batch.query_x, GRID.view(1, -1, 1)], dim=1)
    predictions, errors = {}, {}
    for name, one in methods.items():
        if isinstance(one, Guarded):  # a gradient learner
            made = descend(one.learner, x, y, inputs[0].numpy())
        else:
            made = one.predict(one.adapt(batch.support_x, batch.support_y), inputs).flatten().numpy()
        predictions[name] = made[len(wave) :]
        errors[name] = float(np.square(made[: len(wave)] - wave[:, 0]).mean())
    target = sine(GRID, drawn.amplitude, drawn.phase).flatten().numpy()
    return WaveTask(target, (x[:, 0], y[:, 0]), predictions, errors)


@torch.no_grad()
def glyph_task(tasks: Episodes, methods: dict[str, Learner], shots: int, draw: int) -> GlyphTask:
    """Adapt every method to one set of five characters."""
    drawn = tasks.draw(1, torch.Generator().manual_seed(draw))
    batch, pictures = fewer(tasks.gather(*drawn), 5, shots), tasks.pictures(*drawn)[0, :, :, 0].numpy()
    chosen = torch.randperm(batch.query_y.shape[1], generator=torch.Generator().manual_seed(draw))[:SHOWN]
    right, errors = {}, {}
    for name, one in methods.items():
        logits = one.predict(one.adapt(batch.support_x, batch.support_y), batch.query_x)
        hit = (logits.argmax(dim=-1) == batch.query_y)[0]
        right[name], errors[name] = hit[chosen].numpy(), 100 * (1 - hit.double().mean().item())
    queries = pictures[:, tasks.shots :].reshape(-1, *pictures.shape[2:])
    return GlyphTask(pictures[:, 0], queries[chosen.numpy()], batch.query_y[0, chosen].numpy(), right, errors)
