"""Policy gradients and meta-gradients against exact ones: a small MDP whose trajectories are all counted.

Two states, two actions, two or three steps: 16 or 64 trajectories from a known start. Whatever is an
expectation is a sum here, so an estimator is right when its sum equals the derivative of the exact value.
"""

import itertools
from types import SimpleNamespace

import pytest
import torch

from metalib.rl.estimators import (
    ESTIMATORS,
    advantages,
    baseline,
    dice,
    features,
    local,
    magic_box,
    plain,
    rewards_to_go,
)


def mdp(horizon, seed=0):
    """Every (states, actions) of that length from state 0, with its chance given the actions, and rewards."""
    generator = torch.Generator().manual_seed(seed)
    transition = torch.rand(2, 2, 2, generator=generator, dtype=torch.float64)  # s, a, s'
    transition = transition / transition.sum(-1, keepdim=True)
    gain = torch.randn(2, 2, generator=generator, dtype=torch.float64)  # s, a
    later = [(0, *rest) for rest in itertools.product((0, 1), repeat=horizon - 1)]
    pairs = list(itertools.product(later, itertools.product((0, 1), repeat=horizon)))
    states, actions = (torch.tensor(one) for one in zip(*pairs, strict=True))  # (M, H)
    chance = transition[states[:, :-1], actions[:, :-1], states[:, 1:]].prod(dim=1)  # (M,)
    return SimpleNamespace(states=states, actions=actions, chance=chance, rewards=gain[states, actions])


def start(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 2, generator=generator, dtype=torch.float64).requires_grad_()  # logits (s, a)


def log_pi(world, theta):
    """log π(a|s) of every action of every trajectory, (M, H)."""
    return theta.log_softmax(dim=-1)[world.states, world.actions]


def value(world, theta):
    """The exact expected return: a sum over all trajectories."""
    return (world.chance * log_pi(world, theta).sum(1).exp() * world.rewards.sum(1)).sum()


def probabilities(world, theta):
    return (world.chance * log_pi(world, theta).sum(1).exp()).detach()


def expected(world, theta, surrogate, gains=None):
    """The surrogate's mean over all trajectories, whose chances are numbers without a gradient."""
    gains = rewards_to_go(world.rewards) if gains is None else gains
    return (probabilities(world, theta) * surrogate(log_pi(world, theta), gains)).sum()


def gradient(y, x, **options):
    return torch.autograd.grad(y, x, **options)[0]


def hessian(y, x):
    slope = gradient(y, x, create_graph=True)
    return torch.stack([gradient(one, x, retain_graph=True) for one in slope.flatten()])


@pytest.mark.parametrize("horizon", [1, 2, 3])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_surrogate_has_the_exact_policy_gradient(name, horizon):
    world, theta = mdp(horizon), start()
    assert world.chance.sum() == pytest.approx(2**horizon), "they are all there"
    exact = gradient(value(world, theta), theta)
    found = gradient(expected(world, theta, ESTIMATORS[name]), theta)
    torch.testing.assert_close(found, exact)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_baseline_of_state_and_time_changes_no_expectation(name):
    world, theta = mdp(3), start()
    guess = torch.randn(3, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    gains = rewards_to_go(world.rewards) - guess[torch.arange(3), world.states]
    exact = value(world, theta)
    found = expected(world, theta, ESTIMATORS[name], gains)
    torch.testing.assert_close(gradient(found, theta, retain_graph=True), gradient(exact, theta))
    if name == "dice":
        torch.testing.assert_close(hessian(found, theta), hessian(value(world, theta), theta))


def test_only_dice_has_the_exact_second_derivative():
    for seed in range(5):
        world, theta = mdp(3, seed), start(seed)
        exact = hessian(value(world, theta), theta)
        off = {
            name: (hessian(expected(world, theta, one), theta) - exact).norm() / exact.norm()
            for name, one in ESTIMATORS.items()
        }
        assert off["dice"] < 1e-6 and off["plain"] > 0.3 and off["local"] > 0.01
    one_step, theta = mdp(1), start()
    exact = hessian(value(one_step, theta), theta)
    torch.testing.assert_close(hessian(expected(one_step, theta, local), theta), exact)
    assert (hessian(expected(one_step, theta, plain), theta) - exact).norm() > 0.1 * exact.norm()


@pytest.mark.parametrize("steps", [1, 2])
def test_the_meta_gradient_is_exact_with_dice_and_wrong_without(steps):
    world, theta, alpha = mdp(2), start(), 0.7

    def adapted(objective):
        now = theta
        for _step in range(steps):
            now = now + alpha * gradient(objective(now), now, create_graph=True)
        return now

    exact = gradient(value(world, adapted(lambda now: value(world, now))), theta)
    for name, right in (("dice", True), ("plain", False)):
        after = adapted(lambda now, name=name: expected(world, now, ESTIMATORS[name]))
        found = gradient(expected(world, after, plain), theta)
        assert torch.allclose(found, exact) == right
    torch.testing.assert_close(after.detach(), adapted(lambda now: value(world, now)).detach())


@pytest.mark.parametrize("n", [1, 2])
def test_with_few_trajectories_the_gradient_needs_the_score_of_the_inner_sample(n):
    """The objective of what is really run: an inner step from n trajectories, E over *them* of J(θ′). Its
    exact gradient is a sum over all n-tuples. Differentiating through θ′ alone is not enough; with the
    score of the inner trajectories times the outer return (Al-Shedivat et al. 2018; Stadie et al. 2018) it
    is exact."""
    world, theta, alpha = mdp(2), start(), 0.7
    to_go = rewards_to_go(world.rewards)
    total, through, with_score = 0.0, 0.0, 0.0
    for chosen in itertools.product(range(len(world.states)), repeat=n):
        rows = torch.tensor(chosen)
        scores = log_pi(world, theta)[rows]
        chance = world.chance[rows].prod() * scores.sum().exp()
        after = theta + alpha * gradient(plain(scores, to_go[rows]).mean(), theta, create_graph=True)
        total = total + chance * value(world, after)
        outer = expected(world, after, plain)  # of the outer trajectories: their policy gradient at θ′
        through = through + chance.detach() * outer
        with_score = with_score + chance.detach() * (outer + scores.sum() * value(world, after).detach())
    exact = gradient(total, theta, retain_graph=True)
    torch.testing.assert_close(gradient(with_score, theta, retain_graph=True), exact)
    assert (gradient(through, theta) - exact).norm() > 0.1 * exact.norm()


def test_the_bias_of_dice_goes_as_trajectories_come():
    """DiCE differentiates as though the inner gradient were the expected one: with n trajectories this is
    not quite what is run. Measured: with twice as many, about half is left."""
    world, theta, alpha = mdp(2), start(), 0.7
    exact = gradient(
        value(world, theta + alpha * gradient(value(world, theta), theta, create_graph=True)), theta
    )
    chances, to_go, off = probabilities(world, theta), rewards_to_go(world.rewards), []
    for n in (1, 2):
        mean = 0.0
        for chosen in itertools.product(range(len(world.states)), repeat=n):
            rows = torch.tensor(chosen)
            scores = log_pi(world, theta)[rows]
            after = theta + alpha * gradient(dice(scores, to_go[rows]).mean(), theta, create_graph=True)
            found = gradient(expected(world, after, plain), theta)
            mean = mean + chances[rows].prod() * found
        off.append(((mean - exact).norm() / exact.norm()).item())
    assert off[1] < 0.75 * off[0]


# --- the pieces
def test_rewards_to_go_by_a_loop():
    rewards = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
    found = rewards_to_go(rewards, 0.9)
    for t in range(5):
        by_hand = sum(0.9 ** (later - t) * rewards[..., later] for later in range(t, 5))
        torch.testing.assert_close(found[..., t], by_hand)


def test_the_magic_box_is_one_and_derives_like_a_likelihood():
    x = torch.tensor(0.3, requires_grad=True)
    box = magic_box(2 * x)
    slope = gradient(box, x, create_graph=True)
    assert (box.item(), slope.item(), gradient(slope, x).item()) == (1, 2, 4)


def test_the_baseline_is_fitted_for_each_task_by_itself():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(3, 6, 10, 2, generator=generator)
    slopes = torch.randn(3, 8, generator=generator)
    targets = torch.einsum("tnhf,tf->tnh", features(states), slopes)
    torch.testing.assert_close(baseline(states, targets, ridge=0), targets, atol=1e-4, rtol=1e-4)
    alone = baseline(states[1:2], targets[1:2] + 1.0)
    both = baseline(states, targets + 1.0)[1:2]
    torch.testing.assert_close(alone, both)
    noisy = targets + torch.randn(targets.shape, generator=generator)
    x, y = features(states)[0].flatten(0, 1).double(), noisy[0].flatten().double()
    by_lstsq = (x @ torch.linalg.lstsq(x, y.unsqueeze(1)).solution).float()
    found = baseline(states, noisy, ridge=1e-12)[0].flatten()
    torch.testing.assert_close(found, by_lstsq[:, 0], atol=1e-4, rtol=1e-4)


def test_advantages_are_standardised_for_each_task():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(2, 5, 12, 2, generator=generator)
    rewards = torch.randn(2, 5, 12, generator=generator) * torch.tensor([1.0, 100.0])[:, None, None]
    found = advantages(states, rewards)
    torch.testing.assert_close(found.mean((1, 2)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.square().mean((1, 2)), torch.ones(2))
