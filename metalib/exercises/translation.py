"""The words of a translated content file around the code of the English one.

A translation has the parts of the English file, by their ids and in their order; otherwise it is refused, and
the message names the part.
"""

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from metalib.exercises.texts import ChapterText, ExerciseText, Program


def translated(english: ChapterText, other: ChapterText) -> ChapterText:
    """The English chapter in the words of `other`. Raises ContentError where `other` has other parts."""
    _same_ids(other, "the exercise", english.exercises, other.exercises, 1)
    if bool(english.quiz_line) != bool(other.quiz_line):
        other.refuse(other.quiz_line or 1, "a quiz must be in both files or in neither")
    _same_ids(other, "the question", english.questions, other.questions, other.quiz_line)
    for asked, translation in zip(english.questions, other.questions, strict=True):
        if [choice.correct for choice in asked.choices] != [choice.correct for choice in translation.choices]:
            other.refuse(
                translation.line, "the choices must be those of the English file, [x] at the same one"
            )
    pairs = zip(english.exercises, other.exercises, strict=True)
    return replace(other, exercises=tuple(_exercise(other, ours, theirs) for ours, theirs in pairs))


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
