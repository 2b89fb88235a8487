"""Chapter 00 in the classic notebook with Colab's versions, in a real browser: widgets of ipywidgets 7.

Colab's page is Google's own and can't be had; the classic notebook has its manager of widgets.
"""

import os
import shutil

import desk
import pytest
from test_browser_surface import wait_until
from twin import ROOT, elsewhere

pytestmark = pytest.mark.browser

CHAPTER = "00_start_here.ipynb"


@pytest.fixture(scope="module")
def page(browser, colab, wheel, tmp_path_factory):
    """The chapter after *Run All*; `page.said`: what the console said; `page.asked`: the requests."""
    home = tmp_path_factory.mktemp("classic")
    folder, installed = home / "chapters", home / "site-packages"
    folder.mkdir()
    shutil.copy(ROOT / "chapters" / CHAPTER, folder)
    colab.run("-m", "pip", "install", "--quiet", "--no-deps", "--target", installed, wheel)
    notebook = desk.JupyterLab(desk.free_address(), "learning-to-learn", folder, home / "log.txt")
    command = [
        *(colab.python, "-m", "notebook", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={notebook.port}", f"--NotebookApp.token={notebook.token}"),
        f"--notebook-dir={folder}",
    ]
    kernel = {"PYTHONPATH": str(installed), "METALIB_PROGRESS": str(home / "progress")}
    with desk.served(command, notebook, {**os.environ, **desk.kept_in(home), **kernel}):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append((message.type, message.text)))
        page.on("pageerror", lambda error: page.said.append(("error", str(error))))
        page.on("request", lambda asked: page.asked.append(asked.url))
        page.goto(f"{notebook.base}/notebooks/{CHAPTER}?token={notebook.token}")
        page.locator("#kernel_indicator_icon.kernel_idle_icon").wait_for()
        page.get_by_role("link", name="Cell", exact=True).click()
        page.locator("#run_all_cells").click()
        page.locator(".metalib-stage img").first.wait_for()
        page.locator(".metalib-quiz").wait_for()
        yield page
        page.close()


def test_a_slider_moves_the_picture(page):
    laboratory = page.locator(".metalib-laboratory")
    picture, handle = laboratory.locator("img").first, laboratory.locator(".ui-slider-handle").first
    before = picture.get_attribute("alt")
    handle.focus()
    handle.press("ArrowLeft")
    wait_until(page, lambda: picture.get_attribute("alt") != before, "a new picture")


def test_the_quiz_answers(page):
    quiz = page.locator(".metalib-quiz")
    quiz.locator("input[type=radio]").first.check()
    assert quiz.locator(".why").first.inner_text().strip()


def test_nothing_is_asked_of_another_machine_and_no_error_is_in_the_console(page):
    assert len(page.asked) > 20 and elsewhere(page.asked, page.url) == []
    assert [text for kind, text in page.said if kind == "error"] == []
