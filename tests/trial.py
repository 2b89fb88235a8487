"""A trial of the checks with answers that nobody has listed, made from each exercise's solution.

    python tests/trial.py [03/inner-step …]      prints a line an exercise, and the sums

*Right* answers are the solution written in another way: other names, a list for a tuple, NumPy's numbers,
float64, `torch.mean(x)` for `x.mean()`. *Wrong* ones are its mutants (`metalib.exercises.mutants`), mutants
with two slips, and the solution with its results spoiled. What a check accepts although it gives something
else on other inputs (under other seeds, or moved at random) has a probe that is too narrow.
"""

import ast
import copy
import dis
import math
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch

from metalib import exercises
from metalib.exercises.compare import difference
from metalib.exercises.equivalents import in_double, mapped, rounded
from metalib.exercises.mutants import mutants
from metalib.exercises.running import Raised, build

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
    bound -= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}  # an argument keeps its name
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


def differ(exercise, solution, answer) -> bool:
    """Whether an answer is another function than the solution, on inputs that the check does not use."""
    theirs = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # of what the two make, `torch.eye` for one: as the moved inputs
    try:
        return _differ(exercise, solution, answer)
    finally:
        torch.set_default_dtype(theirs)


def _remembers(value) -> bool:
    """Whether this is a function that counts its calls, say: the next answer would find it changed."""
    code = getattr(value, "__code__", None)
    stored = (i.argval for i in dis.get_instructions(code) if i.opname == "STORE_DEREF") if code else ()
    return any(name in code.co_freevars for name in stored)


def _differ(exercise, solution, answer) -> bool:
    for seed in OTHER_SEEDS:
        expected, got = exercise.run(solution, seed), exercise.run(answer, seed)
        if not exercise.same(expected, got):
            return True
        for call in expected.calls[:3]:
            if any(isinstance(value, torch.Generator) or _remembers(value) for value in call.args):
                continue
            results = []
            for function in (solution, answer):
                torch.manual_seed(seed)
                try:
                    results.append(function(*moved(call.args, random.Random(seed))))
                except Exception:
                    results.append(None)
            known, other = results
            if known is not None and (other is None or difference(known, other, rtol=1e-4, atol=1e-6)):
                return True
    return False


def corrupted(solution):
    """The solution's results, spoiled in ways that no change of its code gives."""

    def through(change):
        return lambda *args, **kwargs: change(solution(*args, **kwargs))

    def numbers(change):
        def each(value):
            real = isinstance(value, float) or (isinstance(value, torch.Tensor) and value.is_floating_point())
            return change(value) if real else value

        return through(lambda result: mapped(each, result))

    def tensors(change):
        def each(value):
            return (
                change(value) if isinstance(value, torch.Tensor) and value.ndim and len(value) > 1 else value
            )

        return through(lambda result: mapped(each, result))

    yield "a thousandth too much", numbers(lambda value: value * 1.001)
    yield "0.01 too much", numbers(lambda value: value + 0.01)
    yield "rounded to one digit", numbers(lambda value: torch.as_tensor(value).round(decimals=1))
    yield "nan", numbers(lambda value: value * math.nan)
    yield "zero", numbers(lambda value: value * 0)
    yield "the first in every place", tensors(lambda value: value[:1].expand_as(value).clone())
    yield "the last missing", tensors(lambda value: value[:-1])
    yield "the first two exchanged", tensors(lambda value: torch.cat([value[1:2], value[:1], value[2:]]))
    yield "the last one zero", tensors(lambda value: torch.cat([value[:-1], 0 * value[-1:]]))
    yield "nothing", lambda *args, **kwargs: None
    yield "its first argument", lambda *args, **kwargs: [*args, *kwargs.values()][0]
    yield "text", through(str)


def slips(exercise):
    """The mutants of the solution, and what each is called."""
    for mutant in mutants(exercise.solution_text):
        with suppress(Exception):  # a program that cannot even be made
            yield mutant, build(mutant.tree, exercise.name, exercise.context, "trial")


def doubles(exercise, count):
    """Answers with two slips."""
    chance = random.Random(0)
    first = list(mutants(exercise.solution_text))
    for mutant in chance.sample(first, min(count, len(first))):
        second = list(mutants(ast.unparse(mutant.tree)))
        if second:
            other = chance.choice(second)
            with suppress(Exception):
                made = build(other.tree, exercise.name, exercise.context, "trial")
                yield f"{mutant.slip} and {other.slip}: {ast.unparse(other.tree)}", made


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
    single: tuple[int, int] = (0, 0)  # answers with one slip: told what is wrong, and ran to their end

    def told(self) -> int:
        """Wrong answers that were told what is wrong, not only that numbers differ, so far."""
        return sum(self.heard[what] for what in ("own sentence", "named", "related"))

    def ran(self) -> int:
        """Wrong answers that ran to their end, so far: what an exception says is said in any case."""
        return sum(self.heard.values()) - self.heard["stopped"]


def tried(exercise, pairs=40) -> Trial:
    """Judge all these answers."""
    trial, solution = Trial(exercise.id), exercise.build(exercise.solution_text)
    if not callable(solution):
        return trial
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exercise._slips.matching(exercise.results(solution), seconds=120)  # makes all of them
        for how, answer in right_answers(exercise):
            trial.right += 1
            outcome = exercise.judge(answer)
            if outcome.status != "passed":
                trial.rejected.append(f"{how}: {outcome.message}")
        for mutant, answer in slips(exercise):
            _hear(trial, exercise, solution, answer, f"{mutant.slip}: {ast.unparse(mutant.tree)}")
        trial.single = (trial.told(), trial.ran())
        for how, answer in (*doubles(exercise, pairs), *corrupted(solution)):
            _hear(trial, exercise, solution, answer, how)
    return trial


def _hear(trial, exercise, solution, answer, what) -> None:
    outcome = exercise.judge(answer)
    if outcome.status == "passed":
        if differ(exercise, solution, answer):
            trial.wrong += 1
            trial.accepted.append(what)
        return
    trial.wrong += 1
    named = "This is " in outcome.message or "These are " in outcome.message
    if outcome.wrong:
        trial.heard["own sentence"] += 1
        if differ(exercise, exercise.build(outcome.wrong.code), answer):
            trial.misdiagnosed.append(f"{what}\n-> {outcome.wrong.id}: {outcome.message}")
    elif named:
        trial.heard["named"] += 1
        if not any(
            mutant.slip in what.split(":")[0] or not differ(exercise, answer, _made(exercise, mutant))
            for mutant in exercise._slips.matching(exercise.results(answer))
        ):
            trial.misdiagnosed.append(f"{what}\n-> {outcome.message}")
    elif any(isinstance(result, Raised) for result in exercise.results(answer)):
        trial.heard["stopped"] += 1
    elif "In short" in outcome.message or "return" in outcome.message or "NaN" in outcome.message:
        trial.heard["related"] += 1
    else:
        trial.heard["shown"] += 1


def _made(exercise, mutant):
    return build(mutant.tree, exercise.name, exercise.context, "trial")


def main(ids):
    total = Counter()
    for exercise in exercises.all():
        if ids and exercise.id not in ids:
            continue
        start = time.thread_time()
        exercise.judge(exercise.build(exercise.solution_text))
        right, start = time.thread_time() - start, time.thread_time()
        exercise._slips.matching(exercise.results(exercise.build(exercise.solution_text)))
        made = time.thread_time() - start
        trial = tried(exercise)
        heard = ", ".join(f"{n} {what}" for what, n in sorted(trial.heard.items()))
        print(f"{trial.id}: {trial.right} right, {len(trial.rejected)} rejected; {trial.wrong} wrong, "
              f"{len(trial.accepted)} accepted, {len(trial.misdiagnosed)} misdiagnosed; {heard}; "
              f"a check {right:.2f} s, with all slips {right + made:.2f} s")  # fmt: skip
        for kind, lines in (("rejected", trial.rejected), ("accepted", trial.accepted),
                            ("misdiagnosed", trial.misdiagnosed)):  # fmt: skip
            for line in lines:
                print(f"    {kind}:", line.replace("\n", "\n        "))
        total.update(right=trial.right, rejected=len(trial.rejected), wrong=trial.wrong,
                     accepted=len(trial.accepted), misdiagnosed=len(trial.misdiagnosed))  # fmt: skip
        total.update(trial.heard)
    print(", ".join(f"{n} {what}" for what, n in total.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
