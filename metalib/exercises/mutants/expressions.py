"""What one expression may have become. Each operator gets a copy of its own and gives replacements for it."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

from metalib.exercises.mutants.syntax import (
    RATES,
    Mutant,
    Replacement,
    call,
    counts,
    is_root,
    method_of,
    names_in,
    number_of,
    one_minus,
    renamed,
    replaced,
    under,
)

REDUCTIONS = {
    "sum", "mean", "std", "var", "softmax", "log_softmax", "logsumexp", "argmin", "argmax", "min", "max",
    "cat", "stack", "norm", "prod", "cumsum", "flip", "unsqueeze",
}  # fmt: skip
OPPOSITE_CALLS = {"argmin": "argmax", "argmax": "argmin", "min": "max", "max": "min",
                  "amin": "amax", "amax": "amin"}  # fmt: skip
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


def means(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if (
        isinstance(node, ast.Call)
        and method_of(node) in ("mean", "sum")
        and isinstance(node.func, ast.Attribute)
    ):
        other = {"mean": "sum", "sum": "mean"}[method_of(node)]
        yield f"{other}-for-{method_of(node)}", renamed(node, other), {}
    if method_of(node) in ("cross_entropy", "mse_loss", "nll_loss") and isinstance(node, ast.Call):
        summed = copy.deepcopy(node)
        summed.keywords.append(ast.keyword("reduction", ast.Constant("sum")))
        yield "sum-for-mean", summed, {}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and counts(node.right):
        slip = "root-missing" if is_root(node.right) else "sum-for-mean"
        yield slip, node.left, {}


def roots(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if is_root(node):
        yield ("n-for-root-n" if counts(node) else "no-root"), under(node), {}
    if method_of(node) == "sum" and any(_is_square(part) for part in ast.walk(node)):
        yield "root-too-many", ast.BinOp(node, ast.Pow(), ast.Constant(0.5)), {}


def _is_square(node: ast.AST) -> bool:
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and number_of(node.right) == 2
    return power or method_of(node) == "square"


def squares(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if _is_square(node):
        yield "no-square", under(node), {}
        yield "absolute", call(under(node), "abs"), {}


def spreads(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and method_of(node) == "std":
        names = {keyword.arg for keyword in node.keywords}
        plain = copy.deepcopy(node)
        plain.keywords = [k for k in plain.keywords if k.arg not in ("correction", "unbiased")]
        if not names & {"correction", "unbiased"}:
            biased = copy.deepcopy(plain)
            biased.keywords.append(ast.keyword("correction", ast.Constant(0)))
            yield "biased", biased, {}
        else:
            yield "unbiased", plain, {}
        yield "variance", renamed(node, "var"), {}


def intervals(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if number_of(node) == 1.96:
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
        if method_of(node) == "detach":
            yield "no-detach", under(node), {}


def logarithms(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if not isinstance(node, ast.Call):
        return
    name = method_of(node)
    if name == "softmax":
        yield "log-for-probability", renamed(node, "log_softmax"), {}
    if name == "log_softmax":
        yield "probability-for-log", renamed(node, "softmax"), {}
    if name in ("log", "exp"):
        yield ("no-log" if name == "log" else "no-exp"), under(node), {}
        yield "log-exp", renamed(node, {"log": "exp", "exp": "log"}[name]), {}
    if name == "logsumexp":
        yield "sum-for-logsumexp", renamed(node, "sum"), {}


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
    if method_of(node) in REDUCTIONS and node.args and isinstance(number_of(node.args[-1]), int):
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
        step = isinstance(node.right, ast.BinOp) and names_in(node.right) & RATES
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
        number = number_of(factor)
        if number is not None:
            yield ("no-factor" if times else "no-divisor"), rest, {"factor": f"{number:g}"}
        if isinstance(factor, ast.Name) and factor.id in parameters:
            name = {"name": factor.id}
            yield "without", rest, name
            yield "twice", ast.BinOp(node, node.op, factor), name
            other = ast.Div() if times else ast.Mult()
            yield ("divided" if times else "multiplied"), ast.BinOp(rest, other, factor), name
            yield "one-minus", ast.BinOp(rest, node.op, one_minus(factor)), name


def terms(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        for kept, dropped in ((node.left, node.right), (node.right, node.left)):
            if kept is node.right and isinstance(node.op, ast.Sub):
                kept = ast.UnaryOp(ast.USub(), kept)
            if isinstance(dropped, ast.Name) and dropped.id in parameters:
                yield "without-term", kept, {"name": dropped.id}
            elif number_of(dropped) == 1:
                yield "one-missing", kept, {}
            else:
                yield "term", kept, {}


def extremes(node: ast.expr, parameters: list[str]) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and method_of(node) in OPPOSITE_CALLS:
        other = OPPOSITE_CALLS[method_of(node)]
        slip = "largest-for-smallest" if "max" in other else "smallest-for-largest"
        yield slip, renamed(node, other), {}


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
    if isinstance(node, ast.Call) and method_of(node) == "range" and len(node.args) == 1:
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
        number = number_of(node.right)
        if isinstance(number, int):
            for change in (1, -1):
                yield "off-by-one", ast.BinOp(node.left, node.op, ast.Constant(number + change)), {}
    if isinstance(node, ast.Slice):
        yield from _slices(node)
    if isinstance(node, ast.Call) and method_of(node) in ("ceil", "floor"):
        yield "rounded", renamed(node, {"ceil": "floor", "floor": "ceil"}[method_of(node)]), {}
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
    if isinstance(node, ast.Call) and method_of(node) in ("reversed", "sorted") and node.args:
        yield ("order" if method_of(node) == "reversed" else "not-sorted"), node.args[0], {}
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        yield "pair-exchanged", ast.Tuple(node.elts[::-1], ast.Load()), {}


Operator = Callable[[ast.expr, list[str]], Iterator[Any]]
OPERATORS: tuple[Operator, ...] = (
    means, roots, spreads, intervals, graphs, signs, factors, squares, axes, logarithms, counting, matrices,
    extremes, comparisons, terms, orders,
)  # fmt: skip


def operated(tree: ast.Module, parameters: list[str]) -> Iterator[Mutant]:
    for operator in OPERATORS:
        for node in ast.walk(tree):
            if isinstance(node, ast.expr):
                for slip, replacement, values in operator(copy.deepcopy(node), parameters):
                    yield Mutant(slip, replaced(tree, node, replacement), values)
