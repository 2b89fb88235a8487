"""The learner's board: how far every exercise and quiz is, in words and signs, not colours alone."""

import html
import re
from dataclasses import dataclass

from metalib import place
from metalib.exercises import course, progress
from metalib.exercises.parcel import Parcel
from metalib.exercises.tally import Tally, count
from metalib.i18n import _, ngettext


@dataclass(frozen=True)
class Line:
    """One exercise or quiz on the board. `sign` says in one character what `state` says in words."""

    title: str
    sign: str
    state: str

    @property
    def said(self) -> str:
        return _("{title}: {state}").format(title=self.title, state=self.state)


@dataclass(frozen=True)
class Row:
    """One chapter on the board: its exercises and its quiz, and how its predictions went."""

    chapter: str
    lines: tuple[Line, ...]
    predictions: Tally

    @property
    def signs(self) -> str:
        """The signs of its exercises and its quiz, side by side."""
        return "".join(line.sign for line in self.lines)

    @property
    def begun(self) -> bool:
        return any(line.sign != _NOT_YET for line in self.lines) or self.predictions.guessed > 0

    @property
    def summary(self) -> str:
        """How far the chapter is, in words."""
        done = sum(line.sign == _DONE for line in self.lines)
        said = _("{done} of {total} done").format(done=done, total=len(self.lines))
        if self.predictions.total:
            said += ", " + _("{guessed} of {total} predictions made").format(**vars(self.predictions))
        return said


@dataclass(frozen=True)
class Board:
    """A row a chapter, which opens; as a text, the chapters that were begun are open."""

    rows: tuple[Row, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """All exercises and quizzes, in the order of the chapters."""
        return tuple(line for row in self.rows for line in row.lines)

    def __repr__(self) -> str:
        if not self.rows:
            return _("There are no exercises yet.")
        text = []
        for row in self.rows:
            text.append(f"{row.chapter}  {row.signs}  {row.summary}")
            if row.begun:
                text += [f"  {line.sign} {line.said}" for line in row.lines]
        return "\n".join([*text, "", self._summary()])

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{html.escape(repr(self))}</p>"
        summary = re.sub("`(.*?)`", r"<code>\1</code>", html.escape(self._summary()))
        if place.here() == place.BINDER:  # on Colab a link saves nothing
            summary += f" {Parcel(progress.export()).link()}"
        return f"<p>{summary}</p>\n" + "\n".join(map(_row_html, self.rows))

    def _summary(self) -> str:
        done = sum(line.sign == _DONE for line in self.lines)
        return _kept().format(done=done, total=len(self.lines), place=place.NAMES.get(place.here()))


def _kept() -> str:
    """How much is done, to be filled in, and where that is kept and for how long."""
    if place.here() == place.HUB:
        return _(
            "{done} of {total} done. Kept in a file of yours on this server; nothing is sent anywhere else."
        )
    if place.lasts():
        return _("{done} of {total} done. Kept in a file on this computer; nothing is sent anywhere.")
    return _(
        "{done} of {total} done. {place} takes this machine back when you have left, and your progress with "
        "it: `exercises.download()` gives you a file to take along, and `exercises.resume()` takes it up the "
        "next time."
    )


def _row_html(row: Row) -> str:
    """What opens on a click or with Enter, in every notebook and on GitHub. The signs are words inside."""
    head = (
        f'<b style="display: inline-block; width: 25em; max-width: 90%">{html.escape(row.chapter)}</b> '
        f'<span aria-hidden="true" style="display: inline-block; min-width: 8em; letter-spacing: 2px">'
        f"{row.signs}</span> {html.escape(row.summary)}"
    )
    lines = "".join(
        f'<li style="list-style: none">{line.sign} {html.escape(line.said)}</li>' for line in row.lines
    )
    return (
        f'<details style="border-top: 1px solid #8888; padding: 4px 0"><summary>{head}</summary>'
        f'<ul style="margin: 4px 0 8px">{lines}</ul></details>'
    )


_NOT_YET, _BEGUN, _DONE = "○", "◐", "✓"


def board() -> Board:
    """The state of every exercise, quiz and prediction of the course, from the progress file."""
    entries, rows = progress.load(), []
    for number, chapter in course.chapters().items():
        lines = [
            Line(exercise.title, *_exercise_state(_facts(entries, exercise.id)))
            for exercise in chapter.exercises
        ]
        if chapter.quiz:
            lines.append(Line(_("Quiz"), *_quiz_state(chapter.quiz, _facts(entries, chapter.quiz.id))))
        rows.append(Row(f"{number} {chapter.title}", tuple(lines), count(chapter.predictions)))
    return Board(tuple(rows))


def _facts(entries: dict, id: str) -> dict:
    found = entries.get(id)
    return found if isinstance(found, dict) else {}


def _exercise_state(facts: dict) -> tuple[str, str]:
    hints = progress.number(facts, "hints")
    helped = " " + ngettext("({n} hint)", "({n} hints)", hints).format(n=hints) if hints else ""
    if facts.get("passed"):
        if facts.get("solution"):
            return _DONE, _("passed after seeing the solution")
        return _DONE, _("passed") + helped
    if facts.get("solution"):
        return _BEGUN, _("solution seen, not passed yet")
    if facts.get("attempted"):
        return _BEGUN, _("begun") + helped
    return _NOT_YET, _("not attempted yet") + helped


def _quiz_state(quiz, facts: dict) -> tuple[str, str]:
    right, total = len(quiz.answered_right()), len(quiz.questions)
    state = _("{right} of {total} answered right").format(right=right, total=total)
    if again := quiz.read_again():
        state += " " + _("(read again: {chapters})").format(chapters=", ".join(again))
    if right == total:
        return _DONE, state
    return (_BEGUN, state) if facts else (_NOT_YET, _("not attempted yet"))
