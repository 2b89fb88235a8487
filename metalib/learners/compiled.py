"""MAML's meta-loss as a compiled program: by itself, and in one with its gradient."""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from metalib.compiler import compiler_fault, find_compiler
from metalib.i18n import _
from metalib.learners import batched, layers
from metalib.learners.losses import ordinary
from metalib.tasks import TaskBatch

if TYPE_CHECKING:
    from metalib.learners.gradient import MAML

BACKEND = "inductor"
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3}
"""How far compiled numbers may be from uncompiled ones, as a fraction of the largest; else 0.05."""


def _watched() -> str:
    return _("the model has hooks, or a part of it has two names")


def why_not(learner: MAML) -> str | None:
    """Why this learner cannot be compiled, where that is known before; None if it can be tried."""
    if not batched.can_be_traced(learner):
        return _watched()
    if (found := find_compiler()) is None:
        return _("it needs a C++ compiler and none was found")
    if fault := compiler_fault(found):
        return _("the C++ compiler {path} does not work ({fault})").format(path=found, fault=fault)
    return None


class Compiled:
    """What ``torch.compile`` makes of a learner's meta-loss.

    Loss and gradient are one program: autograd has no graph to record, to keep and to walk. The loss that
    comes out brings its gradient along, for ``backward``, ``torch.autograd.grad`` and accumulation; it has no
    second derivative. Where no gradient is asked for, none is computed.

    A program holds for the shapes, modes and settings that it was made for; where they change,
    ``torch.compile`` makes another. Each is compared once with what the learner computes uncompiled.
    """

    def __init__(self, learner: MAML) -> None:
        self._whole = _Whole(learner)
        self._compared: dict[int, list[bool]] = {}
        self._alone = True
        device = next(learner.parameters()).device.type
        self._in_one_piece = sys.platform == "linux" and device == "cpu" and BACKEND == "inductor"
        self._make()

    def _make(self) -> None:
        # One C++ program in place of many small ones called from Python: sooner made, and quicker.
        options = {"cpp_wrapper": True} if self._in_one_piece else None
        self._losses = _program(_losses, options)
        self._loss_and_gradient = _program(_loss_and_gradient, options)

    def simplified(self) -> bool:
        """After a failure: whether there is a simpler way to compile, which is taken from now on."""
        simpler, self._in_one_piece = self._in_one_piece, False
        if simpler:
            self._make()
        return simpler

    def losses(self, batch: TaskBatch) -> Tensor:
        """The query loss of each task, ``(T,)``.

        Raises:
            Exception: it cannot be compiled, or what is compiled computes something else.
        """
        trained = self._trained()
        if batched.is_transformed(trained.values()):
            return self._whole.learner.uncompiled_losses(batch)
        losses, number = self._losses(self._whole, *map(ordinary, batch))
        if number not in self._compared:
            self._compare(number, batch, losses.mean(), None)
        return losses

    def loss(self, batch: TaskBatch) -> Tensor:
        """Their mean, with its gradient.

        Raises:
            Exception: see :meth:`losses`.
        """
        trained = self._trained()
        if (
            not (trained and self._alone and torch.is_grad_enabled())
            or any(part.requires_grad for part in batch)
            or batched.is_transformed(trained.values())
        ):
            return self.losses(batch).mean()
        with torch.no_grad():  # the gradient is in the program
            loss, gradient, number = self._loss_and_gradient(self._whole, trained, *map(ordinary, batch))
        used = self._compared.get(number)
        if used is None:
            used = self._compare(number, batch, loss, dict(zip(trained, gradient, strict=True)))
            if not self._alone:
                return self.losses(batch).mean()
        if not all(used):
            trained = dict(itertools.compress(trained.items(), used))
            gradient = list(itertools.compress(gradient, used))
        return _Ready.apply(loss, gradient, *trained.values())

    def _trained(self) -> dict[str, Tensor]:
        """The meta-parameters that require a gradient: ``named_parameters``, in less than half the time.

        Raises:
            ValueError: somebody listens to the model since it was compiled, which nothing compiled notices.
        """
        if layers.has_global_hooks():
            raise ValueError(_watched())
        return _trained(self._whole, "", {})

    def _compare(
        self, number: int, batch: TaskBatch, loss: Tensor, gradient: dict[str, Tensor] | None
    ) -> list[bool]:
        """Compare a new program with the learner uncompiled; says which parameters have a gradient at all.

        Raises:
            ValueError: the learner may not be compiled any more, or the numbers differ.
        """
        learner = self._whole.learner
        if reason := why_not(learner):
            raise ValueError(reason)
        states = batched.random_states(loss)
        plain = learner.uncompiled_losses(batch).mean()
        is_random = batched.have_moved(states)
        pairs, used = [(plain, loss)], []
        if gradient is not None:
            own = dict(self._whole.named_parameters())
            self._alone = _leaves(plain) <= {id(own[name]) for name in gradient}
            slopes = torch.autograd.grad(plain, [own[name] for name in gradient], allow_unused=True)
            used = [slope is not None for slope in slopes]
            pairs += [(a, b) for a, b in zip(slopes, gradient.values(), strict=True) if a is not None]
        batched.restore(states)
        if not is_random and not (_agree(pairs[:1]) and _agree(pairs[1:])):
            raise ValueError(_("what is compiled computes other numbers"))
        self._compared[number] = used
        return used


class _Whole(nn.Module):
    """The learner as a module whose call gives the losses, so that ``functional_call`` can exchange every
    meta-parameter."""

    def __init__(self, learner: MAML) -> None:
        super().__init__()
        self.learner, self.task_by_task = learner, layers.only_sums(learner.model)

    def forward(self, *batch: Tensor) -> Tensor:
        if not self.task_by_task:
            return self.learner.uncompiled_losses(TaskBatch(*batch))

        # One task is written down, and `vmap` makes T of it: in the first inner step all share their weights,
        # and the product of all tasks' examples with them is a single one.
        def one(*task: Tensor) -> Tensor:
            alone = TaskBatch(*(part.unsqueeze(0) for part in task))
            return self.learner.uncompiled_losses(alone).squeeze(0)

        return vmap(one, randomness="different")(*batch)


def _losses(whole: _Whole, *batch: Tensor) -> tuple[Tensor, int]:
    return whole(*batch), _number()


def _loss_and_gradient(
    whole: _Whole, trained: dict[str, Tensor], *batch: Tensor
) -> tuple[Tensor, list[Tensor], int]:
    def mean(weights: dict[str, Tensor]) -> Tensor:
        return functional_call(whole, weights, batch).mean()

    gradient, loss = grad_and_value(mean)(trained)
    return loss, [gradient[name] for name in trained], _number()


_count = itertools.count()


def _number() -> int:
    """The number of a program: asked for while it is made, and a constant of it from then on."""
    return next(_count)


def _program(function: Callable[..., Any], options: dict[str, Any] | None) -> Callable[..., Any]:
    """The function compiled, for one learner.

    It has code of its own, under a name of its own: ``torch.compile`` keeps with the code what it has made, a
    few programs at most, and with the name which sizes have changed, and need no program of their own.
    """
    torch.compiler.assume_constant_result(_number)
    code = function.__code__.replace(co_name=f"{function.__name__}_{next(_count)}")
    own = types.FunctionType(code, function.__globals__, function.__name__)
    if options and hasattr(torch.compiler, "skip_guard_on_globals_unsafe"):  # the first torch with filters
        options = {**options, "guard_filter_fn": _watches}
    return torch.compile(own, fullgraph=True, backend=BACKEND, options=options)


def _watches(guards: Sequence[Any]) -> list[bool]:
    """What is looked at before each call: everything but whether the code of torch and metalib is still the
    same, which is a third of all and never changes."""
    fixed = ("G['__import_torch", "G['__import_metalib")
    return [not (guard.is_global and guard.name.startswith(fixed)) for guard in guards]


class _Ready(torch.autograd.Function):
    """A loss whose gradient is known: autograd only has to hand it over."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, gradient: list[Tensor], *trained: Tensor) -> Tensor:
        ctx.save_for_backward(*gradient)
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(
                _(
                    "A compiled meta-loss has a first derivative only: for a second one (create_graph=True) "
                    "make the learner without compile=True."
                )
            )
        return None, None, *torch._foreach_mul(ctx.saved_tensors, slope)


def _trained(module: nn.Module, prefix: str, found: dict[str, Tensor]) -> dict[str, Tensor]:
    inside = vars(module)
    if layers.is_watched(module):
        raise ValueError(_watched())
    for name, parameter in inside["_parameters"].items():
        if parameter is not None and parameter.requires_grad:
            found[prefix + name] = parameter
    for name, part in inside["_modules"].items():
        if part is not None:
            _trained(part, f"{prefix}{name}.", found)
    return found


def _leaves(loss: Tensor) -> set[int]:
    """The tensors, by their ``id``, that a loss gives a gradient to."""
    found, seen, waiting = set(), set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found.add(id(leaf))
        waiting += [before for before, _place in node.next_functions]
    return found


def _agree(pairs: list[tuple[Tensor, Tensor]]) -> bool:
    """Whether the second of each pair are the first, as far as their dtype allows."""
    if not pairs:
        return True
    plain, made = (
        torch.cat([pair[side].detach().flatten().cpu().double() for pair in pairs]) for side in (0, 1)
    )
    if not torch.equal(plain.isfinite(), made.isfinite()):
        return False
    plain, made = plain[plain.isfinite()], made[made.isfinite()]
    if not len(plain):
        return True
    allowed = TOLERANCE.get(pairs[0][0].dtype, 0.05)
    return bool((plain - made).abs().max() <= allowed * plain.abs().max())
