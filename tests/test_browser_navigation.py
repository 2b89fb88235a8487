"""The navigation laboratory in a real browser: the goal is put by the mouse and moved by keys."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import NavigationLaboratory
    NavigationLaboratory()
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "navigation.ipynb", LABORATORY)
    yield page
    page.context.close()


def goal(page):
    found = re.search(r"The goal is at \((.+?), (.+?)\)", words(page))
    return tuple(float(part.replace("−", "-")) for part in found.groups())


def test_a_click_puts_the_goal(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    # The plane lies at 0.075 … 0.470 of the width and 0.020 … 0.865 of the height (figure.add_axes).
    across = box["x"] + box["width"] * (0.075 + 0.395 * (-0.3 + 1.25) / 2.5)
    down = box["y"] + box["height"] * (0.02 + 0.845 * (1.25 - 0.2) / 2.5)
    page.mouse.click(across, down)
    wait_until(page, lambda: goal(page) == pytest.approx((-0.3, 0.2), abs=0.02))


def test_keys_move_the_goal(page):
    page.get_by_role("application", name=re.compile("The plane")).focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: goal(page) == (0.3, 0.4))
    page.keyboard.press("ArrowLeft")
    wait_until(page, lambda: goal(page) == pytest.approx((0.2, 0.4)))
    page.keyboard.press("Enter")
    page.get_by_text("no. 2").wait_for()


def test_controls_by_keyboard_and_all_fits_on_a_laptop(page):
    page.get_by_role("slider", name="inner steps").press("End")
    wait_until(page, lambda: "inner steps: 5" in words(page))
    page.get_by_label("start point", exact=True).select_option("random")
    wait_until(page, lambda: "start point: random" in words(page))
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678
