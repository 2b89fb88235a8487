"""Implicit MAML: the meta-gradient at the end of the inner loop, without the way there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.gradient import FastWeights, GradientLearner, support_gradient
from metalib.learners.losses import LossFn
from metalib.learners.swapped import swapped
from metalib.tasks.batch import check_whole


class ImplicitMAML(GradientLearner):
    """Implicit MAML (Rajeswaran et al. 2019): train θ through the *solution* of the inner problem.

    The inner loop stays near θ: it minimises L(θ′; support) + λ/2 ‖θ′ − θ‖² by ``steps`` gradient steps. At
    its minimum dθ′/dθ = (I + H/λ)⁻¹ with H the Hessian of the support loss at θ′ (their lemma 1), however
    θ′ was found. So the meta-gradient is (I + H/λ)⁻¹ ∇L(θ′; query), for which each task solves a linear
    system by conjugate gradients; H only occurs in products with vectors, each about as dear as an inner
    step. Memory does not grow with ``steps``; but where the inner loop has not arrived, or the system is not
    solved, the meta-gradient is not that of the loss.

    Args:
        model, alpha, steps, loss_fn, adapts, transductive: see :class:`GradientLearner`.
        pull: λ, how strongly θ′ is held at θ. The system has one solution where λ is larger than what the
            Hessian has of negative curvature.
        cg_steps: steps of conjugate gradients for each task.

    Raises:
        TypeError, ValueError: an argument outside its limits.
    """

    def __init__(
        self,
        model: nn.Module,
        alpha: float = 0.01,
        steps: int = 10,
        *,
        pull: float = 1.0,
        cg_steps: int = 5,
        loss_fn: LossFn | None = None,
        adapts: Callable[[str], bool] | str | None = None,
        transductive: bool = True,
    ):
        super().__init__(model, alpha, steps, loss_fn=loss_fn, adapts=adapts, transductive=transductive)
        self.pull, self.cg_steps = check_pull(pull), check_whole("cg_steps", cg_steps, 1)

    def stepped(
        self,
        fast: Mapping[str, Tensor],
        alpha: Mapping[str, Tensor | float],
        x: Tensor,
        y: Tensor,
        keep_graph: bool,
    ) -> dict[str, Tensor]:
        slope, start = support_gradient(self.model, fast, x, y, self.loss_fn, False), self.start(x, y)
        return {
            name: (value - alpha[name] * (slope[name] + self.pull * (value - start[name]))).detach()
            for name, value in fast.items()
        }

    def adapt(self, support_x: Tensor, support_y: Tensor, steps: int | None = None) -> FastWeights:
        """θ′ after ``steps`` inner steps, with the gradient of the solution."""
        fast = super().adapt(support_x, support_y, steps)
        if self._keeps_graph(self.model.parameters()):
            start = self.start(fast.support_x, support_y)
            shared = {name: p for name, p in self.model.named_parameters() if name not in fast}
            given = (*start.values(), *shared.values(), fast.support_x, support_y)
            found = _Solution.apply(self, dict(fast), tuple(shared), *given)
            fast.update(zip(start, found, strict=True))
        return fast


def check_pull(pull: float) -> float:
    """λ as a float.

    Raises:
        TypeError: not a number.
        ValueError: not positive, infinite or not a number (NaN).
    """
    if isinstance(pull, bool) or not isinstance(pull, Real):
        raise TypeError(_("pull must be a number, not {value!r}.").format(value=pull))
    if not 0 < pull < math.inf:
        raise ValueError(_("pull must be a finite positive number, not {value}.").format(value=pull))
    return float(pull)


class _Solution(torch.autograd.Function):
    """θ′ as a function of θ and of whatever else the inner problem is made of.

    At the solution ∇L(θ′) + λ(θ′ − θ) = 0; differentiating that gives all slopes (the implicit function
    theorem): with (λI + H) w = ∇L(θ′; query), λ·w for θ and −wᵀ ∂(∇L)/∂φ for anything else, φ.
    """

    @staticmethod
    def forward(
        ctx: Any, learner: ImplicitMAML, solved: dict[str, Tensor], shared: tuple[str, ...], *given: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.learner, ctx.names, ctx.shared = learner, tuple(solved), shared
        ends = tuple(value.detach().clone() for value in solved.values())
        ctx.save_for_backward(*given[len(solved) :], *ends)
        return ends

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(_("The implicit meta-gradient has no second derivative (create_graph=True)."))
        learner, count = ctx.learner, len(ctx.names)
        needed = ctx.needs_input_grad[3:]
        others, ends = ctx.saved_tensors[:-count], ctx.saved_tensors[-count:]
        others = [t.detach().requires_grad_(need) for t, need in zip(others, needed[count:], strict=True)]
        *own, x, y = others
        fast = {name: end.detach().requires_grad_() for name, end in zip(ctx.names, ends, strict=True)}
        with torch.enable_grad(), swapped(learner.model, dict(zip(ctx.shared, own, strict=True))):
            slope = support_gradient(learner.model, fast, x, y, learner.loss_fn, True)

        def curved(vectors: Sequence[Tensor]) -> list[Tensor]:
            """(λI + H) v for each task."""
            bent = _products(list(slope.values()), list(fast.values()), vectors)
            return [learner.pull * v + b for v, b in zip(vectors, bent, strict=True)]

        weights = conjugate_gradients(curved, list(slopes), learner.cg_steps)
        wanted = [other for other in others if other.requires_grad]
        away = iter(_products(list(slope.values()), wanted, weights) if wanted else [])
        to_start = [learner.pull * w if need else None for w, need in zip(weights, needed, strict=False)]
        return None, None, None, *to_start, *(-next(away) if o.requires_grad else None for o in others)


def _products(slope: list[Tensor], of: list[Tensor], vectors: Sequence[Tensor]) -> list[Tensor]:
    """vᵀ ∂(slope)/∂(of): with the parameters themselves Hessian-vector products."""
    pairs = [(s, v) for s, v in zip(slope, vectors, strict=True) if s.requires_grad]
    if not pairs:  # a loss that is linear in θ′ bends nowhere
        return [torch.zeros_like(o) for o in of]
    values, vectors = zip(*pairs, strict=True)
    return list(
        torch.autograd.grad(values, of, vectors, retain_graph=True, allow_unused=True, materialize_grads=True)
    )


def conjugate_gradients(
    product: Callable[[Sequence[Tensor]], list[Tensor]], target: list[Tensor], steps: int
) -> list[Tensor]:
    """Solve A v = b for each task by itself, with A symmetric and positive definite (Hestenes and Stiefel
    1952).

    A task stops early where its residual is next to nothing, or where A turns out not to be positive.

    Args:
        product: A times vectors; they are as `target`, one tensor ``(T, ...)`` for each parameter.
        target: b.
        steps: at most so many products.
    """
    found = [torch.zeros_like(b) for b in target]
    residual, direction = [b.clone() for b in target], [b.clone() for b in target]
    length = _dot(residual, residual)
    enough, going = torch.finfo(length.dtype).eps ** 2 * length, length > 0
    for _step in range(steps):
        bent = product(direction)
        curvature = _dot(direction, bent)
        going = going & (curvature > 0) & (length > enough)
        if not bool(going.any()):
            break
        size = torch.where(going, length / curvature, 0.0)
        found = _moved(found, size, direction)
        residual = _moved(residual, -size, bent)
        before, length = length, _dot(residual, residual)
        direction = _moved(residual, torch.where(going, length / before, 0.0), direction)
    return found


def _dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """The inner product of each task, ``(T,)``."""
    return torch.stack([(a * b).flatten(1).sum(dim=1) for a, b in zip(one, other, strict=True)]).sum(dim=0)


def _moved(values: Sequence[Tensor], size: Tensor, along: Sequence[Tensor]) -> list[Tensor]:
    """values + size · along, with a size ``(T,)`` for each task."""
    return [v + size.view(-1, *[1] * (v.dim() - 1)) * a for v, a in zip(values, along, strict=True)]
