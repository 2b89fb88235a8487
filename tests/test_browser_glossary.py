"""In JupyterLab, a term and a citation lead to their lines in the lists of another notebook."""

import citations
import glossary
import nbformat
import pytest
from chapter_prose import ROOT, small
from citations import Citations
from compose import NOTEBOOK_METADATA
from glossary import Glossary
from nbformat.v4 import new_markdown_cell, new_notebook
from test_browser_surface import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LISTS = "lists.ipynb"
TEXT = "The query set [@snell2017protonet].\n\n## A section\n\nHere is an episode."


def in_view(page, anchor):
    """Whether the notebook in front shows the element with this anchor. JupyterLab has its name for `id`."""
    found = page.locator(f'.jp-NotebookPanel:not(.lm-mod-hidden) [data-jupyter-id="{anchor}"]')
    box, panel = (each.bounding_box() for each in (found, page.locator(".jp-NotebookPanel:visible")))
    return bool(box) and panel["y"] <= box["y"] + 1 <= panel["y"] + panel["height"]


def test_a_term_and_a_citation_lead_to_their_lines(browser, jupyter_lab):
    name, cite = (kind(small(TEXT), ROOT, LISTS) for kind in (Glossary, Citations))
    lists = ["# Lists", glossary.table(ROOT, []), "## References", citations.bibliography(ROOT)]
    for file, texts in (("terms.ipynb", [cite.write(name.write(TEXT))]), (LISTS, lists)):
        cells = [new_markdown_cell(text) for text in texts]
        nbformat.write(new_notebook(cells=cells, metadata=NOTEBOOK_METADATA), jupyter_lab.folder / file)
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(jupyter_lab.notebook("terms.ipynb"))
    term = page.get_by_role("link", name="query set", exact=True)
    assert term.get_attribute("title").startswith("查询集 cháxún jí: The examples of a task")
    # JupyterLab opens a notebook at its top the first time; from then on it goes to the line.
    term.click()
    page.get_by_role("heading", name="Lists").wait_for()
    for word, anchor in (
        ("query set", "term-query-set"),
        ("Snell et al., 2017", "ref-snell2017protonet"),
        ("episode", "term-episode"),
    ):
        page.get_by_role("tab", name="terms.ipynb").click()
        page.get_by_role("link", name=word, exact=True).click()
        page.get_by_role("tab", name=LISTS, selected=True).wait_for()
        wait_until(page, lambda anchor=anchor: in_view(page, anchor), f"the way to {anchor}", seconds=20)
    page.context.close()
