"""Turn a built notebook into what its page shows: one function for each kind of cell."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from html import escape

import asked
import fidelity
import laboratories
import live_ones
import nbformat
from address import Address
from compose import LABELS
from nbformat import NotebookNode
from nbformat.v4 import new_output
from page import Page
from sources import tags

SETUP = {"en": "The setup cell", "zh": "准备单元格"}
EDITION = re.compile(r"\[[^]]*\]\((\.\./|[a-z]+/)[\w/]+\.ipynb\)")
LAUNCH = {"en": "Repository", "zh": "代码仓库"}


def html_of(cell: NotebookNode) -> str:
    """The HTML of a cell's value: what its last expression shows."""
    values = (output for output in cell.outputs if output.output_type == "execute_result")
    return "".join(value.data.get("text/html", "") for value in values)


def showing(cell: NotebookNode, html: str, *marks: str) -> NotebookNode:
    """A code cell that shows this HTML in place of its value."""
    before = [output for output in cell.outputs if output.output_type != "execute_result"]
    outputs = [*before, new_output("display_data", {"text/html": html})]
    metadata = {**cell.metadata, "tags": [*tags(cell), *marks]}
    return nbformat.from_dict({**cell, "outputs": outputs, "metadata": metadata})


def title(cell: NotebookNode, page: Page, home: Address) -> list[NotebookNode]:
    """The title block, its line of launch links as buttons; other editions stand in the page's header."""
    launch, row = LABELS[page.language].launch, launch_row(page, home)
    kept = [
        f'<p class="launch-row">{row}</p>' if text.startswith(launch) else text
        for text in cell.source.split("\n\n")
        if not EDITION.fullmatch(text)
    ]
    return [nbformat.from_dict({**cell, "source": "\n\n".join(kept)})]


def launch_links(page: Page, home: Address) -> dict[str, str]:
    """Where the page's notebook runs, and where it is kept."""
    return {
        "Binder": home.binder(page.file),
        "Google Colab": home.colab(page.file),
        LAUNCH[page.language]: f"{home.repository}/blob/{home.ref}/{page.file}",
    }


def launch_row(page: Page, home: Address) -> str:
    """These links as a row of buttons."""
    links = launch_links(page, home).items()
    return " ".join(f'<a class="launch" href="{escape(address)}">{name}</a>' for name, address in links)


def setup(cell: NotebookNode, page: Page, home: Address) -> list[NotebookNode]:
    """The setup cell, folded."""
    metadata = {
        **cell.metadata,
        "tags": ["hide-input"],
        "mystnb": {"code_prompt_show": SETUP[page.language], "code_prompt_hide": SETUP[page.language]},
    }
    return [nbformat.from_dict({**cell, "metadata": metadata})]


def quiz(cell: NotebookNode, page: Page, home: Address) -> list[NotebookNode]:
    return [showing(cell, asked.quiz(cell.metadata["name"], html_of(cell), page), "remove-input")]


def check(cell: NotebookNode, page: Page, home: Address) -> list[NotebookNode]:
    """What stands in place of an exercise's hint, solution and check."""
    html = asked.exercise(cell.metadata["exercise"], page, launch_links(page, home))
    return [showing(cell, html, "remove-input")] if html else []


def prediction(cell: NotebookNode, page: Page, home: Address) -> list[NotebookNode]:
    """A prediction: its cell's last line asks it by its id."""
    call = ast.parse(laboratories.plain(cell.source)).body[-1].value
    return [showing(cell, asked.prediction(call.args[0].value, html_of(cell), page))]


def anchor(cell: NotebookNode) -> str:
    """What a link calls the laboratory that a cell shows."""
    return f"laboratory-{cell.id}"


def laboratory(cell: NotebookNode, page: Page, home: Address) -> list[NotebookNode]:
    """A laboratory: the line that says how alive it is; then the live one, where it is written for pages,
    around its still picture, else what was recorded, else the picture."""
    shown = laboratories.shown_in(cell.source)
    assert shown is not None
    still, live = html_of(cell), live_ones.named(shown.name)
    said = fidelity.line(shown.name, page, live, launch_links(page, home))
    line = f'<p class="metalib-fidelity">{said}</p>'
    if live is None:
        inside = fidelity.recorded(shown.name, shown.arguments, still, page) or f"<figure>{still}</figure>"
        return [showing(cell, f'<div class="metalib-laboratory" id="{anchor(cell)}">{line}{inside}</div>')]
    initial = json.dumps(live_ones.initial(live, shown.arguments), ensure_ascii=False)
    html = (
        f'<div class="metalib-live" id="{anchor(cell)}" data-live="{live}" data-initial="{escape(initial)}"'
        f' data-language="{page.language}">{line}<figure>{still}</figure></div>'
    )
    return [showing(cell, html)]


KINDS: tuple[tuple[Callable[[NotebookNode], object], Callable | None], ...] = (
    (lambda cell: cell.id == "title", title),
    (lambda cell: cell.id == "next-chapter", None),  # the page's own links to its neighbours say so
    (lambda cell: "setup" in tags(cell), setup),
    (lambda cell: "quiz" in tags(cell), quiz),
    (lambda cell: "exercise-check" in tags(cell), check),
    (lambda cell: cell.cell_type == "code" and "exercises.predict(" in cell.source, prediction),
    (lambda cell: cell.cell_type == "code" and laboratories.shown_in(cell.source), laboratory),
)


def turned(notebook: NotebookNode, page: Page, home: Address) -> NotebookNode:
    """The notebook of a page: what needs a kernel is shown in the form that a page can have."""
    cells = []
    for cell in notebook.cells:
        show = next((show for is_one, show in KINDS if is_one(cell)), lambda cell, page, home: [cell])
        cells += show(cell, page, home) if show else []
    return nbformat.from_dict({**notebook, "cells": cells})
