"""The course's exercises and quizzes in the learner's language, put together from texts and probes.

Texts come from `content/en/NN_name.md` (see `reader`), translations from `content/<language>/NN_name.md`
where there is one, probes from the module `probes/chNN.py`. A translation that has not the same parts in the
same order as the English file is refused.
"""

import ast
import difflib
import importlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from metalib.exercises import probes
from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz
from metalib.exercises.reader import ChapterText, ContentError, ExerciseText, QuestionText, read, shown
from metalib.i18n import SOURCE, _, language

FOLDERS = [Path(__file__).parent / "content"]  # each holds a folder a language


@dataclass(frozen=True)
class Chapter:
    """What a chapter asks, in one language."""

    number: str
    title: str
    exercises: tuple[Exercise, ...]
    quiz: Quiz | None

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
            raise ContentError(f"{shown(path)}:1: a content file's name must look like 03_maml.md.")
        number = path.stem[:2]
        if number in found:
            raise ContentError(f"{shown(path)}:1: chapter {number} has another file already.")
        found[number] = load(path, code)
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
        near = difflib.get_close_matches(str(id), found, n=3, cutoff=0) or [_("(there are none yet)")]
        raise ValueError(
            _("There is no exercise or quiz {id!r}. The nearest: {near}.").format(id=id, near=", ".join(near))
        )
    return found[id]


# One chapter


def load(path: Path, code: str = SOURCE) -> Chapter:
    """The chapter of an English content file, translated where `code`'s folder beside it has the same file.

    Raises:
        ContentError: a file is not as it must be, a translation has other parts, a probe has no exercise.
    """
    number, text = path.stem[:2], read(path)
    translation = path.parents[1] / code / path.name
    checks = _probes_of(number, text)
    if code != SOURCE and translation.exists():
        text = translated(text, read(translation, translation=True))
    return Chapter(
        number,
        text.title,
        tuple(_exercise(text, exercise, checks.get(exercise.id)) for exercise in text.exercises),
        _quiz(text, number) if text.quiz_line else None,
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


def _quiz(text: ChapterText, number: str) -> Quiz:
    return Quiz(f"{number}/quiz", tuple(_question(text, question) for question in text.questions))


def _question(text: ChapterText, question: QuestionText) -> Question:
    try:
        choices = tuple(Choice(choice.text, choice.why, choice.correct) for choice in question.choices)
        return Question(question.text, choices)
    except ValueError as error:
        text.refuse(question.line, str(error).removesuffix("."))


# Translations


def translated(english: ChapterText, other: ChapterText) -> ChapterText:
    """The English chapter with the words of `other`; refused where `other` has other parts."""

    def same(what: str, expected: Sequence, found: Sequence, line: int) -> None:
        """The same ids in the same order."""
        ids, theirs = [item.id for item in expected], [item.id for item in found]
        if missing := [id for id in ids if id not in theirs]:
            other.refuse(line, f"{what} {missing[0]!r} is missing; the English file has it")
        for id, item in zip(theirs, found, strict=True):
            if id not in ids:
                other.refuse(item.line, f"{what} {id!r} is not in the English file")
        for id, item in zip(ids, found, strict=True):
            if item.id != id:
                other.refuse(item.line, f"expected {what} {id!r} here, as in the English file")

    same("the exercise", english.exercises, other.exercises, 1)
    if bool(english.quiz_line) != bool(other.quiz_line):
        other.refuse(other.quiz_line or 1, "a quiz must be in both files or in neither")
    same("the question", english.questions, other.questions, other.quiz_line)
    exercises = []
    for mine, theirs in zip(english.exercises, other.exercises, strict=True):
        same("the wrong answer", mine.wrong, theirs.wrong, theirs.line)
        if len(mine.hints) != len(theirs.hints):
            other.refuse(
                theirs.line, f"{mine.id} has {len(theirs.hints)} hints here, {len(mine.hints)} in English"
            )
        if bool(mine.passed) != bool(theirs.passed):
            other.refuse(theirs.line, f"'### Passed' of {mine.id} must be in both files or in neither")
        programs = {}
        for part in ("stub", "solution"):
            ours, words = getattr(mine, part), getattr(theirs, part)
            if words and not same_program(ours.text, words.text):
                other.refuse(words.line, f"the {part} differs from the English one in more than its texts")
            programs[part] = words or ours
        messages = [
            replace(wrong, message=translation.message)
            for wrong, translation in zip(mine.wrong, theirs.wrong, strict=True)
        ]
        exercises.append(
            replace(
                theirs,
                name=mine.name,
                difficulty=mine.difficulty,
                minutes=mine.minutes,
                wrong=tuple(messages),
                **programs,
            )
        )
    for mine, theirs in zip(english.questions, other.questions, strict=True):
        if [choice.correct for choice in mine.choices] != [choice.correct for choice in theirs.choices]:
            other.refuse(theirs.line, "the choices must be as many as in English, and [x] at the same one")
    return replace(other, exercises=tuple(exercises))


def same_program(one: str, other: str) -> bool:
    """Whether two programs differ in nothing but comments and the text of strings."""

    def blanked(source: str) -> str:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = ""
        return ast.dump(tree)

    try:
        return blanked(one) == blanked(other)
    except SyntaxError:
        return False
