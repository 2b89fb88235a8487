"""What a page shows of predictions, quizzes and exercises, where no kernel checks an answer."""

from __future__ import annotations

from pathlib import Path

from page import Page


def prediction(prediction_id: str, html: str, page: Page) -> str:
    """A prediction in place of what its cell printed."""
    return html


def quiz(quiz_id: str, html: str, page: Page) -> str:
    """A quiz in place of what its cell printed."""
    return html


def exercise(exercise_id: str, page: Page, links: dict[str, str]) -> str:
    """What stands below an exercise's stub; `links` lead to where its check runs."""
    return ""


def write(folder: Path) -> None:
    """Write what questions load into the site."""
