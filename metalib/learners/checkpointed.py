"""Inner loops that remember every few steps only, and take the steps between again in the backward pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.learners import batched
from metalib.learners.swapped import swapped
from metalib.tasks.batch import check_whole

if TYPE_CHECKING:
    from metalib.learners.gradient import MAML, FastWeights

AGREES = {torch.float64: 1e-9, torch.float32: 1e-4}
"""How far steps that are taken again may end from where they ended first, relative to the largest number of
them all; else 0.05. On a processor they end at the same bits, or at the next."""


def check_checkpoint(checkpoint: bool | int) -> bool | int:
    """Whether, or with how many steps a segment, an inner loop is checkpointed.

    Raises:
        TypeError: neither a bool nor a whole number.
        ValueError: smaller than 1.
    """
    return checkpoint if isinstance(checkpoint, bool) else check_whole("checkpoint", checkpoint, 1)


def segments(steps: int, checkpoint: bool | int) -> list[int]:
    """How many inner steps each segment has: about √steps of them for ``True``, which is where the points
    that are kept and the steps that are taken again together need the least memory (Chen et al. 2016)."""
    length = math.ceil(math.sqrt(steps)) if checkpoint is True else int(checkpoint)
    return [min(length, steps - begun) for begun in range(0, steps, max(length, 1))]


def segmented(learner: MAML, fast: FastWeights, y: Tensor, steps: int) -> FastWeights:
    """θ′ after ``steps`` inner steps from ``fast``, its gradient that of the whole second-order loop.

    Between two segments only the point of the way is kept, T·|θ| numbers. The backward pass takes a segment's
    steps again, this time with their graph, and goes back through it. So it costs about one forward pass
    more, and the numbers are the same: what a model draws at random (dropout) is drawn again alike.

    Args:
        fast: where the way begins, ``{parameter name: (T, ...)}``, with the support inputs.
        y: the support set's targets, ``(T, S, ...)``.

    Raises:
        RuntimeError: in the backward pass, where the second time is not the first, or where a second
            derivative of the meta-loss is asked for.
    """
    shared = {name: p for name, p in learner.model.named_parameters() if name not in fast}
    rates = {name: rate for name, rate in learner.step_sizes().items() if isinstance(rate, Tensor)}
    given = [*shared.values(), *rates.values(), fast.support_x, y]
    for length in segments(steps, learner.checkpoint):
        segment = _Steps(learner, length, tuple(fast), tuple(shared), tuple(rates))
        ended = _Segment.apply(segment, *fast.values(), *given)
        for name, value in zip(list(fast), ended, strict=True):
            fast[name] = value
    return fast


class _Steps:
    """Some inner steps as a function of all tensors that they depend on."""

    def __init__(
        self,
        learner: MAML,
        length: int,
        adapted: tuple[str, ...],
        shared: tuple[str, ...],
        rates: tuple[str, ...],
    ) -> None:
        self.learner, self.length = learner, length
        self.adapted, self.shared, self.rates = adapted, shared, rates
        self.random: batched.RandomStates = []

    def __call__(self, tensors: Sequence[Tensor], keep_graph: bool) -> tuple[Tensor, ...]:
        given = iter(tensors)
        fast: Mapping[str, Tensor] = {name: next(given) for name in self.adapted}
        shared = {name: next(given) for name in self.shared}
        alpha = {**self.learner.step_sizes(), **{name: next(given) for name in self.rates}}
        x, y = given
        with swapped(self.learner.model, shared):
            for _step in range(self.length):
                fast = self.learner.stepped(fast, alpha, x, y, keep_graph)
        return tuple(fast.values())


class _Segment(torch.autograd.Function):
    """The steps, whose graph exists only while the backward pass goes through it."""

    @staticmethod
    def forward(ctx: Any, steps: _Steps, *tensors: Tensor) -> tuple[Tensor, ...]:
        steps.random = batched.random_states(tensors[-2])
        ended = steps(tensors, keep_graph=False)
        ctx.steps = steps
        ctx.save_for_backward(*tensors, *ended)  # the next segment keeps where this one ends, anyway
        return ended

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(
                _(
                    "A checkpointed meta-loss has a first derivative only: for a second one "
                    "(create_graph=True) make the learner without checkpoint."
                )
            )
        count = len(ctx.needs_input_grad) - 1
        tensors, ended = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        needed = ctx.needs_input_grad[1:]
        leaves = [t.detach().requires_grad_(need) for t, need in zip(tensors, needed, strict=True)]
        now = batched.random_states(leaves[-2])
        batched.restore(ctx.steps.random)
        try:
            with torch.enable_grad():
                again = ctx.steps(leaves, keep_graph=True)
        finally:
            batched.restore(now)
        _check_same(ended, again)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        found = iter(torch.autograd.grad(again, wanted, slopes, allow_unused=True))
        return None, *(next(found) if leaf.requires_grad else None for leaf in leaves)


def _check_same(first: Sequence[Tensor], again: Sequence[Tensor]) -> None:
    # Relative to the largest of all: a bias that has hardly moved from 0 consists of rounding alone.
    largest = max((float(one.nan_to_num(0, 0, 0).abs().max()) for one in first if one.numel()), default=0.0)
    for one, other in zip(first, again, strict=True):
        away = (one - other.detach()).abs()
        allowed = AGREES.get(one.dtype, 0.05) * largest
        if bool(((away > allowed) & one.isfinite() & other.isfinite()).any()):
            raise RuntimeError(
                _(
                    "Taken again, the inner steps end elsewhere, so they cannot be checkpointed: the model "
                    "has changed since (its mode, a buffer), or draws random numbers that are not torch's."
                )
            )
