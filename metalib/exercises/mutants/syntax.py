"""Reading and rewriting a program's syntax tree: what the operators and the arrangements share."""

import ast
import copy
from dataclasses import dataclass, field
from typing import Any

RATES = {"alpha", "beta", "lr", "rate", "eta", "epsilon", "step_size"}


@dataclass(frozen=True)
class Mutant:
    """A program with one slip in it; `values` fill the gaps of the slip's sentence."""

    slip: str
    tree: ast.Module = field(compare=False)
    values: dict[str, Any] = field(default_factory=dict, compare=False)


Replacement = tuple[str, ast.expr | None, dict[str, Any]]  # slip, what stands there (None: an edit in place)


def replaced(tree: ast.Module, node: ast.AST, replacement: ast.AST) -> ast.Module:
    class Replace(ast.NodeTransformer):
        def visit(self, other: ast.AST) -> Any:
            if getattr(other, "number", None) == node.number:  # type: ignore[attr-defined]
                return copy.deepcopy(replacement)
            return self.generic_visit(other)

    return ast.fix_missing_locations(Replace().visit(copy.deepcopy(tree)))


def method_of(node: ast.AST) -> str:
    """The name in `x.name(…)` or `name(…)`."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", ""))
    return ""


def renamed(node: ast.Call, name: str) -> ast.Call:
    changed = copy.deepcopy(node)
    if isinstance(changed.func, ast.Attribute):
        changed.func.attr = name
    elif isinstance(changed.func, ast.Name):
        changed.func.id = name
    return changed


def call(node: ast.expr, method: str, **keywords: Any) -> ast.Call:
    """`node.method(…)`."""
    given = [ast.keyword(name, ast.Constant(value)) for name, value in keywords.items()]
    return ast.Call(ast.Attribute(node, method, ast.Load()), [], given)


def number_of(node: ast.AST) -> float | int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return None if isinstance(node.value, bool) else node.value
    return None


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def counts(node: ast.AST) -> bool:
    """Whether an expression says how many there are."""
    return any(
        method_of(part) in ("len", "size", "numel") or getattr(part, "attr", "") == "shape"
        for part in ast.walk(node)
    )


def is_root(node: ast.AST) -> bool:
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and number_of(node.right) == 0.5
    return power or method_of(node) == "sqrt"


def under(node: ast.expr) -> ast.expr:
    """What a root or another call is taken of."""
    if isinstance(node, ast.BinOp):
        return node.left
    assert isinstance(node, ast.Call)
    method = isinstance(node.func, ast.Attribute) and not is_module(node.func.value)
    return node.func.value if method else node.args[0]  # type: ignore[attr-defined]


def is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "math", "np", "numpy")


def one_minus(node: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(1), ast.Sub(), node)
