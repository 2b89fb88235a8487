"""Quizzes, predictions and exercises in the page: judged as in the notebook, folded, kept nowhere."""

import ast
import json
from pathlib import Path

import pytest
from conftest import ROOT, SITE
from visitor import LAPTOP, PHONE, visitor

from metalib.exercises import course, page
from metalib.exercises.question import Number, Order
from metalib.i18n import speaking

VERDICTS = """async ([module, cases]) => {
  const { verdictOf } = await import(module);
  return cases.map(([kind, guess, judged]) => verdictOf(kind, guess, judged));
}"""


def asked_in(notebook: Path):
    """Each prediction of a notebook: the question, how a guess is judged, and the HTML of its cell."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "exercises.predict(" in source:
            id = ast.parse(source).body[-1].value.args[0].value
            html = "".join(
                "".join(output["data"].get("text/html", ""))
                for output in cell["outputs"]
                if output["output_type"] == "execute_result"
            )
            yield course.prediction(id), page.prediction(id, html)["judged"]


def guesses(question, judged) -> list[str]:
    if isinstance(question, Number):
        right, within = judged["value"], question.within
        away = [1, within**0.9, within**1.5, within**2.5] if question.factor else [0, 0.9, 1.5, 2.5]
        return [str(right * one if question.factor else right + one * within) for one in away] + ["-7"]
    if isinstance(question, Order):
        ids = [line.id for line in question.lines]
        return [" ".join(one) for one in (ids, ids[1:] + ids[:1], ids[::-1], [ids[1], ids[0], *ids[2:]])]
    return [choice.id for choice in question.items]


def test_a_guess_is_judged_as_in_the_notebook(browser, address):
    cases, expected = [], []
    for notebook in sorted((ROOT / "chapters").glob("*.ipynb")):
        for question, judged in asked_in(notebook):
            values = {question.value: judged["value"]} if question.needs else {}
            for guess in guesses(question, judged):
                cases.append((question.kind, guess, judged))
                expected.append(question.judge(guess, values))
    assert {kind for kind, _guess, _judged in cases} == {"choice", "number", "order"}
    assert set(expected) == {"right", "near", "wrong"}
    cases.append(("choice", "any", {"right": []}))  # an opinion: no prediction of the course asks for one
    expected.append("open")
    with visitor(browser, address) as guest:
        found = guest.open("index.html").evaluate(VERDICTS, [f"{address}modules/asked.js", cases])
        assert guest.faults == []
    assert found == expected


def alive(page, selector: str):
    found = page.locator(selector).first
    found.scroll_into_view_if_needed()
    page.wait_for_function("node => node.dataset.state === 'live'", arg=found.element_handle())
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_prediction_opens_after_a_guess_by_keyboard(browser, address, language):
    with speaking(language):
        question = course.prediction("03/between")
        words = page.words()
    right = next(choice for choice in question.items if choice.correct)
    name = "03_maml.html" if language == "en" else "zh/03_maml.html"
    with visitor(browser, address, PHONE, "dark") as guest:
        found = alive(guest.open(name), '[data-asked*="03/between"]')
        assert right.why not in found.inner_text()
        assert not found.locator(".answer").is_visible()
        found.locator("input").first.focus()
        guest.page.keyboard.press("Space")
        while found.locator("input:checked").get_attribute("value") != right.id:
            guest.page.keyboard.press("ArrowDown")
        guest.page.keyboard.press("Enter")
        verdict = found.locator(".verdict.right")
        verdict.wait_for()
        assert words["right"] in verdict.inner_text() and right.text in verdict.inner_text()
        assert guest.page.evaluate("document.activeElement.className").startswith("verdict")
        assert found.locator(".answer img").first.evaluate("node => node.naturalWidth") > 100
        assert right.why in found.locator(".answer").inner_text()
        assert guest.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert guest.faults == []


def test_a_prediction_can_be_opened_without_a_guess(browser, address):
    with visitor(browser, address) as guest:
        found = alive(guest.open("03_maml.html"), '[data-asked*="03/between"]')
        found.locator("button.quiet").first.click()
        assert page.words()["opened"] in found.locator(".verdict").inner_text()
        assert found.locator(".answer").is_visible()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_quiz_explains_each_choice_and_keeps_nothing(browser, address, language):
    with speaking(language):
        quiz = course.get("03/quiz")
        explanations = [question.explained() for question in quiz.questions]
    with visitor(browser, address, LAPTOP) as guest:
        opened = guest.open("03_maml.html" if language == "en" else "zh/03_maml.html")
        found = alive(opened, '[data-asked*="explained"]')
        opened.wait_for_load_state("networkidle")
        asked, kept = len(guest.loaded), opened.evaluate("Object.keys(localStorage).sort().join()")
        fields = found.locator("fieldset").all()
        for question, explained, field in zip(quiz.questions, explanations, fields, strict=True):
            if question.kind == "choice":
                for choice in question.items:
                    field.locator(f'input[value="{choice.id}"]').check()
                    assert field.locator(".why").inner_html() == opened.evaluate(
                        "html => Object.assign(document.createElement('p'), {innerHTML: html}).innerHTML",
                        explained["why"][choice.id],
                    )
            elif question.kind == "order":
                for place, line in enumerate(question.lines):  # the wanted line is moved up to its place
                    row = field.locator(f'[data-id="{line.id}"]')
                    while (
                        at := row.evaluate("node => [...node.parentElement.children].indexOf(node)")
                    ) > place:
                        row.press("ArrowUp")
                    assert at >= place
                field.locator("button.main").click()
                assert "right" in field.locator(".why").get_attribute("class")
        assert len(guest.loaded) == asked, "nothing is sent"
        assert opened.evaluate("Object.keys(localStorage).sort().join()") == kept, "nothing is stored"
        assert guest.faults == []


def test_the_final_test_leads_back_to_chapters_of_the_site(browser, address):
    with visitor(browser, address) as guest:
        found = alive(guest.open("13_faq.html"), '[data-asked*="explained"]')
        question = course.get("13/quiz").questions[0]
        wrong = next(choice for choice in question.items if not choice.correct)
        field = found.locator("fieldset").first
        field.locator(f'input[value="{wrong.id}"]').check()
        field.locator("button.main").click()
        link = found.locator(".again a").get_attribute("href")
        assert link.startswith(address) and (SITE / link.removeprefix(address)).is_file()


def test_hints_open_one_after_the_other(browser, address):
    exercise = course.get("03/inner-step")
    with visitor(browser, address, PHONE) as guest:
        opened = guest.open("03_maml.html")
        found = opened.locator(".metalib-exercise").first
        hints = found.locator("summary")
        assert hints.count() == len(exercise.hints) + 1
        assert not found.locator("pre").is_visible()
        assert not hints.nth(1).is_visible()
        for n in range(len(exercise.hints)):
            hints.nth(n).focus()
            opened.keyboard.press("Enter")
        assert all(hints.nth(n).is_visible() for n in range(hints.count()))
        assert not found.locator("pre").last.is_visible(), "the solution stays folded"
        assert found.locator("p a", has_text="Binder").count() == 1


def test_without_javascript_answers_are_folded_not_lost(browser, address):
    with visitor(browser, address, java_script_enabled=False) as guest:
        opened = guest.open("03_maml.html")
        for selector in ('[data-asked*="03/between"]', '[data-asked*="explained"]'):
            found = opened.locator(selector).first
            assert found.locator("details").count() and not found.locator("details[open]").count()
            found.locator("summary").first.click()
            assert found.locator("details[open]").count() == 1
