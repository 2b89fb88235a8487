"""Tasks whose drawings are changed on the way to the learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metalib.tasks.batch import TaskBatch


class Changed:
    """The tasks of another distribution, with ``change`` applied to the queries' inputs, and on request to
    the support's as well. Labels stay, and so does what is drawn: the same seed gives the same tasks.

    Args:
        tasks: any task distribution.
        change: a function of the inputs ``(T, n, ...)`` that keeps the first two dimensions.
        support: change the support inputs too.
    """

    def __init__(self, tasks: Any, change: Callable[[Tensor], Tensor], support: bool = False) -> None:
        self.tasks, self.change, self.support = tasks, change, support

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw so many tasks and change them."""
        support_x, support_y, query_x, query_y = self.tasks.sample(n_tasks, generator)
        support_x = self.change(support_x) if self.support else support_x
        return TaskBatch(support_x, support_y, self.change(query_x), query_y)
