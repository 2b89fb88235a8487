"""Every picture of the built chapters has words: in the file, in exported HTML, and in JupyterLab."""

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from pictures import alts

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
BUILT = sorted([*CHAPTERS.glob("*.ipynb"), *CHAPTERS.glob("zh/*.ipynb")])
SAYS_NOTHING = re.compile(r"\s*$|A figure with|一幅含有|<Figure|No description has been provided")


def shown(notebook):
    """The text alternatives of all pictures in a notebook's outputs."""
    words = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            bare = [mime for mime in data if mime.startswith("image/")]
            assert not bare, f"cell {cell.id} shows {bare}, which has no words in JupyterLab: look.figure has"
            words += alts(data.get("text/html", ""))
    return words


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.relative_to(CHAPTERS).as_posix())
def test_every_picture_of_every_chapter_has_words_of_its_own(path):
    words = shown(nbformat.read(path, as_version=4))
    assert [said for said in words if said is None or SAYS_NOTHING.match(said)] == []


def test_the_chapters_do_have_pictures():
    with_pictures = [path for path in BUILT if shown(nbformat.read(path, as_version=4))]
    assert len(with_pictures) >= len(BUILT) - 2  # tools are compared in tables, questions answered in numbers


@pytest.mark.slow
def test_words_reach_exported_html():
    notebook = nbformat.read(CHAPTERS / "03_maml.ipynb", as_version=4)
    html, _resources = HTMLExporter().from_notebook_node(notebook)
    words = alts(html)
    assert words == shown(notebook) and len(words) >= 7
