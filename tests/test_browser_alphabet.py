"""The alphabet laboratory in a real browser: drawn with a mouse, with a finger; by keyboard alone."""

import math
import re

import pytest
from test_browser_surface import cut_off, open_notebook, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    from metalib.data import glyphs
    from metalib.lab import AlphabetLaboratory
    learners = {"ProtoNet": "glyphs-protonet", "MAML": "glyphs-maml"}
    lab = AlphabetLaboratory(learners, glyphs("test"), ways=0)
    lab
"""
TURN = [n * math.pi / 12 for n in range(25)]
CIRCLE = [(0.5 + 0.3 * math.cos(t), 0.5 + 0.3 * math.sin(t)) for t in TURN]
OVAL = [(0.45 + 0.22 * math.cos(t), 0.5 + 0.3 * math.sin(t)) for t in TURN]
CROSS = ([(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)])


@pytest.fixture(scope="module")
def page(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "alphabet.ipynb", LABORATORY, has_touch=True)
    board(page).wait_for()
    page.keyboard.press("Control+b")
    page.wait_for_timeout(300)
    yield page
    page.context.close()


def board(page):
    return page.get_by_role("application", name=re.compile("The board"))


def pad(page):
    return page.get_by_role("application", name=re.compile("The pad"))


def words(page):
    return board(page).locator("img").get_attribute("alt")


def examples(page):
    """What the text says of the examples on the board."""
    return words(page).partition("Examples: ")[2].partition(". ")[0]


def notice(page):
    """What is said below the buttons, above the board."""
    return page.locator(".metalib-message:visible").inner_text()


def button(page, label):
    return page.locator("button", has_text=re.compile(f"^{label}"))


def on_pad(page, points):
    pad(page).scroll_into_view_if_needed()
    box = pad(page).bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def by_mouse(page, points):
    first, *others = on_pad(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


def by_touch(page, points):
    """A finger, as Chromium's own input pipeline sees it."""
    session = page.context.new_cdp_session(page)
    first, *others = [{"x": x, "y": y} for x, y in on_pad(page, points)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [first]})
    for point in others:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def ink(page):
    return (
        pad(page)
        .locator(".metalib-ink")
        .evaluate("""c => c.getContext("2d")
        .getImageData(0, 0, c.width, c.height).data.filter((value, i) => i % 4 === 3 && value).length""")
    )


def test_what_is_missing_is_said(page):
    button(page, "add to class 1").click()
    wait_until(page, lambda: notice(page) == "The drawing is empty: draw at least one stroke.")
    pad(page).press("Home")
    wait_until(page, lambda: "I draw: the query; " in words(page))
    by_touch(page, CIRCLE)
    wait_until(page, lambda: "There is nothing to compare the query with" in notice(page))
    button(page, "start again").click()
    wait_until(page, lambda: "The board is empty." in words(page))
    wait_until(page, lambda: ink(page) == 0)


def test_classes_drawn_by_mouse_tell_a_query_drawn_by_touch(page):
    by_mouse(page, CIRCLE)
    wait_until(page, lambda: ink(page) > 500)
    button(page, "add to class 1").click()
    wait_until(page, lambda: "Examples: class 1: drawn." in words(page))
    wait_until(page, lambda: ink(page) == 0, "an empty pad")
    pad(page).press("2")
    wait_until(page, lambda: "I draw: class 2; " in words(page))
    for stroke in CROSS:
        by_mouse(page, stroke)
    by_mouse(page, CIRCLE)  # one too many
    with_circle = ink(page)
    button(page, "undo").click()
    wait_until(page, lambda: 0 < ink(page) < with_circle, "undo")
    pad(page).press("Enter")
    wait_until(page, lambda: "Examples: class 1: drawn, class 2: drawn." in words(page))
    pad(page).press("Home")
    wait_until(page, lambda: "I draw: the query; " in words(page))
    by_touch(page, OVAL)
    wait_until(page, lambda: "ProtoNet: class 1" in words(page), "the circle")
    for name in ("MAML, 3 steps", "nearest pixels"):
        assert f"{name}: class 1" in words(page)
    button(page, "clear drawing").click()
    wait_until(page, lambda: "There is no query." in words(page))
    for stroke in CROSS:
        by_touch(page, stroke)
    wait_until(page, lambda: "ProtoNet: class 2" in words(page), "the cross")
    assert page.locator(".jp-CodeCell").count() == 2


def test_a_click_points_at_an_example_and_it_can_be_removed(page):
    board(page).scroll_into_view_if_needed()
    box = board(page).bounding_box()
    scale = box["width"] / 1000
    page.mouse.click(box["x"] + 90 * scale, box["y"] + 108 * scale)
    wait_until(page, lambda: "You point at example 1 of class 1." in words(page))
    button(page, "remove example").click()
    wait_until(page, lambda: "Examples: class 2: drawn." in words(page))
    wait_until(page, lambda: "With one class only" in notice(page))


def test_a_board_is_saved_and_loaded_and_rubbish_refused(page, jupyter_lab):
    name = page.locator(".metalib-laboratory input[type=text]")
    button(page, "save").click()
    wait_until(page, lambda: notice(page) == "Saved as my_alphabet.json.")
    assert (jupyter_lab.folder / "my_alphabet.json").stat().st_size < 10_000
    button(page, "start again").click()
    wait_until(page, lambda: "The board is empty." in words(page))
    button(page, "load").click()
    wait_until(page, lambda: "Examples: class 2: drawn." in words(page))
    (jupyter_lab.folder / "rubbish.json").write_text("{", "utf-8")
    name.fill("rubbish.json")
    name.press("Tab")
    button(page, "load").click()
    wait_until(page, lambda: notice(page).startswith("rubbish.json is not a saved alphabet: it is not JSON"))
    assert "Examples: class 2: drawn." in words(page)


def test_the_whole_flow_by_keyboard_with_picked_examples(page):
    """Nothing but Tab, arrows, Enter and Space from here on, after one click into the notebook."""
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Escape")

    def name():
        return page.evaluate("""() => {
            const e = document.activeElement;
            if (!e.closest(".metalib-laboratory")) return "";
            const label = e.closest(".jupyter-widgets")?.querySelector(".widget-label")?.textContent;
            return e.ariaLabel || (e.tagName === "BUTTON" ? e.textContent : label) || e.tagName;
        }""")

    def reach(wanted):
        for key in ["Tab"] * 30 + ["Shift+Tab"] * 60:
            if name().startswith(wanted):
                return
            page.keyboard.press(key)
        raise AssertionError(f"no key reaches {wanted!r}")

    reach("start again")
    page.keyboard.press("Enter")
    wait_until(page, lambda: "The board is empty." in words(page))
    for label in (1, 2):
        reach("use its next")
        page.keyboard.press("Enter")
        wait_until(page, lambda label=label: f"class {label}: " in examples(page))
        reach("character")
        page.keyboard.press("ArrowDown")
        reach("I draw")
        page.keyboard.press("ArrowDown")
        wait_until(page, lambda label=label: f"I draw: class {label + 1}; " in words(page))
    page.keyboard.press("Home")  # in the list: the query
    wait_until(page, lambda: "I draw: the query; " in words(page))
    reach("character")
    page.keyboard.press("ArrowUp")  # back to the second character
    reach("use its next")
    page.keyboard.press("Space")
    wait_until(page, lambda: re.search("Query: .*, drawing 2.", words(page)), "the query")
    assert "ProtoNet: class 2" in words(page)
    reach("inner steps")
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: "MAML, 4 steps: class" in words(page))
    reach("The board")
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: "You point at example 1 of class 1." in words(page))
    page.keyboard.press("Delete")
    wait_until(page, lambda: "class 1: " not in examples(page))
    assert page.locator(".jp-CodeCell").count() == 2, "no key went to the notebook"


@pytest.mark.parametrize("size", [(1280, 800), (683, 512), (560, 700)])  # 683 × 512: 1024 × 768 at 150 %
def test_nothing_is_cut_off(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(300)
    assert cut_off(page) == []
    box = pad(page).bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1) and box["width"] > 200
    page.set_viewport_size({"width": 1280, "height": 800})


def test_ctrl_z_takes_a_stroke_back_and_delete_goes_on(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    button(page, "start again").click()
    wait_until(page, lambda: ink(page) == 0)
    for label in "12":
        pad(page).press(label)
        wait_until(page, lambda label=label: button(page, f"add to class {label}").is_visible())
        for stroke in CROSS:
            before = ink(page)
            by_mouse(page, stroke)
            wait_until(page, lambda before=before: ink(page) > before)
        both = ink(page)
        pad(page).press("Control+z")
        wait_until(page, lambda both=both: 0 < ink(page) < both, "one stroke less")
        pad(page).press("Enter")
        wait_until(page, lambda label=label: f"class {label}:" in examples(page))
    board(page).press("9")  # no example of the class that is drawn for
    board(page).press("ArrowRight")
    board(page).press("Delete")
    wait_until(page, lambda: examples(page).startswith("class 2") and "class 1" not in examples(page))
    board(page).press("Delete")
    wait_until(page, lambda: "The board is empty." in words(page))
