"""The learner's board: how far every exercise and quiz is, in words and signs, not colours alone."""

import html
from dataclasses import dataclass

from metalib.exercises import course, progress
from metalib.i18n import _, ngettext


@dataclass(frozen=True)
class Line:
    """One exercise or quiz on the board. `sign` says in one character what `state` says in words."""

    chapter: str
    title: str
    sign: str
    state: str


@dataclass(frozen=True)
class Board:
    """A table in a notebook, a text elsewhere."""

    lines: tuple[Line, ...]

    def __repr__(self) -> str:
        if not self.lines:
            return _("There are no exercises yet.")
        text, chapter = [], None
        for line in self.lines:
            if line.chapter != chapter:
                chapter = line.chapter
                text.append(chapter)
            said = _("{title}: {state}").format(title=line.title, state=line.state)
            text.append(f"  {line.sign} {said}")
        return "\n".join([*text, "", self._summary()])

    def _repr_html_(self) -> str:
        if not self.lines:
            return f"<p>{html.escape(repr(self))}</p>"
        rows = []
        for n, line in enumerate(self.lines):
            cells = ""
            if n == 0 or self.lines[n - 1].chapter != line.chapter:
                span = sum(other.chapter == line.chapter for other in self.lines)
                cells = (
                    f'<th scope="rowgroup" rowspan="{span}" style="{_CELL}">{html.escape(line.chapter)}</th>'
                )
            cells += f'<th scope="row" style="{_CELL}; font-weight: normal">{html.escape(line.title)}</th>'
            cells += f'<td style="{_CELL}">{line.sign} {html.escape(line.state)}</td>'
            rows.append(f"<tr>{cells}</tr>")
        heads = "".join(
            f'<th scope="col" style="{_CELL}">{name}</th>'
            for name in (_("Chapter"), _("Exercise"), _("State"))
        )
        return (
            f'<table style="border-collapse: collapse">'
            f'<caption style="text-align: left">{html.escape(self._summary())}</caption>'
            f"<thead><tr>{heads}</tr></thead>\n<tbody>" + "\n".join(rows) + "</tbody></table>"
        )

    def _summary(self) -> str:
        done = sum(line.sign in _DONE for line in self.lines)
        return _("{done} of {total} done. Kept in a file on this computer; nothing is sent anywhere.").format(
            done=done, total=len(self.lines)
        )


_CELL = "text-align: left; vertical-align: top; padding: 3px 12px; border-top: 1px solid #8888"
_DONE = "✓"


def board() -> Board:
    """The state of every exercise and quiz of the course, from the progress file."""
    entries, lines = progress.load(), []
    for number, chapter in course.chapters().items():
        heading = f"{number} {chapter.title}"
        for exercise in chapter.exercises:
            lines.append(Line(heading, exercise.title, *_exercise_state(_facts(entries, exercise.id))))
        if chapter.quiz:
            facts = _facts(entries, chapter.quiz.id)
            lines.append(Line(heading, _("Quiz"), *_quiz_state(chapter.quiz, facts)))
    return Board(tuple(lines))


def _facts(entries: dict, id: str) -> dict:
    found = entries.get(id)
    return found if isinstance(found, dict) else {}


def _exercise_state(facts: dict) -> tuple[str, str]:
    hints = progress.number(facts, "hints")
    helped = " " + ngettext("({n} hint)", "({n} hints)", hints).format(n=hints) if hints else ""
    if facts.get("passed"):
        if facts.get("solution"):
            return "✓", _("passed after seeing the solution")
        return "✓", _("passed") + helped
    if facts.get("solution"):
        return "◐", _("solution seen, not passed yet")
    if facts.get("attempted"):
        return "◐", _("begun") + helped
    return "○", _("not attempted yet") + helped


def _quiz_state(quiz, facts: dict) -> tuple[str, str]:
    right, total = len(quiz.answered_right()), len(quiz.questions)
    state = _("{right} of {total} answered right").format(right=right, total=total)
    if right == total:
        return "✓", state
    return ("◐", state) if facts else ("○", _("not attempted yet"))
