"""Every exercise of the course is proven here, and the framework on toy exercises."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_exercises import FUNCTION, UPHILL, VALUE

from metalib import exercises
from metalib.exercises import Wrong, progress
from metalib.exercises.compare import difference
from metalib.exercises.probes import forbid_autograd
from metalib.exercises.validation import validate


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))


@pytest.fixture
def function():
    return replace(FUNCTION)


@pytest.fixture
def value():
    return replace(VALUE)


def defined(source, **names):
    """What a learner's cell with this text defines."""
    namespace = {"torch": torch, **names}
    exec(compile(source, "cell", "exec"), namespace)
    return namespace["inner_step"]


# The course's exercises


LONG = {"02/episode", "07/one-alphabet"}  # seconds each, for `make test`
CHECKED = [
    pytest.param(exercise, id=exercise.id, marks=[pytest.mark.slow] if exercise.id in LONG else [])
    for exercise in exercises.all()
]


@pytest.mark.parametrize("exercise", CHECKED)
def test_solution_passes_wrong_answers_are_recognised_and_stub_is_not_attempted(exercise):
    validate(exercise)


def test_every_chapter_with_exercises_has_a_title_and_a_quiz():
    for chapter in exercises.chapters().values():
        assert chapter.title.strip()
        assert chapter.quiz.questions


def test_get_finds_by_id_and_names_the_nearest():
    for exercise in exercises.all():
        assert exercises.get(exercise.id) is exercise
    with pytest.raises(ValueError, match="no exercise or quiz '03/iner-step'"):
        exercises.get("03/iner-step")


# What check says


def test_toys_are_valid(function, value):
    validate(function)
    validate(value)


def test_stub_is_not_attempted_and_leaves_no_trace(function, value):
    assert function.check(defined(FUNCTION.stub)).status == "not attempted"
    assert value.check(...).status == "not attempted"
    assert progress.load() == {}


def test_a_stub_to_repair_has_no_ellipsis_to_replace(function):
    to_repair = replace(FUNCTION, stub=FUNCTION.wrong[0].code, wrong=FUNCTION.wrong[1:])
    assert to_repair.check(defined(to_repair.stub)).message.startswith("Change the code")
    assert function.check(defined(FUNCTION.stub)).message.startswith("Replace the `...`")


def test_stub_with_a_comment_is_still_untouched(function):
    stub = "def inner_step(theta, gradient, alpha):\n    # hm\n\n    return ...\n"
    assert function.check(defined(stub)).status == "not attempted"


def test_an_ellipsis_left_inside_is_pointed_at(function):
    # `...` reaches an operation: a TypeError whose text means nothing to a learner
    outcome = function.check(defined("def inner_step(t, g, a):\n    step = ...\n    return t - a * step\n"))
    assert outcome.status == "not attempted"
    assert "line 3" in outcome.message


def test_right_answer_written_differently_passes_and_is_kept(function):
    outcome = function.check(lambda theta, gradient, alpha: torch.add(theta, gradient, alpha=-alpha))
    assert outcome.status == "passed"
    assert progress.entry("97/inner-step") == {"attempted": True, "passed": True}


def test_known_mistake_gets_its_own_message(function):
    outcome = function.check(lambda t, g, a: t + a * g)
    assert (outcome.status, outcome.message) == ("rejected", UPHILL)
    assert progress.entry("97/inner-step") == {"attempted": True}


def test_unknown_mistake_is_rejected_not_compared_with_itself(function):
    outcome = function.check(lambda t, g, a: 3 * t)
    assert outcome.status == "rejected" and "expected [[" in outcome.message


def test_a_function_that_spoils_its_inputs_does_not_spoil_the_reference(function):
    def inner_step(theta, gradient, alpha):
        theta.zero_(), gradient.zero_()
        return theta

    assert function.check(inner_step).status == "rejected"
    assert function.check(lambda t, g, a: t - a * g).status == "passed"
    assert function.check(inner_step).status == "rejected"


def test_a_learners_names_do_not_reach_the_solution(function):
    # the cell redefines torch: neither the reference nor the wrong answers may see it
    inner_step = defined(FUNCTION.solution_text.replace("-", "+"), torch=None)
    assert function.check(inner_step).message == UPHILL


def test_the_learners_random_numbers_are_left_alone(function):
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    function.check(lambda t, g, a: torch.rand(3, 1))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda t, g, a: None, "`inner_step` gives None. Is a `return` missing?"),
        (lambda t, g, a: (t - a * g).numpy().T, "got a NumPy array of shape (1, 3)"),
        (lambda t, g, a: float((t - a * g).sum()), "expected a tensor of shape (3, 1), got a Python float"),
        (
            lambda t, g, a: (t - a * g).ravel(),
            "expected a tensor of shape (3, 1), got a tensor of shape (3,)",
        ),
        (lambda t, g, a: (t - a * g).long(), "expected values of type torch.float32, got torch.int64"),
        (lambda t, g, a: t / 0 * 0, "3 of 3 values are NaN"),
        (lambda t, g, a: t / 0, "3 of 3 values are infinite"),
        (lambda t, g, a: (t, g), "got a tuple of 2"),
        (lambda t, g, a: undefined_name, "NameError: name 'undefined_name' is not defined"),  # noqa: F821
        (lambda t, g: t, "takes 2 positional arguments but 3 were given"),
        (0.5, "is to be a function; what you gave to `check` is a Python float"),
        (torch.ones(3, 1), "is to be a function; what you gave to `check` is a tensor of shape (3, 1)"),
    ],
)
def test_other_mistakes_are_said_in_a_sentence(function, answer, said):
    outcome = function.check(answer)
    assert outcome.status == "rejected"
    assert said in outcome.message


def test_an_exception_points_at_the_line_in_the_learners_cell(function):
    outcome = function.check(defined("def inner_step(t, g, a):\n    h = t @ g\n    return h\n"))
    assert "RuntimeError" in outcome.message and "See line 2" in outcome.message


def test_a_mistake_that_raises_is_recognised_too(function):
    outcome = function.check(lambda t, g, a: torch.sub(t, g, step=a))
    assert outcome.message == "No `step`: `alpha`."


@pytest.mark.parametrize("answer", [0.2, 0.2009, torch.tensor(0.2), np.float32(0.2)])
def test_value_answers_pass_within_the_tolerance(value, answer):
    assert value.check(answer).status == "passed"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (0.1, "There the step lands in the minimum."),
        (0.21, "0.21 is not the expected value"),
        (float("nan"), "NaN"),
        (float("inf"), "infinite"),
        ("0.2", "expected a Python float, got a Python str"),
        (None, "got None."),
        (True, "got a Python bool"),
    ],
)
def test_wrong_values_are_rejected_and_the_answer_stays_secret(value, answer, said):
    outcome = value.check(answer)
    assert outcome.status == "rejected"
    assert said in outcome.message
    if answer == 0.21:
        assert "0.2 " not in outcome.message and not outcome.message.endswith("0.2")


def test_infinity_is_met_by_infinity_alone():
    tolerance = {"rtol": 1e-4, "atol": 1e-6}
    assert difference(math.inf, math.inf, **tolerance) is None
    assert difference(math.inf, 3.0, **tolerance) == "expected inf, got 3."
    assert difference(3.0, math.inf, **tolerance) == "the value is infinite."


def test_named_results_name_the_difference():
    toy = replace(FUNCTION, probe=lambda f: {"at α = 0": f(1.0, 2.0, 0.0), "at α = 1": (f(1.0, 2.0, 1.0), 7)})
    said = toy.check(lambda t, g, a: t).message
    assert said.endswith("`inner_step`: at α = 1, item 1 of 2: expected -1, got 1.")


def test_outcome_reads_the_same_as_text_and_as_markdown(function):
    outcome = function.check(lambda t, g, a: t + a * g)
    assert repr(outcome) == f"✗ Not yet. {UPHILL}"
    assert outcome._repr_markdown_() == f"> ✗ **Not yet.** {UPHILL}"


# Hints and solution


def test_hints_come_one_by_one_and_the_last_names_the_solution(function, capsys):
    function.hint()
    first = capsys.readouterr().out
    assert "Hint 1 of 2" in first and "Hint 2" not in first and "solution()" not in first
    for _ in range(2):
        function.hint()
        second = capsys.readouterr().out
        assert "Hint 1 of 2" in second and "Hint 2 of 2" in second and "exercise.solution()" in second
    assert progress.entry("97/inner-step") == {"hints": 2}


def test_solution_is_shown_and_noted_only_before_passing(function, capsys):
    function.solution()
    assert FUNCTION.solution_text.strip() in capsys.readouterr().out
    assert progress.entry("97/inner-step") == {"solution": True}
    progress.reset()
    function.check(lambda t, g, a: t - a * g)
    function.solution()
    assert "solution" not in progress.entry("97/inner-step")


# What an author must not do


UPHILL_CODE = FUNCTION.wrong[0].code


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "inner step"}, "the id must look like"),
        ({"statement": " "}, "title and statement must not be empty"),
        ({"difficulty": 4}, "difficulty must be 1 to 3"),
        ({"hints": ()}, "at least one text"),
        ({"hints": "one text, not a tuple"}, "at least one text"),
        ({"wrong": ()}, "wrong answers"),
        ({"wrong": (Wrong("id", UPHILL_CODE, " "),)}, "has no message"),
        ({"wrong": (FUNCTION.wrong[0], Wrong("id", "inner_step = 1", UPHILL))}, "its own message"),
        ({"wrong": (Wrong("id", FUNCTION.solution_text + "# no", "m"),)}, "are the same code"),
        ({"wrong": (Wrong("id", "def other():\n    pass", "m"),)}, "does not define 'inner_step'"),
        ({"stub": "def inner_step(:\n"}, "the stub is not Python"),
        ({"stub": FUNCTION.solution_text}, "are the same code"),
    ],
)
def test_plain_authoring_mistakes_are_refused_at_once(change, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        replace(FUNCTION, **change)


SHARED = torch.ones(3, 1)  # what a probe must not do: use one input for every call
CALLS = itertools.count()
FEW = FUNCTION.wrong[:2]
SAME = Wrong("same", FUNCTION.solution_text.replace("alpha *", "1 *"), "the same as the second one")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"probe": lambda f: f(SHARED, torch.ones(3, 1), 0.1)}, "changes its inputs"),
        ({"probe": lambda f: f(torch.full((3, 1), next(CALLS)), 1.0, 0.1)}, "another result the second time"),
        ({"probe": lambda f: None}, "nothing that could be compared"),
        ({"probe": lambda f: f(torch.zeros(3), torch.zeros(3), 1.0)}, "cannot tell wrong answer 'uphill'"),
        ({"probe": lambda f: f(torch.ones(3))}, "the solution stops with TypeError"),
        ({"stub": "def inner_step(theta, alpha):\n    return ...\n"}, "different signatures"),
        ({"wrong": FEW}, "at least 3 wrong answers, not 2"),
        ({"wrong": (*FEW, SAME)}, "cannot tell wrong answer 'same'"),
    ],
)
def test_validate_refuses_what_only_running_shows(change, said):
    with pytest.raises(ValueError, match=said):
        validate(replace(FUNCTION, **change))


def clamps(f, draw):
    """Fails its own solution under some seeds: too small an α."""
    alpha = draw.number(-0.5, 2)
    if alpha < 0:
        raise ValueError("α must be positive")
    return f(draw.normal(3, 1), draw.normal(3, 1), alpha)


def counts(f, draw):
    """Hangs on an edge: how many values are at least 1, where one is 1."""
    return int((f(torch.ones(3, 1), torch.zeros(3, 1), draw.number(0.1, 1)) >= 1).sum())


def last_digit(f, draw):
    return str(f(draw.normal(3, 1), draw.normal(3, 1), 0.3))


DRAWS = """
def inner_step(theta, gradient, alpha):
    return torch.rand(3, generator=gradient)
"""


def lucky(f, draw):
    """Asks a good sampler for more luck than it has under every stream."""
    return bool((f(None, draw.generator, 1.0) < 0.9).all())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"probe": clamps}, "under seed .* the solution stops with ValueError"),
        ({"probe": counts}, "is refused: expected 3, got"),
        ({"probe": last_digit}, "the solution .*, is refused"),
        ({"probe": lucky, "solution_text": DRAWS}, "drawing other random numbers .* is refused"),
    ],
)
def test_validate_refuses_a_probe_that_can_fail_a_right_answer(change, said):
    with pytest.raises(ValueError, match=said):
        validate(replace(FUNCTION, **change))


def test_a_probe_that_draws_is_compared_under_several_seeds():
    sizes = []

    def probe(f, draw):
        rows = draw.whole(2, 9)
        sizes.append(rows)
        return f(draw.normal(rows, 1), draw.normal(rows, 1), draw.number(0.1, 0.9))

    toy = replace(FUNCTION, probe=probe)
    validate(toy)
    sizes.clear()
    right_at_first = FUNCTION.build(FUNCTION.solution_text)
    assert toy.judge(lambda t, g, a: right_at_first(t, g, a)).status == "passed"
    assert len(set(sizes)) > 1
    rows = sizes[0]
    outcome = toy.judge(lambda t, g, a: right_at_first(t, g, a) if len(t) == rows else t)
    assert outcome.status == "rejected"


def test_a_broken_rule_is_said_as_it_is():
    def probe(f, draw):
        with forbid_autograd():
            return f(draw.normal(3, 1), draw.normal(3, 1), 0.1)

    def by_autograd(theta, gradient, alpha):
        theta.requires_grad_()
        (slope,) = torch.autograd.grad((theta * gradient).sum(), theta)
        return theta - alpha * slope

    outcome = replace(FUNCTION, probe=probe).judge(by_autograd)
    assert outcome.message.startswith("This exercise is to be done by hand")


def test_validate_refuses_a_stub_that_looks_like_an_attempt():
    with pytest.raises(ValueError, match="the untouched stub is not recognised"):
        validate(replace(VALUE, stub="largest_alpha = 1.0\n"))


def test_another_default_type_changes_no_verdict():
    answers = {exercise: exercise.build(exercise.solution_text) for exercise in exercises.all()}
    first = {exercise.id: exercise.judge(answer).status for exercise, answer in answers.items()}
    torch.set_default_dtype(torch.float64)
    try:
        for exercise in answers:
            again = exercise.judge(exercise.build(exercise.solution_text))
            assert again.status == first[exercise.id] == "passed", (exercise.id, again)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
