"""What the build checks, and that it notices faults; how notebooks become pages."""

import shutil
import subprocess
from pathlib import Path

import checks
import nbformat
import pytest
from address import Address
from laboratories import Shown, shown_in
from page import Page, pages, target

ROOT = Path(__file__).resolve().parents[2]
HOME = Address("owner/name", "1.0.0")
SITE_PYTHON = next(ROOT.glob(".site/bin/python"), ROOT / ".site" / "Scripts" / "python.exe")


def test_the_site_is_as_it_must_be(site):
    assert checks.faults(site) == []
    assert checks.size_of(site) < 40_000_000


@pytest.mark.parametrize(
    "html, said",
    [
        ('<a href="nowhere.html">x</a>', "there is no such file"),
        ('<a href="other.html#nowhere">x</a>', "the page has no such place"),
        ('<a href="#nowhere">x</a>', "the page has no such place"),
        ('<a href="/other.html">x</a>', "the site may lie in a folder"),
        ('<a href="../other.html">x</a>', "out of the site"),
        ('<script src="https://cdn.example/x.js"></script>', "from another host"),
        ('<link rel="stylesheet" href="gone.css">', "there is no such file"),
        ('<img src="a.png" alt="">', "no text alternative"),
        (
            '<a href="other.html#there">x</a> <a href="https://example.org">x</a> <img src="a.png" alt="x">',
            "",
        ),
    ],
)
def test_the_build_notices_a_fault(tmp_path, html, said):
    (tmp_path / "other.html").write_text('<p id="there">')
    (tmp_path / "a.png").touch()
    (tmp_path / "index.html").write_text(html)
    found = checks.faults(tmp_path)
    assert len(found) == bool(said) and all(said in line for line in found)


def test_too_large_a_site_is_refused(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("x" * 100)
    monkeypatch.setattr(checks, "LARGEST", 99)
    assert "at most 0 MB" in checks.faults(tmp_path)[0]


def spell(folder):
    command = [SITE_PYTHON, ROOT / "tools" / "site" / "spelling.py", folder]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_the_spelling_is_british_and_a_slip_is_found(site, tmp_path):
    answer = spell(site)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    shutil.copy(site / "00_start_here.html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "</article>" in text
    (tmp_path / "page.html").write_text(
        text.replace("</article>", "<p>A wierd color of a neigbour</p></article>"), "utf-8"
    )
    answer = spell(tmp_path)
    assert answer.returncode == 1
    assert [line.partition(":")[0] for line in answer.stdout.splitlines()[:-1]] == [
        "color",
        "neigbour",
        "wierd",
    ]


def test_where_a_link_of_a_notebook_leads():
    english, chinese = Page("03_maml"), Page("zh/03_maml")
    assert target("13_faq.ipynb#term-shots", english, HOME) == "13_faq.html#term-shots"
    assert target("../13_faq.ipynb", chinese, HOME) == "../13_faq.html"
    assert target("#here", english, HOME) == "#here"
    assert target("https://arxiv.org/abs/1703.03400", english, HOME) == "https://arxiv.org/abs/1703.03400"
    assert target("teaching.md#two-hours", english, HOME) == (
        "https://github.com/owner/name/blob/v1.0.0/chapters/teaching.md#two-hours"
    )
    assert target("../../README.md", chinese, HOME) == "https://github.com/owner/name/blob/v1.0.0/README.md"


@pytest.mark.parametrize(
    "source, shown",
    [
        ("SineLaboratory(steps=1, draw=2)", Shown("SineLaboratory", {"steps": 1, "draw": 2})),
        ("metalib.lab.BanditLaboratory()", Shown("BanditLaboratory")),
        ("%pip install x\nAlphabetLaboratory(images=some, ways=3)", Shown("AlphabetLaboratory", {"ways": 3})),
        ("watch = TrainingLaboratory(training, steps=5)\nwatch", Shown("TrainingLaboratory", {"steps": 5})),
        ("lab = SineLaboratory()", None),
        ("SineLaboratory()\nprint(1)", None),
        ("Laboratories(1)", None),
        ("", None),
    ],
)
def test_a_laboratory_is_known_by_the_last_expression(source, shown):
    assert shown_in(source) == shown


def test_a_page_is_made_of_what_has_a_source(tmp_path):
    kept = ".ipynb_checkpoints/03_maml-checkpoint.ipynb"  # by JupyterLab
    for name in ("03_maml.ipynb", "zh/03_maml.ipynb", "03_mine.ipynb", kept):
        file = tmp_path / "chapters" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        if "maml.ipynb" in name:
            source = tmp_path / "chapters" / "source" / name.replace("ipynb", "md")
            source.parent.mkdir(parents=True, exist_ok=True)
            source.touch()
    assert pages(tmp_path) == [Page("03_maml"), Page("zh/03_maml")]


def test_every_laboratory_of_the_notebooks_stands_on_its_page(site):
    for made in pages(ROOT):
        cells = nbformat.read(ROOT / made.file, as_version=4).cells
        there = [cell.id for cell in cells if cell.cell_type == "code" and shown_in(cell.source)]
        text = (site / f"{made.path}.html").read_text("utf-8")
        assert [cell for cell in there if f'id="laboratory-{cell}"' not in text] == []
