"""The home page of a language: what the course is, its first laboratory, and its map."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

import laboratories
import nbformat
from address import Address
from cells import anchor, laboratory, launch_row
from compose import LABELS, NOTEBOOK_METADATA
from markdown_it import MarkdownIt
from nbformat.v4 import new_markdown_cell, new_notebook
from page import Page

HERE = Path(__file__).resolve().parent
MAP = re.compile(r"^\| \[\d\d [^]]*\]\(chapters/(\w+)\.ipynb\) \| (.+) \|$", re.MULTILINE)  # in README.md
TIMES = re.compile(
    r"^\| \[\d\d [^]]*\]\(([\w/]+)\.ipynb\) \| (\d+) \|", re.MULTILINE
)  # in chapters/README.md
MINUTES = {"en": "{minutes} minutes", "zh": "{minutes} 分钟"}


@dataclass(frozen=True)
class Card:
    """A chapter on the map."""

    page: Page
    title: str
    says: str
    minutes: str

    def html(self, seen_from: str) -> str:
        """The card; a chapter of another language is shown as what it is."""
        there = self.page.language == seen_from
        way = f"{self.page.name}.html" if there else f"../{self.page.path}.html"
        note = "" if there else LABELS[seen_from].english
        language = "" if there else f' lang="{self.page.language}"'
        return (
            f'<li><a class="chapter" href="{way}"><span class="number">{self.page.number}</span>'
            f"<span><b{language}>{escape(self.title)}</b>{note}<br><span{language}>{self.says}</span> "
            f"<small>{MINUTES[seen_from].format(minutes=self.minutes)}</small></span></a></li>"
        )


def title(page: Page, root: Path) -> str:
    """What a page is called: its notebook's first line."""
    first = nbformat.read(root / page.file, as_version=4).cells[0].source
    return first.partition("\n")[0].removeprefix("# ")


def cards(pages: list[Page], language: str, root: Path) -> list[Card]:
    """The map of the course in one language; in place of chapters that it does not have, the English ones.
    What happens in a chapter says README.md, how long it takes chapters/README.md."""
    here = {page.name: page for page in pages if page.language in ("en", language)}  # English comes first
    says = dict(MAP.findall((root / "README.md").read_text("utf-8")))
    minutes = dict(TIMES.findall((root / "chapters" / "README.md").read_text("utf-8")))
    inline = MarkdownIt()
    return [
        Card(
            page,
            title(page, root),
            inline.renderInline(says[page.name]) if page.language == language == "en" else "",
            minutes[page.path],
        )
        for page in here.values()
    ]


def notebook(pages: list[Page], language: str, root: Path, home: Address) -> nbformat.NotebookNode:
    """The home page, as a notebook whose only code cell shows the first laboratory.

    Args:
        pages: all pages of the site.
        language: the home page's.
    """
    mine = [page for page in pages if page.language == language]
    first, page = mine[0], Page("index" if language == "en" else f"{language}/index")
    cells = nbformat.read(root / first.file, as_version=4).cells
    cell = next(cell for cell in cells if cell.cell_type == "code" and laboratories.shown_in(cell.source))
    text = (
        (HERE / f"home.{language}.md")
        .read_text("utf-8")
        .format(
            first=f"{first.name}.ipynb#{anchor(cell)}",
            chapter=f"{first.name}.ipynb",
            launch=launch_row(first, home),
            repository=home.repository,
            cards='<ul class="chapters">'
            + "".join(c.html(language) for c in cards(pages, language, root))
            + "</ul>",
        )
    )
    before, after = text.split("+++\n")
    contents = "\n".join(f"{each.number} {title(each, root)} <{each.name}>" for each in mine)
    tree = f"```{{toctree}}\n:hidden:\n\n{contents}\n```"
    [shown] = laboratory(cell, page, home)
    shown.metadata.tags = ["remove-input"]
    return new_notebook(
        cells=[new_markdown_cell(before), shown, new_markdown_cell(after), new_markdown_cell(tree)],
        metadata=NOTEBOOK_METADATA,
    )
