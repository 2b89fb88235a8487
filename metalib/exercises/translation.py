"""The words of a translated content file around the code of the English one.

A translation has the parts of the English file, by their ids and in their order; otherwise it is refused, and
the message names the part.
"""

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from metalib.exercises.question import places
from metalib.exercises.texts import ChapterText, ChoiceText, ExerciseText, Program, QuestionText


def translated(english: ChapterText, other: ChapterText) -> ChapterText:
    """The English chapter in the words of `other`. Raises ContentError where `other` has other parts."""
    _same_ids(other, "the exercise", english.exercises, other.exercises, 1)
    asked: dict[str, Any] = {}
    for part, line in (("predictions", "predictions_line"), ("questions", "quiz_line")):
        ours, theirs = getattr(english, part), getattr(other, part)
        what = "a quiz" if part == "questions" else "'predictions'"
        if bool(ours) != bool(theirs):
            other.refuse(getattr(other, line) or 1, f"{what} must be in both files or in neither")
        _same_ids(other, "the question", ours, theirs, getattr(other, line))
        asked[part] = tuple(_question(other, *pair) for pair in zip(ours, theirs, strict=True))
    pairs = zip(english.exercises, other.exercises, strict=True)
    exercises = tuple(_exercise(other, ours, theirs) for ours, theirs in pairs)
    return replace(other, exercises=exercises, **asked)


def _question(other: ChapterText, ours: QuestionText, theirs: QuestionText) -> QuestionText:
    """A translated question with the English ids. Refuse it where it would be another question."""

    def refuse(said: str) -> None:
        other.refuse(theirs.line, said)

    if [choice.correct for choice in ours.choices] != [choice.correct for choice in theirs.choices]:
        refuse("the choices must be those of the English file, [x] at the same one")
    if len(ours.lines) != len(theirs.lines):
        refuse("there must be as many lines to put in order as in the English file")
    if ours.number and theirs.number:
        if replace(ours.number, unit="") != replace(theirs.number, unit=""):
            refuse("the number and how far off counts as right must be the English ones")
    elif ours.number or theirs.number:
        refuse("the question must be of the same kind as in the English file")
    if (bool(ours.answer), len(ours.alt)) != (bool(theirs.answer), len(theirs.alt)):
        refuse("'Answer:' and 'Alt:' must be in both files, with a paragraph for each picture, or in neither")
    if _places(ours) != _places(theirs):
        wanted = ", ".join(sorted(_places(ours))) or "none"
        refuse(f"the places for values must be the English ones: {wanted}")

    def with_ids(english: tuple[ChoiceText, ...], items: tuple[ChoiceText, ...]) -> tuple[ChoiceText, ...]:
        return tuple(replace(item, id=one.id) for one, item in zip(english, items, strict=True))

    return replace(
        theirs,
        choices=with_ids(ours.choices, theirs.choices),
        lines=with_ids(ours.lines, theirs.lines),
        chapter=ours.chapter,
    )


def _places(asked: QuestionText) -> set[str]:
    """The names of the values that are said after the guess."""
    return places((*(item.why for item in (*asked.choices, *asked.lines)), asked.answer, *asked.alt))


def _exercise(other: ChapterText, ours: ExerciseText, theirs: ExerciseText) -> ExerciseText:
    _same_ids(other, "the wrong answer", ours.wrong, theirs.wrong, theirs.line)
    if len(ours.hints) != len(theirs.hints):
        other.refuse(
            theirs.line, f"{ours.id} has {len(theirs.hints)} hints here, {len(ours.hints)} in English"
        )
    if bool(ours.passed) != bool(theirs.passed):
        other.refuse(theirs.line, f"'### Passed' of {ours.id} must be in both files or in neither")
    return replace(
        theirs,
        name=ours.name,
        difficulty=ours.difficulty,
        minutes=ours.minutes,
        stub=_program(other, "stub", ours.stub, theirs.stub),
        solution=_program(other, "solution", ours.solution, theirs.solution),
        wrong=tuple(
            replace(wrong, message=words.message)
            for wrong, words in zip(ours.wrong, theirs.wrong, strict=True)
        ),
    )


def _program(other: ChapterText, what: str, ours: Program, theirs: Program) -> Program:
    if not theirs.text:
        return ours
    if program(ours.text) != program(theirs.text):
        other.refuse(
            theirs.line, f"the {what} differs from the English one in more than strings and comments"
        )
    return theirs


def _same_ids(other: ChapterText, what: str, ours: Sequence[Any], theirs: Sequence[Any], line: int) -> None:
    """Refuse parts of `other` that are not the English ones; `line` is where a missing one is reported."""
    wanted, found = [item.id for item in ours], [item.id for item in theirs]
    for id in wanted:
        if id not in found:
            other.refuse(line, f"{what} {id!r} is missing; the English file has it")
    for item in theirs:
        if item.id not in wanted:
            other.refuse(item.line, f"{what} {item.id!r} is not in the English file")
    for id, item in zip(wanted, theirs, strict=True):
        if item.id != id:
            other.refuse(item.line, f"expected {what} {id!r} here, as in the English file")


def program(source: str) -> str | None:
    """What a program does, whatever its strings and comments say; None where it is no program.

    Of an f-string the values in it, how they are formatted, and how often each occurs; not their order.
    """
    try:
        return ast.dump(_Blank().visit(ast.parse(source)))
    except SyntaxError:
        return None


class _Blank(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.JoinedStr:
        values = [value for value in node.values if isinstance(value, ast.FormattedValue)]
        for value in values:
            value.value = self.visit(value.value)  # its format_spec stays as it is
        return ast.JoinedStr(sorted(values, key=ast.dump))
