"""The sine laboratory in a real browser: its curve is pulled, and the slider of α goes along."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import SineLaboratory
    lab = SineLaboratory(steps=1, amplitude=4, phase=2.8, draw=2, cause="alpha")
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "sine.ipynb", LABORATORY)
    yield page
    page.context.close()


def held(page):
    """Where the hand holds the curve."""
    found = re.search(r"holds the curve at \((.+?), (.+?)\)", words(page))
    return tuple(float(part.replace("−", "-")) for part in found.groups())


def test_the_mouse_pulls_the_curve_and_alpha_follows_on_its_slider(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    # The panel lies at 0.062 … 0.602 of the width and 0.025 … 0.845 of the height (figure.add_axes).
    across = lambda x: box["x"] + box["width"] * (0.062 + 0.54 * (x + 5.15) / 10.3)  # noqa: E731
    down = lambda y: box["y"] + box["height"] * (0.025 + 0.82 * (6.4 - y) / 12.8)  # noqa: E731
    x, y = held(page)
    page.mouse.move(across(x), down(y))
    page.mouse.down()
    page.mouse.move(across(x), down(y + 1), steps=30)
    page.mouse.up()
    wait_until(page, lambda: held(page)[1] == pytest.approx(y + 1, abs=0.1))
    wait_until(
        page, lambda: "α went from 0.01 to 0.00" in page.locator(".metalib-message").first.inner_text()
    )
    page.wait_for_timeout(400)
    assert "α (inner rate): 0.002" in words(page), "the slider does not move it back"
    wait_until(page, lambda: page.locator(".widget-readout", has_text=re.compile(r"^0\.002")).count())


def test_keys_hold_and_pull_and_home_puts_back(page):
    page.get_by_role("application", name=re.compile("Drag the curve")).focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: "α (inner rate): 0.01;" in words(page))
    page.locator(".metalib-field-cause select").select_option(label="θ (the start)")
    wait_until(page, lambda: "a pull moves: θ" in words(page))
    page.get_by_role("application", name=re.compile("Drag the curve")).focus()
    before = held(page)
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: held(page)[0] == pytest.approx(before[0] + 0.2))
    there = held(page)[1]
    page.keyboard.press("ArrowUp")
    wait_until(page, lambda: held(page)[1] == pytest.approx(there + 0.2, abs=0.15))
    page.keyboard.press("Home")
    wait_until(page, lambda: held(page)[1] == pytest.approx(there, abs=0.05))
