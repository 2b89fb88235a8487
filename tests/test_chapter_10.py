"""Chapter 10, navigation: what its cells define is metalib's, and what its prose says holds."""

import copy
from functools import cache

import pytest
import torch
from chapter_code import definitions, solution
from torch.autograd import grad
from torch.func import functional_call

import metalib
from metalib import exercises, rl
from metalib.lab import NavigationLaboratory
from metalib.rl.estimators import rewards_to_go
from metalib.rl.policy import log_probabilities, play, weights_of

LIMIT = 0.1


@pytest.fixture(scope="module")
def policy():
    return rl.GaussianPolicy()


@pytest.fixture(scope="module")
def chapter(policy):
    """The functions that the chapter defines."""
    names = {"torch": torch, "metalib": metalib, "rl": rl, "grad": grad, "LIMIT": LIMIT, "nn": torch.nn}
    names |= {"F": torch.nn.functional, "cache": cache}
    return definitions("10_reinforcement_learning", **names, functional_call=functional_call, policy=policy)


@pytest.fixture(scope="module")
def maml():
    return metalib.weights.load("navigation-maml")


# --- what the cells build is metalib's
def test_the_chapters_world_is_metalibs(chapter):
    tasks = rl.NavigationTasks().sample(50, torch.Generator().manual_seed(0))
    knowing = chapter["walk"](tasks.goals, lambda places: tasks.goals - places)
    torch.testing.assert_close(knowing, tasks.best_returns(), atol=1e-4, rtol=1e-4)
    actions = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    places, reward = chapter["step_to"](torch.zeros(50, 2), actions, tasks.goals)
    there, gained = tasks.step(tasks.start(1), actions.unsqueeze(1))
    torch.testing.assert_close(places, there[:, 0])
    torch.testing.assert_close(reward, gained[:, 0])


def test_the_chapters_inner_step_and_meta_gradient_are_those_of_metalib(chapter, policy):
    goal = torch.tensor([0.3, -0.2])
    task, noise = (
        rl.Navigation(goal[None]),
        torch.randn(2, 6, 100, 2, generator=torch.Generator().manual_seed(0)),
    )
    learner = rl.PolicyMAML(policy, trajectories=6)
    begin = dict(policy.named_parameters())
    before = chapter["play"](begin, goal, noise[0])
    theirs = play(weights_of(policy, 1), task, noise[:1])
    for mine, other in zip(before, (theirs.states, theirs.actions, theirs.rewards), strict=True):
        torch.testing.assert_close(mine, other[0], atol=1e-5, rtol=1e-4)
    gains = chapter["advantages"](before[0], before[2])
    torch.testing.assert_close(gains, learner.advantages(theirs)[0], atol=2e-3, rtol=1e-2)

    adapted = chapter["inner_step"](begin, before, 0.15)
    stepped = learner.improve(weights_of(policy, 1), theirs, 0.15)
    for name, value in adapted.items():
        torch.testing.assert_close(value, stepped[name][0], atol=1e-3, rtol=1e-2)
    after = chapter["play"](adapted, goal, noise[1])
    weighed = chapter["advantages"](after[0], after[2])
    outer = -(chapter["log_chances"](adapted, *after[:2]) * weighed).mean()
    mine = torch.cat([slope.flatten() for slope in grad(outer, list(begin.values()))])
    fresh = play(stepped, task, noise[1:])
    their_outer = -(log_probabilities(stepped, fresh) * learner.advantages(fresh)).mean()
    other = torch.cat([slope.flatten() for slope in grad(their_outer, list(policy.parameters()))])
    assert torch.cosine_similarity(mine, other, dim=0) > 0.999
    assert mine.norm() == pytest.approx(other.norm().item(), rel=0.02)


# --- what the prose says
def test_standing_still_costs_38():
    goals = rl.NavigationTasks().sample(20_000, torch.Generator().manual_seed(5)).goals
    assert goals.norm(dim=1).mean() * 100 == pytest.approx(38, abs=0.5)


@pytest.fixture(scope="module")
def curves(maml):
    starts = {
        "random": rl.PolicyMAML(rl.GaussianPolicy()),
        "joint": metalib.weights.load("navigation-joint"),
        "MAML": maml,
    }
    tasks, seed = rl.NavigationTasks(), metalib.weights.TEST_SEED
    return {
        name: rl.learning_curve(one, tasks, 200, torch.Generator().manual_seed(seed), steps=5)
        for name, one in starts.items()
    }


@pytest.mark.slow
def test_one_step_closes_most_of_the_gap_and_later_ones_little(curves):
    maml = [score.mean for score in curves["MAML"]]
    best = rl.NavigationTasks().sample(2000, torch.Generator().manual_seed(0)).best_returns().mean().item()
    assert 0.6 < (maml[1] - maml[0]) / (best - maml[0]) < 0.68
    assert max(maml[2:]) - min(maml[2:]) < 1.5 and max(maml[2:]) < -8, "flat, and far from the limit"
    random = [score.mean for score in curves["random"]]
    assert random[1] < random[0] - 10 and max(random) < -20


@pytest.mark.slow
def test_joint_training_is_nearly_as_good_after_one_step_and_better_after_more(curves):
    for steps, (low, high) in ((1, (-0.5, 3)), (2, (-5, -1)), (5, (-4, -1))):
        lead = metalib.Evaluation(curves["MAML"][steps].values - curves["joint"][steps].values, "return")
        assert low < lead.mean < high, steps
        assert steps == 1 or lead.mean + lead.half_width < 0


@pytest.mark.slow
def test_the_steps_are_too_long_and_nothing_else(maml):
    tasks, chance = rl.NavigationTasks().sample(30, torch.Generator().manual_seed(13)), torch.Generator()
    chance.manual_seed(14)

    def change(before, after):
        return torch.cat([(after[name] - before[name]).flatten(1) for name in before], dim=1)

    with torch.no_grad():
        path = maml.adapt_path(tasks, chance, steps=5)
        for weights, walked in path:
            twice = [maml.improve(weights, maml.act(weights, tasks, chance), 1.0) for _ in range(2)]
            assert torch.cosine_similarity(*(change(weights, one) for one in twice)).mean() > 0.85
            calm = play(weights, tasks, torch.zeros(30, 1, 100, 2)).returns
            assert 0 <= (calm - walked.returns).mean() < 1.2, "the noise of actions costs little"
        moves = [change(early[0], late[0]) for early, late in zip(path, path[1:], strict=False)]
        turns = [torch.cosine_similarity(*two).mean() for two in zip(moves, moves[1:], strict=False)]
        assert turns[-1] < -0.7 and turns[-2] < -0.7
        shorter = copy.copy(maml)
        shorter.later_alpha = maml.alpha / 8
        way = shorter.adapt_path(tasks, torch.Generator().manual_seed(15), steps=5)
        means = [stage.played.returns.mean() for stage in way]
        assert all(late > early for early, late in zip(means, means[1:], strict=False)), "it goes on rising"
        assert means[5] > path[5].played.returns.mean() + 3


# --- what the reader is told to try
@pytest.fixture(scope="module")
def lab():
    return NavigationLaboratory()


def test_what_to_try_in_the_laboratory_comes_true(lab):
    ends = []
    for goal in ((0.5, 0.5), (0.3, 0.3), (0.2, 0.2), (0.9, 0.9)):  # 1: the direction, and not the distance
        ends.append(lab.set(goal=goal).after[:, -1].mean(axis=0))
    assert max(abs(ends[0] - end).max() for end in ends) < 0.05
    lab.surface.key("Home")  # 2
    zigzag = lab.set(steps=5).returns
    assert zigzag[3] < zigzag[2] - 3 and zigzag[4] > zigzag[3] + 3 and zigzag[5] < zigzag[4] - 3
    slowly = lab.set(alpha=0.05).returns
    assert all(slowly[1:] > slowly[:-1]) and slowly[5] < -15
    lab.set(alpha=0.15, start="random", steps=1)  # 3
    worse = [lab.set(noise=noise) for noise in range(1, 7)]
    assert sum(result.returns[1] < result.returns[0] for result in worse) >= 4
    lab.set(noise=1, steps=3, start="joint")  # 4
    joint = lab.result.returns
    maml = lab.set(start="maml").returns
    assert abs(joint[1] - maml[1]) < 4 and joint[3] > maml[3] + 3
    lab.go(lab.state.__class__())


# --- the exercises
def test_the_exercises_of_navigation_are_what_metalib_does():
    rewards = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(solution("10/rewards-to-go")(rewards, 0.9), rewards_to_go(rewards, 0.9))
    theta = torch.randn(3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    way = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(2))
    chances = torch.nn.functional.logsigmoid(way @ theta)
    mine = solution("10/dice")(chances, rewards)
    theirs = rl.estimators.dice(chances, rewards_to_go(rewards)).mean()
    slopes = [grad(one, theta, create_graph=True)[0] for one in (mine, theirs)]
    torch.testing.assert_close(*slopes)
    second = [grad(slope.sum(), theta, retain_graph=True)[0] for slope in slopes]
    torch.testing.assert_close(*second)


RIGHT = {
    "10/rewards-to-go": [
        "torch.stack([(rewards[:, k:] * discount ** t[: len(t) - k]).sum(-1) for k in t], -1)",
        "(rewards * discount**t).flip(-1).cumsum(-1).flip(-1) / discount**t",
        "torch.einsum('nk,kt->nt', rewards, (discount ** (t[:, None] - t).clamp(min=0)).tril())",
    ],
    "10/dice": [
        "(torch.exp(log_pi.cumsum(-1) - log_pi.detach().cumsum(-1)) * rewards).sum(-1).mean(0)",
        "(torch.exp(log_pi - log_pi.detach()).cumprod(1) * rewards).sum() / len(rewards)",
    ],
}
HEADS = {
    "10/rewards-to-go": "def rewards_to_go(rewards, discount):\n"
    "    t = torch.arange(rewards.shape[1])\n    return ",
    "10/dice": "def surrogate(log_pi, rewards):\n    return ",
}


@pytest.mark.parametrize(
    "id, code", [(id, HEADS[id] + line) for id, lines in RIGHT.items() for line in lines]
)
def test_other_right_answers_pass(id, code):
    exercise = exercises.get(id)
    assert exercise.judge(exercise.build(code)).status == "passed"


ADAPT = """def adapt(theta, sample, objective, alpha, steps):
    for _step in range(steps):
        played = sample(theta)
        slope = torch.autograd.grad(objective(theta, played), theta, create_graph=True)[0]
        {step}
    return theta
"""


@pytest.mark.parametrize(
    "step, said",
    [
        ("theta = theta.add(slope, alpha=alpha)", None),
        ("theta = theta - (-alpha) * slope", None),
        ("theta = theta + alpha * slope.detach()", "first-order MAML"),
        ("theta = theta.detach() + alpha * slope", "θ itself was detached"),
        ("theta = (theta + alpha * slope).detach().requires_grad_()", "is wiped"),
        ("theta = theta + slope", "`alpha` is left out"),
    ],
)
def test_slips_of_the_inner_loop_are_told_apart(step, said):
    exercise = exercises.get("10/adapt")
    outcome = exercise.judge(exercise.build(ADAPT.format(step=step)))
    assert outcome.status == ("rejected" if said else "passed") and (not said or said in outcome.message)
