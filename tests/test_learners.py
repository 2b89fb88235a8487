"""What learners promise beyond the gradient: transductive or not, ProtoNet against brute force, sentences for
bad input."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from metalib import (
    MAML,
    Episodes,
    FromScratch,
    JointTraining,
    NearestCentroid,
    ProtoNet,
    Reptile,
    SineTasks,
    TaskBatch,
)
from metalib.learners import Guarded, SmoothCurve, task_losses
from metalib.learners.metric import DISTANCES
from metalib.models import conv4, count_parameters, sine_net


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def episodes(ways=3, shots=2, queries=4, size=16):
    images = torch.randint(0, 256, (12, 8, 1, size, size), dtype=torch.uint8, generator=generator(9))
    return Episodes(images, ways, shots, queries)


LEARNERS = {
    "MAML": lambda: MAML(conv4(8, norm="batch-statistics", size=16, ways=3), alpha=0.4),
    "Reptile": lambda: Reptile(conv4(8, norm="batch-statistics", size=16, ways=3), alpha=0.4),
    "JointTraining": lambda: JointTraining(conv4(8, norm="group", size=16, ways=3), alpha=0.4),
    "FromScratch": lambda: FromScratch(conv4(8, norm=None, size=16, ways=3), alpha=0.4),
    "ProtoNet": lambda: ProtoNet(conv4(8, size=16)),
    "NearestCentroid": lambda: NearestCentroid(conv4(8, size=16), features=8, classes=12),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_keeps_the_protocol(name):
    learner, batch = LEARNERS[name](), episodes().sample(2, generator())
    logits = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    assert logits.shape == (2, 12, 3)
    assert learner.query_losses(batch).shape == (2,)
    assert learner.loss(batch).shape == ()
    assert isinstance(learner.is_transductive, bool)


# --- transduction
def depends_on_other_queries(learner, batch):
    adapted = learner.adapt(batch.support_x, batch.support_y)
    return not torch.allclose(
        learner.predict(adapted, batch.query_x)[:, :1],
        learner.predict(adapted, batch.query_x[:, :1]),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "make, transductive",
    [
        (lambda: MAML(conv4(8, norm="batch-statistics", size=16, ways=3)), True),
        (lambda: MAML(conv4(8, norm="batch-statistics", size=16, ways=3), transductive=False), False),
        (lambda: MAML(conv4(8, norm="group", size=16, ways=3)), False),
        (lambda: ProtoNet(conv4(8, size=16)).train(), True),
        (lambda: ProtoNet(conv4(8, size=16)).eval(), False),
        (lambda: ProtoNet(conv4(8, norm="batch-statistics", size=16)).eval(), True),
    ],
)
def test_transductive_is_what_the_learner_says(make, transductive):
    learner = make()
    assert learner.is_transductive is transductive
    assert depends_on_other_queries(learner, episodes().sample(2, generator())) is transductive


def test_alone_means_the_support_set_and_one_query():
    learner = MAML(conv4(8, norm="batch-statistics", size=16, ways=3), alpha=0.4, transductive=False)
    batch = episodes().sample(2, generator())
    adapted = learner.adapt(batch.support_x, batch.support_y)
    found = learner.predict(adapted, batch.query_x)
    for task in range(2):
        for query in range(3):
            both = torch.cat([batch.support_x[task], batch.query_x[task, query : query + 1]])
            one = torch.func.functional_call(
                learner.model, {n: v[task] for n, v in adapted.items()}, (both,)
            )[-1]
            assert torch.allclose(found[task, query], one, atol=1e-5)


def test_running_statistics_would_mix_tasks_and_are_refused():
    with pytest.raises(ValueError, match="track_running_stats=False"):
        MAML(conv4(8, ways=3))


def test_adapting_leaves_the_buffers_alone():
    learner, batch = ProtoNet(conv4(8, size=16)).eval(), episodes().sample(2, generator())
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())


# --- the smoothest curve, and the guard
def test_the_smoothest_curve_is_the_closed_form():
    task = SineTasks(6, 4).sample(2, torch.Generator().manual_seed(0))
    method = SmoothCurve(length=1.5, ridge=1e-4)
    got = method.predict(method.adapt(task.support_x, task.support_y), task.query_x)
    for i in range(2):
        x, y, q = (part[i, :, 0].double().numpy() for part in (task.support_x, task.support_y, task.query_x))
        gram = np.exp(-((x[:, None] - x[None]) ** 2) / (2 * 1.5**2)) + 1e-4 * np.eye(6)
        expected = np.exp(-((q[:, None] - x[None]) ** 2) / (2 * 1.5**2)) @ np.linalg.inv(gram) @ y
        np.testing.assert_allclose(got[i, :, 0].numpy(), expected, atol=1e-4)
    alone = SmoothCurve(length=1.5)
    fitted = alone.predict(alone.adapt(task.support_x, task.support_y), task.support_x)
    assert torch.allclose(fitted, task.support_y, atol=1e-3), "it goes through its points"


@pytest.mark.parametrize("alpha, steps", [(0.2, 3), (0.06, 14)])
def test_the_guard_takes_back_what_explodes_and_nothing_else(alpha, steps):
    tasks = SineTasks(3, 20).sample(40, torch.Generator().manual_seed(0))
    learner = MAML(sine_net(), alpha=alpha, steps=steps, first_order=True)
    with torch.no_grad():
        adapted = Guarded(learner).adapt(tasks.support_x, tasks.support_y)
        path = learner.adapt_path(tasks.support_x, tasks.support_y)
        losses = torch.stack(
            [task_losses(learner.predict(fast, tasks.support_x), tasks.support_y) for fast in path]
        )
    bad = ~((losses[:11] <= 10 * losses[0]).all(dim=0) & (losses[-1] <= losses[0]))
    assert 0 < bad.sum() < 40
    for name, value in adapted.items():
        assert torch.equal(value[bad], path[0][name][bad])
        assert torch.equal(value[~bad], path[-1][name][~bad])


# --- metric learners
def distance_by_hand(kind, q, p):
    difference = [a - b for a, b in zip(q.tolist(), p.tolist(), strict=True)]
    if kind == "cosine":
        return (
            1 - sum(a * b for a, b in zip(q.tolist(), p.tolist(), strict=True)) / (q.norm() * p.norm()).item()
        )
    squared = sum(d * d for d in difference)
    return squared if kind == "squared_euclidean" else math.sqrt(squared)


@pytest.mark.parametrize("kind", DISTANCES)
def test_protonet_equals_brute_force(kind):
    batch = TaskBatch(
        *(t.double() if t.is_floating_point() else t for t in episodes(size=4).sample(2, generator()))
    )
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 5)).double()
    learner = ProtoNet(encoder, distance=kind, temperature=0.5)
    prototypes = learner.adapt(batch.support_x, batch.support_y)
    logits = learner.predict(prototypes, batch.query_x)
    for task in range(2):
        for label in range(3):
            members = [
                encoder(x.unsqueeze(0))[0]
                for x, y in zip(batch.support_x[task], batch.support_y[task], strict=True)
                if y == label
            ]
            assert torch.allclose(prototypes[task, label], sum(members) / len(members))
            for i, x in enumerate(batch.query_x[task]):
                expected = -distance_by_hand(kind, encoder(x.unsqueeze(0))[0], prototypes[task, label]) / 0.5
                assert logits[task, i, label].item() == pytest.approx(expected, rel=1e-9)
    log_probability = logits.log_softmax(-1).gather(-1, batch.query_y.unsqueeze(-1))
    assert learner.loss(batch).item() == pytest.approx(-log_probability.mean().item())


@pytest.mark.parametrize("channels", [1, 3])
def test_one_task_alone_is_run_as_among_others(channels):
    """One task takes a shorter way, without vmap: the same predictions and meta-gradient."""
    batch = episodes().sample(2, generator())
    learner = MAML(conv4(8, channels, norm="batch-statistics", size=16, ways=3), alpha=0.4, steps=2).double()
    tint = torch.rand(channels, 1, 1, generator=generator(), dtype=torch.float64)
    batch = TaskBatch(*(tint * part.double() if part.is_floating_point() else part for part in batch))
    together = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    (gradient,) = torch.autograd.grad(learner.loss(batch), [next(learner.parameters())])
    alone = [batch[i : i + 1] for i in range(2)]
    predictions = [learner.predict(learner.adapt(b.support_x, b.support_y), b.query_x) for b in alone]
    torch.testing.assert_close(torch.cat(predictions), together)
    mean = sum(learner.loss(b) for b in alone) / 2
    torch.testing.assert_close(torch.autograd.grad(mean, [next(learner.parameters())])[0], gradient)


@pytest.mark.parametrize("rotations", [False, True])
def test_embedding_every_drawing_once_changes_no_answer(rotations):
    images = torch.randint(256, (7, 6, 1, 16, 16), generator=generator()).byte()
    tasks = Episodes(images, ways=5, shots=2, queries=3, rotations=rotations)
    learner = ProtoNet(conv4(8, size=16), "cosine", temperature=0.3).eval()
    quick, embedded = learner.embed_once(tasks)
    plain, once = (t.sample(20, generator()) for t in (tasks, embedded))
    assert torch.equal(plain.query_y, once.query_y) and once.query_x.shape == (20, 15, 8)
    torch.testing.assert_close(
        quick.predict(quick.adapt(once.support_x, once.support_y), once.query_x),
        learner.predict(learner.adapt(plain.support_x, plain.support_y), plain.query_x),
        rtol=1e-4,
        atol=1e-5,
    )


def test_batch_statistics_cannot_be_embedded_once():
    tasks = Episodes(torch.zeros(7, 6, 1, 16, 16, dtype=torch.uint8), queries=3)
    with pytest.raises(ValueError, match="statistics of the batch"):
        ProtoNet(conv4(8, size=16)).train().embed_once(tasks)


def test_mixed_precision_trains_in_bfloat16_and_judges_in_float32():
    batch = episodes().sample(2, generator())
    exact, mixed = (ProtoNet(conv4(8, size=16), mixed_precision=choice) for choice in (False, True))
    losses = exact.loss(batch), mixed.loss(batch)
    assert losses[0] != losses[1] and losses[1].item() == pytest.approx(losses[0].item(), rel=0.02)
    flat = [
        torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(learner.parameters()))])
        for loss, learner in zip(losses, (exact, mixed), strict=True)
    ]
    assert flat[1].dtype == torch.float32
    assert torch.cosine_similarity(*flat, dim=0) > 0.95
    mixed.load_state_dict(exact.state_dict())
    assert torch.equal(exact.eval().query_losses(batch), mixed.eval().query_losses(batch))


def test_a_distance_of_ones_own():
    learner = ProtoNet(nn.Flatten(), distance=lambda q, p: (q.unsqueeze(2) - p.unsqueeze(1)).abs().sum(-1))
    batch = episodes().sample(2, generator())
    assert learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x).shape == (2, 12, 3)


def test_support_in_any_order_gives_the_same_prototypes():
    learner, batch = ProtoNet(conv4(8, size=16)).eval(), episodes().sample(2, generator())
    order = torch.randperm(batch.support_y.shape[1], generator=generator())
    assert torch.allclose(
        learner.adapt(batch.support_x, batch.support_y),
        learner.adapt(batch.support_x[:, order], batch.support_y[:, order]),
        atol=1e-6,
    )


def test_a_class_without_support_is_named():
    with pytest.raises(ValueError, match="at least one support example"):
        ProtoNet(nn.Flatten()).adapt(torch.rand(2, 2, 1, 4, 4), torch.tensor([[0, 1], [1, 1]]))


def test_nearest_centroid_learns_to_tell_all_classes_apart():
    images = torch.zeros(4, 6, 1, 4, 4, dtype=torch.uint8)
    for c in range(4):
        images[c, :, :, c] = 255
    learner = NearestCentroid(nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), features=8, classes=4)
    tasks = Episodes(images, ways=4, shots=1, queries=1, global_labels=True)
    optimiser = torch.optim.Adam(learner.parameters(), lr=0.05)
    g = generator()
    before = learner.loss(tasks.sample(4, g)).item()
    for _ in range(40):
        optimiser.zero_grad()
        learner.loss(tasks.sample(4, g)).backward()
        optimiser.step()
    assert learner.loss(tasks.sample(4, g)).item() < 0.2 * before


# --- losses
def test_task_losses_by_hand():
    prediction, target = (
        torch.tensor([[[1.0], [3.0]], [[0.0], [0.0]]]),
        torch.tensor([[[0.0], [1.0]], [[2.0], [0.0]]]),
    )
    assert task_losses(prediction, target).tolist() == [2.5, 2.0]
    logits = torch.tensor([[[0.0, 0.0], [2.0, 0.0]]])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert task_losses(logits, torch.tensor([[0, 1]])).item() == pytest.approx(expected)
    assert task_losses(prediction, target, torch.nn.functional.l1_loss).tolist() == [1.5, 1.0]


@pytest.mark.parametrize(
    "prediction, target",
    [
        (torch.zeros(2, 3), torch.zeros(2, 3, 1)),
        (torch.zeros(2, 3, 1), torch.zeros(2, 3, dtype=torch.long)[:, :2]),
        (torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long)),
    ],
)
def test_shapes_that_broadcast_by_accident_are_refused(prediction, target):
    with pytest.raises(ValueError, match="shape"):
        task_losses(prediction, target)


# --- sentences for bad input
@pytest.mark.parametrize(
    "make, error, words",
    [
        (
            lambda: MAML(sine_net(), alpha=math.nan),
            ValueError,
            "alpha must be a finite number of at least 0, not nan",
        ),
        (lambda: MAML(sine_net(), alpha=-0.1), ValueError, "not -0.1"),
        (lambda: MAML(sine_net(), alpha=math.inf), ValueError, "not inf"),
        (lambda: MAML(sine_net(), alpha="0.1"), TypeError, "alpha must be a number, not '0.1'"),
        (lambda: MAML(sine_net(), steps=-1), ValueError, "steps must be at least 0, not -1"),
        (lambda: MAML(sine_net(), steps=1.0), TypeError, "steps must be a whole number, not 1.0"),
        (
            lambda: MAML(sine_net(), adapts=lambda name: False),
            ValueError,
            "refuses every parameter.*0.weight",
        ),
        (lambda: MAML("net"), TypeError, "torch.nn.Module, not str"),
        (lambda: MAML(nn.ReLU()), ValueError, "no parameters"),
        (lambda: ProtoNet(nn.Flatten(), distance="manhattan"), ValueError, "squared_euclidean.*'manhattan'"),
        (lambda: ProtoNet(nn.Flatten(), temperature=0), ValueError, "temperature must be positive, not 0"),
        (lambda: conv4(norm="layer"), ValueError, "'layer'"),
    ],
)
def test_bad_input_gets_one_sentence(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_an_ordinary_shape_error_stays_what_it_is():
    batch = TaskBatch(torch.zeros(2, 3, 7), torch.zeros(2, 3, 1), torch.zeros(2, 3, 7), torch.zeros(2, 3, 1))
    with pytest.raises(RuntimeError) as caught:
        MAML(sine_net()).loss(batch)
    assert "shapes cannot be multiplied" in str(caught.value)


# --- models
def test_models_are_the_published_ones_and_always_the_same():
    assert count_parameters(sine_net()) == 1 * 40 + 40 + 40 * 40 + 40 + 40 + 1
    assert conv4()(torch.rand(2, 1, 28, 28)).shape == (2, 64)
    assert count_parameters(conv4()) == 111_936  # four blocks of 64 with batch normalisation
    assert conv4(32, downsample="stride", ways=5)(torch.rand(2, 1, 28, 28)).shape == (2, 5)
    one, two, other = sine_net(), sine_net(generator(0)), sine_net(generator(1))
    assert torch.equal(one[0].weight, two[0].weight) and not torch.equal(one[0].weight, other[0].weight)
