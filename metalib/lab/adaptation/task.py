"""Adaptation to image tasks, step by step: the state, and the pure function behind the adaptation laboratory.

`walk` takes one task at a time and can be left off after any step, so no slider waits for an average.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from metalib.data import ImageSet
from metalib.data.images import grey
from metalib.i18n import N_, _
from metalib.lab.adaptation.start import ALPHAS, Start
from metalib.lab.averages import Average
from metalib.lab.controls import choice, counter, log_slider, whole_slider
from metalib.learners import GradientLearner, batched
from metalib.learners.base import uses_batch_statistics
from metalib.tasks import Episodes, TaskBatch

MAX_STEPS, MAX_WAYS, MAX_SHOTS, MAX_QUERIES = 10, 20, 5, 5
ALONE = 450  # images in the forward passes in which queries are judged alone, about
FIRST_TASK = 1_000_000  # the average's tasks are drawn from this seed on; the shown ones have their own
EXPLODED = 10  # times the loss of guessing, log(ways): beyond it, a support loss has exploded
KEPT = 16  # averages, of the settings used last


@dataclass(frozen=True)
class AdaptationState:
    """Where adaptation starts and how it goes, the task `draw`, and the step that is shown of it."""

    start: str = choice(N_("weights"), {})
    alpha: float = log_slider(N_("α (inner rate)"), 0.1, *ALPHAS)
    steps: int = whole_slider(N_("inner steps"), 3, 0, MAX_STEPS)
    ways: int = whole_slider(N_("ways"), 5, 2, MAX_WAYS)
    shots: int = whole_slider(N_("shots"), 1, 1, MAX_SHOTS)
    transductive: bool = choice(
        N_("normalise"), {True: N_("all queries together"), False: N_("each query alone")}, True
    )
    step: int = whole_slider(N_("step shown"), 3, 0, MAX_STEPS)
    draw: int = counter(N_("new task"), N_("task {number}"), 1)


@dataclass(frozen=True, eq=False)
class TaskPath:
    """One task on its way. k steps, N ways, K shots, Q queries in all (class by class), images with ink 255.

    Losses (nats) and `accuracy` on the queries (0 … 1) are (k + 1,), the first before any step; an accuracy
    is not a number where the network's outputs are not. `probabilities` (k + 1, Q, N): p(class | query).
    """

    support: np.ndarray  # uint8 (N, K, H, W)
    query: np.ndarray  # uint8 (Q, H, W)
    truth: np.ndarray  # (Q,)
    names: tuple[str, ...]
    support_loss: np.ndarray
    query_loss: np.ndarray
    accuracy: np.ndarray
    probabilities: np.ndarray

    @property
    def exploded(self) -> int | None:
        """The first step after which the support loss is `EXPLODED` times that of guessing, or no number."""
        bad = np.flatnonzero(~(self.support_loss <= EXPLODED * math.log(len(self.names))))
        return int(bad[0]) if len(bad) else None


class StepAverage(Average):
    """Accuracies (0 … 1) of n tasks on the support and the query set: `values` (n, 2, k + 1)."""

    def told(self, step: int) -> list[str]:
        """Support and query at a step, each as 93.8 ± 1.2 %, without the interval where there is none."""
        said = []
        for mean, half in 100 * np.stack([self.mean, self.half_width])[..., step].T:
            value = f"{mean:.1f}" if np.isnan(half) else f"{mean:.1f} ± {half:.1f}"
            said.append("–" if np.isnan(mean) else _("{value} %").format(value=value))
        return said


class AdaptationResult(NamedTuple):
    """One task on its way, and an average over as many others as are finished."""

    task: TaskPath
    average: StepAverage


class Unfinished(NamedTuple):
    """An average on its way: accuracies (2, steps + 1) of the finished tasks, and who works on the next."""

    steps: int
    rows: list[np.ndarray]
    way: Iterator[None]


class Adaptations:
    """Adaptation from any of `starts` to tasks drawn from `images`; averages have `tasks` tasks.

    What is worked out is kept. An average begins anew with more steps than it had.
    """

    def __init__(self, starts: Mapping[str, Start], images: ImageSet, tasks: int) -> None:
        self.starts, self.images, self.tasks = starts, images, tasks
        self._known: dict[AdaptationState, Unfinished] = {}
        self._path = functools.lru_cache(maxsize=8)(self._adapt)

    def compute(self, state: AdaptationState) -> AdaptationResult:
        """The way on the task that is shown, and the average as far as `work` has come.

        Raises ValueError for a step beyond the steps taken.
        """
        if not 0 <= state.step <= state.steps:
            raise ValueError(
                _("step must lie between 0 and the {steps} steps taken; {step} does not.").format(
                    steps=state.steps, step=state.step
                )
            )
        rows = [row[:, : state.steps + 1] for row in self._average(state).rows]
        average = np.array(rows).reshape(len(rows), 2, state.steps + 1)
        return AdaptationResult(self._path(replace(state, step=0)), StepAverage(average))

    def work(self, state: AdaptationState, seconds: float = math.inf) -> bool:
        """Go on with the average for so many seconds, but one inner step at least; whether there is more."""
        found, end = self._average(state), time.perf_counter() + seconds
        try:
            for _step in found.way:
                if time.perf_counter() > end:
                    break
        except BaseException:  # an interrupted way cannot go on: begin anew
            self._known.clear()
            raise
        return len(found.rows) < self.tasks

    def _average(self, state: AdaptationState) -> Unfinished:
        key = replace(state, steps=0, step=0, draw=0)
        found = self._known.pop(key, None)
        if found is None or found.steps < state.steps:
            rows: list[np.ndarray] = []
            found = Unfinished(state.steps, rows, self._walk_all(state, rows))
        self._known[key] = found  # the newest is last
        if len(self._known) > KEPT:
            self._known.pop(next(iter(self._known)))
        return found

    def _walk_all(self, state: AdaptationState, rows: list[np.ndarray]) -> Iterator[None]:
        """Add a row for each of the average's tasks; stops after every inner step."""
        episodes, start = episodes_of(self.images, state), self.starts[state.start]
        for number in range(self.tasks):
            points = []
            for support, query in walk(start, nth_task(episodes, number), state):
                points.append((accuracy(support), accuracy(query)))
                if len(points) > state.steps:
                    rows.append(np.array(points).T)
                yield

    def _adapt(self, state: AdaptationState) -> TaskPath:
        episodes = episodes_of(self.images, state)
        chosen = episodes.draw(1, torch.Generator().manual_seed(state.draw))
        batch, pictures = episodes.gather(*chosen), grey(episodes.pictures(*chosen)[0])
        way = walk(self.starts[state.start], batch, state)
        support, query = (torch.stack(part) for part in zip(*way, strict=True))
        truth = batch.query_y[0, : query.shape[1]]
        return TaskPath(
            support=pictures[:, : state.shots].numpy(),
            query=pictures[:, state.shots :].flatten(0, 1)[: len(truth)].numpy(),
            truth=truth.numpy(),
            names=tuple(self.images.names[i] for i in chosen[0][0].tolist()),
            support_loss=losses(support, batch.support_y[0]),
            query_loss=losses(query, truth),
            accuracy=np.array([accuracy(point) for point in query]),
            probabilities=query.softmax(dim=-1).numpy(),
        )


def episodes_of(images: ImageSet, state: AdaptationState) -> Episodes:
    """The tasks of these ways and shots. Queries a class: 5, with many ways fewer: 30 in all, but 2 a class.
    Where each is judged alone, which is a forward pass with the whole support set, still fewer: `ALONE`
    images in all, but 1 a class."""
    wanted = max(2, 30 // state.ways)
    if not state.transductive:
        wanted = max(1, min(wanted, ALONE // (state.ways * state.shots + 1) // state.ways))
    queries = max(1, min(MAX_QUERIES, images.drawings - state.shots, wanted))
    return Episodes(images, state.ways, state.shots, queries)


def nth_task(episodes: Episodes, number: int) -> TaskBatch:
    """The average's task of that number (T = 1): the same for all weights and every α."""
    return episodes.sample(1, torch.Generator().manual_seed(FIRST_TASK + number))


@torch.no_grad()
def walk(start: Start, batch: TaskBatch, state: AdaptationState) -> Iterator[tuple[Tensor, Tensor]]:
    """The way of `start` on one task (T = 1): its logits on support (S, ways) and query (Q, ways), steps + 1
    times, the first before any step. Outputs of the head beyond the task's ways take no part. Where queries
    are judged alone and that would take long, Q is less than the task has: see `ALONE`."""
    x, query_x = batch.support_x, batch.query_x
    ways = int(batch.support_y.max()) + 1

    def loss(logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
        return F.cross_entropy(logits[:, :ways], labels, **options)

    learner = GradientLearner(
        start.model,
        state.alpha,
        adapts=start.adapts.__contains__,
        loss_fn=loss,
        transductive=state.transductive,
    )
    # One a class, and may be still too many: then the first classes only.
    if not state.transductive and uses_batch_statistics(start.model) and query_x.shape[1] == ways:
        query_x = query_x[:, : max(6, ALONE // (x.shape[1] + 1))]
    for fast in learner.descend(x, batch.support_y, state.steps):
        support = batched.forward(start.model, fast, x)
        yield support[0, :, :ways], learner.predict(fast, query_x)[0, :, :ways]


def losses(logits: Tensor, labels: Tensor) -> np.ndarray:
    """The mean cross-entropy at each point of a way: (k + 1, N, ways) and (N,) to float64 (k + 1,)."""
    return np.array([F.cross_entropy(point.double(), labels).item() for point in logits])


def accuracy(logits: Tensor) -> float:
    """The fraction of right answers among logits (N, ways) of images that lie class by class, as episodes do;
    not a number where a logit is not finite."""
    if not logits.isfinite().all():
        return float("nan")
    count, ways = logits.shape
    labels = torch.arange(ways).repeat_interleave(max(1, count // ways))[:count]
    return (logits.argmax(dim=-1) == labels).double().mean().item()
