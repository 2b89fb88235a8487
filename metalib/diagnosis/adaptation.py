"""What adapting does: the answers before and after, the support loss on the way, the layers inside."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from metalib.diagnosis.probes import Margin
from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.trial import Trial, relus, seeded, shown
from metalib.evaluation import accuracies
from metalib.findings import listed
from metalib.i18n import N_
from metalib.learners import batched, task_losses
from metalib.learners.base import evaluating
from metalib.learners.gradient import GradientLearner, support_gradient
from metalib.learners.losses import counted
from metalib.randomness import governed
from metalib.tasks import TaskBatch

CHANGED = 1e-6
"""Predictions that move by more than this part of their spread have changed."""
STEP = 2e-4
"""A share of the support loss below which an inner loop has done nothing."""
DEAD, MOSTLY_DEAD = 0.999, 0.75


def moved(one: Tensor, other: Tensor) -> float:
    """How far predictions move, in parts of their spread; infinite where one is no number."""
    spread = float(one.double().std().clamp(min=1e-30))
    away = float((one - other).abs().max())
    return away / spread if math.isfinite(away) else math.inf


def check_output(trial: Trial, prediction: Tensor, found: TrainingFindings) -> None:
    """Do outputs, classes and loss fit."""
    if not trial.labels:
        return
    ways = int(torch.cat([trial.all.support_y, trial.all.query_y], dim=1).max()) + 1
    outputs = prediction.shape[-1]
    if outputs > ways:
        found.suspicious(
            "output-size",
            N_("the learner has {outputs} outputs for {ways} classes."),
            N_("Give the last layer one output a class, `ways={ways}`; the others only take probability."),
            outputs=outputs,
            ways=ways,
        )
    else:
        found.fine(N_("{outputs} outputs for {ways} classes."), outputs=outputs, ways=ways)
    chances = prediction.double()
    sums = bool((chances >= 0).all()) and bool(((chances.sum(dim=-1) - 1).abs() < 1e-3).all())
    usual = trial.learner.loss_fn is None or isinstance(trial.learner.loss_fn, nn.CrossEntropyLoss)
    if sums and usual and trial.trains:
        found.wrong(
            "loss-function",
            N_("the outputs are probabilities already, and the cross-entropy takes a softmax of them again."),
            N_("Leave out the softmax at the end of the model: the loss wants logits."),
        )
    losses = task_losses(prediction, trial.batch.query_y[: len(prediction)], trial.learner.loss_fn)
    if float(losses.min()) < 0:
        found.wrong(
            "loss-function",
            N_("the loss is negative ({loss:.3g}), which a loss of labels cannot be."),
            N_("Does the loss want logarithms of probabilities (`nn.NLLLoss`) where it gets logits?"),
            loss=float(losses.min()),
        )


def check_start(trial: Trial, found: TrainingFindings) -> Tensor | None:
    """What it answers before any step, if that is without a look at the labels."""
    if trial.inner is None and not trial.starts():
        return None
    start = trial.predicted(trial.batch, steps=0) if trial.starts() else None
    if start is None or not bool(start.isfinite().all()):
        return start
    if not trial.labels or moved(start, trial.predicted(trial.misled(), steps=0)) > CHANGED:
        return start  # it begins with what the labels tell, as fine-tuning from prototypes does
    truth = trial.batch.query_y
    counts = torch.bincount(truth[counted(truth) & (truth >= 0)].flatten()).double()
    chance, ways = float(counts.max() / counts.sum()), len(counts)
    right = Margin(accuracies(start, truth, trial.learner.loss_fn), chance)
    gaps = {"percent": 100 * right.mean, "chance": 100 * chance}
    if right.deviations > 4 and right.mean - chance > 0.04:
        found.wrong(
            "zero-step",
            N_("before any step {percent:.3g} % of the answers are right, where chance is {chance:.3g} %."),
            N_("The labels are told by something else than the support set: are they in a fixed order?"),
            **gaps,
        )
    else:
        found.fine(
            N_("Before any step {percent:.3g} % of the answers are right (chance: {chance:.3g} %)."), **gaps
        )
    loss = float(task_losses(start, truth, trial.learner.loss_fn).mean())
    if loss > 4 * math.log(ways) + 1:
        found.suspicious(
            "head",
            N_("before any step the loss is {loss:.3g}; who knows nothing and says so has {neutral:.3g}."),
            N_("The start is sure of wrong answers: scale inputs, or begin with a smaller last layer."),
            loss=loss,
            neutral=math.log(ways),
        )
    return start


def check_steps(inner: GradientLearner, found: TrainingFindings) -> bool:
    """Are there any steps, and which parameters do they move. Returns whether there are."""
    alpha = max(map(largest, inner.step_sizes().values()))
    if inner.steps == 0 or alpha == 0:
        found.wrong(
            "nothing-adapts",
            N_("the inner loop has {steps} steps of size {alpha:.3g}: it changes nothing."),
            N_("Give it at least one step, and α above 0."),
            steps=inner.steps,
            alpha=alpha,
        )
        return False
    check_names(inner, found)
    return True


def check_answers(trial: Trial, prediction: Tensor, found: TrainingFindings) -> bool:
    """Do the answers depend on the support targets. Returns whether they do."""
    if moved(prediction, trial.predicted(trial.misled())) > CHANGED:
        return True
    if not any(one.name in ("alpha-small", "nothing-adapts") for one in found.all):
        found.wrong(
            "nothing-adapts",
            N_("with other support targets the learner gives the same answers."),
            N_("What `adapt` returns must reach `predict`; is it detached, frozen, or a copy of the start?"),
        )
    return False


def largest(alpha: Tensor | float) -> float:
    return float(torch.as_tensor(alpha).abs().max())


def check_names(inner: GradientLearner, found: TrainingFindings) -> None:
    """Which parameters the inner loop changes, and which neither loop does."""
    own = dict(inner.model.named_parameters())
    adapted = set(inner.adapted_names)
    frozen = [name for name, p in own.items() if not p.requires_grad and name not in adapted]
    trains = any(p.requires_grad for p in own.values())
    if frozen and trains:
        found.suspicious(
            "frozen",
            N_("{count} of {all} parameters are frozen in both loops: {names}."),
            N_(
                "A learner adapts what required a gradient when it was made; unfreeze before, or name them "
                "with `adapts=`. If you mean it, all is well."
            ),
            count=len(frozen),
            all=len(own),
            names=listed(frozen),
        )
    last = list(own)[-1].rpartition(".")[0]
    if not any(name.rpartition(".")[0] == last for name in adapted):
        found.suspicious(
            "head-not-adapted",
            N_("the inner loop leaves out the last layer ({last}); it changes {names}."),
            N_(
                "Labels mean something else in each task, and the last layer tells them apart: see `adapts=`."
            ),
            last=last or "–",
            names=listed(list(inner.adapted_names)),
        )
    elif len(adapted) < len(own):
        found.fine(
            N_("The inner loop changes {count} of {all} parameters: {names}."),
            count=len(adapted),
            all=len(own),
            names=listed(list(inner.adapted_names)),
        )
    else:
        found.fine(N_("The inner loop changes all {all} parameters."), all=len(own))


# --- the inner step size
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
        "alpha": max(map(largest, inner.step_sizes().values())),
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


def check_queries(
    trial: Trial, start: Tensor, prediction: Tensor, fell: bool, found: TrainingFindings
) -> None:
    """Does the inner loop help where it counts."""
    before, after = trial.scores(start), trial.scores(prediction)
    better = Margin(after - before if trial.labels else before - after)
    gaps = {"before": float(before.mean()), "after": float(after.mean())}
    if trial.labels:
        gaps = {name: 100 * value for name, value in gaps.items()}
    worse = gaps["after"] < gaps["before"] - 2 if trial.labels else gaps["after"] > 1.05 * gaps["before"]
    if fell and worse and better.deviations < -3:
        found.suspicious(
            "overfits",
            N_(
                "the support loss falls and the queries get worse: accuracy {before:.3g} % before, "
                "{after:.3g} % after."
            )
            if trial.labels
            else N_(
                "the support loss falls and the queries get worse: loss {before:.3g} before, {after:.3g} "
                "after."
            ),
            N_("Take fewer or smaller steps, adapt fewer parameters, or give more shots; train on longer."),
            **gaps,
        )
    else:
        found.fine(
            N_("Query accuracy is {before:.3g} % before the inner loop and {after:.3g} % after it.")
            if trial.labels
            else N_("The query loss is {before:.3g} before the inner loop and {after:.3g} after it."),
            **gaps,
        )


# --- layers
def check_units(trial: Trial, found: TrainingFindings) -> None:
    """Are there ReLU layers whose units are never active."""
    names = list(relus(trial.learner))
    if not names:
        return
    other = Trial(trial.learner, trial.all)  # hooks stay on the copy
    active: dict[str, Tensor] = {}

    def look(name: str):
        def hook(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            on = output.detach() > 0
            dims = [
                d for d in range(on.dim()) if d != (1 if on.dim() > 2 and on.dim() != 3 else on.dim() - 1)
            ]
            seen = on.any(dim=dims) if dims else on
            active[name] = seen | active[name] if name in active else seen

        return hook

    for name, layer in relus(other.learner).items():
        layer.register_forward_hook(look(name))
    try:
        other.predicted(trial.batch[:6])
    except Exception:
        found.blind(N_("Whether units are dead could not be seen in this model."))
        return
    shares = {name: 1 - float(on.double().mean()) for name, on in active.items()}
    if not shares:
        return
    name = max(shares, key=shares.__getitem__)
    gaps = {"name": name, "percent": 100 * shares[name]}
    sentence = N_("in the ReLU layer {name} {percent:.3g} % of the units are zero for every example.")
    advice = N_("Dead units have no gradient: smaller steps, scaled inputs, or another initialisation.")
    if shares[name] >= DEAD:
        found.wrong("dead-units", sentence, advice, **gaps)
    elif shares[name] >= MOSTLY_DEAD:
        found.suspicious("dead-units", sentence, advice, **gaps)
    else:
        found.fine(N_("No ReLU layer has more than {percent:.2g} % of dead units."), **gaps)
