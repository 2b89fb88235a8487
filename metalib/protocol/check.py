"""`check_protocol`: name the leaks of an experiment that can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from metalib import weights
from metalib.evaluation import check_tasks
from metalib.i18n import N_, _
from metalib.learners import Learner
from metalib.learners.base import check_learner
from metalib.protocol.behaviour import check_learner_on
from metalib.protocol.classes import Drawings, images_behind, tensor_of
from metalib.protocol.findings import CLASSES, SIDES, ProtocolFindings
from metalib.protocol.overlap import check_overlap
from metalib.protocol.report import ProtocolReport
from metalib.protocol.sampled import check_sampled
from metalib.protocol.seen import look
from metalib.tasks.batch import check_generator, check_whole
from metalib.training import Training

LEAST = 20
"""Tasks that are sampled, at least."""


def check_protocol(
    train: Any = None,
    validation: Any = None,
    test: Any = None,
    *,
    learner: Learner | None = None,
    routine: Any = None,
    trained_on: Any = None,
    tuned_on: Any = None,
    n_tasks: int = 200,
    generator: torch.Generator | None = None,
) -> ProtocolReport:
    """Look at the tasks of an experiment, and at its learner, and name each leak that can be seen.

    Examples are compared by content, so any sampler will do. What was done before, nobody can see from tasks
    and weights: say it, and it is compared as well.

    Args:
        train, validation, test: a task distribution (``sample(n_tasks, generator)``), or an image set (an
            `ImageSet`, or a tensor ``(classes, drawings, ...)``), of which only classes are compared.
        learner: is watched on some test tasks: does an answer depend on other queries, does a test change it.
        routine: the function that tests, called as ``metalib.evaluate(learner, tasks, n_tasks, generator)``,
            on a copy.
        trained_on: what the learner was trained on, if that is not `train`: one of the three by name, tasks,
            an image set, a `Training`, the name of shipped weights, or a list of these.
        tuned_on: alike, what settings, weights or checkpoints were chosen on.
        n_tasks: tasks sampled of each distribution, 20 at least.
        generator: draws them; None uses seed 0.

    Returns:
        A report, which shows itself. Its `leaks` have names that stay (`metalib.protocol.LEAKS`).

    Raises:
        TypeError, ValueError: what was given is no task distribution, image set or learner, or is too little
            to look at.
    """
    given = {
        name: side
        for name, side in (("train", train), ("validation", validation), ("test", test))
        if side is not None
    }
    if not given:
        raise ValueError(_("Give check_protocol at least one of train, validation and test."))
    check_whole("n_tasks", n_tasks, LEAST)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    check_generator(generator)
    if learner is not None:
        check_learner(learner)
    found = ProtocolFindings()
    known: dict[str, Drawings | None] = {}
    for name, side in given.items():
        if is_images(side):
            known[name] = Drawings.of(side)
            continue
        check_tasks(side, name)
        seen = look(side, n_tasks, generator)
        check_sampled(name, seen, found)
        known[name] = seen.drawings
    for pair in (("test", "train"), ("validation", "train"), ("test", "validation")):
        check_pair(*pair, known, found)
    past = Past(known, n_tasks, generator)
    check_trained(past.drawings(trained_on), known, found)
    check_tuned(past.drawings(tuned_on), known, found)
    if learner is None:
        if routine is not None:
            raise ValueError(_("A routine is run with a learner: give check_protocol both."))
        found.blind(N_("No learner was given, so nothing is said of what it does in a test."))
    elif "test" not in given or is_images(test):
        found.blind(N_("The learner was not watched: that needs test tasks."))
    else:
        check_learner_on(learner, test, routine, found)
    return found.report()


def is_images(thing: Any) -> bool:
    """An image set, a set of words, or a tensor of images."""
    return isinstance(tensor_of(thing), Tensor) and not callable(getattr(thing, "sample", None))


def check_pair(one: str, other: str, known: Mapping[str, Drawings | None], found: ProtocolFindings) -> None:
    """Classes that two of the three sides share."""
    mine, theirs = known.get(one), known.get(other)
    if mine is None or theirs is None:
        if one == "test" and other == "train":
            found.blind(N_("Test and training classes were not compared: that needs both."))
        return
    so = {
        "train": N_("They are tested with what was learned of them."),
        "validation": N_("What was chosen on the one is chosen on the other."),
    }
    check_overlap("class-overlap", mine, theirs, (SIDES[one], CLASSES[other]), so[other], found)


class Past:
    """The drawings that something done before has seen."""

    def __init__(
        self, known: Mapping[str, Drawings | None], n_tasks: int, generator: torch.Generator
    ) -> None:
        self.known, self.n_tasks, self.generator = known, n_tasks, generator

    def drawings(self, told: Any) -> list[Drawings]:
        """Of a side by name, tasks, an image set, a training, the name of shipped weights, or a list of them.

        Raises:
            TypeError, ValueError: it is none of them.
        """
        if told is None:
            return []
        if isinstance(told, Sequence) and not isinstance(told, str):
            return [one for part in told for one in self.drawings(part)]
        if isinstance(told, str) and told in SIDES:
            if told not in self.known:
                raise ValueError(_("There is no {side} to compare with: give it as well.").format(side=told))
            side = self.known[told]
            return [] if side is None else [side]
        if isinstance(told, str):
            told = weights.recipe(told).distribution("train")
        if isinstance(told, Training):
            told = told.tasks
        if is_images(told):
            return [Drawings.of(told)]
        check_tasks(told)
        images = images_behind(told)
        side = look(told, self.n_tasks, self.generator).drawings if images is None else Drawings.of(images)
        return [] if side is None else [side]


def check_trained(
    past: list[Drawings], known: Mapping[str, Drawings | None], found: ProtocolFindings
) -> None:
    """What the learner was trained on, against what it is chosen and tested on."""
    if not past:
        found.blind(N_("What the learner was trained on, apart from `train`, only `trained_on` can tell."))
    so = {
        "validation": N_(
            "Once all is chosen that is usual, and has to be said; a choice made afterwards is made on "
            "classes that were trained on."
        ),
        "test": N_("They are tested with what was learned of them."),
    }
    for one in past:
        for name, consequence in so.items():
            side = known.get(name)
            if side is not None and one is not known.get("train"):  # these have been compared
                leak = "trained-on-validation" if name == "validation" else "class-overlap"
                check_overlap(leak, side, one, (SIDES[name], CLASSES["trained_on"]), consequence, found)


def check_tuned(past: list[Drawings], known: Mapping[str, Drawings | None], found: ProtocolFindings) -> None:
    """What settings were chosen on, against the test."""
    test = known.get("test")
    if not past:
        found.blind(
            N_(
                "What settings, weights or checkpoints were chosen on, and of how many runs this is the "
                "best, only `tuned_on` and an honest account can tell."
            )
        )
    elif test is not None:
        so = N_("The best of several on these tasks is partly the luckiest: choose on validation classes.")
        for one in past:
            if one is not known.get("validation"):
                names = (SIDES["test"], CLASSES["tuned_on"])
                check_overlap("tuned-on-test", test, one, names, so, found)
