"""Chapter 2 builds a neural process, a matching learner and a Gaussian process in its own cells. Those
definitions, taken from its source, give metalib's numbers or those of a plain computation."""

import math
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib.evaluation import Evaluation
from metalib.exercises.probes import ch02
from metalib.learners import neural_process_net


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines."""
    names = {"torch": torch, "F": F, "nn": nn, "math": math, "metalib": metalib, "dataclass": dataclass}
    return definitions("02_core_concepts", **names)


@pytest.fixture
def batch():
    return metalib.SineTasks(4, 6).sample(3, torch.Generator().manual_seed(0))


def test_a_task_of_the_chapter_is_a_sine_wave(chapter):
    generator = torch.Generator().manual_seed(0)
    for _task in range(20):
        draw_examples = chapter["draw_task"](generator)
        x, y = draw_examples(50)
        basis = torch.cat([x.sin(), x.cos()], dim=1)
        fit = torch.linalg.lstsq(basis, y).solution
        assert torch.allclose(basis @ fit, y, atol=1e-4)
        assert 0.1 <= fit.norm().item() <= 5 and x.abs().max() <= 5
        assert torch.allclose(fit, torch.linalg.lstsq(*_basis(draw_examples(50))).solution, atol=1e-3)


def _basis(points):
    x, y = points
    return torch.cat([x.sin(), x.cos()], dim=1), y


def test_the_chapters_neural_process_is_metalibs(chapter, batch):
    theirs = metalib.NeuralProcess(neural_process_net(width=64))
    ours = chapter["NeuralProcessByHand"](theirs.model["encoder"], theirs.model["decoder"])
    adapted = ours.adapt(batch.support_x, batch.support_y)
    assert torch.allclose(adapted, theirs.adapt(batch.support_x, batch.support_y))
    assert torch.allclose(ours.predict(adapted, batch.query_x), theirs.predict(adapted, batch.query_x))
    expected = F.mse_loss(theirs.predict(adapted, batch.query_x), batch.query_y)
    assert torch.allclose(ours.loss(batch), expected)


def test_the_chapters_matching_learner_is_a_weighted_mean(chapter, batch):
    embed = chapter["perceptron"](1, 8, width=10)
    learner = chapter["MatchingRegressor"](embed)
    adapted = learner.adapt(batch.support_x, batch.support_y)
    prediction = learner.predict(adapted, batch.query_x)
    for task in range(3):
        for q in range(6):
            distances = [
                (embed(batch.query_x[task, q]) - embed(x)).square().sum().item()
                for x in batch.support_x[task]
            ]
            weights = [math.exp(-d) for d in distances]
            mean = sum(w * y.item() for w, y in zip(weights, batch.support_y[task], strict=True)) / sum(
                weights
            )
            assert prediction[task, q].item() == pytest.approx(mean, abs=1e-4)
    turned = learner.predict(learner.adapt(batch.support_x, -batch.support_y), batch.query_x)
    assert torch.allclose(turned, -prediction, atol=1e-6), "upside down in, upside down out"


def test_the_chapters_gaussian_process_is_exact(chapter):
    tasks = chapter["GaussianProcessTasks"](shots=3, queries=4)
    batch = tasks.sample(2, torch.Generator().manual_seed(0))
    mean, std = tasks.posterior(batch.support_x, batch.support_y, batch.query_x)
    sx, sy, qx, _qy = (part.double() for part in batch)
    for q in range(4):  # from the inverse of the joint covariance: σ² = 1 / Λqq, μ = −Λqs y / Λqq
        x = torch.cat([sx, qx[:, q : q + 1]], dim=1)
        precision = torch.linalg.inv(torch.exp(-(x - x.mT).square() / 2) + 0.01 * torch.eye(4))
        assert torch.allclose(std[:, q, 0], precision[:, 3, 3].rsqrt(), atol=1e-6)
        expected = -(precision[:, 3, :3] * sy[..., 0]).sum(dim=1) / precision[:, 3, 3]
        assert torch.allclose(mean[:, q, 0], expected, atol=1e-6)


def test_the_chapters_gaussian_process_draws_from_that_process(chapter):
    tasks = chapter["GaussianProcessTasks"]()
    batch = tasks.sample(2000, torch.Generator().manual_seed(0))
    mean, std = tasks.posterior(batch.support_x, batch.support_y, batch.query_x)
    standard = (batch.query_y - mean) / std
    assert standard.mean().abs() < 0.03 and abs(standard.square().mean() - 1) < 0.05


def test_multiplications_are_those_that_one_counts_by_hand(chapter):
    chapter["FlopCounterMode"] = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode
    count, batch = (
        chapter["multiplications"],
        metalib.SineTasks(10, 1).sample(1, torch.Generator().manual_seed(0)),
    )
    process = metalib.NeuralProcess(neural_process_net(width=64))
    to_adapt, adapted = count(lambda: process.adapt(batch.support_x, batch.support_y))
    assert to_adapt == 10 * (2 * 64 + 64 * 64 + 64 * 64)
    assert count(lambda: process.predict(adapted, batch.query_x))[0] == 65 * 64 + 64 * 64 + 64 * 2
    maml = metalib.MAML(metalib.models.sine_net())
    forwards, backwards = (
        40 + 40 * 40 + 40,
        2 * (40 * 40 + 40) + 40,
    )  # the first layer's input needs no gradient
    for steps in (1, 3):
        to_adapt, adapted = count(lambda steps=steps: maml.adapt(batch.support_x, batch.support_y, steps))
        # With a graph to differentiate again the kept tensors are the same, and so is the work.
        assert to_adapt == steps * 10 * (forwards + backwards)
    assert count(lambda: maml.predict(adapted, batch.query_x))[0] == forwards


# --- the exercises
def test_the_intervals_of_the_exercises_are_metalibs():
    right = ch02.results(3)
    expected = Evaluation(right.double().mean(dim=1), "accuracy")
    got = solution("02/interval")(right)
    assert got == pytest.approx((expected.mean, expected.half_width))

    learners = [metalib.MAML(metalib.models.sine_net(torch.Generator().manual_seed(s))) for s in (1, 2)]
    tasks = metalib.SineTasks(5, 5)
    values = [metalib.evaluate(one, tasks, 12, torch.Generator().manual_seed(0)).values for one in learners]
    paired = metalib.compare(*learners, tasks, 12, torch.Generator().manual_seed(0))
    assert solution("02/paired")(*values) == pytest.approx((paired.mean, paired.half_width))


def test_one_example_after_the_other_gives_the_neural_processs_description(batch):
    learner = metalib.NeuralProcess(neural_process_net(width=8))
    pairs = torch.cat([batch.support_x, batch.support_y], dim=-1)[0]
    description = torch.zeros(8)
    for n, pair in enumerate(pairs):
        description = solution("02/one-more-example")(description, n, learner.model["encoder"](pair))
    assert torch.allclose(description, learner.adapt(batch.support_x, batch.support_y)[0], atol=1e-6)


@pytest.mark.parametrize("heads, n", [(0, 0), (1, 1), (2, 7), (30, 40)])
def test_the_best_learner_of_coins_by_counting_coins(heads, n):
    tau = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    weight = tau**heads * (1 - tau) ** (n - heads)
    expected = ((tau * weight).sum() / weight.sum()).item()
    assert solution("02/coin")(heads, n) == pytest.approx(expected, rel=1e-6)


def test_the_episode_of_the_exercise_draws_from_all_classes_alike():
    images = 100 * torch.arange(5).unsqueeze(1) + torch.arange(6)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.zeros(5, 2)  # how often each class got each label
    for _episode in range(1000):
        support_x, support_y, _x, _y = solution("02/episode")(images, 2, 1, 2, generator)
        drawn[support_x // 100, support_y] += 1
    assert (drawn - 200).abs().max() < 5 * math.sqrt(200 * 0.8)
