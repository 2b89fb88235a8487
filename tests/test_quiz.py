"""Quizzes: what an author must give, what a learner sees with and without a kernel, and the score."""

import re
from dataclasses import replace

import pytest
from test_browser_surface import open_notebook
from toy_exercises import QUIZ

from metalib import exercises
from metalib.exercises import Choice, Choose, Number, Order, Quiz, progress
from metalib.exercises.question import as_html, as_plain
from metalib.exercises.view import on_page

RIGHT, OTHER = Choice("yes", "because", correct=True), Choice("no", "since")
WHOSE, TWO, REST, LOOP = QUIZ.questions
Q = ("97/quiz/q", "Is it?")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda: Choose(*Q, choices=(RIGHT, OTHER)), ""),
        (lambda: Choose("97/quiz/q", " ", choices=(RIGHT, OTHER)), "must not be empty"),
        (lambda: Choose(*Q, choices=(RIGHT,)), "at least two choices"),
        (lambda: Choose(*Q, choices=(OTHER, Choice("so", "hm"))), "exactly one of its choices"),
        (lambda: Choose(*Q, choices=(RIGHT, Choice("so", "hm", True))), "at most one of them"),
        (lambda: Choose(*Q, choices=(RIGHT, Choice("no"))), "a text and an explanation"),
        (lambda: Choose(*Q, "So.", choices=(RIGHT, OTHER)), "no 'Answer:'"),
        (lambda: Choose(*Q, "", ("A plot.",), (RIGHT, OTHER)), "no picture"),
        (lambda: Choose(*Q, choices=(RIGHT, Choice("yes", "again"))), "same choice twice"),
        (lambda: Number(*Q, value=3.0), "an 'Answer:'"),
        (lambda: Number(*Q, "So many.", value="n"), "stands in the file"),
        (lambda: Number(*Q, "{n}.", value=3.0), "no {places}"),
        (lambda: Number(*Q, "So.", value=3.0, within=-1), "not below 0"),
        (lambda: Number(*Q, "So.", value=3.0, within=1, factor=True), "a factor is above 1"),
        (lambda: Order(*Q, lines=(RIGHT, OTHER)), "an 'Answer:'"),
        (lambda: Order(*Q, "So.", lines=(RIGHT,)), "at least two lines"),
        (lambda: Order(*Q, "So.", lines=(RIGHT, Choice("yes", id="b"))), "all lines are"),
        (lambda: Order(*Q, "So.", lines=(RIGHT, RIGHT, OTHER)), "the same id"),
    ],
)  # fmt: skip
def test_a_question_that_says_too_little_or_too_much_is_refused(question, said):
    if not said:
        assert Quiz("97/quiz", (question(),))
        return
    with pytest.raises(ValueError, match=said):
        Quiz("97/quiz", (question(),))


def test_a_quiz_needs_an_id_and_questions():
    with pytest.raises(ValueError, match="must look like '03/quiz'"):
        Quiz("quiz", QUIZ.questions)
    with pytest.raises(ValueError, match="has no questions"):
        Quiz("97/quiz", ())


# What is shown is shuffled, and judged by ids


def test_choices_are_shuffled_by_the_questions_id_and_lines_never_stand_in_order():
    letters = [Choice(letter, "so", letter == "A") for letter in "ABCD"]
    places = []
    for n in range(200):
        question = Choose(f"97/quiz/q{n}", "Which?", choices=tuple(letters))
        places.append([choice.text for choice in question.shuffled()].index("A"))
        assert question.shuffled() == question.shuffled()
        lines = Order(f"97/quiz/q{n}", "In order?", "So.", lines=tuple(letters[:2]))
        assert [line.text for line in lines.shuffled()] == ["B", "A"]
    assert all(30 < places.count(place) < 70 for place in range(4))
    # Pinned: the same for everybody, with every Python, and for a lecturer who says "answer C"
    assert [choice.text for choice in WHOSE.shuffled()] == [
        "The query set's, at θ′ < θ & `x`.", "Both.", "The support set's."
    ]  # fmt: skip


def test_every_form_of_a_quiz_shows_the_choices_in_the_same_order():
    shown = WHOSE.shuffled()
    assert [item["text"] for item in QUIZ.view().questions[0]["items"]] == [as_html(c.text) for c in shown]
    for text, form in ((QUIZ._repr_html_(), as_html), (repr(QUIZ), as_plain)):
        places = [text.index(form(choice.text)) for choice in shown]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("within", "factor", "guess", "verdict"),
    [
        (5, False, "85", "right"), (5, False, "75", "right"), (5, False, "90", "near"),
        (5, False, "91", "wrong"), (0, False, "80", "right"), (0, False, "80.1", "wrong"),
        (2, True, "40", "right"), (2, True, "160", "right"), (2, True, "20", "near"),
        (2, True, "321", "wrong"), (2, True, "-80", "wrong"), (2, True, "0", "wrong"),
    ],
)  # fmt: skip
def test_a_number_is_right_near_or_wrong_by_its_distance(within, factor, guess, verdict):
    assert Number(*Q, "So.", (), 80.0, "%", within, factor).judge(guess) == verdict


def test_an_order_is_near_where_one_line_has_to_move_and_equal_lines_may_change_places():
    lines = tuple(Choice(text, id=id) for id, text in zip("abcde", ["1", "2", "3", "2", "4"], strict=True))
    order = Order(*Q, "So.", lines=lines)
    judged = {guess: order.judge(" ".join(guess)) for guess in ("abcde", "adcbe", "eabcd", "bacde", "edcba")}
    assert list(judged.values()) == ["right", "right", "near", "near", "wrong"]


@pytest.mark.parametrize(
    ("question", "guess"),
    [(WHOSE, "0"), (WHOSE, ""), (REST, "many"), (REST, "nan"), (REST, "inf"), (LOOP, ""), (LOOP, "a b c d")],
)
def test_what_is_no_guess_at_the_question_is_refused(question, guess):
    with pytest.raises(ValueError):
        question.judge(guess)


@pytest.mark.parametrize("quiz", exercises.quizzes(), ids=lambda quiz: quiz.id)
def test_quizzes_of_the_course_use_plain_text(quiz):
    assert not re.search(r"\$|\\[a-z]+", quiz.words), "LaTeX would be shown as source"


def test_where_no_kernel_runs_every_choice_and_explanation_is_there():
    bundle, _metadata = QUIZ._repr_mimebundle_()
    for question in QUIZ.questions:
        told = (part for item in question.items for part in (item.text, item.why))
        for part in (question.text, question.answer, *told):
            assert as_html(part) in bundle["text/html"] and as_plain(part) in bundle["text/plain"]
    assert "80 %" in bundle["text/html"] and "80 %" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_choices_are_escaped_for_the_browser():
    view = QUIZ.view()
    assert view.questions[0]["items"][0]["text"] == "The query set's, at θ′ &lt; θ &amp; <code>x</code>."
    why = view.explained["whose-loss"]["why"]
    right, support, _both = (choice.id for choice in WHOSE.choices)
    assert why[right].startswith("✓ Right.") and why[support] == "✗ No. That is the <em>inner</em> step."


def test_terms_are_strong_and_multiplication_is_not():
    assert as_html("A **leak**, *once*: 2 * 3 * 4") == "A <strong>leak</strong>, <em>once</em>: 2 * 3 * 4"
    assert as_plain("A **leak**, *once*: 2 * 3 * 4") == "A leak, once: 2 * 3 * 4"


def test_code_keeps_its_indentation_and_its_asterisks():
    assert as_html("`  a*b*c` *so*") == "<code>&nbsp;&nbsp;a*b*c</code> <em>so</em>"


def test_the_score_is_kept_and_a_later_slip_does_not_lower_it():
    view = QUIZ.view()
    right, support, both = (choice.id for choice in WHOSE.choices)
    view.receive("whose-loss", support)
    assert QUIZ.answered_right() == []
    assert progress.entry("97/quiz")["attempted"]
    view.receive("whose-loss", right)
    view.receive("rest", "80")
    view.receive("loop", " ".join(line.id for line in LOOP.lines))
    view.receive("whose-loss", both)
    view.receive("two", TWO.choices[0].id)
    assert QUIZ.answered_right() == ["whose-loss", "rest", "loop"]
    assert QUIZ.view().right == ["whose-loss", "rest", "loop"]


def test_early_progress_files_which_count_questions_are_understood():
    questions = tuple(replace(TWO, id=f"03/quiz/{name}") for name in ("new", "create-graph", "whose-loss"))
    quiz = Quiz("03/quiz", questions)
    progress.record("03/quiz", right={"0": True, "2": True, "4": True})
    assert quiz.answered_right() == ["create-graph", "whose-loss"], "wherever they stand by now"
    quiz.view().receive("new", TWO.choices[1].id)
    assert quiz.answered_right() == ["new", "create-graph", "whose-loss"]


def test_a_quiz_that_is_run_again_closes_the_one_before():
    QUIZ._repr_mimebundle_()
    first = on_page("97/quiz")
    assert first.comm is not None
    QUIZ._repr_mimebundle_()
    assert first.comm is None and on_page("97/quiz") is not first


@pytest.mark.browser
def test_keyboard_alone_answers_the_quiz_in_jupyterlab(browser, jupyter_lab):
    source = (
        "from metalib.exercises import Choice, Choose, Quiz\n"
        "choices = (Choice('first ' * 60, 'not this'), Choice('second', 'this one', correct=True))\n"
        "Quiz('97/quiz', tuple(Choose(f'97/quiz/{n}', 'Which?', choices=choices) for n in 'ba'))"
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
    page.keyboard.press("ArrowUp")
    page.get_by_text("2 of 2 answered right.").wait_for()

    box = page.locator(".metalib-quiz").bounding_box()
    label = page.locator(".metalib-quiz label").first.bounding_box()
    assert label["x"] + label["width"] <= box["x"] + box["width"] + 1, "a long choice must wrap"
    assert label["height"] > 30
    page.context.close()
