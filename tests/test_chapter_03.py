"""Chapter 3 builds MAML in its own cells. Those definitions, taken from its source, give metalib's
numbers."""

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution

import metalib
from metalib.exercises.probes import ch03


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines."""
    return definitions("03_maml", torch=torch, F=F, metalib=metalib)


@pytest.fixture
def theta():
    return [p.detach().double().requires_grad_() for p in metalib.models.sine_net().parameters()]


@pytest.fixture
def batch():
    drawn = metalib.SineTasks(5, 6).sample(3, torch.Generator().manual_seed(0))
    return metalib.TaskBatch(*(part.double() for part in drawn))


def test_the_chapters_network_is_the_sine_net(chapter, theta, batch):
    expected = metalib.models.sine_net().double()(batch.query_x[0])
    assert torch.allclose(chapter["network"](theta, batch.query_x[0]), expected)
    assert torch.allclose(ch03.network(theta, batch.query_x[0]), expected)


@pytest.mark.parametrize("step, first_order", [("inner_step", False), ("inner_step_forgetful", True)])
def test_the_chapters_maml_is_metalibs(chapter, theta, batch, step, first_order):
    learner = metalib.MAML(metalib.models.sine_net().double(), alpha=0.01, first_order=first_order)
    ours = chapter["meta_loss"](theta, batch, 0.01, step=chapter[step])
    theirs = learner.loss(batch)
    assert torch.allclose(ours, theirs, rtol=1e-12)
    pairs = zip(
        torch.autograd.grad(ours, theta), torch.autograd.grad(theirs, list(learner.parameters())), strict=True
    )
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-13) for a, b in pairs)


def test_the_solution_of_the_meta_loss_exercise_is_metalibs_too(theta, batch):
    answer = solution("03/meta-loss")
    learner = metalib.MAML(metalib.models.sine_net().double(), alpha=0.02, steps=3)
    assert torch.allclose(answer(theta, batch, 0.02, 3), learner.loss(batch), rtol=1e-12)
