"""The tests' own tools work: folders, the browser, a JupyterLab whose kernel answers."""

import os
from pathlib import Path

import nbformat
import pytest

from metalib.paths import cache_dir, progress_dir


def test_nothing_of_the_developers_is_touched():
    assert not progress_dir().is_relative_to(Path.home() / ".local")
    assert str(progress_dir()) == os.environ["METALIB_PROGRESS"]
    assert str(cache_dir()) == os.environ["METALIB_CACHE"]


@pytest.mark.browser
def test_a_notebook_runs_in_jupyterlab(browser, jupyter_lab):
    cell = nbformat.v4.new_code_cell("import metalib; print(metalib.__name__.upper(), 6 * 7)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, jupyter_lab.folder / "tests_own.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(jupyter_lab.notebook("tests_own.ipynb"))
    page.locator(".jp-Notebook .jp-CodeCell").first.click(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    page.keyboard.press("Shift+Enter")
    page.get_by_text("METALIB 42").wait_for(timeout=60_000)
    assert page.get_by_text("Jupyter news").count() == 0
    page.close()
