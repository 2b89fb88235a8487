"""The inputs of a graded answer: drawn under seeds that only whoever grades knows."""

import hashlib
from dataclasses import replace
from functools import lru_cache

from metalib.exercises import Exercise
from metalib.exercises.equivalents import equivalents
from metalib.exercises.running import SEEDS, Returned

TRIES = 20


@lru_cache(maxsize=256)  # a class hands in the same exercises many times
def seeded(exercise: Exercise, secret: str) -> Exercise:
    """The exercise with seeds of this secret: the same ones at every call, others than the check's.

    Seeds are fair: under them the solution passes, as it does when it is computed or rounded differently, and
    every wrong answer gets its own message. Seeds that are not (a rare draw, for instance one in which mean
    and median agree) are passed over.

    Raises:
        RuntimeError: no fair seeds were found, which is a mistake of the exercise's author.
    """
    for attempt in range(TRIES):
        said = hashlib.sha256(f"{secret}\n{exercise.id}\n{attempt}".encode()).digest()
        seeds = tuple(int.from_bytes(said[8 * n : 8 * n + 6], "big") for n in range(len(SEEDS)))
        made = replace(exercise, seeds=seeds)
        if is_fair(made):
            return made
    raise RuntimeError(f"Exercise {exercise.id!r}: {TRIES} times its probe drew unfair inputs.")


def is_fair(exercise: Exercise) -> bool:
    """Whether the judge says what it should of the answers whose merit is known."""
    solution = exercise.build(exercise.solution_text)
    if exercise.judge(solution).status != "passed":
        return False
    if callable(solution):
        for how, variant in equivalents(solution):
            results = exercise.results(variant)
            ended = all(isinstance(result, Returned) for result in results)
            hangs_on_an_edge = "last digits" in how and (exercise.edges or not ended)
            if not hangs_on_an_edge and not exercise.alike(exercise.results(solution), results):
                return False
    return all(exercise.judge(exercise.build(wrong.code)).wrong is wrong for wrong in exercise.wrong)
