"""Chapter 6 derives its formulas in its own cells. Those definitions, taken from its source, agree with
metalib, with autograd and with plain loops; the solutions of the exercises too."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib.lab.distances.classify import DistanceState, classify

double = torch.float64


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines."""
    return definitions("06_protonet_math", torch=torch, F=F, nn=nn, math=math, metalib=metalib)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=double)


def test_both_softmaxes_are_torchs_where_nothing_underflows(chapter):
    distances = randn(5).square()
    for name in ("naive_softmax", "stable_softmax"):
        assert torch.allclose(chapter[name](distances), (-distances).softmax(dim=0))
    far = distances.float() + 5000
    assert torch.allclose(chapter["stable_softmax"](far), (-far).softmax(dim=0))
    assert chapter["naive_softmax"](far).isnan().all()


def test_both_ways_to_a_square_are_metalibs(chapter):
    z, prototypes = randn(6, 4), randn(3, 4, seed=1)
    expected = metalib.learners.metric.squared_euclidean(z.unsqueeze(0), prototypes.unsqueeze(0))[0]
    assert torch.allclose(chapter["by_difference"](z, prototypes), expected)
    assert torch.allclose(chapter["by_expansion"](z, prototypes), expected)


def episodes(points, ways, shots, queries):
    """Episodes over points (classes, drawings, D)."""
    blank = torch.zeros(*points.shape[:2], 1, 1, 1, dtype=torch.uint8)
    return metalib.Episodes(blank, ways, shots, queries).mapped(lambda _x: points.flatten(0, 1))


def test_estimated_centres_widen_a_class_by_one_over_the_shots(chapter):
    """The variance of a query around its class's *estimated* centre, measured."""
    for shots in (1, 4):
        query, mean, y = chapter["blobs"](shots, 4000, generator())
        off = query - mean.take_along_dim(y.unsqueeze(-1), dim=1)
        assert off.var().item() == pytest.approx(0.5 * (1 + 1 / shots), rel=0.05)


def test_what_is_said_of_the_formula_at_large_distances(chapter):
    near = torch.tensor([1.0, 2.0, 5.0])
    known = chapter["stable_softmax"](near)
    assert chapter["naive_softmax"](near + 200).isnan().all()
    off = (chapter["naive_softmax"](near + 100) - known).abs().max()
    assert 1e-4 < off < 0.05, "digits are lost, not all of them"


def test_answers_losses_and_neighbours_are_those_of_plain_loops(chapter):
    batch = episodes(randn(6, 5, 3), 3, 2, 2).sample(4, generator())
    logits = chapter["answer"](batch, "euclidean")
    neighbours = chapter["nearest_neighbour"](batch)
    log_p, right = [], []
    for task in range(4):
        for i, q in enumerate(batch.query_x[task]):
            to_support = [(q - x).norm().item() for x in batch.support_x[task]]
            assert neighbours[task, i] == batch.support_y[task, int(np.argmin(to_support))]
            means = [batch.support_x[task][batch.support_y[task] == c].mean(dim=0) for c in range(3)]
            d = [(q - m).norm().item() for m in means]
            assert logits[task, i].tolist() == pytest.approx([-one for one in d])
            y = batch.query_y[task, i].item()
            log_p.append(-d[y] - math.log(sum(math.exp(-one) for one in d)))
            right.append(int(np.argmin(d)) == y)
    loss, accuracy = chapter["loss_and_accuracy"](logits, batch)
    assert loss == pytest.approx(-np.mean(log_p)) and accuracy == pytest.approx(np.mean(right))


def test_the_best_points_are_the_mean_and_the_geometric_median(chapter):
    points = randn(7, 2).abs() + 0.3
    start = torch.tensor([2.0, 2.0], dtype=double)
    for name in ("squared_distance", "kullback_leibler"):
        found = chapter["best_point"](chapter[name], points, start)
        assert torch.allclose(found, points.mean(dim=0), atol=1e-5)
    median = start
    for _round in range(2000):  # Weiszfeld's iteration
        weight = 1 / (points - median).norm(dim=1, keepdim=True).clamp(min=1e-12)
        median = (weight * points).sum(dim=0) / weight.sum()
    assert torch.allclose(chapter["best_point"](chapter["plain_distance"], points, start), median, atol=1e-5)
    assert not torch.allclose(median, points.mean(dim=0), atol=0.01)


@pytest.mark.parametrize("name", ["‖x‖²", "Σ x log x", "−Σ log x"])
def test_what_another_point_costs_more_than_the_mean_is_its_divergence(chapter, name):
    phi = {
        "‖x‖²": lambda x: x.square().sum(dim=-1),
        "Σ x log x": lambda x: (x * x.log()).sum(dim=-1),
        "−Σ log x": lambda x: -x.log().sum(dim=-1),
    }[name]
    points, p = randn(6, 3).abs() + 0.2, randn(3, seed=1).abs() + 0.2
    mean, bregman = points.mean(dim=0), chapter["bregman"]
    more = bregman(phi, points, p).sum() - bregman(phi, points, mean).sum()
    assert more.item() == pytest.approx(6 * bregman(phi, mean, p).item())
    assert (bregman(phi, points, p) > 0).all()


@pytest.mark.parametrize("kind", ["squared_euclidean", "euclidean", "cosine"])
def test_gradients_of_the_three_distances_are_those_of_the_chapters_table(chapter, kind):
    z, prototypes = randn(2), randn(3, 2, seed=1)
    loss, gradient = chapter["loss_and_gradient"](z, prototypes, 1, kind)
    away, unit = z - prototypes, F.normalize(prototypes, dim=1)
    slopes = {  # of the logits, as the table has them
        "squared_euclidean": -2 * away,
        "euclidean": -away / away.norm(dim=1, keepdim=True),
        "cosine": (unit - (unit @ F.normalize(z, dim=0))[:, None] * F.normalize(z, dim=0)) / z.norm(),
    }[kind]
    state = DistanceState(query=z.tolist(), prototypes=prototypes.tolist(), distance=kind, truth=2)
    result = classify(state)  # the laboratory is a second witness
    expected = -(slopes[1] - torch.tensor(result.p) @ slopes)
    assert torch.allclose(gradient, expected) and loss == pytest.approx(result.loss)


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_the_pull_is_minus_the_gradient(chapter, temperature):
    z, prototypes = randn(2).requires_grad_(), randn(3, 2, seed=1)
    (gradient,) = torch.autograd.grad(chapter["loss_of"](z, prototypes, 2, temperature), z)
    assert torch.allclose(chapter["pull"](z.detach(), prototypes, 2, temperature), -gradient)


def test_the_class_of_two_blobs_is_one(chapter):
    batch = chapter["two_modes"](4, 500, 3, generator())
    assert batch.support_x.shape == (3, 8, 2) and batch.query_x.shape == (3, 1000, 2)
    a, b = (batch.query_x[batch.query_y == label] for label in (0, 1))
    assert a.mean(dim=0).abs().max() < 0.3 and b.mean(dim=0).abs().max() < 0.1
    assert 8.5 < a[:, 0].var() < 11.5 and 0.9 < a[:, 1].var() < 1.1  # 3² + 1, and 1
    assert (a[:, 0].abs() < 1).double().mean() < 0.05


def test_two_prototypes_are_the_means_of_two_far_blobs_and_one_shot_is_still_the_nearest_neighbour(chapter):
    batch = chapter["two_modes"](6, 40, 3, generator(1))
    batch.support_x[:, :6, 0] += 30 * batch.support_x[:, :6, 0].sign()  # so far apart that no one could err
    logits = chapter["two_prototypes"](batch, 2)
    for task in range(3):
        a = batch.support_x[task, :6]
        sides = [a[a[:, 0] > 0], a[a[:, 0] < 0]]
        means = torch.stack([side.mean(dim=0) for side in sides if len(side)])
        if len(means) == 2:
            expected = (batch.query_x[task].unsqueeze(1) - means).square().sum(dim=-1).min(dim=1).values
            assert torch.allclose(-logits[task, :, 0], expected, rtol=1e-3)
    one = episodes(randn(6, 5, 3), 4, 1, 3).sample(5, generator())
    answers = chapter["two_prototypes"](one, 4).argmax(dim=-1)
    assert torch.equal(answers, chapter["nearest_neighbour"](one))


# The exercises' solutions against computations that know nothing of their formulas


def test_the_solutions_are_what_metalib_and_autograd_say():
    z, prototypes = randn(4, 3), randn(5, 3, seed=1)
    learner = metalib.ProtoNet(nn.Identity(), temperature=2.5)
    expected = learner.predict(prototypes.unsqueeze(0), z.unsqueeze(0))[0].log_softmax(dim=1)
    assert torch.allclose(solution("06/posterior")(z, prototypes, 2.5), expected)

    weight, bias = solution("06/linear")(prototypes, 2.5)
    assert torch.allclose((z @ weight.T + bias).log_softmax(dim=1), expected)

    leaf = z[0].clone().requires_grad_()
    logits = learner.predict(prototypes.unsqueeze(0), leaf.view(1, 1, 3))[0]
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, torch.tensor([3])), leaf)
    assert torch.allclose(solution("06/pull")(z[0], prototypes, 3, 2.5), gradient)


def test_the_divergence_of_the_exercise_is_positive_and_its_best_point_the_mean(chapter):
    points = randn(5, 3).abs() + 0.2
    phi, slope = (lambda v: -v.log().sum()), (lambda v: -1 / v)

    def total(p):
        return sum(solution("06/bregman")(phi, slope, x, p) for x in points)

    mean = points.mean(dim=0)
    for direction in randn(20, 3, seed=2):
        assert total(mean + 0.05 * direction.clamp(-1, 1)) > total(mean) > 0


@pytest.mark.parametrize("p, ways", [(0.9, 5), (0.99, 20), (0.6, 2)])
def test_the_temperature_of_the_exercise_reaches_its_probability_and_no_more(p, ways):
    temperature = solution("06/ceiling")(p, ways)
    prototypes = torch.tensor([[1.0, 0.0]] + [[-1.0, 0.0]] * (ways - 1), dtype=double)
    learner = metalib.ProtoNet(nn.Identity(), "cosine", temperature)
    queries = torch.cat([prototypes[:1], randn(200, 2)]).unsqueeze(0)
    reached = learner.predict(prototypes.unsqueeze(0), queries)[0].softmax(dim=1)[:, 0]
    assert reached[0].item() == pytest.approx(p) and (reached <= p + 1e-12).all()
