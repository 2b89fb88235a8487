"""Quizzes: what an author must give, what a learner sees with and without a kernel, and the score."""

import re

import pytest
from test_browser_surface import open_notebook
from toy_exercises import QUIZ

from metalib import exercises
from metalib.exercises import Choice, Question, Quiz, progress

RIGHT, OTHER = Choice("yes", "because", correct=True), Choice("no", "since")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ((RIGHT,), "at least two choices"),
        ((OTHER, Choice("perhaps", "hm")), "exactly one of them correct"),
        ((RIGHT, Choice("also", "hm", correct=True)), "exactly one of them correct"),
        ((RIGHT, Choice("no", " ")), "a text and an explanation"),
        ((RIGHT, Choice("yes", "again")), "the same choice twice"),
    ],
)
def test_a_question_without_one_explained_right_choice_is_refused(choices, said):
    with pytest.raises(ValueError, match=said):
        Question("Is it?", choices)


def test_a_quiz_needs_an_id_and_questions():
    with pytest.raises(ValueError, match="must look like '03/quiz'"):
        Quiz("quiz", QUIZ.questions)
    with pytest.raises(ValueError, match="has no questions"):
        Quiz("97/quiz", ())


@pytest.mark.parametrize("quiz", exercises.quizzes(), ids=lambda quiz: quiz.id)
def test_quizzes_of_the_course_use_plain_text(quiz):
    # LaTeX would be shown as source
    for question in quiz.questions:
        for text in (question.text, *(part for c in question.choices for part in (c.text, c.why))):
            assert not re.search(r"\$|\\[a-z]+", text), text


def test_where_no_kernel_runs_every_choice_and_explanation_is_there():
    bundle = QUIZ._repr_mimebundle_()
    for question in QUIZ.questions:
        for choice in question.choices:
            for mime in ("text/plain", "text/html"):
                text = re.sub(r"</?(em|code)>", "", bundle[mime])
                for part in (choice.text, choice.why):
                    part = part.replace("*", "").replace("`", "")
                    if mime == "text/html":
                        part = part.replace("&", "&amp;").replace("<", "&lt;")
                    assert part in text
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_choices_are_escaped_for_the_browser():
    choice = QUIZ.view().questions[0]["choices"][0]
    assert choice["text"] == "The query set's, at θ′ &lt; θ &amp; <code>x</code>."
    assert choice["why"].startswith("✓ Right.")
    assert QUIZ.view().questions[0]["choices"][1]["why"] == "✗ No. That is the <em>inner</em> step."


def test_the_score_is_kept_and_a_later_slip_does_not_lower_it():
    view = QUIZ.view()
    view.chosen = {"0": 1}
    assert QUIZ.answered_right() == []
    assert progress.entry("97/quiz")["attempted"]
    view.chosen = {"0": 0}
    view.chosen = {"0": 0, "1": 1}
    view.chosen = {"0": 2, "1": 1}
    assert QUIZ.answered_right() == [0, 1]
    assert QUIZ.view().right == [0, 1]


@pytest.mark.browser
def test_keyboard_alone_answers_the_quiz_in_jupyterlab(browser, jupyter_lab):
    source = (
        "from metalib.exercises import Choice, Question, Quiz\n"
        "choices = (Choice('first ' * 60, 'not this'), Choice('second', 'this one', correct=True))\n"
        "Quiz('97/quiz', (Question('Which?', choices), Question('And now?', choices)))"
    )
    page = open_notebook(browser, jupyter_lab, "97_quiz.ipynb", source, shows=".metalib-quiz input")
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Escape")  # out of the editor, where Tab indents

    focused = "document.activeElement.type === 'radio'"
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    assert page.evaluate(focused), "Tab does not reach the quiz"
    page.keyboard.press("Space")
    page.get_by_text("✗ No. not this").wait_for()
    page.keyboard.press("ArrowDown")  # JupyterLab's own "next cell", were it not kept away
    page.get_by_text("✓ Right. this one").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.get_by_text("2 of 2 answered right.").wait_for()

    box = page.locator(".metalib-quiz").bounding_box()
    label = page.locator(".metalib-quiz label").first.bounding_box()
    assert label["x"] + label["width"] <= box["x"] + box["width"] + 1, "a long choice must wrap"
    assert label["height"] > 30
    page.context.close()
