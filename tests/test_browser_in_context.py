"""The in-context laboratory in a real browser: points are dragged by mouse and moved by keys."""

import re

import pytest
from test_browser_surface import open_laboratory, wait_until, words

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.attention import ContextTransformer
    from metalib.lab import InContextLaboratory
    from metalib.learners import InContext
    net = lambda: InContext(ContextTransformer(2, 8, 1, 2))
    lab = InContextLaboratory({"lines": net(), "lines-pool-4": net()}, shots=2)
    lab
"""


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_laboratory(browser, jupyter_lab, "in_context.ipynb", LABORATORY)
    yield page
    page.context.close()


def points(page):
    said = re.search(r"The points are at (.*?)\. true line", words(page)).group(1)
    return [
        tuple(map(float, pair)) for pair in re.findall(r"\(([-\d.]+), ([-\d.]+)\)", said.replace("−", "-"))
    ]


def test_a_point_is_dragged(page):
    page.locator(".metalib-stage").scroll_into_view_if_needed()
    box = page.locator(".metalib-stage").bounding_box()
    scale = box["width"] / 1000

    def place(x, y):  # InContextPainter.left, in a picture of 1000 × 400
        across = 62 + 540 * (x + 6) / 12
        down = 400 - (54 + 338 * (y + 6) / 12)
        return box["x"] + scale * across, box["y"] + scale * down

    page.mouse.move(*place(*points(page)[0]))
    page.mouse.down()
    page.mouse.move(*place(1, 2), steps=5)
    page.mouse.move(*place(3, -2), steps=5)
    page.mouse.up()
    wait_until(page, lambda: abs(points(page)[0][0] - 3) < 0.1 and abs(points(page)[0][1] + 2) < 0.1)
    page.get_by_text("A point lies outside the shaded strip").wait_for()


def test_controls_words_and_picture_fit_on_a_laptop(page):
    assert page.locator(".metalib-laboratory").bounding_box()["height"] <= 678


def test_keys_move_a_point_and_draw_a_new_line(page):
    stage = page.get_by_role("application", name=re.compile("Points that a transformer reads"))
    stage.focus()
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    wait_until(page, lambda: "Point 2 is chosen." in words(page))
    x, y = points(page)[1]
    page.keyboard.press("ArrowUp")
    wait_until(page, lambda: abs(points(page)[1][1] - y - 0.25) < 0.01 and abs(points(page)[1][0] - x) < 0.01)
    page.keyboard.press("Enter")
    page.get_by_text("no. 2").wait_for()


def test_controls_by_keyboard(page):
    page.get_by_role("slider", name="points").press("End")
    wait_until(page, lambda: len(points(page)) == 11)
    page.get_by_label("trained on", exact=True).select_option("4 lines")
    wait_until(page, lambda: "posterior over its lines: slope" in words(page))
