"""Handouts: everything in one file, formulas drawn, answers at the end. `make rehearse` runs this file."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
if Path(sys.prefix).name != ".lecture":
    pytest.skip("`make rehearse` runs these tests", allow_module_level=True)
sys.path.insert(0, str(ROOT / "tools"))
import desk  # noqa: E402
import formulas  # noqa: E402
import handout  # noqa: E402
import sources  # noqa: E402
from bs4 import BeautifulSoup  # noqa: E402

COURSE = sources.read_all(ROOT)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Chapter 03 as a handout: the folder, the HTML file and what its PDF is printed from."""
    folder = tmp_path_factory.mktemp("handout")
    (chapter,) = [chapter for chapter in COURSE if chapter.path == "03_maml"]
    target, printed = handout.make(chapter, folder, solutions=False)
    return (
        folder,
        BeautifulSoup(target.read_text("utf-8"), "html.parser"),
        BeautifulSoup(printed, "html.parser"),
    )


def loaded(soup):
    """The addresses that a browser fetches by itself."""
    given = [tag.get("src") for tag in soup.find_all(src=True)]
    given += [tag["href"] for tag in soup.find_all("link", href=True)]
    given += re.findall(
        r"url\([\"']?([^\"')]+)", " ".join(style.get_text() for style in soup.find_all("style"))
    )
    return given


def test_everything_is_in_the_file(made):
    _, soup, _ = made
    addresses = loaded(soup)
    assert len(addresses) > 5 and all(address.startswith("data:") for address in addresses)
    assert not soup.find_all("script")


def test_every_formula_is_set(made):
    _, soup, _ = made
    for literal in soup.find_all(["code", "pre", "style"]):
        literal.extract()
    assert "$" not in soup.get_text() and len(soup.find_all("math")) > 15


@pytest.mark.parametrize("chapter", COURSE, ids=lambda chapter: chapter.path)
def test_every_formula_of_the_course_can_be_set(chapter):
    notebook = nbformat.read(ROOT / "chapters" / f"{chapter.path}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            html = BeautifulSoup(formulas.from_markdown(cell.source), "html.parser")
            for literal in html.find_all(["code", "pre"]):
                literal.extract()
            assert "$" not in html.get_text(), cell.source


def test_formulas_are_read_as_they_are_written():
    html = formulas.set_formulas("<p>$a &lt; b$ and $$\\frac{1}{2}$$ cost 5 $, <code>$x$</code></p>")
    soup = BeautifulSoup(html, "html.parser")
    assert len(soup.find_all("math")) == 2 and soup.find("mfrac")
    assert "cost 5 $" in soup.get_text() and soup.code.get_text() == "$x$"
    assert soup.find("math").get_text() == "a<b"


def test_pictures_have_words(made):
    _, soup, _ = made
    pictures = soup.find_all("img")
    assert len(pictures) >= 6
    assert all(picture.get("alt") and "No description" not in picture["alt"] for picture in pictures)


def test_answers_are_folded_on_the_screen_and_last_on_paper(made):
    _, soup, printed = made
    folded = len(soup.find_all("details"))
    assert folded > 8 and not printed.find_all("details")
    assert len(printed.select(".answers .answer")) == len(printed.select(".see")) == folded
    assert printed.select_one(".answers").find_next_sibling() is None


def test_exercises_have_room_and_no_solution(made, tmp_path):
    _, soup, _ = made
    assert len(soup.select(".room")) == 6
    assert "exercise.check" not in soup.get_text() and "import metalib" not in soup.get_text()
    (chapter,) = [chapter for chapter in COURSE if chapter.path == "03_maml"]
    target, _ = handout.make(chapter, tmp_path, solutions=True)
    teachers = BeautifulSoup(target.read_text("utf-8"), "html.parser")
    assert not teachers.select(".room") and teachers.get_text().count("One solution:") == 6
    assert "One solution" not in soup.get_text()


@pytest.mark.browser
def test_the_pdf_has_pages_and_drawn_formulas(browser, made, monkeypatch):
    folder, _, printed = made
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "03_maml.html").as_uri())
    page.evaluate("document.fonts.ready.then(() => 0)")
    assert page.evaluate("document.fonts.check('16px \"Lecture Math\"')")
    boxes = page.evaluate(
        "[...document.querySelectorAll('main > * math')].map(m => m.getBoundingClientRect().height)"
    )
    assert sum(height > 5 for height in boxes) > 15, "formulas outside what is folded have a size"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.set_content(str(printed))
    pdf = page.pdf(format="A4")
    page.close()
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) > 10


def test_nonsense_gets_one_sentence(capsys, tmp_path, monkeypatch):
    assert handout.main(["99"], tmp_path) == 1
    assert capsys.readouterr().err == "There is no chapter '99': CHAPTER is a number such as 03, or zh/03.\n"
    monkeypatch.setattr(desk, "find_browser", lambda: None)
    assert handout.main(["00"], tmp_path) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "set CHROMIUM to its path" in said
    assert (tmp_path / "00_start_here.html").exists()
