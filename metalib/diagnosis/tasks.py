"""The tasks: do they differ, can one function do them all, does a support set tell of its queries."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from metalib.diagnosis import probes
from metalib.diagnosis.probes import Margin
from metalib.diagnosis.report import TrainingFindings
from metalib.evaluation import TaskDistribution, drawn
from metalib.findings import share
from metalib.i18n import N_, _
from metalib.randomness import governed
from metalib.tasks import TaskBatch

SAMPLED = 60
"""Tasks that are looked at without a learner, unless they are large."""
BYTES = 48_000_000
LARGE, SMALL = 30.0, 0.01
"""Root mean squares of inputs beyond which networks as they are initialised learn badly."""
LARGE_TARGET, SMALL_TARGET = 100.0, 0.001
SURE = 5.0
"""Standard errors beyond which a difference is no accident."""


def copied(generator: torch.Generator) -> torch.Generator:
    """A generator in the same state."""
    other = torch.Generator(generator.device)
    other.set_state(generator.get_state())
    return other


def sampled(tasks: TaskDistribution, generator: torch.Generator) -> TaskBatch:
    """As many tasks as can be held, 60 at most."""
    one = drawn(tasks, 1, copied(generator))
    size = sum(part.numel() * part.element_size() for part in one)
    with governed(generator):
        return drawn(tasks, max(8, min(SAMPLED, BYTES // max(1, size))), generator).to("cpu")


def prints(batch: TaskBatch) -> list[bytes]:
    """A digest of each task."""
    parts = [part.detach().cpu().contiguous() for part in batch]
    return [
        hashlib.blake2b(b"".join(part[i].numpy().tobytes() for part in parts), digest_size=16).digest()
        for i in range(len(batch))
    ]


def check_draws(tasks: TaskDistribution, generator: torch.Generator, found: TrainingFindings) -> None:
    """Do the tasks differ, within a batch and from one to the next, and follow from the generator."""
    n = 8
    here, there, again = copied(generator), torch.Generator().manual_seed(1), copied(generator)
    with governed(here):
        first, second = (prints(drawn(tasks, n, here)) for _time in range(2))
    with governed(there):
        repeated = prints(drawn(tasks, n, again))
    different = len({*first, *second})
    gaps = {"different": different, "n": 2 * n}
    if different < 2 * n:
        found.wrong(
            "same-tasks",
            N_("of {n} tasks drawn one after the other only {different} are different."),
            N_("Is a generator seeded anew at every call, or for every worker? Seed it once, outside."),
            **gaps,
        )
    else:
        found.fine(N_("{n} tasks drawn one after the other are all different."), **gaps)
    if first != repeated and different == 2 * n:
        found.suspicious(
            "not-from-generator",
            N_("the same generator gives other tasks the second time."),
            N_(
                "Draw with the generator that `sample` is given: else no run and no comparison can be "
                "repeated."
            ),
        )


def check_inputs(batch: TaskBatch, found: TrainingFindings) -> None:
    """Are inputs and targets numbers of a sensible size."""
    x = [part for part in (batch.support_x, batch.query_x) if part.is_floating_point()]
    y = [part for part in (batch.support_y, batch.query_y) if part.is_floating_point()]
    clean = check_numbers(x, N_("inputs"), LARGE, SMALL, found) if x else True
    clean = (check_numbers(y, N_("targets"), LARGE_TARGET, SMALL_TARGET, found) if y else True) and clean
    if clean and x:
        found.fine(N_("Inputs have a root mean square of {size:.3g}."), size=size_of(x))


def size_of(parts: list[Tensor]) -> float:
    """The root mean square."""
    return float(torch.cat([part.detach().double().flatten() for part in parts]).square().mean().sqrt())


def check_numbers(
    parts: list[Tensor], what: str, large: float, small: float, found: TrainingFindings
) -> bool:
    gaps = {"what": _(what), "size": size_of(parts), "small": small, "large": large}
    if not all(bool(part.isfinite().all()) for part in parts):
        found.wrong("inputs", N_("some {what} are not finite numbers."), N_("Clean the data first."), **gaps)
    elif all(float(part.flatten(2).std(dim=1).max()) == 0 for part in parts if part.shape[1] > 1):
        found.wrong("inputs", N_("all {what} of a task are the same."), N_("Look at one batch."), **gaps)
    elif not small <= gaps["size"] <= large:  # type: ignore[operator]
        found.suspicious(
            "inputs",
            N_("{what} have a root mean square of {size:.3g}."),
            N_(
                "Networks begin best with numbers about 1: divide by their spread (pixels by 255). The inner "
                "step feels it most, because every gradient grows with its inputs."
            ),
            **gaps,
        )
    else:
        return True
    return False


def check_one_function(batch: TaskBatch, found: TrainingFindings) -> None:
    """Could one function do all tasks, so that nobody need read a support set (Yin et al. 2020)?"""
    if probes.classifies(batch):
        hits = probes.memory(batch)
        if hits.deviations > SURE and hits.mean - hits.against > 0.05:
            found.wrong(
                "one-function",
                N_(
                    "labels can be foretold from other tasks: the label of the nearest example of another "
                    "task is right in {percent:.3g} % of the cases, where chance is {chance:.3g} %."
                ),
                N_(
                    "The learner can memorise classes and ignore the support set (Yin et al. 2020). Give "
                    "the labels of each task in random order."
                ),
                percent=100 * hits.mean,
                chance=100 * hits.against,
            )
        else:
            found.fine(N_("Labels cannot be foretold from other tasks."))
    elif batch.support_y.is_floating_point():
        part = probes.explained(batch)
        gaps = {"percent": 100 * max(0.0, part)}
        sentence = N_(
            "one function of the input, the same for all tasks, explains {percent:.3g} % of the targets."
        )
        advice = N_(
            "Then a learner can memorise it and ignore the support set (Yin et al. 2020). Do the tasks "
            "differ? Does an input tell which task it is?"
        )
        if part > 0.99:
            found.wrong("one-function", sentence, advice, **gaps)
        elif part > 0.9:
            found.suspicious("one-function", sentence, advice, **gaps)
        else:
            found.fine(
                N_("One function for all tasks would explain {percent:.2g} % of the targets only."), **gaps
            )


def check_support(batch: TaskBatch, helped: bool, found: TrainingFindings) -> float | None:
    """Does the support set say something of the queries? `helped`: it helps the learner. Returns the score of
    the simplest method that reads a support set: its accuracy, or its squared error."""
    if probes.classifies(batch):
        return check_support_labels(batch, helped, found)
    if not batch.support_y.is_floating_point() or batch.support_x.shape[1] < 2:
        return None
    own, foreign = probes.own_and_foreign(batch)
    if not helped and Margin(foreign - own).deviations < 3:
        found.suspicious(
            "support-says-nothing",
            N_(
                "neither the learner nor the nearest neighbour does better with the support set of the task "
                "(squared error {own:.3g}) than with that of another task ({foreign:.3g})."
            ),
            N_("Are support and query drawn from the same task?"),
            own=float(own.mean()),
            foreign=float(foreign.mean()),
        )
    return float(own.mean())


def check_support_labels(batch: TaskBatch, helped: bool, found: TrainingFindings) -> float:
    guess, truth = probes.neighbours(batch)
    known = truth >= 0
    if not bool(known.all()):
        return float((guess == truth)[known].float().mean())
    right = (guess == truth).float().mean(dim=1)
    counts = torch.bincount(truth.flatten()).float() / truth.numel()
    chance = float(counts.square().sum())
    ways = len(counts)
    if helped or Margin(right, chance).deviations > 3:
        return float(right.mean())
    shuffled = torch.rand(truth.shape, generator=torch.Generator().manual_seed(0)).argsort(dim=1)
    best, luck = probes.renamed(guess, truth), probes.renamed(guess, truth.gather(1, shuffled))
    if Margin(best - luck).deviations > SURE:
        found.wrong(
            "support-says-nothing",
            N_(
                "support and query sets number their classes differently: the nearest support example has "
                "the query's label in {percent:.3g} % of the cases (chance: {chance:.3g} %), and in "
                "{best:.3g} % if each task's labels may be renamed."
            ),
            N_("Draw the order of labels once for each task, and use it for both sets."),
            percent=100 * float(right.mean()),
            chance=100 * chance,
            best=100 * float(best.mean()),
        )
    else:
        found.suspicious(
            "support-says-nothing",
            N_(
                "neither the learner nor the nearest neighbour finds the classes of the support set in the "
                "query set again: {right} of its answers are right, with {ways} classes."
            ),
            N_("Are support and query drawn from the same classes, with the same labels?"),
            right=share(int((guess == truth).sum()), truth.numel()),
            ways=ways,
        )
    return float(right.mean())
