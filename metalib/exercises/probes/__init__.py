"""Probes: what is tried on an answer. One module a chapter, `chNN.py`; all else about an exercise is text.

    @probe("03/inner-step", context={"torch": torch})
    def inner_step(answer, draw):
        theta, x, y = draw.normal(2), *draw.normal(2, draw.whole(3, 9))
        with forbid_autograd():
            return {N_("one step"): answer(theta, x, y, draw.number(0.05, 0.5))}

A probe calls the answer on inputs that it draws afresh at every call, and returns what is compared with the
solution's: tensors, numbers, text, or tuples, lists, dicts of them. A dict's keys name its items in messages:
mark them by `N_`, or by `label` where a number is filled in. An exercise without a probe is a value, which is
compared itself (`largest_alpha = 0.2`).

`draw` (see `draws.Draw`) draws shapes and values: `draw.whole(2, 6)`, `draw.different(3, 2, 7)` for sizes
that are not alike, `draw.normal(n, d)`, `draw.number(0.1, 0.5)`, `draw.order(n)`, `draw.one_of(...)`, or
anything from `draw.generator`. A check compares under several seeds; `validation` tries more, and formulas
that are equivalent. (A probe with one parameter, `answer`, draws nothing and runs once.)

What a statement demands of the way is checked too (see `rules`):

    with forbid_autograd(): …                     by hand: torch.autograd, backward and torch.func are refused
    with watch() as seen: …                       seen.largest, seen.shapes, seen.operations
    f = counted(f)                                f.calls, f.arguments
    chance_from(generator, lambda g: answer(g))   all chance from the generator; returns the result
    with_gradient(answer(theta), theta)           the result and its gradient are both compared
    unordered(answer(x))                          a list, a tuple, a set, in any order
    require(kept, N_("a sentence"))               anything else; the sentence is what the learner reads
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from metalib.exercises.compare import label, unordered
from metalib.exercises.draws import Draw
from metalib.exercises.rules import (
    BrokenRule,
    chance_from,
    counted,
    forbid_autograd,
    require,
    watch,
    with_gradient,
)
from metalib.i18n import N_

__all__ = [
    "BrokenRule", "Draw", "N_", "Probe", "chance_from", "counted", "forbid_autograd", "label", "of", "probe",
    "require", "unordered", "watch", "with_gradient",
]  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """How one exercise's answers are tried.

    probe       probe(answer, draw), or probe(answer) -> what is compared
    context     names that stub, solution and wrong answers may use, e.g. {"torch": torch}; the notebook must
                have the same names
    rtol, atol  |got − expected| ≤ atol + rtol·|expected| passes
    slips_off   names of slips (`slips.SLIPS`) whose sentence would mislead in this exercise
    edges       its inputs lie on edges on purpose (`error <= target` with equal numbers)
    """

    probe: Callable[..., Any]
    context: dict[str, Any]
    rtol: float
    atol: float
    edges: bool = False
    slips_off: tuple[str, ...] = ()


def probe(
    id: str,
    *,
    context: dict[str, Any] | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    edges: bool = False,
    slips_off: tuple[str, ...] = (),
) -> Callable[[Callable], Callable]:
    """A decorator: the function below is the probe of the exercise `id`, and perhaps of others."""

    def bind(function: Any) -> Any:
        earlier = getattr(function, "probes", {})
        function.probes = {**earlier, id: Probe(function, dict(context or {}), rtol, atol, edges, slips_off)}
        return function

    return bind


def of(module: ModuleType) -> dict[str, Probe]:
    """The probes in a module by the id of their exercise. ValueError where one exercise has two."""
    found: dict[str, Probe] = {}
    functions = [value for value in vars(module).values() if isinstance(value, FunctionType)]
    for function in functions:
        for id, bound in getattr(function, "probes", {}).items():
            if id in found:
                raise ValueError(f"{module.__name__}: the exercise {id!r} has two probes.")
            found[id] = bound
    return found
