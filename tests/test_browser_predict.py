"""Predictions and quizzes in a real browser, under JupyterLab: nothing is seen before the guess; mouse, touch
and keyboard guess; without a kernel the answer is folded."""

import json
import textwrap

import nbformat
import pytest
from test_browser_surface import open_notebook, wait_until
from toy_exercises import TOY

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOY_COURSE = f"""
    import os, tempfile
    from pathlib import Path
    from metalib import exercises, look
    if "kept" not in globals():  # what a second run finds again: progress of its own, the toy chapter
        kept = os.environ["METALIB_PROGRESS"] = tempfile.mkdtemp()
        exercises.course.FOLDERS.append(Path({str(TOY / "content")!r}))
        exercises.probes.__path__.append({str(TOY / "probes")!r})
        exercises.course.chapters_in.cache_clear()
"""
LANDS = (
    TOY_COURSE
    + """
    figure = look.figure(8, 3.5)
    figure.add_subplot().plot([2, 1], [4, 1])
    exercises.predict("97/lands", figure, "theta = 1.00", before=2, step=1.0, stepped=1.0)
"""
)
SECRETS = ("The step is", "That takes", "It goes from", "A parabola", "theta = 1.00")


def guessed(page):
    page.locator(".metalib-prediction .verdict").wait_for()
    return page.locator(".metalib-prediction .verdict").inner_text()


def focused(page, selector):
    return page.evaluate(f"document.activeElement?.matches({json.dumps(selector)})")


def tab_to(page, selector):
    for _ in range(12):
        page.keyboard.press("Tab")
        if focused(page, selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def run_again(page, cell=0):
    page.locator(".jp-CodeCell .cm-content").nth(cell).click()
    page.keyboard.press("Shift+Enter")


def test_a_guess_by_mouse_opens_the_answer_and_stays(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "97_lands.ipynb", LANDS, shows=".metalib-prediction label")
    prediction, commit = (
        page.locator(".metalib-prediction"),
        page.get_by_role("button", name="That is my guess"),
    )
    assert commit.is_disabled()
    output = page.locator(".jp-OutputArea").first
    for secret in SECRETS:
        assert secret not in output.inner_html(), secret
    assert output.locator("img").count() == 0

    page.get_by_text("At the minimum.").click()
    commit.click()
    assert guessed(page) == "You guessed: At the minimum. ✗ not this time"
    assert prediction.locator("img").get_attribute("alt").startswith("A parabola with two points, at θ = 2")
    for secret in SECRETS[:3] + SECRETS[4:]:
        assert secret in prediction.inner_text(), secret
    assert prediction.get_by_role("radio").first.is_disabled() and not commit.is_visible()
    assert prediction.locator("label.own").inner_text() == "At the minimum."
    assert prediction.locator("label.is-right").inner_text().startswith("Half-way")

    run_again(page)
    wait_until(page, lambda: page.locator(".jp-InputPrompt").first.inner_text() == "[2]:")
    assert guessed(page) == "You guessed: At the minimum. ✗ not this time", "kept, and open already"
    page.get_by_role("button", name="Guess again").click()
    assert page.locator(".metalib-prediction .answer").is_hidden() and prediction.locator("img").count() == 0
    page.get_by_text("Half-way to the minimum.").click()
    commit.click()
    wait_until(page, lambda: "✓ right" in page.locator(".verdict").inner_text())
    page.context.close()


def test_the_keyboard_alone_guesses_and_goes_on_from_the_answer(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "97_keys.ipynb", LANDS, shows=".metalib-prediction label")
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Escape")  # out of the editor, where Tab indents
    tab_to(page, "input[type=radio]")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")  # JupyterLab's own "next cell", were it not kept away
    page.keyboard.press("Enter")  # and its own "edit the cell"
    assert "You guessed: Half-way to the minimum. ✓ right" in guessed(page)
    assert focused(page, ".verdict"), "where the answer begins, so that it is read aloud"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Guess again"
    page.keyboard.press("Control+s")  # is JupyterLab's still, with the focus here
    saved = jupyter_lab.folder / "97_keys.ipynb"
    wait_until(page, lambda: "It goes from 2 to 1.00" in saved.read_text("utf-8"), "saving")
    group = page.get_by_role("group", name="Predict Where does one step from θ = 2 with α = 0.25 land?")
    assert group.count() == 1
    page.context.close()


def test_it_opens_without_a_guess_too(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "97_show.ipynb", LANDS, shows=".metalib-prediction label")
    page.get_by_role("button", name="Show me without guessing").click()
    assert guessed(page) == "Opened without a guess."
    assert page.get_by_role("button", name="Guess after all").is_visible()
    page.context.close()


def test_a_number_is_typed_as_people_write_it(browser, jupyter_lab):
    cell = TOY_COURSE + "    exercises.predict('97/steps', needed=5)"
    page = open_notebook(browser, jupyter_lab, "97_number.ipynb", cell, shows=".metalib-prediction input")
    field, commit = page.get_by_label("Your number"), page.get_by_role("button", name="That is my guess")
    for typed, possible in (
        ("many", False),
        ("1,250", False),
        ("5 or 6", False),
        ("5,5", True),
        ("−3", True),
    ):
        field.fill(typed)
        assert commit.is_enabled() == possible, typed
    field.fill("a few")
    field.press("Enter")
    page.get_by_text("Please write one number").wait_for()
    field.fill("4,5")
    field.press("Enter")
    assert guessed(page) == "You guessed: 4.5 steps ✓ right"
    page.context.close()


def lines(page):
    return [line.get_attribute("data-text") for line in page.locator(".lines li").all()]


def test_lines_are_moved_by_keys_by_arrows_and_by_dragging(browser, jupyter_lab):
    cell = TOY_COURSE + "    exercises.predict('97/ranking', 'a table')"
    page = open_notebook(browser, jupyter_lab, "97_order.ipynb", cell, shows=".lines li", has_touch=True)
    assert lines(page) == ["α = 0.25", "α = 0.5", "α = 0.1"]
    page.locator(".lines li").first.focus()
    page.keyboard.press("ArrowDown")
    assert lines(page) == ["α = 0.5", "α = 0.25", "α = 0.1"]
    assert focused(page, "li[data-text='α = 0.25']"), "the line keeps the focus, so it can go on"
    page.get_by_text("α = 0.25: now in place 2 of 3").wait_for(state="attached")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert lines(page) == ["α = 0.5", "α = 0.1", "α = 0.25"]
    page.get_by_role("button", name="Move up: α = 0.25").tap()
    assert lines(page) == ["α = 0.5", "α = 0.25", "α = 0.1"]

    first, last = (page.locator(".lines li").nth(n).bounding_box() for n in (0, 2))
    page.mouse.move(first["x"] + 60, first["y"] + first["height"] / 2)
    page.mouse.down()
    page.mouse.move(last["x"] + 60, last["y"] + last["height"] - 2, steps=12)
    page.mouse.up()
    assert lines(page) == ["α = 0.25", "α = 0.1", "α = 0.5"]
    page.locator(".lines li").last.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert guessed(page) == "You guessed: α = 0.5 → α = 0.25 → α = 0.1 ✓ right"
    page.locator(".lines li").first.focus()
    page.keyboard.press("ArrowDown")
    assert lines(page)[0] == "α = 0.5", "what was guessed stays"
    page.context.close()


def test_a_quiz_puts_lines_in_order_and_says_which_is_out_of_place(browser, jupyter_lab):
    cell = TOY_COURSE + "    exercises.get('97/quiz')"
    page = open_notebook(browser, jupyter_lab, "97_quiz_order.ipynb", cell, shows=".metalib-quiz li")
    page.get_by_text("This chapter asked for 3 predictions.").wait_for()
    wanted = ["for task in tasks:", "loss = loss_fn(theta, task.support)", "g = grad(loss, theta)"]

    def move(text, place):
        page.locator(f".lines li[data-text='{text}']").focus()
        for _ in range(8):
            at = lines(page).index(text)
            if at == place:
                return
            page.keyboard.press("ArrowUp" if at > place else "ArrowDown")

    move(wanted[0], 0)
    move(wanted[1], 1)
    move("adapted = theta - alpha * g", 2)
    page.keyboard.press("Enter")
    page.get_by_text("✗ No. Line 3 is the first that is out of place. The step comes last").wait_for()
    move(wanted[2], 2)
    assert page.locator(".why.wrong").count() == 0, "it spoke of another order"
    page.locator(".metalib-quiz").get_by_role("button", name="Check").last.click()
    page.get_by_text("✓ Right. Loss, gradient, step.").wait_for()
    code = page.locator(".lines code").nth(1)
    assert code.inner_text().replace("\xa0", " ") == "    loss = loss_fn(theta, task.support)"
    assert "mono" in code.evaluate("e => getComputedStyle(e).fontFamily")
    page.get_by_label("Your number (%)").fill("83")
    page.keyboard.press("Enter")
    page.get_by_text("≈ Near. It is 80 %.").wait_for()
    page.get_by_text("1 of 4 answered right.").wait_for()
    page.context.close()


def test_a_busy_kernel_is_said_and_run_all_waits_for_nobody(browser, jupyter_lab):
    page = open_notebook(browser, jupyter_lab, "97_busy.ipynb", LANDS, shows=".metalib-prediction label")
    page.keyboard.insert_text("import time; time.sleep(4)")  # the cell below, which Shift+Enter has made
    page.keyboard.press("Shift+Enter")
    page.get_by_text("At the minimum.").click()
    page.get_by_role("button", name="That is my guess").click()
    page.get_by_text("The answer opens once the kernel is free.").wait_for()
    assert "not this time" in guessed(page)
    assert not page.get_by_text("The answer opens once").is_visible()
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "zoom"), [(390, 1), (1280, 1.5)])
def test_it_fits_a_phone_and_a_projector(browser, jupyter_lab, theme, width, zoom):
    page = open_notebook(
        browser, jupyter_lab, f"97_{theme}_{width}.ipynb", LANDS, shows=".metalib-prediction label"
    )
    page.keyboard.press("Control+b")
    page.set_viewport_size({"width": int(width / zoom), "height": int(800 / zoom)})
    if theme == "dark":
        page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.get_by_role("button", name="Show me without guessing").click()
    guessed(page)
    page.wait_for_timeout(300)
    beyond = page.evaluate("""() => {
        const card = document.querySelector(".metalib-prediction");
        const edge = card.closest(".jp-OutputArea-output").getBoundingClientRect().right;
        return [...card.querySelectorAll("*"), card]
            .filter(e => e.getBoundingClientRect().right > edge + 1).map(e => e.outerHTML.slice(0, 80));
    }""")
    assert beyond == []
    page.context.close()


def test_before_anything_runs_the_answer_is_folded_and_its_picture_is_there(browser, jupyter_lab, tmp_path):
    """A built notebook as it opens: not trusted, so JupyterLab cleans its HTML."""
    import metalib
    from metalib.exercises import Prediction, course

    question = course.load(TOY / "content" / "en" / "97_toy.md").predictions[0]
    figure = metalib.look.figure(4, 3)
    figure.add_subplot()
    page_text = Prediction(question, [figure], {"before": 2, "step": 1.0, "stepped": 1.0})._repr_html_()
    output = nbformat.v4.new_output("execute_result", data={"text/html": page_text, "text/plain": "x"})
    cell = nbformat.v4.new_code_cell("1", outputs=[output], execution_count=1)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, jupyter_lab.folder / "97_stored.ipynb")
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(jupyter_lab.notebook("97_stored.ipynb"))
    summary = page.locator("details summary")
    summary.wait_for()
    picture = page.locator("details img")
    assert not picture.is_visible() and page.get_by_text("Half-way to the minimum.").is_visible()
    summary.click()
    picture.wait_for()
    assert picture.get_attribute("alt").startswith("A parabola")
    assert picture.evaluate("e => e.complete && e.naturalWidth") == 400
    page.context.close()


def test_a_tally_follows_the_guesses_of_its_chapter(browser, jupyter_lab):
    cell = textwrap.dedent(LANDS).replace("exercises.predict", "asked = exercises.predict")
    cell += "\ndisplay(exercises.get('97/quiz'))\nasked"
    page = open_notebook(browser, jupyter_lab, "97_tally.ipynb", cell, shows=".metalib-prediction label")
    page.get_by_text("This chapter asked for 3 predictions.").wait_for()
    page.get_by_text("Half-way to the minimum.").click()
    page.get_by_role("button", name="That is my guess").click()
    page.get_by_text("You guessed 1 of 3 times before you looked: 1 right, 0 near.").wait_for()
    page.context.close()
