"""Turn an answer's text into the thing it defines, and run a probe on it without letting anything escape."""

import inspect
import linecache
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch


@dataclass(frozen=True)
class Returned:
    """A probe that ran to its end."""

    value: Any


@dataclass(frozen=True)
class Raised:
    """A probe that stopped with an exception; `line` and `text` say where in the answer's own code."""

    error: Exception
    line: int | None = None
    text: str = ""

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


def build(source: str, name: str, context: dict[str, Any], title: str) -> Any:
    """Run `source` in its own namespace, with `context`'s names in it, and return what it calls `name`."""
    filename = f"<{title} {zlib.crc32(source.encode()):08x}>"  # each text has its own lines to point at
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = dict(context)
    exec(compile(source, filename, "exec"), namespace)
    return namespace[name]


def run(probe: Callable[[Any], Any], answer: Any) -> Returned | Raised:
    """`probe(answer)`, or the exception it raised. The global random state is left as it was.

    Probes draw float32 numbers, whatever the learner has made the default: others would be other inputs.
    """
    theirs = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float32)
        try:
            return Returned(probe(answer))
        except Exception as error:  # whatever a learner's code may raise
            return Raised(error, *_where(error, answer))
        finally:
            torch.set_default_dtype(theirs)


def contains(value: Any, sought: Any) -> bool:
    """Whether `sought` (`...` or None) is, or is in, what an answer returned."""
    if isinstance(value, dict):
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
