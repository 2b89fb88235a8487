"""MAML with a plain Python loop over tasks, for any model and loss: slow, and readable from top to bottom.

What :class:`metalib.MAML`'s numbers are tested against. The clock runs for the shorter one that chapter 11
shows, ``metalib/peers/pytorch.py``; a test compares the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from metalib.learners.losses import LossFn, task_losses
from metalib.tasks import TaskBatch


def maml_loss(
    model: nn.Module,
    batch: TaskBatch,
    alpha: float,
    steps: int = 1,
    first_order: bool = False,
    loss_fn: LossFn | None = None,
) -> Tensor:
    """The MAML objective (Finn et al. 2017, equation 1 and algorithm 2) over a batch of tasks.

    Args:
        model: its parameters are θ.
        batch: T tasks.
        alpha: the inner step size α, in units of a mean loss.
        steps: inner steps.
        first_order: treat the inner gradient as a constant.
        loss_fn: see :func:`metalib.learners.task_losses`.

    Returns:
        the mean query loss after adaptation: a scalar to differentiate with respect to θ.
    """
    total = 0.0
    for task in range(len(batch)):
        support_x, support_y, query_x, query_y = batch[task : task + 1]
        theta = dict(model.named_parameters())
        for _step in range(steps):
            loss = task_losses(
                functional_call(model, theta, (support_x[0],)).unsqueeze(0), support_y, loss_fn
            ).sum()
            gradient = torch.autograd.grad(loss, list(theta.values()), create_graph=not first_order)
            theta = {
                name: value - alpha * g for (name, value), g in zip(theta.items(), gradient, strict=True)
            }
        total = (
            total
            + task_losses(functional_call(model, theta, (query_x[0],)).unsqueeze(0), query_y, loss_fn).sum()
        )
    return total / len(batch)
