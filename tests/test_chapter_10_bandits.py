"""The bandits of chapter 10: what its cells define is metalib's, and what its prose says holds."""

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib import look, rl


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines."""
    return definitions(
        "10_reinforcement_learning", torch=torch, F=F, nn=nn, metalib=metalib, rl=rl, look=look, cache=cache
    )


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def lead(player, other, arms=5, pulls=100, games=2000, seed=50):
    """The mean of paired differences, and half its 95 % interval; other bandits than the chapter's."""
    bandits = rl.BernoulliBandits(arms, pulls).sample(games, seeded(seed))
    first, second = (rl.play(one, bandits, seeded(1)).total.values for one in (player, other))
    return (first - second).mean().item(), 1.96 * (first - second).std().item() / games**0.5


@pytest.fixture(scope="module")
def rl2():
    return metalib.weights.load("bandit-rl2")


def test_the_chapters_network_is_metalibs(chapter):
    mine, theirs = chapter["ArmPolicy"](8), rl.RecurrentPolicy(8, generator=seeded(0))
    state = {name.replace("_l0", ""): value for name, value in theirs.state_dict().items()}
    mine.load_state_dict(
        {name: value for name, value in state.items() if not name.startswith(("each", "value"))}
    )
    with torch.no_grad():
        mine.logit.weight.normal_(generator=seeded(1))
        theirs.logit.weight.copy_(mine.logit.weight)
        seen, memory = torch.rand(6, 4, 5, 3), torch.zeros(4, 5, 8)
        logits, _states = theirs(seen)
        for pull in range(6):
            found, memory = mine(seen[pull], memory)
            torch.testing.assert_close(found, logits[pull])


def test_the_chapters_games_are_those_of_rl_play(chapter):
    """The same bandits and the same arms: the rewards, chances and log-probabilities of a loop."""
    torch.manual_seed(0)
    policy, bandits = chapter["ArmPolicy"](), rl.BernoulliBandits(4, 6).sample(30, seeded(2))
    with torch.no_grad():
        log_p, chances, rewards = chapter["play_games"](policy, bandits, seeded(3))
    assert log_p.shape == chances.shape == rewards.shape == (30, 6) and (log_p < 0).all()
    for game in range(30):
        arms = [int((bandits.chances[game] == chance).nonzero()[0]) for chance in chances[game]]
        count = [0] * 4
        for pull, arm in enumerate(arms):
            assert rewards[game, pull] == bandits.rewards[game, arm, count[arm]]
            count[arm] += 1


@pytest.mark.parametrize(("arms", "pulls"), [(2, 5), (3, 4), (5, 10)])
def test_the_chapters_recursion_is_the_table(chapter, arms, pulls):
    assert chapter["value"](((0, 0),) * arms, pulls) == pytest.approx(rl.BayesOptimum(arms, pulls).value)


def test_the_exercise_about_a_look_is_the_table_with_two_pulls_to_go():
    s, f = torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    table = rl.BayesOptimum(3, 5).worth(s, f)[0]
    torch.testing.assert_close(solution("10/worth-of-a-look")(s[0], f[0]), table.float())


def test_the_exercise_about_ucb1_is_the_players_index():
    player = rl.UCB1(0.7)
    player.start(6, 3, 20)
    for pull in range(9):
        player.observe(torch.full((6,), pull % 3), torch.rand(6, generator=seeded(pull)).round())
    found = solution("10/ucb-index")(player.successes, player.tried, 0.7)
    torch.testing.assert_close(found, player.scores(seeded(0)))


def test_greedy_seldom_finds_the_best_arm_of_the_first_cell(chapter):
    chances = torch.tensor([0.7, 0.2, 0.9, 0.5, 0.3])
    games = [chapter["one_game"](chapter["best_so_far"], chances, 100, seeded(100 + k)) for k in range(60)]
    assert 0 < sum(bool(pulled[2] > 50) for _paid, pulled in games) < 30


def test_the_textbooks_ucb1_is_last_and_with_less_optimism_first_of_the_three():
    for other in (rl.Greedy(), rl.Thompson()):
        mean, half = lead(rl.UCB1(2), other)
        assert mean + half < -5
        mean, half = lead(rl.UCB1(0.1), other)
        assert mean - half > 0.5
    mean, half = lead(rl.Thompson(), rl.Greedy())
    assert -2 < mean < 0.2, "a little behind greedy"


def test_ten_pulls_do_not_tell_greedy_from_the_optimum():
    optimum = rl.BayesPlayer(rl.BayesOptimum(5, 10))
    assert -0.1 < lead(rl.Greedy(), optimum, pulls=10, games=20_000)[0] < 0.01
    assert lead(rl.Thompson(), optimum, pulls=10, games=20_000)[0] < -0.6


def test_rl2_is_above_the_rules_and_a_little_below_gittins(rl2):
    for other, least in ((rl.Thompson(), 2.3), (rl.Greedy(), 1.8), (rl.UCB1(0.1), 0.4)):
        mean, half = lead(rl2, other)
        assert mean > least and mean - half > 0, other
    assert -1 < lead(rl2, rl.Gittins(100))[0] < 0.1


def test_greedy_flattens_out_and_thompson_comes_late(rl2):
    bandits = rl.BernoulliBandits().sample(2000, seeded(51))
    rules = {"rl2": rl2, "greedy": rl.Greedy(), "thompson": rl.Thompson()}
    share = {name: rl.play(player, bandits, seeded(1)).share_of_best for name, player in rules.items()}
    assert share["rl2"][19] > share["thompson"][19] + 0.05 and share["greedy"][99] < 0.65
    assert share["thompson"][80:].mean() > share["greedy"][80:].mean() + 0.1
    assert share["thompson"][99] > share["rl2"][99] - 0.02


@pytest.mark.slow
def test_fifty_arms_carry_over_and_five_hundred_pulls_do_not(rl2):
    for other in (rl.Greedy(), rl.Thompson(), rl.UCB1(0.1)):
        mean, half = lead(rl2, other, arms=50, games=400)
        assert mean - half > 1, other
    assert -3.5 < lead(rl2, rl.Gittins(100), arms=50, games=400)[0] < 0.5
    mean, half = lead(rl2, rl.UCB1(0.1), pulls=500, games=1000)
    assert mean + half < 0 and lead(rl2, rl.UCB1(0.1))[0] > 0


def test_mamls_gradient_is_not_what_costs_it(chapter):
    arms, player = torch.rand(10_000, 5, generator=seeded(52)), chapter["gradient_player"]
    step = max(player(20, alpha, 1, arms, seeded(1)) for alpha in (100, 300))
    commit = chapter["commit_player"](20, arms, seeded(2))
    five = max(player(10, alpha, 5, arms, seeded(3)) for alpha in (10, 30))
    assert -0.3 < commit - step < 1.5 and 69 < step < 72
    assert five > step + 2 and five < 76


def test_the_gradient_players_step_is_autograds(chapter):
    """Its score e_a − π is the gradient of log π with respect to the logits."""
    logits = torch.randn(5, generator=seeded(4), requires_grad=True)
    (slope,) = torch.autograd.grad(logits.log_softmax(dim=0)[2], logits)
    torch.testing.assert_close(slope, F.one_hot(torch.tensor(2), 5) - logits.detach().softmax(dim=0))


@pytest.mark.slow
def test_a_network_trained_as_the_chapter_does_comes_near_the_optimum(chapter):
    """The cell's own training with another seed: nearer to the optimum than greedy is."""
    torch.manual_seed(5)
    policy, chance = chapter["ArmPolicy"](), seeded(6)
    optimiser = torch.optim.Adam(policy.parameters())
    for iteration in range(400):
        optimiser.param_groups[0]["lr"] = 0.01 * (1 - iteration / 400)
        fresh = torch.rand(32, 3, generator=chance).repeat_interleave(8, dim=0)
        log_p, gained, _seen = chapter["play_games"](policy, rl.bandits_of(fresh, 25, chance), chance)
        to_come = gained.flip(1).cumsum(dim=1).flip(1)
        usual = to_come.view(32, 8, 25).mean(dim=1).repeat_interleave(8, dim=0)
        optimiser.zero_grad()
        (-(log_p * (to_come - usual)).sum(dim=1).mean()).backward()
        optimiser.step()
    bandits = rl.BernoulliBandits(3, 25).sample(20_000, seeded(7))
    with torch.no_grad():
        earned = chapter["play_games"](policy, bandits, seeded(1))[2].sum(dim=1).double()
    best, greedy = (
        rl.play(player, bandits, seeded(1)).total.values
        for player in (rl.BayesPlayer(rl.BayesOptimum(3, 25)), rl.Greedy())
    )
    assert -0.03 < (best - earned).mean() < 0.12
    assert (earned - greedy).mean() > 0.05
