"""The cost laboratory in a real browser: points come in by themselves, keys and controls move it."""

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import CostLaboratory
    lab = CostLaboratory(width=20, tasks=1)
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "cost.ipynb", LABORATORY)
    yield page
    page.context.close()


def test_long_loops_are_measured_while_nobody_does_anything(page):
    wait_until(page, lambda: "; 64: " in words(page))


def test_controls_words_and_picture_fit_on_a_laptop(page):
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678


def test_keys_and_controls(page):
    stage = page.get_by_role("application")
    stage.focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: "at T = 1;" in words(page))
    page.keyboard.press("End")
    wait_until(page, lambda: "at T = 64" in words(page))
    page.get_by_label("shown", exact=True).select_option("time (measured here)")
    wait_until(page, lambda: " ms" in words(page))
