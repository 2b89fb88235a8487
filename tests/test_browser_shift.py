"""The shift laboratory in a real browser: mouse and keys turn the dial, idle work adds tasks."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import ShiftLaboratory
    lab = ShiftLaboratory(tasks=6)
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "shift.ipynb", LABORATORY)
    yield page
    page.context.close()


def strength(page):
    return float(page.get_by_role("slider", name="strength").get_attribute("aria-valuenow"))


def test_idle_work_adds_tasks(page):
    wait_until(page, lambda: "mean of 6 tasks" in words(page))


def test_the_mouse_turns_the_dial(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    scale = box["width"] / 1000
    left, wide = 645, 345  # of the curves, in pixels of the picture
    page.mouse.move(box["x"] + scale * (left + wide * 2.4 / 10.8), box["y"] + 100 * scale)
    page.mouse.down()
    wait_until(page, lambda: strength(page) == 2)
    page.mouse.move(box["x"] + scale * (left + wide * 8.4 / 10.8), box["y"] + 100 * scale, steps=6)
    page.mouse.up()
    wait_until(page, lambda: strength(page) == 8)


def test_controls_words_and_picture_fit_on_a_laptop(page):
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678


def test_keys_turn_the_dial(page):
    stage = page.get_by_role("application", name=re.compile("accuracy against the strength"))
    stage.focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: strength(page) == 0)
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: strength(page) == 1)
