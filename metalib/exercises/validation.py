"""What an exercise's author must have got right, proven by running it: called by the tests."""

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from metalib.exercises.compare import difference
from metalib.exercises.equivalents import equivalents, shifted
from metalib.exercises.exercise import Exercise
from metalib.exercises.running import Raised, Returned, contains, draws

FEWEST_WRONG_ANSWERS = 3
SEEDS = range(20)  # of a probe's inputs
STREAMS = range(1, 41)  # of a generator that the answer is given


def validate(exercise: Exercise) -> None:
    """Run solution, stub and wrong answers. Raises ValueError at the first authoring mistake."""

    def refuse(reason: str) -> NoReturn:
        raise ValueError(f"Exercise {exercise.id!r}: {reason}.")

    solution = exercise.build(exercise.solution_text)
    expected = exercise.run(solution)
    if isinstance(expected, Raised):
        refuse(f"the solution stops with {expected.reason}")
    if contains(expected.value, Ellipsis) or expected.value is None:
        refuse("the probe returns nothing that could be compared")
    if not exercise.same(expected, exercise.run(solution)):
        refuse("the probe gives another result the second time: seed its inputs")
    _spoil_inputs(exercise, solution)
    if not exercise.same(expected, exercise.run(solution)):
        refuse(
            "an answer that changes its inputs changes the reference too: make the inputs inside the probe"
        )
    if callable(solution):
        _refuse_what_is_too_strict(exercise, solution, refuse)
    if exercise.judge(solution).status != "passed":
        refuse("the solution does not pass")

    stub = exercise.build(exercise.stub)
    if exercise.judge(stub).status != "not attempted":
        refuse("the untouched stub is not recognised: let it return, or be, `...`")
    if callable(stub) and inspect.signature(stub) != inspect.signature(solution):
        refuse("stub and solution have different signatures")
    if callable(stub) and exercise.judge(lambda *args, **kwargs: None).status != "rejected":
        refuse("a function that returns nothing is not rejected")

    if len(exercise.wrong) < FEWEST_WRONG_ANSWERS:
        refuse(f"give at least {FEWEST_WRONG_ANSWERS} wrong answers, not {len(exercise.wrong)}")
    results: list[tuple[str, Any]] = [("the solution", expected)]
    for wrong in exercise.wrong:
        name = f"wrong answer {wrong.id!r}"
        answer = exercise.build(wrong.code)
        result = exercise.run(answer)
        for other_name, other in results:
            if exercise.same(other, result):
                refuse(f"the probe cannot tell {name} from {other_name}")
        results.append((name, result))
        outcome = exercise.judge(answer)
        if outcome.status != "rejected" or outcome.wrong is not wrong:
            refuse(f"{name} gets another answer: {outcome!r}")


def _refuse_what_is_too_strict(
    exercise: Exercise, solution: Callable, refuse: Callable[[str], NoReturn]
) -> None:
    """The solution must pass under any seed, and so must what is as right as the solution."""
    for seed in SEEDS if exercise.probe and draws(exercise.probe) else SEEDS[:1]:
        expected = exercise.run(solution, seed)
        if not isinstance(expected, Returned):
            refuse(f"under seed {seed} the solution stops with {expected.reason}")
        for how, variant in equivalents(solution):
            got, nudged = exercise.run(variant, seed), "last digits" in how
            if nudged and (exercise.edges or isinstance(got, Raised)):  # a number may be a key
                continue
            _must_pass(exercise, expected, got, f"{how}, seed {seed}", refuse)
        given = [value for call in expected.calls for value in (*call.args, *call.kwargs.values())]
        if any(isinstance(value, torch.Generator) for value in given):
            for numbers in STREAMS if seed == 0 else STREAMS[:1]:
                got = exercise.run(shifted(solution, numbers), seed)
                _must_pass(exercise, expected, got, f"drawing other random numbers ({numbers} later)", refuse)


def _must_pass(
    exercise: Exercise,
    expected: Returned,
    got: Returned | Raised,
    how: str,
    refuse: Callable[[str], NoReturn],
) -> None:
    if isinstance(got, Raised):
        refuse(f"the solution {how}, is refused: it stops with {got.reason}")
    wrong = difference(expected.value, got.value, rtol=exercise.rtol, atol=exercise.atol)
    if wrong:
        refuse(f"the solution {how}, is refused: {wrong.removesuffix('.')}")


def _spoil_inputs(exercise: Exercise, solution: Any) -> None:
    """Run the probe with an answer that overwrites every tensor it is given."""

    def spoil(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            with torch.no_grad():
                value.fill_(77)
        elif isinstance(value, dict | tuple | list):
            for item in value.values() if isinstance(value, dict) else value:
                spoil(item)

    def vandal(*args, **kwargs):
        result = solution(*args, **kwargs)
        spoil(args)
        spoil(kwargs)
        return result

    exercise.run(vandal if callable(solution) else solution)
