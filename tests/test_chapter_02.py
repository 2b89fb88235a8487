"""Chapter 2 builds a neural process, a matching learner, a learned optimiser and the posterior of a Gaussian
process in its own cells. Those definitions, taken from its source, give metalib's numbers or those of a plain
computation. Its exercises take what is right, whoever wrote it, and name what is wrong."""

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib import exercises, look
from metalib.learners import neural_process_net
from metalib.tasks import GaussianProcessTasks


@pytest.fixture(scope="module")
def chapter():
    """The functions and classes that the chapter defines."""
    names = {"torch": torch, "nn": nn, "math": math, "metalib": metalib, "look": look, "exercises": exercises}
    names["GaussianProcessTasks"] = GaussianProcessTasks
    return definitions("02_core_concepts", ("functions", "centres", "waves"), **names)


@pytest.fixture
def batch():
    return metalib.SineTasks(4, 6).sample(3, torch.Generator().manual_seed(0))


def test_a_task_of_the_chapter_is_a_sine_wave(chapter):
    generator = torch.Generator().manual_seed(0)
    for _task in range(20):
        sample_examples = chapter["sample_task"](generator)
        x, y = sample_examples(50)
        basis = torch.cat([x.sin(), x.cos()], dim=1)
        fit = torch.linalg.lstsq(basis, y).solution
        assert torch.allclose(basis @ fit, y, atol=1e-4)
        assert 0.1 <= fit.norm().item() <= 5 and x.abs().max() <= 5
        assert torch.allclose(fit, torch.linalg.lstsq(*_basis(sample_examples(50))).solution, atol=1e-3)


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
    embed = nn.Sequential(nn.Linear(1, 10), nn.ReLU(), nn.Linear(10, 8))
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


def test_the_chapters_posterior_is_exact(chapter):
    tasks = chapter["functions"]
    batch = tasks.sample(2, torch.Generator().manual_seed(0))
    mean, std = chapter["posterior"](batch.support_x, batch.support_y, batch.query_x)
    sx, sy, qx, _qy = (part.double() for part in batch)
    for q in range(4):  # from the inverse of the joint covariance: σ² = 1 / Λqq, μ = −Λqs y / Λqq
        x = torch.cat([sx, qx[:, q : q + 1]], dim=1)
        precision = torch.linalg.inv(torch.exp(-(x - x.mT).square() / 2) + 0.01 * torch.eye(6))
        assert torch.allclose(std[:, q, 0], precision[:, 5, 5].rsqrt(), atol=1e-6)
        expected = -(precision[:, 5, :5] * sy[..., 0]).sum(dim=1) / precision[:, 5, 5]
        assert torch.allclose(mean[:, q, 0], expected, atol=1e-6)


def test_tasks_of_a_gaussian_process_have_the_chapters_posterior(chapter):
    batch = chapter["functions"].sample(2000, torch.Generator().manual_seed(0))
    mean, std = chapter["posterior"](batch.support_x, batch.support_y, batch.query_x)
    standard = (batch.query_y - mean) / std
    assert standard.mean().abs() < 0.03 and abs(standard.square().mean() - 1) < 0.05


def test_the_nearest_neighbour_answers_with_the_nearest_points_target(chapter, batch):
    learner = chapter["NearestNeighbour"]()
    prediction = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    for task in range(3):
        for q in range(6):
            nearest = min(
                range(4), key=lambda k: abs(batch.support_x[task, k] - batch.query_x[task, q]).item()
            )
            assert prediction[task, q] == batch.support_y[task, nearest]


def test_a_descent_follows_the_gradient_of_the_support_loss(chapter, batch):
    """With plain SGD as the rule, beside autograd."""
    rule = chapter["of_torch"](torch.optim.SGD, lr=0.1, momentum=0.5)
    learner = chapter["Descent"](rule)
    found = learner.adapt(batch.support_x, batch.support_y, steps=4, unit=3.0)
    for task in range(3):
        theta = torch.zeros(16, 1, requires_grad=True)
        optimiser = torch.optim.SGD([theta], lr=0.1, momentum=0.5)
        for _step in range(4):
            optimiser.zero_grad()
            output = chapter["bumps"](batch.support_x[task]) @ theta
            (3 * F.mse_loss(output, batch.support_y[task])).backward()
            optimiser.step()
        assert torch.allclose(found[task], theta, atol=1e-5)


def test_the_learned_rule_treats_every_weight_alike_and_can_be_trained(chapter, batch):
    rule = chapter["LearnedRule"]()
    gradient = torch.randn(3, 16, 1, generator=torch.Generator().manual_seed(0))
    step, memory = rule(gradient, None)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(rule(gradient[:, order], None)[0], step[:, order], atol=1e-6)
    again, _memory = rule(gradient, memory)
    assert not torch.allclose(again, step), "it remembers"
    chapter["Descent"](rule).loss(batch).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in rule.parameters())


def test_another_unit_of_the_loss_is_nothing_to_adam_and_a_tenth_of_the_rate_to_sgd(chapter, batch):
    def fitted(optimiser, rate, unit):
        learner = chapter["Descent"](chapter["of_torch"](optimiser, lr=rate))
        return learner.predict(learner.adapt(batch.support_x, batch.support_y, unit=unit), batch.support_x)

    for optimiser, rate in ((torch.optim.Adam, 0.5), (torch.optim.SGD, 0.05)):
        usual, tenfold = fitted(optimiser, 0.5, 1.0), fitted(optimiser, rate, 10.0)
        assert torch.allclose(usual, tenfold, atol=1e-3)


def test_multiplications_are_those_that_one_counts_by_hand():
    pytest.importorskip("torch.utils.flop_counter")
    count = metalib.models.multiplications
    batch = metalib.SineTasks(10, 1).sample(1, torch.Generator().manual_seed(0))
    process = metalib.NeuralProcess(neural_process_net(width=64))
    to_adapt, adapted = count(lambda: process.adapt(batch.support_x, batch.support_y))
    assert to_adapt == 10 * (2 * 64 + 64 * 64 + 64 * 64)
    assert count(lambda: process.predict(adapted, batch.query_x))[0] == 65 * 64 + 64 * 64 + 64 * 2
    maml = metalib.MAML(metalib.models.sine_net())
    forwards = 40 + 40 * 40 + 40
    backwards = 2 * (40 * 40 + 40) + 40  # the first layer's input needs no gradient
    for steps in (1, 3):
        to_adapt, adapted = count(lambda steps=steps: maml.adapt(batch.support_x, batch.support_y, steps))
        # With a graph to differentiate again the kept tensors are the same, and so is the work.
        assert to_adapt == steps * 10 * (forwards + backwards)
    assert count(lambda: maml.predict(adapted, batch.query_x))[0] == forwards


# --- the exercises
def test_the_interval_of_the_exercise_is_metalibs():
    learners = [metalib.MAML(metalib.models.sine_net(torch.Generator().manual_seed(s))) for s in (1, 2)]
    tasks = metalib.SineTasks(5, 5)
    values = [metalib.evaluate(one, tasks, 12, torch.Generator().manual_seed(0)).values for one in learners]
    paired = metalib.compare(*learners, tasks, 12, torch.Generator().manual_seed(0))
    assert solution("02/paired")(*values) == pytest.approx((paired.mean, paired.half_width))


def test_one_example_after_the_other_gives_the_neural_processs_description(batch):
    learner = metalib.NeuralProcess(neural_process_net(width=8))
    pairs = torch.cat([batch.support_x, batch.support_y], dim=-1)[0]
    description = torch.full((8,), 77.0)  # whatever stands there before the first example
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


def test_all_prototypes_are_protonets():
    episodes = metalib.Episodes(metalib.data.glyphs("test", by="character"), ways=4, shots=3, queries=1)
    batch = episodes.sample(1, torch.Generator().manual_seed(0))
    prototypes = metalib.ProtoNet(nn.Flatten()).adapt(batch.support_x, batch.support_y)
    one_hot = F.one_hot(batch.support_y[0], 4).float()
    found = solution("02/all-prototypes")(batch.support_x[0].flatten(1), one_hot)
    assert torch.allclose(found, prototypes[0], atol=1e-5)


# --- answers that nobody has listed
def sampler(classes=None, drawings=None, cut=None, labels=None, chance=lambda generator: generator):
    """An answer to 02/episode that goes its own way in one place."""
    classes = classes or (lambda n, ways, g: torch.randperm(n, generator=g)[:ways])
    drawings = drawings or (lambda n, g: torch.randperm(n, generator=g))
    cut = cut or (lambda order, k, q: (order[:k], order[k : k + q]))
    labels = labels or (lambda y, k, g: y.repeat_interleave(k))

    def draw_episode(images, ways, shots, queries, generator):
        g = chance(generator)
        support, query = [], []
        for c in classes(len(images), ways, g):
            shown, asked = cut(drawings(images.shape[1], g), shots, queries)
            support.append(images[c, shown])
            query.append(images[c, asked])
        y = torch.arange(ways)
        return torch.cat(support), labels(y, shots, g), torch.cat(query), labels(y, queries, g)

    return draw_episode


def without_a_loop(images, ways, shots, queries, generator):
    count = shots + queries
    classes = torch.rand(len(images), generator=generator).topk(ways).indices
    drawings = torch.rand(ways, images.shape[1], generator=generator).argsort(dim=1)[:, :count]
    x, y = images[classes[:, None], drawings], torch.arange(ways)[:, None].expand(ways, count)
    return [part.flatten(0, 1) for part in (x[:, :shots], y[:, :shots], x[:, shots:], y[:, shots:])]


def in_another_order(images, ways, shots, queries, generator):
    sx, sy, qx, qy = sampler()(images, ways, shots, queries, generator)
    one, two = (torch.randperm(len(y), generator=generator) for y in (sy, qy))
    return sx[one], sy[one].int(), qx[two], qy[two].int()


EPISODES = {
    "`generator` was not used": sampler(chance=lambda g: torch.Generator().manual_seed(0)),
    "seeded anew": sampler(chance=lambda g: g.manual_seed(3)),
    "Some of the chance does not come": sampler(drawings=lambda n, g: torch.randperm(n)),
    "Some classes never come": sampler(classes=lambda n, w, g: 1 + torch.randperm(n - 1, generator=g)[:w]),
    "Labels are whole numbers": sampler(labels=lambda y, k, g: y.repeat_interleave(k).float()),
    "one class in the support set and another in the query": sampler(
        labels=lambda y, k, g: y[torch.randperm(len(y), generator=g)].repeat_interleave(k)
    ),
    "beside drawings of different classes": sampler(
        labels=lambda y, k, g: y.repeat(k)[torch.randperm(k * len(y), generator=g)]
    ),
    "follow the order of the classes": sampler(
        classes=lambda n, w, g: torch.randperm(n, generator=g)[:w].sort(descending=True).values
    ),
    "in both sets": sampler(cut=lambda order, k, q: (order[:k], order[k - 1 : k - 1 + q])),
    "never in a support set": sampler(drawings=lambda n, g: torch.randperm(n - 1, generator=g)),
}


@pytest.mark.parametrize("answer", [sampler(), without_a_loop, in_another_order])
def test_a_right_sampler_passes_whatever_its_shape(answer):
    outcome = exercises.get("02/episode").judge(answer)
    assert outcome.status == "passed", outcome.message


@pytest.mark.parametrize("said", EPISODES)
def test_a_wrong_sampler_is_told_which_rule_it_breaks(said):
    outcome = exercises.get("02/episode").judge(EPISODES[said])
    assert outcome.status == "rejected" and said in outcome.message


def test_the_mean_starts_from_whatever_stands_there():
    def starts_from_zeros(description, n, encoded):
        return description + encoded if n == 0 else (n * description + encoded) / (n + 1)

    assert exercises.get("02/one-more-example").judge(starts_from_zeros).status == "rejected"
    for right in (
        lambda description, n, encoded: torch.lerp(description, encoded, 1 / (n + 1)),
        lambda description, n, encoded: ((n * description + encoded) / (n + 1)).numpy(),
    ):
        assert exercises.get("02/one-more-example").judge(right).status == "passed"


def test_a_loop_over_the_classes_is_seen():
    def loop(embeddings, one_hot):
        return torch.stack([embeddings[one_hot[:, c] == 1].mean(dim=0) for c in range(one_hot.shape[1])])

    outcome = exercises.get("02/all-prototypes").judge(loop)
    assert outcome.status == "rejected" and "loop" in outcome.message
    for right in (
        lambda x, one_hot: torch.einsum("sn,sd->nd", one_hot / one_hot.sum(dim=0), x),
        lambda x, one_hot: torch.linalg.lstsq(one_hot, x).solution,
    ):
        assert exercises.get("02/all-prototypes").judge(right).status == "passed"


def test_a_probability_may_be_a_fraction():
    assert exercises.get("02/coin").judge(lambda heads, n: Fraction(heads + 1, n + 2)).status == "passed"
