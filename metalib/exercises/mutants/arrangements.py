"""Slips in several places at once: arguments exchanged, a line that stands inside a loop."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

from metalib.exercises.mutants.syntax import (
    RATES,
    Mutant,
    call,
    method_of,
    names_in,
    one_minus,
    replaced,
)


class _Rename(ast.NodeTransformer):
    """Other names (and attributes) where `wanted` allows."""

    def __init__(self, names: dict[str, str], only: int | None = None) -> None:
        self.names, self.only = names, only

    def _is_meant(self, node: ast.AST) -> bool:
        return self.only is None or getattr(node, "number", None) == self.only

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self.names and self._is_meant(node):
            return ast.Name(self.names[node.id], ast.Load())
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr in self.names and self._is_meant(node):
            node.attr = self.names[node.attr]
        return node


def _with(tree: ast.Module, change: ast.NodeTransformer) -> ast.Module:
    return ast.fix_missing_locations(change.visit(copy.deepcopy(tree)))


def exchanged(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """Two arguments exchanged, or one where another belongs."""
    loaded = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in parameters]
    used = {node.id for node in loaded if isinstance(node.ctx, ast.Load)}
    for first in parameters:
        for second in parameters:
            if first < second and {first, second} <= used:
                values = {"first": first, "second": second}
                yield Mutant("exchanged", _with(tree, _Rename({first: second, second: first})), values)
    for node in loaded:
        for other in parameters:
            if other != node.id and isinstance(node.ctx, ast.Load):
                change = _Rename({node.id: other}, node.number)  # type: ignore[attr-defined]
                yield Mutant("other-argument", _with(tree, change), {"used": other, "right": node.id})


def sets(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """Support for query: `batch.support_x`, `support_loss(…)`."""
    places = [
        (node, name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        if "support" in (name := getattr(node, "id", getattr(node, "attr", ""))) or "query" in name
        if isinstance(node.ctx, ast.Load)
    ]
    known = {name for _node, name in places} | set(parameters)
    other = {name: _other_set(name) for _node, name in places}
    other = {name: swapped for name, swapped in other.items() if swapped in known or "_" in name}
    if not other:
        return
    yield Mutant("sets-exchanged", _with(tree, _Rename({**other, **{b: a for a, b in other.items()}})))
    for to_query in (True, False):
        which = {a: b for a, b in other.items() if ("support" in a) == to_query}
        slip = "query-for-support" if to_query else "support-for-query"
        if which:
            yield Mutant(slip, _with(tree, _Rename(which)))
        for node, name in places:
            if name in which:
                yield Mutant(slip, _with(tree, _Rename({name: which[name]}, node.number)))  # type: ignore


def _other_set(name: str) -> str:
    if "support" in name:
        return name.replace("support", "query")
    return name.replace("query", "support")


def ignored(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """An argument that is left out everywhere: as if it were 1, or 0."""

    class Constant(ast.NodeTransformer):
        def __init__(self, name: str) -> None:
            self.name = name

        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.Constant(1) if node.id == self.name and isinstance(node.ctx, ast.Load) else node

    class OneMinus(Constant):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            meant = node.id == self.name and isinstance(node.ctx, ast.Load)
            return one_minus(node) if meant else node

    class Negative(Constant):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            meant = node.id == self.name and isinstance(node.ctx, ast.Load)
            return ast.UnaryOp(ast.USub(), node) if meant else node

    for name in parameters:
        if name in RATES:
            yield Mutant("uphill", _with(tree, Negative(name)))
        yield Mutant("without", _with(tree, Constant(name)), {"name": name})
        yield Mutant("one-minus", _with(tree, OneMinus(name)), {"name": name})


def loops(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """What stands in a loop and should not, or the other way round; a step that always starts anew."""
    for loop in [node for node in ast.walk(tree) if isinstance(node, ast.For)]:
        body = _body_with(tree, loop)
        place = body.index(loop)
        for after in range(place + 1, len(body)):
            slip = "return-in-loop" if isinstance(body[after], ast.Return) else "line-in-loop"
            if isinstance(body[after], ast.Return | ast.Expr):
                made, there, inside = _copied(tree, loop)
                inside.append(there.pop(after))
                yield Mutant(slip, ast.fix_missing_locations(made))
        if len(loop.body) > 1:
            made, there, inside = _copied(tree, loop)
            there.insert(place + 1, inside.pop())
            yield Mutant("line-after-loop", ast.fix_missing_locations(made))
        for before in range(place):
            line = body[before]
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                yield from _not_moving(tree, loop, line.targets[0].id, line.value)
                made, there, inside = _copied(tree, loop)
                inside.insert(0, there[before])
                yield Mutant("starts-anew", ast.fix_missing_locations(made))


def _not_moving(tree: ast.Module, loop: ast.For, moving: str, start: ast.expr) -> Iterator[Mutant]:
    """`fast = theta` (or `path = [theta]`) before a loop: `theta` where `fast` (`path[-1]`) belongs, in calls
    or in sums."""
    listed = isinstance(start, ast.List) and len(start.elts) == 1
    first = start.elts[0] if isinstance(start, ast.List) and listed else start
    if not isinstance(first, ast.Name):
        return
    name = first.id

    def is_moving(node: ast.AST) -> bool:
        if listed:
            last = isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "-1"
            return last and isinstance(node.value, ast.Name) and node.value.id == moving  # type: ignore
        return isinstance(node, ast.Name) and node.id == moving and isinstance(node.ctx, ast.Load)

    class Back(ast.NodeTransformer):
        def __init__(self, numbers: set[int]) -> None:
            self.numbers = numbers

        def visit(self, node: ast.AST) -> Any:
            if getattr(node, "number", None) in self.numbers:
                return ast.Name(name, ast.Load())
            return self.generic_visit(node)

    numbers = {node.number for node in ast.walk(loop) if is_moving(node)}  # type: ignore[attr-defined]
    calls = [
        node
        for node in ast.walk(loop)
        if isinstance(node, ast.Call) and method_of(node) not in ("append", "zip")
    ]
    arguments = [part for node in calls for part in (*node.args, *(key.value for key in node.keywords))]
    called = {
        part.number  # type: ignore[attr-defined]
        for argument in arguments
        for part in ast.walk(argument)
        if is_moving(part)
    }
    values = {"name": name}
    yield Mutant("always-at-start", _with(tree, Back(numbers & called)), values)
    yield Mutant("always-from-start", _with(tree, Back(numbers - called)), values)
    yield Mutant("always-from-start", _with(tree, Back(numbers)), values)


def _body_with(tree: ast.AST, statement: ast.stmt) -> list[ast.stmt]:
    """The list of statements that one stands in."""
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and any(item is statement for item in body):
                return body
    raise LookupError("no such statement")


def _copied(tree: ast.Module, loop: ast.For) -> tuple[ast.Module, list[ast.stmt], list[ast.stmt]]:
    """A copy of a program, the statements around the loop in it, and those inside it."""
    made = copy.deepcopy(tree)
    for node in ast.walk(made):
        if isinstance(node, ast.For) and node.number == loop.number:  # type: ignore[attr-defined]
            return made, _body_with(made, node), node.body
    raise LookupError("no such loop")


def detached(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """A gradient that counts as a constant."""
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if target is not None and "grad" in method_of(node.value):  # type: ignore[attr-defined]
            for name in names_in(target):

                class Detach(ast.NodeTransformer):
                    def visit_Name(self, node: ast.Name, name: str = name) -> ast.AST:
                        meant = node.id == name and isinstance(node.ctx, ast.Load)
                        return call(node, "detach") if meant else node

                yield Mutant("graph-cut", _with(tree, Detach()))


def points(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """`theta` where what has been made of it belongs, and the other way round."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        made, value = node.targets[0].id, node.value
        sources = (
            [name for name in parameters if name in names_in(value)] if isinstance(value, ast.BinOp) else []
        )
        for source in sources:
            for place in ast.walk(tree):
                if isinstance(place, ast.Name) and isinstance(place.ctx, ast.Load):
                    number = place.number  # type: ignore[attr-defined]
                    if place.id == made:
                        yield Mutant("before-the-step", _with(tree, _Rename({made: source}, number)),
                                     {"name": source})  # fmt: skip
                    elif place.id == source and place.lineno > node.lineno:
                        yield Mutant("after-the-step", _with(tree, _Rename({source: made}, number)),
                                     {"name": source})  # fmt: skip


def items(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """The first or the last item of what a loop goes through left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name):
            for slip, cut in (
                ("first-missing", ast.Slice(ast.Constant(1), None)),
                ("last-missing", ast.Slice(None, ast.Constant(-1))),
            ):
                rest = ast.Subscript(ast.Name(node.iter.id, ast.Load()), cut, ast.Load())
                yield Mutant(slip, replaced(tree, node.iter, rest))


def arranged(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    for arrangement in (sets, exchanged, ignored, loops, detached, points, items):
        yield from arrangement(tree, parameters)
