"""Questions in the browser: the one widget behind quizzes and predictions. Its other half is questions.js."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from metalib import notebook
from metalib.i18n import _

_HERE = Path(__file__).parent


class QuestionsView(anywidget.AnyWidget):
    """Questions that can be answered by mouse, touch and keyboard.

    What the learner answers goes to `answered(name of the question, guess)`; a guess is None where the answer
    is to be shown without one. `answer` is what opens below a prediction: it stays empty until it is asked
    for, so that nothing of the answer is in the page before.
    """

    # ipywidgets' own RadioButtons will not do: they are no group to the keyboard (no arrow keys), and their
    # labels are one line of fixed height.
    _esm = (_HERE / "questions.js").read_text(encoding="utf-8")
    _css = (_HERE / "questions.css").read_text(encoding="utf-8")
    _ipython_display_ = None  # ipywidgets 7 would show its own bundle, without what Colab needs
    questions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    quiz = traitlets.Bool().tag(sync=True)  # explained at once, in the browser
    explained: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)  # by question; only in a quiz
    right: traitlets.List[str] = traitlets.List().tag(sync=True)  # the questions answered right so far
    # Of a final test: the chapters that it asks about, with their questions; and the verdicts on the first
    # answers when it was last taken, by question.
    shelf: traitlets.List[Any] = traitlets.List().tag(sync=True)
    first: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)
    tally = traitlets.Unicode().tag(sync=True)  # how often the chapter's predictions were right, as HTML
    answer: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    words: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)

    def __init__(self, answered: Callable[[str, str | None], None], **traits: Any) -> None:
        super().__init__(words=_words(), **traits)
        self._answered = answered
        self.on_msg(self._receive)

    def receive(self, question: str, guess: str | None) -> None:
        """Answer as the browser does. Raises ValueError for what is no guess at this question."""
        self._answered(question, guess)

    def _receive(self, _widget: QuestionsView, content: dict, _buffers: list) -> None:
        self.receive(content["question"], content.get("guess"))


def _words() -> dict[str, str]:
    """What the browser says by itself."""
    return {
        "predict": _("Predict"),
        "commit": _("That is my guess"),
        "show": _("Show me without guessing"),
        "again": _("Guess again"),
        "after_all": _("Guess after all"),
        "waiting": _("The answer opens once the kernel is free. (Was it restarted? Run this cell again.)"),
        "check": _("Check"),
        "score": _("{right} of {total} answered right."),
        "first": _("Right at the first answer: {right} of {total}. Not answered yet: {open}."),
        "test": _("The first answer to each question counts. To take the test again, run this cell again."),
        "read_again": _("Read again:"),
        "missed": _("missed: {questions}"),
        "question": _("question {n}"),
        "nothing": _("Nothing to read again so far."),
        "all": _("Nothing to read again: every first answer was right."),
        "number": _("Your number"),
        "no_number": _("Please write one number, for example 12.5."),
        "how": _("Move a line with the arrow keys, with its arrows, or by dragging."),
        "up": _("Move up: {line}"),
        "down": _("Move down: {line}"),
        "moved": _("{line}: now in place {n} of {total}"),
        "in_order": _("✓ Right. {why}"),
        "out_of_order": _("✗ No. Line {n} is the first that is out of place. {why}"),
    }


_shown: dict[str, QuestionsView] = {}
"""What is on the page now, by the id of the quiz or the prediction."""


def shown(id: str, view: QuestionsView, html: str, plain: str) -> notebook.Bundle:
    """What a notebook gets to show: live, and where no kernel runs. What was shown under this id before is
    gone from the page and is closed; a widget that nobody closes stays in the kernel's memory."""
    if id in _shown:
        _shown[id].close()
    _shown[id] = view
    return notebook.bundle(plain, html, view)


def on_page(id: str) -> QuestionsView | None:
    """The view that is shown under this id."""
    return _shown.get(id)
