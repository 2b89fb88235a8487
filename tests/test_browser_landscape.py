"""The loss-landscape laboratory in a real browser: θ is dragged by the mouse, moved by keys, and played."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import LandscapeLaboratory
    lab = LandscapeLaboratory(landscape="equal")
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "landscape.ipynb", LABORATORY)
    yield page
    page.context.close()


def theta(page):
    found = re.search(r"θ is at \((.+?), (.+?)\)", words(page))
    return tuple(float(part.replace("−", "-")) for part in found.groups())


def test_the_mouse_drags_theta_to_where_it_stops(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    # The right panel lies at 0.558 … 0.983 of the width and 0.020 … 0.855 of the height (figure.add_axes).
    across = lambda value: box["x"] + box["width"] * (0.558 + 0.425 * (value + 3.2) / 6.4)  # noqa: E731
    down = lambda value: box["y"] + box["height"] * (0.02 + 0.835 * (2.6 - value) / 5.2)  # noqa: E731
    page.mouse.move(across(-2), down(-1))
    page.mouse.down()
    page.mouse.move(across(1.5), down(0.8), steps=40)
    page.mouse.up()
    wait_until(page, lambda: theta(page) == pytest.approx((1.5, 0.8), abs=0.03))
    page.wait_for_timeout(400)
    assert theta(page) == pytest.approx((1.5, 0.8), abs=0.03), "no older picture may come after the last"


def test_keys_move_theta_and_play_meta_steps(page):
    stage = page.get_by_role("application", name=re.compile("Drag θ"))
    stage.focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: theta(page) == (0.4, 2.0))
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: theta(page) == (0.6, 2.0))
    page.keyboard.press("Enter")
    wait_until(page, lambda: "go down by: MAML; β (outer rate): 0.15; meta-steps: 1." in words(page))
    assert page.locator(".widget-readout", has_text=re.compile("^1$")).count(), "the slider shows it"
    page.keyboard.press("Backspace")
    wait_until(page, lambda: theta(page) == (0.6, 2.0))


def test_play_descends_by_itself_to_the_optimum(page):
    page.get_by_role("slider", name="β (outer rate)").press("End")
    page.locator(".jupyter-widgets.widget-play button, .widget-play button").first.click()
    wait_until(page, lambda: "; meta-steps: 60." in words(page), "the end", 60)
    assert theta(page) == pytest.approx((0, 0), abs=0.05)
