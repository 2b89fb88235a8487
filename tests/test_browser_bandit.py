"""The bandit laboratory in a real browser: arms are pulled by the mouse and by keys."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import BanditLaboratory
    lab = BanditLaboratory(pulls=20)
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "bandit.ipynb", LABORATORY)
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    yield page
    page.context.close()


def click(page, arm):
    """The arms' boxes are 92 of the picture's 1000 pixels wide, the first at 20, 100 from one to the next."""
    box = page.locator(".metalib-stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * (100 * arm - 34) / 1000, box["y"] + box["height"] / 2)


def pulled(page, arm):
    return int(re.search(rf"arm {arm}: \d+ of (\d+) paid", words(page)).group(1))


def test_the_mouse_pulls_arms(page):
    click(page, 2)
    wait_until(page, lambda: pulled(page, 2) == 1)
    click(page, 5)
    wait_until(page, lambda: pulled(page, 5) == 1 and "pull 3 of 20" in words(page))


def test_keys_pull_arms_to_the_end_and_enter_deals_anew(page):
    page.get_by_role("application", name=re.compile("Five arms")).focus()
    for _pull in range(3):
        page.keyboard.press("4")
    wait_until(page, lambda: pulled(page, 4) == 3)
    several = page.get_by_role("button", name="the last arm, 10 times")
    several.click()
    wait_until(page, lambda: pulled(page, 4) == 13)
    several.click()
    wait_until(page, lambda: "The chances of arms 1 to 5 are" in words(page))
    page.get_by_role("application", name=re.compile("Five arms")).focus()
    page.keyboard.press("Enter")
    wait_until(page, lambda: "bandit 1" in words(page) and "pull 1 of 20" in words(page))
    assert "The chances of arms" not in words(page)


def test_the_curve_can_show_the_regret(page):
    page.get_by_role("application", name=re.compile("Five arms")).focus()
    page.keyboard.press("1")
    page.get_by_label("curve", exact=True).select_option("regret (gives arms away)")
    wait_until(page, lambda: re.search(r"you \d\.\d", words(page)))
