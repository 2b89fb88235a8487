"""Read a chapter's speaker notes: chapters/teaching/NN_name.md. CONTRIBUTING.md says how they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sources import ChapterError

ON_SLIDE, SAY, EXPECT = "**On the slide:**", "**Say:**", "**Expect:**"
MINUTES = re.compile(r"^\*\*Minutes:\*\* (\d+)$")
HEADING = re.compile(r"^## ([a-z0-9/-]+) · (\d+) minutes?$")


@dataclass
class SlideNotes:
    """What belongs to one slide: minutes, a short text for the slide, talking points, wrong answers."""

    name: str
    minutes: int
    line: int
    on_slide: str = ""
    say: str = ""
    expect: list[str] = field(default_factory=list)


@dataclass
class Notes:
    """The notes of a chapter: its title, what to leave with and what to cut, the minutes, and the slides."""

    path: Path
    title: str
    head: str
    minutes: int
    slides: list[SlideNotes]


def refuse(path: Path, line: int, reason: str):
    raise ChapterError(f"chapters/teaching/{path.name}:{line}: {reason}.")


def read(path: Path) -> Notes:
    """The notes in a file.

    Raises:
        ChapterError: what is missing or not understood, with file and line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")] + [len(lines)]
    head = lines[: starts[0]]
    if not head or not head[0].startswith(f"# {path.stem[:2]} "):
        refuse(path, 1, f"notes begin with their title, '# {path.stem[:2]} …'")
    sums = [(number, int(found[1])) for number, line in enumerate(head) if (found := MINUTES.match(line))]
    if len(sums) != 1:
        refuse(path, 1, "the head needs the sum of the minutes, once, on a line like '**Minutes:** 75'")
    (at, minutes) = sums[0]
    found = [
        _slide(path, start + 1, lines[start:end]) for start, end in zip(starts, starts[1:], strict=False)
    ]
    total = sum(slide.minutes for slide in found)
    if total != minutes:
        refuse(path, at + 1, f"the slides' minutes add up to {total}, not {minutes}")
    text = "\n".join(line for line in head[1:] if not MINUTES.match(line)).strip()
    return Notes(path, head[0].removeprefix("# "), text, minutes, found)


def _slide(path: Path, number: int, lines: list[str]) -> SlideNotes:
    """One slide's notes; `number` is the line of its heading."""
    if not (heading := HEADING.match(lines[0])):
        refuse(path, number, f"a slide's heading looks like '## five-points · 4 minutes', not {lines[0]!r}")
    notes = SlideNotes(heading[1], int(heading[2]), number)
    order, texts = [SAY], {SAY: [""]}  # the parts as they come; talking points need no mark if they are first
    for offset, line in enumerate(lines[1:], 1):
        mark = next((mark for mark in (ON_SLIDE, SAY, EXPECT) if line.startswith(mark)), None)
        if mark:
            late = mark != EXPECT and (mark in order[1:] or EXPECT in order)
            if late or (mark == ON_SLIDE and any(text.strip() for text in texts[SAY])):
                refuse(path, number + offset, f"{mark} stands once, in this order: {ON_SLIDE} {SAY} {EXPECT}")
            order.append(mark)
            texts.setdefault(mark, []).append(line.removeprefix(mark))
        else:
            texts[order[-1]][-1] += "\n" + line
    notes.on_slide = "\n".join(texts.get(ON_SLIDE, [])).strip()
    notes.say = "\n".join(texts[SAY]).strip()
    notes.expect = [text.strip() for text in texts.get(EXPECT, [])]
    if not notes.say:
        refuse(
            path,
            number,
            f"the slide {notes.name!r} has no talking points (after {ON_SLIDE} say {SAY})",
        )
    if not all(notes.expect):
        refuse(path, number, f"the slide {notes.name!r} has an empty {EXPECT}")
    return notes


def check(notes: Notes, names: list[str]) -> None:
    """Refuse notes that are not about the chapter's slides `names`, each once and in their order."""
    ours = [slide.name for slide in notes.slides]
    for slide in notes.slides:
        if slide.name not in names:
            refuse(notes.path, slide.line, f"there is no slide {slide.name!r} among {', '.join(names)}")
    for name in names:
        if name not in ours:
            refuse(notes.path, len(ours) and notes.slides[-1].line, f"the slide {name!r} has no notes")
    for slide, name in zip(notes.slides, names, strict=False):
        if slide.name != name:
            refuse(
                notes.path,
                slide.line,
                f"here the notes of {name!r} are due, not those of {slide.name!r}",
            )
