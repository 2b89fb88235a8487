"""Section 1 of chapter 12: its cells define what metalib has; what it says of ablations and of the learned
optimiser holds."""

import math

import pytest
import torch
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib import ablation, exercises, look, weights
from metalib.learners import AnnealedMAML, CoordinateRule, LearnedOptimiser
from metalib.learners.optimiser import preprocessed
from metalib.models import tanh_net
from metalib.tasks import Fits

SINES = Fits(metalib.SineTasks(20, 1, inputs=(-3.0, 3.0)))


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines."""
    names = {"torch": torch, "nn": nn, "math": math, "metalib": metalib, "look": look, "ablation": ablation}
    return definitions("12_outlook", **names, LearnedOptimiser=LearnedOptimiser, icl_methods={})


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- the cells
@pytest.mark.parametrize("iteration", [0, 3, 10])
def test_the_chapters_multi_step_loss_is_metalibs(chapter, iteration):
    learner = AnnealedMAML(metalib.models.sine_net(), steps=4, multi_step=10)
    learner.at_iteration(iteration)
    batch = metalib.SineTasks(5, 6).sample(3, seeded())
    here = chapter["multi_step_loss"](learner, batch, iteration / 10)
    torch.testing.assert_close(here, learner.loss(batch))


def test_the_chapters_rule_is_metalibs(chapter):
    rule, mine = CoordinateRule(), chapter["StepRule"]()
    mine.load_state_dict(rule.state_dict())
    gradient = torch.randn(3, 5, generator=seeded()) * torch.logspace(-8, 2, 5)
    torch.testing.assert_close(chapter["preprocess"](gradient), preprocessed(gradient))
    memory = other = None
    for _step in range(3):
        step, memory = mine(gradient, memory)
        expected, other = rule(gradient, other)
        torch.testing.assert_close(step, expected)


def test_the_chapters_unrolled_loss_is_metalibs_and_so_is_its_gradient(chapter):
    learner = LearnedOptimiser(CoordinateRule(), tanh_net(), steps=6).eval()
    batch = SINES.sample(4, seeded())
    begun = torch.cat([part.flatten(1) for part in learner.starts(4).values()], dim=1)
    here = chapter["unrolled_loss"](learner.rule, begun, batch.support_x, batch.support_y, steps=6)
    there = learner.loss(batch)
    torch.testing.assert_close(here, there)
    own = list(learner.rule.parameters())
    for one, other in zip(torch.autograd.grad(here, own), torch.autograd.grad(there, own), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_the_interval_over_seeds_is_students(chapter):
    values = torch.tensor([[1.0, 3.0], [2.0, 4.0], [6.0, 8.0]]).double()
    over_tasks, over_seeds = chapter["two_intervals"](values)
    assert over_tasks.mean == pytest.approx(4) and over_tasks.n == 2
    by_seed = torch.tensor([2.0, 3.0, 7.0])
    quantile = 4.3027  # of Student's t with two degrees of freedom, 97.5 %
    assert over_seeds == pytest.approx(quantile * by_seed.std().item() / 3**0.5, rel=1e-3)


# --- what is said of the ablations
def members(name, variant, label="after all steps"):
    return torch.tensor(
        [
            entry["results"][label]["mean"]
            for member, entry in ablation.card(name)["members"].items()
            if member.split("/")[0] == variant and "results" in entry
        ]
    )


def off(name, variant, label="after all steps"):
    """The difference from MAML, seed by seed: its mean, and half its interval over the three seeds."""
    found = members(name, variant, label) - members(name, "maml", label)
    return found.mean().item(), 4.30 * found.std().item() / 3**0.5


def test_no_change_is_better_than_maml_by_both_intervals_on_waves():
    for variant in ablation.Ablation.read("sine").variants:
        if variant not in ("maml", "meta-sgd-five"):
            mean, half = off("sine", variant)
            assert mean > -half
    mean, half = off("sine", "annealed-order")
    assert -0.03 < mean < -0.015 and half > 2 * abs(mean)
    assert members("sine", "maml").min() < 0.2 and members("sine", "maml").max() > 0.27


def test_what_loses_on_waves():
    mean, half = off("sine", "anil")
    assert mean > half
    assert ablation.exploded("sine", "meta-sgd-five") == {0: 925, 2: 839}
    assert members("sine", "meta-sgd-five") > 2.5
    mean, half = off("sine", "meta-sgd", "after one step")
    assert mean < -half and mean < -0.4
    assert off("sine", "first-order")[0] > 2 * off("sine", "anil")[0]


def test_what_is_said_of_the_glyphs():
    for variant in ablation.Ablation.read("glyphs").variants:
        if variant != "maml":
            mean, half = off("glyphs", variant)
            assert abs(mean) < half
    assert abs(off("glyphs", "anil")[0]) < 0.02
    lost = members("glyphs", "maml") - members("glyphs", "first-order")
    assert lost.mean() > 0.05 and sorted(lost)[0] < 0.01 and sorted(lost)[1] > 0.08


# --- and of the learned optimiser
@pytest.fixture(scope="module")
def final(chapter):
    rule = weights.load("learned-optimiser").rule
    adam = chapter["of_torch"](torch.optim.Adam, lr=0.25)

    def losses(tasks=SINES, net=None, steps=50):
        net = tanh_net() if net is None else net
        curves = [chapter["fit_curves"](each, net, tasks, steps, n=100) for each in (rule, adam)]
        return [curve.mean(dim=1) for curve in curves]

    return losses


@pytest.mark.slow
def test_at_home_it_is_quicker_and_ends_where_tuned_adam_ends(final):
    learned, adam = final()
    assert learned[20] < 0.9 * adam[20] and 0.5 < learned[50] / adam[50] < 1.5


@pytest.mark.slow
def test_it_keeps_up_with_depth_and_breaks_with_scale(final, chapter):
    deep = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    learned, adam = final(net=deep)
    assert learned[-1] < 0.5 * adam[-1]
    tenfold = Fits(metalib.SineTasks(20, 1, inputs=(-3.0, 3.0)), factor=10.0)
    learned, _adam = final(tenfold)
    tuned = chapter["of_torch"](torch.optim.Adam, lr=0.5)
    there = chapter["fit_curves"](tuned, tanh_net(), tenfold, 50, n=100)
    assert learned[-1] > 2 * there[-1].mean()


@pytest.mark.slow
def test_it_goes_on_for_400_steps_where_momentum_ends_lower(final, chapter):
    learned, _adam = final(steps=400)
    assert learned[400] < learned[50]
    momentum = chapter["of_torch"](torch.optim.SGD, lr=0.05, momentum=0.9)
    assert chapter["fit_curves"](momentum, tanh_net(), SINES, 400, n=100)[-1].mean() < learned[400]


def test_its_steps_are_bounded():
    """The last layer reads numbers below 1 in size: whatever the gradient, a step is no longer than this."""
    rule = weights.load("learned-optimiser").rule
    most = rule.scale * (rule.step.weight.abs().sum() + rule.step.bias.abs()).item()
    memory = None
    for _step in range(20):
        with torch.no_grad():
            step, memory = rule(torch.full((1, 1), 1e6), memory)
        assert step.abs().item() <= most


# --- the exercises
def test_the_solution_is_the_chapters_loss():
    losses = torch.rand(5, 3, generator=seeded())
    annealed = solution("12/annealed-loss")
    torch.testing.assert_close(annealed(losses, 0.25), 0.75 * losses.mean(dim=0) + 0.25 * losses[-1])


@pytest.mark.parametrize(
    "answer",
    [
        lambda losses, t: (1 - t) * losses.mean(0) + t * losses[-1],
        lambda losses, t: torch.lerp(losses.mean(dim=0), losses[-1], t),
        lambda losses, t: losses.mean(0) + t * (losses[-1] - losses.mean(0)),
        lambda losses, t: (losses.sum(0) * (1 - t) / len(losses)).add(losses[-1], alpha=t),
        lambda losses, t: torch.stack([(1 - t) * row.mean() + t * row[-1] for row in losses.T]),
    ],
)
def test_right_answers_pass(answer):
    assert exercises.get("12/annealed-loss").judge(answer).status == "passed"


@pytest.mark.parametrize(
    "answer",
    [
        lambda losses, t: losses.mean(0).detach().lerp(losses[-1], t),
        lambda losses, t: losses.mean(dim=0),
        lambda losses, t: losses[-1],
        lambda losses, t: (1 - t) * losses.mean(0) + losses[-1],
        lambda losses, t: losses.median(dim=0).values.lerp(losses[-1], t),
        lambda losses, t: losses.mean(dim=0, keepdim=True).lerp(losses[-1:], t).mean(),
        lambda losses, t: losses.mean(0).lerp(losses[-1], t**2),
        lambda losses, t: losses.mean(1).lerp(losses[-1].mean(), t),
    ],
)
def test_wrong_answers_do_not(answer):
    assert exercises.get("12/annealed-loss").judge(answer).status != "passed"


def test_the_best_segment_is_near_the_root():
    best = solution("12/best-segment")
    for steps in (64, 100, 400):
        for record in (0.5, 1.0, 2.0):
            assert best(steps, record) == pytest.approx((steps / record) ** 0.5, rel=0.25)
    right = [
        lambda steps, record: min((-(-steps // s) + record * s, s) for s in range(1, steps + 1))[1],
        lambda steps, record: int(
            torch.tensor([math.ceil(steps / s) + record * s for s in range(1, steps + 1)]).argmin() + 1
        ),
    ]
    wrong = [
        lambda steps, record: max(1, int(steps**0.5)),
        lambda steps, record: max(1, round((steps / record) ** 0.5)),
        lambda steps, record: min(range(1, steps), key=lambda s: steps / s + s),
        lambda steps, record: steps,
    ]
    judge = exercises.get("12/best-segment").judge
    assert [judge(answer).status for answer in right] == ["passed"] * len(right)
    assert "passed" not in [judge(answer).status for answer in wrong]
