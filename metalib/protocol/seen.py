"""Sampled tasks: which examples are equal, and which class stands behind each label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalib.evaluation import TaskDistribution, drawn
from metalib.protocol.classes import UNKNOWN, ClassBook, Drawings, Families, images_behind
from metalib.protocol.pictures import NEAR, Codes, codes, joined, outlines_of

AT_ONCE = 25
"""Tasks that are sampled together."""
KEPT = 4000
"""Examples whose outlines are kept of tasks that tell no image set."""


@dataclass
class TaskSeen:
    """One task: the labels of its examples, and the codes of those of each label."""

    groups: dict[int, np.ndarray]
    """Label -> exact codes of its examples that are not blank, support before query. Empty for regression."""
    queries: int
    equal: int
    """Queries that are equal to a support example."""
    turned: int
    """Queries that are a support example of the same label turned or mirrored, and not equal."""
    near: int
    """Queries nearly equal to a support example of the same label, and not equal."""


@dataclass
class SideSeen:
    """The tasks of one side, and the classes of their labels."""

    tasks: list[TaskSeen] = field(default_factory=list)
    classes: list[dict[int, int]] = field(default_factory=list)
    """For each task, label -> class (or family), `UNKNOWN` where nobody knows."""
    drawings: Drawings | None = None
    """What is known of the drawings; None for regression."""
    ordered: int = 0
    """How many classes there are, if their numbers have an order; else 0."""
    repeats: bool = True
    """Whether examples come again from task to task, so that classes can be told."""


def look(tasks: TaskDistribution, n_tasks: int, generator: torch.Generator) -> SideSeen:
    """Sample so many tasks and note what they show.

    Raises:
        TypeError, ValueError: what is sampled is no batch of so many tasks.
    """
    side = SideSeen()
    kept: list[Tensor] = []
    parts: list[Codes] = []
    for start in range(0, n_tasks, AT_ONCE):
        batch = drawn(tasks, min(AT_ONCE, n_tasks - start), generator)
        support_x, support_y, query_x, query_y = (part.detach().cpu() for part in batch)
        support, query = codes(support_x.flatten(0, 1)), codes(query_x.flatten(0, 1))
        lines = [outlines_of(x.flatten(0, 1)) for x in (support_x, query_x)]
        is_labelled = not support_y.is_floating_point() and support_y.dim() == 2
        for i in range(len(batch)):
            one, other = (
                part[i * x.shape[1] : (i + 1) * x.shape[1]]
                for part, x in ((support, support_x), (query, query_x))
            )
            line = [
                None if a is None else a[i * x.shape[1] : (i + 1) * x.shape[1]]
                for a, x in zip(lines, (support_x, query_x), strict=True)
            ]
            y = (support_y[i].numpy(), query_y[i].numpy()) if is_labelled else None
            side.tasks.append(task_seen(one, other, y, line))
        if is_labelled:
            parts.append(support)
            parts.append(query)
            if sum(len(part) for part in kept) < KEPT:
                kept += [part for part in lines if part is not None]
    if parts:
        name_classes(side, tasks, parts, kept)
    return side


def task_seen(
    support: Codes, query: Codes, labels: tuple[np.ndarray, np.ndarray] | None, lines: list[Tensor | None]
) -> TaskSeen:
    """What one task shows."""
    solid = ~query.blank
    equal = np.isin(query.exact, support.exact[~support.blank]) & solid
    groups: dict[int, np.ndarray] = {}
    turned = near = np.zeros(len(equal), bool)
    if labels is not None:
        same = labels[1][:, None] == labels[0][None]  # (Q, S)
        turned = ((query.turned[:, None] == support.turned[None]) & same).any(axis=1) & ~equal & solid
        if lines[0] is not None and lines[1] is not None:
            bound = 1 - NEAR**2 / 2  # of the cosine
            near = ((lines[1] @ lines[0].mT).numpy() > bound) & same
            near = near.any(axis=1) & ~equal & ~turned & solid
        every = np.concatenate([support.exact, query.exact])
        known = ~np.concatenate([support.blank, query.blank])
        label = np.concatenate(labels)
        groups = {int(one): every[(label == one) & known] for one in np.unique(label)}
    return TaskSeen(groups, len(equal), int(equal.sum()), int(turned.sum()), int(near.sum()))


def name_classes(side: SideSeen, tasks: Any, parts: list[Codes], kept: list[Tensor]) -> None:
    """Find out which class stands behind each label: by the image set that the tasks tell, if its drawings
    are those that come; else by the families that the tasks themselves show."""
    images = images_behind(tasks)
    if images is not None:
        drawings = Drawings.of(images)
        book = ClassBook(drawings, bool(getattr(innermost(tasks), "rotations", False)))
        side.classes = [
            {k: majority(book.look_up(group)) for k, group in t.groups.items()} for t in side.tasks
        ]
        named = [number != UNKNOWN for one in side.classes for number in one.values()]
        if np.mean(named) > 0.5:
            side.drawings, side.ordered = drawings, book.count
            return
    families = Families()
    for task in side.tasks:
        for group in task.groups.values():
            families.unite(group)
    side.classes = [
        {label: families.find(int(group[0])) if len(group) else UNKNOWN for label, group in t.groups.items()}
        for t in side.tasks
    ]
    shown = sum(len(group) for task in side.tasks for group in task.groups.values())
    side.repeats = len(families) < 0.9 * shown
    every = joined(parts)
    numbers = np.array([families.find(int(code)) for code in every.exact])
    roots, numbers = np.unique(numbers, return_inverse=True)
    lines = torch.cat(kept) if kept else None
    side.drawings = Drawings(every, numbers, [f"#{n}" for n in range(len(roots))], [], lines, False)


def innermost(tasks: Any) -> Any:
    """The episodes that others wrap."""
    inner = getattr(tasks, "episodes", getattr(tasks, "tasks", None))
    return tasks if inner is None else innermost(inner)


def majority(numbers: np.ndarray) -> int:
    """The number that most of them are, of those that are known."""
    known = numbers[numbers != UNKNOWN]
    return int(np.bincount(known).argmax()) if len(known) else UNKNOWN
