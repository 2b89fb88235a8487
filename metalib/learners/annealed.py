"""MAML whose meta-loss changes as the training goes on: two of the ideas of MAML++."""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.gradient import MAML
from metalib.learners.losses import task_losses
from metalib.tasks import TaskBatch
from metalib.tasks.batch import check_whole


class AnnealedMAML(MAML):
    """MAML with a multi-step loss, and with an order that is annealed (Antoniou et al. 2019, section 4).

    *Multi-step loss*: the query set is asked after *every* inner step, not after the last one only. At first
    all steps count alike; what the earlier ones count then fades, evenly, until the last one is all:
    (1 − t) · mean of L(θ₁; query), …, L(θ_N; query) + t · L(θ_N; query), with t from 0 to 1.

    *Annealed order*: first-order gradients in the first meta-iterations, second-order ones from then on.

    MAML++ has further ideas (inner rates for each layer and step, batch statistics for each step, an outer
    rate that falls as a cosine), which are not here. With both numbers 0 it is MAML.

    Training says which meta-iteration it is, by ``at_iteration``; whoever writes the loop calls that.

    Args:
        model, alpha, steps, options: see :class:`MAML`.
        multi_step: meta-iterations until only the last inner step counts.
        first_order_until: meta-iterations with first-order gradients, before those with second-order ones.

    Raises:
        TypeError, ValueError: no whole numbers ≥ 0, or what `MAML` refuses.
    """

    _share: Tensor

    def __init__(
        self,
        model: nn.Module,
        alpha: float = 0.01,
        steps: int = 5,
        *,
        multi_step: int = 0,
        first_order_until: int = 0,
        **options: Any,
    ):
        super().__init__(model, alpha, steps, **options)
        self.multi_step = check_whole("multi_step", multi_step, 0)
        self.first_order_until = check_whole("first_order_until", first_order_until, 0)
        if self.multi_step and self.checkpoint:
            raise ValueError(
                _("multi_step and checkpoint= do not go together: every step has a loss of its own.")
            )
        # A tensor, for what is compiled holds for all its values; of the two below it must be made anew.
        self.register_buffer("_share", torch.zeros(()), persistent=False)
        self.at_iteration(0)

    def at_iteration(self, iteration: int) -> None:
        self._all_steps = iteration < self.multi_step
        self._has_begun = iteration >= self.first_order_until
        self._share.fill_(min(1.0, iteration / self.multi_step) if self.multi_step else 1.0)

    @property
    def _second_order(self) -> bool:
        return super()._second_order and self._has_begun

    def uncompiled_losses(self, batch: TaskBatch) -> Tensor:
        """The loss of each task, ``(T,)``, as it counts in this meta-iteration."""
        if not self._all_steps or self.steps < 2:
            return super().uncompiled_losses(batch)
        way = islice(self.descend(batch.support_x, batch.support_y), 1, None)
        losses = torch.stack(
            [task_losses(self.predict(fast, batch.query_x), batch.query_y, self.loss_fn) for fast in way]
        )  # (steps, T)
        return (1 - self._share) * losses.mean(dim=0) + self._share * losses[-1]
