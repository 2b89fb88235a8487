"""What a live laboratory declares beside its JavaScript, and where all of them are found."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metalib.lab.laboratory import Laboratory

ROOMS = Path(__file__).parents[1]


def plain(value: Any) -> Any:
    """A value as JSON has it: arrays and tuples as lists, an instance of a dataclass as an object of its
    fields."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return [plain(one) for one in value] if isinstance(value, tuple | list) else value


def tupled(value: Any) -> Any:
    """Lists as the tuples that states keep."""
    return tuple(map(tupled, value)) if isinstance(value, list) else value


def tupled_all(state: Mapping[str, Any]) -> dict[str, Any]:
    """As `tupled`, field by field."""
    return {name: tupled(value) for name, value in state.items()}


@dataclass(frozen=True)
class Live:
    """A laboratory that the page computes itself.

    laboratory: its class, by whose name chapters show it; controls, limits, labels and the first state are
    taken from an instance.
    module: its `live.js`.
    texts: key -> sentence with gaps, marked by `N_`: the same as the Python painter's. Exported translated;
    or a function that returns several, such as what `ngettext` says of 1 and of 2.
    styles: key -> look, in matplotlib's names.
    data: () -> what the module cannot compute itself, such as weights, as a plain JSON object.
    reference: (state, result) -> {key: numbers}: what `compute` in the module must return under these keys,
    where `result` is what the Python laboratory computes.
    demo: arguments of the Python laboratory that make it the one in the page, where that is not the default;
    or a function that returns them.
    encode, decode: the state as a plain JSON object, and this as the state's fields; by default field by
    field, tuples as lists.
    note: a sentence about what only a kernel can do, marked by `N_`.
    """

    laboratory: type[Laboratory]
    module: Path
    texts: Mapping[str, str | Callable[[], list[str]]] = field(default_factory=dict)
    styles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: Callable[[], Mapping[str, Any]] = dict
    reference: Callable[[Any, Any], Mapping[str, Any]] = lambda state, result: {}
    demo: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)
    encode: Callable[[Any], dict[str, Any]] = plain
    decode: Callable[[dict[str, Any]], Mapping[str, Any]] = tupled_all
    note: str = ""

    def begin(self, **arguments: Any) -> Any:
        """The Python laboratory that the page's equals. Raises as the laboratory itself."""
        demo = self.demo() if callable(self.demo) else self.demo
        made: Any = self.laboratory
        return made(**{**demo, **arguments})


class _ByFolder(Mapping[str, Live]):
    """Name -> `Live`, imported when it is asked for."""

    def __getitem__(self, name: str) -> Live:
        if name not in list(self):
            raise KeyError(name)
        return importlib.import_module(f"metalib.lab.{name}.live").LIVE

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.parent.name for path in ROOMS.glob("*/live.py")))

    def __len__(self) -> int:
        return len(list(iter(self)))


LIVE: Mapping[str, Live] = _ByFolder()
"""Name -> the live laboratory in `metalib/lab/<name>/live.py`."""
