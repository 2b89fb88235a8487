"""A check in a notebook: the newest version of an answer is judged, and a hint that is left in stays."""

import sys
from dataclasses import replace

import pytest
from IPython.core.interactiveshell import InteractiveShell
from toy_exercises import FUNCTION

RIGHT = "def inner_step(theta, gradient, alpha):\n    return theta - alpha * gradient\n"
WRONG = RIGHT.replace("-", "+")
CHECK = "exercise.check(inner_step)"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a cell in a shell of its own; the result is the last expression's."""
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    hook = sys.excepthook
    shell = InteractiveShell.instance()
    shell.user_ns["exercise"] = replace(FUNCTION)
    shell.run_cell("import torch", store_history=True)
    yield lambda text: shell.run_cell(text, store_history=True).result
    InteractiveShell.clear_instance()
    sys.excepthook = hook


def test_the_newest_version_is_judged(run):
    run(WRONG)
    assert "uphill" in run(CHECK).message
    run(RIGHT)
    assert run(CHECK).status == "passed"
    assert run(WRONG + CHECK).message.startswith("You went uphill")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            RIGHT.replace(":", ""),
            "SyntaxError: expected ':'` in line 1, `def inner_step(theta, gradient, alpha)`",
        ),
        (RIGHT.replace("theta -", "theta - )"), "in line 2"),
        (RIGHT.replace("    return", "   x = 1\n     return"), "IndentationError"),
        ("inner_step = lambda t, g, a: t - a * (g\n", "in line 1"),
        ("%matplotlib inline\n" + RIGHT.replace(":", ""), "SyntaxError"),
        ("undefined_name\n" + RIGHT, "stopped with an error before it came to that"),
        ("import torch\n1 / 0\n\n" + WRONG, "stopped with an error before it came to that"),
    ],
)
def test_after_an_error_the_version_before_is_not_judged(run, broken, said, capsys):
    run(RIGHT)
    run(broken)
    run("x = 1")
    outcome = run(CHECK)
    assert outcome.status == "rejected"
    assert said in outcome.message and "an earlier answer" in outcome.message
    assert "is an earlier answer" in run(CHECK).message
    run(RIGHT)
    assert run(CHECK).status == "passed"


@pytest.mark.parametrize(
    "other",
    [
        RIGHT + "\n1 / 0\n",  # defined, and then an error
        "inner_step(1, 2)",  # a try of one's own that fails
        "def helper(:\n    pass\n",  # another broken cell
        "class Mine:\n    def inner_step(self):\n        pass\n",
        "def inner_step_2(:\n",
        "print(inner_step)\ninner_step == 3\n(",
        "other = inner_step\n)",
    ],
)
def test_other_errors_do_not_matter(run, other, capsys):
    run(RIGHT)
    run(other)
    assert run(CHECK).status == "passed"


def test_a_value_whose_cell_stopped_is_not_judged(run, capsys):
    run("from dataclasses import replace\nfrom toy_exercises import VALUE\nexercise = replace(VALUE)")
    run("largest_alpha = 0.2")
    check = "exercise.check(largest_alpha)"
    assert run(check).status == "passed"
    run("1 / 0\nlargest_alpha = 0.1")
    assert "an earlier answer" in run(check).message
    run("largest_alpha = 0.1 +")
    assert "SyntaxError" in run(check).message
    run("largest_alpha = 0.2")
    assert run(check).status == "passed"


def test_a_check_of_something_else_is_only_that(run, capsys):
    run(RIGHT)
    run(RIGHT.replace(":", ""))
    assert run("exercise.check(lambda t, g, a: t - a * g)").status == "passed"


def test_a_hint_left_in_the_cell_shows_the_same_until_the_next_is_asked_for(run, capsys):
    run(WRONG)
    cell = "exercise.hint()\n" + CHECK
    for _again in range(3):
        run(cell)
        shown = capsys.readouterr().out
        assert "Hint 1 of 2" in shown and "Hint 2 of 2" not in shown and "`exercise.hint(2)`" in shown
    run("exercise.hint(2)")
    assert "Hint 2 of 2" in capsys.readouterr().out
    run(cell)
    assert "Hint 2 of 2" in capsys.readouterr().out  # what was shown stays


def test_another_cell_shows_the_next_hint(run, capsys):
    run("exercise.hint()")
    assert "Hint 2 of 2" not in capsys.readouterr().out
    run("exercise.hint()  # please")
    assert "Hint 2 of 2" in capsys.readouterr().out


@pytest.mark.parametrize("number", [0, 3, -1, True, "2", 1.5])
def test_there_is_no_such_hint(number):
    with pytest.raises(ValueError, match="from 1 to 2; there is no hint"):
        FUNCTION.hint(number)
