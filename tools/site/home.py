"""The home page of a language."""

from __future__ import annotations

from pathlib import Path

from page import Page


def text(chosen: list[Page], root: Path) -> str:
    """The Markdown of the home page, for the pages of one language."""
    names = "\n".join(page.name for page in chosen)
    return f"# Learning to Learn\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"
