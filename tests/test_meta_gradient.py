"""Fast weights and meta-gradients in float64, against four independent judges: loop, closed form, finite
differences, hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.loop import maml_loss
from metalib import MAML, FromScratch, JointTraining, Reptile, SineTasks, TaskBatch
from metalib.learners import batched
from metalib.models import conv4, initialise


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def smooth_net(seed=0):
    """A small net without kinks, so that finite differences are sharp."""
    return initialise(
        nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)),
        generator(seed),
    ).double()


class Residual(nn.Module):
    """Not a Sequential, with a bare parameter: runs through vmap as a whole."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.7]))
        self.body = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x):
        return self.scale * x + self.body(x)


def sines(n_tasks=4, shots=5, queries=6, seed=0):
    return TaskBatch(*(part.double() for part in SineTasks(shots, queries).sample(n_tasks, generator(seed))))


def pictures(n_tasks=3, ways=3, shots=2, queries=2):
    g = generator(5)
    y = (
        torch.arange(ways).repeat_interleave(shots).expand(n_tasks, -1),
        torch.arange(ways).repeat_interleave(queries).expand(n_tasks, -1),
    )
    return TaskBatch(
        torch.rand(n_tasks, ways * shots, 1, 8, 8, generator=g).double(),
        y[0],
        torch.rand(n_tasks, ways * queries, 1, 8, 8, generator=g).double(),
        y[1],
    )


def meta_gradient(learner, batch):
    parameters = list(learner.parameters())
    gradient = torch.autograd.grad(learner.loss(batch), parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in gradient])


def finite_differences(learner, batch, eps=1e-6):
    """Central differences of the meta-loss in every single meta-parameter."""
    slopes = []
    for parameter in learner.parameters():
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            value = flat[i].item()
            flat[i] = value + eps
            above = learner.loss(batch).item()
            flat[i] = value - eps
            below = learner.loss(batch).item()
            flat[i] = value
            slopes.append((above - below) / (2 * eps))
    return torch.tensor(slopes, dtype=torch.float64)


@pytest.mark.parametrize("model", [smooth_net, lambda: Residual().double()], ids=["sequential", "any module"])
@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_all_tasks_at_once_equal_the_loop(model, steps, first_order):
    learner, batch = MAML(model(), alpha=0.1, steps=steps, first_order=first_order), sines()
    loop = maml_loss(learner.model, batch, 0.1, steps, first_order)
    assert torch.allclose(learner.loss(batch), loop, rtol=1e-12)
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(loop, list(learner.parameters()))])
    assert torch.allclose(meta_gradient(learner, batch), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "norm, downsample", [("batch-statistics", "stride"), ("group", "pool"), (None, "stride")]
)
def test_convolutions_equal_the_loop(norm, downsample):
    size = 16 if downsample == "pool" else 8
    model = conv4(8, norm=norm, downsample=downsample, ways=3, size=size).double()
    batch = pictures()
    if size == 16:
        batch = TaskBatch(
            *(
                F.interpolate(t.flatten(0, 1), size=16).unflatten(0, t.shape[:2]) if t.dim() == 5 else t
                for t in batch
            )
        )
    learner = MAML(model, alpha=0.4, steps=2)
    loop = maml_loss(model, batch, 0.4, 2)
    assert torch.allclose(learner.loss(batch), loop, rtol=1e-10)
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(loop, list(learner.parameters()))])
    assert torch.allclose(meta_gradient(learner, batch), expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(
    "options",
    [
        dict(steps=1),
        dict(steps=3),
        dict(steps=2, learn_alpha=True),
        dict(steps=2, adapts=lambda name: name.startswith("4.")),
        dict(steps=2, adapts=lambda name: name.startswith("4."), learn_alpha=True),
    ],
    ids=["MAML 1", "MAML 3", "Meta-SGD", "ANIL", "ANIL with learned alpha"],
)
def test_meta_gradient_is_the_slope_of_the_meta_loss(options):
    learner, batch = MAML(smooth_net(), alpha=0.1, **options), sines()
    assert torch.allclose(
        meta_gradient(learner, batch), finite_differences(learner, batch), rtol=1e-5, atol=1e-7
    )


def test_meta_sgd_learns_alpha_and_the_gradient_reaches_it():
    learner, batch = MAML(smooth_net(), alpha=0.1, learn_alpha=True), sines()
    learner.loss(batch).backward()
    assert len(learner.alphas) == 6 and all(
        a.shape == p.shape for a, p in zip(learner.alphas, learner.model.parameters(), strict=True)
    )
    assert all(a.grad.abs().sum() > 0 for a in learner.alphas)
    same = MAML(learner.model, alpha=0.1)
    assert torch.equal(learner.loss(batch), same.loss(batch))


def test_anil_moves_the_last_layer_only():
    learner, batch = (
        MAML(smooth_net(), alpha=0.1, steps=2, adapts=lambda name: name.startswith("4.")),
        sines(),
    )
    adapted = learner.adapt(batch.support_x, batch.support_y)
    assert set(adapted) == {"4.weight", "4.bias"} and adapted["4.weight"].shape == (4, 1, 4)
    assert not torch.allclose(adapted["4.weight"][0], adapted["4.weight"][1])
    learner.loss(batch).backward()
    assert all(
        p.grad.abs().sum() > 0 for p in learner.parameters()
    )  # the body learns outside, though not inside


class Point(nn.Module):
    """A model that predicts its own parameter: the loss of a task is a quadratic in it."""

    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, x):
        return x * self.theta


@pytest.mark.parametrize("steps", [1, 4])
def test_closed_form_on_a_quadratic(steps):
    # L(θ) = mean (xθ − y)² = h/2 (θ − c)² + const in each coordinate, with h = 2·mean x² and c the solution
    # of least squares. One step: θ′ − c = (1 − αh)(θ − c); so θ′ = c + (1 − αh)^k (θ − c), and by the chain
    # rule the meta-gradient is (1 − αh)^k · h_q (θ′ − c_q) with h_q, c_q of the query set. First order leaves
    # the factor out.
    g, alpha, theta = generator(3), 0.15, [0.8, -1.2]
    batch = TaskBatch(*(torch.rand(3, 6, 2, generator=g, dtype=torch.float64) + 0.2 for _ in range(4)))

    def quadratic(x, y):  # a mean over the examples and over the two outputs
        return 2 * x.square().mean(dim=1) / 2, (x * y).sum(dim=1) / x.square().sum(dim=1)

    (h, c), (h_q, c_q) = quadratic(batch.support_x, batch.support_y), quadratic(batch.query_x, batch.query_y)
    factor = (1 - alpha * h) ** steps
    adapted = c + factor * (torch.tensor(theta, dtype=torch.float64) - c)
    query_gradient = h_q * (adapted - c_q)
    for first_order, expected in ((False, factor * query_gradient), (True, query_gradient)):
        learner = MAML(Point(theta), alpha=alpha, steps=steps, first_order=first_order)
        assert torch.allclose(learner.adapt(batch.support_x, batch.support_y)["theta"], adapted, rtol=1e-12)
        assert torch.allclose(meta_gradient(learner, batch), expected.mean(dim=0), rtol=1e-10)
    assert not torch.allclose(factor, torch.ones_like(factor), atol=1e-2)


def test_first_order_is_the_query_gradient_at_the_adapted_point():
    learner, batch = MAML(smooth_net(), alpha=0.1, steps=3, first_order=True), sines()
    adapted = {
        name: value.detach().requires_grad_()
        for name, value in learner.adapt(batch.support_x, batch.support_y).items()
    }
    loss = F.mse_loss(batched.forward(learner.model, adapted, batch.query_x), batch.query_y)
    expected = torch.cat([g.sum(dim=0).flatten() for g in torch.autograd.grad(loss, list(adapted.values()))])
    found = meta_gradient(learner, batch)
    assert torch.allclose(found, expected, rtol=1e-10)
    learner.first_order = False
    second = meta_gradient(learner, batch)
    assert torch.nn.functional.cosine_similarity(found, second, dim=0) < 0.999, (
        "first and second order must differ here"
    )


def test_first_and_second_order_agree_where_there_are_no_steps():
    batch = sines()
    gradients = [meta_gradient(MAML(smooth_net(), steps=0, first_order=f), batch) for f in (False, True)]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("steps", [1, 4])
def test_reptile_points_from_the_adapted_weights_to_theta(steps):
    learner, batch = Reptile(smooth_net(), alpha=0.1, steps=steps), sines()
    x, y = torch.cat([batch.support_x, batch.query_x], 1), torch.cat([batch.support_y, batch.query_y], 1)
    moved = []
    for task in range(len(batch)):  # plain gradient descent on one task after the other
        model = smooth_net()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        for _step in range(steps):
            optimiser.zero_grad()
            F.mse_loss(model(x[task]), y[task]).backward()
            optimiser.step()
        moved.append(nn.utils.parameters_to_vector(model.parameters()))
    theta = nn.utils.parameters_to_vector(learner.parameters())
    assert torch.allclose(
        meta_gradient(learner, batch), theta - torch.stack(moved).mean(dim=0), rtol=1e-9, atol=1e-13
    )
    after = learner.predict(learner.adapt(x, y), x)
    assert torch.allclose(learner.loss(batch), F.mse_loss(after, y))


def test_joint_training_has_the_plain_gradient():
    learner, batch = JointTraining(smooth_net(), alpha=0.1), sines()
    x, y = torch.cat([batch.support_x, batch.query_x], 1), torch.cat([batch.support_y, batch.query_y], 1)
    expected = torch.autograd.grad(
        F.mse_loss(learner.model(x.flatten(0, 1)), y.flatten(0, 1)), list(learner.parameters())
    )
    assert torch.allclose(
        meta_gradient(learner, batch), torch.cat([g.flatten() for g in expected]), rtol=1e-10
    )


def test_from_scratch_has_nothing_to_train():
    learner = FromScratch(smooth_net(), alpha=0.1, steps=2)
    assert not any(p.requires_grad for p in learner.parameters())
    x, y, *_query = sines()
    before, after = (F.mse_loss(learner.predict(learner.adapt(x, y, steps=steps), x), y) for steps in (0, 20))
    assert after < before  # and it adapts all the same


def test_the_path_is_every_point_of_the_way():
    learner, batch = MAML(smooth_net(), alpha=0.1, steps=3), sines()
    path = learner.adapt_path(batch.support_x, batch.support_y)
    assert len(path) == 4
    for steps, point in enumerate(path):
        alone = learner.adapt(batch.support_x, batch.support_y, steps=steps)
        assert all(torch.equal(point[name], alone[name]) for name in point)
    assert torch.equal(path[0]["0.weight"][2], learner.model[0].weight)


def test_adapting_leaves_theta_alone_and_needs_no_graph():
    learner, batch = MAML(smooth_net(), alpha=0.1, steps=2), sines()
    before = [p.clone() for p in learner.parameters()]
    with torch.no_grad():
        free = learner.adapt(batch.support_x, batch.support_y)
    held = learner.adapt(batch.support_x, batch.support_y)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.parameters(), strict=True))
    assert not free["0.weight"].requires_grad and held["0.weight"].requires_grad
    assert torch.equal(free["0.weight"], held["0.weight"])
