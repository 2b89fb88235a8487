"""What the tests of citations and of the glossary share: small chapters, and the course's own."""

import re
from functools import lru_cache
from pathlib import Path

import sources
from nbformat.v4 import new_markdown_cell

ROOT = Path(__file__).resolve().parents[1]

CONTENT = sorted((ROOT / "metalib" / "exercises" / "content").glob("*/*.md"))


@lru_cache
def course():
    """The course's chapters, as written."""
    return sources.read_all(ROOT)


def prose(chapter):
    """Its Markdown cells, one after the other."""
    return [cell.source for cell in chapter.cells if cell.cell_type == "markdown"]


def has(mark):
    """Whether a chapter holds the list that this mark stands for."""
    return any(mark in text for chapter in course() for text in prose(chapter))


def small(text, language="en", unlinked=()):
    """A chapter with this prose, cells parted by `+++`."""
    cells = [new_markdown_cell(part.strip()) for part in re.split(r"^\+\+\+$", text, flags=re.MULTILINE)]
    return sources.Chapter("50_small", {"unlinked": list(unlinked)}, cells, language, f"---\n---\n{text}")
