"""A chapter's exercises as an assignment of an nbgrader course.

course/nbgrader_config.py                   says that metalib judges, and holds the course's secret
course/source/03_maml/03_maml.ipynb         what `nbgrader generate_assignment 03_maml` makes the students' of
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

from metalib.exercises import Exercise
from metalib.exercises.course import FOLDERS, Chapter, with_exercises
from metalib.i18n import SOURCE, _, language
from metalib.paths import write_atomically

CONFIG = "nbgrader_config.py"
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"

CONFIGURATION = '''\
"""An nbgrader course of exercises from metalib. Do not hand this file out: it holds the secret."""

from metalib.grading.nbgrader import PREPROCESSORS

c = get_config()  # noqa: F821 (nbgrader's)
c.CourseDirectory.course_id = "{course}"
c.Autograde.autograde_preprocessors = PREPROCESSORS
c.OverwriteCells.add_missing_cells = True  # a check that a student has deleted comes back

# What the inputs of graded answers are drawn from. The same secret gives the same marks.
c.CourseJudge.secret = "{secret}"
c.CourseJudge.timeout = 30  # seconds for a cell, and for trying an answer
'''


def points(exercise: Exercise) -> int:
    """What an exercise is worth: as many points as its difficulty, 1 to 3; all of them or none."""
    return exercise.difficulty


def grade_id(exercise: Exercise) -> str:
    """What nbgrader calls it: "03-inner-step"."""
    return exercise.id.replace("/", "-", 1)


def exercise_id(grade_id: str) -> str | None:
    """What metalib calls it; None for what is no exercise of a chapter."""
    found = re.fullmatch(r"(\d\d)-([a-z0-9-]+)", grade_id)
    return f"{found[1]}/{found[2]}" if found else None


def write(chapter: str, course: Path) -> Path:
    """Write the assignment of a chapter ("03") into an nbgrader course, and the course's configuration where
    there is none. Returns the notebook's path.

    Raises:
        ValueError: there is no such chapter, or it has no exercises.
        FileExistsError: the folder has a configuration that does not name metalib's judge.
    """
    asked = with_exercises(chapter)
    name = _file_name(chapter)
    text = json.dumps(notebook(asked), ensure_ascii=False, indent=1) + "\n"
    config = course / CONFIG
    if not config.exists():
        made = CONFIGURATION.format(course=_course_id(course), secret=secrets.token_hex(16))
        write_atomically(config, made.encode())
    elif "metalib.grading" not in config.read_text(encoding="utf-8"):
        raise FileExistsError(
            _(
                "{config} is there already. Add to it what metalib.grading.assignment has in CONFIGURATION."
            ).format(config=config)
        )
    return write_atomically(course / "source" / name / f"{name}.ipynb", text.encode())


def _file_name(chapter: str) -> str:
    """ "03" -> "03_maml"."""
    (path,) = (path for folder in FOLDERS for path in (folder / SOURCE).glob(f"{chapter}_*.md"))
    return path.stem


def _course_id(course: Path) -> str:
    return re.sub(r"[^\w-]+", "-", course.resolve().name) or "course"


def notebook(chapter: Chapter) -> dict[str, Any]:
    """The assignment as the lecturer keeps it, in the notebook's own format (4.5)."""
    cells = [_markdown("title", _introduction(chapter)), _code("setup", _setup(chapter))]
    for exercise in chapter.exercises:
        cells += _exercise_cells(exercise)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {
        "kernelspec": kernel,
        "language_info": {"name": "python"},
        "metalib": {"language": language()},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _introduction(chapter: Chapter) -> str:
    total = sum(points(exercise) for exercise in chapter.exercises)
    said = _(
        "There are {total} points in all: an exercise gives as many as its difficulty, and all of them or "
        "none. Each is followed by a check, which says at once whether the answer is right, and if not, what "
        "is wrong; try as often as you like.\n\n"
        "For the marks this notebook is run from the top in a fresh kernel, and your answers are tried on "
        "other numbers than those of the check. Put helpers and imports of your own wherever you like, and "
        "leave the checks as they are."
    )
    heading = _("{chapter}: exercises").format(chapter=f"{chapter.number} {chapter.title}")
    return f"# {heading}\n\n{said.format(total=total)}"


def _setup(chapter: Chapter) -> str:
    names = sorted({name for exercise in chapter.exercises for name in exercise.context})
    first = _("Run this cell first: all the others need it.")
    lines = [
        f"# {first}",
        "import metalib",
        "from metalib import exercises",
        "",
        "metalib.threads.settle()",
    ]
    if names:
        comment = _("{names}: what the exercises use of the chapter").format(names=", ".join(names))
        lines += [f"# {comment}", f'globals().update(exercises.names("{chapter.number}"))']
    if language() != SOURCE:
        lines += ["", f'metalib.use_language("{language()}")']
    return "\n".join(lines)


def _exercise_cells(exercise: Exercise) -> list[dict]:
    id = grade_id(exercise)
    worth = _("*Points: {points}*").format(points=points(exercise))
    check = "\n".join(
        [
            f'exercise = exercises.get("{exercise.id}")',
            "# exercise.hint()",
            f"exercise.check({exercise.name})",
            BEGIN,
            f'raise RuntimeError("No marks yet: metalib judges {exercise.id}, see {CONFIG}.")',
            END,
        ]
    )
    graded = {
        "grade": True,
        "grade_id": id,
        "locked": True,
        "points": points(exercise),
        "schema_version": 3,
        "solution": False,
        "task": False,
        "cell_type": "code",
    }
    return [
        _markdown(f"{id}-statement", f"{exercise._repr_markdown_()}\n\n{worth}"),
        _code(f"{id}-answer", exercise.stub.strip()),
        _code(id, check, {"nbgrader": graded}),
    ]


def _markdown(id: str, source: str) -> dict:
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": source}


def _code(id: str, source: str, metadata: dict | None = None) -> dict:
    empty: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": id, "metadata": metadata or {}, "source": source, **empty}
