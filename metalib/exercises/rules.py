"""Rules of a statement that a probe checks: by hand, chance from one generator, no large tensor, a graph.

    with forbid_autograd():
        result = answer(theta, x, y, alpha)

A broken rule is an exception with a sentence for the learner, which `check` shows as it is. One that an
answer swallows is raised again where the rule ends.
"""

import functools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from metalib.exercises.compare import NO_GRAPH, WithGradient, difference
from metalib.i18n import N_, _


class BrokenRule(Exception):
    """A rule of the statement that the answer does not keep: `BrokenRule(N_("… {n} …"), n=3)`."""

    def __init__(self, text: str, **values: Any) -> None:
        super().__init__(text, values)
        self.text, self.values = text, values

    def __str__(self) -> str:
        return _(self.text).format(**self.values)  # marked by N_ where it is raised


def require(kept: bool, text: str, **values: Any) -> None:
    """Raise BrokenRule with this sentence (marked `N_`) unless the rule is kept."""
    if not kept:
        raise BrokenRule(text, **values)


# No automatic differentiation

_BY_HAND = N_("This exercise is to be done by hand: your answer lets autograd work out a derivative.")
_forbidden = threading.local()  # other threads may be training
_installed: list[tuple[Any, str, Any]] = []
_lock, _users = threading.RLock(), 0


@contextmanager
def forbid_autograd(text: str = _BY_HAND) -> Iterator[None]:
    """`torch.autograd.grad`, `backward`, `torch.func` and their relatives raise BrokenRule inside."""
    global _users
    outer = getattr(_forbidden, "rule", None)
    _forbidden.rule, _forbidden.met = text, False
    with _lock:
        _users += 1
        if _users == 1:
            _install()
    try:
        yield
        if _forbidden.met:
            raise BrokenRule(text)
    finally:
        _forbidden.rule = outer
        with _lock:
            _users -= 1
            if not _users:
                while _installed:
                    owner, name, original = _installed.pop()
                    setattr(owner, name, original)


def _install() -> None:
    """Guard the two doors that all differentiation passes: the backward engine, and forward mode."""
    from torch.autograd import forward_ad

    for owner, name in (
        (torch.autograd, "_engine_run_backward"),  # by `grad`, `backward`, `Tensor.backward`, `torch.func`
        (torch.autograd, "grad"),
        (torch.autograd, "backward"),
        (forward_ad, "make_dual"),  # by `torch.func.jvp`, `jacfwd`, `hessian`
    ):
        original = getattr(owner, name, None)
        if original is not None:  # names of torch's own that another version may not have
            _installed.append((owner, name, original))
            setattr(owner, name, _guarded(original))


def _guarded(original: Callable) -> Callable:
    @functools.wraps(original)
    def guard(*args: Any, **kwargs: Any) -> Any:
        text = getattr(_forbidden, "rule", None)
        if text is not None:
            _forbidden.met = True
            raise BrokenRule(text)
        return original(*args, **kwargs)

    return guard


# What was computed on the way


class Watch(TorchDispatchMode):
    """What torch computes inside a `with watch() as seen`.

    Attributes:
        largest: number of elements of the largest tensor that was made (an expanded view counts as what it
            views).
        shapes: the shapes of all tensors that were made.
        operations: how often each operation ran, by torch's own names: "mm", "pow", "_softmax", …
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        self.shapes: set[tuple[int, ...]] = set()
        self.operations: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations[func.overloadpacket.__name__] += 1
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                held = tensor.untyped_storage().nbytes() // max(tensor.element_size(), 1)
                self.largest = max(self.largest, min(tensor.numel(), held))
                self.shapes.add(tuple(tensor.shape))
        return result


def watch() -> Watch:
    """`with watch() as seen: …`; then `seen.largest`, `seen.shapes`, `seen.operations`."""
    return Watch()


class Counted:
    """A function that counts how often it is called: `.calls`; `.arguments` keeps what it was given."""

    def __init__(self, function: Callable) -> None:
        self.function, self.arguments = function, []  # type: Callable, list[tuple]

    @property
    def calls(self) -> int:
        """How often it was called."""
        return len(self.arguments)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.arguments.append(args)
        return self.function(*args, **kwargs)


def counted(function: Callable) -> Counted:
    """`function`, counting its calls."""
    return Counted(function)


# Chance


def chance_from(generator: torch.Generator, call: Callable[[torch.Generator], Any]) -> Any:
    """`call(generator)`, whose chance must all come from the generator.

    Raises BrokenRule where the generator is not used or is seeded anew, where other global random numbers
    give another result, and where the global ones were used.
    """
    start, everyone = generator.get_state(), _global_states()
    result = call(generator)
    end = generator.get_state()
    require(not torch.equal(end, start), N_("`generator` was not used: all chance must come from it."))
    require(
        _same_states(everyone, _global_states()),
        N_("Some of the chance does not come from `generator`: pass it on wherever you draw."),
    )

    again = torch.Generator().set_state(start)
    _move_global_states()
    repeated = call(again)
    require(
        difference(result, repeated, rtol=0, atol=0) is None,
        N_("The same generator twice gave two results: some of the chance comes from elsewhere."),
    )
    other = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=again)))
    call(other)
    require(
        not torch.equal(other.get_state(), end),
        N_("`generator` is seeded anew inside: it then draws the same at every call."),
    )
    return result


def _global_states() -> tuple:
    return torch.random.get_rng_state(), random.getstate(), np.random.get_state()


def _same_states(one: tuple, other: tuple) -> bool:
    numpy = one[2][2] == other[2][2] and bool((one[2][1] == other[2][1]).all())
    return torch.equal(one[0], other[0]) and one[1] == other[1] and numpy


def _move_global_states() -> None:
    torch.rand(7)
    random.random()
    np.random.random()


# The graph


def with_gradient(value: Any, *inputs: Tensor | Sequence[Tensor]) -> Any:
    """A result whose graph is compared too: its value, and its gradient with respect to `inputs`.

    value   a tensor, or a tuple or list of tensors; of what is no scalar a weighted sum is differentiated
    inputs  leaves that require a gradient, as they were passed to the answer, or lists of them
    """
    leaves = [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)]
    made = [part for part in tree_leaves(value) if isinstance(part, Tensor) and part.is_floating_point()]
    gradient: Any = NO_GRAPH
    if any(part.requires_grad for part in made):
        total = sum((part * _weights(part)).sum() for part in made if part.requires_grad)
        found = torch.autograd.grad(total, leaves, allow_unused=True, retain_graph=True)  # type: ignore
        if any(part is not None for part in found):
            gradient = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
    return WithGradient(value, gradient)


def _weights(tensor: Tensor) -> Tensor:
    """1 for a scalar; otherwise numbers between 1 and 2, so that no element hides behind another."""
    if not tensor.ndim:
        return torch.ones_like(tensor).detach()
    return torch.linspace(1, 2, tensor.numel(), dtype=tensor.dtype, device=tensor.device).view(tensor.shape)
