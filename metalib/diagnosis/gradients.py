"""The inner gradient and the meta-gradient: are they the slopes of their losses."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from metalib.diagnosis import probes
from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.slopes import Slopes, Weights, compare, shifts
from metalib.diagnosis.trial import Trial, plain, seeded, shown
from metalib.findings import listed
from metalib.i18n import N_
from metalib.learners import Reptile, batched, task_losses
from metalib.learners.base import evaluating
from metalib.learners.gradient import support_gradient
from metalib.randomness import governed
from metalib.tasks import TaskBatch

FEW = 6
"""Queries of each of the tasks on which gradients are compared."""
LARGE = 10_000
"""Numbers in a support set beyond which one task is enough for that."""


def doubled(trial: Trial) -> tuple[Trial, TaskBatch]:
    """The trial and two small tasks in double precision, where the learner can do it."""
    size = trial.batch.support_x[0].numel()
    batch = trial.batch[: 1 if size > LARGE else 2]
    few = [probes.strided(part, FEW) for part in (batch.query_x, batch.query_y)]
    batch = TaskBatch(batch.support_x, batch.support_y, *few)
    other = copy.copy(trial)
    try:
        other.learner = plain(trial.learner).double()
        fine = TaskBatch(*(part.double() if part.is_floating_point() else part for part in batch))
        other.learner.train()
        with governed(seeded()), torch.no_grad():
            other.learner.loss(fine)
        return other, fine
    except Exception:
        other.learner = plain(trial.learner)
        return other, batch


# --- the inner gradient
def check_inner(trial: Trial, found: TrainingFindings) -> bool:
    """The gradient of the support loss at the start. Returns whether it is one."""
    other, batch = doubled(trial)
    inner = other.inner
    assert inner is not None
    with evaluating(inner), torch.no_grad():
        x, y = shown(inner, batch.support_x), batch.support_y

    def loss(weights: Weights) -> float:
        with governed(seeded()), evaluating(inner), torch.no_grad():
            return float(task_losses(batched.forward(inner.model, weights, x), y, inner.loss_fn).sum())

    with governed(seeded()), evaluating(inner):
        start = {name: value.detach() for name, value in inner.start(x, y).items()}
        try:
            gradient = support_gradient(inner.model, start, x, y, inner.loss_fn, False)
        except RuntimeError:
            gradient = {name: torch.zeros_like(value) for name, value in start.items()}
    if not all(bool(part.isfinite().all()) for part in gradient.values()):
        found.wrong(
            "not-finite",
            N_("the inner gradient is not finite at the start."),
            N_("Look for logarithms and roots of 0, and for divisions by a spread that may be 0."),
        )
        return False
    slopes = compare(loss, start, gradient, shifts(inner.model))
    if slopes.wrong or slopes.agree is False:
        found.wrong(
            "graph-cut",
            N_(
                "the inner gradient is not the slope of the support loss (along one direction {said:.3g} in "
                "place of {slope:.3g}): {names}."
            ),
            N_(
                "Between these parameters and the output something cuts the graph: `.detach()`, `.data`, "
                "`torch.no_grad()`, `.numpy()`, `.item()`."
            ),
            said=slopes.said,
            slope=slopes.slope,
            names=listed(list(slopes.wrong)) or "–",
        )
        return False
    if slopes.unused and len(slopes.unused) < len(start):
        tell_unused(slopes.unused, len(start), found)
    elif slopes.agree:
        found.fine(N_("The inner gradient is the slope of the support loss."))
    return True


def tell_unused(names: tuple[str, ...], count: int, found: TrainingFindings) -> None:
    found.suspicious(
        "unused",
        N_("{n} of {all} parameters change nothing: {names}."),
        N_("They are not used in `forward`, or what they make is lost (dead units, a branch not taken)."),
        n=len(names),
        all=count,
        names=listed(list(names)),
    )


# --- the meta-gradient
def check_meta(trial: Trial, known: bool, found: TrainingFindings) -> bool:
    """The gradient of the meta-loss. `known`: what the inner gradient lacks has been said. Returns whether
    there is one that is finite."""
    other, batch = doubled(trial)
    learner = other.learner.train()
    own = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    gradient, value = meta_gradient(learner, batch, own)
    if gradient is None or not any(bool(part.any()) for part in gradient.values()):
        found.wrong(
            "meta-gradient",
            N_("the meta-loss ({loss:.4g}) has no gradient: nothing will be trained."),
            N_("Does `loss` return a detached number, or run under `torch.no_grad()`? Are weights copied?"),
            loss=value,
        )
        return False
    if not (math.isfinite(value) and all(bool(part.isfinite().all()) for part in gradient.values())):
        found.wrong(
            "not-finite",
            N_("the meta-loss is {loss:.4g}, and its gradient is not finite."),
            N_("Take a smaller α or fewer steps; look for roots of 0 (their second derivative is infinite)."),
            loss=value,
        )
        return False
    if getattr(learner, "first_order", False) or isinstance(learner, Reptile):
        missing = [name for name, part in gradient.items() if not bool(part.any())]
        if missing and not known:
            tell_unused(tuple(missing), len(own), found)
        found.fine(
            N_("The meta-gradient is Reptile's: not that of the meta-loss, and not meant to be.")
            if isinstance(learner, Reptile)
            else N_("The meta-gradient is the first-order one, as asked: not that of the meta-loss.")
        )
        return True

    def loss(weights: Weights) -> float:
        with placed(own, weights), governed(seeded()), torch.no_grad():
            return float(learner.loss(batch))

    weights = {name: p.detach().clone() for name, p in own.items()}
    slopes = compare(loss, weights, gradient, shifts(learner))
    if slopes.wrong or slopes.agree is False:
        if not known:
            tell_meta(learner, batch, own, gradient, slopes, found)
    elif slopes.unused:
        if not known:
            tell_unused(slopes.unused, len(own), found)
    elif slopes.agree is None:
        found.blind(N_("The meta-loss is too rough to compare its slope with the gradient."))
    else:
        found.fine(N_("The meta-gradient is the slope of the meta-loss, for all {n} parameters."), n=len(own))
    return True


def tell_meta(
    learner: nn.Module,
    batch: TaskBatch,
    own: Mapping[str, Tensor],
    gradient: Weights,
    slopes: Slopes,
    found: TrainingFindings,
) -> None:
    """What is wrong with a meta-gradient."""
    gaps = {"said": slopes.said, "slope": slopes.slope, "names": listed(list(slopes.wrong)) or "–"}
    zero = [name for name in slopes.wrong if not bool(gradient[name].any())]
    if zero:
        found.wrong(
            "meta-gradient",
            N_("the meta-loss depends on {names}, and its gradient there is missing."),
            N_(
                "Something cuts the graph: `.detach()`, `.data`, a copied module, a state dict that is "
                "loaded back, `.numpy()`."
            ),
            names=listed(zero),
        )
        return
    found.wrong(
        "first-order",
        N_(
            "the meta-gradient is not the slope of the meta-loss: along one direction it says {said:.3g}, "
            "and the loss changes by {slope:.3g} ({names})."
        ),
        N_(
            "That is what first-order MAML has. If second order is meant: `create_graph=True` in the inner "
            "gradient, and no `.detach()` on it. If first order is meant, say so: `first_order = True`."
        ),
        **gaps,
    )


def meta_gradient(
    learner: nn.Module, batch: TaskBatch, own: Mapping[str, Tensor]
) -> tuple[Weights | None, float]:
    """The gradient for each parameter, zeros where there is none; None where the loss has no graph."""
    with governed(seeded()), torch.enable_grad():
        loss = learner.loss(batch)  # type: ignore[operator]
    if not loss.requires_grad:
        return None, float(loss)
    parts = torch.autograd.grad(loss, list(own.values()), allow_unused=True, materialize_grads=True)
    return {name: part.detach() for name, part in zip(own, parts, strict=True)}, float(loss)


class placed:
    """Other values in some parameters, for as long as a block runs."""

    def __init__(self, own: Mapping[str, Tensor], values: Weights) -> None:
        self.own, self.values = own, values

    def __enter__(self) -> None:
        self.kept = {name: p.detach().clone() for name, p in self.own.items()}
        self._put(self.values)

    def __exit__(self, *_error: object) -> None:
        self._put(self.kept)

    def _put(self, values: Weights) -> None:
        with torch.no_grad():
            for name, p in self.own.items():
                p.copy_(values[name])
