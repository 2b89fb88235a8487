"""Turn an answer's text into the thing it defines, and run a probe on it without letting anything escape."""

import ast
import functools
import inspect
import linecache
import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np
import torch

from metalib.exercises.draws import Draw

SEEDS = (0, 1, 2)  # of the inputs on which an answer is compared with the solution


@dataclass(frozen=True)
class Call:
    """One call of an answer by a probe: what it was given, and what it gave (None while it has not)."""

    args: tuple
    kwargs: dict[str, Any]
    result: Any = None
    ended: bool = False


@dataclass(frozen=True)
class Returned:
    """A probe that ran to its end; `calls` is how it called the answer."""

    value: Any
    calls: tuple["Call", ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Raised:
    """A probe that stopped with an exception; `line` and `text` say where in the answer's own code."""

    error: Exception
    line: int | None = None
    text: str = ""
    calls: tuple["Call", ...] = field(default=(), compare=False, repr=False)

    @property
    def reason(self) -> str:
        """The exception in one line, e.g. "NameError: name 'mse' is not defined"."""
        said = str(self.error).strip().split("\n")[0]
        name = type(self.error).__name__
        return f"{name}: {said[:300]}" if said else name

    @property
    def met_ellipsis(self) -> bool:
        """Whether it stopped because a `...` of the stub is still in the answer."""
        return bool(re.search(r"\bellipsis\b", str(self.error), re.IGNORECASE))


Results = tuple[Returned | Raised, ...]  # of a probe, one a seed


@dataclass(frozen=True)
class Observed:
    """What an answer is and does.

    kind        what it is, in words: "a function"
    callable    whether it can be called
    untouched   whether it is still the stub
    prints      whether its code prints
    results     the probe's on it, one a seed; none where it could not be tried
    """

    kind: str
    callable: bool
    untouched: bool
    prints: bool
    results: Results


def build(source: str | ast.Module, name: str, context: dict[str, Any], title: str) -> Any:
    """Run a program in its own namespace, with `context`'s names in it, and return what it calls `name`."""
    filename = f"<{title}>"
    if isinstance(source, str):  # each text has its own lines to point at
        filename = f"<{title} {zlib.crc32(source.encode()):08x}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = dict(context)
    exec(compile(source, filename, "exec"), namespace)
    return namespace[name]


def run(probe: Callable[..., Any], answer: Any, seed: int = 0) -> Returned | Raised:
    """`probe(answer)`, or the exception it raised. All global random states are left as they were.

    A probe with a second parameter gets a `Draw` with this seed. Probes draw float32 numbers, whatever the
    learner has made the default: others would be other inputs.
    """
    calls: list[Call] = []
    given = _recorded(answer, calls) if callable(answer) and not isinstance(answer, type) else answer
    arguments = (given, Draw(seed)) if draws(probe) else (given,)
    theirs = torch.get_default_dtype()
    with _random_states_kept(), torch.enable_grad():
        torch.manual_seed(seed)
        torch.set_default_dtype(torch.float32)
        try:
            value = probe(*arguments)
            return Returned(value, tuple(calls))
        except Exception as error:  # whatever a learner's code may raise
            return Raised(error, *_where(error, answer), tuple(calls))
        finally:
            torch.set_default_dtype(theirs)


def draws(probe: Callable[..., Any]) -> bool:
    """Whether a probe takes its inputs from a `Draw`, its second parameter."""
    return len(inspect.signature(probe).parameters) > 1


@contextmanager
def _random_states_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _recorded(answer: Callable, calls: list[Call]) -> Callable:
    @functools.wraps(answer)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        place = len(calls)
        calls.append(Call(args, kwargs))
        result = answer(*args, **kwargs)
        calls[place] = Call(args, kwargs, result, True)
        return result

    return recorded


def contains(value: Any, sought: Any) -> bool:
    """Whether `sought` (`...` or None) is, or is in, what an answer returned."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return any(contains(item, sought) for item in value)
    return value is sought


def same_code(a: Any, b: Any) -> bool:
    """Whether two functions were compiled from the same code (comments and blank lines aside)."""
    one, other = (getattr(function, "__code__", None) for function in (a, b))
    return None not in (one, other) and _essence(one) == _essence(other)


def _essence(code: Any) -> tuple:
    constants = tuple(_essence(c) if isinstance(c, CodeType) else (type(c), c) for c in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, constants


def _where(error: Exception, answer: Any) -> tuple[int | None, str]:
    """The line of the answer's own code that was running: its number in the cell, and its text."""
    code = getattr(inspect.unwrap(answer) if callable(answer) else answer, "__code__", None)
    line, text, step = None, "", error.__traceback__
    while step is not None and code is not None:
        if step.tb_frame.f_code.co_filename == code.co_filename:
            line = step.tb_lineno
            text = linecache.getline(code.co_filename, line).strip()
        step = step.tb_next
    return line, text
