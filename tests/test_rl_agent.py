"""Agents: training and evaluation drive them as they drive learners."""

import pytest
import torch
from torch import nn

import metalib
from metalib import rl


class Bets(rl.Agent):
    """Bets a fraction θ of 1: wins or loses (1 − 2 θ)², and needs noise for nothing but the test."""

    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(()))

    def loss(self, tasks):
        return ((self.theta - tasks) ** 2 + 0 * torch.rand(len(tasks))).mean()

    def returns(self, tasks, generator, scale=1.0):
        noise = torch.randn(len(tasks), generator=generator)
        return -scale * (self.theta - tasks) ** 2 + noise


class Numbers:
    def sample(self, n_tasks, generator):
        return torch.rand(n_tasks, generator=generator)


def test_an_agent_is_trained_by_fit():
    agent = Bets()
    history = metalib.fit(agent, Numbers(), 200, torch.Generator().manual_seed(0), lr=0.05, progress=False)
    assert agent.theta.item() == pytest.approx(0.5, abs=0.1) and len(history.loss) == 200


def test_one_seed_means_one_course_of_events_whatever_else_is_drawn():
    agent = Bets()
    scores = [rl.evaluate(agent, Numbers(), 7, torch.Generator().manual_seed(3), chunk=4) for _ in range(2)]
    assert torch.equal(scores[0].values, scores[1].values) and scores[0].metric == "return"
    scaled = rl.evaluate(agent, Numbers(), 7, torch.Generator().manual_seed(3), chunk=4, scale=2.0)
    tasks = torch.Generator().manual_seed(3)
    first = Numbers().sample(4, tasks)
    torch.testing.assert_close((scaled.values - scores[0].values)[:4], -(first**2).double())
    assert str(scores[0]).startswith("return ")


def test_what_is_no_agent_is_told():
    with pytest.raises(TypeError, match="agent must be a metalib.rl.Agent, not Linear"):
        rl.evaluate(nn.Linear(1, 1), Numbers(), 2, torch.Generator())
    with pytest.raises(ValueError, match="n_tasks"):
        rl.evaluate(Bets(), Numbers(), 0, torch.Generator())
    with pytest.raises(TypeError, match="must be a metalib.Learner, not Bets"):
        metalib.Training(Bets(), Numbers(), torch.Generator(), validation=metalib.SineTasks())
