"""Logistic regression on frozen features: the minimum is the minimum, and the learner is one of the house."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metalib
from metalib.learners.logistic import LogisticRegression, minimise, objective
from metalib.tasks import TaskBatch, Unbalanced

double = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def points(seed, tasks=3, ways=4, counts=(1, 3, 2, 5), features=6):
    """Features and labels of unequal classes in another order in each task."""
    g = generator(seed)
    labels = torch.cat([torch.full((n,), label) for label, n in enumerate(counts)])
    y = torch.stack([labels[torch.randperm(len(labels), generator=g)] for _task in range(tasks)])
    return torch.randn(tasks, len(labels), features, generator=g, dtype=double), y


def by_torch(x, y, C):
    """One task by torch's own L-BFGS: weight and bias."""
    weight = torch.zeros(x.shape[-1], int(y.max()) + 1, dtype=double, requires_grad=True)
    bias = torch.zeros(weight.shape[1], dtype=double, requires_grad=True)
    steps = torch.optim.LBFGS(
        [weight, bias], max_iter=2000, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        steps.zero_grad()
        loss = weight.square().sum() / 2 + C * F.cross_entropy(x @ weight + bias, y, reduction="sum")
        loss.backward()
        return loss

    steps.step(closure)
    return weight.detach(), bias.detach()


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("normalise", [True, False])
def test_it_finds_what_torchs_own_optimiser_finds(C, normalise):
    x, y = points(1)
    learner = LogisticRegression(nn.Identity(), C, normalise, tolerance=1e-9)
    weight, bias = learner.adapt(x, y)
    queries, _y = points(2)
    logits = learner.predict((learner.adapt(x, y)), queries)
    for task in range(len(x)):
        features, asked = (F.normalize(z[task], dim=-1) if normalise else z[task] for z in (x, queries))
        expected, shift = by_torch(features, y[task], C)
        torch.testing.assert_close(weight[task], expected, atol=1e-5, rtol=1e-5)
        # A bias is known up to a number that all classes share.
        torch.testing.assert_close(
            (logits[task]).softmax(-1), (asked @ expected + shift).softmax(-1), atol=1e-6, rtol=1e-5
        )


@pytest.mark.parametrize("seed", range(12))
def test_the_gradient_is_zero_where_it_stops(seed):
    g = generator(seed)
    ways, features, scale = (int(torch.randint(2, 9, (), generator=g)) for _ in range(3))
    counts = torch.randint(1, 7, (ways,), generator=g).tolist()
    x, y = points(seed, 4, ways, counts, features)
    x, target = x * scale**2, F.one_hot(y).double()
    penalty = torch.ones(features, 1, dtype=double)
    theta = minimise(x, target, penalty, 10.0, 1e-7).requires_grad_()
    (gradient,) = torch.autograd.grad(objective(x, target, penalty, 10.0, theta).sum(), theta)
    assert gradient.abs().max() <= 1e-7


def test_tasks_do_not_disturb_each_other_and_the_same_comes_out_twice():
    x, y = points(4, tasks=5)
    learner = LogisticRegression(nn.Identity())
    together = learner.adapt(x, y)
    alone = [learner.adapt(x[i : i + 1], y[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(together.weight, torch.cat([one.weight for one in alone]), atol=1e-6, rtol=0)
    assert torch.equal(learner.adapt(x, y).weight, together.weight)


def test_every_parameter_of_the_encoder_stays():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(6, 4))
    before = [value.clone() for value in encoder.state_dict().values()]
    x, y = points(3)
    learner = LogisticRegression(encoder)
    learner.predict(learner.adapt(x.unsqueeze(2), y), x.unsqueeze(2))
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.state_dict().values(), strict=True))
    with pytest.raises(TypeError, match="trains nothing"):
        learner.loss(TaskBatch(x, y, x, y))


def test_embedding_each_drawing_once_gives_the_same_score():
    images = metalib.data.glyphs("test")
    encoder = metalib.weights.load("glyphs-embedding").encoder
    tasks = metalib.Episodes(images.subset(range(40)), ways=5, shots=2, queries=3)
    learner = metalib.LogisticRegression(encoder)
    plain = metalib.evaluate(learner, tasks, 10, generator(7))
    quick = metalib.evaluate(*learner.embed_once(tasks), 10, generator(7))
    torch.testing.assert_close(plain.values, quick.values)
    assert quick.mean > 0.9


def test_unequal_shots_mislead_it_where_the_penalty_is_strong():
    """The bias, which has no penalty, learns how often each label came; short weights cannot answer."""
    encoder = metalib.weights.load("glyphs-embedding").encoder
    tasks = metalib.Episodes(metalib.data.glyphs("test"), ways=5, shots=2, queries=3)
    _learner, embedded = metalib.LogisticRegression(encoder).embed_once(tasks)
    unequal = Unbalanced(embedded, (1, 2, 2, 1, 1))
    strong, weak = (
        metalib.evaluate(LogisticRegression(nn.Identity(), C), unequal, 100, generator(7)).mean
        for C in (1, 100)
    )
    assert strong < 0.5 and weak > 0.9


@pytest.mark.parametrize("options", [dict(C=0), dict(C=float("nan")), dict(tolerance=-1.0)])
def test_numbers_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match="finite number above 0"):
        LogisticRegression(nn.Identity(), **options)


def test_a_label_without_an_example_is_refused():
    with pytest.raises(ValueError, match="needs at least one support example"):
        LogisticRegression(nn.Identity()).adapt(torch.zeros(1, 2, 3), torch.tensor([[0, 2]]))
