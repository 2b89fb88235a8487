"""Predictions: what an author gives, what the reader sees before and after the guess, what is kept."""

import json
import re

import matplotlib
import numpy as np
import pytest
import torch
import toy_exercises
from matplotlib.figure import Figure

from metalib import exercises, look
from metalib.exercises import course, prediction, progress, tally
from metalib.exercises.question import filled, with_unit
from metalib.exercises.view import on_page
from metalib.notebook import VIEW_MIME

LANDS, STEPS, RANKING = toy_exercises.CHAPTER.predictions
MINIMUM, HALF_WAY, BEYOND = (choice.id for choice in LANDS.choices)
VALUES = {"before": 2, "step": 1.0, "stepped": torch.tensor(1.0)}


@pytest.fixture(autouse=True)
def toy(tmp_path, monkeypatch):
    """The toy chapter is the course; progress of its own."""
    monkeypatch.setattr(course, "chapters", lambda: {"97": toy_exercises.CHAPTER})
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setattr(progress, "_in_memory", {})


def figure():
    made = look.figure(4, 3)
    made.add_subplot().plot([2, 1], [4, 1])
    return made


def shown(*answer, **values):
    """Ask the first prediction as a notebook shows it: its MIME bundle and its live view."""
    asked = exercises.predict("97/lands", *(answer or [figure()]), **(values or VALUES))
    return asked._repr_mimebundle_()[0], on_page("97/lands")


def state(view):
    """All that the browser is sent of a view, as text."""
    return json.dumps(
        {key: value for key, value in view.get_state().items() if key not in ("_esm", "_css")},
        ensure_ascii=False,
    )


# What an author gives


def test_an_unknown_prediction_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="no prediction '97/land'. The nearest: 97/lands"):
        exercises.predict("97/land")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"before": 2, "step": 1.0}, "needs values for stepped"),
        ({}, "needs values for before, step, stepped"),
        ({**VALUES, "loss": 1}, "has no place for loss"),
        ({**VALUES, "step": "long"}, "Unknown format code"),
    ],
)
def test_values_and_places_belong_together(values, said):
    with pytest.raises(ValueError, match=said):
        exercises.predict("97/lands", **values)


def test_a_number_needs_the_value_that_the_content_names():
    with pytest.raises(ValueError, match="needs values for needed"):
        exercises.predict("97/steps")
    with pytest.raises(ValueError, match="needs a number for 'needed', not 'five'"):
        exercises.predict("97/steps", needed="five")


def test_places_are_filled_with_numbers_of_any_kind_and_a_true_minus():
    values = {"a": np.float32(-0.5), "b": torch.tensor(2.0), "c": "x-1", "d": -3}
    text = "{a:.2f} {b:.1f} {c} {d} {e: f} {}"
    assert filled("{a:.2f} {b:.1f} {c} {d}", values) == "−0.50 2.0 x-1 −3"
    with pytest.raises(ValueError, match="{e: f} has no value; there are: a, b, c, d"):
        filled(text, values)


# Before the guess


def test_nothing_of_the_answer_is_in_the_widget_before_the_guess():
    _bundle, view = shown(figure(), "the table says 1.00")
    before = state(view)
    for secret in ("The step is", "That takes", "It goes from", "png", "the table", "parabola", "correct"):
        assert secret not in before, secret
    assert "Half-way to the minimum." in before
    for asked, values in (("97/steps", {"needed": 271828}), ("97/ranking", {})):
        exercises.predict(asked, "the table", **values)._repr_mimebundle_()
        before = state(on_page(asked))
        assert not re.search(r"the table|halves|271828|At the minimum in one", before)
    order = [item["text"] for item in on_page("97/ranking").questions[0]["items"]]
    assert sorted(order) == sorted(line.text for line in RANKING.lines) and order != [
        line.text for line in RANKING.lines
    ]


# After it


def test_a_guess_opens_the_answer_beside_it_and_is_kept():
    _bundle, view = shown(figure(), "the table says 1.00")
    view.receive("lands", MINIMUM)
    answer = view.answer
    assert answer["verdict"] == "wrong" and answer["right"] == [HALF_WAY] and answer["guess"] == MINIMUM
    assert answer["head"] == "You guessed: <b>At the minimum.</b> <span>✗ not this time</span>"
    parts = [
        '<img src="data:image/png;base64,',
        'alt="A parabola with two points, at θ = 2 and at θ = 1.00."',
        "<pre>the table says 1.00</pre>",
        "<p>That takes α = 0.5.</p>",
        "<p>In fact: <b>Half-way to the minimum.</b> The step is α · 2θ = 1.0.</p>",
        "<p>It goes from 2 to 1.00.</p>",
    ]
    places = [answer["html"].index(part) for part in parts]
    assert places == sorted(places)
    facts = progress.entry("97/lands")
    assert facts == dict.fromkeys(("first", "last"), {"guess": MINIMUM, "verdict": "wrong"})

    _bundle, again = shown()
    assert again is not view and view.comm is None, "the one before is closed"
    assert again.answer["head"] == answer["head"], "run again it is open, and the guess is there"


def test_the_first_guess_counts_and_the_last_is_shown():
    _bundle, view = shown()
    view.receive("lands", BEYOND)
    view.receive("lands", HALF_WAY)
    facts = progress.entry("97/lands")
    assert facts["first"]["verdict"] == "wrong" and facts["last"]["verdict"] == "right"
    assert "✓ right" in view.answer["head"] and "In fact" not in view.answer["html"]
    before = view.answer
    view.receive("lands", HALF_WAY)
    assert view.answer != before, "the browser waits for a change, also after the same guess"


def test_it_opens_without_a_guess_and_a_guess_after_that_does_not_count():
    _bundle, view = shown()
    view.receive("lands", None)
    assert view.answer["head"] == "Opened without a guess." and "In fact" in view.answer["html"]
    view.receive("lands", HALF_WAY)
    assert "✓ right" in view.answer["head"] and "first" not in progress.entry("97/lands")


@pytest.mark.parametrize(
    ("guess", "verdict"), [("5", "right"), ("6", "right"), ("7", "near"), ("3", "near"), ("8", "wrong")]
)
def test_a_number_is_compared_with_what_the_cell_measured(guess, verdict):
    exercises.predict("97/steps", needed=torch.tensor(5))._repr_mimebundle_()
    view = on_page("97/steps")
    view.receive("steps", guess)
    assert view.answer["verdict"] == verdict and "It is 5 steps." in view.answer["html"]
    assert progress.entry("97/steps")["last"]["guess"] == guess, "as text: the file keeps the larger number"
    view.receive("steps", "1")
    assert progress.entry("97/steps")["last"] == {"guess": "1", "verdict": "wrong"}


def test_an_order_is_shown_with_the_right_one():
    exercises.predict("97/ranking")._repr_mimebundle_()
    view = on_page("97/ranking")
    first, second, third = (line.id for line in RANKING.lines)
    view.receive("ranking", f"{second} {first} {third}")
    assert view.answer["verdict"] == "near"
    assert "α = 0.25 → α = 0.5 → α = 0.1" in view.answer["head"]
    assert view.answer["html"].count("<li>α = 0.5 <small>(in your order: 2)</small><br>At the minimum") == 1
    assert "<li>α = 0.1</li>" in view.answer["html"]


@pytest.mark.parametrize("kept", [{"guess": "gone"}, {"guess": 3}, {}, [], "x", None])
def test_a_kept_guess_that_is_none_any_more_closes_the_answer(kept):
    progress.record("97/lands", last=kept)
    assert shown()[1].answer == {}


# Where no kernel runs


def test_without_a_kernel_the_answer_is_folded():
    page = shown(figure(), "a < b")[0]["text/html"]
    question, inside = re.fullmatch(
        r"(.*)<details><summary>Guess first, then open the answer</summary>(.*)</details>\s*</div>",
        page,
        re.S,
    ).groups()
    for secret in ("The step is", "That takes", "It goes from", "<img", "a &lt; b", "✓"):
        assert secret not in question and secret in inside
    for choice in LANDS.choices:
        assert choice.text in question


def test_as_text_the_answer_follows_and_a_terminal_does_not_print_it(monkeypatch):
    plain = shown(figure(), "a < b")[0]["text/plain"]
    assert (
        plain.index("Half-way") < plain.index("Answer\n") < plain.index("A parabola") < plain.index("a < b")
    )
    assert "B) ✓ Right. The step is α · 2θ = 1.0." in plain

    asked = exercises.predict("97/lands", figure(), **VALUES)
    assert "The step is" not in repr(asked) and "The step is" in asked.answer
    monkeypatch.setattr("IPython.get_ipython", object)  # a shell without a kernel
    assert asked._repr_mimebundle_()[0]["text/plain"] == repr(asked)


def test_the_same_answer_gives_the_same_text_and_every_notebook_gets_both_forms():
    one, other = shown()[0], shown()[0]
    assert one["text/html"] == other["text/html"] and one["text/plain"] == other["text/plain"]
    assert one[VIEW_MIME]["model_id"] != other[VIEW_MIME]["model_id"]


class Table:
    def _repr_html_(self):
        return "<table></table>"

    def __repr__(self):
        return "a table"


def test_whatever_a_notebook_shows_can_answer():
    plain_figure = Figure(figsize=(2, 1))
    plain_figure.add_subplot()
    page, view = shown(Table(), plain_figure, np.arange(3), look.figure(2, 1))
    text = page["text/html"]
    assert "<table></table>" in text and text.count('<img src="data:image/png;base64,') == 2
    assert "<pre>array([0, 1, 2])</pre>" in text
    assert "a table\nA parabola" in page["text/plain"]
    assert matplotlib.get_backend(), "no backend had to be chosen"
    view.receive("lands", None)
    assert view.answer["html"].count("<img") == 2


# The tally


def test_the_quiz_begins_with_how_often_the_reader_was_right_and_follows_live():
    quiz = toy_exercises.QUIZ
    quiz._repr_mimebundle_()
    live = on_page("97/quiz")
    assert live.tally == "This chapter asked for 3 predictions. You can still go back and make them."
    shown()[1].receive("lands", HALF_WAY)
    assert live.tally == "You guessed 1 of 3 times before you looked: 1 right, 0 near."
    exercises.predict("97/steps", needed=5)._repr_mimebundle_()
    on_page("97/steps").receive("steps", "7")
    exercises.predict("97/ranking")._repr_mimebundle_()
    on_page("97/ranking").receive("ranking", None)
    said = "You guessed 2 of 3 times before you looked: 1 right, 1 near. Each wrong guess marks"
    assert live.tally.startswith(said) and quiz.view().tally == live.tally


def test_a_single_prediction_is_spoken_of_in_the_singular():
    only = tally.tally(toy_exercises.QUIZ.predictions[:1])
    assert only == "This chapter asked for one prediction. You can still go back and make it."
    shown()[1].receive("lands", HALF_WAY)
    only = tally.tally(toy_exercises.QUIZ.predictions[:1])
    assert only == "You guessed before you looked: 1 right, 0 near."


def test_a_chapter_without_predictions_has_no_tally():
    assert exercises.Quiz("97/quiz", toy_exercises.QUIZ.questions).view().tally == ""


def test_a_progress_file_of_another_kind_stops_nothing():
    for value in (None, [], {}, 3, "x", {"guess": None}, {"guess": "a", "verdict": []}):
        progress.record("97/lands", first=value, last=value, shown=[])
        assert shown()[0] and toy_exercises.QUIZ.view().tally and exercises.board().rows


def test_pictures_alone_are_what_alt_is_for():
    assert prediction._part("text", ["unused"]) == ("<pre>text</pre>", "text")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5.0, "5 %"),
        (3.6421, "3.64 %"),
        (-0.5, "−0.5 %"),
        (1250.0, "1250 %"),
        (12345.6, "12346 %"),
        (4e-4, "0.0004 %"),
    ],
)
def test_a_measured_number_is_said_with_three_digits(value, said):
    assert with_unit(value, "%") == said
