"""Draw your own alphabet in a page, with a mouse, with a finger and by keyboard alone."""

import json
import math
import re

import pytest
from desk import website

from metalib.lab.live import LIVE, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>alphabet</title>
<link rel="stylesheet" href="live/stage.css"><script defer src="live/start.js"></script>
<div class="metalib-live" data-live="alphabet" data-language="en"></div><div style="height: 2000px"></div>"""
TURN = [n * math.pi / 6 for n in range(13)]


def circle(x, y, wide, high):
    return [[(x + wide * math.cos(t), y + high * math.sin(t)) for t in TURN]]


def cross(by):
    return [[(0.2 + by, 0.2), (0.8, 0.8 - by)], [(0.8, 0.2 + by), (0.2 + by, 0.8)]]


def zigzag(by):
    return [[(0.2, 0.25 + by), (0.8, 0.2), (0.25, 0.75 + by), (0.8 + by, 0.8)]]


EXAMPLES = [
    [circle(0.5, 0.5, 0.3, 0.3), circle(0.45, 0.5, 0.25, 0.32)],
    [cross(0.0), cross(0.08)],
    [zigzag(0.0), zigzag(0.05)],
]
QUERIES = [circle(0.55, 0.5, 0.28, 0.24), cross(0.04), zigzag(0.08)]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write(folder / "live", ["en"], {"alphabet": LIVE["alphabet"]})
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    with website(folder) as address:
        yield f"{address}/page.html"


@pytest.fixture
def opened(browser, address):
    """A page with the laboratory alive; what its browser has is given."""
    pages = []

    def make(**context):
        page = browser.new_context(**context).new_page()
        page.failures = []
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        page.on("console", lambda said: page.failures.append(said.text) if said.type == "error" else None)
        page.goto(address)
        page.locator(".metalib-live[data-state=live]").wait_for(state="attached")
        pages.append(page)
        return page

    yield make
    for page in pages:
        assert not page.failures
        page.context.close()


def laboratory(page, what):
    """`state` or `result`, when what was asked for is shown."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return json.loads(
        page.evaluate(f"JSON.stringify(document.querySelector('.metalib-live').laboratory.{what})")
    )


def paper(page):
    return page.get_by_role("application", name=re.compile("The pad"))


def on_paper(page, stroke):
    """A stroke, 0 … 1 from left and top, as points in the window, close together."""
    box = paper(page).bounding_box()
    there = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    between = [
        (a + (c - a) * part / 3, b + (d - b) * part / 3)
        for (a, b), (c, d) in zip(there, there[1:], strict=False)
        for part in (1, 2, 3)
    ]
    return [there[0], *between]


def by_mouse(page, stroke):
    first, *others = on_paper(page, stroke)
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point)
    page.mouse.up()


def by_touch(page, stroke):
    """A finger, as Chromium's own input pipeline sees it."""
    session = page.context.new_cdp_session(page)
    first, *others = [{"x": x, "y": y} for x, y in on_paper(page, stroke)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [first]})
    for point in others:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


@pytest.mark.parametrize("finger", [False, True])
def test_three_drawn_classes_are_told_apart(opened, finger):
    size = {"width": 390, "height": 844} if finger else {"width": 1280, "height": 844}
    page, draw = opened(viewport=size, has_touch=finger), by_touch if finger else by_mouse

    def press(name):
        button = page.get_by_role("button", name=name)
        button.tap() if finger else button.click()

    press("start again")
    page.evaluate("scrollTo(0, 0)")
    for label, drawings in enumerate(EXAMPLES, 1):
        page.get_by_label("I draw").select_option(label=f"class {label}")
        for strokes in drawings:
            for stroke in strokes:
                draw(page, stroke)
            press(f"add to class {label}")
    assert [label for label, _drawing in laboratory(page, "state")["alphabet"]["examples"]] == [
        1,
        1,
        2,
        2,
        3,
        3,
    ]
    page.get_by_label("I draw").select_option(label="the query")
    for way, strokes in enumerate(QUERIES):
        for stroke in strokes:
            draw(page, stroke)
        result = laboratory(page, "result")
        for method in ("protonet", "maml", "pixels"):
            assert result[method][way] == max(result[method]) > 0.9, (method, way)
        note = page.locator(".metalib-words").nth(1).inner_text()
        assert note.startswith(f"ProtoNet\nclass {way + 1}: ")
        press("another query")
    assert page.evaluate("scrollY") == 0, "a finger on the paper draws, and does not scroll"
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_the_answer_moves_while_the_pen_is_down(opened):
    page = opened(viewport={"width": 1280, "height": 844})
    before = laboratory(page, "result")["protonet"]
    points = on_paper(page, QUERIES[2][0])
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.wait_for_function(
        "(before) => String(document.querySelector('.metalib-live').laboratory.result.protonet) !== before",
        arg=",".join(map(repr, before)),
    )
    assert len(laboratory(page, "state")["strokes"]) == 1
    page.mouse.up()
    assert len(laboratory(page, "state")["strokes"][0]) >= len(points) - 1


def test_the_whole_way_by_keyboard(opened):
    """Nothing but Tab, arrows, letters and Enter."""
    page = opened(viewport={"width": 1280, "height": 844})

    def reach(wanted):
        for _tab in range(30):
            name = page.evaluate(
                """() => {
                const e = document.activeElement;
                return e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || "";
            }"""
            )
            if name.startswith(wanted):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"no Tab reaches {wanted!r}")

    reach("start again")
    page.keyboard.press("Enter")
    assert laboratory(page, "state")["alphabet"] == {"examples": [], "query": None}
    page.evaluate("document.activeElement.blur()")
    for label in (1, 2):
        reach("The pad")
        page.keyboard.press(str(label))
        reach("character")
        page.keyboard.press("Home" if label == 1 else "End")
        reach("use its next")
        page.keyboard.press("Enter")
        assert len(laboratory(page, "state")["alphabet"]["examples"]) == label
        page.evaluate("document.activeElement.blur()")
    reach("The pad")
    page.keyboard.press("Enter")  # nothing is written
    laboratory(page, "state")
    assert page.locator(".metalib-message").inner_text() == "The drawing is empty: draw at least one stroke."
    page.keyboard.press("Home")
    reach("use its next")
    page.keyboard.press("Space")
    assert laboratory(page, "result")["protonet"][1] > 0.9
    reach("The board")
    page.keyboard.press("ArrowRight")
    assert laboratory(page, "state")["cursor"] == 0
    page.keyboard.press("Delete")
    assert [label for label, _one in laboratory(page, "state")["alphabet"]["examples"]] == [2]


def test_what_is_worked_ahead_changes_no_answer(opened):
    """Until there is a query, the examples are embedded and MAML adapts in idle time."""
    page = opened(viewport={"width": 1280, "height": 844})
    ahead, plain, pieces = page.evaluate(
        """async () => {
        const module = await import("/live/alphabet.js");
        const data = await (await fetch("/live/alphabet.data.json")).json();
        const shown = document.querySelector(".metalib-live").laboratory.state, answers = [];
        let pieces = 0;
        for (const works of [true, false]) {
            const env = module.prepare(data), state = structuredClone(shown);
            while (works && module.idle(state, env)) pieces++;
            const { protonet, maml, logits } = module.compute(state, env);
            answers.push([protonet, maml, [...logits]]);
        }
        return [...answers, pieces];
    }"""
    )
    assert ahead == plain
    assert pieces == 5 + 3, "five examples, three inner steps"


def test_ctrl_z_takes_a_stroke_back(opened):
    page = opened(viewport={"width": 1280, "height": 844})
    for stroke in cross(0.0):
        by_mouse(page, stroke)
    assert len(laboratory(page, "state")["strokes"]) == 2
    paper(page).press("Control+z")
    assert len(laboratory(page, "state")["strokes"]) == 1
    paper(page).press("Backspace")
    assert laboratory(page, "state")["alphabet"]["query"] is None
