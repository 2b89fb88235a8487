"""Which cells of a chapter are slides: marks in its source, which the builder turns into metadata.

In the source a mark is an option of a cell, `:slide: slide`, or of a piece of prose, `+++ {"slide": "slide",
"name": "…"}`; in the notebook it is Jupyter's own `slideshow.slide_type`, beside the cell's name.
CONTRIBUTING.md is the guide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sources import Chapter, key, tags

TITLE = "title"  # the name of the first slide: the title block, which every chapter has
# As they stand in the source (YAML reads Jupyter's own "-" as a list), and in the notebook.
TYPES = {"slide": "slide", "continue": "-", "fragment": "fragment"}
SKIPPED = "skip"
SHOWN = ("output", "code", "both")


@dataclass(frozen=True)
class Slide:
    """One slide: the name of the cell that it begins with, the heading it stands under, and its cells."""

    name: str
    heading: str
    cells: list


def metadata(cell, chapter: Chapter) -> dict:
    """What a source's cell says of slides, as a notebook's metadata; {} where it says nothing.

    Raises:
        ChapterError: an unknown mark, `:show:` on a cell that is on no slide, or a slide without a name.
    """
    said, shown, name = cell.metadata.get("slide"), cell.metadata.get("show"), key(cell)
    at = f"name: {name}" if name else cell.source[:40]
    if said is None:
        if shown is not None:
            chapter.refuse(f"`show: {shown}` says what a slide shows; this cell has no `slide:` mark", at)
        return {}
    if said not in TYPES:
        chapter.refuse(f"a cell's `slide:` is one of {', '.join(TYPES)}, not {said!r}", at)
    if shown is not None and shown not in SHOWN:
        chapter.refuse(f"a cell's `show:` is one of {', '.join(SHOWN)}, not {shown!r}", at)
    if shown is not None and (cell.cell_type != "code" or {"exercise", "quiz"} & set(tags(cell))):
        chapter.refuse("`show:` is for a code cell: prose, exercises and quizzes are shown as they are", at)
    if said == "slide" and (not name or name == TITLE):
        chapter.refuse(f"a slide's first cell needs a name of its own, for its notes; not {name!r}", at)
    marks = {"slide_type": TYPES[said]} | ({"show": shown} if shown else {})
    return {"slideshow": marks} | ({"name": name} if name else {})


def complete(cells: list) -> None:
    """Mark the cells of a notebook that are on no slide, where others are; the title block is the first one.

    In Jupyter a cell without a mark would join the slide above it.
    """
    if not any("slideshow" in cell.metadata for cell in cells):
        return
    cells[0].metadata.update({"slideshow": {"slide_type": "slide"}, "name": TITLE})
    for cell in cells:
        cell.metadata.setdefault("slideshow", {"slide_type": SKIPPED})


def slides(notebook) -> list[Slide]:
    """The slides of a composed notebook, in order; none where nothing is marked."""
    found, heading = [], ""
    for cell in notebook.cells:
        own = headings(cell.source) if cell.cell_type == "markdown" else []
        if own and not cell.id.endswith("-statement"):  # what comes after an exercise is no part of it
            heading = own[-1]
        kind = cell.metadata.get("slideshow", {}).get("slide_type", SKIPPED)
        if kind == "slide":
            found.append(Slide(cell.metadata["name"], own[-1] if own else heading, [cell]))
        elif kind != SKIPPED:
            found[-1].cells.append(cell)
    return found


def headings(markdown: str) -> list[str]:
    """The texts of a piece of Markdown's headings; what stands in a block of code is none."""
    prose = re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#{1,4} (.+?)\s*$", prose, re.MULTILINE)
