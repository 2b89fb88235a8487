"""Adaptation to image tasks, step by step: the pure functions behind the adaptation laboratory.

`walk` takes one task at a time and can be left off after any step, so no slider waits for an average.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.lab.adaptation.start import Start
from metalib.learners import GradientLearner, batched
from metalib.learners.base import uses_batch_statistics
from metalib.learners.gradient import check_alpha, check_steps
from metalib.tasks import Episodes, TaskBatch

MAX_QUERIES = 5
ALONE = 450  # images in the forward passes in which queries are judged alone, about
FIRST_TASK = 1_000_000  # the average's tasks are drawn from this seed on; the shown ones have their own
EXPLODED = 10  # times the loss of guessing, log(ways): beyond it, a support loss has exploded


@dataclass(frozen=True, eq=False)
class TaskPath:
    """One task on its way. k steps, N ways, K shots, Q queries in all (class by class), images with ink 255.

    The losses (nats) and accuracies (0 … 1) are (k + 1,), the first before any step; an accuracy is not a
    number where the network's outputs are not. `probabilities` (k + 1, Q, N) are p(class | query image).
    """

    support: np.ndarray  # uint8 (N, K, H, W)
    query: np.ndarray  # uint8 (Q, H, W)
    truth: np.ndarray  # (Q,)
    names: tuple[str, ...]
    support_loss: np.ndarray
    query_loss: np.ndarray
    support_accuracy: np.ndarray
    query_accuracy: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class Average:
    """Accuracies (0 … 1) of n tasks on the support and the query set: `values` (n, 2, k + 1)."""

    values: np.ndarray

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> np.ndarray:
        """(2, k + 1); not a number where a task's is not, or where there is none."""
        return self.values.mean(axis=0) if self.n else np.full(self.values.shape[1:], np.nan)

    @property
    def half_width(self) -> np.ndarray:
        """(2, k + 1): half the 95 % interval over tasks, 1.96 · s / √n; not a number for fewer than two."""
        if self.n < 2:
            return np.full(self.values.shape[1:], np.nan)
        return 1.96 * self.values.std(axis=0, ddof=1) / np.sqrt(self.n)


@dataclass(frozen=True, eq=False)
class AdaptationResult:
    """What the adaptation laboratory shows: one task at one step of its way, and an average over tasks."""

    start: Start
    alpha: float
    shots: int
    transductive: bool
    draw: int
    step: int
    task: TaskPath
    average: Average
    goal: int  # tasks that the average will have in the end

    @property
    def ways(self) -> int:
        return len(self.task.names)

    @property
    def steps(self) -> int:
        """Inner steps taken."""
        return len(self.task.support_loss) - 1

    @property
    def has_batch_statistics(self) -> bool:
        """Whether the network normalises by the batch that it is given."""
        return uses_batch_statistics(self.start.model)

    @property
    def exploded(self) -> int | None:
        """The first step after which the support loss is `EXPLODED` times that of guessing, or no number."""
        bad = np.flatnonzero(~(self.task.support_loss <= EXPLODED * np.log(self.ways)))
        return int(bad[0]) if len(bad) else None


def adaptation(
    start: Start,
    images: ImageSet,
    *,
    alpha: float,
    steps: int,
    shots: int,
    ways: int,
    transductive: bool = True,
    draw: int = 0,
    step: int | None = None,
    tasks: int = 0,
) -> AdaptationResult:
    """Adapt to the task `draw` and to `tasks` further ones: the laboratory's pure function.

    Args:
        start: see `start_point`.
        alpha, steps: inner step size and inner steps.
        ways, shots: classes, and support images of each; the number of queries follows, see `queries_for`.
        transductive: whether a batch normalisation sees all queries together; see `GradientLearner`.
        step: which step is shown; the last, where None.

    Raises:
        ValueError, TypeError: an argument outside these limits; more ways than the head has outputs.
    """
    if not 2 <= ways <= start.outputs:
        raise ValueError(
            _("ways must lie between 2 and {outputs}, the outputs of {name}; {ways} does not.").format(
                outputs=start.outputs, name=start.name, ways=ways
            )
        )
    how = {"alpha": check_alpha(alpha), "steps": check_steps(steps), "transductive": transductive}
    step = steps if step is None else step
    if not 0 <= step <= steps:
        raise ValueError(
            _("step must lie between 0 and the {steps} steps taken; {step} does not.").format(
                steps=steps, step=step
            )
        )
    episodes = Episodes(images, ways, shots, queries_for(images, ways, shots, transductive))
    values = [accuracies(walk(start, nth_task(episodes, n), **how)) for n in range(tasks)]
    return AdaptationResult(
        start=start,
        alpha=alpha,
        shots=shots,
        transductive=transductive,
        draw=draw,
        step=step,
        task=one_task(start, images, episodes, draw, **how),
        average=Average(np.array(values).reshape(tasks, 2, steps + 1)),
        goal=tasks,
    )


def queries_for(images: ImageSet, ways: int, shots: int, transductive: bool = True) -> int:
    """Queries a class: 5, with many ways fewer: 30 in all, but 2 a class. Where each is judged alone, which
    is a forward pass with the whole support set, still fewer: `ALONE` images in all, but 1 a class."""
    wanted = max(2, 30 // ways)
    if not transductive:
        wanted = max(1, min(wanted, ALONE // (ways * shots + 1) // ways))
    return max(1, min(MAX_QUERIES, images.drawings - shots, wanted))


def nth_task(episodes: Episodes, number: int) -> TaskBatch:
    """The average's task of that number (T = 1): the same for all weights and every α."""
    return episodes.sample(1, torch.Generator().manual_seed(FIRST_TASK + number))


def one_task(start: Start, images: ImageSet, episodes: Episodes, draw: int, **how: Any) -> TaskPath:
    """The task `draw` and the whole way of `start` on it; `how` is alpha, steps, transductive."""
    classes, drawings = episodes.draw(1, torch.Generator().manual_seed(draw))
    batch = episodes.gather(classes, drawings)
    way = list(walk(start, batch, **how))
    support, query = (torch.stack(part) for part in zip(*way, strict=True))
    support_accuracy, query_accuracy = accuracies(way)
    pictures = [
        (255 * part[0].mean(dim=1)).round().to(torch.uint8) for part in (batch.support_x, batch.query_x)
    ]
    judged = query.shape[1]
    truth = batch.query_y[0, :judged]
    return TaskPath(
        support=pictures[0].unflatten(0, (episodes.ways, episodes.shots)).numpy(),
        query=pictures[1][:judged].numpy(),
        truth=truth.numpy(),
        names=tuple(images.names[i] for i in classes[0].tolist()),
        support_loss=losses(support, batch.support_y[0]),
        query_loss=losses(query, truth),
        support_accuracy=support_accuracy,
        query_accuracy=query_accuracy,
        probabilities=query.softmax(dim=-1).numpy(),
    )


@torch.no_grad()
def walk(
    start: Start, batch: TaskBatch, *, alpha: float, steps: int, transductive: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """The way of `start` on one task (T = 1): its logits on support (S, ways) and query (Q, ways), steps + 1
    times, the first before any step. Outputs of the head beyond the task's ways take no part. Where queries
    are judged alone and that would take long, Q is less than the task has: see `ALONE`."""
    x, query_x = batch.support_x, batch.query_x
    ways = int(batch.support_y.max()) + 1

    def loss(logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
        return F.cross_entropy(logits[:, :ways], labels, **options)

    learner = GradientLearner(
        start.model, alpha, adapts=start.adapts.__contains__, loss_fn=loss, transductive=transductive
    )
    # One a class, and may be still too many: then the first classes only.
    if not transductive and uses_batch_statistics(start.model) and query_x.shape[1] == ways:
        query_x = query_x[:, : max(6, ALONE // (x.shape[1] + 1))]
    for fast in learner.descend(x, batch.support_y, steps):
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


def accuracies(way: Iterable[tuple[Tensor, Tensor]]) -> np.ndarray:
    """Accuracy on support and query at each point of a way, (2, k + 1)."""
    return np.array([[accuracy(support), accuracy(query)] for support, query in way]).T
