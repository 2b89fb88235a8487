"""What a page shows of predictions, quizzes and exercises, where no kernel checks an answer.

A prediction and a quiz are the HTML that the notebook holds, their answers folded: so they can be read
without JavaScript. Near the window asked.js puts the notebook's own widget in its place, which takes an
answer and explains it. Nothing is kept or sent.
"""

from __future__ import annotations

import json
import shutil
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from page import Page
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from metalib import exercises
from metalib.exercises import page as content
from metalib.i18n import _, languages, speaking
from metalib.lab.fidelity import OWN

MODULES = Path(__file__).resolve().parent / "modules"
WIDGET = Path(exercises.__file__).resolve().parent


def prediction(prediction_id: str, html: str, page: Page) -> str:
    """A prediction in place of what its cell printed."""
    with speaking(page.language):
        return _answerable(content.prediction(prediction_id, html), html, page)


def quiz(quiz_id: str, html: str, page: Page) -> str:
    """A quiz in place of what its cell printed."""
    with speaking(page.language):
        asked = content.quiz(quiz_id)
    for chapter in asked["shelf"]:
        chapter["address"] = chapter["address"].removesuffix(".ipynb") + ".html"
    return _answerable(asked, html, page)


def exercise(exercise_id: str, page: Page, links: dict[str, str]) -> str:
    """What stands below an exercise's stub: hints, each folded in the one before, a solution, and where the
    check runs."""
    with speaking(page.language):
        asked = content.exercise(exercise_id)
        check = escape(asked["check"]).replace("{places}", places(links))
    hints = ""
    for hint in reversed(asked["hints"]):
        hints = folded(hint["name"], MarkdownIt().render(hint["text"]) + hints)
    code = highlight(asked["solution"]["code"], PythonLexer(), HtmlFormatter(wrapcode=True))
    solution = folded(asked["solution"]["name"], f'<div class="highlight-python notranslate">{code}</div>')
    return f'<div class="metalib-exercise">{hints}{solution}<p class="metalib-fidelity">{check}</p></div>'


def write(folder: Path) -> None:
    """Write what questions load into the site."""
    target = folder / "modules"
    target.mkdir(parents=True, exist_ok=True)
    for file in (*MODULES.glob("*.js"), WIDGET / "questions.js", WIDGET / "questions.css"):
        shutil.copyfile(file, target / file.name)
    for language in languages():
        with speaking(language):
            text = json.dumps(content.words(), ensure_ascii=False)
        (target / f"asked.{language}.json").write_text(text, encoding="utf-8")


def folded(name: str, html: str) -> str:
    """Something that is seen only when its name is pressed."""
    return f"<details><summary>{escape(name)}</summary>{html}</details>"


def places(links: dict[str, str]) -> str:
    """Where the course runs with a kernel, side by side, in the language in use: the launch links, whose last
    leads to the repository; from there it comes to the reader's own computer."""
    *hosts, (_kept, file) = links.items()
    run = [*hosts, (_(OWN), file.partition("/blob/")[0] + "#readme")]
    return " · ".join(f'<a href="{escape(address)}">{escape(name)}</a>' for name, address in run)


def _answerable(asked: dict[str, Any], html: str, page: Page) -> str:
    data = escape(json.dumps(asked, ensure_ascii=False))
    return (
        f'<div class="metalib-asked" data-near="asked.js" data-language="{page.language}"'
        f' data-asked="{data}"><div>{html}</div></div>'
    )
