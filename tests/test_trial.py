"""Fresh answers to every exercise: no right one is rejected, no wrong one accepted or told something untrue.

`python tests/trial.py` prints what comes of them, with more answers.
"""

import pytest
from trial import tried

from metalib import exercises
from metalib.exercises.slips import is_rich

# Right for every input that the statement allows: A and B are symmetric.
EQUIVALENT = {"04/bowl": "transposed", "04/implicit": "transposed"}
FUNCTIONS = [item for item in exercises.all() if callable(item.build(item.solution_text))]


@pytest.mark.slow
@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda exercise: exercise.id)
def test_fresh_answers_are_judged_rightly(exercise):
    trial = tried(exercise, pairs=12)
    assert not trial.rejected
    allowed = EQUIVALENT.get(exercise.id, "nothing")
    assert not [what for what in trial.accepted if not what.startswith(allowed)]
    assert not trial.misdiagnosed
    told, ran = trial.single
    solution = exercise.run(exercise.build(exercise.solution_text)).value
    if is_rich(solution):  # of what comes out in whole numbers or words, the facts are shown
        assert told >= ran / 2, trial.heard
