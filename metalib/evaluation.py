"""How good is a learner? The mean over tasks, and how sure of it we are."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from metalib import threads
from metalib.i18n import N_, _
from metalib.learners import Learner, task_losses
from metalib.learners.base import check_learner, evaluating
from metalib.learners.batched import tasks_at_once
from metalib.learners.losses import LossFn, check_labels, counted
from metalib.tasks import TaskBatch
from metalib.tasks.batch import check_generator, check_positive

METRICS = {"accuracy": N_("accuracy"), "loss": N_("loss"), "return": N_("return")}
"""What a score can be, and what it is called: ``_(METRICS[metric])``."""


class Samples(Protocol):
    """Anything that draws a batch of something to train on: tasks, or (in `metalib.rl`) environments."""

    def sample(self, n_tasks: int, generator: torch.Generator) -> Any: ...


class TaskDistribution(Samples, Protocol):
    """Anything that draws tasks."""

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch: ...


def half_interval(deviation: Any, n: int) -> Any:
    """Half the 95 % interval of a mean over n tasks, 1.96 · s / √n; `deviation` s is a number or an array."""
    return 1.96 * deviation / math.sqrt(n)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A score for each of n test tasks.

    ``mean ± half_width`` is the 95 % interval over *tasks*, 1.96 · s / √n with s the standard deviation of
    the values: how far the mean over these n tasks may be from the mean over all tasks. It says nothing about
    another training run (another seed).
    """

    values: Tensor
    """``(n,)``, float64."""
    metric: str
    """``"accuracy"`` (a fraction in [0, 1]), ``"loss"`` (the mean squared error, say) or, of
    an agent, ``"return"``."""

    @property
    def n(self) -> int:
        """The number of tasks."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The mean over tasks."""
        return self.values.mean().item()

    @property
    def half_width(self) -> float:
        """Half the 95 % interval; infinite for a single task, of which no spread can be seen."""
        return half_interval(self.values.std().item(), self.n) if self.n > 1 else math.inf

    def __str__(self) -> str:
        if self.metric == "accuracy":
            return _("accuracy {mean:.2f} ± {half:.2f} % ({n} tasks)").format(
                mean=100 * self.mean, half=100 * self.half_width, n=self.n
            )
        return _("{metric} {mean:.3f} ± {half:.3f} ({n} tasks)").format(
            metric=_(METRICS[self.metric]), mean=self.mean, half=self.half_width, n=self.n
        )

    def __format__(self, spec: str) -> str:
        """Mean and half-width in one form: ``f"{result:.3f}"`` is ``0.343 ± 0.032``, ``f"{result:.1%}"`` is
        ``99.3 ± 0.5 %``."""
        if not spec:
            return str(self)
        if spec.endswith("%"):
            own = spec[:-1] + "f"
            return f"{100 * self.mean:{own}} ± {100 * self.half_width:{own.lstrip('+')}} %"
        return f"{self.mean:{spec}} ± {self.half_width:{spec.lstrip('+')}}"

    __repr__ = __str__


def evaluate(
    learner: Learner,
    tasks: TaskDistribution,
    n_tasks: int,
    generator: torch.Generator,
    *,
    chunk: int = 50,
    **adapt,
) -> Evaluation:
    """Adapt to fresh tasks and score the query sets, without building a graph and with the learner in
    evaluation mode.

    Args:
        n_tasks: how many test tasks.
        generator: draws them; the same seed gives the same tasks, whatever the learner.
        chunk: tasks held in memory at a time.
        **adapt: goes to ``learner.adapt``: ``steps=10`` evaluates a MAML after ten inner steps.

    Returns:
        accuracies where the targets are labels, else losses, one a task; not a number for a task with a
        prediction that is none.

    Raises:
        TypeError: no learner, or no task distribution.
        ValueError: the distribution gave more or fewer tasks than asked for, or labels without an output.
    """
    check_learner(learner)
    check_tasks(tasks)
    check_positive(n_tasks=n_tasks, chunk=chunk)
    check_generator(generator)
    # In one piece: a small tensor kept from each pass would lie between the large ones that are freed, and
    # their memory could not be used again.
    values, metric, done = torch.empty(n_tasks, dtype=torch.float64), "accuracy", 0
    with evaluating(learner), torch.no_grad(), threads.for_model(learner):
        for start in range(0, n_tasks, chunk):
            batch = on_learners_device(drawn(tasks, min(chunk, n_tasks - start), generator), learner)
            size = tasks_at_once(batch.support_x, batch.query_x)
            for part in (batch[i : i + size] for i in range(0, len(batch), size)):
                fast = learner.adapt(part.support_x, part.support_y, **adapt)
                prediction = learner.predict(fast, part.query_x)
                if part.query_y.is_floating_point():
                    metric, score = "loss", task_losses(prediction, part.query_y, learner.loss_fn)
                else:
                    score = accuracies(prediction, part.query_y, learner.loss_fn)
                values[done : done + len(part)] = score
                done += len(part)
    if lost := int(values.isnan().sum()):
        warnings.warn(
            _(
                "In {lost} of {n} tasks the predictions are not numbers, so the mean is none: adapt with a "
                "smaller alpha or fewer steps."
            ).format(lost=lost, n=n_tasks),
            stacklevel=2,
        )
    return Evaluation(values, metric)


def accuracies(prediction: Tensor, labels: Tensor, loss_fn: LossFn | None = None) -> Tensor:
    """The fraction of right answers in each task, ``(T,)`` float64 on the processor, of logits ``(T, Q, ...,
    ways)`` and labels ``(T, Q, ...)``.

    Labels that do not count for the loss do not count here. A task with an answer that is not a number has
    no accuracy (NaN): ``argmax`` would read it as the first class.
    """
    if check_labels(prediction, labels, loss_fn):
        counts = counted(labels, loss_fn).flatten(1).cpu().double()
    else:
        counts = None
    right = (prediction.argmax(dim=-1) == labels).flatten(1).cpu().double()  # Apple's GPU has no float64
    score = right.mean(dim=1) if counts is None else (right * counts).sum(dim=1) / counts.sum(dim=1)
    lost = prediction.isnan().flatten(1).any(dim=1).cpu()
    return score.masked_fill(lost, math.nan)


def check_tasks(tasks: object, name: str = "tasks") -> None:
    """Refuse what draws no tasks.

    Raises:
        TypeError: it has no ``sample``.
    """
    if not callable(getattr(tasks, "sample", None)):
        raise TypeError(
            _("{name} must draw tasks, by sample(n_tasks, generator), which {kind} does not.").format(
                name=name, kind=type(tasks).__name__
            )
        )


def drawn(tasks: TaskDistribution, n_tasks: int, generator: torch.Generator) -> TaskBatch:
    """So many tasks of a distribution.

    Raises:
        TypeError: it gave something else.
        ValueError: it gave another number of tasks: which they are, and how often each came, nobody knows.
    """
    batch = tasks.sample(n_tasks, generator)
    if not isinstance(batch, TaskBatch):
        raise TypeError(
            _("{tasks}.sample must give a metalib.TaskBatch, not {kind}.").format(
                tasks=type(tasks).__name__, kind=type(batch).__name__
            )
        )
    if len(batch) != n_tasks:
        raise ValueError(
            _("{tasks}.sample was asked for {n} tasks and gave {came}.").format(
                tasks=type(tasks).__name__, n=n_tasks, came=len(batch)
            )
        )
    return batch


def compare(
    first: Learner,
    second: Learner,
    tasks: TaskDistribution,
    n_tasks: int,
    generator: torch.Generator,
    **options,
) -> Evaluation:
    """The paired difference ``first − second`` on the *same* tasks.

    Much of the spread over tasks is that some tasks are hard for everybody. The difference of a pair does not
    see it, so its interval is narrower than those of the two means: if it excludes 0, the two learners differ
    on these tasks.

    Args:
        first, second, tasks, n_tasks: see :func:`evaluate`, also for further options, which go to both.
        generator: both learners see the tasks it draws from its present state.
    """
    check_generator(generator)
    state = generator.get_state()
    one = evaluate(first, tasks, n_tasks, generator, **options)
    generator.set_state(state)
    two = evaluate(second, tasks, n_tasks, generator, **options)
    return Evaluation(one.values - two.values, one.metric)


def answers(
    learner: Learner, tasks: TaskDistribution, n_tasks: int, generator: torch.Generator, **adapt
) -> tuple[Tensor, Tensor]:
    """What a learner answers to the queries of fresh tasks: its predictions, such as logits ``(n_tasks, Q,
    ways)``, and the targets ``(n_tasks, Q)``. The tasks are those of `evaluate` with ``chunk=n_tasks``; they
    are adapted to one after the other, which takes little memory."""
    batch = on_learners_device(drawn(tasks, n_tasks, generator), learner)
    given = []
    with evaluating(learner), torch.no_grad():
        for task in (batch[i : i + 1] for i in range(n_tasks)):
            fast = learner.adapt(task.support_x, task.support_y, **adapt)
            given.append(learner.predict(fast, task.query_x))
    return torch.cat(given), batch.query_y


def confusion_rates(classes: Tensor, predicted: Tensor, queries: int, n_classes: int) -> Tensor:
    """How often a query of class a was taken for class b, out of all times that b was in its episode.

    Args:
        classes: ``(T, ways)``, the class behind each label of each episode, as `Episodes.draw` gives them.
        predicted: ``(T, ways * queries)``, the labels that were answered, class by class.
        queries: how many of each class.
        n_classes: all classes there are.

    Returns:
        ``(n_classes, n_classes)``, row a and column b; 0 where the two never met.
    """
    asked = classes.repeat_interleave(queries, dim=1)  # the true classes
    counts = torch.zeros(n_classes, n_classes)
    counts.index_put_((asked, classes.gather(1, predicted)), torch.ones(()), accumulate=True)
    present = torch.zeros(len(classes), n_classes).scatter_(1, classes, 1.0)
    return counts / (queries * present.T @ present).clamp(min=1)


def on_learners_device(batch: Any, learner: nn.Module) -> Any:
    """The batch where the learner's parameters are."""
    parameter = next(learner.parameters(), None)
    return batch if parameter is None else batch.to(parameter.device)
