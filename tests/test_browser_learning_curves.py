"""The learning-curve laboratory in a real browser: the keyboard changes the shots, and tasks are chosen."""

import pytest
from test_browser_surface import open_laboratory

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = "from metalib.lab import LearningCurvesLaboratory\nLearningCurvesLaboratory()"


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "learning_curves.ipynb", CELL)
    yield page
    page.context.close()


def wait_for_words(page, words):
    page.locator(f'.metalib-stage img[alt*="{words}"]').first.wait_for()


def test_arrow_keys_change_the_shots(page):
    wait_for_words(page, "sine waves; shots: 5; ")
    page.get_by_label("shots").focus()
    page.keyboard.press("ArrowDown")
    wait_for_words(page, "; shots: 7; ")
    for _press in range(2):
        page.keyboard.press("ArrowUp")
    wait_for_words(page, "; shots: 3; ")


def test_controls_words_and_picture_fit_on_a_laptop(page):
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678


def test_tasks_and_method_are_chosen_and_what_is_not_there_is_said(page):
    page.get_by_label("tasks").select_option("sine waves, upside down")
    wait_for_words(page, "upside down; shots: 3; ")
    page.get_by_label("method").select_option("ProtoNet")
    page.get_by_text("a wave has none").wait_for()
    page.get_by_label("method").select_option("MAML")
    page.get_by_text("a wave has none").wait_for(state="hidden")
    page.get_by_role("button", name="another task").click()
    page.get_by_text("task 1", exact=True).wait_for()
