"""The learner protocol: adapt to the support set, predict on the query set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.losses import LossFn, ordinary, task_losses
from metalib.tasks import TaskBatch


class Trainable(nn.Module, ABC):
    """What training knows of a method: parameters, and a loss whose gradient trains them."""

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """The scalar whose gradient trains the parameters, for a batch of tasks."""

    def at_iteration(self, iteration: int) -> None:  # noqa: B027  most methods have nothing to do
        """Told before every meta-iteration how many are done: for a method that changes as its training goes
        on. What it keeps of this follows from the number alone, so that a checkpoint need not hold it."""


class Learner(Trainable):
    """What chapters, laboratories, training and evaluation know of a method: three calls.

    ``parameters()`` are the meta-parameters, which ``metalib.fit`` changes. ``adapt`` never changes them.
    """

    loss_fn: LossFn | None

    def __init__(self) -> None:
        super().__init__()
        # Not an attribute of the class: that would hide a loss that is a module.
        if not hasattr(self, "loss_fn"):
            self.loss_fn = None

    @abstractmethod
    def adapt(self, support_x: Tensor, support_y: Tensor) -> Any:
        """Learn T tasks at once from their support sets, ``(T, S, ...)``; returns what ``predict`` needs."""

    @abstractmethod
    def predict(self, adapted: Any, query_x: Tensor) -> Tensor:
        """Predictions for ``query_x`` ``(T, Q, ...)``: values ``(T, Q, ...)`` or logits ``(T, Q, ways)``."""

    def loss(self, batch: TaskBatch) -> Tensor:
        """The scalar whose gradient trains the meta-parameters: here the mean query loss after adaptation."""
        return self.query_losses(batch).mean()

    def query_losses(self, batch: TaskBatch) -> Tensor:
        """The query loss of each task after adaptation to its support set, ``(T,)``."""
        adapted = self.adapt(batch.support_x, batch.support_y)
        return task_losses(self.predict(adapted, batch.query_x), batch.query_y, self.loss_fn)

    @property
    @abstractmethod
    def is_transductive(self) -> bool:
        """Whether the prediction for one query example depends on the other query examples."""


def check_learner(learner: object, kind: type[nn.Module] = Learner) -> None:
    """Refuse what is no learner, or nothing of that ``kind``.

    Raises:
        TypeError: it is none; the message says what to do with a network.
    """
    if isinstance(learner, kind):
        return
    sentence = (
        _(
            "learner must be a metalib.Learner, not {kind}: give the network to one, as in "
            "metalib.MAML(network)."
        )
        if isinstance(learner, nn.Module)
        else _("learner must be a metalib.Learner, such as metalib.MAML(network), not {kind}.")
    )
    raise TypeError(sentence.format(kind=type(learner).__name__))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards each part is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def fitting(model: nn.Module, x: Tensor) -> Tensor:
    """Inputs as the model can take them: floating ones in the floating dtype of its parameters, where these
    have one in common; and no tensors of ``inference_mode``, which cannot be learned from."""
    x = ordinary(x)
    if not x.is_floating_point():
        return x
    kinds = (parameter.dtype for parameter in model.parameters() if parameter.is_floating_point())
    first = next(kinds, x.dtype)
    return x if first == x.dtype or any(kind != first for kind in kinds) else x.to(first)


def batch_norms(model: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The batch normalisation layers of a model."""
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def uses_batch_statistics(model: nn.Module) -> bool:
    """Whether the model, in its present mode, normalises by the statistics of the batch that it is given."""
    return any(m.training or m.running_mean is None for m in batch_norms(model))
