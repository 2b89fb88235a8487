"""Learn the optimiser itself: a rule that turns gradients into steps, trained over many trainings."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from metalib.learners import batched
from metalib.learners.base import Learner, fitting
from metalib.learners.gradient import FastWeights, check_steps, support_gradient
from metalib.learners.losses import LossFn, check_loss_fn, task_losses
from metalib.models import initialise
from metalib.tasks import TaskBatch

Rule = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""``rule(gradient, memory) -> (step, memory)``: T trainings of P weights, ``(T, P)`` both; the first memory
is ``None``."""


def preprocessed(gradient: Tensor, p: float = 10.0) -> Tensor:
    """A gradient as two numbers of size at most about 1, ``(…)`` to ``(…, 2)`` (Andrychowicz et al. 2016,
    appendix A): (log|g| / p, sign g) where |g| ≥ e⁻ᵖ, else (−1, eᵖ g).

    Gradients differ by many powers of ten between problems, and between the beginning of a training and its
    end. A network sees no difference between 10⁻³ and 10⁻⁵; it does between their logarithms.
    """
    size = gradient.abs()
    large = size >= math.exp(-p)
    first = torch.where(large, size.clamp(min=math.exp(-p)).log() / p, -1.0)
    return torch.stack([first, torch.where(large, gradient.sign(), math.exp(p) * gradient)], dim=-1)


class CoordinateRule(nn.Module):
    """One small recurrent network that every weight of the trained model uses for itself: a gradient comes
    in, a step comes out (Andrychowicz et al. 2016, section 2.1: two LSTM layers of 20 units).

    The network is one and the same for all weights; the memory is each weight's own. So it fits a model of
    any size, and no weight sees another one.

    Args:
        generator: where its own initial weights come from; ``None`` uses seed 0.
        hidden: units of each of the two layers.
        scale: what the output counts: small, so that an untrained rule takes small steps.
    """

    def __init__(
        self, generator: torch.Generator | None = None, hidden: int = 20, scale: float = 0.1
    ) -> None:
        super().__init__()
        self.first, self.second = nn.LSTMCell(2, hidden), nn.LSTMCell(hidden, hidden)
        self.step, self.scale = nn.Linear(hidden, 1), scale
        generator = generator or torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-(hidden**-0.5), hidden**-0.5, generator=generator)

    def forward(self, gradient: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """Steps (T, P) for gradients (T, P), and the memory to give back next time."""
        seen = preprocessed(gradient).flatten(0, -2)  # (T·P, 2): every weight by itself
        first, second = memory or (None, None)
        first = self.first(seen, first)
        second = self.second(first[0], second)
        return self.scale * self.step(second[0]).view_as(gradient), (first, second)


class LearnedOptimiser(Learner):
    """Trains a model on each task's support set by a rule, from a random start.

    ``loss(batch)`` is the mean of the losses on the query set after *every* step (Andrychowicz et al. 2016,
    equation 3 with all weights 1), and its gradient trains the rule. As there, the gradients that the rule
    sees count as constants: no second derivative is taken. To learn an optimiser in the plain sense give
    tasks whose query set is the support set, see :class:`metalib.tasks.Fits`.

    The starts differ from task to task. In training they are random as dropout is; in evaluation the n-th
    task of a call always has the n-th start, the same for every rule.

    Args:
        rule: turns gradients into steps: a module such as :class:`CoordinateRule`; or a function, which has
            nothing to train.
        model: what is trained on each task: any ``nn.Module``. Its linear layers, convolutions and embeddings
            are drawn anew for each; what else it has begins as it is.
        steps: how many steps a training has.
        loss_fn: see :func:`metalib.learners.task_losses`.

    Raises:
        TypeError, ValueError: an argument outside these limits.
    """

    def __init__(self, rule: Rule, model: nn.Module, steps: int = 50, *, loss_fn: LossFn | None = None):
        super().__init__()
        batched.check_batchable(model)
        # In a tuple, so that its weights are no meta-parameters: only the rule's are.
        self._model = (model,)
        self.rule, self.steps = rule, check_steps(steps)
        self.loss_fn = check_loss_fn(loss_fn)

    @property
    def model(self) -> nn.Module:
        """What is trained on each task."""
        return self._model[0]

    def starts(self, n: int) -> dict[str, Tensor]:
        """n starting points, ``{parameter name: (n, ...)}``."""
        seed = int(torch.randint(2**31, ())) if self.training else 0
        generator = torch.Generator().manual_seed(seed)
        drawn = []
        for _task in range(n):
            initialise(self.model, generator)
            drawn.append({name: value.detach().clone() for name, value in self.model.named_parameters()})
        return {name: torch.stack([one[name] for one in drawn]) for name in drawn[0]}

    def descend(
        self, support_x: Tensor, support_y: Tensor, steps: int | None = None
    ) -> Iterator[FastWeights]:
        """The points of the way, ``steps + 1`` of them, the first before any step."""
        steps = self.steps if steps is None else check_steps(steps)
        support_x = fitting(self.model, support_x)
        begun = self.starts(len(support_x))
        fast = FastWeights({name: value.to(support_x.device) for name, value in begun.items()})
        fast.support_x = support_x
        shapes = {name: value.shape for name, value in fast.items()}
        sizes = [value[0].numel() for value in fast.values()]
        memory = None
        yield fast
        for _step in range(steps):
            slopes = support_gradient(self.model, fast, support_x, support_y, self.loss_fn, False)
            flat = torch.cat([slope.flatten(1) for slope in slopes.values()], dim=1)  # (T, P)
            step, memory = self.rule(flat, memory)
            moves = dict(zip(shapes, step.split(sizes, dim=1), strict=True))
            fast = FastWeights({name: value + moves[name].view(shapes[name]) for name, value in fast.items()})
            fast.support_x = support_x
            yield fast

    def adapt(self, support_x: Tensor, support_y: Tensor, steps: int | None = None) -> FastWeights:
        """The trained weights of each task, ``{parameter name: (T, ...)}``."""
        return deque(self.descend(support_x, support_y, steps), maxlen=1).pop()

    def predict(self, adapted: FastWeights, query_x: Tensor) -> Tensor:
        """The trained models' output ``(T, Q, ...)``."""
        return batched.forward(self.model, adapted, fitting(self.model, query_x))

    def curve(self, batch: TaskBatch, steps: int | None = None) -> Tensor:
        """The loss on the query set at every point of the way, ``(steps + 1, T)``."""
        way = self.descend(batch.support_x, batch.support_y, steps)
        return torch.stack(
            [task_losses(self.predict(fast, batch.query_x), batch.query_y, self.loss_fn) for fast in way]
        )

    def query_losses(self, batch: TaskBatch) -> Tensor:
        """The mean of each task's curve from the first step on, ``(T,)``."""
        return self.curve(batch)[1:].mean(dim=0)

    @property
    def is_transductive(self) -> bool:
        return False
