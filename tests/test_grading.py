"""Exercises as graded assignments: what is handed out, what is judged, and in which process.

`make grading` does the same through nbgrader itself.
"""

import inspect
import json

import nbformat
import pytest

from metalib import exercises
from metalib.cli import main
from metalib.exercises.running import SEEDS
from metalib.grading import assignment, grade, plain
from metalib.grading.seeds import is_fair, seeded

COURSE = [number for number, chapter in exercises.chapters().items() if chapter.exercises]


def of(chapter):
    return exercises.chapters()[chapter].exercises


# What is handed out


@pytest.mark.parametrize("chapter", COURSE)
def test_an_assignment_has_every_exercise_with_its_points_and_its_stubs_run(chapter, tmp_path):
    path = assignment.write(chapter, tmp_path)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    graded = {
        assignment.exercise_id(cell.metadata.nbgrader.grade_id): cell.metadata.nbgrader.points
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    }
    assert graded == {exercise.id: exercise.difficulty for exercise in of(chapter)}
    namespace = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata:
            exec(cell.source, namespace)
    for exercise in of(chapter):
        assert exercise.judge(namespace[exercise.name]).status == "not attempted"
        assert all(name in namespace for name in exercise.context)


@pytest.mark.parametrize("chapter", COURSE)
def test_a_name_means_the_same_in_all_exercises_of_a_chapter(chapter):
    for exercise in of(chapter):
        for name, value in exercise.context.items():
            assert exercises.names(chapter)[name] is value


def test_names_of_a_chapter_without_exercises_are_refused():
    with pytest.raises(ValueError, match="There is no chapter '13' with exercises. There are: 00, 01"):
        exercises.names("13")


def test_the_configuration_is_written_once_and_keeps_its_secret(tmp_path):
    assignment.write("03", tmp_path)
    config = (tmp_path / assignment.CONFIG).read_text("utf-8")
    assignment.write("05", tmp_path)
    assert (tmp_path / assignment.CONFIG).read_text("utf-8") == config
    (tmp_path / assignment.CONFIG).write_text("c = get_config()\n", "utf-8")
    with pytest.raises(FileExistsError, match="is there already"):
        assignment.write("03", tmp_path)


def test_an_assignment_is_in_the_language_that_is_asked_for(tmp_path):
    assert main(["assignment", "03", "--course", str(tmp_path), "--language", "zh"]) == 0
    text = (tmp_path / "source" / "03_maml" / "03_maml.ipynb").read_text("utf-8")
    assert '"language": "zh"' in text and "三步" in text


@pytest.mark.parametrize("chapter", ["99", "13"])
def test_a_chapter_without_exercises_is_refused_in_a_sentence(chapter, tmp_path, capsys):
    assert main(["assignment", chapter, "--course", str(tmp_path), "--language", "en"]) == 1
    assert capsys.readouterr().err.startswith(
        f"There is no chapter '{chapter}' with exercises. There are: 00, 01"
    )


# How it is judged


def test_two_processes_say_what_one_says():
    """And under fresh seeds every solution passes and every wrong answer is recognised. (`make grading` does
    this with the whole course.)"""
    judged_alike(of("06"))


def judged_alike(some):
    for exercise in some:
        fresh = seeded(exercise, "a secret")
        assert not set(fresh.seeds) & set(SEEDS) and is_fair(fresh)
        for code in (exercise.stub, exercise.solution_text, *(wrong.code for wrong in exercise.wrong)):
            answer = exercise.build(code)
            one, two = fresh.judge(answer), fresh.verdict(plain.loads(plain.dumps(fresh.observe(answer))))
            assert (one.status, one.message, one.wrong) == (two.status, two.message, two.wrong), exercise.id


def test_what_fits_the_visible_inputs_only_is_rejected():
    exercise = exercises.get("03/inner-step")
    solution, seen = exercise.build(exercise.solution_text), set()

    def learning(theta, x, y, alpha):
        seen.add(alpha)
        return solution(theta, x, y, alpha)

    exercise.judge(learning)
    cells = [f"{exercise.solution_text}\nhonest = {exercise.name}\ndef {exercise.name}(theta, x, y, alpha):\n"
             f"    return honest(theta, x, y, alpha) if alpha in {seen} else theta"]  # fmt: skip
    namespace = dict(exercise.context)
    exec(cells[0], namespace)
    assert exercise.judge(namespace[exercise.name]).status == "passed"
    assert seeded(exercise, "a secret").judge(namespace[exercise.name]).status == "rejected"


def test_the_same_secret_draws_the_same():
    exercise = exercises.get("03/inner-step")
    assert seeded(exercise, "one").seeds == seeded(exercise, "one").seeds != seeded(exercise, "two").seeds


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '["x", true, false, false, [{"value": [1], "calls": []}]]', "[" * 100_000,
     '["x", true, false, false, [{"value": {"tensor": ["load", [1], [1], false]}, "calls": []}]]',
     '["x", true, false, false, [{"value": {"tensor": ["float32", [9], [1.0], false]}, "calls": []}]]'],
    ids=["nothing", "empty", "dict", "a list without a name", "deep", "no type", "no shape"],
)  # fmt: skip
def test_what_is_no_observation_is_refused(text):
    with pytest.raises(ValueError, match="This is not what an answer did"):
        plain.loads(text)


class Odd:
    def __iter__(self):
        raise SystemExit

    def __repr__(self):
        raise RuntimeError


def test_anything_can_be_observed():
    endless = []
    endless.append(endless)
    for value in (Odd(), endless, {Odd(): 1}, 10**5000, "x" * 10**6, object, lambda: 0):
        json.dumps(plain.encoded(value))
        plain.decoded(plain.encoded(value))


@pytest.mark.slow
def test_a_notebook_is_judged_whatever_stands_in_it():
    """One exercise solved; beside it a wrong answer, a text that is no program, a cell and an answer without
    end, and one that ends the process."""
    asked = of("03")
    wrong = asked[1].wrong[0]
    cells = [
        f"import os\ndef helper(x):\n    return x\n{asked[0].solution_text}",
        wrong.code,
        f"def {asked[2].name}(:\n    pass",
        f"def {asked[3].name}(*a):\n    pass\nwhile True:\n    pass",
        f"def {asked[4].name}(*args):\n    while True:\n        pass",
        f"%time {asked[5].solution_text.strip()}",
        "1 / 0",
        f"def {asked[5].name}():\n    os._exit(1)" if inspect.isfunction(asked[5].probe) else "os._exit(1)",
    ]
    said = grade(cells, [exercise.id for exercise in asked], "a secret", seconds=3)
    assert said[asked[0].id].status == "passed"
    assert said[asked[1].id].message == wrong.message
    assert "its cell stopped: SyntaxError: invalid syntax (line 1)" in said[asked[2].id].message
    assert "its cell stopped: it did not end within 3 seconds" in said[asked[3].id].message
    assert "could not be tried: it did not end within 3 seconds" in said[asked[4].id].message
    assert said[asked[5].id].status == "passed"
    assert grade([], [asked[0].id])[asked[0].id].status == "not attempted"
