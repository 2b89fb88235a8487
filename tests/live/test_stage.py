"""The stage with a toy laboratory: controls, moves, what stays where it cannot run."""

import itertools
import json

import pytest
import toy
from desk import website

from metalib.lab import live

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>toy</title>
<link rel="stylesheet" href="live/stage.css"><script defer src="live/start.js"></script>
<div class="metalib-live" data-live="toy" data-language="en" data-initial='{"steps": 4}'>
<p class="metalib-fidelity"><span class="metalib-when-still">still</span>
<span class="metalib-when-live">live</span></p>
<figure style="margin: 0; height: 300px">the still picture</figure></div><p id="below">below</p>
<div style="height: 3000px"></div>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    live.write(folder / "live", ["en"], {"toy": toy.LIVE})
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    with website(folder) as address:
        yield folder, f"{address}/page.html"


def opened(browser, site, wait="live", **context):
    page = browser.new_context(**context).new_page()
    page.failures = []
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    page.on("console", lambda said: page.failures.append(said.text) if said.type == "error" else None)
    page.goto(site[1])
    if wait:
        page.locator(f".metalib-live[data-state={wait}]").wait_for(state="attached")
    return page


@pytest.fixture
def page(browser, site):
    page = opened(browser, site, viewport={"width": 900, "height": 800})
    yield page
    assert not page.failures
    page.context.close()


def state(page):
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return json.loads(
        page.evaluate("JSON.stringify(document.querySelector('.metalib-live').laboratory.state)")
    )


def place(page, panel, x, y):
    """Where a place of a panel, 0 … 1 from left and top, is in the window."""
    box = page.locator(".metalib-sheet").nth(panel).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def in_window(page, panel, x, y):
    """Where a place of a panel, in data coordinates, is in the window."""
    ask = "(at) => document.querySelector('.metalib-live').laboratory.inWindow(...at)"
    return page.evaluate(ask, [panel, x, y])


def test_it_comes_to_life_in_place_of_the_still_picture(page):
    assert state(page) == {"shape": "bowl", "alpha": 0.1, "level": 0.5, "steps": 4, "draw": 0, "theta": 2}
    assert not page.get_by_text("the still picture").is_visible()
    assert (
        page.get_by_text("live", exact=True).is_visible()
        and not page.get_by_text("still", exact=True).is_visible()
    )
    assert "the end: 1.32" in page.locator(".metalib-legend").inner_text()
    alt = page.locator("[id^=metalib-alt]").inner_text()
    assert alt.startswith("shape: a bowl; α (inner rate): 0.1; level: 0.50; inner steps: 4; draw 0. descent;")
    assert alt.endswith("a note. θ goes from 2.50 to 1.32.")


def test_every_control_is_reached_by_tab_and_moved_by_keys(page):
    page.locator("select").focus()
    page.keyboard.press("ArrowDown")
    assert state(page)["shape"] == "steep"
    for _control in range(4):  # α, the level, the steps, the draw: each slider has its number beside it
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab") if _control < 3 else page.keyboard.press("Enter")
    now = state(page)
    assert now["alpha"] == pytest.approx(10**-0.975, rel=1e-5)
    assert (now["level"], now["steps"], now["draw"]) == (0.75, 5, 1)
    page.keyboard.press("Tab")  # the button
    page.keyboard.press("Tab")  # play
    page.keyboard.press("Tab")  # the picture
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "The way of θ"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    assert state(page)["theta"] == pytest.approx(2.6)
    page.keyboard.press("Escape")
    assert page.locator(".metalib-error").inner_text() == "Escape leads nowhere."
    page.get_by_role("button", name="back").click()
    assert state(page)["theta"] == 2 and not page.locator(".metalib-error").count()


def test_what_is_typed_is_taken_or_refused_as_in_python(page):
    laboratory = toy.ToyLaboratory()
    taken = ["0,01", " 0.5 ", "1e-1", "−0.25", "-1", "2", "2.5", "3.0", "11", "0", ".5", "+1", "1e400", "1."]
    texts = [*taken, "", "a", "inf", "nan", "0x1", "it's", '"', "1 0", "--1", "1,0,0", "-inf", "."]
    controls = live.specification(toy.LIVE)["controls"]
    page.evaluate("async () => { window.typed = (await import('/live/controls.js')).typed; }")
    page.evaluate("async () => { window.fill = (await import('/live/tools.js')).fill; }")
    stage = live.specification(toy.LIVE)["stage"]
    for (name, text), control in itertools.product(
        itertools.product(["alpha", "level", "steps"], texts), controls
    ):
        if control["name"] != name:
            continue
        try:
            python = laboratory.declared[name].typed(text)
        except (TypeError, ValueError) as error:
            python = str(error)
        found = page.evaluate(
            """([control, text, stage]) => {
                try { return typed(control, text, (key, gaps) => fill(stage[key], gaps)); }
                catch (error) { return error.message; }
            }""",
            [control, text, stage],
        )
        assert found == python, (name, text)
    laboratory.close()


def test_a_number_is_typed_beside_its_slider_and_nonsense_moves_nothing(page):
    number = page.get_by_label("α (inner rate)").nth(1)
    number.fill("0,05")
    number.press("Enter")
    assert state(page)["alpha"] == 0.05 and number.input_value() == "0.05"
    number.fill("much")
    number.press("Enter")
    assert page.locator(".metalib-error").inner_text() == "α (inner rate) must be a number, not 'much'."
    assert state(page)["alpha"] == 0.05 and number.input_value() == "0.05"
    number.fill("7")
    number.press("Tab")
    sentence = "α (inner rate) must lie between 0.01 and 1; 7 does not."
    assert page.locator(".metalib-error").inner_text() == sentence
    number.fill("0.2")
    number.press("Escape")
    assert number.input_value() == "0.05"


def test_the_mouse_drags_what_is_near_and_points_where_nothing_is_held(page):
    x, y = in_window(page, 0, 0, 2)
    page.mouse.move(x + 3, y)
    page.mouse.down()
    page.mouse.move(*in_window(page, 0, 1, 0.5), steps=5)
    page.mouse.up()
    assert state(page)["theta"] == pytest.approx(0.5, abs=0.02)
    page.mouse.click(*place(page, 1, 0.75, 0.5))
    assert state(page)["level"] == pytest.approx(0.5, abs=0.01)


def test_play_goes_as_far_as_it_may_and_begins_anew(page):
    page.evaluate(
        """() => {
            window.seen = [];
            document.addEventListener("metalib:shown", (event) => seen.push(event.detail.steps), true);
        }"""
    )
    button = page.get_by_role("button", name="play the steps")
    stopped = "document.querySelector('.metalib-play').ariaPressed === 'false' && seen.at(-1) === 6"
    button.click()
    page.wait_for_function(stopped)
    assert sorted(set(page.evaluate("seen"))) == [5, 6]
    page.evaluate("seen.length = 0")
    button.click()
    page.wait_for_function(stopped)
    seen = page.evaluate("seen")
    assert seen[0] == 0 and seen == sorted(seen)


def test_a_finger_drags_what_it_holds_taps_and_scrolls_past(browser, site):
    size = {"width": 390, "height": 700}
    page = opened(browser, site, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2)
    fingers = page.context.new_cdp_session(page)

    def swipe(x, y, dx, dy):
        point = [{"x": x, "y": y}]
        fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": point})
        for part in range(1, 9):
            point = [{"x": x + dx * part / 8, "y": y + dy * part / 8}]
            fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": point})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return state(page)

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    (x, y), (_x, below) = in_window(page, 0, 0, 2), in_window(page, 0, 0, 0)
    assert swipe(x + 10, y, 0, below - y)["theta"] == pytest.approx(0, abs=0.05)
    assert page.evaluate("scrollY") == 0
    before = state(page)
    swipe(*place(page, 0, 0.7, 0.8), 0, -120)
    page.wait_for_function("scrollY > 50")
    assert state(page) == before
    page.locator(".metalib-sheet").nth(1).scroll_into_view_if_needed()
    page.touchscreen.tap(*place(page, 1, 0.25, 0.5))
    assert state(page)["level"] == pytest.approx(-0.5, abs=0.01)
    small = page.evaluate(
        """[...document.querySelectorAll(".metalib-stage :is(button, select, input)")]
            .filter((node) => node.getBoundingClientRect().height < 40).map((node) => node.outerHTML)"""
    )
    assert not small and not page.failures
    page.context.close()


@pytest.mark.parametrize("reason", ["no script", "no modules", "no data", "broken module"])
def test_the_still_picture_and_its_sentence_stay_where_it_cannot_run(browser, site, reason):
    context = browser.new_context(java_script_enabled=reason != "no script")
    page = context.new_page()
    if reason == "no modules":
        page.add_init_script("delete HTMLScriptElement.prototype.noModule")
    if reason == "no data":
        page.route("**/toy.data.json", lambda route: route.abort())
    if reason == "broken module":
        page.route("**/toy.js", lambda route: route.fulfill(body="export const compute = () => { throw 1; }",
                                                            content_type="text/javascript"))  # fmt: skip
    page.goto(site[1])
    if reason in ("no data", "broken module"):
        page.locator("[data-state=failed]").wait_for()
    assert page.get_by_text("the still picture").is_visible()
    assert page.get_by_text("still", exact=True).is_visible()
    assert not page.locator(".metalib-stage").count()
    context.close()


def test_from_a_disk_the_still_picture_stays(browser, site):
    page = browser.new_page()
    errors = []
    page.on("console", lambda said: errors.append(said.text))
    page.goto((site[0] / "page.html").as_uri())
    assert (
        page.get_by_text("the still picture").is_visible()
        and page.get_by_text("still", exact=True).is_visible()
    )
    assert not errors
    page.close()


def test_the_toy_agrees_with_python(bench):
    both = bench("toy", toy.LIVE)
    both.agrees(100, seed=1, hidden={"theta": lambda rng: float(rng.uniform(-2, 2))})
    both.speaks_alike(20, seed=2)
    state = toy.ToyState(theta=1.0)
    assert both.keys(state, "ArrowDown").theta == 0.5 and both.keys(state, "Home") is None
    assert (
        both.drag(state, 0, (0, 1.0), (3, 2.0)).theta == 2.0
        and both.drag(state, 0, (5, 1.0), (3, 2.0)) is None
    )
    assert both.follow(state, toy.ToyState(shape="steep", theta=1.0)).theta == 2.0


def test_the_proof_fails_where_the_page_computes_something_else(bench, tmp_path):
    wrong = tmp_path / "toy.js"
    text = toy.LIVE.module.read_text("utf-8").replace("alpha;", "alpha * 1.0001;")
    wrong.write_text(text.replace("theta; goes", "theta went"), encoding="utf-8")
    both = bench("wrong", live.Live(**{**vars(toy.LIVE), "module": wrong}))
    with pytest.raises(AssertionError, match="way: apart by"):
        both.agrees(50, seed=1)
