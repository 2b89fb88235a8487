"""What made a file: a learner, its model, its tasks and the settings of a training, said in plain words.

`describe` turns objects into `{where: what}`, both texts, the same in every process: `learner.alpha` is
`0.01`, `learner.model.0.weight` is `float32 (40, 1), trained`, `tasks.shots` is `10`. Two descriptions can be
compared, written into a file, and read by people.

What belongs to a description is what decides the numbers and is not itself trained: classes, their public
attributes, shapes, which parameters are trained, images by a digest, functions by their code. Values of
parameters, attributes whose names begin with an underscore, and devices do not.
"""

from __future__ import annotations

import functools
import hashlib
import random
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from metalib.i18n import _

DEEPEST = 12
MOST = 10_000  # entries; what leads on and on (a logger, a browser) is cut off there
LONGEST = 50  # entries of a list that are described one by one
RANDOM = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
"""Sources of random numbers. Their states are no settings: they are saved and restored."""


class Description:
    """The description of some objects, taken now; `settings` is it as texts.

    Large arrays are looked through when `settings` is first asked for: most descriptions are never needed.
    """

    def __init__(self, **things: Any):
        self.sources: dict[str, Any] = {}
        """Random generators found in the objects, by where."""
        self._found: dict[str, str | Callable[[], str]] = {}
        self._seen: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no number of an object is given to another one
        for name, thing in things.items():
            self._add(name, thing, DEEPEST)

    @functools.cached_property
    def settings(self) -> dict[str, str]:
        return {where: what if isinstance(what, str) else what() for where, what in self._found.items()}

    def _add(self, where: str, thing: Any, depth: int) -> None:
        plain = _plain(thing)
        if plain is not None:
            self._found[where] = plain
            return
        if len(self._found) > MOST:
            return
        if id(thing) in self._seen:
            self._found[where] = f"the same as {self._seen[id(thing)]}"
            return
        self._seen[id(thing)] = where
        self._kept.append(thing)
        if isinstance(thing, RANDOM):
            self._found[where] = type(thing).__name__
            self.sources[where] = thing
        elif depth == 0:
            self._found[where] = type(thing).__qualname__
        elif isinstance(thing, Tensor | np.ndarray):
            self._found[where] = functools.partial(_array, thing)
        elif isinstance(thing, Mapping):
            self._found[where] = f"{len(thing)} entries"
            for key, value in thing.items():
                self._add(f"{where}[{_plain(key) or type(key).__qualname__}]", value, depth - 1)
        elif isinstance(thing, list | tuple | set | frozenset):
            self._add_list(where, thing, depth)
        else:
            self._add_object(where, thing, depth)

    def _add_list(self, where: str, things: list | tuple | set | frozenset, depth: int) -> None:
        plain = [_plain(thing) for thing in things]
        if isinstance(things, set | frozenset):
            plain.sort(key=str)
        if all(text is not None for text in plain):
            text = f"[{', '.join(map(str, plain))}]"
            self._found[where] = text if len(plain) <= LONGEST else f"{len(plain)} entries, {_digest(text)}"
            return
        self._found[where] = f"{len(plain)} entries"
        for n, thing in enumerate(things):
            self._add(f"{where}[{n}]", thing, depth - 1)

    def _add_object(self, where: str, thing: Any, depth: int) -> None:
        if isinstance(thing, functools.partial):
            self._found[where] = "partial"
            parts: dict[str, Any] = {"func": thing.func, "args": thing.args, **thing.keywords}
        elif isinstance(thing, types.MethodType):
            self._found[where] = thing.__func__.__qualname__
            parts = {"self": thing.__self__}
        elif isinstance(thing, types.FunctionType):
            known = _is_known(thing.__module__ or "")
            self._found[where] = thing.__qualname__ + ("" if known else f", {_code(thing.__code__)}")
            cells = dict(zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True))
            parts = {name: _content(cell) for name, cell in cells.items()}
            parts |= {"defaults": thing.__defaults__} if thing.__defaults__ else {}
        elif isinstance(thing, type) or not hasattr(thing, "__dict__") and not is_dataclass(thing):
            self._found[where] = getattr(thing, "__qualname__", type(thing).__qualname__)
            parts = {}
        else:
            self._found[where] = type(thing).__qualname__
            parts = _attributes(thing)
        for name, part in parts.items():
            self._add(f"{where}.{name}", part, depth - 1)


def differences(then: Mapping[str, str], now: Mapping[str, str], most: int = 4) -> str:
    """What two descriptions do not agree on, for a sentence: "learner.alpha was 0.01 and is 0.5; ...".

    Empty where they agree. Of an object that is of another kind only that is said, nothing of its parts.
    """
    absent = _("missing")
    found: list[str] = []
    places: list[str] = []
    for where in sorted({*then, *now}, key=lambda place: (place.count("."), place)):
        if then.get(where) == now.get(where) or any(where.startswith((f"{p}.", f"{p}[")) for p in places):
            continue
        places.append(where)
        found.append(
            _("{setting} was {then} and is {now}").format(
                setting=where, then=then.get(where, absent), now=now.get(where, absent)
            )
        )
    if len(found) > most:
        found[most:] = [_("and {count} more").format(count=len(found) - most)]
    return "; ".join(found)


def _plain(thing: Any) -> str | None:
    """A simple value as text, None for anything else. Equal numbers have equal texts, whatever their type."""
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, Enum):
        return str(thing)
    if isinstance(thing, bool | None | str | bytes):
        return repr(thing)
    if isinstance(thing, int | float):
        return repr(int(thing)) if float(thing).is_integer() else repr(float(thing))
    if isinstance(thing, complex | range | slice | torch.dtype | torch.Size):
        return repr(thing)
    if isinstance(thing, _Said):
        return thing.text
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    if isinstance(thing, PurePath):
        return repr(thing.as_posix())
    return None


def _attributes(thing: Any) -> dict[str, Any]:
    """The public attributes of an object; of a module also its parameters, buffers and parts."""
    own = dict(getattr(thing, "__dict__", {}))
    if is_dataclass(thing):
        own |= {f.name: getattr(thing, f.name) for f in fields(thing) if hasattr(thing, f.name)}
    parts = {name: value for name, value in own.items() if not name.startswith("_")}
    if isinstance(thing, nn.Module):
        parts.pop("training", None)
        for name, parameter in thing._parameters.items():
            parts[name] = _shape(parameter, parameter is not None and parameter.requires_grad)
        for name, buffer in thing._buffers.items():
            parts[name] = _shape(buffer)
        parts |= thing._modules
    for kind in type(thing).__mro__:
        if not _is_known(kind.__module__):
            for name, value in vars(kind).items():
                value = getattr(value, "__func__", getattr(value, "fget", value))
                if isinstance(value, types.FunctionType):
                    parts[f"{name}()"] = _Said(_code(value.__code__))
                elif _plain(value) is not None and not name.startswith("_"):
                    parts.setdefault(name, value)
    return parts


def _is_known(module: str) -> bool:
    """Whether what stands there comes with a version, so that its name says what it does: nothing from a
    notebook does."""
    package = module.split(".")[0]
    return package in ("metalib", "torch", "numpy") or (
        package != "__main__" and package in sys.stdlib_module_names
    )


class _Said:
    """Stands for a parameter, a buffer or a method: what it is, not its values."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text


def _shape(value: Tensor | None, trained: bool | None = None) -> _Said | None:
    if value is None:
        return None
    kind = {True: ", trained", False: ", frozen", None: ""}[trained]
    return _Said(f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}{kind}")


def _code(code: types.CodeType) -> str:
    """A digest of what a function does, wherever it stands in its file."""

    def constant(value: Any) -> Any:
        if isinstance(value, types.CodeType):
            return parts(value)
        return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)

    def parts(code: types.CodeType) -> list[Any]:
        return [code.co_code.hex(), code.co_names, code.co_varnames, [constant(c) for c in code.co_consts]]

    return f"code {_digest(repr(parts(code)))}"


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # still empty
        return None


def _array(values: Tensor | np.ndarray) -> str:
    """The kind, shape and digest of an array."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        if values.dtype == torch.bfloat16 or values.is_sparse or values.is_quantized:
            values = values.to_dense().double()
        values = values.resolve_conj().resolve_neg().numpy()
    content = repr(values.tolist()).encode() if values.dtype == object else np.ascontiguousarray(values).data
    return f"{values.dtype} {values.shape}, {hashlib.sha256(content).hexdigest()[:12]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
