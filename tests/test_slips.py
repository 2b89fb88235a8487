"""Slips that nobody has listed are recognised: in the solution's own code, and by how the results relate."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toy_exercises import FUNCTION

from metalib import exercises
from metalib.exercises import Exercise, Wrong
from metalib.exercises.mutants import mutants
from metalib.exercises.probes import with_gradient
from metalib.exercises.slips import SLIPS


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))


def exercise(solution, probe, **options):
    """An exercise with this solution, whose own wrong answers match nothing."""
    name = solution.split("(")[0].split()[1]
    arguments = solution.split("(")[1].split(")")[0]
    stub = f"def {name}({arguments}):\n    return ...\n"
    wrong = tuple(Wrong(f"w{n}", f"def {name}({arguments}):\n    return '{n}'\n", f"w{n}") for n in range(3))
    return Exercise(
        id="97/slip", title="A slip", statement="Do it.", difficulty=1, minutes=1, name=name, stub=stub,
        solution_text=solution, hints=("hint",), wrong=wrong, probe=probe,
        context={"torch": torch, "F": F, "math": math}, **options,
    )  # fmt: skip


INTERVAL = exercise(
    "def interval(values):\n    return values.mean(), 1.96 * values.std() / len(values) ** 0.5\n",
    lambda f, draw: f(draw.normal(draw.whole(5, 30)) + 3),
)
STEPS = exercise(
    """
def descend(gradients, theta, alpha, steps):
    ends = []
    for gradient in gradients:
        fast = theta
        for step in range(steps):
            fast = fast - alpha * gradient(fast)
        ends.append(fast)
    return torch.stack(ends).mean(dim=0)
""".lstrip(),
    lambda f, draw: f(
        [lambda t, a=a: a * t**3 for a in draw.uniform(3, low=0.5, high=1.5)],
        draw.normal(4),
        draw.number(0.05, 0.3),
        draw.whole(2, 4),
    ),
)
POSTERIOR = exercise(
    """
def posterior(z, prototypes, temperature):
    squared = (z.unsqueeze(1) - prototypes).square().sum(dim=-1)
    return F.log_softmax(-squared / temperature, dim=1)
""".lstrip(),
    lambda f, draw: f(draw.normal(4, 3), draw.normal(5, 3), draw.number(1.5, 4)),
)
META = exercise(
    """
def meta_loss(support_loss, query_loss, theta, alpha):
    (gradient,) = torch.autograd.grad(support_loss(theta), theta, create_graph=True)
    adapted = theta - alpha * gradient
    return query_loss(adapted)
""".lstrip(),
    lambda f, draw: (lambda theta: with_gradient(
        f(lambda t: (t**4).sum(), lambda t: (t - 2).square().sum(), theta, draw.number(0.05, 0.1)), theta
    ))(draw.normal(3).requires_grad_()),
)  # fmt: skip
BOWL = exercise(
    """
def gradient(theta, A, c, alpha):
    factor = torch.eye(len(theta)) - alpha * A
    adapted = theta - alpha * A @ (theta - c)
    return factor @ A @ (adapted - c)
""".lstrip(),
    lambda f, draw: f(draw.normal(3), draw.normal(3, 3), draw.normal(3), draw.number(0.1, 0.3)),
)
PATH = exercise(
    """
def after(gradient, hessian, theta, alpha, steps):
    path = [theta]
    for step in range(steps):
        path.append(path[-1] - alpha * gradient(path[-1]))
    result = gradient(path[-1])
    for point in reversed(path[:-1]):
        result = result - alpha * hessian(point) @ result
    return result
""".lstrip(),
    lambda f, draw: f(lambda t: t**3 + t[[1, 2, 0]], lambda t: torch.diag(3 * t**2) + torch.eye(3)[[1, 2, 0]],
                      draw.normal(3), draw.number(0.05, 0.2), draw.whole(2, 4)),
)  # fmt: skip
FIRST = exercise(
    "def first(shots, errors, target):\n    for n, e in zip(shots, errors):\n        if e <= target:\n"
    "            return n\n    return math.inf\n",
    lambda f: [f([1, 2, 5, 10], [4.0, 3.0, 1.5, 0.3], target) for target in (3.0, 1.4, 0.3, 0.1)],
)


def loops(*, inside=False, first_only=False, at_theta=False, from_theta=False, sign=1, more=0):
    def descend(gradients, theta, alpha, steps):
        ends = []
        for gradient in gradients:
            fast = theta
            for _step in range(1 if first_only else steps + more):
                step = alpha * gradient(theta if at_theta else fast)
                fast = (theta if from_theta else fast) - sign * step
                if inside:
                    ends.append(fast)
            if not inside:
                ends.append(fast)
        return sum(ends) / len(ends)

    return descend


def bowl(theta, A, c, alpha):
    """Uphill all the way, with the right factor for that."""
    adapted = theta + alpha * A @ (theta - c)
    return (torch.eye(len(A)) + alpha * A) @ A @ (adapted - c)


def along(*, at_theta=False, shifted=False, factors=0, reverse=True):
    def after(gradient, hessian, theta, alpha, steps):
        path = [theta]
        for _step in range(steps):
            path.append(path[-1] - alpha * gradient(theta if at_theta else path[-1]))
        result = gradient(path[-1])
        points = path[1:] if shifted else path[: steps + factors]
        for point in points[::-1] if reverse else points:
            result = result - alpha * hessian(point) @ result
        return result

    return after


def squared(z, p):
    return torch.cdist(z.double(), p.double()).square().float()


def adapt(theta, support_loss, alpha, **options):
    return theta - alpha * torch.autograd.grad(support_loss(theta), theta, **options)[0]


@pytest.mark.parametrize(
    ("exercise", "answer", "slip"),
    [
        (INTERVAL, lambda v: (v.mean(), 1.96 * v.std()), "root-missing"),
        (INTERVAL, lambda v: (v.mean(), 1.96 * v.std() / len(v)), "n-for-root-n"),
        (INTERVAL, lambda v: (v.mean(), 1.96 * v.numpy().std() / math.sqrt(len(v))), "biased"),
        (INTERVAL, lambda v: (v.mean(), 2 * v.std() / math.sqrt(len(v))), "two-for-1.96"),
        (INTERVAL, lambda v: (v.mean(), v.std() / math.sqrt(len(v))), "no-1.96"),
        (INTERVAL, lambda v: (v.mean(), 2 * 1.96 * v.std() / math.sqrt(len(v))), "whole-width"),
        (INTERVAL, lambda v: (v.sum(), 1.96 * v.std() / math.sqrt(len(v))), "sum-for-mean"),
        (INTERVAL, lambda v: (v.mean(), 1.96 * v.var() / math.sqrt(len(v))), "variance"),
        (INTERVAL, lambda v: (1.96 * v.std() / math.sqrt(len(v)), v.mean()), "pair-exchanged"),
        (STEPS, loops(sign=-1), "uphill"),
        (STEPS, loops(first_only=True), "ignored"),
        (STEPS, loops(at_theta=True), "always-at-start"),
        (STEPS, loops(from_theta=True), "always-from-start"),
        (STEPS, loops(inside=True), "line-in-loop"),
        (STEPS, loops(more=1), "round-too-many"),
        (STEPS, loops(more=-1), "round-missing"),
        (STEPS, lambda g, t, a, k: loops()(g, t, 1, k), "without"),
        (STEPS, lambda g, t, a, k: loops()(g, t, 1 - a, k), "one-minus"),
        (STEPS, lambda g, t, a, k: 3 * loops()(g, t, a, k), "sum-for-mean"),
        (POSTERIOR, lambda z, p, t: (-squared(z, p) / t).softmax(dim=1), "probability-for-log"),
        (POSTERIOR, lambda z, p, t: (-squared(z, p)).log_softmax(dim=1), "without"),
        (POSTERIOR, lambda z, p, t: (-squared(z, p) * t).log_softmax(dim=1), "multiplied"),
        (POSTERIOR, lambda z, p, t: (-squared(z, p) / t).log_softmax(dim=0), "axis"),
        (POSTERIOR, lambda z, p, t: (squared(z, p) / t).log_softmax(dim=1), "sign"),
        (POSTERIOR, lambda z, p, t: (-torch.cdist(z, p) / t).log_softmax(dim=1), "root-too-many"),
        (META, lambda s, q, t, a: q(adapt(t, s, a)), "graph-cut"),
        (META, lambda s, q, t, a: q(t), "before-the-step"),
        (META, lambda s, q, t, a: s(adapt(t, s, a, create_graph=True)), "support-for-query"),
        (META, lambda s, q, t, a: s(adapt(t, q, a, create_graph=True)), "sets-exchanged"),
        (META, lambda s, q, t, a: q(adapt(t, q, a, create_graph=True)), "query-for-support"),
        (META, lambda s, q, t, a: q(2 * t - adapt(t, s, a, create_graph=True)), "uphill"),
        (BOWL, bowl, "uphill"),
        (PATH, along(at_theta=True), "always-at-start"),
        (PATH, along(shifted=True), "shifted-by-one"),
        (PATH, along(factors=1), "item-too-many"),
        (PATH, along(reverse=False), "order"),
        (FIRST, lambda n, e, t: next((a for a, b in zip(n, e) if b < t), math.inf), "strict"),  # noqa: B905
    ],
)  # fmt: skip
def test_a_slip_is_named_however_it_is_written(exercise, answer, slip):
    message = exercise.judge(answer).message
    assert SLIPS[slip].split("{")[0].split(" `")[0] in message, message
    assert "expected" in message or "gradient" in message  # and it is shown what came out
    assert " Or: " not in message or slip in ("always-from-start", "ignored"), message


def five(f, draw):
    return f(draw.normal(5), draw.normal(5), 0.1)


def any_size(f, draw):
    return f(draw.normal(draw.whole(3, 9)), draw.normal(1), 0.1)


@pytest.mark.parametrize(
    ("probe", "answer", "said"),
    [
        (five, lambda t, g, a: a * g - t, "other way round"),
        (five, lambda t, g, a: 2 * (t - a * g), "2 times"),
        (five, lambda t, g, a: (t - a * g) / 2, "½ times"),
        (five, lambda t, g, a: (t - a * g) * 7, "multiple"),
        (five, lambda t, g, a: t - a * g + 3, "always the same"),
        (five, lambda t, g, a: (t - a * g).flip(0), "opposite"),
        (five, lambda t, g, a: (t - a * g).sort().values,
         "another order"),
        (five, lambda t, g, a: (t - a * g).square(), "square of"),
        (five, lambda t, g, a: (t - a * g).exp(), "exponential"),
        (five, lambda t, g, a: (t - a * g).abs(), "sign is lost"),
        (lambda f, draw: f(draw.normal(3, 5), draw.normal(3, 5), 0.1), lambda t, g, a: (t - a * g).T,
         "transposed"),
        (lambda f, draw: f(draw.normal(4, 4), draw.normal(4, 4), 0.1), lambda t, g, a: (t - a * g).T,
         "transposed"),
        (five, lambda t, g, a: (t - a * g)[:, None],
         "the numbers are right, the shape is not"),
        (five, lambda t, g, a: t[:, None] - a * g,
         "table of all pairs"),
        (any_size,
         lambda t, g, a: (t - a * g) * len(t), "n times the expected one, where n is a size of `theta`"),
        (any_size,
         lambda t, g, a: (t - a * g) / len(t) ** 0.5, "1/√n times"),
        (lambda f, draw: f(draw.normal(5), draw.normal(5), draw.number(0.1, 0.5)),
         lambda t, g, a: (t - a * g) / a, "1/`alpha` times the expected one"),
        (lambda f: {"α = 0": f(1.0, 2.0, 0.0), "α = 1": f(1.0, 2.0, 1.0)},
         lambda t, g, a: 1.0 if a == 0 else 7.0, "Right already: α = 0."),
        (five, lambda t, g, a: (t - a * g) * g + t, None),
    ],
)  # fmt: skip
def test_how_the_results_are_related_is_said_where_no_slip_fits(probe, answer, said):
    outcome = replace(FUNCTION, probe=probe, wrong=FUNCTION.wrong[2:]).judge(answer)
    assert outcome.status == "rejected"
    if said is None:
        assert "In short" not in outcome.message and "This is" not in outcome.message
    else:
        assert said in outcome.message, outcome.message


def test_a_result_that_two_slips_give_is_said_of_both_and_of_three_of_none():
    doubled = exercise("def f(x):\n    return x.square() * 1.5\n", lambda f, draw: f(torch.full((3,), -1.5)))
    message = doubled.judge(lambda x: x**2).message  # with x = −1.5 two slips look alike
    assert " Or: " in message and "absolute values" in message and "without the factor 1.5" in message


def test_a_slip_under_one_seed_only_is_not_said():
    def probe(f, draw):
        return f(torch.full((3,), 1.5) if draw.seed == 0 else draw.normal(3))

    toy = exercise("def f(x):\n    return x.square() + 1\n", probe)
    assert "a square is missing" in toy.judge(lambda x: x + 1).message
    message = toy.judge(lambda x: x + 1 if (x == 1.5).all() else 5 * x).message
    assert "This is" not in message


def test_a_slip_can_be_switched_off_for_an_exercise_and_its_name_is_checked():
    off = replace(POSTERIOR, slips_off=("sign", "plus-for-minus"))
    answer = lambda z, p, t: (squared(z, p) / t).log_softmax(dim=1)  # noqa: E731
    assert "minus sign" in POSTERIOR.judge(answer).message
    assert "minus sign" not in off.judge(answer).message
    with pytest.raises(ValueError, match="no slip is called sing"):
        replace(POSTERIOR, slips_off=("sing",))


def test_an_answer_that_is_a_value_gets_no_slip():
    toy = replace(exercises.get("03/alpha"))
    outcome = toy.judge(0.21)
    assert "This is" not in outcome.message and "In short" not in outcome.message


def test_every_slip_that_a_mutant_can_have_has_a_sentence():
    for item in exercises.all():
        for mutant in mutants(item.solution_text):
            assert SLIPS[mutant.slip].format(**mutant.values)
            compile(mutant.tree, "mutant", "exec")
    assert list(mutants("def f(x):\n    while x > 1:\n        x = x / 2\n    return x\n")) == []


def test_slips_are_made_within_a_time_and_the_next_check_goes_on_from_there():
    item = replace(POSTERIOR)
    got = item.results(lambda z, p, t: (-squared(z, p)).log_softmax(dim=1))
    assert item._slips.matching(got, seconds=0) == []
    assert [mutant.slip for mutant in item._slips.matching(got, seconds=60)] == ["without"] * 2
    tried = len(item._slips._tried)
    assert item._slips.matching(got, seconds=0) and len(item._slips._tried) == tried  # they are kept


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda t, g, a: None, "gives None. Is a `return` missing?"),
        (lambda t, g, a: print(t - a * g), "it prints its result"),
        (lambda t, g, a: (t, None), "A part of what `inner_step` gives is None"),
        (lambda t, g, a: [None], "A part of what `inner_step` gives is None"),
    ],
)
@pytest.mark.parametrize(
    "probe",
    [
        lambda f: f(torch.ones(3), torch.ones(3), 0.1),
        lambda f: {"a": f(torch.ones(3), torch.ones(3), 0.1) + 1},
        lambda f: str(f(torch.ones(3), torch.ones(3), 0.1)),
        lambda f: bool(f(torch.ones(3), torch.ones(3), 0.1).sum() > 1),
        lambda f, draw: [f(draw.normal(3), draw.normal(3), 0.1).tolist()],
    ],
)
def test_a_forgotten_return_says_so_whatever_the_probe_does_with_it(probe, answer, said, capsys):
    assert said in replace(FUNCTION, probe=probe).judge(answer).message
