"""Laboratories in notebooks: which cells show one, and with which arguments."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

MAGIC = re.compile(r"^( *)[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A laboratory as a cell shows it: the name of its class, and what the cell says in plain values."""

    name: str  # "SineLaboratory"
    arguments: dict[str, Any] = field(default_factory=dict)  # keyword arguments that are literals


def plain(source: str) -> str:
    """A cell's code without what only IPython reads."""
    return MAGIC.sub(r"\1pass", source)


def shown_in(source: str) -> Shown | None:
    """The laboratory that a code cell shows: its last expression is a call of `…Laboratory(…)`, or a name
    that the cell has given to one."""
    body = ast.parse(plain(source)).body
    if not body or not isinstance(body[-1], ast.Expr):
        return None
    last = body[-1].value
    if isinstance(last, ast.Name):
        given = (step for step in body if isinstance(step, ast.Assign))
        named = (step.value for step in given if any(_is(to, last.id) for to in step.targets))
        last = next(named, last)
    if not isinstance(last, ast.Call):
        return None
    name = last.func.attr if isinstance(last.func, ast.Attribute) else getattr(last.func, "id", "")
    if not name.endswith("Laboratory"):
        return None
    return Shown(name, {word.arg: value for word in last.keywords for value in _literal(word) if word.arg})


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _literal(word: ast.keyword) -> list[Any]:
    """The value of a keyword argument, as a list of one; none where it has to be computed."""
    try:
        return [ast.literal_eval(word.value)]
    except ValueError:
        return []
