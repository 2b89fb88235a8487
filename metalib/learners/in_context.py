"""In-context learning: a network that reads the support set as it stands. Nothing is adapted."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.base import Learner, batch_norms, fitting
from metalib.learners.batched import check_model, shared
from metalib.learners.losses import task_losses
from metalib.tasks import TaskBatch


def sequences(support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
    """One sequence for each query, ``(T, Q, S + 1, d + outputs)``: the S tokens (x, y) of its task, and (x,
    0) at the end.

    Args:
        support_x, support_y: ``(T, S, d)`` and ``(T, S, outputs)``.
        query_x: ``(T, Q, d)``.
    """
    examples = torch.cat([support_x, support_y], dim=-1).unsqueeze(1)  # (T, 1, S, d + outputs)
    queries = F.pad(query_x, (0, support_y.shape[-1])).unsqueeze(2)  # (T, Q, 1, d + outputs)
    return torch.cat([examples.expand(-1, queries.shape[1], -1, -1), queries], dim=2)


class InContext(Learner):
    """Regression by reading: the network sees the examples and one query, and answers (Garg et al. 2022).

    ``adapt`` keeps the support set and changes nothing, so what is learned of a task lives in the network's
    activations. Every query has a sequence of its own, and so no part in the others' answers.

    Args:
        model: maps sequences ``(N, S + 1, d + outputs)``, see :func:`sequences`, to ``(N, outputs)``: those
            of `metalib.attention`, or any module that treats each sequence by itself.
        prefixes: train on every prefix of a task at once: each example, of the support and the query set, is
            predicted from those before it. It needs a model with ``each_prefix`` that maps ``(N, L, d +
            outputs)`` to ``(N, L, outputs)``. Otherwise the loss is that of the queries after all S examples.

    Raises:
        TypeError: no module, or one without ``each_prefix`` where that is needed.
        ValueError: batch normalisation that looks at other sequences.
    """

    def __init__(self, model: nn.Module, prefixes: bool = False) -> None:
        super().__init__()
        check_model(model)
        if batch_norms(model):
            raise ValueError(
                _(
                    "The model's batch normalisation mixes queries and tasks. Use layer normalisation, which "
                    "looks at one token."
                )
            )
        if prefixes and not callable(getattr(model, "each_prefix", None)):
            raise TypeError(
                _("prefixes=True needs a model with each_prefix, which {kind} has not.").format(
                    kind=type(model).__name__
                )
            )
        self.model, self.prefixes = model, prefixes

    def adapt(self, support_x: Tensor, support_y: Tensor) -> tuple[Tensor, Tensor]:
        """The support set itself, ``(T, S, d)`` and ``(T, S, outputs)``.

        Raises:
            TypeError: labels in place of numbers.
        """
        if not support_y.is_floating_point():
            raise TypeError(
                _("In-context regression needs floating targets, not {kind}.").format(kind=support_y.dtype)
            )
        return support_x, support_y

    def predict(self, adapted: tuple[Tensor, Tensor], query_x: Tensor) -> Tensor:
        """``(T, Q, d)`` to ``(T, Q, outputs)``."""
        return shared(self.model, fitting(self.model, sequences(*adapted, query_x)))

    def prefix_losses(self, batch: TaskBatch) -> Tensor:
        """The loss of each example of support and query set, predicted from those before it: ``(T, S + Q)``;
        the first one is predicted from nothing."""
        examples = torch.cat(
            [
                torch.cat([batch.support_x, batch.query_x], dim=1),
                torch.cat([batch.support_y, batch.query_y], dim=1),
            ],
            dim=-1,
        )
        examples = fitting(self.model, examples)
        model: Any = self.model
        predicted = model.each_prefix(examples)  # (T, L, outputs)
        target = examples[..., -predicted.shape[-1] :]
        losses = task_losses(
            predicted.flatten(0, 1).unsqueeze(1), target.flatten(0, 1).unsqueeze(1), self.loss_fn
        )
        return losses.unflatten(0, target.shape[:2])

    def loss(self, batch: TaskBatch) -> Tensor:
        """The mean over the prefixes of all tasks, or over their queries."""
        return self.prefix_losses(batch).mean() if self.prefixes else super().loss(batch)

    @property
    def is_transductive(self) -> bool:
        """False: every query is read by itself."""
        return False
