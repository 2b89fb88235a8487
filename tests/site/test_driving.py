"""Each live laboratory on its page, by mouse, by finger and by keys; what it shows is what Python shows."""

import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from visitor import LAPTOP, PHONE, visitor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))
from bench import unlike  # noqa: E402

from metalib.lab.live import LIVE, Live  # noqa: E402

PAGES = {
    "sine": "03_maml.html",
    "landscape": "04_maml_math.html",
    "prototypes": "05_protonet.html",
    "distances": "06_protonet_math.html",
    "alphabet": "07_practice.html",
}
SHOWN = """(place) => ({
    panels: [...place.querySelectorAll(".metalib-words")].map((words) => ({
      title: words.querySelector(".metalib-title")?.textContent ?? "",
      note: words.querySelector(".metalib-note")?.textContent ?? "",
      legend: [...words.querySelectorAll(".metalib-entry")].map((entry) => entry.textContent),
    })),
    remark: place.querySelector(".metalib-message").textContent,
})"""


PAINTED = "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"


class Driven:
    """One laboratory on its page: what it shows, and the Python laboratory beside it."""

    def __init__(self, guest, page, name: str) -> None:
        self.guest, self.page, self.name, self.live = guest, page, name, LIVE[name]
        self.place = page.locator(f".metalib-live[data-live={name}]").first
        self.place.scroll_into_view_if_needed()
        page.locator(f".metalib-live[data-live={name}][data-state=live]").first.wait_for()
        self.python = python_of(self.live)

    @property
    def state(self) -> dict:
        """The newest state, once it is painted."""
        self.page.evaluate(
            "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"
        )
        return json.loads(self.place.evaluate("(place) => JSON.stringify(place.laboratory.state)"))

    def agrees(self) -> None:
        """What is to be read is what the Python painter says of the same state."""
        state = type(self.python.state)(**self.live.decode(self.state))
        result = self.python.compute(state)
        words = self.python.painter.words(state, result)
        python = {
            "panels": [
                {"title": one.title, "note": one.note, "legend": [entry.text for entry in one.legend]}
                for one in words.panels
            ],
            "remark": words.remark,
        }
        assert not (problem := unlike(python, self.place.evaluate(SHOWN))), problem
        assert self.guest.faults == []

    def changed(self, field: str, move) -> object:
        """Do something that must change this field; its value then."""
        before = self.state[field]
        move()
        deadline = 40
        while (now := self.state[field]) == before and deadline:
            self.page.wait_for_timeout(50)
            deadline -= 1
        assert now != before, f"{field} stayed {before}"
        self.agrees()
        return now

    def at(self, panel: int, x: float, y: float) -> tuple[float, float]:
        """Where something in data coordinates is in the window, brought into sight."""
        sheet = self.place.locator(".metalib-sheet").nth(panel)
        sheet.evaluate("(node) => node.scrollIntoView({block: 'center'})")
        return tuple(self.place.evaluate("(place, at) => place.laboratory.inWindow(...at)", [panel, x, y]))

    def slider(self, field: str):
        return self.place.locator(f"[data-field={field}] input[type=range]")

    def number(self, field: str):
        return self.place.locator(f"[data-field={field}] .metalib-number")

    def held(self) -> tuple[int, float, float]:
        """Panel and place of what can be dragged."""
        state = self.state
        if self.name == "sine":
            return 0, state["hand"], self.place.evaluate("(place) => place.laboratory.result.height")
        if self.name == "landscape":
            return 0, *self.place.evaluate("(place) => [...place.laboratory.result.trail.at(-1)]")
        return 0, *state["query"]

    def drag(self, to: tuple[float, float]) -> None:
        """Drag it with the mouse."""
        self.page.mouse.move(*self.at(*self.held()))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(0, *to), steps=6)
        self.page.mouse.up()

    def swipe(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        """A finger from one place in the window to another."""
        fingers = self.page.context.new_cdp_session(self.page)
        for part in range(steps + 1):
            x, y = (a + (b - a) * part / steps for a, b in zip(start, end, strict=True))
            kind = "touchMove" if part else "touchStart"
            point = [{"x": x, "y": y}]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": point})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        fingers.detach()

    def strokes(self, *strokes) -> None:
        """Write on the pad with the mouse, in its widths."""
        pad = self.place.locator(".metalib-pad canvas")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        for stroke in strokes:
            points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for point in points[1:]:
                self.page.mouse.move(*point, steps=3)
            self.page.mouse.up()


_python: dict = {}


def python_of(live: Live):
    """The Python laboratory, made once."""
    return _python.setdefault(live.laboratory, live.begin())


@contextmanager
def driving(browser, address, name, viewport=LAPTOP):
    with visitor(browser, address, viewport) as guest:
        yield Driven(guest, guest.open(PAGES[name]), name)


FIELDS = {"sine": "alpha", "landscape": "alpha", "prototypes": "shots", "distances": "temperature"}
FIELDS["alphabet"] = "steps"


def test_every_live_laboratory_is_driven():
    assert set(PAGES) == set(LIVE) == set(FIELDS)


@pytest.mark.parametrize("name", PAGES)
def test_by_mouse(browser, address, name):
    with driving(browser, address, name) as driven:
        driven.agrees()
        slider = driven.slider(FIELDS[name])
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        middle = box["y"] + box["height"] / 2
        driven.changed(FIELDS[name], lambda: driven.page.mouse.click(box["x"] + 0.1 * box["width"], middle))
        driven.changed(FIELDS[name], lambda: driven.page.mouse.click(box["x"] + 0.5 * box["width"], middle))
        if name == "sine":
            driven.changed("shift", lambda: driven.drag((0, 0.5)))
            driven.changed("shift", lambda: driven.place.get_by_role("button").last.click())
        elif name == "landscape":
            theta = driven.changed("theta", lambda: driven.drag((-1.0, 0.5)))
            assert theta == pytest.approx([-1.0, 0.5], abs=0.05)
            driven.place.get_by_role("button", name=re.compile("play")).click()
            driven.page.wait_for_timeout(600)
            assert driven.state["moves"] > 0
            driven.place.get_by_role("button", name=re.compile("play")).click()
            driven.agrees()
        elif name == "distances":
            assert driven.changed("query", lambda: driven.drag((2.5, -2.0))) == pytest.approx(
                [2.5, -2], abs=0.05
            )
        elif name == "prototypes":
            sheet = driven.place.locator(".metalib-sheet").nth(1)
            sheet.scroll_into_view_if_needed()
            box = sheet.bounding_box()
            driven.changed("selected", lambda: sweep(driven, box))
        else:
            three_classes(driven)


def sweep(driven, box) -> None:
    """Over the drawings from the upper left."""
    for part in range(1, 20):
        driven.page.mouse.move(box["x"] + part * box["width"] / 30, box["y"] + part * box["height"] / 40)


RING = [(0.5, 0.2), (0.75, 0.35), (0.75, 0.65), (0.5, 0.8), (0.25, 0.65), (0.25, 0.35), (0.5, 0.2)]
ANGLE = [(0.3, 0.2), (0.3, 0.8), (0.75, 0.8)]
CROSS = [[(0.5, 0.15), (0.5, 0.85)], [(0.15, 0.5), (0.85, 0.5)]]


def three_classes(driven) -> None:
    """Draw three classes, and queries of each: they are recognised, and Python says the same."""
    buttons = driven.place.locator(".metalib-buttons button")
    driven.changed("alphabet", lambda: driven.place.get_by_role("button", name="start again").click())
    for number, strokes in enumerate(([RING], [ANGLE], CROSS), 1):
        driven.place.locator("[data-field=target] select").select_option(f"class {number}")
        driven.changed("strokes", lambda strokes=strokes: driven.strokes(*strokes))
        driven.changed("alphabet", lambda: buttons.first.click())
    driven.place.locator("[data-field=target] select").select_option("the query")
    for number, strokes in enumerate(([RING], [ANGLE], CROSS), 1):
        moved = [[(0.9 * x + 0.06, 0.9 * y + 0.02) for x, y in stroke] for stroke in strokes]
        driven.changed("strokes", lambda moved=moved: driven.strokes(*moved))
        verdict = driven.place.locator(".metalib-note").nth(1).inner_text()
        assert verdict.startswith(f"class {number}"), verdict
        driven.changed("strokes", lambda: buttons.first.click())


@pytest.mark.parametrize("name", PAGES)
def test_by_finger(browser, address, name):
    with driving(browser, address, name, PHONE) as driven:
        page = driven.page
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        slider = driven.slider(FIELDS[name])
        slider.evaluate("(node) => node.scrollIntoView({block: 'center'})")
        box = slider.bounding_box()
        middle = box["y"] + box["height"] / 2
        assert box["height"] >= 40
        if name != "alphabet":  # slider and picture are seen together
            picture = driven.place.locator(".metalib-sheet").first.bounding_box()
            assert picture["y"] >= 0 and picture["y"] + picture["height"] <= box["y"] + 1
            assert box["y"] + box["height"] <= PHONE["height"]
        left, right = box["x"] + 0.2 * box["width"], box["x"] + 0.55 * box["width"]
        driven.changed(FIELDS[name], lambda: driven.swipe((left, middle), (right, middle)))
        if name == "alphabet":
            pad = driven.place.locator(".metalib-pad canvas")
            pad.evaluate("(node) => node.scrollIntoView({block: 'center'})")
            box = pad.bounding_box()
            corner, far = (box["x"] + 40, box["y"] + 40), (box["x"] + 150, box["y"] + 160)
            driven.changed("strokes", lambda: driven.swipe(corner, far))
            return
        if name == "prototypes":
            sheet = driven.place.locator(".metalib-sheet").nth(1)
            sheet.evaluate("(node) => node.scrollIntoView({block: 'center'})")
            box = sheet.bounding_box()
            driven.changed("selected", lambda: page.touchscreen.tap(box["x"] + 120, box["y"] + 70))
        else:
            field = {"sine": "shift", "landscape": "theta", "distances": "query"}[name]
            to = {"sine": (0, 1.0), "landscape": (-1.0, 0.5), "distances": (2.0, 1.5)}[name]
            # The first picture stays at the top of the window: nothing is scrolled between the two.
            start = driven.at(*driven.held())
            driven.changed(field, lambda: driven.swipe(start, driven.at(0, *to)))
        # Beside what can be held a finger scrolls the page past the picture.
        sheet = driven.place.locator(".metalib-sheet").first
        sheet.evaluate("(node) => node.scrollIntoView({block: 'center'})")
        before, top, box = driven.state, page.evaluate("scrollY"), sheet.bounding_box()
        x, y = box["x"] + box["width"] - 8, box["y"] + box["height"] - 40
        driven.swipe((x, y), (x, y - 150))
        page.wait_for_function("(top) => Math.abs(scrollY - top) > 60", arg=top)
        if name != "prototypes":  # where a finger points at what it passes
            assert driven.state == before


@pytest.mark.parametrize("name", PAGES)
def test_by_keys_alone(browser, address, name):
    with driving(browser, address, name) as driven:
        page = driven.page
        driven.place.evaluate("(place) => place.querySelector('select, input').focus()")
        seen = set()
        for _press in range(40):  # Tab reaches every control and the picture
            where = page.evaluate(
                """() => document.activeElement.closest("[data-field]")?.dataset.field
                    ?? document.activeElement.getAttribute("role") ?? document.activeElement.tagName"""
            )
            seen.add(where)
            if not driven.place.evaluate("(place) => place.contains(document.activeElement)"):
                break
            page.keyboard.press("Tab")
        shown = {row.get_attribute("data-field") for row in driven.place.locator("[data-field]").all()}
        assert shown | {"application"} <= seen

        driven.slider(FIELDS[name]).focus()
        driven.changed(FIELDS[name], lambda: page.keyboard.press("ArrowRight"))
        sheet = driven.place.locator(".metalib-sheet[tabindex='0']").first
        sheet.focus()
        if name == "sine":
            driven.changed("hand", lambda: page.keyboard.press("ArrowRight"))
            driven.changed("shift", lambda: page.keyboard.press("ArrowUp"))
            driven.changed("shift", lambda: page.keyboard.press("Home"))
        elif name == "landscape":
            driven.changed("theta", lambda: page.keyboard.press("ArrowLeft"))
            assert driven.changed("moves", lambda: page.keyboard.press("Enter")) == 1
            driven.changed("theta", lambda: page.keyboard.press("Home"))
        elif name == "distances":
            assert driven.changed("selected", lambda: page.keyboard.press("2")) == 2
            driven.changed("prototypes", lambda: page.keyboard.press("ArrowUp"))
        elif name == "prototypes":
            driven.changed("selected", lambda: page.keyboard.press("ArrowRight"))
            driven.changed("draw", lambda: page.keyboard.press("Enter"))
        else:
            assert driven.changed("cursor", lambda: page.keyboard.press("ArrowRight")) == 0
            driven.changed("alphabet", lambda: page.keyboard.press("Delete"))


@pytest.mark.parametrize("name", PAGES)
def test_a_number_is_typed_and_nonsense_gets_the_sentence_of_python(browser, address, name):
    with driving(browser, address, name) as driven:
        field = FIELDS[name]
        number, control = driven.number(field), driven.python.declared[field]
        good = "3" if control.kind == "whole" else "0,05"
        before = driven.state
        for text in ("much", "1e9", "-3", ""):
            number.fill(text)
            number.press("Enter")
            with pytest.raises((TypeError, ValueError)) as refused:
                control.typed(text)
            said = driven.place.locator(".metalib-message.metalib-error").inner_text()
            assert said == str(refused.value)
            assert driven.state == before
        if float(good.replace(",", ".")) == before[field]:
            good = "2"
        number.fill(good)
        driven.changed(field, lambda: number.press("Enter"))
        assert driven.state[field] == float(good.replace(",", "."))
        assert not driven.place.locator(".metalib-error").count()


def test_the_first_laboratory_is_there_within_two_seconds_and_light(browser, address):
    with visitor(browser, address) as guest:
        page = guest.open("03_maml.html")
        page.locator(".metalib-live[data-live=sine]").first.scroll_into_view_if_needed()
        page.locator("[data-live=sine][data-state=live]").first.wait_for()
        usable = page.evaluate("performance.now()")
        mine = {url: len(answer.body()) for url, answer in guest.loaded.items() if "live/" in url}
        assert sum(mine.values()) < 400_000, mine
        assert usable < 2000, f"{usable:.0f} ms on {browser.version}"
        assert guest.faults == []


@pytest.mark.parametrize("viewport", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_a_reader_further_down_is_not_moved_when_it_comes_to_life(browser, address, viewport):
    held = []
    with visitor(browser, address, viewport) as guest:
        guest.context.route("**/live/sine.data.json", lambda route: held.append(route))
        page = guest.open("03_maml.html")
        place = page.locator(".metalib-live[data-live=sine]").first
        place.evaluate("(place) => scrollTo(0, scrollY + place.getBoundingClientRect().bottom + 60)")
        page.wait_for_timeout(200)
        read = page.evaluate_handle(
            """() => [...document.querySelectorAll("article :is(p, li, h2, h3)")]
                .find((node) => node.checkVisibility() && node.getBoundingClientRect().top > 100)"""
        )
        before = read.bounding_box()["y"]
        assert place.bounding_box()["y"] < 0 < before < viewport["height"]
        for _wait in range(50):
            if held:
                break
            page.wait_for_timeout(50)
        held[0].continue_()
        page.locator("[data-live=sine][data-state=live]").first.wait_for(state="attached")
        page.wait_for_timeout(300)
        assert read.bounding_box()["y"] == pytest.approx(before, abs=2)
        assert guest.faults == []
