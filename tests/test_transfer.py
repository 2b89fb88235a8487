"""Fine-tuning a trained embedding: no step is ProtoNet, and every step is that of a plain loop."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metalib
from metalib.learners.base import batch_norms
from metalib.models import conv4

SEED = 3


def encoder():
    """A small network whose running statistics are not those of a fresh one."""
    network = conv4(4, norm="batch", generator=torch.Generator().manual_seed(1))
    x = metalib.data.glyphs("train").images[:40, 0].float() / 255
    for _pass in range(30):
        network(x)
    return network


def batch(tasks=3, ways=4, shots=3):
    episodes = metalib.Episodes(metalib.data.glyphs("test"), ways, shots, 2)
    return episodes.sample(tasks, torch.Generator().manual_seed(SEED))


def by_hand(network, task, alpha, steps, adapts, temperature):
    """Logits of one task: plain PyTorch, one optimiser, one loop."""
    support_x, support_y, query_x, _query_y = task
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        z = network(support_x)
        centres = torch.stack([z[support_y == c].mean(dim=0) for c in range(int(support_y.max()) + 1)])
    head = nn.Linear(*reversed(centres.shape))
    head.weight.data = 2 * centres / temperature
    head.bias.data = -centres.square().sum(dim=1) / temperature
    parameters = [*head.parameters(), *(network.parameters() if adapts == "all" else [])]
    optimiser = torch.optim.SGD(parameters, lr=alpha)
    for _step in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(head(network(support_x)), support_y).backward()
        optimiser.step()
    return head(network(query_x)).detach()


@pytest.mark.parametrize("adapts", ["head", "all"])
def test_every_step_is_that_of_a_plain_loop(adapts):
    network, tasks = encoder(), batch()
    learner = metalib.FineTuning(network, 0.05, 4, adapts=adapts, temperature=2)
    found = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    for task, logits in zip(zip(*tasks, strict=True), found, strict=True):
        expected = by_hand(network, task, 0.05, 4, adapts, 2)
        assert torch.allclose(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("adapts", ["head", "all"])
def test_without_a_step_it_is_protonet(adapts):
    network, tasks = encoder(), batch()
    learner = metalib.FineTuning(network, steps=0, adapts=adapts, temperature=3)
    protonet = metalib.ProtoNet(network, temperature=3).eval()
    found, expected = (
        one.predict(one.adapt(tasks.support_x, tasks.support_y), tasks.query_x) for one in (learner, protonet)
    )
    assert torch.allclose(found.softmax(dim=-1), expected.softmax(dim=-1), atol=1e-4)


def test_the_number_of_ways_is_the_tasks_own():
    learner = metalib.FineTuning(encoder(), 0.01, 2, adapts="all")
    for ways in (2, 7):
        tasks = batch(2, ways)
        assert learner.predict(learner.adapt(*list(tasks)[:2]), tasks.query_x).shape == (2, 2 * ways, ways)


def test_embeddings_that_are_there_already_serve_as_well():
    network = encoder().eval()
    episodes = metalib.Episodes(metalib.data.glyphs("test").subset(range(30)), 4, 3, 2)
    slow = metalib.evaluate(metalib.FineTuning(network, 0.05, 5), episodes, 20, seeded())
    fast = metalib.FineTuning(nn.Identity(), 0.05, 5)
    assert torch.equal(slow.values, metalib.evaluate(fast, episodes.mapped(network), 20, seeded()).values)


def test_it_changes_nobodys_network_and_stays_in_evaluation_mode():
    network = encoder()
    network.requires_grad_(True).train()
    before = copy.deepcopy(network.state_dict())
    learner = metalib.FineTuning(network, 0.05, 3, adapts="all").train()
    tasks = batch()
    learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training and all(norm.track_running_stats for norm in batch_norms(network))
    assert all(p.requires_grad for p in network.parameters())
    assert not learner.is_transductive and not any(p.requires_grad for p in learner.parameters())
    alone = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x[:, :1])
    both = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    assert torch.allclose(alone, both[:, :1], atol=1e-4), "a query is judged by itself"


def test_one_example_a_class_leaves_nothing_to_learn_at_temperature_one():
    """A support example that is its prototype is classified with certainty; a higher temperature asks for
    more."""
    network = metalib.weights.load("glyphs-protonet").encoder
    tasks = metalib.Episodes(metalib.data.glyphs("test"), 5, 1, 5).sample(3, seeded())
    moved = []
    for temperature in (1, 100):
        learner = metalib.FineTuning(network, 0.1, 1, temperature=temperature)
        first, last = learner.adapt_path(tasks.support_x, tasks.support_y)
        moved.append((last["2.weight"] - first["2.weight"]).norm() / first["2.weight"].norm())
    assert moved[0] < 0.001 < moved[1]


def test_other_parts_are_refused():
    with pytest.raises(ValueError, match="adapts must be one of head, all, not 'tail'"):
        metalib.FineTuning(encoder(), adapts="tail")


def seeded():
    return torch.Generator().manual_seed(SEED)
