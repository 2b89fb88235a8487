"""The prototype laboratory in a real browser: examples are pointed at by mouse and by keys."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from torch import nn
    from metalib.lab import PrototypeLaboratory
    from metalib.models import conv4
    lab = PrototypeLaboratory({"pixels": nn.Flatten(), "network": conv4(8, downsample="stride")}, shots=2)
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "prototypes.ipynb", LABORATORY)
    yield page
    page.context.close()


def selected(page):
    return re.search(r"You point at (\w+ \d+ of class \d+)", words(page)).group(1)


def test_the_mouse_points_at_drawings_without_a_click(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    scale = box["width"] / 1000
    size = 200 / 5  # PrototypePainter.columns: five rows, the drawings begin at (606, 10)
    begin = 606 + 2 * size + 14

    def hover(x, y):
        page.mouse.move(box["x"] + scale * x, box["y"] + scale * y, steps=8)

    hover(begin + 2.5 * size, 10 + 3.5 * size)
    wait_until(page, lambda: selected(page) == "query 3 of class 4")
    hover(606 + 0.5 * size, 10 + 0.5 * size)
    wait_until(page, lambda: selected(page) == "support 1 of class 1")
    page.mouse.move(box["x"] - 30, box["y"] - 5)
    page.wait_for_timeout(300)
    assert selected(page) == "support 1 of class 1", "what was pointed at stays when the pointer leaves"


def test_controls_words_and_picture_fit_on_a_laptop(page):
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678


def test_keys_point_and_draw_a_new_episode(page):
    stage = page.get_by_role("application", name=re.compile("An episode in its embedding"))
    stage.focus()
    page.keyboard.press("Home")
    wait_until(page, lambda: selected(page) == "query 1 of class 1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    wait_until(page, lambda: selected(page) == "support 2 of class 2")
    classes = re.search(r"The classes are (.*?)\. ", words(page)).group(1)
    page.keyboard.press("Enter")
    wait_until(page, lambda: classes not in words(page))
    page.get_by_text("no. 2").wait_for()


def test_controls_by_keyboard(page):
    page.get_by_role("slider", name="shots").press("End")
    wait_until(page, lambda: "5-way 10-shot" in words(page))
    page.get_by_label("embedding", exact=True).select_option("pixels")
    wait_until(page, lambda: "pixels: " in words(page) and "784 dimensions" in words(page))
    page.get_by_label("distance", exact=True).select_option("Euclidean")
    page.get_by_text("The square root does not change which prototype is nearest").wait_for()
