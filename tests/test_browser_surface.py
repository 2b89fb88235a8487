"""The laboratory and its surface in a real browser, under JupyterLab."""

import io
import json
import re
import textwrap

import nbformat
import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LABORATORY = """
    import ipywidgets as widgets
    from metalib.lab import SineLaboratory
    from metalib.models import sine_net
    lab = SineLaboratory({"one": sine_net(), "two": sine_net(width=20)}, alpha=0.001)
    count = widgets.HTML("<b class='drawn'>0</b>")
    drawn = []
    def note(change):
        drawn.append(lab.state.alpha)
        rows = (lab.painter.pixels(lab.state, lab.result).astype(int) * [1, 2, 3, 0]).sum(axis=(1, 2))
        count.value = f"<b class='drawn' data-rows='{rows.tolist()}'>{len(drawn)}</b>"
    lab.surface.observe(note, "alt")
    display(lab, count)
"""
TRAINING = """
    import torch
    from metalib import MAML, SineTasks, Training
    from metalib.lab import TrainingLaboratory
    from metalib.models import sine_net
    training = Training(MAML(sine_net()), SineTasks(5, 5), torch.Generator().manual_seed(0), meta_batch=4)
    lab = TrainingLaboratory(training, 20_000)
    lab
"""
SURFACE = """
    import io, time
    import ipywidgets as widgets
    from PIL import Image
    from metalib.lab import Surface
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), "#cde").save(buffer, "png")
    log = widgets.HTML("<p class='seen'></p>")
    seen = []
    def note(*event):
        seen.append(" ".join(map(str, event)))
        log.value = f"<p class='seen'>{';'.join(seen)}</p>"
    def pointer(event):
        if event.shift:
            raise ValueError("no shift, please")
        if event.kind == "move":
            time.sleep(0.05)
        note(event.kind, event.x, event.y, event.device)
    surface = Surface(width=300, height=200, label="drag the point")
    title = "<img src=x><b>not bold</b>"
    panel = dict(left=0, right=1, title=title, note=title, legend=[dict(text=title, mark=None)])
    surface.show(buffer.getvalue(), "a blue field", [panel])
    surface.on_pointer(pointer)
    surface.on_key(lambda event: note("key", event.key))
    pad = Surface(width=300, height=200, drawing=True, label="draw")
    pad.observe(lambda change: note("strokes", *map(len, change.new)), "strokes")
    widgets.VBox([surface, log, pad])
"""


def open_notebook(browser, jupyter_lab, name, cell, shows=".metalib-stage", **context):
    """Open a notebook with this one cell, run it once the kernel is there, and wait for what it shows."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell).strip())],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, jupyter_lab.folder / name)
    page = browser.new_context(viewport={"width": 1280, "height": 800}, **context).new_page()
    page.set_default_timeout(90_000)
    page.goto(jupyter_lab.notebook(name))
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.locator(shows).first.wait_for()
    return page


def open_laboratory(browser, jupyter_lab, name, cell):
    """As `open_notebook`, for a cell that shows a laboratory: wait for its picture, and give it the room of
    the file browser."""
    page = open_notebook(browser, jupyter_lab, name, cell)
    page.locator(".metalib-stage[data-pictures]").first.wait_for()
    page.keyboard.press("Control+b")
    page.wait_for_timeout(300)
    return page


def wait_until(page, condition, what="it", seconds=60):
    """Wait until the function `condition` is true; returns what it gave."""
    for _attempt in range(int(seconds / 0.1)):
        if value := condition():
            return value
        page.wait_for_timeout(100)
    raise AssertionError(f"{what} did not happen")


def cut_off(page):
    """The classes of the laboratories' elements that reach beyond the right edge of the cell's output."""
    return page.evaluate("""() => {
        const area = document.querySelector(".metalib-laboratory").closest(".jp-OutputArea");
        const edge = area.getBoundingClientRect().right;
        return [...document.querySelectorAll(".metalib-laboratory *")]
            .filter(e => e.getBoundingClientRect().right > edge + 1).map(e => e.className);
    }""")


def words(page):
    """The picture's text alternative."""
    return page.locator(".metalib-stage img").first.get_attribute("alt")


@pytest.fixture(scope="module")
def laboratory(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "laboratory.ipynb", LABORATORY)
    page.locator(".metalib-stage[data-pictures]").wait_for()
    page.keyboard.press("Control+b")  # the file browser takes half of a small window
    yield page
    page.context.close()


def test_a_dragged_slider_ends_with_its_last_value_and_no_queue(laboratory):
    page = laboratory
    box = page.get_by_role("slider", name="α (inner rate)").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = int(page.locator(".drawn").inner_text())
    moves = 60
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=moves)
    page.mouse.up()
    page.locator(".widget-readout").first.wait_for()
    readout = float(page.locator(".widget-readout").first.inner_text())
    assert readout > 0.002
    wait_until(page, lambda: f"α (inner rate): {readout:.2g}; " in words(page))
    page.wait_for_timeout(500)
    assert f"α (inner rate): {readout:.2g}; " in words(page), "no older picture may come after the last"
    assert 1 < int(page.locator(".drawn").inner_text()) - before <= moves
    assert page.get_by_role("slider", name="α (inner rate)").get_attribute("aria-valuetext") == (
        page.locator(".widget-readout").first.inner_text()
    )


def test_what_is_seen_is_what_was_painted_pixel_for_pixel(laboratory):
    page, slider = laboratory, laboratory.get_by_role("slider", name="phase φ")
    rows = """canvas => {
        const { width, height } = canvas;
        const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
        return Array.from({ length: height }, (_, row) => {
            let sum = 0;
            for (let i = 4 * row * width; i < 4 * (row + 1) * width; i += 4) {
                sum += pixels[i] + 2 * pixels[i + 1] + 3 * pixels[i + 2];
            }
            return sum;
        });
    }"""
    seen = []
    for key in ("ArrowRight", "End", "Home", *["ArrowRight"] * 3):
        before = words(page)
        slider.press(key)
        wait_until(page, lambda before=before: words(page) != before, "another picture")
        page.wait_for_timeout(300)
        painted = json.loads(page.locator(".drawn").get_attribute("data-rows"))
        assert page.locator(".metalib-stage canvas").first.evaluate(rows) == painted, key
        seen.append(painted)
    assert len(set(map(tuple, seen))) == len(seen)


def test_the_keyboard_reaches_and_moves_every_control(laboratory):
    page = laboratory
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Escape")
    focused = "document.activeElement.closest('.metalib-laboratory') && document.activeElement"
    kind = f"(() => {{ const e = {focused}; return e && (e.ariaLabel || e.tagName) }})()"
    picture = page.locator(".metalib-stage").first.get_attribute("aria-label")  # → holds the curve elsewhere
    moved = {}
    for _press in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(kind)
        if name is None or name in moved or name == "DIV":  # DIV: a slider's number, which can be edited too
            continue
        before = words(page)
        key = {"BUTTON": "Enter", "SELECT": "ArrowUp"}.get(name, "ArrowRight")
        page.keyboard.press(key)
        wait_until(page, lambda before=before: words(page) != before, f"moving {name!r} by {key}")
        moved[name] = key
    assert set(moved) == {
        *(picture, "SELECT", "BUTTON", "α (inner rate)", "inner steps"),
        *("shots", "amplitude A", "phase φ"),
    }
    assert page.locator(".jp-CodeCell").count() == 2, "no key went to the notebook"


@pytest.mark.parametrize("size", [(1280, 800), (683, 512), (560, 700)])  # 683 × 512: 1024 × 768 at 150 %
def test_nothing_is_cut_off(laboratory, size):
    page = laboratory
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(300)
    wide = page.evaluate("""() => [...document.querySelectorAll(".metalib-laboratory, .metalib-laboratory *")]
        .filter(e => e.clientWidth && getComputedStyle(e).overflowX !== "visible")
        .filter(e => e.scrollWidth > e.clientWidth)
        .map(e => `${e.className}: ${e.scrollWidth} > ${e.clientWidth}`)""")
    assert wide == []
    assert cut_off(page) == []
    stage = page.locator(".metalib-stage").bounding_box()
    shape = 2 * 0.38 / 0.612 if page.locator(".metalib-folded").count() else 0.38
    assert stage["height"] == pytest.approx(shape * stage["width"], abs=1)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_longer_number_moves_no_picture(laboratory):
    page = laboratory
    legend, stage = page.locator(".metalib-legend").last, page.locator(".metalib-stage")
    put = "(node, text) => { node.lastChild.textContent = text; }"
    places, lines = [], []
    for text in ("0.1", "long " * 30, "0.1", "long " * 30, "0.1"):
        legend.locator(".metalib-entry").last.evaluate(put, text)
        page.wait_for_timeout(200)
        places.append(stage.bounding_box()["y"] - page.locator(".metalib-laboratory").bounding_box()["y"])
        lines.append(legend.bounding_box()["height"])
    assert lines[1] > lines[0] == lines[-1], "the legend takes another line, and gives it back"
    assert places[1] > places[0] and len(set(places[1:])) == 1, "its room is kept"


def test_an_exploding_alpha_is_said_and_moves_nothing(laboratory):
    page = laboratory
    height = page.locator(".metalib-surface").bounding_box()["height"]
    page.get_by_role("slider", name="α (inner rate)").press("End")
    message = page.locator(".metalib-message")
    wait_until(page, lambda: re.search("α = 1 is too large", message.inner_text()))
    assert page.locator(".metalib-surface").bounding_box()["height"] == height
    page.get_by_role("slider", name="α (inner rate)").press("Home")
    wait_until(page, lambda: message.inner_text() == "")


def test_a_typed_number_is_taken_or_refused_in_a_sentence(laboratory):
    page, message = laboratory, laboratory.locator(".metalib-message")
    readout = page.locator(".metalib-field-alpha .widget-readout")

    def type_in(text, key="Enter"):
        readout.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(text)
        page.keyboard.press(key)

    type_in("0,02")
    wait_until(page, lambda: "α (inner rate): 0.02;" in words(page), "taking a decimal comma")
    assert readout.inner_text() == "0.020"
    type_in("10", key="Tab")  # to leave it is to have typed it
    wait_until(page, lambda: "must lie between 0.0001 and 1; 10 does not" in message.inner_text())
    assert readout.inner_text() == "0.020" and "α (inner rate): 0.02;" in words(page)
    type_in("much")
    wait_until(page, lambda: "α (inner rate) must be a number, not 'much'" in message.inner_text())
    type_in("0.5", key="Escape")
    readout.click()  # and out again, with nothing typed
    page.keyboard.press("Tab")
    page.wait_for_timeout(300)
    assert "α (inner rate): 0.02;" in words(page) and readout.inner_text() == "0.020"
    type_in("0.001")
    wait_until(page, lambda: "α (inner rate): 0.001;" in words(page) and message.inner_text() == "")


def test_training_starts_pauses_and_goes_back(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "training.ipynb", TRAINING)
    done = page.get_by_text("of 20000 meta-iterations")
    page.locator("button", has_text="Start").click()
    wait_until(page, lambda: int(done.inner_text().split()[0]) > 30)
    # While it trains, other widgets answer: the slider goes to the beginning and stays there.
    slider = page.get_by_role("slider", name="look back")
    slider.press("Home")
    wait_until(page, lambda: "after meta-iteration 0;" in words(page) or slider.press("Home"))
    page.locator("button", has_text="Pause").click()
    page.wait_for_timeout(1000)
    paused = done.inner_text()
    page.wait_for_timeout(1000)
    assert done.inner_text() == paused
    assert "after meta-iteration 0;" in words(page)
    slider.press("End")
    wait_until(page, lambda: f"after meta-iteration {paused.split()[0]};" in words(page))
    page.context.close()


@pytest.fixture(scope="module")
def surface(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "surface.ipynb", SURFACE, has_touch=True)
    page.locator(".metalib-stage[data-pictures]").wait_for()
    yield page
    page.context.close()


def test_words_are_text_and_never_html(surface):
    words = surface.locator(".metalib-words").first
    for part in (".metalib-title", ".metalib-note", ".metalib-entry"):
        assert words.locator(part).inner_text() == "<img src=x><b>not bold</b>"
    assert words.locator("img, b").count() == 0


def seen(page):
    """What the kernel was told, as lists of words."""
    return [event.split() for event in page.locator(".seen").inner_text().split(";") if event]


def test_pointer_events_come_in_picture_coordinates(surface):
    page = surface
    box = page.locator(".metalib-stage").first.bounding_box()
    assert (box["width"], box["height"]) == (300, 200)
    page.mouse.move(box["x"] + 30, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 150, steps=80)
    page.mouse.move(box["x"] + 400, box["y"] + 150)  # the pointer is captured: it may leave the picture
    page.mouse.up()
    events = wait_until(page, lambda: (told := seen(page)) and told[-1][0] == "up" and told)
    assert events[0] == ["down", "0.1", "0.25", "mouse"]
    assert events[-1] == ["up", "1", "0.75", "mouse"]
    moves = [event for event in events if event[0] == "move"]
    assert 1 <= len(moves) < 80, "the newest move wins, the others are left out"
    assert sorted(float(move[1]) for move in moves) == [float(move[1]) for move in moves]


def test_touch_arrives_as_touch(surface):
    page = surface
    before = len(seen(page))
    box = page.locator(".metalib-stage").first.bounding_box()
    page.touchscreen.tap(box["x"] + 150, box["y"] + 100)
    events = wait_until(
        page, lambda: [e for e in seen(page)[before:] if e[0] == "up"] and seen(page)[before:]
    )
    assert events[0] == ["down", "0.5", "0.5", "touch"]
    assert events[-1] == ["up", "0.5", "0.5", "touch"]


def test_keys_reach_the_picture_and_not_the_notebook(surface):
    page = surface
    stage = page.get_by_role("application", name="drag the point")
    stage.focus()
    for key in ("ArrowLeft", "Home", "Enter", "Escape", "d", "d"):
        page.keyboard.press(key)
    wait_until(page, lambda: seen(page)[-1] == ["key", "Escape"])
    assert [event[1] for event in seen(page)[-4:]] == ["ArrowLeft", "Home", "Enter", "Escape"]
    assert page.locator(".jp-CodeCell").count() == 2
    assert stage.evaluate("e => e === document.activeElement && getComputedStyle(e).outlineWidth") == "3px"
    picture = Image.open(io.BytesIO(stage.screenshot())).convert("RGB")
    assert picture.getpixel((1, 100)) == (0, 114, 178), "the ring is not hidden by the picture"
    assert picture.getpixel((150, 100)) == (204, 221, 238), "and the picture is seen"


def test_a_callbacks_error_is_shown(surface):
    page = surface
    box = page.locator(".metalib-stage").first.bounding_box()
    page.keyboard.down("Shift")
    page.mouse.click(box["x"] + 10, box["y"] + 10)
    page.keyboard.up("Shift")
    message = page.locator(".metalib-message.metalib-error").first
    wait_until(page, lambda: message.count() and message.inner_text() == "no shift, please")


def test_strokes_are_drawn_and_sent_when_the_pen_is_lifted(surface):
    page = surface
    pad = page.get_by_role("application", name="draw")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    ink = """c => c.getContext("2d").getImageData(0, 0, c.width, c.height).data
        .filter((value, index) => index % 4 === 3 && value).length"""
    canvas = pad.locator(".metalib-ink")
    assert canvas.evaluate(ink) == 0
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 120, steps=5)
    assert canvas.evaluate(ink) > 500, "drawn before it is finished"
    page.mouse.up()
    wait_until(page, lambda: seen(page)[-1][0] == "strokes")
    page.mouse.click(box["x"] + 250, box["y"] + 30)
    wait_until(page, lambda: len(seen(page)[-1]) == 3 and seen(page)[-1][2] == "1")
    with_dot = canvas.evaluate(ink)
    pad.press("Backspace")
    wait_until(page, lambda: len(seen(page)[-1]) == 2)
    assert 0 < canvas.evaluate(ink) < with_dot
