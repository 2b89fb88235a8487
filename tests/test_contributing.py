"""CONTRIBUTING.md's worked examples do what they say: each is added to a copy of the project, and tested."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def examples(heading):
    """path -> text of the files that a section of the guide shows; each begins with its path as a comment."""
    section = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## How|\Z)", GUIDE, re.MULTILINE | re.DOTALL
    ).group(1)
    blocks = re.findall(
        r"^(`{3,})\w*\n(?:# |<!-- )(\S+)(?: -->)?\n(.*?)^\1$", section, re.MULTILINE | re.DOTALL
    )
    return {path: text for _fence, path, text in blocks}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project's code and what its tests need."""
    folder = tmp_path_factory.mktemp("course")
    ignored = shutil.ignore_patterns("__pycache__", "*.ipynb", "*.safetensors")
    for name in ("metalib", "tests", "tools", "chapters"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(copy, *command):
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "heading", ["How an exercise is added", "How a laboratory is added", "How a learner is added"]
)
def test_an_example_is_added_and_passes_its_tests(copy, heading):
    files = examples(heading)
    tests = [path for path in files if path.startswith("tests/")]
    assert tests and len(files) > len(tests)
    for path, text in files.items():
        assert not (ROOT / path).exists(), "the example has become real: choose another"
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text, encoding="utf-8")
    passed = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert re.search(r"\d passed", passed)
    programs = [path for path in files if path.endswith(".py")]
    run(copy, "-m", "ruff", "check", "--no-cache", *programs)
    run(copy, "-m", "ruff", "format", "--no-cache", "--check", *programs)


@pytest.mark.browser
@pytest.mark.slow
def test_a_laboratory_becomes_live_and_passes_its_tests(copy):
    files = examples("How a laboratory becomes live in the page")
    assert len(files) == 4
    for path, text in (examples("How a laboratory is added") | files).items():
        assert not (ROOT / path).exists(), "the example has become real: choose another"
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text, encoding="utf-8")
    passed = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live/test_parabola.py")
    assert "3 passed" in passed
    programs = [path for path in files if path.endswith(".py")]
    run(copy, "-m", "ruff", "check", "--no-cache", *programs)
    run(copy, "-m", "ruff", "format", "--no-cache", "--check", *programs)


@pytest.mark.slow
def test_the_chapter_what_it_asks_and_their_translations_are_built_and_run(copy):
    files = examples("How a chapter is written") | examples("How a translation is written")
    assert {path.rpartition("/")[0] for path in files} == {
        *("chapters/source", "chapters/source/zh"),
        *("metalib/exercises/content/en", "metalib/exercises/content/zh"),
    }
    for path, text in files.items():
        assert not (ROOT / path).exists(), "the example has become real: choose another"
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text, encoding="utf-8")
    run(copy, "tools/chapters.py", "--translated", "zh/90")
    run(copy, "tools/chapters.py", "90", "zh/90")
    run(copy, "tools/chapters.py", "--check", "90", "zh/90")
    for name, step, answer in (
        ("90_toy", "after one step: 1.00, before: 2.00\n", "Six halvings leave 1/64 of the way, 0.031."),
        ("zh/90_toy", "一步之前：2.00，一步之后：1.00\n", "减半六次，剩下 1/64，即 0.031。"),
    ):
        notebook = nbformat.read(copy / "chapters" / f"{name}.ipynb", as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert outputs[0].text == step
        assert answer in outputs[1].data["text/html"].partition("<details>")[2]
        assert "0.031" not in outputs[1].data["text/html"].partition("<details>")[0]
