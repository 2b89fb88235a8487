"""What a content file holds, as `reader` reads it: titles, statements, code, hints, messages, questions."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


class ContentError(ValueError):
    """A content file is not as it must be; the message begins with file:line."""


def refuse(path: Path, line: int, reason: str) -> NoReturn:
    """Stop with a ContentError that begins as an author knows the file: "content/en/03_maml.md:57: …"."""
    raise ContentError(f"{'/'.join(path.parts[-3:])}:{line}: {reason}.")


@dataclass(frozen=True)
class Program:
    """A stub or a solution; empty where a translation has none of its own."""

    text: str
    line: int


@dataclass(frozen=True)
class WrongText:
    """A wrong answer: its message and its whole code (none in a translation)."""

    id: str
    message: str
    code: str
    line: int


@dataclass(frozen=True)
class ChoiceText:
    """A choice, and why it is right or wrong; or a line to put in order, and why it stands there.

    `id` is made of the English text, so that a kept guess stays true when the choices change places.
    """

    text: str
    why: str = ""
    correct: bool = False
    id: str = ""


@dataclass(frozen=True)
class NumberText:
    """What a question for a number takes as right: a value, or the name of one that the cell gives."""

    value: float | str
    unit: str = ""
    within: float = 0.0
    factor: bool = False  # is `within` a factor, not a distance


@dataclass(frozen=True)
class QuestionText:
    """A question of a quiz, or a prediction: one of `choices`, `number` and `lines` is given."""

    id: str
    text: str
    choices: tuple[ChoiceText, ...] = ()
    line: int = 0
    number: NumberText | None = None
    lines: tuple[ChoiceText, ...] = ()  # in their right order
    answer: str = ""
    alt: tuple[str, ...] = ()  # one text for each picture of the answer
    chapter: str = ""  # in a final test, the number of the chapter to read again, "03"


@dataclass(frozen=True)
class ExerciseText:
    """An exercise as its file has it. In a translation `name` is empty, and `stub` and `solution` may be."""

    id: str
    title: str
    line: int
    statement: str
    name: str
    difficulty: int
    minutes: int
    stub: Program
    solution: Program
    hints: tuple[str, ...]
    wrong: tuple[WrongText, ...]
    passed: str


@dataclass(frozen=True)
class ChapterText:
    """What one file holds."""

    path: Path
    title: str
    exercises: tuple[ExerciseText, ...]
    questions: tuple[QuestionText, ...]
    quiz_line: int = 0  # 0: there is no quiz
    predictions: tuple[QuestionText, ...] = ()
    predictions_line: int = 0

    def refuse(self, line: int, reason: str) -> NoReturn:
        """Stop with a ContentError at a line of this file."""
        refuse(self.path, line, reason)
