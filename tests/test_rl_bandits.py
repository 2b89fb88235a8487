"""Bandits: the environment, the players that people have thought out, and the exact optimum above them."""

from itertools import product
from math import comb, factorial, log, sqrt

import pytest
import torch

from metalib.rl.bandits import Bandits, BernoulliBandits, play
from metalib.rl.gittins import Gittins
from metalib.rl.optimum import BayesOptimum, BayesPlayer, counts_of, states_of
from metalib.rl.players import UCB1, Greedy, RandomPlayer, Thompson, one_of_the_largest


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Scripted:
    """Pulls the arms that it was given, in their order."""

    def __init__(self, arms):
        self.arms, self.got = list(arms), []

    def start(self, n, arms, pulls):
        self.n, self.pull = n, 0

    def choose(self, generator):
        self.pull += 1
        return torch.full((self.n,), self.arms[self.pull - 1])

    def observe(self, chosen, rewards):
        self.got.append(rewards)


def test_an_arms_kth_pull_pays_the_same_whoever_pulls_it_and_when():
    bandits = BernoulliBandits(3, 6).sample(50, generator())
    for script in ([0, 1, 2, 0, 1, 2], [2, 2, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]):
        player = Scripted(script)
        played = play(player, bandits, generator(1))
        count = [0, 0, 0]
        for pull, arm in enumerate(script):
            assert (played.rewards[:, pull] == bandits.rewards[:, arm, count[arm]]).all()
            assert (player.got[pull] == played.rewards[:, pull]).all()
            count[arm] += 1
        best = bandits.chances.max(dim=1).values
        torch.testing.assert_close(played.regret[:, 1], best - bandits.chances[:, script[1]])


def test_an_arm_pays_as_often_as_its_chance_says():
    bandits = BernoulliBandits(2, 400).sample(300, generator())
    away = (bandits.rewards.mean(dim=2) - bandits.chances) / (
        bandits.chances * (1 - bandits.chances) / 400
    ).sqrt()
    assert abs(away.mean()) < 0.15 and 0.9 < away.std() < 1.1
    assert abs(bandits.chances.mean() - 0.5) < 0.05 and bandits.chances.std() == pytest.approx(
        12**-0.5, abs=0.03
    )


@pytest.mark.parametrize("arms", [2, 5])
def test_the_random_and_the_all_knowing_player_earn_what_the_formulas_say(arms):
    bandits = BernoulliBandits(arms, 30).sample(4000, generator())
    score = play(RandomPlayer(), bandits, generator(1)).total
    assert abs(score.mean - 15) < 2 * score.half_width
    # The largest of k uniform numbers is k / (k + 1) on average.
    assert bandits.chances.max(dim=1).values.mean() == pytest.approx(arms / (arms + 1), abs=0.01)


def test_ucb1_is_its_formula_and_tries_each_arm_first():
    bandits = BernoulliBandits(4, 12).sample(20, generator())
    player = UCB1(c=0.7)
    played = play(player, bandits, generator(2))
    assert (played.chosen[:, :4].sort(dim=1).values == torch.arange(4)).all()
    for game in range(20):
        for pull in range(4, 12):
            index = []
            for arm in range(4):
                mine = played.chosen[game, :pull] == arm
                mean, n = played.rewards[game, :pull][mine].mean().item(), int(mine.sum())
                index.append(mean + sqrt(0.7 * log(pull) / n))
            assert index[played.chosen[game, pull]] == pytest.approx(max(index), abs=1e-5)


def test_thompson_takes_an_arm_as_often_as_it_may_be_the_best():
    player, n = Thompson(), 20_000
    player.start(n, 2, 5)
    player.observe(torch.zeros(n, dtype=torch.long), torch.ones(n))
    # Beta(2, 1) against Beta(1, 1): P(X > Y) = E[X] = 2/3.
    share = (player.choose(generator()) == 0).double().mean()
    assert abs(share - 2 / 3) < 0.015


def test_greedy_believes_its_counts_and_epsilon_leads_it_astray():
    for epsilon, share in ((0.0, 1.0), (0.4, 0.6 + 0.4 / 4)):
        player, n = Greedy(epsilon), 20_000
        player.start(n, 4, 5)
        player.observe(torch.full((n,), 2), torch.ones(n))
        assert abs((player.choose(generator()) == 2).double().mean() - share) < 0.015
    assert player.means[0].tolist() == pytest.approx([0.5, 0.5, 2 / 3, 0.5])


def test_ties_are_drawn():
    scores = torch.tensor([[1.0, 3.0, 3.0]]).repeat(3000, 1)
    found = one_of_the_largest(scores, generator()).bincount(minlength=3)
    assert found[0] == 0 and abs(found[1] - found[2]) < 250


def test_184756_states_counted_in_three_ways():
    assert states_of(5, 10) == comb(20, 10) == 184_756
    assert sum(len(counts_of(10, done)) for done in range(11)) == 184_756
    assert states_of(2, 3) == len([c for c in product(range(4), repeat=4) if sum(c) <= 3])


def chance_of(history, arms):
    """The probability that these pulls pay this, chances uniform: s! f! / (s + f + 1)! an arm."""
    total = 1.0
    for arm in range(arms):
        paid = [reward for which, reward in history if which == arm]
        s, f = sum(paid), len(paid) - sum(paid)
        total *= factorial(s) * factorial(f) / factorial(s + f + 1)
    return total


def policies(arms, pulls):
    """Every way to play, as trees: an arm, and a tree for each of the two things that it may pay."""
    if pulls == 0:
        yield None
        return
    after = list(policies(arms, pulls - 1))
    yield from product(range(arms), after, after)


def earned(policy, arms, history=()):
    """What a tree earns on average, summed over all that may happen."""
    if policy is None:
        return chance_of(history, arms) * sum(reward for _arm, reward in history)
    arm, lost, won = policy
    return earned(lost, arms, (*history, (arm, 0))) + earned(won, arms, (*history, (arm, 1)))


@pytest.mark.parametrize(("arms", "pulls"), [(2, 1), (2, 2), (2, 3), (3, 2)])
def test_the_optimum_is_the_best_of_all_policies(arms, pulls):
    best = max(earned(policy, arms) for policy in policies(arms, pulls))
    assert BayesOptimum(arms, pulls).value == pytest.approx(best, abs=1e-12)


def test_two_arms_and_two_pulls_by_hand():
    # Any arm first: 1/2. It paid: stay, 2/3. It did not: the other one, 1/2.
    assert BayesOptimum(2, 2).value == pytest.approx(0.5 + 0.5 * 2 / 3 + 0.5 * 0.5)


@pytest.fixture(scope="module")
def optimum():
    return BayesOptimum(5, 10)


@pytest.fixture(scope="module")
def bandits():
    return BernoulliBandits(5, 10).sample(20_000, generator(7))


def test_the_bayes_players_mean_is_its_value(optimum, bandits):
    assert optimum.value == pytest.approx(6.65999, abs=1e-5)
    score = play(BayesPlayer(optimum), bandits, generator()).total
    assert abs(score.mean - optimum.value) < score.half_width


@pytest.mark.parametrize(
    "player", [RandomPlayer(), Greedy(), Greedy(0.1), UCB1(), UCB1(0.1), Thompson(), Gittins(10)]
)
def test_no_players_mean_is_above_the_optimum(player, optimum, bandits):
    score = play(player, bandits, generator()).total
    assert score.mean < optimum.value + score.half_width
    paired = score.values - play(BayesPlayer(optimum), bandits, generator()).total.values
    assert paired.mean() < 1.96 * paired.std() / len(paired) ** 0.5


def test_the_gittins_index_of_short_games_by_hand():
    table = Gittins(4).table
    assert table[1, 3, 0] == pytest.approx(4 / 5, abs=1e-3)  # the last pull: the mean
    assert table[2, 0, 0] == pytest.approx(5 / 9, abs=1e-3)  # 1/2 + 1/2 · 2/3 + 1/2 · λ = 2 λ
    assert (table[1:4, 1, 0].diff() > 0).all()  # what may be learned counts more in a longer game


def test_the_gittins_player_is_nearly_optimal(optimum, bandits):
    one = play(Gittins(10), bandits, generator()).total.values
    two = play(BayesPlayer(optimum), bandits, generator()).total.values
    assert abs((one - two).mean()) < 0.02
    long = BernoulliBandits(5, 100).sample(1000, generator(3))
    ahead = [play(p, long, generator()).total.values for p in (Gittins(100), UCB1(0.1), Thompson(), Greedy())]
    assert all((ahead[0] - other).mean() > 0.3 for other in ahead[1:])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BernoulliBandits(0, 5), "arms must be at least 1, not 0"),
        (lambda: Bandits(torch.rand(3, 2), torch.rand(3, 4, 5)), r"not \(3, 2\) and \(3, 4, 5\)"),
        (lambda: Greedy(2.0), "epsilon must lie between 0 and 1; 2.0 does not"),
        (lambda: UCB1(-1.0), "c must be a finite number of at least 0, not -1.0"),
        (lambda: BayesOptimum(5, 20), "5 arms and 20 pulls have 30,045,015 states"),
        (
            lambda: play(Scripted([3]), BernoulliBandits(2, 1).sample(4, generator()), generator()),
            "from 0 to 1",
        ),
        (lambda: BayesPlayer(BayesOptimum(2, 3)).start(5, 2, 4), "knows 2 arms and 3 pulls only"),
        (lambda: Gittins(5).start(2, 3, 6), "knows games of at most 5 pulls"),
    ],
)
def test_mistakes_are_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()
