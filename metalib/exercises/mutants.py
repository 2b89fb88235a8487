"""Common slips, made on purpose: each takes a right answer's code and gives what it becomes with the slip.

`mutants(source)` goes through the program's parts. An operator looks at one expression and gives what a
learner may have written in its place; an arrangement changes several places at once (two arguments exchanged,
a line that stands inside a loop). What a slip is called stands in `slips.SLIPS`.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

REDUCTIONS = {
    "sum", "mean", "std", "var", "softmax", "log_softmax", "logsumexp", "argmin", "argmax", "min", "max",
    "cat", "stack", "norm", "prod", "cumsum", "flip", "unsqueeze",
}  # fmt: skip
OPPOSITE_CALLS = {"argmin": "argmax", "argmax": "argmin", "min": "max", "max": "min",
                  "amin": "amax", "amax": "amin"}  # fmt: skip
RATES = {"alpha", "beta", "lr", "rate", "eta", "epsilon", "step_size"}
STRICT: dict[type[ast.cmpop], tuple[type[ast.cmpop], str, str]] = {
    ast.LtE: (ast.Lt, "<", "≤"),
    ast.Lt: (ast.LtE, "≤", "<"),
    ast.GtE: (ast.Gt, ">", "≥"),
    ast.Gt: (ast.GtE, "≥", ">"),
}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.LtE: ast.GtE, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.Gt: ast.Lt, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A program with one slip in it; `values` fill the gaps of the slip's sentence."""

    slip: str
    tree: ast.Module = field(compare=False)
    values: dict[str, Any] = field(default_factory=dict, compare=False)


Replacement = tuple[str, ast.expr | None, dict[str, Any]]  # slip, what stands there (None: an edit in place)


def mutants(source: str) -> Iterator[Mutant]:
    """Every program that is one slip away from `source`, each once, the commonest slips first.

    A program with a `while` has none: changed, it might never end.
    """
    tree = ast.parse(source)
    if any(isinstance(node, ast.While) for node in ast.walk(tree)):
        return
    for number, node in enumerate(ast.walk(tree)):
        node.number = number  # type: ignore[attr-defined]  # survives copying, which identity does not
    function = next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)
    parameters = [argument.arg for argument in function.args.args] if function else []
    seen = {ast.dump(tree)}
    for make in (_operated, _arranged):
        for mutant in make(tree, parameters):
            program = ast.dump(mutant.tree)
            if program not in seen:
                seen.add(program)
                yield mutant


def _operated(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    for operator in OPERATORS:
        for node in ast.walk(tree):
            if isinstance(node, ast.expr):
                for slip, replacement, values in operator(copy.deepcopy(node), parameters):
                    yield Mutant(slip, _replaced(tree, node, replacement), values)


def _replaced(tree: ast.Module, node: ast.AST, replacement: ast.AST) -> ast.Module:
    class Replace(ast.NodeTransformer):
        def visit(self, other: ast.AST) -> Any:
            if getattr(other, "number", None) == node.number:  # type: ignore[attr-defined]
                return copy.deepcopy(replacement)
            return self.generic_visit(other)

    return ast.fix_missing_locations(Replace().visit(copy.deepcopy(tree)))


# What an expression may have become. Each operator gets a copy of its own.


def _method(node: ast.AST) -> str:
    """The name in `x.name(…)` or `name(…)`."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", ""))
    return ""


def _renamed(node: ast.Call, name: str) -> ast.Call:
    changed = copy.deepcopy(node)
    if isinstance(changed.func, ast.Attribute):
        changed.func.attr = name
    elif isinstance(changed.func, ast.Name):
        changed.func.id = name
    return changed


def _call(node: ast.expr, method: str, **keywords: Any) -> ast.Call:
    """`node.method(…)`."""
    given = [ast.keyword(name, ast.Constant(value)) for name, value in keywords.items()]
    return ast.Call(ast.Attribute(node, method, ast.Load()), [], given)


def _number(node: ast.AST) -> float | int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return None if isinstance(node.value, bool) else node.value
    return None


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _counts(node: ast.AST) -> bool:
    """Whether an expression says how many there are."""
    return any(
        _method(part) in ("len", "size", "numel") or getattr(part, "attr", "") == "shape"
        for part in ast.walk(node)
    )


def _is_root(node: ast.AST) -> bool:
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _number(node.right) == 0.5
    return power or _method(node) == "sqrt"


def _under(node: ast.expr) -> ast.expr:
    """What a root or another call is taken of."""
    if isinstance(node, ast.BinOp):
        return node.left
    assert isinstance(node, ast.Call)
    method = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
    return node.func.value if method else node.args[0]  # type: ignore[attr-defined]


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "math", "np", "numpy")


def means(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if (
        isinstance(node, ast.Call)
        and _method(node) in ("mean", "sum")
        and isinstance(node.func, ast.Attribute)
    ):
        other = {"mean": "sum", "sum": "mean"}[_method(node)]
        yield f"{other}-for-{_method(node)}", _renamed(node, other), {}
    if _method(node) in ("cross_entropy", "mse_loss", "nll_loss") and isinstance(node, ast.Call):
        summed = copy.deepcopy(node)
        summed.keywords.append(ast.keyword("reduction", ast.Constant("sum")))
        yield "sum-for-mean", summed, {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _counts(node.right):
        slip = "root-missing" if _is_root(node.right) else "sum-for-mean"
        yield slip, node.left, {}


def roots(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if _is_root(node):
        yield ("n-for-root-n" if _counts(node) else "no-root"), _under(node), {}
    if _method(node) == "sum" and any(_is_square(part) for part in ast.walk(node)):
        yield "root-too-many", ast.BinOp(node, ast.Pow(), ast.Constant(0.5)), {}


def _is_square(node: ast.AST) -> bool:
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _number(node.right) == 2
    return power or _method(node) == "square"


def squares(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if _is_square(node):
        yield "no-square", _under(node), {}
        yield "absolute", _call(_under(node), "abs"), {}


def spreads(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _method(node) == "std":
        names = {keyword.arg for keyword in node.keywords}
        plain = copy.deepcopy(node)
        plain.keywords = [k for k in plain.keywords if k.arg not in ("correction", "unbiased")]
        if not names & {"correction", "unbiased"}:
            biased = copy.deepcopy(plain)
            biased.keywords.append(ast.keyword("correction", ast.Constant(0)))
            yield "biased", biased, {}
        else:
            yield "unbiased", plain, {}
        yield "variance", _renamed(node, "var"), {}


def intervals(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if _number(node) == 1.96:
        yield "two-for-1.96", ast.Constant(2.0), {}
        yield "no-1.96", ast.Constant(1.0), {}
        yield "whole-width", ast.Constant(3.92), {}
        yield "half-of-half", ast.Constant(0.98), {}
        yield "90-percent", ast.Constant(1.645), {}


def graphs(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call):
        if any(keyword.arg == "create_graph" for keyword in node.keywords):
            cut = copy.deepcopy(node)
            cut.keywords = [k for k in cut.keywords if k.arg != "create_graph"]
            cut.keywords.append(ast.keyword("retain_graph", ast.Constant(True)))
            yield "graph-cut", cut, {}
        if _method(node) == "detach":
            yield "no-detach", _under(node), {}


def logarithms(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if not isinstance(node, ast.Call):
        return
    name = _method(node)
    if name == "softmax":
        yield "log-for-probability", _renamed(node, "log_softmax"), {}
    if name == "log_softmax":
        yield "probability-for-log", _renamed(node, "softmax"), {}
    if name in ("log", "exp"):
        yield ("no-log" if name == "log" else "no-exp"), _under(node), {}
        yield "log-exp", _renamed(node, {"log": "exp", "exp": "log"}[name]), {}
    if name == "logsumexp":
        yield "sum-for-logsumexp", _renamed(node, "sum"), {}


def axes(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if not isinstance(node, ast.Call):
        return
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in ("dim", "axis"):
            for dim in (0, 1, -1):
                changed = copy.deepcopy(node)
                changed.keywords[place].value = ast.Constant(dim)
                yield "axis", changed, {}
            dropped = copy.deepcopy(node)
            del dropped.keywords[place]
            yield "no-axis", dropped, {}
    if _method(node) in REDUCTIONS and node.args and isinstance(_number(node.args[-1]), int):
        for dim in (0, 1, -1):
            changed = copy.deepcopy(node)
            changed.args[-1] = ast.Constant(dim)
            yield "axis", changed, {}


def matrices(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "transposed", node.value, {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield "transposed", ast.BinOp(ast.Attribute(node.left, "T", ast.Load()), node.op, node.right), {}
        yield "transposed", ast.BinOp(node.right, node.op, node.left), {}


def signs(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        step = isinstance(node.right, ast.BinOp) and _names(node.right) & RATES
        values: dict[str, Any] = {}
        yield ("uphill" if step else "plus-for-minus"), ast.BinOp(node.left, ast.Add(), node.right), values
        yield "exchanged-in-difference", ast.BinOp(node.right, ast.Sub(), node.left), {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield "minus-for-plus", ast.BinOp(node.left, ast.Sub(), node.right), {}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", node.operand, {}


def factors(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)):
        return
    times = isinstance(node.op, ast.Mult)
    sides = [(node.right, node.left)] + ([(node.left, node.right)] if times else [])
    for factor, rest in sides:
        number = _number(factor)
        if number is not None:
            yield ("no-factor" if times else "no-divisor"), rest, {"factor": f"{number:g}"}
        if isinstance(factor, ast.Name) and factor.id in parameters:
            name = {"name": factor.id}
            yield "without", rest, name
            yield "twice", ast.BinOp(node, node.op, factor), name
            other = ast.Div() if times else ast.Mult()
            yield ("divided" if times else "multiplied"), ast.BinOp(rest, other, factor), name
            yield "one-minus", ast.BinOp(rest, node.op, _one_minus(factor)), name


def _one_minus(node: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(1), ast.Sub(), node)


def terms(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        for kept, dropped in ((node.left, node.right), (node.right, node.left)):
            if kept is node.right and isinstance(node.op, ast.Sub):
                kept = ast.UnaryOp(ast.USub(), kept)
            if isinstance(dropped, ast.Name) and dropped.id in parameters:
                yield "without-term", kept, {"name": dropped.id}
            elif _number(dropped) == 1:
                yield "one-missing", kept, {}
            else:
                yield "term", kept, {}


def extremes(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _method(node) in OPPOSITE_CALLS:
        other = OPPOSITE_CALLS[_method(node)]
        slip = "largest-for-smallest" if "max" in other else "smallest-for-largest"
        yield slip, _renamed(node, other), {}


def comparisons(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kind = type(node.ops[0])
        if kind in STRICT:
            other, used, right = STRICT[kind]
            changed = copy.deepcopy(node)
            changed.ops = [other()]
            yield "strict", changed, {"used": used, "right": right}
        if kind in TURNED:
            changed = copy.deepcopy(node)
            changed.ops = [TURNED[kind]()]
            yield "condition-turned", changed, {}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "condition-turned", node.operand, {}
    if isinstance(node, ast.BoolOp):
        is_and = isinstance(node.op, ast.And)
        yield (
            ("or-for-and" if is_and else "and-for-or"),
            ast.BoolOp(ast.Or() if is_and else ast.And(), node.values),
            {},
        )
        for value in node.values:
            yield "condition-missing", value, {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        is_and = isinstance(node.op, ast.BitAnd)
        yield (
            ("or-for-and" if is_and else "and-for-or"),
            ast.BinOp(node.left, ast.BitOr() if is_and else ast.BitAnd(), node.right),
            {},
        )


def counting(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _method(node) == "range" and len(node.args) == 1:
        (end,) = node.args
        if not isinstance(end, ast.Constant):
            name = {"name": end.id} if isinstance(end, ast.Name) and end.id in parameters else None
            yield "round-missing", _range(ast.BinOp(end, ast.Sub(), ast.Constant(1))), {}
            yield "round-too-many", _range(ast.BinOp(end, ast.Add(), ast.Constant(1))), {}
            yield ("ignored" if name else "one-round"), _range(ast.Constant(1)), name or {}
            yield "no-round", _range(ast.Constant(0)), {}
            yield (
                "counts-from-one",
                ast.Call(node.func, [ast.Constant(1), ast.BinOp(end, ast.Add(), ast.Constant(1))], []),
                {},
            )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Pow):
        number = _number(node.right)
        if isinstance(number, int):
            for change in (1, -1):
                yield "off-by-one", ast.BinOp(node.left, node.op, ast.Constant(number + change)), {}
    if isinstance(node, ast.Slice):
        yield from _slices(node)
    if isinstance(node, ast.Call) and _method(node) in ("ceil", "floor"):
        yield "rounded", _renamed(node, {"ceil": "floor", "floor": "ceil"}[_method(node)]), {}
        yield "rounded", ast.Call(ast.Name("round", ast.Load()), node.args, []), {}


def _range(end: ast.expr) -> ast.Call:
    return ast.Call(ast.Name("range", ast.Load()), [end], [])


def _slices(node: ast.Slice) -> Iterator[Replacement]:
    minus_one = ast.UnaryOp(ast.USub(), ast.Constant(1))
    last_off = node.lower is None and node.upper is not None and ast.dump(node.upper) == ast.dump(minus_one)
    if last_off:
        yield "shifted-by-one", ast.Slice(ast.Constant(1), None), {}
        yield "item-too-many", ast.Slice(), {}
    elif node.lower is not None and node.upper is None:
        yield "item-too-many", ast.Slice(), {}
    for part in ("lower", "upper"):
        end = getattr(node, part)
        if end is not None and not last_off:
            for op in (ast.Add(), ast.Sub()):
                changed = copy.deepcopy(node)
                setattr(changed, part, ast.BinOp(end, op, ast.Constant(1)))
                yield "slice-off-by-one", changed, {}


def orders(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and _method(node) in ("reversed", "sorted") and node.args:
        yield ("order" if _method(node) == "reversed" else "not-sorted"), node.args[0], {}
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        yield "pair-exchanged", ast.Tuple(node.elts[::-1], ast.Load()), {}


Operator = Callable[[ast.expr, list[str]], Iterator[Any]]
OPERATORS: tuple[Operator, ...] = (
    means, roots, spreads, intervals, graphs, signs, factors, squares, axes, logarithms, counting, matrices,
    extremes, comparisons, terms, orders,
)  # fmt: skip


# Several places at once


def _arranged(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    for arrangement in (sets, exchanged, ignored, loops, detached, points, items):
        yield from arrangement(tree, parameters)


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
            return _one_minus(node) if meant else node

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
        if isinstance(node, ast.Call) and _method(node) not in ("append", "zip")
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
        if target is not None and "grad" in _method(node.value):  # type: ignore[attr-defined]
            for name in _names(target):

                class Detach(ast.NodeTransformer):
                    def visit_Name(self, node: ast.Name, name: str = name) -> ast.AST:
                        meant = node.id == name and isinstance(node.ctx, ast.Load)
                        return _call(node, "detach") if meant else node

                yield Mutant("graph-cut", _with(tree, Detach()))


def points(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    """`theta` where what has been made of it belongs, and the other way round."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        made, value = node.targets[0].id, node.value
        sources = (
            [name for name in parameters if name in _names(value)] if isinstance(value, ast.BinOp) else []
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
                yield Mutant(slip, _replaced(tree, node.iter, rest))
