"""What a test shows of a learner: do answers depend on other queries or tasks, is it changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from metalib.evaluation import TaskDistribution, drawn, evaluate, on_learners_device
from metalib.i18n import N_
from metalib.learners import Learner
from metalib.learners.base import evaluating
from metalib.protocol.findings import ProtocolFindings
from metalib.randomness import governed
from metalib.tasks import TaskBatch

TASKS = 8
"""Tasks on which a learner is watched."""
MOVED = 1e-3
"""Predictions that move by more than this part of their spread have changed."""
SEED = 31


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def check_learner_on(
    learner: Learner, tasks: TaskDistribution, routine: Any, found: ProtocolFindings
) -> None:
    """Watch the learner, or a copy of it, on a few tasks."""
    batch = on_learners_device(drawn(tasks, TASKS, seeded(SEED)), learner)
    check_independence(copy.deepcopy(learner), batch, found)
    check_change(learner, tasks, evaluate, "metalib.evaluate", found)
    if routine is not None:
        check_change(learner, tasks, routine, getattr(routine, "__name__", type(routine).__name__), found)


def answers(learner: Learner, batch: TaskBatch, queries: slice = slice(None)) -> Tensor:
    """The predictions ``(T, Q, ...)`` for these queries of all tasks."""
    with governed(seeded(SEED)), evaluating(learner), torch.no_grad():
        fast = learner.adapt(batch.support_x, batch.support_y)
        return learner.predict(fast, batch.query_x[:, queries])


def moved(one: Tensor, other: Tensor) -> float:
    """The largest change, in parts of the spread of all predictions; not a number where one has none."""
    return float((one - other).abs().max() / one.std().clamp(min=1e-12))


def check_independence(learner: Learner, batch: TaskBatch, found: ProtocolFindings) -> None:
    """Do answers stay where half of the queries, or all other tasks, are left out."""
    everything = answers(learner, batch)
    queries = batch.query_x.shape[1]
    # Each half by itself: whoever reads the queries in turn answers the first ones without the last.
    edges = sorted({0, queries // 2, queries})
    halves = [slice(start, end) for start, end in pairwise(edges)]
    few = torch.cat([answers(learner, batch, half) for half in halves], dim=1)
    if not moved(everything, few) <= MOVED or learner.is_transductive:
        other = (everything.argmax(-1) != few.argmax(-1)).float().mean().item()
        found.leak(
            "transductive",
            N_(
                "the learner's answer to one query depends on the other queries of its task: without half of "
                "them, predictions move by up to {moved:.2g} times their spread, and {percent:.3g} % of the "
                "answers change."
            ),
            moved=moved(everything, few),
            percent=100 * other,
        )
    else:
        found.fine(N_("The learner answers each query by itself."))
    alone = torch.cat([answers(learner, batch[i : i + 1]) for i in range(len(batch))])
    if not moved(everything, alone) <= MOVED:
        found.leak(
            "tasks-mixed",
            N_(
                "the learner's answers in one task depend on the other tasks: given one by one, predictions "
                "move by up to {moved:.2g} times their spread."
            ),
            moved=moved(everything, alone),
        )


def check_change(
    learner: Learner,
    tasks: TaskDistribution,
    routine: Callable[..., Any],
    called: str,
    found: ProtocolFindings,
) -> None:
    """Is a copy of the learner after the routine what it was before."""
    tested = copy.deepcopy(learner)
    before = {name: value.clone() for name, value in tested.state_dict().items()}
    batch = on_learners_device(drawn(tasks, 1, seeded(SEED)), learner)
    said = answers(tested, batch)
    with governed(seeded(SEED)):
        routine(tested, tasks, TASKS, seeded(SEED + 1))
    after = tested.state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    if changed:
        found.leak(
            "learns-on-test",
            N_(
                "{routine} changes the learner: after {n} test tasks {count} of its {all} parameters and "
                "buffers are not what they were, such as {example}."
            ),
            routine=called,
            n=TASKS,
            count=len(changed),
            all=len(before),
            example=changed[0],
        )
    elif not moved(said, answers(tested, batch)) <= MOVED:
        found.leak(
            "learns-on-test",
            N_(
                "{routine} changes the learner: after {n} other test tasks it answers the same task "
                "otherwise."
            ),
            routine=called,
            n=TASKS,
        )
    else:
        found.fine(N_("{routine} leaves the learner as it was."), routine=called)
