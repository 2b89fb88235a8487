"""Run a module with other parameters than its own, and leave no trace.

Like ``torch.func.functional_call``, but right for a module that is reached under two names, and harmless to
other threads: while one thread runs a model with the weights of a task, every other thread still sees the
model's own.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from metalib.i18n import _

_TABLES = ("_parameters", "_buffers")
_LOCK = threading.Lock()
# A recurrent layer keeps a list of its weights beside them, one for all threads.
_RECURRENT = threading.RLock()


class _Table(dict[str, Any]):
    """A module's table of tensors in which each thread may have entries of its own."""

    def __init__(self, own: dict[str, Any]) -> None:
        super().__init__(own)
        self.own, self.mine = own, dict[int, dict[str, Any]]()

    def _here(self) -> dict[str, Any]:
        return self.mine.get(threading.get_ident(), {})

    def __getitem__(self, name: str) -> Any:
        here = self._here()
        return here[name] if name in here else super().__getitem__(name)

    def __setitem__(self, name: str, value: Any) -> None:
        here = self._here()
        if name in here:
            here[name] = value
        else:
            super().__setitem__(name, value)
            self.own[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        del self.own[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default

    def values(self) -> Any:
        return [self[name] for name in self]

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (self.copy(),)


class Buffers:
    """The copies of a model's buffers that it ran with."""

    def __init__(self, model: nn.Module) -> None:
        self.copies = {id(own): own.clone() for own in model.buffers()}
        self._versions = {key: value._version for key, value in self.copies.items()}

    def changed(self) -> bool:
        """Whether the model has written into one."""
        return any(value._version != self._versions[key] for key, value in self.copies.items())


@contextmanager
def running_with(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[Buffers]:
    """In this thread the model has these parameters, and copies of its buffers, until the block ends.

    A parameter that the model reaches under several names is another one under all of them. What a forward
    writes into a buffer, or keeps of a tensor in an attribute, is gone afterwards.

    Args:
        weights: ``{parameter name: value}``, names as in ``model.named_parameters()``.

    Raises:
        RuntimeError: within the block, where the model wants to compute a part of itself again in the
            backward pass (checkpointing): by then it has its own parameters again.
    """
    buffers = Buffers(model)
    with _guard(model), _nothing_later(), _forgetting(model), swapped(model, weights, buffers.copies):
        yield buffers


@contextmanager
def swapped(
    model: nn.Module, weights: Mapping[str, Tensor], copies: Mapping[int, Tensor] | None = None
) -> Iterator[None]:
    """The exchange by itself, enough for layers that are known: no others write, or keep anything.

    Args:
        weights: see :func:`running_with`.
        copies: further tensors, by the ``id`` of those in whose place they stand.
    """
    own = dict(model.named_parameters())
    put = {id(own[name]): value for name, value in weights.items()} | dict(copies or {})
    me, entered = threading.get_ident(), []
    with _LOCK:
        for module in model.modules():
            state = vars(module)
            for name in _TABLES:
                table = state[name]
                if not table:
                    continue
                mine = {key: put[id(value)] for key, value in table.items() if id(value) in put}
                if not mine:
                    continue
                if not isinstance(table, _Table):
                    table = state[name] = _Table(table)
                before = table.mine.get(me)
                table.mine[me] = {**before, **mine} if before else mine
                entered.append((state, name, table, before))
    try:
        yield
    finally:
        with _LOCK:
            for state, name, table, before in entered:
                if before is None:
                    del table.mine[me]
                else:
                    table.mine[me] = before
                if not table.mine:
                    state[name] = table.own


@contextmanager
def _forgetting(model: nn.Module) -> Iterator[None]:
    """Take back what a forward leaves of tensors in the modules' attributes: they are those of a task."""
    before = [(module, dict(vars(module))) for module in model.modules()]
    try:
        yield
    finally:
        for module, kept in before:
            for name, value in list(vars(module).items()):
                if not isinstance(value, Tensor) or kept.get(name) is value:
                    continue
                if name in kept:
                    vars(module)[name] = kept[name]
                else:
                    del vars(module)[name]


def _guard(model: nn.Module) -> Any:
    return _RECURRENT if any(isinstance(m, nn.RNNBase) for m in model.modules()) else nullcontext()


@contextmanager
def _nothing_later() -> Iterator[None]:
    """Refuse checkpointing, unless somebody outside uses the same means (saved-tensor hooks) himself."""
    sentence = _(
        "The model computes a part of itself again in the backward pass (checkpointing), when it no longer "
        "has the weights of the task. Switch checkpointing off."
    )
    try:
        refusal = torch.autograd.graph.disable_saved_tensors_hooks(sentence)
        refusal.__enter__()
    except RuntimeError:
        yield
        return
    try:
        yield
    finally:
        refusal.__exit__(None, None, None)


def plainly(model: nn.Module, x: Tensor) -> Any:
    """``model(x)`` with its own parameters, while other threads may run it with others."""
    with _guard(model):
        return model(x)


def copied(model: nn.Module) -> nn.Module:
    """A copy that shares nothing with the model.

    Raises:
        ValueError: the model cannot be copied.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise ValueError(
            _("{model} cannot be copied: {reason}").format(
                model=type(model).__name__, reason=str(error).splitlines()[0]
            )
        ) from error
