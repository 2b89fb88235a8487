"""The final test of chapter 13: twenty questions over all chapters, and the list of what to read again."""

import random
import re

import pytest
from test_browser_surface import open_notebook, wait_until

from metalib import exercises
from metalib.exercises import course

CHAPTERS = [f"{n:02}" for n in range(13)]


@pytest.fixture
def final(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))
    return exercises.get("13/quiz")


def answer(question, right):
    """A guess at a question, right or wrong."""
    if question.kind == "choice":
        return next(choice.id for choice in question.choices if choice.correct == right)
    if question.kind == "number":
        return str(question.value if right else question.value + 7)
    lines = [line.id for line in question.lines]
    return " ".join(lines if right else lines[::-1])


def test_it_asks_about_every_chapter_in_three_ways(final):
    assert len(final.questions) == 20 and final.is_test
    assert {question.chapter for question in final.questions} == set(CHAPTERS)
    assert {question.kind for question in final.questions} == {"choice", "number", "order"}
    assert [place["title"][:2] for place in final.view().shelf] == CHAPTERS
    for place in final.view().shelf:
        assert place["title"][3:] == course.chapters()[place["title"][:2]].title


def test_no_question_is_a_copy_of_a_chapters_own(final):
    def words(text):
        return set(re.findall(r"\w+", text.lower()))

    others = [question for quiz in exercises.quizzes() if quiz.id != "13/quiz" for question in quiz.questions]
    for question in final.questions:
        for other in others:
            shared = words(question.text) & words(other.text)
            assert len(shared) < 0.75 * len(words(question.text)), (question.id, other.id)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_missed_its_chapter_is_to_be_read_again(final, seed):
    draw = random.Random(seed)
    missed = {question.name for question in final.questions if draw.random() < draw.choice([0, 0.3, 1])}
    view = final.view()
    for question in draw.sample(final.questions, 20):
        view.receive(question.name, answer(question, question.name not in missed))
        view.receive(question.name, answer(question, True))
    wanted = {}
    for question in sorted(final.questions, key=lambda question: question.chapter):
        if question.name in missed:
            wanted.setdefault(question.chapter, []).append(question.name)
    assert final.read_again() == wanted and list(final.read_again()) == sorted(wanted)
    assert len(final.answered_right()) == 20 - len(missed)


@pytest.mark.browser
@pytest.mark.slow
def test_all_twenty_are_clicked_through(browser, jupyter_lab, final):
    cell = """
        import os, tempfile
        os.environ["METALIB_PROGRESS"] = tempfile.mkdtemp()
        from metalib import exercises
        exercises.get("13/quiz")
    """
    missed = {"meta-gradient", "no-difference", "doubled", "two-steps"}
    page = open_notebook(browser, jupyter_lab, "13_final.ipynb", cell, shows=".metalib-quiz label")
    quiz = page.locator(".metalib-quiz")
    fields = quiz.locator("fieldset")
    assert fields.count() == 20
    for n, question in enumerate(final.questions):
        field, right = fields.nth(n), question.name not in missed
        if question.kind == "choice":
            field.locator(f"input[value='{answer(question, right)}']").check()
        elif question.kind == "number":
            field.locator("input").fill(answer(question, right))
        elif right:  # lines are never shown in order
            for place, line in enumerate(question.lines):
                row = field.locator(f"li[data-id='{line.id}']")
                row.focus()
                for _step in range(len(question.lines)):
                    rows = field.locator("li").evaluate_all("all => all.map(e => e.dataset.id)")
                    if rows.index(line.id) > place:
                        page.keyboard.press("ArrowUp")
        field.get_by_role("button", name="Check", exact=True).click()
        field.locator(f".why.{'right' if right else 'wrong'}").wait_for()
        said = f"Not answered yet: {19 - n}."
        wait_until(page, lambda said=said: said in quiz.locator(".score").inner_text(), said)
    assert quiz.locator(".score").inner_text() == "Right at the first answer: 16 of 20. Not answered yet: 0."
    rows = quiz.locator(".again li")
    titles = [row.split(" (missed")[0] for row in rows.all_inner_texts()]
    assert titles == [f"{n} {course.chapters()[n].title}" for n in ("03", "04", "06")]
    assert rows.nth(1).get_by_role("button").count() == 2
    assert rows.nth(0).get_by_role("link").get_attribute("href") == "03_maml.ipynb"
    page.context.close()
