"""`check_training`: try a learner out on its tasks, and name what keeps it from learning."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from metalib import threads
from metalib.diagnosis import adaptation, gradients, modes, outer, probes, rate, tasks as looks, units
from metalib.diagnosis.probes import Margin
from metalib.diagnosis.report import TrainingFindings, TrainingReport
from metalib.diagnosis.trial import LEAST, Trial, inner_of, untouched
from metalib.evaluation import TaskDistribution, check_tasks
from metalib.i18n import N_, _
from metalib.learners import GradientLearner, Learner
from metalib.learners.base import check_learner
from metalib.tasks import TaskBatch
from metalib.tasks.batch import check_generator
from metalib.training import check_rate


def check_training(
    learner: Learner,
    tasks: TaskDistribution,
    *,
    lr: float = 1e-3,
    optimiser: str = "adam",
    generator: torch.Generator | None = None,
) -> TrainingReport:
    """Try a learner out on its tasks for some seconds, and say of each thing that often goes wrong whether it
    is wrong, suspicious or fine, what was measured, and what to do.

    Everything is done on copies: the learner, its modes and buffers, the generator and all global random
    numbers are afterwards what they were. What does not apply to this kind of learner is left out.

    Args:
        learner: trained or not, one of your own too.
        tasks: those that it is trained on.
        lr, optimiser: of the outer loop, as for `metalib.fit`.
        generator: the tasks are drawn from its present state; None uses seed 0.

    Returns:
        A report, which shows itself. Its findings have names that stay (`metalib.diagnosis.FAULTS`).

    Raises:
        TypeError, ValueError: this is no learner or no task distribution, or `lr` and `optimiser` are none.
    """
    check_learner(learner)
    check_tasks(tasks)
    lr = check_rate(lr)
    if optimiser not in outer.MAKERS:
        raise ValueError(_("optimiser must be 'adam' or 'sgd', not {value!r}.").format(value=optimiser))
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    check_generator(generator)
    found = TrainingFindings()
    with untouched(tasks=tasks), threads.for_model(learner), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = look_at_tasks(tasks, generator, found)
        if not any(finding.name == "inputs" for finding in found.all if finding.verdict == "wrong"):
            look_at_learner(learner, batch, lr, optimiser, found)
    return found.report()


def look_at_tasks(tasks: TaskDistribution, generator: torch.Generator, found: TrainingFindings) -> TaskBatch:
    """All that needs no learner. Returns the tasks that were drawn."""
    looks.check_draws(tasks, generator, found)
    batch = looks.sampled(tasks, looks.copied(generator))
    looks.check_inputs(batch, found)
    if probes.classifies(batch) and not probes.has_own_labels(batch):
        found.blind(N_("Labels are those of the classes themselves, as for an ordinary classifier."))
    else:
        looks.check_one_function(batch, found)
    return batch


def look_at_learner(
    learner: Learner, batch: TaskBatch, lr: float, optimiser: str, found: TrainingFindings
) -> None:
    """All that needs one."""
    try:
        trial = Trial(learner, batch)
        if trial.trains:
            modes.training_loss(trial, 1)
    except Exception as error:
        tell_failure(error, found)
        return
    ordinary = probes.classifies(batch) and not probes.has_own_labels(batch)
    try:
        trial.measure()
        adapts = True
    except Exception as error:
        if not ordinary:
            tell_failure(error, found)
            return
        adapts = False
        trial.batch = trial.all[:LEAST]
        found.blind(N_("Nothing adapts to such tasks; only the training was looked at."))
    later: GradientLearner | None = None
    losses: list[float] = []
    if trial.trains:
        after, losses = outer.rehearsed(trial, lr, optimiser)
        later = inner_of(after)
    known = look_at_adaptation(trial, batch, later, found) if adapts else False
    if not trial.trains:
        found.blind(N_("{kind} has nothing to train, so no gradient was looked at."), kind=trial.kind)
        return
    if gradients.check_meta(trial, known, found):
        outer.check_outer(losses, outer.spread(trial), lr, optimiser, found)


def tell_failure(error: Exception, found: TrainingFindings) -> None:
    """The learner cannot do these tasks."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    sizes = isinstance(error, ValueError) and ("logits" in said or "output" in said)
    advice = ""
    if "does not require grad" in said:
        advice = N_(
            "Adapting and testing run under `torch.no_grad()`, here and in `metalib.evaluate`. An `adapt` "
            "that takes gradients turns them on for itself: `with torch.enable_grad():`."
        )
    found.wrong("output-size" if sizes else "fails", "{said}", advice, said=said)


def look_at_adaptation(
    trial: Trial, batch: TaskBatch, later: GradientLearner | None, found: TrainingFindings
) -> bool:
    """All that happens before a query is scored. Returns whether something is wrong with the inner gradient.

    later: the learner's inner loop after some outer steps.
    """
    inner, before = trial.inner, len(found.all)
    whole = True
    if inner is not None:
        whole = gradients.check_inner(trial, found)
    try:
        prediction = trial.predicted(trial.batch)
    except Exception as error:
        if whole:
            tell_failure(error, found)
        return True
    adaptation.check_output(trial, prediction, found)
    start = adaptation.check_start(trial, found)
    fell = False
    if inner is not None and adaptation.check_steps(inner, found) and whole:
        fell = rate.check_alpha(trial, inner, later, found)
    if adaptation.check_answers(trial, prediction, found):
        if bool(prediction.isfinite().all()):
            look_at_queries(trial, batch, start, prediction, fell, found)
        elif not any(finding.name == "alpha-large" for finding in found.all):
            found.wrong("not-finite", N_("some predictions are not finite numbers."), N_("Look for NaN."))
    units.check_units(trial, found)
    modes.check_modes(trial, found)
    return any(one.name in ("graph-cut", "unused", "not-finite") for one in found.all[before:])


def look_at_queries(
    trial: Trial,
    batch: TaskBatch,
    start: Tensor | None,
    prediction: Tensor,
    fell: bool,
    found: TrainingFindings,
) -> None:
    """Does the support set help, and how much."""
    if start is not None and bool(start.isfinite().all()):
        adaptation.check_queries(trial, start, prediction, fell, found)
    other = trial.scores(trial.predicted(trial.misled()))
    own = trial.scores(prediction)
    helped = Margin(own - other if trial.labels else other - own).deviations > 3
    one_function = any(one.name == "one-function" for one in found.all)  # then any support set will do
    simple = looks.check_support(batch, helped or one_function, found)
    tell_stage(trial, float(own.mean()), simple, helped, found)
    if start is not None and trial.labels and found.stage != "learned":
        adaptation.check_head(trial, start, found)


def tell_stage(
    trial: Trial, score: float, simple: float | None, helped: bool, found: TrainingFindings
) -> None:
    """Has it learned yet."""
    if not helped:
        found.stage = "not yet"
        found.fine(N_("It has not learned yet: the right support set does not help more than a wrong one."))
        return
    better = simple is not None and (score > simple + 0.02 if trial.labels else score < 0.9 * simple)
    found.stage = "learned" if better else "begun"
    factor = 100 if trial.labels else 1
    gaps = {"score": factor * score, "simple": factor * (simple if simple is not None else float("nan"))}
    if simple is None:
        found.fine(N_("The support set helps."))
    elif better:
        found.fine(
            N_("It has learned: accuracy {score:.3g} %, the nearest neighbour has {simple:.3g} %.")
            if trial.labels
            else N_("It has learned: query loss {score:.3g}, the simplest methods have {simple:.3g}."),
            **gaps,
        )
    else:
        found.fine(
            N_("It has begun: accuracy {score:.3g} %, no better than the nearest neighbour's {simple:.3g} %.")
            if trial.labels
            else N_(
                "It has begun: query loss {score:.3g}, no better than the simplest methods' {simple:.3g}."
            ),
            **gaps,
        )
