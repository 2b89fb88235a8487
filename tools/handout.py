"""Make handouts of chapters: one HTML file and one PDF each, in build/handout (`make handout CHAPTER=03`).

    python tools/handout.py                 every chapter
    python tools/handout.py 03 zh/03        these
    python tools/handout.py 03 --solutions  with the exercises' solutions: the teacher's copy

They hold what the built notebook holds: text, code, still pictures, and formulas drawn without a network.
Answers to predictions and to the quiz are folded in the HTML; in the PDF they stand at the end, from a page
of their own, so that a class can be given the rest.
"""

from __future__ import annotations

import argparse
import re
import sys
from html import escape
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import desk  # noqa: E402
from formulas import font_for, set_formulas  # noqa: E402
from sources import Chapter, ChapterError, chosen, read_all  # noqa: E402

from metalib import exercises, i18n  # noqa: E402

STYLE = Path(__file__).parent / "stage" / "handout.css"
FOOTER = """\
<div style="font: 8px sans-serif; width: 100%; padding: 0 17mm; display: flex;
            justify-content: space-between">
<span class="title"></span><span><span class="pageNumber"></span> / <span class="totalPages"></span></span>
</div>"""
ROOM = 5  # centimetres to write in below an exercise
ANSWERS = {"en": ("Answers", "Answer {n}: on the last pages."), "zh": ("答案", "答案 {n}：见最后几页。")}
SOLUTION = {"en": "One solution", "zh": "一种解法"}


def handed_out(notebook, language: str, solutions: bool) -> nbformat.NotebookNode:
    """A notebook with the cells of a handout: without set-up and checks, with room below each exercise."""
    cells = []
    for cell in notebook.cells:
        marks = set(cell.metadata.get("tags", []))
        if marks & {"setup", "exercise-check"} or cell.id == "next-chapter":
            continue
        if "quiz" in marks:  # its code asks for the quiz, which is shown
            cell = nbformat.from_dict({**cell, "source": ""})
        cells.append(cell)
        if "exercise-stub" in marks and solutions:
            text = exercises.get(cell.metadata["exercise"]).solution_text.strip()
            cells.append(new_markdown_cell(f"**{SOLUTION[language]}:**\n\n```python\n{text}\n```"))
        elif "exercise-stub" in marks:
            cells.append(new_markdown_cell(f'<div class="room" style="height: {ROOM}cm"></div>'))
    return nbformat.from_dict({**notebook, "cells": cells})


def body_of(notebook) -> BeautifulSoup:
    """The cells as HTML with their formulas set; links to other chapters lead to their handouts."""
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    soup = BeautifulSoup(set_formulas(exporter.from_notebook_node(notebook)[0]), "html.parser")
    for script in soup.find_all(["script", "style"]):
        script.decompose()
    for code in soup.select(".highlight"):
        if not code.get_text(strip=True):
            code.decompose()
    for link in soup.find_all("a", href=re.compile(r"^(\.\./)?[\w/]+\.ipynb")):
        link["href"] = re.sub(r"\.ipynb", ".html", link["href"])
    return soup


def page(title: str, body: str, language: str) -> str:
    """One file with everything in it: style, colours of the code, the font of the formulas."""
    style = STYLE.read_text("utf-8") + HtmlFormatter().get_style_defs(".highlight")
    font = f'@font-face {{ font-family: "Lecture Math"; src: url("{font_for(body)}"); }}'
    return f"""\
<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><title>{escape(title)}</title><link rel="icon" href="data:,">
<style>{font}
{style}</style></head>
<body><main>{body}</main></body>
</html>
"""


def answers_last(body: BeautifulSoup, language: str) -> None:
    """Move what is folded to the end, where it is printed; its place says so."""
    heading, see = ANSWERS[language]
    end = body.new_tag("section", attrs={"class": "answers"})
    end.append(BeautifulSoup(f"<h2>{heading}</h2>", "html.parser"))
    for n, folded in enumerate(body.find_all("details"), 1):
        note = body.new_tag("p", attrs={"class": "see"})
        note.string = see.format(n=n)
        folded.replace_with(note)
        if folded.summary:
            folded.summary.decompose()
        folded.name, folded["class"] = "div", "answer"
        folded.insert(0, BeautifulSoup(f"<p><b>{n}.</b></p>", "html.parser"))
        end.append(folded)
    body.append(end)


def make(chapter: Chapter, folder: Path, solutions: bool) -> tuple[Path, str]:
    """Write a chapter's HTML file; return its path, and the HTML that its PDF is printed from."""
    path = ROOT / "chapters" / f"{chapter.path}.ipynb"
    if not path.exists():
        raise ChapterError(f"chapters/{chapter.path}.ipynb is not there: `make chapters` builds it.")
    i18n.use_language(chapter.language)
    try:
        notebook = handed_out(nbformat.read(path, as_version=4), chapter.language, solutions)
    finally:
        i18n.use_language("en")
    body, title = body_of(notebook), f"{chapter.number} {chapter.header['title']}"
    target = folder / f"{chapter.path}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(title, str(body), chapter.language), "utf-8")
    answers_last(body, chapter.language)
    return target, page(title, str(body), chapter.language)


def print_pdfs(pages: list[tuple[Path, str]]) -> None:
    """Print each HTML into a PDF beside the file that it belongs to, with Chromium."""
    executable = desk.find_browser()
    if executable is None:
        raise ChapterError(
            "The HTML files are ready; for the PDFs install Chromium or Chrome, or set CHROMIUM to its path."
        )
    from playwright.sync_api import sync_playwright

    margin = {"top": "16mm", "bottom": "18mm", "left": "17mm", "right": "17mm"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=desk.CHROMIUM_FLAGS)
        for target, html in pages:
            sheet = browser.new_page()
            sheet.set_content(html, wait_until="load")
            sheet.evaluate("document.fonts.ready.then(() => 0)")
            sheet.pdf(
                path=target.with_suffix(".pdf"),
                format="A4",
                margin=margin,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOTER,
                tagged=True,
                outline=True,
            )
            sheet.close()
            print(f"{target.with_suffix('.pdf').relative_to(ROOT)}", flush=True)
        browser.close()


def main(arguments: list[str] | None = None, folder: Path = ROOT / "build" / "handout") -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", nargs="*", help="e.g. 03 or zh/03; none: all")
    parser.add_argument("--solutions", action="store_true", help="with the exercises' solutions")
    options = parser.parse_args(arguments)
    try:
        wanted = chosen(read_all(ROOT), options.chapters)
        print_pdfs([make(chapter, folder, options.solutions) for chapter in wanted])
        return 0
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
