"""One test task, and what each method of the learning curves makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch

from metalib import curves
from metalib.curves import FAMILIES
from metalib.lab.learning_curves.descent import descend
from metalib.learners import Guarded, Learner
from metalib.tasks import TaskBatch

SHOWN = 10  # query pictures


@dataclass(frozen=True)
class WaveTask:
    """One wave and what each method makes of it: S shots, G grid points."""

    x: np.ndarray
    target: np.ndarray
    support: tuple[np.ndarray, np.ndarray]
    predictions: dict[str, np.ndarray]
    errors: dict[str, float]


@dataclass(frozen=True)
class GlyphTask:
    """One 5-way task: an example of each class (5, 28, 28), ten queries (10, 28, 28) with their classes
    (10,), and for each method which of the ten it gets right; `errors` are per cent of all 25 queries."""

    support: np.ndarray
    queries: np.ndarray
    labels: np.ndarray
    right: dict[str, np.ndarray]
    errors: dict[str, float]


@lru_cache(maxsize=64)
def one_task(family: str, shots: int, draw: int) -> WaveTask | GlyphTask:
    """One test task; one shot more adds an example and leaves the others as they are."""
    most = FAMILIES[family].shots[-1]
    drawn = FAMILIES[family].tasks("test", most).sample(1, torch.Generator().manual_seed(draw))
    if drawn.query_y.is_floating_point():
        return wave_task(family, shots, fewer(drawn, 1, shots))
    return glyph_task(family, shots, fewer(drawn, 5, shots), torch.Generator().manual_seed(draw))


def fewer(batch: TaskBatch, ways: int, shots: int) -> TaskBatch:
    """The same tasks with only the first `shots` support examples of each of `ways` classes."""
    x, y = (
        part.unflatten(1, (ways, -1))[:, :, :shots].flatten(1, 2)
        for part in (batch.support_x, batch.support_y)
    )
    return TaskBatch(x, y, batch.query_x, batch.query_y)


@cache
def learner(family: str, method: str, shots: int) -> Learner:
    """The method with the settings of its curve at this number of shots."""
    curve = curves.load(family)[method]
    return FAMILIES[family].methods[method].learner(curve.settings[curve.shots.index(shots)])


@torch.no_grad()
def wave_task(family: str, shots: int, batch: TaskBatch) -> WaveTask:
    """Adapt every method to one wave, the networks all in one go."""
    x, support = torch.linspace(-5, 5, 161), (batch.support_x, batch.support_y)
    inputs = torch.cat([batch.query_x, x.view(1, -1, 1)], dim=1)
    made = {name: learner(family, name, shots) for name in FAMILIES[family].methods}
    nets = {name: one.learner for name, one in made.items() if isinstance(one, Guarded)}
    outputs = dict(zip(nets, descend(list(nets.values()), *support, inputs), strict=True))
    for name in made.keys() - nets.keys():
        outputs[name] = made[name].predict(made[name].adapt(*support), inputs).flatten().numpy()
    wave, count = batch.query_y.flatten().numpy(), batch.query_y.shape[1]
    order = {name: outputs[name] for name in made}
    # The wave itself on the grid: two of its points say which one it is, for y = a·sin x + b·cos x.
    basis = np.stack([f(batch.query_x.flatten().numpy()) for f in (np.sin, np.cos)], axis=1)
    a, b = np.linalg.lstsq(basis, wave, rcond=None)[0]
    return WaveTask(
        x.numpy(),
        a * np.sin(x.numpy()) + b * np.cos(x.numpy()),
        (batch.support_x.flatten().numpy(), batch.support_y.flatten().numpy()),
        {name: values[count:] for name, values in order.items()},
        {name: float(np.square(values[:count] - wave).mean()) for name, values in order.items()},
    )


@torch.no_grad()
def glyph_task(family: str, shots: int, batch: TaskBatch, generator: torch.Generator) -> GlyphTask:
    """Adapt every method to one set of five characters."""
    chosen = torch.randperm(batch.query_y.shape[1], generator=generator)[:SHOWN]
    right, errors, support = {}, {}, (batch.support_x, batch.support_y)
    for name in FAMILIES[family].methods:
        one = learner(family, name, shots)
        logits = one.predict(one.adapt(*support), batch.query_x)
        hit = (logits.argmax(dim=-1) == batch.query_y)[0]
        right[name], errors[name] = hit[chosen].numpy(), 100 * (1 - hit.double().mean().item())
    return GlyphTask(
        batch.support_x[0, ::shots, 0].numpy(),
        batch.query_x[0, chosen, 0].numpy(),
        batch.query_y[0, chosen].numpy(),
        right,
        errors,
    )


def contact_sheet(task: GlyphTask) -> np.ndarray:
    """Five examples, twice as large, above ten queries: (112, 280), 0 is paper, each with a thin frame."""
    sheet = np.zeros((112, 280), np.float32)
    sheet[:56] = np.concatenate([framed(np.kron(one, np.ones((2, 2)))) for one in task.support], axis=1)
    sheet[84:] = np.concatenate([framed(one) for one in task.queries], axis=1)
    return sheet


def framed(picture: np.ndarray) -> np.ndarray:
    """The picture with its outermost pixels grey."""
    made = np.full_like(picture, 0.3)
    made[1:-1, 1:-1] = picture[1:-1, 1:-1]
    return made
