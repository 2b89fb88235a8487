"""A trial of the checks with answers that nobody has listed, made from each exercise's solution.

    python tests/trial.py [03/inner-step …]      prints a line an exercise, and the sums

*Right* answers are the solution written in another way: other names, a list for a tuple, NumPy's numbers,
float64, `torch.mean(x)` for `x.mean()`. *Wrong* ones are its mutants (`metalib.exercises.mutants`) that give
something else on inputs of their own: those the probe makes under a hundred other seeds, and the same inputs
moved at random.
"""

import ast
import copy
import random
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from metalib import exercises
from metalib.exercises.compare import difference
from metalib.exercises.equivalents import in_double, mapped, rounded
from metalib.exercises.mutants import mutants
from metalib.exercises.running import Raised, build
from metalib.exercises.slips import SLIPS

OTHER_SEEDS = range(100, 112)


# Right answers


class _Renamed(ast.NodeTransformer):
    """Every name that the solution binds, other than its function's and arguments', gets another."""

    def __init__(self, names):
        self.names = names

    def visit_Name(self, node):
        if node.id in self.names:
            node.id = f"my_{node.id}"
        return node


class _ListForTuple(ast.NodeTransformer):
    def visit_Return(self, node):
        if isinstance(node.value, ast.Tuple):
            node.value = ast.List(node.value.elts, ast.Load())
        return node


class _Functions(ast.NodeTransformer):
    """`torch.mean(x)` for `x.mean()`."""

    def visit_Call(self, node):
        self.generic_visit(node)
        plain = isinstance(node.func, ast.Attribute) and node.func.attr in ("mean", "sum", "square", "std")
        if (
            plain
            and not isinstance(node.func.value, ast.Name | ast.Attribute)
            or plain
            and node.keywords == []
        ):
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "F", "math")):
                name = ast.Attribute(ast.Name("torch", ast.Load()), node.func.attr, ast.Load())
                return ast.Call(name, [node.func.value, *node.args], node.keywords)
        return node


class _Steps(ast.NodeTransformer):
    """Every returned expression in a name of its own first; `x = x + y` for what was one expression."""

    def visit_Return(self, node):
        if node.value is None:
            return node
        return [
            ast.Assign([ast.Name("answer", ast.Store())], node.value),
            ast.Return(ast.Name("answer", ast.Load())),
        ]


def rewritten(exercise) -> Iterator[tuple[str, object]]:
    tree = ast.parse(exercise.solution_text)
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    context = {"torch": torch, **exercise.context}
    for how, change in (
        ("other names", _Renamed(bound - {exercise.name})),
        ("a list for a tuple", _ListForTuple()),
        ("functions for methods", _Functions()),
        ("one more name", _Steps()),
    ):
        made = ast.fix_missing_locations(change.visit(copy.deepcopy(tree)))
        yield how, build(ast.unparse(made), exercise.name, context, "trial")


def other_results(solution):
    """The solution's own result in other forms."""

    def through(change):
        return lambda *args, **kwargs: mapped(change, solution(*args, **kwargs))

    def numpy_number(value):
        if isinstance(value, bool | int | float):
            return {bool: np.bool_, int: np.int64, float: np.float64}[type(value)](value)
        return value

    def python_number(value):
        return (
            value.item()
            if isinstance(value, torch.Tensor) and not value.ndim and not value.requires_grad
            else value
        )

    def scalar_tensor(value):
        return torch.tensor(value, dtype=torch.float64) if isinstance(value, float) else value

    yield "NumPy's numbers", through(numpy_number)
    yield "Python's numbers", through(python_number)
    yield "0-d tensors", through(scalar_tensor)
    yield "float64", in_double(solution)
    yield "another rounding", rounded(solution)


def right_answers(exercise):
    solution = exercise.build(exercise.solution_text)
    if callable(solution):
        yield from rewritten(exercise)
        yield from other_results(solution)


# Wrong answers


def moved(value, chance: random.Random):
    """An input a little elsewhere, in float64: signs, whole numbers and shapes stay."""

    def move(item):
        if isinstance(item, float):
            return item * chance.uniform(0.7, 1.4)
        if isinstance(item, torch.Tensor) and item.is_floating_point():
            noise = torch.Generator().manual_seed(chance.randrange(2**31))
            factor = torch.exp(0.3 * torch.randn(item.shape, generator=noise, dtype=torch.float64))
            return (item.detach().double() * factor).requires_grad_(item.requires_grad)
        return item

    return mapped(move, value)


def differ(exercise, solution, mutant) -> bool:
    """Whether a mutant is another function than the solution, on inputs that the check does not use."""
    for seed in OTHER_SEEDS:
        expected, got = exercise.run(solution, seed), exercise.run(mutant, seed)
        if not exercise.same(expected, got):
            return True
        for call in expected.calls[:3]:
            results = []
            for answer in (solution, mutant):
                torch.manual_seed(seed)
                try:
                    results.append(answer(*moved(call.args, random.Random(seed))))
                except Exception:
                    results.append(None)
            if results[0] is not None and not any(isinstance(a, torch.Generator) for a in call.args):
                if results[1] is None or difference(results[0], results[1], rtol=1e-4, atol=1e-6):
                    return True
    return False


@dataclass
class Trial:
    """What came of one exercise's answers."""

    id: str
    right: int = 0
    rejected: list[str] = field(default_factory=list)
    wrong: int = 0
    accepted: list[str] = field(default_factory=list)
    misdiagnosed: list[str] = field(default_factory=list)
    heard: Counter = field(default_factory=Counter)


def tried(exercise) -> Trial:
    trial = Trial(exercise.id)
    solution = exercise.build(exercise.solution_text)
    if not callable(solution):
        return trial
    for how, answer in right_answers(exercise):
        trial.right += 1
        outcome = exercise.judge(answer)
        if outcome.status != "passed":
            trial.rejected.append(f"{how}: {outcome.message}")
    for mutant in mutants(exercise.solution_text):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                answer = build(mutant.tree, exercise.name, exercise.context, "trial")
            except Exception:
                continue
            outcome = exercise.judge(answer)
            if outcome.status == "passed":
                if differ(exercise, solution, answer):
                    trial.wrong += 1
                    trial.accepted.append(f"{mutant.slip} {mutant.values}: {ast.unparse(mutant.tree)}")
                continue
        trial.wrong += 1
        said = SLIPS[mutant.slip].format(**mutant.values)
        if outcome.wrong:
            trial.heard["own sentence"] += 1
        elif "This is " in outcome.message or "These are " in outcome.message:
            trial.heard["named" if said in outcome.message else "another slip named"] += 1
            if said not in outcome.message:
                trial.misdiagnosed.append(f"{mutant.slip}: {outcome.message}")
        elif isinstance(exercise.run(answer), Raised) or "stopped with" in outcome.message:
            trial.heard["stopped"] += 1
        elif "In short" in outcome.message:
            trial.heard["related"] += 1
        else:
            trial.heard["shown"] += 1
    return trial


def main(ids):
    total = Counter()
    for exercise in exercises.all():
        if ids and exercise.id not in ids:
            continue
        trial = tried(exercise)
        heard = ", ".join(f"{n} {what}" for what, n in sorted(trial.heard.items()))
        print(f"{trial.id}: {trial.right} right, {len(trial.rejected)} rejected; {trial.wrong} wrong, "
              f"{len(trial.accepted)} accepted; {heard}")  # fmt: skip
        for line in trial.rejected:
            print("   REJECTED", line)
        for line in trial.accepted:
            print("   ACCEPTED", line.replace("\n", "\n        "))
        for line in trial.misdiagnosed:
            print("   OTHER", line)
        total.update(right=trial.right, rejected=len(trial.rejected), wrong=trial.wrong,
                     accepted=len(trial.accepted))  # fmt: skip
        total.update(trial.heard)
    print(dict(total))


if __name__ == "__main__":
    main(sys.argv[1:])
