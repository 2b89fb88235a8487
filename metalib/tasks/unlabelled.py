"""Tasks of which only a part is labelled."""

from __future__ import annotations

from typing import Any

import torch

from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_positive

UNLABELLED = -1
"""The label of a support example whose label the learner is not told."""


class PartlyLabelled:
    """The tasks of another distribution, of whose support examples only the first ``labelled`` of each class
    keep their label; the others get ``UNLABELLED``, −1.

    So the same seed gives the same tasks with more or fewer labels: what labels are worth can be measured in
    pairs. Queries stay as they are.

    Args:
        tasks: episodes, or any distribution whose labels are whole numbers.
        labelled: how many support examples of each class keep their label.
        dropped: leave the others out instead. They come last in a class, so this is the same task with
            ``labelled`` shots.

    Raises:
        TypeError: labels that are not whole numbers.
    """

    def __init__(self, tasks: Any, labelled: int, dropped: bool = False) -> None:
        check_positive(labelled=labelled)
        self.tasks, self.labelled, self.dropped = tasks, labelled, dropped

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw so many tasks and hide labels."""
        x, y, query_x, query_y = self.tasks.sample(n_tasks, generator)
        if y.is_floating_point() or y.dim() != 2:
            raise TypeError(_("Only labels that are whole numbers, one for each example, can be hidden."))
        # How many of the same class came before, in its task: (T, S).
        same = y.unsqueeze(1) == y.unsqueeze(2)
        before = (same & torch.ones_like(same).tril(diagonal=-1)).sum(dim=2)
        known = before < self.labelled
        if not self.dropped:
            return TaskBatch(x, y.where(known, torch.full_like(y, UNLABELLED)), query_x, query_y)
        counts = known.sum(dim=1)
        if (counts != counts[0]).any():
            raise ValueError(_("Tasks that keep different numbers of examples do not fit into one batch."))
        order = known.int().argsort(dim=1, descending=True, stable=True)[:, : int(counts[0])]
        rows = torch.arange(len(x), device=x.device).unsqueeze(1)
        return TaskBatch(x[rows, order], y[rows, order], query_x, query_y)
