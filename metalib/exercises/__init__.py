"""Exercises and quizzes: what a chapter asks, checks and explains, and the learner's progress through them.

    from metalib import exercises

    exercise = exercises.get("03/inner-step")
    exercise.check(inner_step)          # passed, not attempted, or what went wrong
    exercise.hint()                     # one more hint at every call
    exercise.solution()
    exercises.get("03/quiz")            # a quiz shows itself
    exercises.board()                   # the learner's progress;  exercises.reset() forgets it

The content lives in one module a chapter, `metalib/exercises/chNN.py`, with `TITLE`, `EXERCISES` (a tuple of
`Exercise`) and `QUIZ` (a `Quiz`, id "NN/quiz"). A new chapter's module is found by its name.
"""

import difflib
import importlib
import pkgutil
import re
from functools import cache
from types import ModuleType

from metalib.exercises.board import board
from metalib.exercises.exercise import Exercise, Outcome, Wrong
from metalib.exercises.progress import reset
from metalib.exercises.quiz import Choice, Question, Quiz
from metalib.i18n import _

__all__ = [
    "Choice", "Exercise", "Outcome", "Question", "Quiz", "Wrong",
    "all", "board", "chapters", "get", "quizzes", "reset",
]  # fmt: skip


@cache
def chapters() -> dict[str, ModuleType]:
    """The content modules by chapter number, in order: {"03": metalib.exercises.ch03, …}."""
    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if re.fullmatch(r"ch\d\d", module.name)
    )
    found = {name[2:]: importlib.import_module(f"{__name__}.{name}") for name in names}
    seen = set()
    for number, module in found.items():
        quiz = getattr(module, "QUIZ", None)
        for item in (*module.EXERCISES, *([quiz] if quiz else [])):
            if not item.id.startswith(f"{number}/") or item.id in seen:
                raise ValueError(
                    f"{module.__name__}: the id {item.id!r} is taken or belongs to another chapter."
                )
            seen.add(item.id)
    return found


def all() -> list[Exercise]:
    """Every exercise of the course, in the order of the chapters."""
    return [exercise for module in chapters().values() for exercise in module.EXERCISES]


def quizzes() -> list[Quiz]:
    """Every quiz of the course."""
    return [module.QUIZ for module in chapters().values() if getattr(module, "QUIZ", None)]


def get(id: str) -> Exercise | Quiz:
    """The exercise or quiz with this id, e.g. "03/inner-step" or "03/quiz". ValueError if there is none."""
    found = {item.id: item for item in (*all(), *quizzes())}
    if id not in found:
        near = difflib.get_close_matches(str(id), found, n=3, cutoff=0) or [_("(there are none yet)")]
        raise ValueError(
            _("There is no exercise or quiz {id!r}. The nearest: {near}.").format(id=id, near=", ".join(near))
        )
    return found[id]
