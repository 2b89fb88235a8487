"""Compare what an answer gave with what the solution gave, and say the difference in one sentence.

Every fair way to write a result counts: a number as Python, NumPy or torch has it, or as a fraction; a list
for a tuple; an array for a tensor; whole numbers where the expected values are whole.
"""

import math
import numbers
import re
from collections import deque
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

import numpy as np
import torch

from metalib.i18n import N_, _

FEW = 6  # numbers that a sentence shows in full
THE_VALUE, ITS_GRADIENT = N_("the value"), N_("its gradient")
SEQUENCES = (tuple, list, range, deque, np.ndarray, torch.Tensor)


def difference(
    expected: Any, got: Any, *, rtol: float, atol: float, reveal: bool = True, place: str = ""
) -> str | None:
    """None where `got` equals `expected` within |got − expected| ≤ atol + rtol·|expected|, else a sentence.

    Tuples, lists and dicts are compared item by item. A dict's key names its item in the sentence, in the
    learner's language. With `reveal=False` the expected values stay secret (shapes and types do not).
    """
    options: dict[str, Any] = {"rtol": rtol, "atol": atol, "reveal": reveal}
    got = fair(got)
    if isinstance(expected, WithGradient):
        return _with_gradient(expected, got, place, options)
    if expected is NO_GRAPH or got is NO_GRAPH:
        sentence = None if expected is got else _types(expected, got)
    elif isinstance(expected, torch.Tensor | np.ndarray | np.generic):
        sentence = _tensors(torch.as_tensor(expected), got, **options)
    elif isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            sentence = _types(expected, got)
        else:
            return _first(((shown(key), expected[key], got[key]) for key in expected), place, options)
    elif isinstance(expected, Set):
        sentence = _sets(expected, got, reveal)
    elif isinstance(expected, SEQUENCES):
        items = _items(got)
        if reveal and items is not None and _few_numbers(expected) and _few_numbers(items):
            if len(items) != len(expected) or _first(zip(items, expected, items, strict=True), "", options):
                sentence = _("expected {expected}, got {got}.").format(
                    expected=_list(expected), got=_list(items)
                )
            else:
                sentence = None
        elif items is None or len(items) != len(expected):
            sentence = _types(expected, got)
        else:
            names = [
                _("item {n} of {total}").format(n=n, total=len(expected)) for n in range(1, len(expected) + 1)
            ]
            return _first(zip(names, expected, items, strict=True), place, options)
    elif isinstance(fair(expected), bool | int | float):
        sentence = _numbers(fair(expected), got, **options)
    else:
        sentence = _others(expected, got, reveal)
    return _("{place}: {sentence}").format(place=place, sentence=sentence) if sentence and place else sentence


def fair(value: Any) -> Any:
    """A single number as a Python number, whoever made it; anything else as it is.

    A torch scalar stays a tensor: where one is expected, its type is looked at.
    """
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        value = value.item()
    if isinstance(value, numbers.Rational | Decimal) and not isinstance(value, bool | int):
        return float(value)
    return value


def _few_numbers(value: Any) -> bool:
    """Whether it is a list of a few whole numbers, which a sentence shows in full."""
    whole = (isinstance(item, int) and not isinstance(item, bool) for item in map(fair, value))
    return isinstance(value, list) and len(value) <= FEW and all(whole)


def _items(value: Any) -> list | None:
    """What is in something that has an order; None where it has none."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return list(value) if value.ndim else None
    return list(value) if isinstance(value, SEQUENCES) else None


# Results that say how they are to be compared


class NoGraph:
    """Stands where a gradient would be if the result had a graph."""

    def __repr__(self) -> str:
        return "NO_GRAPH"


NO_GRAPH = NoGraph()


class Foreign:
    """Stands for something that did not come along from another process; `said` says what it is."""

    def __init__(self, said: str) -> None:
        self.said = said

    def __repr__(self) -> str:
        return self.said


class WithGradient(dict):
    """A result and its gradient; see `rules.with_gradient`."""

    def __init__(self, value: Any, gradient: Any) -> None:
        super().__init__({THE_VALUE: value, ITS_GRADIENT: gradient})


def _with_gradient(expected: WithGradient, got: Any, place: str, options: dict) -> str | None:
    if not isinstance(got, WithGradient):
        return difference(expected[THE_VALUE], got, place=place, **options) or _types(expected, got)
    wrong = difference(expected[THE_VALUE], got[THE_VALUE], place=place, **options)
    if wrong:
        return wrong
    inside = (_("{place}, {name}") if place else "{name}").format(place=place, name=_(ITS_GRADIENT))
    wanted, found = expected[ITS_GRADIENT], got[ITS_GRADIENT]
    if found is NO_GRAPH and wanted is not NO_GRAPH:
        sentence = _(
            "the value is right, but it has no graph to differentiate: something cut it (`detach`, "
            "`no_grad`, `.item()`, `.data`, or a new tensor made from numbers)."
        )
        return _("{place}: {sentence}").format(place=place, sentence=sentence) if place else sentence
    one = isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found) == 1
    wrong = difference(*((wanted[0], found[0]) if one else (wanted, found)), place=inside, **options)
    remark = _(
        "{sentence} The value is right, its gradient is not: a part of the graph is cut (is "
        "`create_graph=True` missing, or is there a `detach`?)."
    )
    return remark.format(sentence=wrong) if wrong else None


class Unordered(tuple):
    """Items in an order that does not depend on how an answer gave them."""


def unordered(value: Any) -> Any:
    """For a probe: `unordered(answer(…))` where the order of the items does not matter, and a list, a tuple,
    a set, an array and a tensor are equally good. What has no items stays as it is."""
    if isinstance(value, Set):
        value = list(value)
    items = _items(value)
    if items is None:
        return value
    return Unordered(sorted((_single(item) for item in items), key=lambda item: (str(type(item)), str(item))))


def _single(item: Any) -> Any:
    """An item that can be sorted beside those of other answers: 3.0, tensor(3) and np.int64(3) are 3."""
    item = fair(item)
    if isinstance(item, torch.Tensor) and item.ndim == 0:
        item = item.item()
    return int(item) if isinstance(item, float) and item.is_integer() else item


class Letters(str):
    """The letters of an answer such as "BCE", in order; shown as it was given."""

    given: Any

    def __repr__(self) -> str:
        return repr(self.given)


def letters(value: Any) -> Any:
    """ "b, c, e", "E C B", ["B", "C", "E"], {"B", "C", "E"}: all are "BCE". Anything else stays as it is."""
    parts = list(value) if isinstance(value, tuple | list | Set) else [value]
    if not all(isinstance(part, str) for part in parts):
        return value
    words = [word for part in parts for word in re.findall(r"[^\W\d_]+", part) if word.lower() != "and"]
    made = Letters("".join(sorted({letter for word in words for letter in word.upper()})))
    made.given = value
    return made


def is_letters(value: Any) -> bool:
    """Whether a solution is a choice of letters, such as "BCE"."""
    return isinstance(value, str) and value.isalpha() and value == "".join(sorted(set(value.upper())))


class Label(str):
    """A dict's key that names its item, with values filled in."""

    text: str
    values: dict[str, Any]

    @property
    def translated(self) -> str:
        """The label in the learner's language."""
        return _(self.text).format(**self.values)


def label(text: str, **values: Any) -> Label:
    """A key for a probe's result: `label(N_("after {n} examples"), n=3)`."""
    made = Label(text.format(**values))
    made.text, made.values = text, values
    return made


def shown(key: Any) -> str:
    """A dict's key in the learner's language."""
    name = str(key)  # marked by N_ in the probe
    return key.translated if isinstance(key, Label) else _(name)


def _first(items, place: str, options: dict) -> str | None:
    for name, expected, got in items:
        inside = _("{place}, {name}").format(place=place, name=name) if place else name
        sentence = difference(expected, got, place=inside, **options)
        if sentence:
            return sentence
    return None


def kind(value: Any) -> str:
    """What something is, in words a learner uses: "a tensor of shape (5, 1)", "a Python float"."""
    if value is None:
        return "None"
    if isinstance(value, NoGraph):
        return _("a result without a graph")
    if isinstance(value, Foreign):
        return value.said
    if isinstance(value, Unordered):
        return _("{n} items").format(n=len(value))
    if isinstance(value, torch.Tensor):
        return _("a tensor of shape {shape}").format(shape=tuple(value.shape))
    if isinstance(value, np.ndarray):
        return _("a NumPy array of shape {shape}").format(shape=value.shape)
    if isinstance(value, tuple | list):
        return _("a {type} of {n}").format(type=type(value).__name__, n=len(value))
    if isinstance(value, Set):
        return _("a {type} of {n}").format(type=type(value).__name__, n=len(value))
    if isinstance(value, Mapping):
        return _("a dict with the keys {keys}").format(keys=", ".join(map(repr, value)) or _("(none)"))
    if isinstance(value, bool | int | float | str):
        return _("a Python {type}").format(type=type(value).__name__)
    if callable(value) and not isinstance(value, torch.nn.Module):
        return _("a function")
    return _("an object of type {type}").format(type=type(value).__name__)


def _types(expected: Any, got: Any) -> str:
    return _("expected {expected}, got {got}.").format(expected=kind(expected), got=kind(got))


def _tensors(expected: torch.Tensor, got: Any, rtol: float, atol: float, reveal: bool) -> str | None:
    given = got
    if isinstance(got, np.ndarray) and got.dtype.kind in "fiub":
        got = torch.as_tensor(got)
    elif isinstance(got, bool | int | float) and not expected.ndim:
        got = torch.tensor(got, dtype=torch.float64 if isinstance(got, float) else None)
    if not isinstance(got, torch.Tensor) or got.shape != expected.shape or got.is_complex():
        return _types(expected, given)
    kinds = [_family(expected.dtype), _family(got.dtype)]
    mixed = _("expected values of type {expected}, got {got}.").format(expected=expected.dtype, got=got.dtype)
    if kinds[0] != kinds[1] and ("bool" in kinds or kinds == ["whole", "real"] and expected.ndim):
        return mixed
    expected, got = expected.detach().double().cpu(), got.detach().double().cpu()
    same = torch.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    if same.all():
        return None
    if kinds[0] != kinds[1]:
        return mixed
    total = got.numel()
    for name, found in ((_("NaN (not a number)"), got.isnan()), (_("infinite"), got.isinf())):
        if (found & ~same).any():
            n = int((found & ~same).sum())
            return _("{n} of {total} values are {name}.").format(n=n, total=total, name=name)
    n = int((~same).sum())
    if reveal and expected.ndim and total <= FEW:
        return _("expected {expected}, got {got}.").format(
            expected=_list(expected.tolist()), got=_list(got.tolist())
        )
    where = tuple(int(index) for index in (~same).nonzero()[0])
    if not reveal:
        return _("{n} of {total} values are not the expected ones.").format(n=n, total=total)
    if not where:
        return _("expected {expected}, got {got}.").format(
            expected=_short(expected.item()), got=_short(got.item())
        )
    return _(
        "the shape is right, but {n} of {total} values differ; at {where}: expected {expected}, got {got}."
    ).format(
        n=n,
        total=total,
        where=list(where),
        expected=_short(expected[where].item()),
        got=_short(got[where].item()),
    )


def _family(dtype: torch.dtype) -> str:
    return "bool" if dtype == torch.bool else "real" if dtype.is_floating_point else "whole"


def _sets(expected: Set, got: Any, reveal: bool) -> str | None:
    wanted, found = unordered(expected), unordered(got)
    if not isinstance(found, Unordered) or len(found) != len(wanted):
        return _types(expected, got)
    if wanted == found:
        return None
    if not reveal:
        return _("{got} is not the expected value.").format(got=repr(got))
    return _("expected {expected}, got {got}.").format(expected=repr(expected), got=repr(got))


def _numbers(expected: bool | int | float, got: Any, rtol: float, atol: float, reveal: bool) -> str | None:
    if isinstance(got, torch.Tensor) and got.ndim == 0:
        got = got.item()
    if not isinstance(got, bool | int | float) or isinstance(got, bool) != isinstance(expected, bool):
        return _types(expected, got)
    if got == expected or (math.isnan(got) and math.isnan(expected)):
        return None
    if math.isnan(got):
        return _("the value is NaN (not a number).")
    if math.isinf(got):
        return _("the value is infinite.")
    close = math.isfinite(expected) and abs(got - expected) <= atol + rtol * abs(expected)
    if close and not isinstance(expected, bool):
        return None
    if not reveal:
        return _("{got} is not the expected value.").format(got=_short(got))
    return _("expected {expected}, got {got}.").format(expected=_short(expected), got=_short(got))


def _others(expected: Any, got: Any, reveal: bool) -> str | None:
    texts = isinstance(expected, str) and isinstance(got, str)
    if type(expected) is not type(got) and not texts:
        return _types(expected, got)
    if expected == got or (texts and expected.strip() == got.strip()):
        return None
    if not reveal:
        return _("{got} is not the expected value.").format(got=repr(got))
    return _("expected {expected}, got {got}.").format(expected=repr(expected), got=repr(got))


def _list(value: Any) -> str:
    """A list of few numbers as a learner would write it."""
    return f"[{', '.join(map(_list, value))}]" if isinstance(value, list | tuple) else _short(value)


def _short(value: bool | int | float) -> str:
    return str(value) if isinstance(value, bool | int) else f"{value:.5g}"
