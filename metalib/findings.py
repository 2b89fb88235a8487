"""What a check finds, and reports that show themselves, in a notebook and by `print`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from metalib.i18n import _

WRONG, SUSPICIOUS, FINE, UNSEEN = "wrong", "suspicious", "fine", "unseen"
MARKS = {WRONG: "✗", SUSPICIOUS: "!", FINE: "✓", UNSEEN: "?"}
"""The verdicts, worst first, each with its sign."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: a verdict, a name that stays, what was measured and what can be done."""

    verdict: str
    name: str
    """Empty where there is nothing to name: what is fine, or cannot be seen."""
    sentence: str
    advice: str = ""

    @property
    def mark(self) -> str:
        """The verdict in one sign."""
        return MARKS[self.verdict]

    @property
    def words(self) -> str:
        """What was measured, and what to do."""
        return f"{self.sentence} {self.advice}".strip()

    def __str__(self) -> str:
        return f"{self.name}: {self.words}" if self.name else self.words


@dataclass(frozen=True)
class Report:
    """All findings of a check."""

    findings: tuple[Finding, ...]

    def of(self, verdict: str) -> tuple[Finding, ...]:
        """The findings with this verdict."""
        return tuple(finding for finding in self.findings if finding.verdict == verdict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what is wrong or suspicious, each once, the worst first."""
        return tuple(dict.fromkeys(one.name for one in (*self.of(WRONG), *self.of(SUSPICIOUS))))

    @property
    def heading(self) -> str:
        """The report in one line."""
        raise NotImplementedError

    def __str__(self) -> str:
        lines = [f"{finding.mark} {finding}" for verdict in MARKS for finding in self.of(verdict)]
        return "\n".join([self.heading, *lines])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        lines = [f"**{self.heading}**", ""]
        for finding in (one for verdict in MARKS for one in self.of(verdict)):
            named = f"**{finding.name}**: " if finding.name else ""
            lines.append(f"- {finding.mark} {named}{finding.words}")
        return "\n".join(lines)


class Findings:
    """Findings, as they are made. Sentences are marked for translation, and their gaps are filled in."""

    names: ClassVar[tuple[str, ...]] = ()
    """What can be wrong or suspicious, by name."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def wrong(self, name: str, sentence: str, advice: str = "", /, **gaps: Any) -> None:
        """Something that is wrong."""
        self._add(WRONG, name, sentence, advice, gaps)

    def suspicious(self, name: str, sentence: str, advice: str = "", /, **gaps: Any) -> None:
        """Something that may be meant so, and should be looked at."""
        self._add(SUSPICIOUS, name, sentence, advice, gaps)

    def fine(self, sentence: str, /, **gaps: object) -> None:
        """Something that is in order."""
        self._add(FINE, "", sentence, "", gaps)

    def blind(self, sentence: str, /, **gaps: object) -> None:
        """Something that cannot be seen."""
        self._add(UNSEEN, "", sentence, "", gaps)

    def _add(self, verdict: str, name: str, sentence: str, advice: str, gaps: dict[str, object]) -> None:
        assert not name or name in self.names, name
        said = [_(text).format(**gaps) if text else "" for text in (sentence, advice)]
        self.all.append(Finding(verdict, name, *said))


def share(part: int, whole: int) -> str:
    """37 of 200 (18.5 %)."""
    return _("{part} of {whole} ({percent:.3g} %)").format(part=part, whole=whole, percent=100 * part / whole)


def listed(names: list[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    said = ", ".join(names[:most])
    return (
        said
        if len(names) <= most
        else _("{names} and {count} more").format(names=said, count=len(names) - most)
    )
