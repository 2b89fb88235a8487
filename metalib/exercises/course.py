"""The course's exercises and quizzes in the learner's language, put together from texts and probes.

Texts come from `content/en/NN_name.md` (see `reader`), translations from `content/<language>/NN_name.md`
where there is one (see `translation`), probes from the module `probes/chNN.py`.
"""

import difflib
import importlib
import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from metalib.exercises import probes
from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.question import Choice, Choose, Number, Order, Question
from metalib.exercises.quiz import Place, Quiz
from metalib.exercises.reader import read
from metalib.exercises.texts import ChapterText, ExerciseText, QuestionText, refuse
from metalib.exercises.translation import translated
from metalib.i18n import SOURCE, _, language

FOLDERS = [Path(__file__).parent / "content"]  # each holds a folder a language


@dataclass(frozen=True)
class Chapter:
    """What a chapter asks, in one language."""

    number: str
    title: str
    exercises: tuple[Exercise, ...]
    quiz: Quiz | None
    predictions: tuple[Question, ...] = ()

    @property
    def items(self) -> tuple[Exercise | Quiz, ...]:
        """The exercises, then the quiz."""
        return (*self.exercises, *([self.quiz] if self.quiz else []))


def chapters() -> dict[str, Chapter]:
    """The chapters that ask something, by number and in order, in the present language."""
    return chapters_in(language())


@cache
def chapters_in(code: str) -> dict[str, Chapter]:
    """The chapters in one language; in English what is not translated to it."""
    found: dict[str, Chapter] = {}
    paths = [path for folder in FOLDERS for path in (folder / SOURCE).glob("*.md")]
    for path in sorted(paths, key=lambda path: path.name):
        if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem):
            refuse(path, 1, "a content file's name must look like 03_maml.md")
        number = path.stem[:2]
        if number in found:
            refuse(path, 1, f"chapter {number} has another file already")
        found[number] = load(path, code, paths)
    return found


def all() -> list[Exercise]:
    """Every exercise of the course, in the order of the chapters."""
    return [exercise for chapter in chapters().values() for exercise in chapter.exercises]


def quizzes() -> list[Quiz]:
    """Every quiz of the course."""
    return [chapter.quiz for chapter in chapters().values() if chapter.quiz]


def get(id: str) -> Exercise | Quiz:
    """The exercise or quiz with this id, e.g. "03/inner-step" or "03/quiz". ValueError if there is none."""
    found = {item.id: item for chapter in chapters().values() for item in chapter.items}
    if id not in found:
        said = _("There is no exercise or quiz {id!r}. The nearest: {near}.")
        raise ValueError(said.format(id=id, near=_nearest(id, found)))
    return found[id]


def with_exercises(number: str) -> Chapter:
    """The chapter with this number, e.g. "03". ValueError if there is none, or it has no exercises."""
    there = {known: chapter for known, chapter in chapters().items() if chapter.exercises}
    if number not in there:
        said = _("There is no chapter {chapter!r} with exercises. There are: {known}.")
        raise ValueError(said.format(chapter=number, known=", ".join(there)))
    return there[number]


def names(chapter: str) -> dict[str, Any]:
    """What the exercises of a chapter ("03") use of it, by name: torch, its network, … ValueError if it has
    no exercises."""
    used = (exercise.context for exercise in with_exercises(chapter).exercises)
    return {name: value for context in used for name, value in context.items()}


def prediction(id: str) -> Question:
    """The prediction with this id, e.g. "03/between". ValueError if there is none."""
    found = {item.id: item for chapter in chapters().values() for item in chapter.predictions}
    if id not in found:
        said = _("There is no prediction {id!r}. The nearest: {near}.")
        raise ValueError(said.format(id=id, near=_nearest(id, found)))
    return found[id]


def _nearest(id: object, known: Iterable[str]) -> str:
    """The known ids that look most like `id`."""
    return ", ".join(difflib.get_close_matches(str(id), list(known), n=3, cutoff=0)) or _(
        "(there are none yet)"
    )


# One chapter


def load(path: Path, code: str = SOURCE, course: Iterable[Path] = ()) -> Chapter:
    """The chapter of an English content file, translated where `code`'s folder beside it has the same file.

    Args:
        course: the English files of all chapters, which a final test may name.

    Raises:
        ContentError: a file is not as it must be, a translation has other parts, a probe has no exercise.
    """
    number, text = path.stem[:2], read(path)
    translation = path.parents[1] / code / path.name
    checks = _probes_of(number, text)
    if code != SOURCE and translation.exists():
        text = translated(text, read(translation, translation=True))
    predictions = tuple(_question(text, asked, asked.id) for asked in text.predictions)
    return Chapter(
        number,
        text.title,
        tuple(_exercise(text, exercise, checks.get(exercise.id)) for exercise in text.exercises),
        _quiz(text, number, predictions, _places(course, code)) if text.quiz_line else None,
        predictions,
    )


def _probes_of(number: str, text: ChapterText) -> dict[str, probes.Probe]:
    name = f"{probes.__name__}.ch{number}"
    if importlib.util.find_spec(name) is None:
        return {}
    found = probes.of(importlib.import_module(name))
    known = {exercise.id for exercise in text.exercises}
    for id in found:
        if id not in known:
            text.refuse(1, f"there is a probe for {id!r} in {name}, but no such exercise here")
    return found


def _exercise(text: ChapterText, exercise: ExerciseText, probe: probes.Probe | None) -> Exercise:
    given = vars(probe) if probe else {}
    try:
        return Exercise(
            id=exercise.id,
            title=exercise.title,
            statement=exercise.statement,
            difficulty=exercise.difficulty,
            minutes=exercise.minutes,
            name=exercise.name,
            stub=exercise.stub.text,
            solution_text=exercise.solution.text,
            hints=exercise.hints,
            wrong=tuple(Wrong(wrong.id, wrong.code, wrong.message) for wrong in exercise.wrong),
            passed=exercise.passed,
            **given,
        )
    except ValueError as error:
        text.refuse(exercise.line, str(error).removesuffix("."))


def _places(course: Iterable[Path], code: str) -> dict[str, Place]:
    """Where each chapter is, and what it is called."""
    return {
        path.stem[:2]: Place(f"{path.stem[:2]} {_title(path, code)}", f"{path.stem}.ipynb") for path in course
    }


@cache
def _title(path: Path, code: str) -> str:
    """A chapter's title, without the reading of the whole file."""
    translation = path.parents[1] / code / path.name
    with (translation if translation.exists() else path).open(encoding="utf-8") as lines:
        return next((line[2:].strip() for line in lines if line.startswith("# ")), "")


def _quiz(
    text: ChapterText, number: str, predictions: tuple[Question, ...], places: dict[str, Place]
) -> Quiz:
    id = f"{number}/quiz"
    questions = []
    for asked in text.questions:
        questions.append(_question(text, asked, f"{id}/{asked.id}"))
        try:
            questions[-1].needs_explanations()
        except ValueError as error:
            text.refuse(asked.line, str(error).removesuffix("."))
    try:
        return Quiz(id, tuple(questions), predictions, places)
    except ValueError as error:
        text.refuse(text.quiz_line, str(error).removesuffix("."))


def _question(text: ChapterText, asked: QuestionText, id: str) -> Question:
    """A question of the quiz or a prediction, under its id in the whole course."""
    choices, lines = (
        tuple(Choice(item.text, item.why, item.correct, item.id) for item in items)
        for items in (asked.choices, asked.lines)
    )
    shared = (id, asked.text, asked.answer, asked.alt)
    try:
        if number := asked.number:
            return Number(
                *shared, number.value, number.unit, number.within, number.factor, chapter=asked.chapter
            )
        kind, items = (Order, lines) if lines else (Choose, choices)
        return kind(*shared, items, chapter=asked.chapter)
    except ValueError as error:
        text.refuse(asked.line, str(error).removesuffix("."))
