"""The step of nbgrader's autograder in which metalib judges. It is the only module that needs nbgrader.

A notebook without exercises of metalib is executed as nbgrader always does: a course may have both.
"""

import re
from typing import Any

from nbformat.v4 import new_output
from nbgrader.converters.autograde import Autograde
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade
from traitlets import Unicode

from metalib import i18n
from metalib.exercises import Outcome
from metalib.grading.assignment import BEGIN, END, exercise_id
from metalib.grading.submission import SECONDS, grade

HIDDEN = re.compile(rf"\n?{BEGIN}.*?{END}", re.DOTALL)


class CourseJudge(Execute):
    """Marks and feedback of metalib's exercises. Their cells are not executed here: see `submission`."""

    secret = Unicode("", help="What the inputs of graded answers are drawn from.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any, *arguments: Any) -> Any:
        """Put points and feedback where the checks' outputs stand."""
        checks = {id: cell for cell in nb.cells if (id := _graded(cell))}
        if not checks:
            return super().preprocess(nb, resources, *arguments)
        cells = [cell.source for cell in nb.cells if cell.cell_type == "code" and not is_grade(cell)]
        seconds = float(self.timeout) if self.timeout and self.timeout > 0 else SECONDS
        before = i18n.language()
        try:
            i18n.use_language(_language(nb, before))
            outcomes = grade(cells, list(checks), self.secret, seconds)
        finally:
            i18n.use_language(before)
        for id, outcome in outcomes.items():
            _show(checks[id], outcome)
        return nb, resources


def _graded(cell: Any) -> str | None:
    """The exercise of a check: by its grade id, which nbgrader has compared with its own record."""
    return exercise_id(cell.metadata.nbgrader.grade_id) if is_grade(cell) else None


def _language(notebook: Any, otherwise: str) -> str:
    wanted = notebook.metadata.get("metalib", {}).get("language")
    return wanted if wanted in i18n.languages() else otherwise


def _show(cell: Any, outcome: Outcome) -> None:
    """The verdict as text, so that nothing of a submission is shown as HTML; the points as the cell's result,
    where nbgrader reads them."""
    worth = cell.metadata.nbgrader.points
    marks = worth if outcome.status == "passed" else 0
    cell.source = HIDDEN.sub("", cell.source)
    cell.execution_count = 1
    said = new_output("stream", name="stdout", text=f"{outcome!r}\n")
    result = new_output("execute_result", data={"text/plain": f"{marks:g}"}, execution_count=1)
    cell.outputs = [said, result]


# nbgrader's own steps, with the judge in the place of the execution.
PREPROCESSORS = [
    CourseJudge if step is Execute else step for step in Autograde.autograde_preprocessors.default() or []
]
assert CourseJudge in PREPROCESSORS
