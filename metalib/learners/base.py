"""The learner protocol: adapt to the support set, predict on the query set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from metalib.learners.losses import LossFn, task_losses
from metalib.tasks import TaskBatch


class Learner(nn.Module, ABC):
    """What chapters, laboratories, training and evaluation know of a method: three calls.

    ``parameters()`` are the meta-parameters, which ``metalib.fit`` changes. ``adapt`` never changes them.
    """

    loss_fn: LossFn | None = None

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


def batch_norms(model: nn.Module) -> list[nn.Module]:
    """The batch normalisation layers of a model."""
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def uses_batch_statistics(model: nn.Module) -> bool:
    """Whether the model, in its present mode, normalises by the statistics of the batch that it is given."""
    return any(m.training or m.running_mean is None for m in batch_norms(model))
