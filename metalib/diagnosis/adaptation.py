"""What adapting does: the answers before and after, the support loss on the way, the layers inside."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from metalib.diagnosis.probes import Margin
from metalib.diagnosis.rate import longest
from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.trial import Trial
from metalib.evaluation import accuracies
from metalib.findings import listed
from metalib.i18n import N_
from metalib.learners import task_losses
from metalib.learners.gradient import GradientLearner
from metalib.learners.losses import counted

CHANGED = 1e-6
"""Predictions that move by more than this part of their spread have changed."""


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
    chance = float(counts.max() / counts.sum())
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
    return start


def check_head(trial: Trial, start: Tensor, found: TrainingFindings) -> None:
    """Is it sure of its answers before any step. (A learner that has learned may be: it knows that a step
    will come.)"""
    truth = trial.batch.query_y
    ways = int(truth.max()) + 1
    loss = float(task_losses(start, truth, trial.learner.loss_fn).mean())
    if loss > 4 * math.log(ways) + 1:
        found.suspicious(
            "head",
            N_("before any step the loss is {loss:.3g}; who knows nothing and says so has {neutral:.3g}."),
            N_("The start is sure of wrong answers: scale inputs, or begin with a smaller last layer."),
            loss=loss,
            neutral=math.log(ways),
        )


def check_steps(inner: GradientLearner, found: TrainingFindings) -> bool:
    """Are there any steps, and which parameters do they move. Returns whether there are."""
    alpha = longest(inner)
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


def check_queries(
    trial: Trial, start: Tensor, prediction: Tensor, fell: bool, found: TrainingFindings
) -> None:
    """Does the inner loop help where it counts."""
    before, after = trial.scores(start), trial.scores(prediction)
    better = Margin(after - before if trial.labels else before - after)
    gaps = {"before": float(before.mean()), "after": float(after.mean())}
    if trial.labels:
        gaps = {name: 100 * value for name, value in gaps.items()}
    if trial.labels:  # to lose what was luck is no loss
        luck = 100 / (int(trial.batch.query_y.max()) + 1)
        worse = gaps["after"] < gaps["before"] - 2 and gaps["before"] > luck + 10
    else:
        worse = gaps["after"] > 1.05 * gaps["before"]
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
