"""The distance laboratory in a real browser: points are dragged by the mouse, chosen and moved by keys."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.lab import DistanceLaboratory
    lab = DistanceLaboratory(truth=2)
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "distances.ipynb", LABORATORY)
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    yield page
    page.context.close()


def place(page, what):
    """Where the words say that "The query" or "Prototype 2" is."""
    found = re.search(what + r"(?: is)? at \((.+?), (.+?)\)", words(page))
    return tuple(float(part.replace("−", "-")) for part in found.groups())


def on_screen(page, x, y):
    """The plane is 528 × 396 of the picture's 1000 × 456 pixels, 46 from the left and 24 from the top."""
    box = page.locator(".metalib-stage").bounding_box()
    return (
        box["x"] + box["width"] * (46 + 66 * (x + 4)) / 1000,
        box["y"] + box["height"] * (24 + 66 * (3 - y)) / 456,
    )


def drag(page, start, end):
    page.mouse.move(*on_screen(page, *start))
    page.mouse.down()
    page.mouse.move(*on_screen(page, *end), steps=30)
    page.mouse.up()


def test_the_mouse_drags_a_prototype_and_the_query_to_where_it_stops(page):
    drag(page, (1.7, 1.7), (-1.0, 2.5))
    wait_until(page, lambda: place(page, "Prototype 2") == pytest.approx((-1.0, 2.5), abs=0.03))
    drag(page, (0.2, 0.5), (2.5, -2.0))
    wait_until(page, lambda: place(page, "The query") == pytest.approx((2.5, -2.0), abs=0.03))
    page.wait_for_timeout(400)
    assert place(page, "The query") == pytest.approx((2.5, -2.0), abs=0.03), "no older picture comes last"
    assert place(page, "Prototype 2") == pytest.approx((-1.0, 2.5), abs=0.03)
    assert place(page, "Prototype 1") == (-2.0, 1.3)


def test_keys_choose_a_point_and_move_it(page):
    page.get_by_role("application", name=re.compile("Drag a point")).focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: place(page, "The query") == (0.2, 0.5))
    page.keyboard.press("3")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    wait_until(page, lambda: place(page, "Prototype 3") == (0.15, -1.45))
    page.keyboard.press("0")
    page.keyboard.press("ArrowUp")
    wait_until(page, lambda: place(page, "The query") == (0.2, 0.75))


def test_controls_change_distance_temperature_and_classes(page):
    page.get_by_label("distance", exact=True).select_option("cosine")
    wait_until(page, lambda: words(page).startswith("distance: cosine; temperature: 1; "))
    temperature = page.get_by_role("slider", name="temperature")
    temperature.press("End")
    wait_until(page, lambda: temperature.get_attribute("aria-valuetext") == "100")
    temperature.press("Home")
    wait_until(page, lambda: words(page).startswith("distance: cosine; temperature: 0.01; "))
    page.get_by_role("slider", name="classes").press("End")
    wait_until(page, lambda: "Prototype 5 at" in words(page))
    assert "true class: 2. " in words(page)
