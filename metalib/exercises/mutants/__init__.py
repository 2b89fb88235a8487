"""Common slips, made on purpose: each takes a right answer's code and gives what it becomes with the slip.

`mutants(source)` goes through the program's parts. An operator looks at one expression and gives what a
learner may have written in its place (`expressions`); an arrangement changes several places at once
(`arrangements`). What a slip is called stands in `slips.SLIPS`.
"""

import ast
from collections.abc import Iterator

from metalib.exercises.mutants.arrangements import arranged
from metalib.exercises.mutants.expressions import operated
from metalib.exercises.mutants.syntax import Mutant

__all__ = ["Mutant", "mutants"]


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
    for make in (operated, arranged):
        for mutant in make(tree, parameters):
            program = ast.dump(mutant.tree)
            if program not in seen:
                seen.add(program)
                yield mutant
