"""A quiz: questions with one right choice each, and an explanation for every choice, right or wrong.

Its text stands in a chapter's Markdown (`reader`), in plain Unicode (θ′ = θ − α∇L) with code between
backticks: a quiz renders no LaTeX.
"""

import html
import re
from dataclasses import dataclass
from pathlib import Path

import anywidget
import traitlets

from metalib.exercises import progress
from metalib.i18n import _

_HERE = Path(__file__).parent


class QuizView(anywidget.AnyWidget):
    """The live quiz in the browser. `chosen` maps a question's index to that of the choice."""

    # ipywidgets' own RadioButtons will not do: they are no group to the keyboard (no arrow keys), and their
    # labels are one line of fixed height.
    _esm = (_HERE / "quiz.js").read_text(encoding="utf-8")
    _css = (_HERE / "quiz.css").read_text(encoding="utf-8")
    questions: traitlets.List = traitlets.List().tag(sync=True)
    right: traitlets.List = traitlets.List().tag(sync=True)
    score_text = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)


@dataclass(frozen=True)
class Choice:
    """One choice: its text, and `why` it is right or what is wrong with it."""

    text: str
    why: str
    correct: bool = False


@dataclass(frozen=True)
class Question:
    """A question and its choices, exactly one of them correct."""

    text: str
    choices: tuple[Choice, ...]

    def __post_init__(self):
        if not self.text.strip():
            raise ValueError("A question must not be empty.")
        if len(self.choices) < 2 or sum(choice.correct for choice in self.choices) != 1:
            raise ValueError(f"{self.text!r} needs at least two choices, and exactly one of them correct.")
        if not all(choice.text.strip() and choice.why.strip() for choice in self.choices):
            raise ValueError(f"{self.text!r}: every choice needs a text and an explanation.")
        if len({choice.text for choice in self.choices}) < len(self.choices):
            raise ValueError(f"{self.text!r} has the same choice twice.")


class Quiz:
    """A quiz shows itself: with radio buttons where a kernel runs, as a text where none does."""

    def __init__(self, id: str, questions: tuple[Question, ...]):
        if not re.fullmatch(r"\d\d/quiz", id):
            raise ValueError(f"A quiz's id must look like '03/quiz', not {id!r}.")
        if not questions:
            raise ValueError(f"The quiz {id!r} has no questions.")
        self.id, self.questions = id, tuple(questions)

    @property
    def words(self) -> str:
        """All that a translator translates, in one piece."""
        choices = (choice for question in self.questions for choice in question.choices)
        said = (text for choice in choices for text in (choice.text, choice.why))
        return "\n".join([*(question.text for question in self.questions), *said])

    def answered_right(self) -> list[int]:
        """The indices of the questions answered right so far, as the progress file knows."""
        right = progress.entry(self.id).get("right")
        return [n for n in range(len(self.questions)) if isinstance(right, dict) and right.get(str(n))]

    def view(self) -> QuizView:
        """The live quiz. Tab and arrow keys choose; the explanation appears at once, the score is kept."""
        view = QuizView(
            questions=[
                {
                    "text": _html(question.text),
                    "choices": [
                        {"text": _html(c.text), "why": _judged(c, _html(c.why)), "correct": c.correct}
                        for c in question.choices
                    ],
                }
                for question in self.questions
            ],
            right=self.answered_right(),
            score_text=_("{right} of {total} answered right."),
        )
        view.observe(lambda change: self._keep(change.new), names="chosen")
        return view

    def _keep(self, chosen: dict) -> None:
        right = {n: True for n, choice in chosen.items() if self.questions[int(n)].choices[choice].correct}
        progress.record(self.id, attempted=True, right=right)

    def __repr__(self) -> str:
        lines = [_("Quiz")]
        for n, question in enumerate(self.questions, 1):
            lines += ["", f"{n}. {_plain(question.text)}"]
            lines += [f"   {letter}) {_plain(choice.text)}" for letter, choice in _lettered(question)]
        lines += ["", _("Answers")]
        for n, question in enumerate(self.questions, 1):
            lines += [
                f"{n}{letter}) {_judged(choice, _plain(choice.why))}"
                for letter, choice in _lettered(question)
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts, summary = [], _("Answer")
        for n, question in enumerate(self.questions, 1):
            choices = "".join(
                f"<li>{letter}) {_html(choice.text)}</li>" for letter, choice in _lettered(question)
            )
            answers = "".join(
                f"<li>{letter}) {_judged(choice, _html(choice.why))}</li>"
                for letter, choice in _lettered(question)
            )
            parts.append(
                f"<p><b>{n}. {_html(question.text)}</b></p>\n<ul style='list-style: none'>{choices}</ul>\n"
                f"<details><summary>{summary}</summary>"
                f"<ul style='list-style: none'>{answers}</ul></details>"
            )
        return "\n".join(parts)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        # Written out, because ipywidgets 7 and 8 offer different methods for it.
        view = {"version_major": 2, "version_minor": 0, "model_id": self.view().model_id}
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/html": self._repr_html_(),
            "text/plain": repr(self),
        }


def _lettered(question: Question):
    return zip("ABCDEFGHIJ", question.choices, strict=False)


def _judged(choice: Choice, why: str) -> str:
    return (_("✓ Right. {why}") if choice.correct else _("✗ No. {why}")).format(why=why)


def _html(text: str) -> str:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
    return re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", text)


def _plain(text: str) -> str:
    return re.sub(r"\*([^*\s][^*]*)\*", r"\1", text.replace("`", ""))
