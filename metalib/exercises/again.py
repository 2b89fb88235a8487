"""What a final test tells its reader to read again, by chapter."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metalib import place
from metalib.exercises.question import RIGHT, Question
from metalib.i18n import _


@dataclass(frozen=True)
class Place:
    """A chapter of the course: its number and title, and the file of its notebook."""

    title: str
    notebook: str

    @property
    def address(self) -> str:
        """Where a link leads: beside this notebook, or on Colab, whose notebooks have no neighbours, to the
        course's own."""
        on_colab = place.here() == place.COLAB
        return f"{place.chapters_on_colab()}{self.notebook}" if on_colab else self.notebook

    def link(self) -> str:
        """The title, which leads there, as HTML."""
        return f'<a href="{html.escape(self.address)}" target="_blank">{html.escape(self.title)}</a>'


def missed(questions: Sequence[Question], verdicts: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of the questions that were answered and not right at first, by chapter and in its order.

    verdicts: of the first answer to each question answered so far, by its name.
    """
    found: dict[str, list[str]] = {}
    for question in questions:
        if verdicts.get(question.name, RIGHT) != RIGHT:
            found.setdefault(question.chapter, []).append(question.name)
    return dict(sorted(found.items()))


def shelf(questions: Sequence[Question], places: Mapping[str, Place]) -> list[dict[str, Any]]:
    """For the browser: each chapter that is asked about, and the names of its questions."""
    return [
        {
            "title": places[number].title,
            "address": places[number].address,
            "questions": [question.name for question in questions if question.chapter == number],
        }
        for number in sorted({question.chapter for question in questions})
    ]


def advice(chapter: Place) -> str:
    """What stands behind a folded answer, as HTML."""
    asked = _("If you missed it, read again:")
    return f"<p>{html.escape(asked)} {chapter.link()}</p>"
