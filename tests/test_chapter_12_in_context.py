"""Section 4 of chapter 12: what its cells define is metalib's, and its formulas hold."""

import pytest
import torch
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib import look
from metalib.attention import LinearAttention
from metalib.learners import InContext, PoolPosterior, RidgeRegression
from metalib.tasks import LinearTasks


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines."""
    return definitions(
        "12_outlook",
        torch=torch,
        nn=nn,
        metalib=metalib,
        look=look,
        InContext=InContext,
        PoolPosterior=PoolPosterior,
        RidgeRegression=RidgeRegression,
        LinearTasks=LinearTasks,
        icl_methods={},
    )


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_chapters_layer_is_metalibs(chapter):
    mine, theirs = chapter["ContextLayer"](4, seeded()), LinearAttention(4)
    with torch.no_grad():
        for own, layer in zip("QKVP", (theirs.query, theirs.key, theirs.value, theirs.project), strict=True):
            layer.weight.copy_(getattr(mine, own))
    tokens = torch.randn(6, 8, 5, generator=seeded(1))
    assert torch.allclose(mine(tokens), theirs(tokens), atol=1e-6)
    by_hand = chapter["context_by_hand"](4, 0.7)
    assert torch.allclose(by_hand(tokens), LinearAttention(4).gradient_step(0.7)(tokens), atol=1e-6)


@pytest.mark.parametrize("shots, inputs", [(10, 10), (1, 3), (6, 2)])
def test_by_hand_it_is_one_step_of_maml(chapter, shots, inputs):
    start = nn.Linear(inputs, 1, bias=False)
    nn.init.zeros_(start.weight)
    batch = LinearTasks(shots=shots, inputs=inputs, queries=3).sample(5, seeded())
    one, other = (
        chapter["context_answers"](learner, batch)
        for learner in (metalib.MAML(start, alpha=0.35), InContext(chapter["context_by_hand"](inputs, 0.7)))
    )
    assert torch.allclose(one, other, atol=1e-5)


def simulated(shots, inputs, eta, noise=0.0, tasks=200_000):
    """Monte Carlo with plain tensors: the loss of a step from 0, and half its 95 % interval. Only the support
    set is noisy."""
    generator = seeded(3)
    x, asked = (2 * torch.rand(tasks, n, inputs, generator=generator) - 1 for n in (shots, 1))
    w = torch.randn(tasks, inputs, 1, generator=generator)
    y = x @ w + noise * torch.randn(tasks, shots, 1, generator=generator)
    step = eta / shots * (x.mT @ y)
    losses = (asked @ (step - w)).square().flatten().double()
    return losses.mean().item(), 1.96 * losses.std().item() / tasks**0.5


@pytest.mark.parametrize("shots, inputs", [(10, 10), (3, 5), (20, 2)])
def test_the_best_step_has_the_loss_of_the_formula_and_no_other_does_better(chapter, shots, inputs):
    eta, left = chapter["best_step"](inputs, shots)
    mean, half = simulated(shots, inputs, eta)
    assert abs(mean - left) < 1.6 * half
    for other in (0.8 * eta, 1.2 * eta):  # the same random numbers: a paired comparison
        assert simulated(shots, inputs, other)[0] > mean


def test_the_exercises_formula_holds_under_noise(chapter):
    best = solution("12/noisy-step")
    eta, left = best(5, 4, 1 / 3, 1 / 5, 0.8)
    mean, half = simulated(4, 5, eta, noise=0.8)
    assert abs(mean - left) < 1.6 * half and eta < best(5, 4, 1 / 3, 1 / 5, 0.0)[0]
    assert best(10, 10, 1 / 3, 1 / 5, 0.0) == pytest.approx(chapter["best_step"](10, 10))


@pytest.mark.slow
def test_trained_the_layer_is_the_step(chapter):
    tasks = LinearTasks(shots=10, inputs=10, spread="uniform")
    layer = InContext(chapter["ContextLayer"](10, seeded(2)))
    metalib.fit(layer, tasks, 2000, seeded(3), meta_batch=256, lr=1e-2, halve_every=500, progress=False)
    eta, left = chapter["best_step"](10, 10)
    step = InContext(chapter["context_by_hand"](10, eta))
    one, other = (metalib.evaluate(learner, tasks, 20_000, seeded(8)) for learner in (layer, step))
    assert abs((one.values - other.values).mean().item()) < 0.02
    assert abs(other.mean - left) < 1.6 * other.half_width
    wide = LinearTasks(shots=10, inputs=10, spread="uniform", scale=2.0)
    one, other = (metalib.evaluate(learner, wide, 4000, seeded(8)).mean for learner in (layer, step))
    assert one == pytest.approx(other, rel=0.1) and one > 3 * (10 / 3 * 4)


def test_the_list_is_the_posterior(chapter):
    tasks = LinearTasks(shots=3, inputs=2, queries=4, pool=7, noise=0.3)
    batch = tasks.sample(20, seeded())
    found = chapter["list_posterior"](batch.support_x, batch.support_y, batch.query_x, tasks.weights, 0.3)
    assert torch.allclose(
        found, chapter["context_answers"](PoolPosterior(tasks.weights, 0.3), batch), atol=1e-5
    )
