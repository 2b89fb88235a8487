"""One loss a task."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from metalib.i18n import _

LossFn = Callable[..., Tensor]


def task_losses(prediction: Tensor, target: Tensor, loss_fn: LossFn | None = None) -> Tensor:
    """The mean loss of each task.

    Args:
        prediction: ``(T, N, ...)``; for classification the logits ``(T, N, ways)``.
        target: ``(T, N, ...)`` floating, of the prediction's shape; or ``(T, N)`` integer labels.
        loss_fn: anything with the signature of ``torch.nn.functional``'s losses, ``loss_fn(input, target,
            reduction="none")``. ``None`` chooses by the target: mean squared error if floating, cross-entropy
            if integer.

    Returns:
        ``(T,)``: for each task the mean over its examples (and over the components of a vector target). A
            *mean*, not a sum: the unit of every α in this course.

    Raises:
        ValueError: the prediction does not fit the target.
    """
    integer = not target.is_floating_point()
    if loss_fn is None:
        loss_fn = F.cross_entropy if integer else F.mse_loss
    if not integer and prediction.shape != target.shape:
        # Broadcasting (N, 1) against (N,) would silently compare every prediction with every target.
        raise ValueError(
            _("The prediction has shape {prediction} but the target has shape {target}.").format(
                prediction=tuple(prediction.shape), target=tuple(target.shape)
            )
        )
    if integer and (prediction.dim() != target.dim() + 1 or prediction.shape[:-1] != target.shape):
        raise ValueError(
            _("Labels of shape {target} need logits of shape {target} + (ways,), not {prediction}.").format(
                prediction=tuple(prediction.shape), target=tuple(target.shape)
            )
        )
    losses = loss_fn(prediction.flatten(0, 1), target.flatten(0, 1), reduction="none")
    return losses.view(len(target), -1).mean(dim=1)
