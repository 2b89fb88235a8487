"""A lecture in a real browser: live laboratories, keys, the presenter's page, no request outside.

`make rehearse` runs this file where Voilà is; METALIB_REHEARSE="00 03 05" names the chapters whose slides are
all looked at ("all": every one).
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IN_LECTURE = Path(sys.prefix).name == ".lecture"
if not IN_LECTURE:
    pytest.skip("`make rehearse` runs these tests", allow_module_level=True)
sys.path.insert(0, str(ROOT / "tools"))
import desk  # noqa: E402
import lecture  # noqa: E402
import sources  # noqa: E402

pytestmark = pytest.mark.browser
CHAPTERS = [chapter.number for chapter in sources.read_all(ROOT) if chapter.language == "en"]
NAMED = os.environ.get("METALIB_REHEARSE", "00").split()
LOOKED_AT = CHAPTERS if NAMED == ["all"] else NAMED
SIZES = [(1280, 720), (1920, 1080), (1024, 768)]
# What is longer than a screen, and may be scrolled.
LONG = re.compile(r"\d\d/[\w-]+|board")
STATE = """() => {
  const slide = document.querySelector(".slide.current"), sheet = slide.firstElementChild;
  const box = sheet.getBoundingClientRect();
  const wider = (e) => e.scrollWidth > e.clientWidth;
  const tooNarrow = (menu) => {  // for the longest of its choices
    const asItLikes = menu.cloneNode(true);
    asItLikes.style.cssText = "position: absolute; width: max-content; max-width: none";
    menu.after(asItLikes);
    const wanted = asItLikes.offsetWidth;
    asItLikes.remove();
    return menu.offsetWidth < wanted;
  };
  return {name: slide.dataset.name, scrolls: slide.classList.contains("scrolls"), bottom: box.bottom,
          right: box.right, floor: slide.getBoundingClientRect().bottom,
          letters: 20 * sheet.style.zoom, widest: (innerWidth - 48) / 1000,
          cut: [...slide.querySelectorAll(".widget-label, button, pre")].some(wider) ||
               [...slide.querySelectorAll("select")].some(tooNarrow),
          errors: slide.innerText.includes("Error displaying widget"),
          raw: /\\$[^$\\n]+\\$/.test(slide.innerText),
          empty: !sheet.querySelector("img, pre, p, li, table, canvas, .metalib-surface, .metalib-question")};
}"""


class Lecture:
    """A lecture that is under way, and a page of it."""

    def __init__(self, browser, number):
        self.port = lecture.free_port(9100 + 10 * int(number))
        command = [
            sys.executable,
            ROOT / "tools" / "lecture.py",
            number,
            "--no-browser",
            f"--port={self.port}",
        ]
        # In a session of its own, so that its kernels go with it.
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.outside, self.failed = [], []
        self.context = browser.new_context(viewport={"width": 1280, "height": 720})
        self.context.on("request", self._asked)
        self.context.on("response", lambda r: self.failed.append(r.url) if r.status >= 400 else None)
        self.page = self.context.new_page()

    def open(self):
        self._wait_for_the_server()
        self.page.goto(self.address, timeout=400_000)
        self.page.wait_for_selector(".slide.current h1", timeout=60_000)
        self.page.wait_for_timeout(2000)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"

    def _asked(self, request):
        if not request.url.startswith(
            (self.address, f"ws://127.0.0.1:{self.port}/", "data:", "blob:", "about:")
        ):
            self.outside.append(request.url)

    def _wait_for_the_server(self):
        for _ in range(240):
            assert self.process.poll() is None, "the lecture ended by itself"
            try:
                urllib.request.urlopen(self.address + "voila/files/presenter.html", timeout=1)
                return
            except OSError:
                time.sleep(0.5)
        raise AssertionError("the lecture's server does not answer")

    def state(self):
        return self.page.evaluate(STATE)

    def name(self):
        return self.state()["name"]

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(150)
        return self.name()

    def close(self):
        self.context.close()
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture(scope="module")
def shown(browser):
    """The lectures that were opened, by number; they are closed at the end."""
    opened = {}

    def show(number):
        if number not in opened:
            opened[number] = talk = Lecture(browser, number)
            talk.open()
        return opened[number]

    yield show
    for each in opened.values():
        each.close()


@pytest.fixture
def talk(shown):
    """Chapter 00, at its first slide."""
    talk = shown("00")
    talk.page.keyboard.press("Escape")
    talk.press("Home")
    return talk


def to_a(talk, selector):
    """Turn to the first slide with such an element, and give it."""
    talk.press("Home")
    for _ in range(40):
        if (found := talk.page.locator(f".slide.current {selector}")).count():
            return found.first
        talk.press("PageDown")
    raise AssertionError(f"no slide has {selector}")


def test_keys_turn_the_slides_right_after_opening(talk):
    first = talk.name()
    second = talk.press("ArrowRight")
    assert first == "title" and second != first
    assert talk.press("ArrowLeft") == first
    assert talk.press("PageDown") == second and talk.press("PageUp") == first
    assert talk.press("Space") == second
    last = talk.press("End")
    assert talk.press("ArrowRight") == last
    assert talk.press("Home") == first


def test_a_slider_on_a_slide_moves_the_picture(talk):
    to_a(talk, ".noUi-handle")
    here = talk.name()
    handle = talk.page.locator(".slide.current .widget-slider", has_text="phase").locator(".noUi-handle")
    picture = talk.page.locator(".slide.current .metalib-stage").first
    before = picture.screenshot()
    box = handle.bounding_box()
    talk.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    talk.page.mouse.down()
    talk.page.mouse.move(box["x"] - 60, box["y"] + box["height"] / 2, steps=6)
    talk.page.mouse.up()
    talk.page.wait_for_timeout(2500)
    moved = picture.screenshot()
    assert moved != before, "the kernel did not answer"
    # The arrows belong to the slider as long as it has the focus, a clicker's keys never do.
    handle.focus()
    assert talk.press("ArrowRight", "ArrowRight", "Home") == here
    assert talk.press("PageDown") != here
    talk.press("PageUp")
    handle.focus()
    talk.page.keyboard.press("Escape")
    assert talk.name() == here, "Escape only gives the keys back"
    assert talk.press("ArrowRight") != here


def test_a_click_on_the_page_changes_nothing(talk):
    to_a(talk, ".noUi-handle")
    here = talk.name()
    talk.page.mouse.click(5, 400)
    talk.press("Escape", "Escape", "Enter", "Tab", "a", "x", "Escape")
    assert talk.name() == here
    talk.page.keyboard.press("b")
    assert talk.page.locator("#black").is_visible()
    talk.press("ArrowRight")
    assert not talk.page.locator("#black").is_visible() and talk.name() == here


def test_a_prediction_is_answered_on_its_slide(talk):
    choice = to_a(talk, ".metalib-prediction input[type=radio]")
    choice.check()
    talk.page.locator(".slide.current button.main").click()
    talk.page.wait_for_selector(".slide.current .opened", timeout=20_000)
    talk.page.wait_for_timeout(1000)
    here, state = talk.name(), talk.state()
    assert state["bottom"] <= state["floor"] + 1 or state["scrolls"]
    picture = talk.page.evaluate("""async () => {
      const high = new Image();
      high.src = "data:image/svg+xml," + encodeURIComponent(
        '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="700"><path d="M0,0H9V9"/></svg>');
      const others = document.querySelectorAll(".slide.current .opened img");
      document.querySelector(".slide.current .opened").prepend(high);
      others.forEach((other) => other.remove());
      await high.decode();
      await new Promise((done) => setTimeout(done, 300));
      const {bottom, width, height} = high.getBoundingClientRect();
      return {bottom, ratio: width / height};
    }""")
    assert picture["bottom"] <= state["floor"], "a high picture is seen whole"
    assert picture["ratio"] == pytest.approx(9 / 7, rel=0.01)
    assert talk.press("ArrowRight") != here, "after an answer the keys turn slides again"


def test_a_choice_by_pointer_leaves_the_arrows_to_the_slides(talk):
    """A lecturer clicks on what the class voted for, then turns the slide: no other answer may open."""
    choices = to_a(talk, ".metalib-quiz fieldset").locator("input[type=radio]")
    said = talk.page.locator(".slide.current .metalib-quiz fieldset").first.locator(".why")
    here, chosen = talk.name(), "input => input.checked"
    choices.first.click()
    opened = said.inner_text()
    assert opened and talk.press("ArrowRight") != here
    assert talk.press("ArrowLeft") == here
    assert choices.first.evaluate(chosen) and said.inner_text() == opened
    talk.page.locator(".slide.current .metalib-quiz fieldset label").first.locator("span").click()
    assert talk.press("ArrowRight") != here, "a click on the words is a click on the button"
    # Whoever works by keyboard keeps the arrows, until Escape; a clicker turns the slide at any time.
    talk.press("ArrowLeft")
    choices.first.focus()
    assert talk.press("ArrowDown") == here and choices.nth(1).evaluate(chosen)
    assert talk.press("Escape", "ArrowRight") != here
    talk.press("ArrowLeft")
    choices.first.focus()
    assert talk.press("PageDown") != here


def test_a_menu_that_was_set_by_pointer_leaves_the_arrows_to_the_slides(talk):
    to_a(talk, ".noUi-handle")
    here = talk.name()
    talk.page.evaluate("""() => {
      const menu = Object.assign(document.createElement("select"), {id: "tried"});
      menu.append(new Option("a"), new Option("b"));
      document.querySelector(".slide.current .sheet").prepend(menu);
    }""")
    menu = talk.page.locator("#tried")
    menu.focus()
    assert talk.press("ArrowRight") == here
    menu.dispatch_event("pointerdown")  # its list is the system's own, out of a test's reach
    menu.select_option("b")
    assert talk.press("ArrowRight") != here and menu.evaluate("menu => menu.value") == "b"
    menu.evaluate("menu => menu.remove()")


def test_lines_that_are_too_wide_get_smaller_letters_or_break(talk):
    to_a(talk, ".noUi-handle")
    made = talk.page.evaluate("""async () => {
      const sheet = document.querySelector(".slide.current .sheet");
      const lines = [60, 100, 400].map((length) => {
        const pre = document.createElement("pre");
        pre.textContent = "one line ".repeat(length).slice(0, length);
        sheet.append(pre);
        return pre;
      });
      dispatchEvent(new Event("resize"));
      await new Promise((done) => setTimeout(done, 200));
      const seen = lines.map((pre) => ({letters: parseFloat(getComputedStyle(pre).fontSize),
        cut: pre.scrollWidth > pre.clientWidth, breaks: pre.classList.contains("breaks")}));
      lines.forEach((pre) => pre.remove());
      dispatchEvent(new Event("resize"));
      return seen;
    }""")
    short, wide, endless = made
    assert not any(each["cut"] for each in made)
    assert short["letters"] == endless["letters"] > wide["letters"] >= 0.74 * short["letters"]
    assert [each["breaks"] for each in made] == [False, False, True]


def test_the_presenters_page_follows_and_leads(talk):
    with talk.context.expect_page() as opened:
        talk.page.keyboard.press("p")
    presenter = opened.value
    presenter.wait_for_selector("#say li")
    assert "Slide 1 of" in presenter.inner_text("#place")
    first = presenter.inner_text("#say")
    talk.press("ArrowRight")
    presenter.wait_for_timeout(300)
    assert "Slide 2 of" in presenter.inner_text("#place") and presenter.inner_text("#say") != first
    assert re.search(r"\d+ min", presenter.inner_text("#place"))
    assert presenter.inner_text("#run") == "Stop the clock", "the clock starts with the first turn"
    presenter.keyboard.press("PageDown")
    presenter.wait_for_timeout(300)
    assert "Slide 3 of" in presenter.inner_text("#place")
    assert (
        talk.page.locator("#place").inner_text().endswith("3 / " + presenter.inner_text("#place").split()[3])
    )
    wrong = [slide for slide in presenter.evaluate("JSON.parse(slides.textContent)") if slide["expect"]]
    assert wrong, "some slide has wrong answers to expect"
    presenter.locator("#list a", has_text=wrong[0]["heading"]).first.click()
    presenter.wait_for_timeout(300)
    presenter.close()


def test_the_clock_goes_on_while_the_presenters_page_is_closed(talk):
    used = """(([minutes, seconds]) => 60 * minutes + Number(seconds))(
      document.getElementById("used").innerText.split(":"))"""
    with talk.context.expect_page() as opened:
        talk.page.keyboard.press("p")
    presenter = opened.value
    presenter.wait_for_selector("#say li")
    talk.press("ArrowRight")
    presenter.wait_for_function(f"{used} >= 3")
    presenter.reload()
    presenter.wait_for_timeout(700)
    assert presenter.evaluate(used) >= 3
    presenter.close()
    talk.page.wait_for_timeout(500)
    with talk.context.expect_page() as opened:
        talk.page.keyboard.press("p")
    opened.value.wait_for_timeout(700)
    assert opened.value.evaluate(used) >= 3
    opened.value.close()


def test_a_reload_stays_on_the_slide_and_leaves_no_kernel_behind(talk):
    kernel = 'JSON.parse(document.getElementById("jupyter-config-data").textContent).kernelId'
    here, old = talk.press("PageDown"), talk.page.evaluate(kernel)
    address = f"{talk.address}api/kernels/{old}"
    assert talk.page.request.get(address).ok
    talk.page.once("dialog", lambda question: question.accept())
    talk.page.reload(timeout=400_000)
    talk.page.wait_for_selector(".slide.current", timeout=60_000)
    assert talk.name() == here and talk.page.evaluate(kernel) != old
    for _ in range(40):  # it has a few seconds to end
        if talk.page.request.get(address).status == 404:
            return
        talk.page.wait_for_timeout(500)
    raise AssertionError("the kernel of the page that was left is still there")


@pytest.mark.parametrize("number", LOOKED_AT)
def test_every_slide_fits(number, shown):
    talk = shown(number)
    trouble = []
    for width, height in SIZES:
        talk.page.set_viewport_size({"width": width, "height": height})
        talk.page.keyboard.press("Escape")
        seen, here = set(), talk.press("Home")
        while True:
            talk.page.wait_for_timeout(250)
            state = talk.state()
            fits = state["bottom"] <= state["floor"] + 1 and state["right"] <= width
            if not (fits or (state["scrolls"] and LONG.fullmatch(here))):
                trouble.append(f"{here} at {width}x{height}: {state}")
            if state["errors"] or state["raw"] or state["empty"] or state["cut"]:
                trouble.append(f"{here}: {state}")
            seen.add(here)
            for _ in range(6):  # fragments
                after = talk.press("PageDown")
                if after != here:
                    break
            if after == here:
                break
            here = after
        assert len(seen) > 3
    assert not trouble, "\n".join(trouble)


def test_no_request_left_the_machine(talk):
    assert not talk.outside
    assert not talk.failed


def test_progress_is_the_lectures_own(talk):
    """A guess in the hall is not the lecturer's own."""
    progress = Path(os.environ["METALIB_PROGRESS"])
    assert not progress.exists() or not any(progress.iterdir())


@pytest.mark.parametrize("name", ["99", "", "maml", "0"])
def test_an_unknown_chapter_gets_one_sentence(name, capfd):
    assert lecture.main([name]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "CHAPTER is one of 00, 01" in said


def test_a_taken_port_is_passed_over():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert lecture.free_port(port) > port
    assert desk.find_browser()
