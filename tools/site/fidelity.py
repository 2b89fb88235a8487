"""The line that says whether a laboratory is live, recorded or needs a kernel, and recorded laboratories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from page import Page

STILL = {
    "en": "A still picture: the laboratory moves in a notebook with a kernel.",
    "zh": "静态图片：在有内核的笔记本中，这个实验室可以操作。",
}


def line(name: str, page: Page, live: bool, links: dict[str, str]) -> str:
    """The sentence above a laboratory; `links` lead to where it runs with a kernel."""
    return STILL[page.language]


def recorded(name: str, arguments: dict[str, Any], still: str, page: Page) -> str | None:
    """A recorded laboratory in place of its still picture; None: there is none."""
    return None


def write(folder: Path) -> None:
    """Write what recorded laboratories load into the site."""
