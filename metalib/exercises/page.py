"""What a page without a kernel needs so that its quizzes and predictions can be answered: plain JSON.

    with speaking("zh"):
        page.quiz("03/quiz")                    the questions, and an explanation of every answer
        page.prediction("03/between", html)     the question, and what makes a guess at it right

The page has the same widget as the notebook (questions.js). Nothing of a learner's progress goes into it.
What opens below a prediction is what its cell has put out: figures and numbers are there and nowhere else.
"""

import html
import re
from typing import Any

from metalib.exercises import course
from metalib.exercises.exercise import Exercise
from metalib.exercises.question import LETTERS, RIGHT, Number, Order, Question
from metalib.exercises.quiz import Quiz
from metalib.exercises.view import QuestionsView
from metalib.i18n import _


def quiz(id: str) -> dict[str, Any]:
    """A quiz: its questions, what is said to every answer, and in a final test the chapters it asks about.

    Raises:
        ValueError: there is no such quiz.
    """
    found = course.get(id)
    if not isinstance(found, Quiz):
        raise ValueError(f"{id} is no quiz.")
    with_them = found.view()
    try:
        return {name: getattr(with_them, name) for name in ("questions", "explained", "shelf")}
    finally:
        with_them.close()


def prediction(id: str, shown: str) -> dict[str, Any]:
    """A prediction: its question, and how a guess is judged.

    Args:
        id: its id.
        shown: the HTML that its cell has put out, in the language in use. It tells the right number where
            only the cell knows it.

    Raises:
        ValueError: there is no such prediction, or its HTML does not tell the right number.
    """
    question = course.prediction(id)
    asked = question.asked()
    if question.kind == "choice":  # the answer below names the choices by their letters
        for letter, item in zip(LETTERS, asked["items"], strict=False):
            item["text"] = f"{letter}) {item['text']}"
    return {"question": asked, "judged": _judged(question, shown)}


def _judged(question: Question, shown: str) -> dict[str, Any]:
    if isinstance(question, Order):
        return {name: question.explained()[name] for name in ("right", "texts")}
    if isinstance(question, Number):
        value = told(question, shown) if question.needs else question.value
        return {"value": value, "within": question.within, "factor": question.factor}
    return {"right": [item.id for item in question.items if item.correct]}


def told(question: Number, shown: str) -> float:
    """The right number as the answer tells it, to three digits. Raises ValueError where it does not."""
    sentence = _("It is {number}.").split("{number}")
    before, unit, after = (
        re.escape(html.escape(part, quote=False)) for part in (sentence[0], question.unit, sentence[1])
    )
    if found := re.search(rf"<p>{before}([−\d.e+]+) ?{unit}{after}", shown):
        return float(found[1].replace("−", "-"))
    raise ValueError(f"The answer of {question.id} does not tell its number; is its notebook an old one?")


def words() -> dict[str, str]:
    """What the page's own script and questions.js say by themselves."""
    return {
        **QuestionsView(lambda name, guess: None).words,
        "test": _("The first answer to each question counts. To take the test again, load this page again."),
        "guessed": _("You guessed: {guess}"),
        "opened": _("Opened without a guess."),
        RIGHT: _("✓ right"),
        "near": _("≈ near"),
        "wrong": _("✗ not this time"),
    }


def exercise(id: str) -> dict[str, Any]:
    """An exercise's hints (Markdown) and its solution, each with the name that it is folded under, and where
    its check runs: a sentence with a gap {places}.

    Raises:
        ValueError: there is no such exercise.
    """
    found = course.get(id)
    if not isinstance(found, Exercise):
        raise ValueError(f"{id} is no exercise.")
    total = len(found.hints)
    return {
        "hints": [
            {"name": _("Hint {n} of {total}").format(n=n, total=total), "text": hint}
            for n, hint in enumerate(found.hints, 1)
        ],
        "solution": {"name": _("One solution"), "code": found.solution_text.strip()},
        "check": _("Whether your answer is right is checked where Python runs: {places}"),
    }
