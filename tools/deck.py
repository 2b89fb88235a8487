"""Make a lecture's notebook from a chapter's and its speaker notes, and the presenter's page beside it.

The notebook runs every cell that the slides need. What a cell shows is said in its metadata, `lecture`, which
the template in tools/stage reads.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import slides
from formulas import from_markdown
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_raw_cell
from notes import Notes, SlideNotes
from sources import Chapter

STAGE = Path(__file__).parent / "stage"
# The chapter is run twice, for the class and in reserve: the second begins when the first is done.
TURN = """\
import filelock

one_at_a_time = filelock.FileLock("turn.lock")
one_at_a_time.acquire()"""
PREPARING = "Running the chapter, so that everything is alive …"
HINT = "→ next · ← back · F full screen · P presenter's page · B black"


def deck(notebook: NotebookNode, chapter: Chapter, notes: Notes | None) -> NotebookNode:
    """The notebook of the lecture: the slides' texts as raw HTML, every code cell with what it shows."""
    found = slides.slides(notebook)
    if not found:
        chapter.refuse("no cell of this chapter is marked as a slide (`:slide: slide`)")
    of = {one.name: one for one in notes.slides} if notes else {}
    begins = {slide.cells[0].id: (number, slide) for number, slide in enumerate(found, 1)}
    shown = {cell.id for slide in found for cell in slide.cells}
    cells = []
    for cell in notebook.cells:
        if cell.id in begins:
            number, slide = begins[cell.id]
            html = from_markdown(text(slide, chapter, of.get(slide.name)))
            said = {"begins": slide.name, "number": number, "heading": slide.heading}
            cells.append(new_raw_cell(html, metadata={"lecture": said}))
        if cell.cell_type == "markdown":
            if cell.id in shown and cell.id not in begins:
                cells.append(new_raw_cell(from_markdown(cell.source)))
        elif (
            cell.id in shown or "exercise" not in cell.metadata
        ):  # a stub or a check is needed by no other cell
            cells.append(new_code_cell(cell.source, metadata={"lecture": shows(cell, cell.id in shown)}))
    cells = [new_code_cell(TURN), *cells, new_code_cell("one_at_a_time.release()")]
    about = {"title": chapter.header["title"], "preparing": PREPARING, "hint": HINT}
    return new_notebook(cells=cells, metadata={**notebook.metadata, "lecture": about})


def text(slide: slides.Slide, chapter: Chapter, notes: SlideNotes | None) -> str:
    """What is written on a slide, as Markdown: the notes' short text, or else the chapter's own."""
    first, own = slide.cells[0], notes.on_slide if notes else ""
    if own:
        return own if slides.headings(own) else f"## {slide.heading}\n\n{own}"
    if slide.name == slides.TITLE:  # without its launch links
        goals = "\n".join(f"- {goal}" for goal in chapter.header["goals"])
        return f"# {chapter.header['title']}\n\n{goals}"
    return first.source if first.cell_type == "markdown" else f"## {slide.heading}"


def shows(cell, on_a_slide: bool) -> dict:
    """What the template needs to know of a code cell."""
    marks = cell.metadata.get("slideshow", {})
    if not on_a_slide:
        return {}
    return {"show": marks.get("show", "output"), "fragment": marks["slide_type"] == "fragment"}


def presenter(notebook: NotebookNode, chapter: Chapter, notes: Notes | None) -> str:
    """The presenter's page: one file, with the notes of every slide in it."""
    of = {one.name: one for one in notes.slides} if notes else {}
    listed = []
    for slide in slides.slides(notebook):
        one = of.get(slide.name)
        listed.append(
            {
                "heading": (slides.headings(one.on_slide if one else "") or [slide.heading])[0],
                "minutes": one.minutes if one else 0,
                "say": from_markdown(one.say) if one else "<p>This slide has no notes.</p>",
                "expect": [from_markdown(wrong) for wrong in one.expect] if one else [],
            }
        )
    page = (STAGE / "presenter.html").read_text("utf-8")
    parts = {
        "TITLE": escape(chapter.header["title"]),
        "HEAD": from_markdown(notes.head) if notes else "",
        "SLIDES": json.dumps(listed, ensure_ascii=False).replace("</", "<\\/"),
        "SCRIPT": (STAGE / "presenter.js").read_text("utf-8"),
        "STYLE": (STAGE / "presenter.css").read_text("utf-8"),
    }
    for name, part in parts.items():
        page = page.replace(f"{{{name}}}", part)
    return page
