"""One loss a task."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _

LossFn = Callable[..., Tensor]

IGNORED = -100
"""The label of an example that does not count, as in PyTorch's own losses."""


def ordinary(x: Tensor) -> Tensor:
    """x itself, or a copy of a tensor of ``inference_mode``, which cannot be learned from.

    What is compiled was looked at before: to ask a tensor there would cut its graph in two.
    """
    if torch.compiler.is_compiling() or not x.is_inference() or torch.is_inference_mode_enabled():
        return x
    return x.clone()


def task_losses(prediction: Tensor, target: Tensor, loss_fn: LossFn | None = None) -> Tensor:
    """The mean loss of each task.

    Args:
        prediction: ``(T, N, ...)``; for classification the logits ``(T, N, ..., ways)``.
        target: ``(T, N, ...)`` floating, of the prediction's shape; or integer labels, ``(T, N)`` or one for
            each position of an example, ``(T, N, ...)``. A label of −100 (or the ``ignore_index`` of the
            loss) does not count.
        loss_fn: a loss module such as ``nn.L1Loss()``; or anything with the signature of
            ``torch.nn.functional``'s losses, ``loss_fn(input, target, reduction="none")``. ``None`` chooses
            by the target: mean squared error if floating, cross-entropy if integer.

    Returns:
        ``(T,)``: for each task the mean over its examples (and over the components of a vector target). A
            *mean*, not a sum: the unit of every α in this course. With class weights it is the weighted mean,
            and examples that do not count are not counted, as PyTorch has it for one task.

    Raises:
        ValueError: the prediction does not fit the target, or the loss function gives something else than one
            number for each example.
    """
    target = ordinary(target)
    if target.is_floating_point():
        prediction, target = _fitting(prediction, target)
        inputs, targets, ignores = prediction.flatten(0, 1), target.flatten(0, 1), False
    else:
        target = target.long()
        ignores = check_labels(prediction, target, loss_fn)
        inputs, targets = prediction.flatten(0, -2), target.flatten()
    loss = _elementwise(loss_fn, ignores)
    if loss is None:
        return _one_by_one(prediction, target, loss_fn)
    if loss_fn is None:
        loss = F.mse_loss if target.is_floating_point() else F.cross_entropy
    losses = loss(inputs, targets, reduction="none")
    if not isinstance(losses, Tensor) or losses.shape[:1] != inputs.shape[:1]:
        raise ValueError(
            _(
                'loss_fn must give one loss for each of the {examples} examples with reduction="none"; it '
                "gave {shape}."
            ).format(examples=len(inputs), shape=tuple(getattr(losses, "shape", ())))
        )
    losses = losses.reshape(len(target), -1)
    if ignores and loss in (F.cross_entropy, F.nll_loss):
        return losses.sum(dim=1) / (target != IGNORED).flatten(1).sum(dim=1)
    return losses.mean(dim=1)


def check_loss_fn(loss_fn: Any) -> Any:
    """The loss function, if it can be one.

    Raises:
        TypeError: it cannot be called, or it is a class.
        ValueError: a module that sums.
    """
    if loss_fn is not None and (not callable(loss_fn) or isinstance(loss_fn, type)):
        raise TypeError(
            _("loss_fn must be a function or a loss module such as torch.nn.L1Loss(), not {value!r}.").format(
                value=loss_fn
            )
        )
    if isinstance(loss_fn, nn.Module) and getattr(loss_fn, "reduction", "mean") not in ("mean", "none"):
        raise ValueError(
            _(
                "loss_fn must have the reduction 'mean', which is the unit of every alpha, not {value!r}."
            ).format(value=loss_fn.reduction)
        )
    return loss_fn


def check_labels(prediction: Tensor, target: Tensor, loss_fn: LossFn | None = None) -> bool:
    """Refuse labels that the logits have no place for; returns whether there may be some that do not count.

    Raises:
        ValueError: the shapes do not fit, or a label is not one of the classes.
    """
    if prediction.dim() != target.dim() + 1 or prediction.shape[:-1] != target.shape:
        raise ValueError(
            _("Labels of shape {target} need logits of shape {target} + (ways,), not {prediction}.").format(
                prediction=tuple(prediction.shape), target=tuple(target.shape)
            )
        )
    if torch.compiler.is_compiling() or not target.numel():  # a look at the values would cut the graph
        return True
    counts = counted(target, loss_fn)
    low, high = (int(value) for value in target.aminmax())
    if low < 0 or high >= prediction.shape[-1]:
        kept = target[counts]
        bad = kept[(kept < 0) | (kept >= prediction.shape[-1])]
        if len(bad):
            raise ValueError(
                _("The label {label} has no output: there are {ways}, for the labels 0 to {last}.").format(
                    label=int(bad[0]), ways=prediction.shape[-1], last=prediction.shape[-1] - 1
                )
            )
    return not bool(counts.all())


def counted(target: Tensor, loss_fn: LossFn | None = None) -> Tensor:
    """Which labels count, of the target's shape."""
    if isinstance(loss_fn, functools.partial):
        ignored = loss_fn.keywords.get("ignore_index", IGNORED)
    else:
        ignored = getattr(loss_fn, "ignore_index", IGNORED)
    return target != ignored


def _fitting(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    # Broadcasting (N, 1) against (N,) would silently compare every prediction with every target.
    if prediction.shape != target.shape:
        raise ValueError(
            _("The prediction has shape {prediction} but the target has shape {target}.").format(
                prediction=tuple(prediction.shape), target=tuple(target.shape)
            )
        )
    if prediction.dtype == target.dtype or not prediction.is_floating_point():
        return prediction, target
    kind = torch.promote_types(prediction.dtype, target.dtype)
    return prediction.to(kind), target.to(kind)


# Modules whose mean is that of the losses of the single numbers.
_PLAIN_MODULES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)
_LABEL_MODULES = (nn.CrossEntropyLoss, nn.NLLLoss)


def _elementwise(loss_fn: LossFn | None, ignores: bool) -> LossFn | None:
    """What gives the losses of all examples at once, so that their mean is the loss of the task; or None."""
    if loss_fn is None:
        return F.mse_loss  # the caller chooses
    if isinstance(loss_fn, functools.partial) and loss_fn.func in (F.cross_entropy, F.nll_loss):
        weighted = loss_fn.keywords.get("weight") is not None
        return None if weighted or ignores else loss_fn
    if not isinstance(loss_fn, nn.Module):
        return loss_fn
    if type(loss_fn) in _PLAIN_MODULES or (
        type(loss_fn) in _LABEL_MODULES and loss_fn.weight is None and not ignores
    ):
        quiet: Any = copy.copy(loss_fn)
        quiet.reduction = "none"
        return lambda inputs, targets, reduction: quiet(inputs, targets)
    return None


def _one_by_one(prediction: Tensor, target: Tensor, loss_fn: Any) -> Tensor:
    """What the loss itself calls the mean of each task."""
    reduce = {} if isinstance(loss_fn, nn.Module) else {"reduction": "mean"}
    losses = []
    for inputs, targets in zip(prediction, target, strict=True):
        if not targets.is_floating_point():
            inputs, targets = inputs.flatten(0, -2), targets.flatten()
        losses.append(loss_fn(inputs, targets, **reduce).mean())
    return torch.stack(losses)
