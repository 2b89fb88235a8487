"""What a page without a kernel gets of quizzes, predictions and exercises."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from metalib.exercises import course, page
from metalib.i18n import speaking

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
NOTEBOOKS = sorted([*CHAPTERS.glob("*.ipynb"), *CHAPTERS.glob("*/*.ipynb")])


def predictions(file: Path):
    """The id of each prediction of a notebook, and the HTML that its cell has put out."""
    for cell in json.loads(file.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "exercises.predict(" in source:
            shown = [
                output["data"] for output in cell["outputs"] if output["output_type"] == "execute_result"
            ]
            yield ast.parse(source).body[-1].value.args[0].value, "".join(shown[0]["text/html"])


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.relative_to(CHAPTERS).as_posix())
def test_a_guess_at_any_prediction_can_be_judged_from_its_notebook(file):
    with speaking(file.parent.name if file.parent != CHAPTERS else "en"):
        for id, shown in predictions(file):
            said = page.prediction(id, shown)
            question = course.prediction(id)
            if question.kind == "number":
                right = said["judged"]["value"]
                values = {question.value: right} if question.needs else {}
                assert question.judge(str(right), values) == "right"
                assert question.answer_html(values) in shown, "the number is the one that is told"
            elif question.kind == "choice":
                texts = [item["text"] for item in said["question"]["items"]]
                assert all(f"<li>{text}</li>" in shown for text in texts), "the letters of the answer below"


def test_an_answer_that_does_not_tell_its_number_is_refused():
    id, shown = next(
        pair for file in NOTEBOOKS for pair in predictions(file) if course.prediction(pair[0]).needs
    )
    assert page.prediction(id, shown)["judged"]["value"] == pytest.approx(
        page.told(course.prediction(id), shown)
    )
    with pytest.raises(ValueError, match="does not tell its number"):
        page.prediction(id, "<p>It is large.</p>")


def test_a_quiz_takes_nothing_of_who_built_the_page(monkeypatch):
    monkeypatch.setattr(course.get("03/quiz").__class__, "answered_right", lambda self: ["whose-loss"])
    said = page.quiz("03/quiz")
    assert said.keys() == {"questions", "explained", "shelf"}
    assert {question["id"] for question in said["questions"]} == said["explained"].keys()
    json.dumps(said)
    with pytest.raises(ValueError, match="is no quiz"):
        page.quiz("03/inner-step")


def test_an_exercise_is_given_with_its_hints_in_both_languages():
    for code, first in (("en", "Hint 1 of"), ("zh", "提示 1")):
        with speaking(code):
            said, exercise = page.exercise("03/inner-step"), course.get("03/inner-step")
        assert [hint["text"] for hint in said["hints"]] == list(exercise.hints)
        assert said["hints"][0]["name"].startswith(first) and "{places}" in said["check"]
        assert said["solution"]["code"] == exercise.solution_text.strip()
    with pytest.raises(ValueError, match="is no exercise"):
        page.exercise("03/quiz")
