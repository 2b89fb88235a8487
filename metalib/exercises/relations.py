"""How what came out is related to what was expected: the negative, twice as much, transposed, …

Said where no slip is recognised. A relation must hold for every number of every case under every seed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metalib.exercises.compare import shown
from metalib.exercises.running import Call, Returned
from metalib.i18n import _

FEWEST_NUMBERS = 2
NAMED = {2.0: "2", 0.5: "½", 4.0: "4", 0.25: "¼", 1.96: "1.96", 1 / 1.96: "1/1.96", 3.0: "3", 1 / 3: "⅓"}


@dataclass(frozen=True)
class Pair:
    """One result: what was expected and what came out, and the call that made it where that is known."""

    expected: Tensor
    got: Tensor
    call: Call | None


def relation(expected: Sequence[Returned], got: Sequence[Returned], names: Sequence[str]) -> str | None:
    """A sentence on how the results are related, or None where they are not; `names` are the arguments'."""
    slots = _slots(expected, got)
    if slots is None:
        return None
    wrong = {
        name: pairs for name, pairs in slots.items()
        if any(pair.expected.shape != pair.got.shape or not _close(pair.expected, pair.got) for pair in pairs)
    }  # fmt: skip
    sentences = {_related(pairs, names) for pairs in wrong.values()}
    if len(sentences) == 1 and (sentence := sentences.pop()):
        if len(wrong) < len(slots) and len(wrong) == 1:
            return _("{place}: {sentence}").format(place=next(iter(wrong)), sentence=sentence)
        return sentence
    return _exchanged(slots)


def right_cases(expected: Returned, got: Returned, same: Callable[[Any, Any], bool]) -> str | None:
    """Which of several named cases are right already, where some are and others are not."""
    if not (isinstance(expected.value, dict) and isinstance(got.value, dict)):
        return None
    if set(expected.value) != set(got.value):
        return None
    right = [key for key in expected.value if same(expected.value[key], got.value[key])]
    if not right or len(expected.value) - len(right) < 1 or len(right) > 3:
        return None
    return _("Right already: {cases}.").format(cases="; ".join(map(shown, right)))


# Results beside each other


def _slots(expected: Sequence[Returned], got: Sequence[Returned]) -> dict[str, list[Pair]] | None:
    """All results by their place in a case, over cases and seeds; None where the two have another form."""
    slots: dict[str, list[Pair]] = {}
    for one, other in zip(expected, got, strict=True):
        cases = list(one.value) if isinstance(one.value, dict) else [None]
        if isinstance(one.value, dict) and not (
            isinstance(other.value, dict) and set(other.value) == set(cases)
        ):
            return None
        for number, case in enumerate(cases):
            left, right = (one.value, other.value) if case is None else (one.value[case], other.value[case])
            call = other.calls[number] if len(other.calls) == len(cases) else None
            for place, a, b in _leaves(left, right, ""):
                if a is None or b is None:
                    return None
                slots.setdefault(place, []).append(Pair(a, b, call))
    return slots


def _leaves(expected: Any, got: Any, place: str) -> Iterator[tuple[str, Tensor | None, Tensor | None]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in expected:
            yield from _leaves(expected[key], got.get(key), shown(key))
    elif isinstance(expected, tuple | list) and isinstance(got, tuple | list) and len(expected) == len(got):
        for n, (one, other) in enumerate(zip(expected, got, strict=True), 1):
            yield from _leaves(one, other, _("item {n} of {total}").format(n=n, total=len(expected)))
    else:
        yield place, _tensor(expected), _tensor(got)


def _tensor(value: Any) -> Tensor | None:
    try:
        made = torch.as_tensor(value).detach().double()
    except (TypeError, ValueError, RuntimeError):
        return None
    return None if isinstance(value, bool) or getattr(value, "dtype", None) == torch.bool else made


# Relations


def _related(pairs: list[Pair], names: Sequence[str]) -> str | None:
    if all(pair.expected.shape == pair.got.shape for pair in pairs):
        numbers = torch.cat([pair.expected.flatten() for pair in pairs])
        others = torch.cat([pair.got.flatten() for pair in pairs])
        if len(numbers) < FEWEST_NUMBERS or not others.isfinite().all() or (others == 0).all():
            return None
        return _elementwise(numbers, others) or _by_arguments(pairs, names) or _rearranged(pairs)
    return _reshaped(pairs)


def _elementwise(expected: Tensor, got: Tensor) -> str | None:
    if _close(-expected, got):
        return _("every number has the wrong sign.")
    if (expected.abs() > 1e-9).all() and expected.max() - expected.min() > 1e-6:
        factor = float((got / expected).median())
        if factor and _close(factor * expected, got):
            return _times(factor)
        if _close(1 / expected, got):
            return _("every number is 1 divided by the expected one.")
    offset = float((got - expected).median())
    if _close(expected + offset, got) and expected.max() - expected.min() > 1e-6:
        return _("every number is {offset} away from the expected one: always the same difference.").format(
            offset=f"{offset:+.4g}"
        )
    for change, sentence in (
        (torch.square, _("every number is the square of the expected one.")),
        (torch.sqrt, _("every number is the square root of the expected one.")),
        (torch.exp, _("every number is the exponential of the expected one: is a logarithm missing?")),
        (torch.log, _("every number is the logarithm of the expected one.")),
        (torch.abs, _("every number has the right size, but the sign is lost (an absolute value?).")),
    ):
        changed = change(expected)
        if changed.isfinite().all() and _close(changed, got):
            return sentence
    return None


def _times(factor: float) -> str:
    for value, name in NAMED.items():
        for sign in (1, -1):
            if math.isclose(factor, sign * value, rel_tol=1e-4):
                factor_name = name if sign == 1 else f"−{name}"
                return _("every number is {factor} times the expected one.").format(factor=factor_name)
    return _("every number is the same multiple of the expected one, {factor} times it.").format(
        factor=f"{factor:.4g}"
    )


def _by_arguments(pairs: list[Pair], names: Sequence[str]) -> str | None:
    """Each case has a factor of its own, and it is a size of an argument, or the argument itself."""
    factors = []
    for pair in pairs:
        if pair.call is None or not (pair.expected.abs() > 1e-9).all():
            return None
        factor = float((pair.got / pair.expected).flatten()[0])
        if not _close(factor * pair.expected, pair.got):
            return None
        factors.append(factor)
    calls = [pair.call for pair in pairs if pair.call is not None]
    for place, name in zip(range(min(len(call.args) for call in calls)), names, strict=False):
        given = [call.args[place] for call in calls]
        numbers = [value for value in given if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(numbers) == len(given):
            power = _power(factors, [float(value) for value in numbers])
            if power:
                return _(
                    "every number is {factor} times the expected one: is `{name}` missing, or used twice?"
                ).format(factor=power.replace("n", f"`{name}`"), name=name)
        for axis in range(min(_depth(value) for value in given)):
            power = _power(factors, [float(_size(value, axis)) for value in given])
            if power:
                return _(
                    "every number is {factor} times the expected one, where n is a size of `{name}`."
                ).format(factor=power, name=name)
    return None


def _power(factors: list[float], sizes: list[float]) -> str | None:
    if any(size <= 0 or size == 1 for size in sizes):
        return None
    for name, power in (("n", 1.0), ("1/n", -1.0), ("√n", 0.5), ("1/√n", -0.5), ("n²", 2.0)):
        if all(math.isclose(f, size**power, rel_tol=1e-3) for f, size in zip(factors, sizes, strict=True)):
            return name
    return None


def _depth(value: Any) -> int:
    return value.ndim if isinstance(value, Tensor) else 1 if isinstance(value, list | tuple) else 0


def _size(value: Any, axis: int) -> int:
    return value.shape[axis] if isinstance(value, Tensor) else len(value)


def _rearranged(pairs: list[Pair]) -> str | None:
    if any(pair.expected.ndim == 0 or len(pair.expected) < 2 for pair in pairs):
        return None
    if all(_close(pair.expected.flip(0), pair.got) for pair in pairs):
        return _("the right numbers come in the opposite order.")
    square = all(pair.expected.ndim == 2 for pair in pairs)
    if square and all(_close(pair.expected.T, pair.got) for pair in pairs):
        return _("the result is transposed.")
    if all(_rows_permuted(pair) for pair in pairs):
        return _("the right numbers come in another order.")
    return None


def _rows_permuted(pair: Pair) -> bool:
    one, other = (sorted(value.flatten(1).tolist() if value.ndim > 1 else value.tolist())
                  for value in (pair.expected.round(decimals=5), pair.got.round(decimals=5)))  # fmt: skip
    return len({str(row) for row in one}) > 1 and one == other


def _reshaped(pairs: list[Pair]) -> str | None:
    other = [pair for pair in pairs if pair.expected.shape != pair.got.shape]
    shapes = {"expected": tuple(other[0].expected.shape), "got": tuple(other[0].got.shape)}
    transposed = all(p.expected.ndim == 2 and p.got.shape == p.expected.T.shape for p in other)
    if transposed and all(_close(pair.expected.T, pair.got) for pair in other):
        return _("the result is transposed: expected the shape {expected}, got {got}.").format(**shapes)
    flat = all(pair.expected.numel() == pair.got.numel() for pair in other)
    if flat and all(_close(pair.expected.flatten(), pair.got.flatten()) for pair in other):
        return _("the numbers are right, the shape is not: expected {expected}, got {got}.").format(**shapes)
    vectors = all(p.expected.ndim == 1 and p.got.shape == (len(p.expected),) * 2 for p in other)
    if vectors and len(other[0].expected) > 1:
        return _(
            "expected the shape {expected}, got {got}: a column (N, 1) and a row (N,) were combined, and "
            "torch made a table of all pairs."
        ).format(**shapes)
    return None


def _exchanged(slots: dict[str, list[Pair]]) -> str | None:
    """Two results in each other's place."""
    if len(slots) != 2:
        return None
    first, second = slots.values()
    if len(first) == len(second) and all(
        _close(one.expected, two.got) and _close(two.expected, one.got) and not _close(one.expected, one.got)
        for one, two in zip(first, second, strict=True)
    ):
        return _("the two results are exchanged.")
    return None


def _close(expected: Tensor, got: Tensor) -> bool:
    return expected.shape == got.shape and torch.allclose(got, expected, rtol=2e-4, atol=1e-7)
