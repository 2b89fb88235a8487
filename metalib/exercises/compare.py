"""Compare what an answer gave with what the solution gave, and say the difference in one sentence."""

import math
from typing import Any

import numpy as np
import torch

from metalib.i18n import _


def difference(
    expected: Any, got: Any, *, rtol: float, atol: float, reveal: bool = True, place: str = ""
) -> str | None:
    """None where `got` equals `expected` within |got − expected| ≤ atol + rtol·|expected|, else a sentence.

    Tuples, lists and dicts are compared item by item. A dict's key names its item in the sentence, in the
    learner's language. With `reveal=False` the expected values stay secret (shapes and types do not).
    """
    options: dict[str, Any] = {"rtol": rtol, "atol": atol, "reveal": reveal}
    if isinstance(expected, torch.Tensor):
        sentence = _tensors(expected, got, **options)
    elif isinstance(expected, dict):
        if not isinstance(got, dict) or set(got) != set(expected):
            sentence = _types(expected, got)
        else:
            return _first(((_shown(key), expected[key], got[key]) for key in expected), place, options)
    elif isinstance(expected, tuple | list):
        if not isinstance(got, tuple | list) or len(got) != len(expected):
            sentence = _types(expected, got)
        else:
            names = [
                _("item {n} of {total}").format(n=n, total=len(expected)) for n in range(1, len(expected) + 1)
            ]
            return _first(zip(names, expected, got, strict=True), place, options)
    elif isinstance(expected, bool | int | float):
        sentence = _numbers(expected, got, **options)
    else:
        sentence = _others(expected, got, reveal)
    return _("{place}: {sentence}").format(place=place, sentence=sentence) if sentence and place else sentence


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


def _shown(key: Any) -> str:
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
    if isinstance(value, torch.Tensor):
        return _("a tensor of shape {shape}").format(shape=tuple(value.shape))
    if isinstance(value, np.ndarray):
        return _("a NumPy array of shape {shape}").format(shape=value.shape)
    if isinstance(value, tuple | list):
        return _("a {type} of {n}").format(type=type(value).__name__, n=len(value))
    if isinstance(value, dict):
        return _("a dict with the keys {keys}").format(keys=", ".join(map(repr, value)) or _("(none)"))
    if isinstance(value, bool | int | float | str):
        return _("a Python {type}").format(type=type(value).__name__)
    if callable(value):
        return _("a function")
    return _("an object of type {type}").format(type=type(value).__name__)


def _types(expected: Any, got: Any) -> str:
    return _("expected {expected}, got {got}.").format(expected=kind(expected), got=kind(got))


def _tensors(expected: torch.Tensor, got: Any, rtol: float, atol: float, reveal: bool) -> str | None:
    if not isinstance(got, torch.Tensor) or got.shape != expected.shape:
        return _types(expected, got)
    if (expected.is_floating_point(), expected.dtype == torch.bool) != (
        got.is_floating_point(),
        got.dtype == torch.bool,
    ):
        return _("expected values of type {expected}, got {got}.").format(
            expected=expected.dtype, got=got.dtype
        )
    expected, got = expected.detach().double().cpu(), got.detach().double().cpu()
    same = torch.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    if same.all():
        return None
    total = got.numel()
    for name, found in ((_("NaN (not a number)"), got.isnan()), (_("infinite"), got.isinf())):
        if (found & ~same).any():
            n = int((found & ~same).sum())
            return _("{n} of {total} values are {name}.").format(n=n, total=total, name=name)
    n = int((~same).sum())
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


def _numbers(expected: bool | int | float, got: Any, rtol: float, atol: float, reveal: bool) -> str | None:
    # tensor(0.4) and np.float64(0.4) are fair ways to write a number
    if isinstance(got, torch.Tensor | np.ndarray | np.generic) and got.ndim == 0:
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
    if type(expected) is not type(got):
        return _types(expected, got)
    if expected == got:
        return None
    if not reveal:
        return _("{got} is not the expected value.").format(got=repr(got))
    return _("expected {expected}, got {got}.").format(expected=repr(expected), got=repr(got))


def _short(value: bool | int | float) -> str:
    return str(value) if isinstance(value, bool | int) else f"{value:.5g}"
