"""A quiz: questions whose explanation opens at once, right or wrong."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from metalib import notebook
from metalib.exercises import progress
from metalib.exercises.again import Place, advice, missed, shelf
from metalib.exercises.question import RIGHT, Question, as_html, as_plain
from metalib.exercises.tally import tally
from metalib.exercises.view import QuestionsView, shown
from metalib.i18n import _

# Early progress files know a question by its place in the quiz.
_PLACES = {
    "00/quiz": "one-step",
    "01/quiz": "better-at from-scratch smoothest-curve same-tasks poor-choice",
    "02/quiz": "support-size same-characters adapt-returns paired-difference learns-the-distribution",
    "03/quiz": "whose-loss sum-of-errors create-graph before-the-step amplitude-ten",
    "04/quiz": "where-the-hessian million-parameters small-alpha same-curvature two-over-alpha",
    "05/quiz": "what-is-trained sixth-class how-many-ways one-at-a-time blue-region",
    "06/quiz": "ratio shifted squared-or-not temperature-only two-blobs",
    "07/quiz": "shuffled-characters best-of-ten three-seeds helped-maml divided-logits",
}


class Quiz:
    """A quiz shows itself: to be answered where a kernel runs, as a text where none does.

    Where its questions name chapters it is a final test: each question's first answer counts, and the end
    lists what to read again. It can be taken again, whenever it is shown anew.

    predictions: those of its chapter; it begins with how they went.
    places: the chapters of the course, by number.
    """

    def __init__(
        self,
        id: str,
        questions: tuple[Question, ...],
        predictions: tuple[Question, ...] = (),
        places: Mapping[str, Place] = MappingProxyType({}),
    ):
        if not re.fullmatch(r"\d\d/quiz", id):
            raise ValueError(f"A quiz's id must look like '03/quiz', not {id!r}.")
        if not questions:
            raise ValueError(f"The quiz {id!r} has no questions.")
        for question in questions:
            question.needs_explanations()
        named = {question.chapter for question in questions}
        self.is_test = named != {""}
        if self.is_test and (unknown := sorted(named - places.keys())):
            raise ValueError(
                f"Each question of {id!r} must name a chapter of the course, not {unknown[0]!r}."
            )
        self.places = places
        self.id, self.questions, self.predictions = id, tuple(questions), tuple(predictions)

    @property
    def words(self) -> str:
        """All that a translator translates, in one piece."""
        told = (question.words.split("\n", 1)[1] for question in self.questions)
        return "\n".join([*(question.text for question in self.questions), *told])

    def answered_right(self, facts: Mapping | None = None) -> list[str]:
        """The names of the questions answered right so far, as the progress file knows (`facts`: another
        one's entry about this quiz); in a final test those whose first answer was right."""
        facts = progress.entry(self.id) if facts is None else facts
        if self.is_test:
            first = self.first_answers(facts)
            return [question.name for question in self.questions if first.get(question.name) == RIGHT]
        right = facts.get("right")
        if not isinstance(right, dict):
            return []
        places = _PLACES.get(self.id, "").split()
        return [
            question.name
            for question in self.questions
            if right.get(question.name)
            or (question.name in places and right.get(str(places.index(question.name))))
        ]

    def first_answers(self, facts: Mapping | None = None) -> dict[str, str]:
        """In a final test, the verdict on the first answer to each question when it was last taken."""
        first = (progress.entry(self.id) if facts is None else facts).get("first")
        names = {question.name for question in self.questions}
        return (
            {name: str(kept) for name, kept in first.items() if name in names}
            if isinstance(first, dict)
            else {}
        )

    def read_again(self) -> dict[str, list[str]]:
        """In a final test, what was missed at first: the names of the questions, by the number of the chapter
        that teaches them."""
        return missed(self.questions, self.first_answers()) if self.is_test else {}

    def view(self) -> QuestionsView:
        """The live quiz. Tab and arrow keys choose; the explanation appears at once, the score is kept."""
        test: dict[str, Any] = {}
        if self.is_test:
            test = {"shelf": shelf(self.questions, self.places), "first": self.first_answers()}
        return QuestionsView(
            self._keeper(),
            **test,
            quiz=True,
            questions=[{**question.asked(), "id": question.name} for question in self.questions],
            explained={question.name: question.explained() for question in self.questions},
            right=self.answered_right(),
            tally=tally(self.predictions),
        )

    def _keeper(self) -> Callable[[str, str | None], None]:
        """What keeps the answers that are given in one view."""
        seen: set[str] = set()

        def keep(name: str, guess: str | None) -> None:
            for question in self.questions:
                if question.name == name and guess is not None:
                    verdict = question.judge(guess)
                    first = {"first": {name: verdict}} if self.is_test and name not in seen else {}
                    seen.add(name)
                    right = {name: True} if verdict == RIGHT else {}
                    progress.record(self.id, attempted=True, right=right, **first)

        return keep

    def __repr__(self) -> str:
        lines = [_("Quiz")]
        for n, question in enumerate(self.questions, 1):
            lines += ["", f"{n}. {as_plain(question.text)}", *question.asked_plain()]
        lines += ["", _("Answers")]
        for n, question in enumerate(self.questions, 1):
            answer = [*question.answer_plain(), *([as_plain(question.answer)] if question.answer else [])]
            lines += [f"{n}. {line}" for line in answer]
            if self.is_test:
                again = _("If you missed it, read again:")
                lines.append(f"{n}. {again} {self.places[question.chapter].title}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        answer = _("Answer")
        return "\n".join(
            f"<p><b>{n}. {as_html(question.text)}</b></p>\n{question.asked_html()}\n"
            f"<details><summary>{answer}</summary>{question.answer_html()}"
            f"{f'<p>{as_html(question.answer)}</p>' if question.answer else ''}"
            f"{advice(self.places[question.chapter]) if self.is_test else ''}</details>"
            for n, question in enumerate(self.questions, 1)
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> notebook.Bundle:
        return shown(self.id, self.view(), self._repr_html_(), repr(self))
