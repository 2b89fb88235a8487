"""RL²: the network, what trains it, and the exact gradient of a tiny game beside its estimate."""

from itertools import product

import pytest
import torch

from metalib.rl.bandits import BernoulliBandits, bandits_of, play
from metalib.rl.rl2 import RL2, RecurrentPolicy, drawn, generalised_advantages, history_of
from metalib.training import Training, fit


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unlike(hidden=8, seed=0):
    """A policy whose arms are not all as likely."""
    policy = RecurrentPolicy(hidden, generator=generator(seed))
    with torch.no_grad():
        policy.logit.weight.normal_(0, 2, generator=generator(seed + 1))
    return policy


def test_it_is_made_by_its_generator_and_begins_without_a_preference():
    torch.manual_seed(1)
    one = RecurrentPolicy(6, generator=generator(3)).state_dict()
    torch.manual_seed(2)
    two = RecurrentPolicy(6, generator=generator(3)).state_dict()
    assert all((one[name] == two[name]).all() for name in one)
    logits, _states = RecurrentPolicy(6)(torch.rand(4, 3, 5, 3))
    assert (logits == 0).all() and logits.shape == (4, 3, 5)


def test_playing_pull_by_pull_is_reading_the_whole_game():
    agent, logits = RL2(unlike()), []
    ask = agent.logits
    agent.logits = lambda: logits.append(ask()) or logits[-1]
    played = play(agent, BernoulliBandits(4, 7).sample(6, generator()), generator(1))
    with torch.no_grad():
        whole, _states = agent.policy(history_of(played))
    torch.testing.assert_close(torch.stack(logits), whole)


def test_arms_have_no_names():
    policy, seen, order = unlike(), torch.rand(5, 3, 4, 3), torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        logits, _states = policy(seen)
        renamed, _states = policy(seen[:, :, order])
    torch.testing.assert_close(renamed, logits[:, :, order])


def test_it_sees_nothing_but_what_it_did_and_got():
    bandits = BernoulliBandits(3, 5).sample(40, generator())
    other = bandits_of(torch.rand(40, 3), 5, generator(9))
    agent = RL2(unlike())
    one = play(agent, bandits, generator(1))
    hidden = type(bandits)(other.chances, bandits.rewards)  # the same coins, other chances
    two = play(agent, hidden, generator(1))
    assert (one.chosen == two.chosen).all()


def test_drawn_follows_the_softmax():
    logits = torch.tensor([[0.0, 1.0, -1.0]]).repeat(30_000, 1)
    share = drawn(logits, generator()).bincount(minlength=3) / 30_000
    assert (share - logits[0].softmax(dim=0)).abs().max() < 0.01


def test_advantages_are_their_sum():
    rewards, values, gamma, lam = torch.rand(6, 2), torch.rand(6, 2), 0.9, 0.7
    found = generalised_advantages(rewards, values, gamma, lam)
    after = torch.cat([values[1:], torch.zeros(1, 2)])
    delta = rewards + gamma * after - values
    for t in range(6):
        expected = sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, 6))
        torch.testing.assert_close(found[t], expected)


def exact_value(policy, chances, pulls):
    """The expected total reward on one bandit (K,): summed over all ways the game may go, with a graph."""
    arms, total = len(chances), 0.0
    for chosen in product(range(arms), repeat=pulls):
        for rewards in product((0.0, 1.0), repeat=pulls):
            seen = torch.zeros(pulls, 1, arms, 3)
            seen[:, 0, :, 2] = (torch.arange(pulls) / pulls)[:, None]
            for pull in range(pulls - 1):
                seen[pull + 1, 0, chosen[pull], :2] = torch.tensor([1.0, rewards[pull]])
            p = policy(seen)[0].softmax(dim=-1)[:, 0]
            way = torch.ones(())
            for pull in range(pulls):
                chance = chances[chosen[pull]]
                way = way * p[pull, chosen[pull]] * (chance if rewards[pull] else 1 - chance)
            total = total + way * sum(rewards)
    return total


def test_the_actors_gradient_points_where_the_exact_one_does():
    chances, policy = torch.tensor([0.8, 0.3]), unlike(5, seed=4)
    value = exact_value(policy, chances, 3)
    actor = [p for name, p in policy.named_parameters() if not name.startswith(("each", "value"))]
    exact = torch.cat([g.flatten() for g in torch.autograd.grad(value, actor)])
    agent = RL2(policy, gamma=1.0, lam=1.0, entropy=0.0)
    bandits = bandits_of(chances.expand(30_000, 2), 3, generator())
    played = play(agent, bandits, generator(1))
    assert played.total.mean == pytest.approx(value.item(), abs=2 * played.total.half_width)
    agent.surrogate(played).backward()
    found = torch.cat([-p.grad.flatten() for p in actor])  # a loss goes down
    assert torch.cosine_similarity(exact, found, dim=0) > 0.99


def test_the_loss_is_minus_the_mean_return_and_trains_actor_and_critic():
    agent = RL2(RecurrentPolicy(6, generator=generator()))
    torch.manual_seed(0)
    loss = agent.loss(BernoulliBandits(3, 10).sample(50, generator()))
    torch.manual_seed(0)
    returns = agent.returns(BernoulliBandits(3, 10).sample(50, generator()), torch.default_generator)
    assert loss.item() == pytest.approx(-returns.mean().item())
    loss.backward()
    assert agent.policy.logit.weight.grad.abs().sum() > 0 and agent.policy.value.weight.grad.abs().sum() > 0


@pytest.mark.slow
def test_it_learns_to_stay_with_the_arm_that_pays():
    agent = RL2(RecurrentPolicy(8, generator=generator()))
    history = fit(agent, BernoulliBandits(2, 8), 120, generator(1), meta_batch=100, lr=1e-2, progress=False)
    late = -sum(history.loss[-20:]) / 20
    assert late > 4.6  # random: 4.00; greedy: 4.8


def test_a_training_can_be_gone_on_from(tmp_path):
    def training():
        agent = RL2(RecurrentPolicy(4, generator=generator()))
        return Training(agent, BernoulliBandits(2, 3), generator(1), meta_batch=5)

    whole, first, second = training(), training(), training()
    for _step in range(4):
        whole.step()
    for _step in range(2):
        first.step()
    first.save(tmp_path / "half")
    second.load(tmp_path / "half")
    for _step in range(2):
        second.step()
    assert whole.history.loss == second.history.loss
