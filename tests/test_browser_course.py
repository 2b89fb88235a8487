"""As a learner: open the course by the README's command, run chapter 3, drag α, see the picture change."""

import contextlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from test_browser_surface import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[1]
RUN_SECONDS = 400  # how long chapter 3 may take on a busy machine


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="needs make")
@pytest.mark.skipif(
    not (ROOT / ".venv").is_dir() or (ROOT / ".venv").is_symlink(),
    reason="the course is not installed by `make` here",
)
def test_the_readmes_command_opens_the_course(browser, tmp_path):
    # The learner's browser: a program that notes what it was asked to open.
    asked = tmp_path / "asked.txt"
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" > "{asked}"\n', encoding="utf-8")
    opener.chmod(0o755)
    places = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    environment = {**os.environ, "BROWSER": str(opener), **{p: str(tmp_path / p) for p in places}}
    log = tmp_path / "log.txt"
    with log.open("wb") as said:
        server = subprocess.Popen(
            ["make", "lab", "LAB_ARGS=--allow-root --ServerApp.port=0"],
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        for _attempt in range(400):
            if asked.exists() and (address := asked.read_text("utf-8").strip()):
                break
            assert server.poll() is None, log.read_text("utf-8", "replace")[-2000:]
            time.sleep(0.3)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.get_by_role("heading", name="Start here").wait_for(timeout=60_000)
        assert "/lab/tree/00_start_here.ipynb" in page.url
        # No kernel has run yet: the laboratory is there as a picture, and nothing is broken.
        wait_until(page, lambda: page.locator(".jp-OutputArea img").count(), "the still picture")
        assert page.locator(".jp-OutputArea").get_by_text("Error displaying widget").count() == 0
        page.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)  # it ends its kernels first, which a busy machine may draw out
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="module")
def chapter(browser, jupyter_lab):
    """Chapter 3 in JupyterLab after *Run all cells*."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(90_000)
    page.goto(jupyter_lab.notebook("03_maml.ipynb"))
    idle = page.get_by_text("Python 3 (ipykernel) | Idle")
    idle.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    quiz = page.locator(".metalib-quiz")  # the last cell that makes something
    wait_until(page, quiz.count, "running chapter 3", RUN_SECONDS)
    idle.wait_for()
    yield page
    page.context.close()


def test_a_chapter_that_was_only_opened_is_not_called_unsaved(browser, jupyter_lab):
    place = jupyter_lab.folder / "opened.ipynb"
    notebook = nbformat.read(jupyter_lab.folder / "04_maml_math.ipynb", 4)
    # With the Python that it was built with, and no other: JupyterLab corrects the version.
    notebook.metadata.language_info.version = platform.python_version()
    nbformat.write(notebook, place)
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(90_000)
    page.goto(jupyter_lab.notebook(place.name))
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.wait_for_timeout(1500)  # its metadata are compared with what the kernel says of itself
    assert page.locator(".lm-TabBar-tab", has_text="opened.ipynb").count() == 1
    assert page.locator(".jp-mod-dirty").count() == 0
    assert nbformat.read(place, 4) == notebook
    page.context.close()


def laboratory(page, control):
    """The last laboratory that has this slider."""
    found = page.locator(".metalib-laboratory", has=page.get_by_role("slider", name=control)).last
    found.scroll_into_view_if_needed()
    return found


def settled(page, locator):
    """Scroll there, until it stays: what comes into view on the way changes its height. Returns the box."""
    last = None

    def stays():
        nonlocal last
        locator.hover()
        before, last = last, locator.bounding_box()
        return last if last == before else None

    return wait_until(page, stays, "coming to rest")


def test_the_chapter_runs_without_an_error(chapter):
    assert (
        chapter.locator(
            "[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText pre .ansi-red-fg"
        ).count()
        == 0
    )
    assert chapter.locator(".jp-OutputArea").get_by_text("Error displaying widget").count() == 0
    notebook = nbformat.read(ROOT / "chapters" / "03_maml.ipynb", 4)
    checks = sum("exercise-check" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert chapter.get_by_text("Not attempted yet.").count() == checks >= 5
    assert chapter.locator(".metalib-laboratory").count() >= 2


def test_dragging_alpha_changes_the_picture(chapter):
    lab = laboratory(chapter, "α (inner rate)")
    picture, slider = lab.locator("img").first, lab.get_by_role("slider", name="α (inner rate)")
    stage, words = lab.locator(".metalib-stage"), picture.get_attribute("alt")
    before = stage.get_attribute("data-pictures")
    assert "α (inner rate): 0.01;" in words
    box = settled(chapter, slider)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    chapter.mouse.move(x, y)
    chapter.mouse.down()
    chapter.mouse.move(x - 60, y, steps=20)
    chapter.mouse.up()
    wait_until(chapter, lambda: picture.get_attribute("alt") != words, "a new picture")
    wait_until(chapter, lambda: stage.get_attribute("data-pictures") != before, "painting it")
    assert float(re.search(r"α \(inner rate\): ([\d.e-]+);", picture.get_attribute("alt"))[1]) < 0.01


def test_the_training_can_be_scrubbed(chapter):
    lab = laboratory(chapter, "look back")
    picture = lab.locator("img").first
    assert "after meta-iteration 1500;" in picture.get_attribute("alt")
    lab.get_by_role("slider", name="look back").press("Home")
    wait_until(chapter, lambda: "after meta-iteration 0;" in picture.get_attribute("alt"), "going back")


def test_an_exercise_is_answered(chapter):
    """Type the solution of the first exercise, run it and its check."""
    stub = chapter.locator(".jp-CodeCell", has_text="def inner_step_by_hand").first
    stub.scroll_into_view_if_needed()
    stub.locator(".cm-content").click()
    chapter.keyboard.press("Control+a")
    chapter.keyboard.insert_text(
        "def inner_step_by_hand(theta, x, y, alpha):\n"
        "    a, b = theta\n"
        "    residual = a * x + b - y\n"
        "    return theta + alpha * torch.stack([(2 * residual * x).mean(), (2 * residual).mean()])"
    )
    chapter.keyboard.press("Shift+Enter")
    chapter.keyboard.press("Shift+Enter")
    chapter.get_by_text("You walked uphill").wait_for()
    stub.locator(".cm-content").click()
    chapter.keyboard.press("Control+a")
    chapter.keyboard.insert_text(
        "def inner_step_by_hand(theta, x, y, alpha):\n"
        "    a, b = theta\n"
        "    residual = a * x + b - y\n"
        "    return theta - alpha * torch.stack([(2 * residual * x).mean(), (2 * residual).mean()])"
    )
    chapter.keyboard.press("Shift+Enter")
    chapter.keyboard.press("Shift+Enter")
    chapter.get_by_text("That is all an inner step is").wait_for()
