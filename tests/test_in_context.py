"""Learners that read examples, their networks, linear tasks, and the closed forms beside them."""

import math

import pytest
import torch
from torch import nn

from metalib import MAML, TaskBatch, evaluate
from metalib.attention import Attention, ContextTransformer, LinearAttention
from metalib.evaluation import compare
from metalib.learners import InContext, PoolPosterior, RidgeRegression
from metalib.learners.in_context import sequences
from metalib.models import initialise
from metalib.tasks import LinearTasks


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network():
    return ContextTransformer(3, width=8, layers=2, heads=2, generator=seeded(5)).double()


# --- the tasks
def test_a_task_is_one_vector_and_its_points():
    tasks = LinearTasks(shots=6, queries=4, inputs=3)
    batch = tasks.sample(5, seeded())
    assert batch.support_x.shape == (5, 6, 3) and batch.query_y.shape == (5, 4, 1)
    for x, y, asked, answer in (batch[i : i + 1] for i in range(5)):
        w = torch.linalg.lstsq(x[0], y[0]).solution
        assert torch.allclose(asked[0] @ w, answer[0], atol=1e-4)
    again = tasks.sample(5, seeded())
    assert all(torch.equal(one, other) for one, other in zip(batch, again, strict=True))


def test_the_noise_moves_y_alone_and_the_intercept_is_the_last_number():
    quiet, loud = (LinearTasks(shots=50, inputs=2, noise=s, intercept=True) for s in (0.0, 0.3))
    one, other = quiet.sample(400, seeded()), loud.sample(400, seeded())
    assert torch.equal(one.support_x, other.support_x) and torch.equal(one.query_x, other.query_x)
    assert (one.support_y - other.support_y).std().item() == pytest.approx(0.3, abs=0.01)
    assert (one.query_y - other.query_y).std().item() == pytest.approx(0.3, abs=0.05)
    assert (one.support_x[..., -1] == 1).all() and not (one.support_x[..., 0] == 1).any()


@pytest.mark.parametrize("spread, square, fourth", [("normal", 4.0, 48.0), ("uniform", 4 / 3, 16 / 5)])
def test_inputs_have_the_moments_of_their_spread(spread, square, fourth):
    x = LinearTasks(shots=100, inputs=4, scale=2.0, spread=spread).sample(2000, seeded()).support_x.double()
    assert x.square().mean().item() == pytest.approx(square, rel=0.01)
    assert x.pow(4).mean().item() == pytest.approx(fourth, rel=0.03)
    assert abs(x.mean().item()) < 0.01


def test_a_pool_has_its_vectors_and_no_others_and_a_small_one_begins_a_large_one():
    tasks = LinearTasks(shots=8, inputs=3, pool=5)
    batch = tasks.sample(300, seeded(1))
    found = torch.linalg.lstsq(batch.support_x, batch.support_y).solution[..., 0]
    away = torch.cdist(found, tasks.weights)
    assert (away.min(dim=1).values < 1e-3).all()
    counts = away.argmin(dim=1).bincount(minlength=5)
    assert (counts > 35).all(), counts
    for inputs in (3, 20):
        pools = [LinearTasks(inputs=inputs, pool=size).weights for size in (7, 40)]
        assert torch.equal(pools[0], pools[1][:7])
    assert not torch.equal(pools[0], LinearTasks(inputs=20, pool=7, pool_seed=1).weights)


# --- the closed forms
@pytest.mark.parametrize("shots", [2, 3, 9])
def test_least_squares_is_the_shortest_solution(shots):
    batch = LinearTasks(shots=shots, inputs=3, queries=4, noise=0.1).sample(6, seeded())
    learner = RidgeRegression()
    found = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    for i, (x, y, asked, _answer) in enumerate(batch[i : i + 1] for i in range(6)):
        w = torch.linalg.lstsq(x[0].double(), y[0].double(), driver="gelsd").solution
        assert torch.allclose(found[i].double(), asked[0].double() @ w, atol=1e-5)


def test_ridge_is_the_mean_of_the_posterior():
    """Beside Gaussian conditioning: Cov(w, y) Cov(y, y)⁻¹ y, with w ~ N(0, I)."""
    batch = LinearTasks(shots=4, inputs=6, noise=0.5).sample(5, seeded())
    w = RidgeRegression(0.25).adapt(batch.support_x, batch.support_y)
    x, y = batch.support_x.double(), batch.support_y.double()
    expected = x.mT @ torch.linalg.inv(x @ x.mT + 0.25 * torch.eye(4, dtype=torch.float64)) @ y
    assert torch.allclose(w, expected)


@pytest.mark.parametrize("other", [0.0, 0.05, 1.0])
def test_no_other_ridge_does_better(other):
    tasks = LinearTasks(shots=6, noise=0.5, queries=5)
    worse = compare(RidgeRegression(other), RidgeRegression(0.25), tasks, 3000, seeded(3))
    assert worse.mean - worse.half_width > 0


def test_the_pools_posterior_is_bayes_rule():
    tasks = LinearTasks(shots=3, inputs=2, queries=4, noise=0.4, pool=5)
    batch = tasks.sample(6, seeded(2))
    learner = PoolPosterior(tasks.weights, 0.4)
    chances = learner.chances(batch.support_x, batch.support_y)
    predicted = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    for task in range(6):
        evidence = []
        for w in tasks.weights:
            normal = torch.distributions.Normal(batch.support_x[task] @ w, 0.4)
            evidence.append(normal.log_prob(batch.support_y[task, :, 0]).sum())
        expected = torch.stack(evidence).softmax(0)
        assert torch.allclose(chances[task].float(), expected, atol=1e-5)
        mean = (expected.unsqueeze(-1) * tasks.weights).sum(0)
        assert torch.allclose(predicted[task, :, 0], batch.query_x[task] @ mean, atol=1e-5)


def test_on_its_pool_it_beats_ridge_and_elsewhere_ridge_beats_it():
    pool = LinearTasks(shots=5, noise=0.5, pool=16, queries=5)
    knows, ridge = PoolPosterior(pool.weights, 0.5), RidgeRegression(0.25)
    inside = compare(ridge, knows, pool, 1000, seeded())
    outside = compare(knows, ridge, LinearTasks(shots=5, noise=0.5, queries=5), 1000, seeded())
    assert inside.mean - inside.half_width > 0.2 and outside.mean - outside.half_width > 1


# --- one layer of linear attention
@pytest.mark.parametrize("shots, inputs, queries", [(1, 1, 1), (10, 10, 1), (4, 7, 3)])
def test_with_the_right_matrices_the_layer_is_one_step_of_maml(shots, inputs, queries):
    batch = LinearTasks(shots=shots, inputs=inputs, queries=queries).sample(6, seeded())
    batch = TaskBatch(*(part.double() for part in batch))
    start = nn.Linear(inputs, 1, bias=False).double()
    nn.init.zeros_(start.weight)
    maml, layer = MAML(start, alpha=0.35), InContext(LinearAttention(inputs).gradient_step(0.7).double())
    one, other = (
        learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
        for learner in (maml, layer)
    )
    assert torch.allclose(one, other, atol=1e-13)


def test_the_layer_is_the_published_sum():
    layer = LinearAttention(2, seeded(1)).double()
    tokens = torch.randn(3, 5, 3, generator=seeded(2), dtype=torch.float64)
    q, k, v, p = (part.weight for part in (layer.query, layer.key, layer.value, layer.project))
    for sequence, found in zip(tokens, layer(tokens), strict=True):
        change = sum(torch.outer(v @ e, k @ e) @ (q @ sequence[-1]) for e in sequence)
        assert found.item() == pytest.approx((p @ change / 4)[-1].item())


# --- the transformer
def test_a_sequence_is_the_examples_and_one_query():
    batch = LinearTasks(shots=4, inputs=2, queries=3).sample(5, seeded())
    rows = sequences(batch.support_x, batch.support_y, batch.query_x)
    assert rows.shape == (5, 3, 5, 3)
    assert torch.equal(rows[2, 1, :4], torch.cat([batch.support_x[2], batch.support_y[2]], dim=-1))
    assert torch.equal(rows[2, 1, 4], torch.cat([batch.query_x[2, 1], torch.zeros(1)]))


def test_every_prefix_at_once_is_every_prefix_by_itself(network):
    tokens = torch.randn(4, 7, 4, generator=seeded(), dtype=torch.float64)
    together = network.each_prefix(tokens)
    for length in range(7):
        assert torch.allclose(network(tokens[:, : length + 1]), together[:, length], atol=1e-12)


def test_the_answer_is_not_looked_at_and_nothing_later(network):
    tokens = torch.randn(4, 7, 4, generator=seeded(), dtype=torch.float64)
    changed = tokens.clone()
    changed[:, 3, -1] += 1  # the answer of the fourth
    before, after = network.each_prefix(tokens), network.each_prefix(changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert ((before - after)[:, 4:].abs() > 1e-9).all()


def test_attention_is_softmax_of_products_with_what_the_mask_hides_left_out():
    attention = initialise(Attention(6, 2), seeded()).double()
    tokens = torch.randn(2, 4, 6, generator=seeded(1), dtype=torch.float64)
    mask = torch.ones(4, 4, dtype=torch.bool).tril()
    query, key, value = attention.read(tokens).chunk(3, dim=-1)
    heads = []
    for part in (slice(0, 3), slice(3, 6)):
        scores = query[..., part] @ key[..., part].mT / math.sqrt(3)
        heads.append(scores.masked_fill(~mask, -math.inf).softmax(-1) @ value[..., part])
    assert torch.allclose(attention(tokens, mask), attention.write(torch.cat(heads, dim=-1)), atol=1e-12)


class Summing(nn.Module):
    """Somebody else's network, of layers that metalib does not know."""

    def __init__(self):
        super().__init__()
        self.inside = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)

    def forward(self, tokens):
        return self.inside(tokens)[:, -1, -1:]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", [None, Summing], ids=["ours", "theirs"])
@pytest.mark.filterwarnings("ignore:.*runs one task after the other")
def test_tasks_and_queries_are_answered_by_themselves(make, training, network):
    net = (initialise(make(), seeded()).double() if make else network).train(training)
    learner = InContext(net)
    batch = TaskBatch(
        *(part.double() for part in LinearTasks(shots=4, inputs=3, queries=3).sample(5, seeded()))
    )
    together = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    for task in range(5):
        for query in range(3):
            examples = torch.cat([batch.support_x[task], batch.support_y[task]], dim=-1)
            asked = torch.cat([batch.query_x[task, query], torch.zeros(1, dtype=torch.float64)])
            alone = net(torch.cat([examples, asked.unsqueeze(0)]).unsqueeze(0))
            assert torch.allclose(together[task, query], alone[0], atol=1e-12)
    assert learner.is_transductive is False


def test_the_loss_of_prefixes_is_that_of_every_number_of_examples(network):
    batch = LinearTasks(shots=4, inputs=3, queries=2).sample(5, seeded())
    learner = InContext(network, prefixes=True)
    losses = learner.prefix_losses(batch)
    assert losses.shape == (5, 6) and learner.loss(batch).item() == pytest.approx(losses.mean().item())
    x, y = (
        torch.cat(pair, dim=1)
        for pair in ((batch.support_x, batch.query_x), (batch.support_y, batch.query_y))
    )
    for length in range(1, 6):
        part = TaskBatch(x[:, :length], y[:, :length], x[:, length : length + 1], y[:, length : length + 1])
        assert torch.allclose(learner.query_losses(part), losses[:, length], atol=1e-12)
    assert InContext(network).loss(batch).item() == pytest.approx(learner.query_losses(batch).mean().item())


def test_adapting_changes_nothing_and_evaluation_scores_it(network):
    before = [value.clone() for value in network.parameters()]
    score = evaluate(InContext(network), LinearTasks(shots=3, inputs=3), 20, seeded())
    assert score.metric == "loss" and score.n == 20
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_the_same_generator_gives_the_same_network():
    one, again, other = (ContextTransformer(2, 8, 1, 2, generator=seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one.embed.weight, other.embed.weight)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: LinearTasks(noise=-1), ValueError, "noise must be a finite number of at least 0, not -1"),
        (lambda: LinearTasks(scale=0), ValueError, "scale must be a finite number above 0, not 0"),
        (lambda: LinearTasks(spread="wide"), ValueError, "spread must be one of .*, not 'wide'"),
        (lambda: LinearTasks(pool=-1), ValueError, "pool must be at least 0, not -1"),
        (lambda: LinearTasks(inputs=0), ValueError, "inputs must be at least 1, not 0"),
        (lambda: LinearTasks(shots=1.5), TypeError, "shots must be a whole number, not 1.5"),
        (lambda: LinearTasks().weights, ValueError, "have no pool"),
        (lambda: RidgeRegression(-1), ValueError, "ridge must be a finite number of at least 0, not -1"),
        (lambda: PoolPosterior(torch.ones(2, 3), 0), ValueError, "noise must be a finite number above 0"),
        (lambda: InContext(lambda x: x), TypeError, "must be a torch.nn.Module"),
        (lambda: InContext(nn.Sequential(nn.BatchNorm1d(4))), ValueError, "mixes queries and tasks"),
        (lambda: InContext(nn.Linear(3, 1), prefixes=True), TypeError, "each_prefix, which Linear has not"),
        (lambda: ContextTransformer(2, width=9, heads=2), ValueError, "multiple of heads, 2, not 9"),
        (
            lambda: InContext(LinearAttention(1)).adapt(
                torch.zeros(1, 2, 1), torch.zeros(1, 2, 1, dtype=torch.long)
            ),
            TypeError,
            "needs floating targets, not torch.int64",
        ),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
