"""Ways in which a right answer may differ from the solution: a check that refuses one of them is too strict.

Each takes a solution and gives a function that is just as right: it computes in float64, rounds a little
differently, meets inputs that differ in the last digits, or draws other random numbers.
"""

import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

ROUNDING = 1e-6  # relative; float32 has 6e-8
NUDGE = 1e-9  # of float64 inputs; float32 ones move by a last digit


def equivalents(solution: Callable) -> Iterator[tuple[str, Callable]]:
    """What was changed, in words, and the changed solution."""
    yield "computed in float64", in_double(solution)
    yield f"with results rounded differently (by {ROUNDING:g})", rounded(solution)
    for seed in range(6):
        yield "with inputs that differ in the last digits", nudged(solution, seed)


def in_double(solution: Callable) -> Callable:
    """The solution on float64 copies of the tensors it is given. Where types then clash (a loss function that
    is given has float32 in it), the solution itself."""

    @functools.wraps(solution)
    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return solution(*mapped(_double, args), **mapped(_double, kwargs))
        except RuntimeError:  # "expected m1 and m2 to have the same dtype"
            return solution(*args, **kwargs)

    return answer


def rounded(solution: Callable) -> Callable:
    """The solution, its results off by a relative 1e-6, up and down in turn."""

    @functools.wraps(solution)
    def answer(*args: Any, **kwargs: Any) -> Any:
        return mapped(_off, solution(*args, **kwargs))

    return answer


def nudged(solution: Callable, seed: int) -> Callable:
    """The solution on inputs that are a little larger or smaller in their last digits: no result may hang on
    an edge."""

    def answer(*args: Any, **kwargs: Any) -> Any:
        chance = random.Random(seed)

        def moved(value: Any) -> Any:
            if isinstance(value, float):
                return value * (1 + chance.choice((NUDGE, -NUDGE)))
            if isinstance(value, Tensor) and value.is_floating_point() and not value.requires_grad:
                size = NUDGE if value.dtype == torch.float64 else 2e-7
                return value * (1 + size * chance.choice((1, -1)) * _signs(value))
            return value

        return solution(*mapped(moved, args), **mapped(moved, kwargs))

    return functools.wraps(solution)(answer)


def shifted(solution: Callable, numbers: int) -> Callable:
    """The solution after `numbers` other draws from every generator it is given: a stream as good as any."""

    def draw(value: Any) -> Any:
        if isinstance(value, torch.Generator):
            torch.rand(numbers, generator=value)
        return value

    @functools.wraps(solution)
    def answer(*args: Any, **kwargs: Any) -> Any:
        return solution(*mapped(draw, args), **mapped(draw, kwargs))

    return answer


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """`change` applied to everything in tuples, lists and dicts."""
    if isinstance(value, dict):
        return {key: mapped(change, item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(mapped(change, item) for item in value)
    return change(value)


def _double(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.dtype == torch.float32 else value


def _off(value: Any) -> Any:
    if isinstance(value, float):
        return value * (1 + ROUNDING)
    if isinstance(value, Tensor) and value.is_floating_point():
        return value * (1 + ROUNDING * _signs(value))
    return value


def _signs(value: Tensor) -> Tensor:
    """1, −1, 1, … in the tensor's shape."""
    return 1 - 2 * (torch.arange(value.numel(), device=value.device) % 2).view(value.shape)
