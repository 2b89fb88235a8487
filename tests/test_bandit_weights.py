"""The shipped RL²: it earns what it should, beside rules on the same bandits with the same luck."""

import pytest
import torch

from metalib import rl, weights

pytestmark = pytest.mark.slow


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def lead(rival, arms=5, pulls=100, games=4000):
    """How far RL² is ahead in the mean of pairs, and half its 95 % interval."""
    bandits = rl.BernoulliBandits(arms, pulls).sample(games, generator(123))
    agent = weights.load("bandit-rl2")
    values = (
        rl.play(agent, bandits, generator(1)).total.values
        - rl.play(rival, bandits, generator(2)).total.values
    )
    return values.mean().item(), 1.96 * values.std().item() / games**0.5


def test_it_earns_more_than_77_5_and_more_than_thompson_greedy_and_a_tuned_ucb1():
    assert weights.card("bandit-rl2")["results"][0]["mean"] > 77.5
    for rival in (rl.Thompson(), rl.Greedy(), rl.UCB1(0.1)):
        mean, half = lead(rival)
        assert mean - half > 0.3, rival


def test_it_is_within_a_point_of_the_gittins_index_and_not_above():
    mean, half = lead(rl.Gittins(100))
    assert -1 < mean < half


def test_fifty_arms_carry_over_and_five_times_the_pulls_do_not():
    assert lead(rl.Thompson(), arms=50, games=300)[0] > 10
    assert -4 < lead(rl.Gittins(100), arms=50, games=300)[0] < 1
    mean, half = lead(rl.UCB1(0.1), pulls=500, games=600)
    assert mean + half < 0


def test_ten_pulls_are_nearly_optimal_though_it_was_trained_on_a_hundred():
    optimum = rl.BayesOptimum(5, 10)
    mean, half = lead(rl.BayesPlayer(optimum), pulls=10, games=10_000)
    assert -0.12 < mean < half
