"""A class, graded by nbgrader itself (`make grading`): solutions, wrong answers, nothing, and mischief.

Chapters 03 and 05 are handed out; each student hands in both. The marks are read from nbgrader's gradebook,
the feedback from the HTML files that it makes for the students.
"""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not here: make grading")

from test_grading import judged_alike, of  # noqa: E402

from metalib import exercises  # noqa: E402
from metalib.grading import assignment  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = {"03": "03_maml", "05": "05_protonet"}


def wrong_number(exercise, number):
    return exercise.wrong[number % len(exercise.wrong)]


MISCHIEF = {
    "syntax error": "def {name}(:\n    return",
    "endless cell": "while True:\n    pass",
    "endless answer": "def {name}(*args, **kwargs):\n    while True:\n        pass",
    "sys.exit in the cell": "import sys\nsys.exit(0)",
    "sys.exit in the answer": "def {name}(*args, **kwargs):\n    import sys\n    sys.exit(0)",
    "os._exit": "def {name}(*args, **kwargs):\n    import os\n    os._exit(0)",
    "always alike": """
from metalib.exercises import exercise as _judge
_judge.Exercise.alike = lambda *args: True
_judge.Exercise.judge = _judge.Exercise.check = lambda *args: _judge.Outcome("passed", "!")
_judge.Exercise.verdict = lambda *args: _judge.Outcome("passed", "!")
def {name}(*args, **kwargs):
    return 0
""",
}


def students():
    """Each student's answer to an exercise, by name: a function of the exercise and its place."""
    made = {
        "solution": lambda exercise, place: exercise.solution_text,
        "nothing": lambda exercise, place: exercise.stub,
    }
    most = max(len(exercise.wrong) for chapter in CHAPTERS for exercise in of(chapter))
    for number in range(most):
        made[f"wrong{number}"] = lambda exercise, place, n=number: wrong_number(exercise, n).code
    for number, code in enumerate(MISCHIEF.values()):
        # A different exercise for each, so that what comes before and after is seen to be judged.
        made[f"mischief{number}"] = lambda exercise, place, code=code, at=number: (
            code.replace("{name}", exercise.name)
            if place == at % len(of(exercise.id[:2]))
            else exercise.solution_text
        )
    return made


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A graded course."""
    folder = tmp_path_factory.mktemp("course")
    for chapter, name in CHAPTERS.items():
        assignment.write(chapter, folder)
        nbgrader(folder, "generate_assignment", name)
        for student, answer in students().items():
            hand_in(folder, student, name, {
                exercise.id: answer(exercise, place) for place, exercise in enumerate(of(chapter))
            })  # fmt: skip
    config = folder / assignment.CONFIG
    config.write_text(config.read_text().replace("c.CourseJudge.timeout = 30", "c.CourseJudge.timeout = 3"))
    hand_in(folder, "deleted", "03_maml", {})
    path = folder / "submitted" / "deleted" / "03_maml" / "03_maml.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"] = [cell for cell in notebook["cells"] if "nbgrader" not in cell["metadata"]]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    for name in CHAPTERS.values():
        nbgrader(folder, "autograde", name)
        nbgrader(folder, "generate_feedback", name)
    return folder


def nbgrader(folder, *arguments):
    bin = os.path.dirname(sys.executable)
    environment = {**os.environ, "PATH": bin + os.pathsep + os.environ["PATH"], "LANGUAGE": "en"}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def hand_in(folder, student, name, answers):
    released = folder / "release" / name / f"{name}.ipynb"
    notebook = json.loads(released.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        id = assignment.exercise_id(cell["id"].removesuffix("-answer"))
        if cell["id"].endswith("-answer") and id in answers:
            cell["source"] = answers[id]
    path = folder / "submitted" / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def marks(course, student, name):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        grades = book.find_submission_notebook(name, name, student).grades
        return {assignment.exercise_id(grade.name): grade.score for grade in grades}


def feedback(course, student, name):
    text = (course / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
    return plain(html.unescape(re.sub(r"<[^>]*>", "", text)))


def plain(text):
    """A text without marks and line ends, as one reads it."""
    return re.sub(r"\s+", " ", re.sub(r"\*\*", "", text))


def full(chapter):
    return {exercise.id: assignment.points(exercise) for exercise in of(chapter)}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_solutions_get_full_marks(course, chapter):
    assert marks(course, "solution", CHAPTERS[chapter]) == full(chapter)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_untouched_notebook_gets_nothing_and_is_told_so(course, chapter):
    assert set(marks(course, "nothing", CHAPTERS[chapter]).values()) == {0}
    assert feedback(course, "nothing", CHAPTERS[chapter]).count("Not attempted yet.") == len(of(chapter))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_wrong_answer_gets_nothing_and_its_message(course, chapter):
    seen = set()
    for student in students():
        if student.startswith("wrong"):
            assert set(marks(course, student, CHAPTERS[chapter]).values()) == {0}
            said = feedback(course, student, CHAPTERS[chapter])
            for exercise in of(chapter):
                wrong = wrong_number(exercise, int(student.removeprefix("wrong")))
                assert plain(wrong.message) in said, (exercise.id, wrong.id)
                seen.add((exercise.id, wrong.id))
    assert seen == {(exercise.id, wrong.id) for exercise in of(chapter) for wrong in exercise.wrong}


@pytest.mark.parametrize("number", range(len(MISCHIEF)), ids=list(MISCHIEF))
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_mischief_gains_nothing_and_spoils_nothing(course, chapter, number):
    spoilt = of(chapter)[number % len(of(chapter))]
    assert marks(course, f"mischief{number}", CHAPTERS[chapter]) == {**full(chapter), spoilt.id: 0}


def test_an_endless_answer_is_named(course):
    said = feedback(course, "mischief2", "03_maml")
    assert "`meta_loss_after` could not be tried: it did not end within 3 seconds." in said


def test_checks_that_were_deleted_come_back(course):
    assert set(marks(course, "deleted", "03_maml").values()) == {0}
    assert feedback(course, "deleted", "03_maml").count("Not attempted yet.") == len(of("03"))


def test_nothing_secret_is_handed_out(course):
    secret = re.search(r'secret = "(\w+)"', (course / assignment.CONFIG).read_text())[1]
    for path in [*(course / "release").rglob("*.*"), *(course / "feedback").rglob("*.html")]:
        text = path.read_text(encoding="utf-8")
        assert secret not in text and "HIDDEN TESTS" not in text and "No marks yet" not in text


@pytest.mark.parametrize("chapter", exercises.chapters())
def test_every_exercise_of_the_course_is_judged_in_two_processes_as_in_one(chapter):
    """Nbgrader is not in this one: all solutions, stubs and wrong answers, under a fresh secret."""
    judged_alike(of(chapter))


def test_a_plain_autograder_gives_no_marks(course, tmp_path):
    """Whoever forgets the configuration must not hand out full marks."""
    folder = tmp_path / "course"
    assignment.write("00", folder)
    (folder / assignment.CONFIG).write_text("c = get_config()\n")
    nbgrader(folder, "generate_assignment", "00_start_here")
    (exercise,) = of("00")
    hand_in(folder, "solution", "00_start_here", {exercise.id: exercise.solution_text})
    nbgrader(folder, "autograde", "00_start_here")
    assert marks(folder, "solution", "00_start_here") == {exercise.id: 0}
