"""Tasks where the fit itself is what counts."""

from __future__ import annotations

from typing import Any

import torch

from metalib.tasks.batch import TaskBatch


class Fits:
    """The tasks of another distribution, with their support set as the query set too: an optimiser is judged
    by how well it has minimised the loss that it was given.

    Args:
        tasks: any task distribution.
        factor: what the targets are multiplied by.
    """

    def __init__(self, tasks: Any, factor: float = 1.0) -> None:
        self.tasks, self.factor = tasks, factor

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw so many tasks."""
        x, y, _query_x, _query_y = self.tasks.sample(n_tasks, generator)
        return TaskBatch(x, self.factor * y, x, self.factor * y)
