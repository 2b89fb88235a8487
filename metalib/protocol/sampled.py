"""What sampled tasks show: support examples among the queries, a class with two labels, labels that are known
beforehand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from metalib.findings import share
from metalib.i18n import N_, _
from metalib.protocol.classes import UNKNOWN
from metalib.protocol.findings import SIDES, ProtocolFindings
from metalib.protocol.seen import SideSeen

SURPRISE = 6.0
"""Standard deviations by which more labels must be foretold than by chance. One clean sampler in some ten
million is beyond."""
FORETOLD = 20
"""Labels that chance must foretell, at least, before one can judge."""


def check_sampled(name: str, side: SideSeen, found: ProtocolFindings) -> None:
    """All that the tasks of one side can show."""
    fine = [check_queries(name, side, found)]
    if any(task.groups for task in side.tasks):
        fine += [check_twice(name, side, found), check_labels(name, side, found)]
    else:
        found.blind(
            N_("The {side} tasks have no labels of classes, so nothing is said of classes."),
            side=_(SIDES[name]),
        )
    if said := [_(one) for one in fine if one]:
        found.fine(
            N_("{n} {side} tasks: {what}."), n=len(side.tasks), side=_(SIDES[name]), what=_("; ").join(said)
        )


def check_queries(name: str, side: SideSeen, found: ProtocolFindings) -> str:
    """Support examples among the queries. Returns what is in order, or nothing."""
    n, queries = len(side.tasks), sum(task.queries for task in side.tasks)
    what = {
        "equal": N_(
            "support examples come again in the query set: {queries} queries in {tasks} {side} tasks."
        ),
        "turned": N_(
            "support examples come again in the query set turned or mirrored, with the same label: {queries} "
            "queries in {tasks} {side} tasks."
        ),
        "near": N_(
            "support examples come again in the query set nearly unchanged, with the same label: {queries} "
            "queries in {tasks} {side} tasks."
        ),
    }
    for kind, sentence in what.items():
        counts = [getattr(task, kind) for task in side.tasks]
        if any(counts):
            gaps = {"queries": share(sum(counts), queries), "tasks": share(sum(map(bool, counts)), n)}
            found.leak("support-in-query", sentence, side=_(SIDES[name]), **gaps)
    if not any(task.equal + task.turned + task.near for task in side.tasks):
        return N_("no query is a support example of its task")
    return ""


def check_twice(name: str, side: SideSeen, found: ProtocolFindings) -> str:
    """One class under two labels. Returns what is in order, or nothing."""
    where, examples = 0, Counter[int]()
    for classes in side.classes:
        counts = Counter(number for number in classes.values() if number != UNKNOWN)
        twice = [number for number, count in counts.items() if count > 1]
        where += bool(twice)
        examples.update(twice)
    gaps = {"side": _(SIDES[name])}
    if where:
        names = side.drawings.names if side.drawings is not None and side.ordered else []
        turned = len(names) and side.ordered // len(names)  # 4 where rotations make classes
        who = ", ".join(names[number // turned] for number, _n in examples.most_common(3)) if names else ""
        told = _(", such as class {who}").format(who=who) if who else ""
        found.leak(
            "class-twice",
            N_("one class has two labels in {tasks} {side} tasks{told}: no learner can tell them apart."),
            tasks=share(where, len(side.tasks)),
            told=told,
            **gaps,
        )
    elif side.repeats:
        return N_("no class has two labels in one task")
    else:
        found.blind(
            N_(
                "Hardly any example of the {side} tasks comes twice, so nobody can tell whether two labels "
                "are one class, or labels go with classes."
            ),
            **gaps,
        )
    return ""


def check_labels(name: str, side: SideSeen, found: ProtocolFindings) -> str:
    """Can the label be told from the class alone? From what one half of the tasks teaches, foretell the
    labels of the other half; by chance that succeeds once in a task. Returns what is in order, or nothing."""
    gaps: dict[str, Any] = {"side": _(SIDES[name])}
    if any(sorted(one) != list(range(len(one))) for one in side.classes):
        found.blind(
            N_(
                "The labels of the {side} tasks are not 0 … ways − 1 in each: they are taken for those of "
                "the classes themselves, as for an ordinary classifier."
            ),
            **gaps,
        )
        return ""
    half, enough = len(side.classes) // 2, False
    for guess in guesses(side, side.classes[:half]):
        hits, asked, by_chance = 0, 0, 0.0
        for task in side.classes[half:]:
            for label, number in task.items():
                foretold = guess(number, len(task))
                if foretold is not None:
                    hits, asked, by_chance = hits + (foretold == label), asked + 1, by_chance + 1 / len(task)
        deviation = math.sqrt(by_chance)  # at most: a Poisson distribution's
        if by_chance < FORETOLD or asked - by_chance < 1.2 * SURPRISE * deviation:
            continue  # not even labels that all went with their classes would be seen for certain
        enough = True
        if hits - by_chance > SURPRISE * deviation:
            found.leak(
                "sorted-labels",
                N_(
                    "the label can be told from the class alone, without a support set: in {hits} cases of "
                    "the {side} tasks, where chance is {chance:.3g} %."
                ),
                hits=share(hits, asked),
                chance=100 * by_chance / asked,
                **gaps,
            )
            return ""
    if enough:
        return N_("labels do not go with classes")
    if side.repeats:
        found.blind(
            N_(
                "Whether labels go with classes cannot be seen in {n} {side} tasks, in which too few classes "
                "come again: give more n_tasks."
            ),
            n=len(side.tasks),
            **gaps,
        )
    return ""


def guesses(side: SideSeen, past: list[dict[int, int]]) -> Iterator[Callable[[int, int], int | None]]:
    """Ways to foretell the label of a class: functions (class, ways) -> label, or None for no idea.

    The label that the class had most often in the past; and where classes have an order, the label at the
    same height in the order of labels, from below or from above.
    """
    counts: dict[int, Counter[int]] = {}
    for task in past:
        for label, number in task.items():
            if number != UNKNOWN:
                counts.setdefault(number, Counter())[label] += 1
    usual = {number: counter.most_common(1)[0][0] for number, counter in counts.items()}
    yield lambda number, ways: usual.get(number)
    if side.ordered:

        def height(number: int, ways: int) -> int | None:
            return None if number == UNKNOWN else number * ways // side.ordered

        yield height
        yield lambda number, ways: None if number == UNKNOWN else ways - 1 - number * ways // side.ordered
