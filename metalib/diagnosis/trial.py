"""A copy of the learner on which everything is tried, and the tasks on which it is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from metalib import checkpoint
from metalib.description import Description
from metalib.diagnosis import probes
from metalib.evaluation import accuracies, on_learners_device
from metalib.learners import (
    MAML,
    FineTuning,
    GradientLearner,
    Guarded,
    Learner,
    LogisticRegression,
    task_losses,
)
from metalib.learners.base import evaluating
from metalib.learners.batched import tasks_at_once
from metalib.learners.embedding import Embedding
from metalib.learners.swapped import copied
from metalib.randomness import governed
from metalib.tasks import TaskBatch

SEED = 47
QUERIES = 25
"""Queries of a task that are looked at."""
NUMBERS = 2**18
"""Input numbers of all watched tasks."""
LEAST, MOST = 8, 40
"""Tasks that are watched."""


def seeded(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@contextmanager
def untouched(**things: Any) -> Iterator[None]:
    """Afterwards the random generators that lie in these objects are where they were."""
    sources = Description(**things).sources.values()
    states = [(source, checkpoint.random_state(source)) for source in sources]
    try:
        yield
    finally:
        for source, state in states:
            checkpoint.set_random_state(source, state)


def plain(learner: Learner) -> Learner:
    """A copy that shares nothing with the learner, not compiled and in full precision.

    Raises:
        ValueError: it cannot be copied.
    """
    copy = copied(learner)
    assert isinstance(copy, Learner)
    copy.zero_grad(set_to_none=True)
    for part in copy.modules():
        if isinstance(part, MAML):
            part._compiled = None
        if isinstance(part, Embedding):
            part.mixed_precision = False
    return copy


def inner_of(learner: nn.Module) -> GradientLearner | None:
    """The gradient learner that a learner is, or guards."""
    learner = learner.learner if isinstance(learner, Guarded) else learner
    return learner if isinstance(learner, GradientLearner) else None


def shown(inner: GradientLearner, x: Tensor) -> Tensor:
    """What the model that adapts sees of an input: fine-tuning a head shows it embeddings."""
    return inner._seen(x) if isinstance(inner, FineTuning) else x


class Trial:
    """A copy of the learner, and some tasks; `batch` has few queries, so that a look costs little."""

    def __init__(self, learner: Learner, batch: TaskBatch) -> None:
        self.original, self.learner = learner, plain(learner)
        self.kind = type(learner).__name__
        batch = on_learners_device(batch, learner)
        query_x, query_y = (probes.strided(part, QUERIES) for part in (batch.query_x, batch.query_y))
        self.all = TaskBatch(batch.support_x, batch.support_y, query_x, query_y)
        self.batch = self.all[:1]

    def measure(self) -> None:
        """Choose how many tasks are watched. Whatever the learner raises on one comes out."""
        self.predicted(self.all[:1])
        size = self.all.support_x[0].numel() + self.all.query_x[0].numel()
        self.batch = self.all[: max(LEAST, min(MOST, NUMBERS // size))]

    @property
    def inner(self) -> GradientLearner | None:
        """The gradient learner that this one is, or guards."""
        return inner_of(self.learner)

    @property
    def trains(self) -> bool:
        """Whether there is anything to train. (Logistic regression takes its features as they are.)"""
        return not isinstance(self.learner, LogisticRegression) and any(
            parameter.requires_grad for parameter in self.learner.parameters()
        )

    @property
    def labels(self) -> bool:
        """Whether the targets are labels."""
        return not self.batch.query_y.is_floating_point()

    def predicted(self, batch: TaskBatch, **adapt: Any) -> Tensor:
        """What it answers to the queries, in evaluation mode: ``(T, Q, ...)``."""
        size = tasks_at_once(batch.support_x, batch.query_x)
        given = []
        with governed(seeded()), evaluating(self.learner), torch.no_grad():
            for part in (batch[i : i + size] for i in range(0, len(batch), size)):
                fast = self.learner.adapt(part.support_x, part.support_y, **adapt)
                given.append(self.learner.predict(fast, part.query_x))
        return torch.cat(given)

    def starts(self) -> bool:
        """Whether it can be asked for no step at all."""
        return "steps" in inspect.signature(self.learner.adapt).parameters

    def scores(self, prediction: Tensor) -> Tensor:
        """Of each task: accuracies where there are labels, else losses; larger is better, or smaller."""
        batch = self.batch[: len(prediction)]
        if self.labels:
            return accuracies(prediction, batch.query_y, self.learner.loss_fn)
        return task_losses(prediction, batch.query_y, self.learner.loss_fn).detach().cpu().double()

    def with_support(self, support_x: Tensor, support_y: Tensor) -> TaskBatch:
        """The watched queries behind other support sets."""
        return TaskBatch(support_x, support_y, self.batch.query_x, self.batch.query_y)

    def misled(self) -> TaskBatch:
        """The watched tasks with other support targets: labels renamed, or those of the next task."""
        y = self.batch.support_y
        if self.labels:
            ways = int(y.max()) + 1
            other = torch.where(y >= 0, (y + 1) % ways, y)
        else:
            other = y.roll(1, dims=0)
        return self.with_support(self.batch.support_x, other)
