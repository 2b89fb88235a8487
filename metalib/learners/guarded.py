"""A gradient learner that notices by itself where its steps explode."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from metalib.learners.base import Learner
from metalib.learners.gradient import FastWeights, GradientLearner
from metalib.learners.losses import task_losses

WATCHED = 10
"""The first steps, after each of which the loss is looked at."""
EXPLODED = 10
"""So many times the first loss is an explosion."""


class Guarded(Learner):
    """A gradient learner that takes its steps back where they explode.

    With a fixed α now and then a task explodes in its first steps, and a single one spoils a mean over
    hundreds. What gives it away is the loss on the *examples*: beyond ``EXPLODED`` times its first value
    within ``WATCHED`` steps, or larger in the end than before. The learner knows that loss, so the guard
    looks at nothing that it should not see.
    """

    def __init__(self, learner: GradientLearner) -> None:
        super().__init__()
        self.learner = learner
        self.loss_fn = learner.loss_fn

    def adapt(self, support_x: Tensor, support_y: Tensor) -> FastWeights:
        """θ′ (T, ...), or θ for a task that exploded."""
        return deque(self.walk(support_x, support_y), maxlen=1).pop()

    def walk(self, support_x: Tensor, support_y: Tensor) -> Iterator[FastWeights]:
        """The points of the way, as the learner's ``descend`` has them; then the last one again, with θ for a
        task that exploded."""

        def loss(fast: FastWeights) -> Tensor:
            return task_losses(self.learner.predict(fast, support_x), support_y, self.loss_fn)

        way = self.learner.descend(support_x, support_y)
        start = fast = next(way)
        losses = [loss(start)]
        yield start
        for step, fast in enumerate(way, 1):
            if step <= WATCHED:
                losses.append(loss(fast))
            yield fast
        # A comparison with "not a number" is false: such a task is not good.
        good = (torch.stack(losses) <= EXPLODED * losses[0]).all(dim=0) & (loss(fast) <= losses[0])
        adapted = FastWeights(fast)
        adapted.support_x = fast.support_x
        for name, value in fast.items():
            kept = good.view(-1, *[1] * (value.dim() - 1))
            adapted[name] = torch.where(kept, value, start[name])
        yield adapted

    def predict(self, adapted: FastWeights, query_x: Tensor) -> Tensor:
        """(T, Q, ...)."""
        return self.learner.predict(adapted, query_x)

    @property
    def is_transductive(self) -> bool:
        return self.learner.is_transductive
