"""The shots-and-ways laboratory in a real browser: a leak is switched on; keys and clicks walk on curves."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.data import glyphs
    from metalib.lab import ShotsAndWaysLaboratory
    lab = ShotsAndWaysLaboratory(
        glyphs("test").subset(range(20)), glyphs("train").subset(range(20)), tasks=20
    )
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "shots.ipynb", LABORATORY)
    yield page
    page.context.close()


def test_controls_words_and_picture_fit_on_a_laptop(page):
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678


def test_a_leak_is_switched_on_and_what_it_adds_is_said(page):
    page.get_by_label("leak", exact=True).select_option("a support image again")
    wait_until(page, lambda: "the leak: a support image again" in words(page))
    wait_until(page, lambda: re.search(r"pixels [\d.]+ ± [\d.]+ %, [+±][\d.]+ ± ", words(page)))
    page.get_by_text("The first query of each class is its first support image again").wait_for()
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678, "with the longer words too"


def test_keys_move_along_the_curves_and_draw_a_new_episode(page):
    stage = page.get_by_role("application", name=re.compile("accuracy along shots or ways"))
    stage.focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: "5-way 2-shot episode" in words(page))
    classes = re.search(r"The classes are (.*?)\. ", words(page)).group(1)
    page.keyboard.press("Enter")
    wait_until(page, lambda: classes not in words(page))
    page.get_by_text("no. 2").wait_for()
    page.keyboard.press("ArrowDown")
    wait_until(page, lambda: "wrong: logistic" in words(page))


def test_a_click_on_the_curves_sets_the_shots(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    page.mouse.click(box["x"] + 0.95 * box["width"], box["y"] + 0.5 * box["height"])
    wait_until(page, lambda: "5-way 10-shot episode" in words(page))


def test_with_idle_time_all_tasks_come(page):
    page.get_by_label("leak", exact=True).select_option("one class twice")
    wait_until(page, lambda: "5-way 5-shot episode" in words(page))  # a class twice needs twice the drawings
    wait_until(page, lambda: "mean of 20 tasks" in words(page))
