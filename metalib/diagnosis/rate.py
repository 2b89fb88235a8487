"""The inner rate α: does the support loss fall, and how long may a step be."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.trial import Trial, seeded, shown
from metalib.i18n import N_
from metalib.learners import batched, task_losses
from metalib.learners.base import evaluating
from metalib.learners.gradient import GradientLearner, support_gradient
from metalib.randomness import governed
from metalib.tasks import TaskBatch

STEP = 2e-4
"""A share of the support loss below which an inner loop has done nothing."""


def longest(inner: GradientLearner) -> float:
    """The largest inner rate of any weight."""
    return max(float(torch.as_tensor(alpha).abs().max()) for alpha in inner.step_sizes().values())


def support_losses(inner: GradientLearner, batch: TaskBatch) -> Tensor:
    """The support loss before and after each step, ``(steps + 1, T)``."""
    size = batched.tasks_at_once(batch.support_x)
    parts = []
    with governed(seeded()), evaluating(inner), torch.no_grad():
        for part in (batch[i : i + size] for i in range(0, len(batch), size)):
            way = inner.descend(part.support_x, part.support_y)
            losses = [
                task_losses(
                    batched.forward(inner.model, fast, shown(inner, part.support_x)),
                    part.support_y,
                    inner.loss_fn,
                )
                for fast in way
            ]
            parts.append(torch.stack(losses).double().cpu())
    return torch.cat(parts, dim=1)


def largest_curvature(inner: GradientLearner, batch: TaskBatch, rounds: int = 8) -> float:
    """The largest curvature λ of the support loss at the start, the mean over tasks, by power iteration."""
    with governed(seeded()), evaluating(inner), torch.enable_grad():
        x = shown(inner, batch.support_x).detach()
        start = {n: v.detach().requires_grad_() for n, v in inner.start(x, batch.support_y).items()}
        loss = task_losses(batched.forward(inner.model, start, x), batch.support_y, inner.loss_fn).sum()
        values = list(start.values())
        slopes = partial(torch.autograd.grad, allow_unused=True, materialize_grads=True)
        gradient = slopes(loss, values, create_graph=True)
        if not any(part.requires_grad for part in gradient):
            return 0.0
        direction = [part.detach() for part in gradient]
        curvature = torch.zeros(len(x))
        for _round in range(rounds):
            length = _norm(direction).clamp(min=1e-30)
            direction = [part / _shaped(length, part) for part in direction]
            product = sum((a * b).sum() for a, b in zip(gradient, direction, strict=True))
            direction = list(slopes(product, values, retain_graph=True))
            curvature = _norm(direction)
    return float(curvature.mean())


def _norm(parts: list[Tensor]) -> Tensor:
    """Of each task, over all parameters."""
    return torch.stack([part.detach().flatten(1).square().sum(dim=1) for part in parts]).sum(dim=0).sqrt()


def _shaped(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.dim() - 1))


def growth(losses: Tensor) -> float:
    """The percentage of tasks whose support loss is larger in the end, or no number."""
    grew = (losses[-1] > losses[0]) | ~losses.isfinite().all(dim=0)
    return 100 * float(grew.double().mean())


def check_alpha(
    trial: Trial, inner: GradientLearner, later: GradientLearner | None, found: TrainingFindings
) -> bool:
    """Does the support loss fall, and not too little. Returns whether α is in order.

    later: the same learner after a few outer steps. At first a step may be too long for a start that nobody
        has trained: the outer loop finds one from which it is not, or it is too long.
    """
    losses = support_losses(inner, trial.batch)
    first, last = losses[0], losses[-1]
    if not bool(first.isfinite().all()):
        found.wrong(
            "not-finite", N_("the support loss is not finite before any step."), N_("Look at the inputs.")
        )
        return False
    curvature = largest_curvature(inner, trial.batch[:2])
    limit = 2 / curvature if curvature > 0 and math.isfinite(curvature) else math.inf
    lost = ~losses.isfinite().all(dim=0)
    grew = still = growth(losses)
    if grew > 20 and later is not None:
        still = growth(support_losses(later, trial.batch))
    gaps = {
        "alpha": longest(inner),
        "steps": inner.steps,
        "before": float(first.mean()),
        "after": float(last.nanmean()),
        "limit": limit,
        "percent": grew,
        "still": still,
    }
    advice = N_(
        "Take a smaller α. On a bowl as steep as the steepest direction here the largest step that does not "
        "climb is 2/λ = {limit:.2g}."
    )
    if bool(lost.any()):
        gaps["percent"] = 100 * float(lost.double().mean())
        found.wrong(
            "alpha-large",
            N_("with α = {alpha:.3g} the support loss is not finite in {percent:.3g} % of the tasks."),
            advice,
            **gaps,
        )
    elif still > 50:
        found.wrong(
            "alpha-large",
            N_(
                "with α = {alpha:.3g} the support loss grows in {percent:.3g} % of the tasks, from "
                "{before:.3g} to {after:.3g} on average, and after some outer steps in {still:.3g} %."
            ),
            advice,
            **gaps,
        )
    elif still > 20:
        found.suspicious(
            "alpha-large",
            N_(
                "with α = {alpha:.3g} the support loss grows in {percent:.3g} % of the tasks, and after some "
                "outer steps in {still:.3g} %."
            ),
            advice,
            **gaps,
        )
    elif grew > 20:
        found.fine(
            N_(
                "With α = {alpha:.3g} the support loss grows in {percent:.3g} % of the tasks, but after some "
                "outer steps only in {still:.3g} %: the outer loop is finding a start that such steps suit "
                "(2/λ of the steepest direction is {limit:.2g})."
            ),
            **gaps,
        )
        return True
    elif float(((first - last).abs() / first.abs().clamp(min=1e-12)).mean()) < STEP:
        slope = _norm(list(_start_gradient(inner, trial.batch[:4]).values())).square().mean()
        wanted = 0.1 * gaps["before"] / max(float(slope), 1e-30)
        found.wrong(
            "alpha-small",
            N_("with α = {alpha:.3g} the support loss goes from {before:.6g} to {after:.6g} only."),
            N_("Take a larger α: about {wanted:.2g} would lower it by a tenth in one step."),
            wanted=min(wanted, limit),
            **gaps,
        )
    else:
        found.fine(
            N_(
                "With α = {alpha:.3g} and {steps} steps the support loss goes from {before:.3g} to "
                "{after:.3g} (2/λ of its steepest direction is {limit:.2g})."
            ),
            **gaps,
        )
        return True
    return False


def _start_gradient(inner: GradientLearner, batch: TaskBatch) -> dict[str, Tensor]:
    with governed(seeded()), evaluating(inner):
        x = shown(inner, batch.support_x).detach()
        start = inner.start(x, batch.support_y)
        return support_gradient(inner.model, start, x, batch.support_y, inner.loss_fn, False)
