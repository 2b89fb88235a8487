"""ProtoNet in float64 against a plain Python loop, finite differences, and the theorems of chapter 6.

(Episodes with equal shots, in the order of the labels, are in test_learners.py.)"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalib import NearestCentroid, ProtoNet, TaskBatch
from metalib.learners.metric import DISTANCE_LABELS, DISTANCES
from metalib.models import initialise

double = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def encoder(inputs=4, features=3, seed=0):
    """A small net without kinks, so that finite differences are sharp."""
    layers = nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, features))
    return initialise(layers, generator(seed)).double()


def unequal(shift=0.0):
    """Two tasks with 3 classes of 1, 2 and 4 support examples, whose labels come in another order in each."""
    g = generator(1)
    support_y = torch.tensor([[2, 0, 2, 1, 2, 1, 2], [1, 0, 0, 2, 0, 1, 0]])
    query_y = torch.tensor([[1, 1, 0, 2], [2, 0, 2, 2]])
    x = [torch.randn(2, n, 4, generator=g, dtype=double) + shift for n in (7, 4)]
    return TaskBatch(x[0], support_y, x[1], query_y)


def points(ways=4, shots=1, queries=9, features=3, seed=2):
    """Embeddings themselves, for an encoder that does nothing."""
    g = generator(seed)
    order = torch.randperm(ways * shots, generator=g)
    support_y = torch.arange(ways).repeat_interleave(shots)[order].expand(2, -1)
    query_y = torch.randint(ways, (2, queries), generator=g)
    x = [torch.randn(2, n, features, generator=g, dtype=double) for n in (ways * shots, queries)]
    return TaskBatch(x[0], support_y, x[1], query_y)


def logits_of(batch, kind="squared_euclidean", temperature=1.0):
    learner = ProtoNet(nn.Identity(), kind, temperature)
    return learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)


def distance(kind, q, p):
    """Number by number, without a tensor operation."""
    if kind == "cosine":
        lengths = math.sqrt(sum(a * a for a in q)) * math.sqrt(sum(b * b for b in p))
        return 1 - sum(a * b for a, b in zip(q, p, strict=True)) / lengths
    squared = sum((a - b) ** 2 for a, b in zip(q, p, strict=True))
    return squared if kind == "squared_euclidean" else math.sqrt(squared)


def loss_by_loop(embed, batch, kind, temperature):
    """The mean of −log p over all queries, in plain Python; p is a quotient of sums of exponentials."""
    total, count = 0.0, 0
    for support_x, support_y, query_x, query_y in zip(*batch, strict=True):
        members = {}
        for x, label in zip(support_x, support_y.tolist(), strict=True):
            members.setdefault(label, []).append(embed(x.unsqueeze(0))[0].tolist())
        prototypes = {
            label: [sum(column) / len(rows) for column in zip(*rows, strict=True)]
            for label, rows in members.items()
        }
        for x, label in zip(query_x, query_y.tolist(), strict=True):
            q = embed(x.unsqueeze(0))[0].tolist()
            weights = {c: math.exp(-distance(kind, q, p) / temperature) for c, p in prototypes.items()}
            total -= math.log(weights[label] / sum(weights.values()))
            count += 1
    return total / count


def test_every_named_distance_has_words_for_the_learner():
    assert list(DISTANCE_LABELS) == list(DISTANCES)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("kind", DISTANCES)
def test_the_loss_is_that_of_a_plain_loop(kind, temperature):
    embed, batch = encoder(), unequal()
    learner = ProtoNet(embed, kind, temperature)
    with torch.no_grad():
        expected = loss_by_loop(embed, batch, kind, temperature)
    assert learner.loss(batch).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("kind", DISTANCES)
def test_the_gradient_is_the_slope_of_the_plain_loop(kind, temperature):
    """Every parameter of the encoder, moved up and down: support and query embeddings move together."""
    embed, batch = encoder(), unequal()
    parameters = list(embed.parameters())
    found = torch.autograd.grad(ProtoNet(embed, kind, temperature).loss(batch), parameters)
    for gradient, parameter in zip(found, parameters, strict=True):
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            value, around = flat[i].item(), []
            for step in (1e-5, -1e-5):
                flat[i] = value + step
                with torch.no_grad():
                    around.append(loss_by_loop(embed, batch, kind, temperature))
            flat[i] = value
            measured = (around[0] - around[1]) / 2e-5
            assert gradient.view(-1)[i].item() == pytest.approx(measured, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("kind", DISTANCES)
def test_the_order_of_support_and_query_plays_no_part(kind):
    batch, learner = unequal(), ProtoNet(encoder(), kind)
    s, q = torch.tensor([6, 0, 3, 5, 1, 4, 2]), torch.tensor([2, 0, 3, 1])
    shuffled = TaskBatch(
        batch.support_x[:, s], batch.support_y[:, s], batch.query_x[:, q], batch.query_y[:, q]
    )
    assert learner.loss(shuffled).item() == pytest.approx(learner.loss(batch).item(), rel=1e-12)


@pytest.mark.parametrize("kind", DISTANCES)
def test_other_names_for_the_classes_give_the_same_loss(kind):
    batch, learner, names = unequal(), ProtoNet(encoder(), kind), torch.tensor([2, 0, 1])
    renamed = TaskBatch(batch.support_x, names[batch.support_y], batch.query_x, names[batch.query_y])
    assert learner.loss(renamed).item() == pytest.approx(learner.loss(batch).item(), rel=1e-12)
    there, here = (learner.adapt(b.support_x, b.support_y) for b in (renamed, batch))
    assert torch.allclose(there[:, names], here, rtol=1e-12)


@pytest.mark.parametrize("kind", DISTANCES)
def test_a_query_does_not_see_the_others(kind):
    batch, learner = unequal(), ProtoNet(encoder(), kind)
    prototypes = learner.adapt(batch.support_x, batch.support_y)
    together = learner.predict(prototypes, batch.query_x)
    for i in range(4):
        alone = learner.predict(prototypes, batch.query_x[:, i : i + 1])
        assert torch.allclose(together[:, i : i + 1], alone, rtol=1e-12)


@pytest.mark.parametrize("kind", DISTANCES)
def test_one_shot_is_the_nearest_neighbour(kind):
    batch = points(ways=6, shots=1, queries=30)
    answers = logits_of(batch, kind).argmax(dim=-1)
    for task in range(2):
        for i, q in enumerate(batch.query_x[task].tolist()):
            nearest = min(range(6), key=lambda k: distance(kind, q, batch.support_x[task, k].tolist()))  # noqa: B023
            assert answers[task, i] == batch.support_y[task, nearest]


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_square_is_a_linear_classifier(temperature):
    batch = points(shots=3)
    prototypes = ProtoNet(nn.Identity()).adapt(batch.support_x, batch.support_y)
    weight, bias = 2 * prototypes / temperature, -prototypes.square().sum(dim=-1) / temperature
    linear = batch.query_x @ weight.mT + bias.unsqueeze(1)  # (T, Q, ways)
    logits = logits_of(batch, temperature=temperature)
    assert torch.allclose(linear.softmax(dim=-1), logits.softmax(dim=-1), rtol=1e-10)
    common = batch.query_x.square().sum(dim=-1, keepdim=True) / temperature
    assert torch.allclose(linear - logits, common.expand_as(logits), rtol=1e-10)


@pytest.mark.parametrize(
    "kind, moves", [("squared_euclidean", False), ("euclidean", False), ("cosine", True)]
)
def test_a_shift_of_all_embeddings_moves_the_cosine_alone(kind, moves):
    batch = points(shots=2)
    shift = torch.tensor([3.0, -1.0, 0.5], dtype=double)
    shifted = TaskBatch(batch.support_x + shift, batch.support_y, batch.query_x + shift, batch.query_y)
    assert torch.allclose(logits_of(shifted, kind), logits_of(batch, kind), atol=1e-9) is not moves


@pytest.mark.parametrize("kind", DISTANCES)
def test_a_rotation_of_all_embeddings_changes_nothing(kind):
    batch = points(shots=2)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator(), dtype=double)).Q
    turned = TaskBatch(batch.support_x @ turn, batch.support_y, batch.query_x @ turn, batch.query_y)
    assert torch.allclose(logits_of(turned, kind), logits_of(batch, kind), atol=1e-12)


@pytest.mark.parametrize("kind, power", [("squared_euclidean", 2), ("euclidean", 1), ("cosine", 0)])
def test_a_scale_of_all_embeddings_is_a_temperature(kind, power):
    batch = points(shots=2)
    scaled = TaskBatch(3 * batch.support_x, batch.support_y, 3 * batch.query_x, batch.query_y)
    assert torch.allclose(logits_of(scaled, kind), logits_of(batch, kind, 1 / 3**power), atol=1e-9)


def test_the_root_has_the_same_answers_and_another_loss():
    batch = points(ways=5, shots=3, queries=40)
    squared, root = logits_of(batch), logits_of(batch, "euclidean")
    assert torch.equal(squared.argmax(dim=-1), root.argmax(dim=-1))
    assert torch.allclose(-root.square(), squared, rtol=1e-10)
    losses = [F.cross_entropy(logits.flatten(0, 1), batch.query_y.flatten()) for logits in (squared, root)]
    assert abs(losses[0] - losses[1]) > 0.1


@pytest.mark.parametrize("y", range(4))
def test_a_query_is_pulled_from_the_expected_prototype_to_the_right_one(y):
    prototypes = torch.randn(4, 3, generator=generator(3), dtype=double)
    z = torch.randn(3, generator=generator(4), dtype=double).requires_grad_()
    logits = ProtoNet(nn.Identity(), temperature=0.7).predict(prototypes.unsqueeze(0), z.view(1, 1, 3))[0]
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, torch.tensor([y])), z)
    p = logits[0].softmax(dim=0).detach()
    assert torch.allclose(-gradient, 2 / 0.7 * (prototypes[y] - p @ prototypes), rtol=1e-10)
    pull = 2 / 0.7 * (1 - p[y]) * (prototypes[y] - z)
    push = sum(2 / 0.7 * p[c] * (z - prototypes[c]) for c in range(4) if c != y)
    assert torch.allclose(-gradient, (pull + push).detach(), rtol=1e-10)


@pytest.mark.parametrize("kind", DISTANCES)
def test_far_away_in_float32_nothing_overflows_or_cancels(kind):
    """Blobs of size 1 at 10 000 from the origin, and distances of 10 000 between them."""
    g = generator(5)
    for centre, spread in ((10_000.0, 1.0), (0.0, 10_000.0)):
        exact = TaskBatch(
            (centre + spread * torch.randn(1, 4, 3, generator=g)).double(),
            torch.arange(4).unsqueeze(0),
            (centre + spread * torch.randn(1, 9, 3, generator=g)).double(),
            torch.randint(4, (1, 9), generator=g),
        )
        single = TaskBatch(*(t.float() if t.is_floating_point() else t for t in exact))
        learner = ProtoNet(nn.Identity(), kind)
        assert learner.loss(single).isfinite()
        if kind != "cosine":  # directions at 10 000 differ in the fifth digit only
            assert learner.loss(single).item() == pytest.approx(learner.loss(exact).item(), rel=1e-4)


@pytest.mark.parametrize("kind", DISTANCES)
def test_a_query_on_its_prototype_has_a_gradient_that_is_a_number(kind):
    z = torch.tensor([[[1.0, 2.0]]], dtype=double, requires_grad=True)
    prototypes = torch.tensor([[[1.0, 2.0], [0.0, -1.0]]], dtype=double)
    logits = ProtoNet(nn.Identity(), kind).predict(prototypes, z)
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits[0], torch.tensor([0])), z)
    assert gradient.isfinite().all()


def test_the_baseline_answers_like_protonet():
    """NearestCentroid differs in its training only."""
    batch = unequal()
    baseline = NearestCentroid(encoder(), features=3, classes=10)
    learner = ProtoNet(baseline.encoder)
    ours, theirs = (
        one.predict(one.adapt(batch.support_x, batch.support_y), batch.query_x) for one in (learner, baseline)
    )
    assert torch.equal(ours, theirs)
