"""Binder's visitor in a real browser: the board's link saves progress, and another kernel takes it up."""

import json

import pytest
from test_browser_surface import open_notebook

pytestmark = pytest.mark.browser

BOARD = """
    import os, tempfile
    os.environ["BINDER_LAUNCH_HOST"] = "https://mybinder.org/"
    os.environ["METALIB_PROGRESS"] = tempfile.mkdtemp()
    from metalib import exercises
    from metalib.exercises import progress
    progress.record("03/inner-step", attempted=True, passed=True, hints=1)
    exercises.board()
"""
ANOTHER = 'os.environ["METALIB_PROGRESS"] = tempfile.mkdtemp(); exercises.resume()'


def test_progress_is_taken_along_from_binder(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "binder.ipynb", BOARD, shows="a[download]")
    assert page.get_by_text("Binder takes this machine back when you have left").is_visible()
    with page.expect_download() as saved:
        page.get_by_text("Download your progress").click()
    file = jupyter_lab.folder / saved.value.suggested_filename
    saved.value.save_as(file)
    assert json.loads(file.read_text("utf-8"))["entries"]["03/inner-step"]["passed"]

    page.locator(".jp-CodeCell .cm-content").nth(1).click()  # the next machine: no progress, and the file
    page.keyboard.insert_text(ANOTHER)
    page.keyboard.press("Shift+Enter")
    page.get_by_text(f"{file.name}: taken up; 1 entry is new.").wait_for()
    page.locator("summary", has_text="03 MAML").last.click()
    row = page.get_by_text("passed (1 hint)").last
    row.scroll_into_view_if_needed()
    assert row.is_visible()
    file.unlink()
    page.context.close()
