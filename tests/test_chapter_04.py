"""Chapter 4 derives gradients in its own cells. Those definitions, taken from its source, agree with
autograd, with differences and with metalib."""

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch.func import grad, hessian, vmap

import metalib

double = torch.float64


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines, with data of the test's own."""
    task = metalib.SineTasks(4, 6).task(2.0, 0.4, torch.Generator().manual_seed(9))
    data = dict(zip(("sx", "sy", "qx", "qy"), (part.flatten().double() for part in task), strict=True))
    names = {"torch": torch, "F": F, "metalib": metalib, "grad": grad, "hessian_of": hessian, "vmap": vmap}
    return definitions("04_maml_math", **names, **data)


@pytest.fixture(scope="module")
def batch():
    drawn = metalib.SineTasks(5, 6).sample(3, torch.Generator().manual_seed(0))
    return metalib.TaskBatch(*(part.double() for part in drawn))


def vector(parts):
    return torch.cat([part.detach().flatten() for part in parts])


def test_the_lines_gradient_and_hessian(chapter):
    x, y, theta = torch.randn(3, 7, generator=torch.Generator().manual_seed(1), dtype=double)

    def loss(theta):
        return F.mse_loss(theta[0] * x + theta[1], y)

    assert torch.allclose(chapter["line_gradient"](theta[:2], x, y), grad(loss)(theta[:2]))
    assert torch.allclose(chapter["line_hessian"](x), hessian(loss)(theta[:2]))


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_product_of_several_steps(chapter, steps):
    start = torch.tensor([1.5, 0.3], dtype=double)

    def after(theta):
        return chapter["wave_query"](chapter["descend"](theta, 0.05, steps)[-1])

    found = chapter["product"](chapter["descend"](start, 0.05, steps), 0.05)
    assert torch.allclose(found, grad(after)(start))
    assert torch.allclose(chapter["slopes"](after, start), found, atol=1e-6)
    if steps > 1:
        other = chapter["product"](chapter["descend"](start, 0.05, steps), 0.05, order=list)
        assert not torch.allclose(other, found, rtol=1e-3)


def test_the_network_is_the_sine_net_and_its_hessian_vector_product_is_right(chapter, batch):
    model = metalib.models.sine_net().double()
    theta = chapter["flat"](model)
    x, y = batch.support_x[0], batch.support_y[0]
    assert torch.allclose(chapter["network"](theta, x), model(x))
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=double)
    loss = chapter["loss"]
    differences = (grad(loss)(theta + 1e-6 * v, x, y) - grad(loss)(theta - 1e-6 * v, x, y)) / 2e-6
    assert torch.allclose(chapter["hvp"](theta, x, y, v), differences, atol=1e-5)


@pytest.mark.parametrize("kind", ["MAML", "ANIL", "Meta-SGD"])
def test_one_formula_for_maml_anil_and_meta_sgd(chapter, batch, kind):
    model = metalib.models.sine_net().double()
    options = {
        "MAML": {},
        "ANIL": {"adapts": lambda name: name.startswith("4.")},
        "Meta-SGD": {"learn_alpha": True},
    }
    learner = metalib.MAML(model, 0.02, **options[kind])
    alphas = torch.full((1761,), 0.02, dtype=double)
    if kind == "ANIL":
        alphas[:1720] = 0
    to_theta, to_alphas = chapter["meta_gradient"](chapter["flat"](model), batch, alphas)
    wanted = list(model.parameters()) + (list(learner.alphas) if kind == "Meta-SGD" else [])
    theirs = torch.autograd.grad(learner.loss(batch), wanted)
    assert torch.allclose(to_theta, vector(theirs[:6]), atol=1e-10)
    if kind == "Meta-SGD":
        assert torch.allclose(to_alphas, vector(theirs[6:]), atol=1e-10)


def test_the_weights_of_the_taylor_expansion(chapter):
    start, tiny = torch.tensor([1.0, 0.2], dtype=double), 1e-6
    g = grad(chapter["wave_support"])(start)
    hg = hessian(chapter["wave_support"])(start) @ g
    for k in (1, 3):
        found = chapter["three_directions"](start, tiny, k)
        for name, weight in (("MAML", 2 * k), ("first order", k), ("Reptile", (k - 1) / 2)):
            assert torch.allclose(found[name], g - weight * tiny * hg, atol=1e-9), name


def test_power_iteration_finds_the_largest_curvature(chapter, batch):
    model = metalib.models.sine_net().double()
    theta, task = chapter["flat"](model), batch[:1]
    found = chapter["largest_curvature"](theta, task, rounds=60)
    matrix = hessian(chapter["loss"])(theta, task.support_x[0], task.support_y[0])
    top = torch.lobpcg(matrix, k=1, largest=True, X=torch.ones(len(matrix), 1, dtype=double))[0]
    assert found.item() == pytest.approx(top.item(), rel=1e-2)


def test_memory_of_maml_grows_with_the_steps_and_that_of_first_order_does_not(chapter, batch):
    import weakref

    chapter["weakref"] = weakref
    kept = {
        (k, first): chapter["kilobytes_kept"](
            metalib.MAML(metalib.models.sine_net().double(), 0.01, k, first), batch
        )
        for k in (1, 2, 3)
        for first in (False, True)
    }
    assert kept[1, True] == kept[2, True] == kept[3, True]
    assert kept[3, False] - kept[2, False] == pytest.approx(kept[2, False] - kept[1, False], rel=0.01)
    assert kept[2, False] > kept[1, False] > kept[1, True]


def test_conjugate_gradients_solve_in_as_many_rounds_as_dimensions(chapter):
    root, right = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(2), dtype=double)
    matrix = root @ root.T + torch.eye(4, dtype=double)
    found = chapter["conjugate_gradients"](lambda v: matrix @ v, right[0], 4)
    assert torch.allclose(matrix @ found, right[0], atol=1e-8)


# The exercises' solutions against computations that know nothing of their formulas


def bowl(generator):
    root = torch.randn(3, 3, generator=generator)
    return root @ root.T / 3 + 0.2 * torch.eye(3), torch.randn(3, generator=generator)


def test_the_solutions_are_what_autograd_says():
    generator = torch.Generator().manual_seed(3)
    (a, c), (b, d), theta = bowl(generator), bowl(generator), torch.randn(3, generator=generator)

    def loss(point):
        return 0.5 * (point - c) @ a @ (point - c)

    def after(point, steps):
        for _step in range(steps):
            point = point - 0.1 * grad(loss)(point)
        return loss(point)

    assert torch.allclose(solution("04/bowl")(theta, a, c, 0.1), grad(after)(theta, 1), atol=1e-6)
    found = solution("04/steps")(lambda p: a @ (p - c), lambda p: a, theta, 0.1, 4)
    assert torch.allclose(found, grad(after)(theta, 4), atol=1e-6)

    def implicit(point):
        at = point
        for _step in range(300):  # an inner loop run to its end, and differentiated step by step
            at = at - 0.2 * (a @ (at - c) + 0.7 * (at - point))
        return 0.5 * (at - d) @ b @ (at - d)

    found = solution("04/implicit")(theta, a, c, b, d, 0.7)
    assert torch.allclose(found, grad(implicit)(theta), atol=1e-4)


def test_reptiles_step_is_metalibs():
    """One weight, y = w·x: the exercise's outer step is an SGD step on `metalib.Reptile`'s loss."""
    model = torch.nn.Linear(1, 1, bias=False).double()
    drawn = metalib.SineTasks(4, 3).sample(5, torch.Generator().manual_seed(4))
    batch = metalib.TaskBatch(*(part.double() for part in drawn))
    learner = metalib.Reptile(model, alpha=0.05, steps=3)
    (gradient,) = torch.autograd.grad(learner.loss(batch), [model.weight])
    x, y = (
        torch.cat(pair, dim=1)[..., 0]
        for pair in ((batch.support_x, batch.query_x), (batch.support_y, batch.query_y))
    )
    gradients = [lambda w, x=x, y=y: (2 * (w * x - y) * x).mean().view(1) for x, y in zip(x, y, strict=True)]
    moved = solution("04/reptile")(gradients, model.weight.detach().view(1), 0.05, 3, 0.4)
    assert torch.allclose(moved, (model.weight - 0.4 * gradient).view(1))
