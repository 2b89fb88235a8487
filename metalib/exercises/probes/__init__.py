"""Probes: what is tried on an answer. One module a chapter, `chNN.py`; all else about an exercise is text.

    @probe("03/inner-step", context={"torch": torch})
    def inner_step(answer):
        theta, x, y = torch.tensor([0.5, -1.0]), torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])
        return {N_("one step"): answer(theta, x, y, 0.1)}

A probe calls the answer on inputs that it makes afresh at every call (chance only from its own
torch.Generator), and returns what is compared with the solution's: tensors, numbers, text, or tuples, lists,
dicts of them. A dict's keys name its items in messages: mark them by `N_`, or by `label` where a number is
filled in. An exercise without a probe is a value, which is compared itself (`largest_alpha = 0.2`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from metalib.exercises.compare import label
from metalib.i18n import N_

__all__ = ["N_", "Probe", "label", "of", "probe"]


@dataclass(frozen=True)
class Probe:
    """How one exercise's answers are tried.

    probe       probe(answer) -> what is compared
    context     names that stub, solution and wrong answers may use, e.g. {"torch": torch}; the notebook must
                have the same names
    rtol, atol  |got − expected| ≤ atol + rtol·|expected| passes
    """

    probe: Callable[[Any], Any]
    context: dict[str, Any]
    rtol: float
    atol: float


def probe(
    id: str, *, context: dict[str, Any] | None = None, rtol: float = 1e-4, atol: float = 1e-6
) -> Callable[[Callable], Callable]:
    """A decorator: the function below is the probe of the exercise `id`, and perhaps of others."""

    def bind(function: Any) -> Any:
        earlier = getattr(function, "probes", {})
        function.probes = {**earlier, id: Probe(function, dict(context or {}), rtol, atol)}
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
