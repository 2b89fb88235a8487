"""Predict before you see: `exercises.predict("03/between", figure)` as the last line of a chapter's cell.

The question stands in the chapter's Markdown (`reader`), the answer is what the cell has made: a figure, a
text, anything that a notebook can show. Nothing of it is in the page until the reader has committed to a
guess or has asked to see it without one; then it opens below, and the guess stays beside it. Where no kernel
runs, the answer is folded. Nothing waits for a guess: *Run all* goes on.

The first guess is what the tally counts; a later one is made by somebody who knows the answer.
"""

import base64
import html
import io
import re
from collections.abc import Sequence
from typing import Any

from metalib import notebook
from metalib.exercises import course, progress
from metalib.exercises.question import (
    NEAR,
    RIGHT,
    WRONG,
    Question,
    as_html,
    as_plain,
    filled,
    paragraphs,
    places,
)  # fmt: skip
from metalib.exercises.tally import guess_in, tally
from metalib.exercises.view import QuestionsView, on_page, shown
from metalib.i18n import _

Part = tuple[str, str]  # of an answer: as HTML, and as plain text
ALT = re.compile(r'(<img [^>]*?alt=)"[^"]*"')


def predict(id: str, *answer: object, **values: object) -> "Prediction":
    """Ask the prediction `id` ("03/between"), and open `answer` below it when the reader has guessed.

    Args:
        answer: what answers it, in order: figures, texts, tables, whatever a notebook shows.
        values: what stands in the places of the content's words, `{loss:.2f}`, and the right number where a
            number is asked for.

    Raises:
        ValueError: there is no such prediction, a place has no value, or a value has no place.
    """
    return Prediction(course.prediction(id), answer, values)


class Prediction:
    """One prediction with its answer; it shows itself."""

    def __init__(self, question: Question, answer: Sequence[object], values: dict[str, object]):
        wanted = places(question.said_after) | question.needs
        if missing := sorted(wanted - values.keys()):
            raise ValueError(f"predict({question.id!r}) needs values for {', '.join(missing)}.")
        if unknown := sorted(values.keys() - wanted):
            raise ValueError(f"predict({question.id!r}) has no place for {', '.join(unknown)}.")
        for text in question.said_after:
            filled(text, values)  # a value of another kind is refused here, not when the reader looks
        question.check(values)
        self.question, self.values = question, values
        alts = [filled(text, values) for text in question.alt]
        self.parts = [_part(item, alts) for item in answer]

    # Live

    def view(self) -> QuestionsView:
        """The live prediction; it is open already where the progress file has a guess."""
        view = QuestionsView(self._answered, questions=[self.question.asked()])
        kept = progress.entry(self.question.id)
        guess = guess_in(kept, "last")
        if guess is not None and not self._possible(guess):
            guess = None  # at what the question was once
        if guess is not None or kept.get("shown"):
            view.answer = self._opened(guess)
        return view

    def _possible(self, guess: str) -> bool:
        try:
            self.question.judge(guess, self.values)
        except ValueError:
            return False
        return True

    def _answered(self, _name: str, guess: str | None) -> None:
        id = self.question.id
        if guess is None:
            progress.record(id, shown=True)
        else:
            now = {"guess": guess, "verdict": self.question.judge(guess, self.values)}
            kept = progress.entry(id)
            first = {} if kept.get("first") or kept.get("shown") else {"first": now}
            progress.record(id, last=now, **first)
        if view := on_page(id):
            view.answer = {**self._opened(guess), "n": view.answer.get("n", 0) + 1}
        if quiz := on_page(f"{id[:2]}/quiz"):
            quiz.tally = tally(course.chapters()[id[:2]].predictions)

    def _opened(self, guess: str | None) -> dict[str, Any]:
        """What the browser shows of the answer, beside a guess or without one."""
        verdict = self.question.judge(guess, self.values) if guess is not None else ""
        return {
            "guess": guess,
            "verdict": verdict,
            "right": [item.id for item in self.question.items if item.correct],
            "head": self._head(guess, verdict),
            "html": "".join(part for part, _plain in self.parts)
            + self.question.opened_html(guess or "", self.values)
            + self._answer_html(),
        }

    def _head(self, guess: str | None, verdict: str) -> str:
        if guess is None:
            return html.escape(_("Opened without a guess."))
        said = {RIGHT: _("✓ right"), NEAR: _("≈ near"), WRONG: _("✗ not this time")}
        mark = f" <span>{html.escape(said[verdict])}</span>" if verdict in said else ""
        words = _("You guessed: {guess}").format(guess=f"<b>{self.question.in_words(guess)}</b>")
        return f"{words}{mark}"

    def _answer_html(self) -> str:
        return paragraphs([as_html(filled(self.question.answer, self.values))])

    # Where no kernel runs

    def __repr__(self) -> str:
        return "\n".join([self._asked_plain(), "", _("Guess first; the answer stands in `.answer`.")])

    @property
    def answer(self) -> str:
        """The answer as plain text."""
        answer = as_plain(filled(self.question.answer, self.values))
        lines = [plain for _html, plain in self.parts] + self.question.answer_plain(self.values)
        return "\n".join([*lines, *([answer] if answer else [])])

    def _asked_plain(self) -> str:
        head = _("Predict: {question}").format(question=as_plain(self.question.text))
        return "\n".join([head, *self.question.asked_plain()])

    def _repr_html_(self) -> str:
        head = _("Predict: {question}").format(question=as_html(self.question.text))
        answer = _("Guess first, then open the answer")
        return (
            '<div style="border-left: 4px solid #0072b2; padding-left: 14px">\n'
            f"<p><b>{head}</b></p>\n{self.question.asked_html()}\n"
            f"<details><summary>{answer}</summary>\n"
            + "\n".join(part for part, _plain in self.parts)
            + self.question.answer_html(self.values)
            + self._answer_html()
            + "</details>\n</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> notebook.Bundle:
        plain = "\n".join([self._asked_plain(), "", _("Answer"), self.answer]) if _folds() else repr(self)
        return shown(self.question.id, self.view(), self._repr_html_(), plain)


def _folds() -> bool:
    """Is this a notebook, where HTML folds the answer? A terminal would print it below the question."""
    from IPython import get_ipython

    shell = get_ipython()
    return shell is None or hasattr(shell, "kernel")


# What a notebook shows, as HTML and as text


def _part(item: object, alts: list[str]) -> Part:
    """One thing that answers; the next of `alts` is the text alternative of a picture."""
    if isinstance(item, str):
        return f"<pre>{html.escape(item)}</pre>", item
    data, metadata = _formatted(item)
    plain = str(data.get("text/plain", ""))
    if "text/html" in data:
        shown = str(data["text/html"])
        if alts and ALT.search(shown):
            plain = alts.pop(0)
            shown = ALT.sub(lambda old: f'{old[1]}"{html.escape(plain)}"', shown, count=1)
        return shown, plain
    if "image/png" in data:
        png = data["image/png"]
        facts = metadata.get("image/png", {})
        plain = alts.pop(0) if alts else str(facts.get("alt") or plain)
        file = png if isinstance(png, bytes) else base64.b64decode(png)
        return notebook.picture(file, plain, facts.get("width", 0)), plain
    return f"<pre>{html.escape(plain)}</pre>", plain


def _formatted(item: Any) -> notebook.Bundle:
    """The MIME bundle of anything, as IPython makes it, and its metadata."""
    from IPython.core.formatters import DisplayFormatter
    from matplotlib.figure import Figure

    data, metadata = DisplayFormatter().format(item)
    if isinstance(item, Figure) and not data.keys() & {"image/png", "text/html"}:
        buffer = io.BytesIO()
        item.savefig(buffer, format="png", bbox_inches="tight")
        data = {**data, "image/png": buffer.getvalue()}
    return data, metadata
