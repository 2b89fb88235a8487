"""How often the reader's predictions were right, from the progress file.

    {"03/between": {"first": {"guess": "c3fa12", "verdict": "wrong"},
                    "last": {"guess": "9b01e4", "verdict": "right"}}}

Only first guesses count, and only those made before the answer was open (`"shown": true`: it was opened
without a guess).
"""

import html
from dataclasses import dataclass

from metalib.exercises import progress
from metalib.exercises.question import NEAR, RIGHT, Question
from metalib.i18n import _, ngettext


@dataclass(frozen=True)
class Tally:
    """How many predictions a chapter has, how many of them were guessed, and how many right or near."""

    total: int
    guessed: int
    right: int
    near: int


def count(predictions: tuple[Question, ...]) -> Tally:
    """What the progress file knows of these predictions."""
    entries, verdicts = progress.load(), []
    for question in predictions:
        facts = entries.get(question.id)
        if isinstance(facts, dict) and guess_in(facts, "first") is not None:
            verdicts.append(facts["first"].get("verdict"))
    return Tally(len(predictions), len(verdicts), verdicts.count(RIGHT), verdicts.count(NEAR))


def guess_in(facts: dict, which: str) -> str | None:
    """The "first" or the "last" guess of an entry of the progress file."""
    found = facts.get(which)
    guess = found.get("guess") if isinstance(found, dict) else None
    return guess if isinstance(guess, str) else None


def tally(predictions: tuple[Question, ...]) -> str:
    """How often the reader was right, as HTML; nothing where a chapter predicts nothing."""
    found = count(predictions)
    if not found.total:
        return ""
    if not found.guessed:
        said = ngettext(
            "This chapter asked for one prediction. You can still go back and make it.",
            "This chapter asked for {total} predictions. You can still go back and make them.",
            found.total,
        )
        return html.escape(said.format(total=found.total))
    said = ngettext(
        "You guessed before you looked: {right} right, {near} near.",
        "You guessed {guessed} of {total} times before you looked: {right} right, {near} near.",
        found.total,
    )
    said = said.format(**vars(found))
    if found.right < found.guessed:
        said += " " + _("Each wrong guess marks a place where there was something to learn.")
    return html.escape(said)
