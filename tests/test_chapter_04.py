"""Chapter 4 derives gradients in its own cells. Those definitions, taken from its source, agree with
autograd, with differences and with metalib. Its cells can be run again in any order, and what it says of the
figures it prints is so."""

import contextlib
import io
import re

import nbformat
import pytest
import torch
import torch.nn.functional as F
from chapter_code import SOURCES, definitions, solution
from torch.func import grad, hessian, vjp, vmap
from torch.nn.utils import parameters_to_vector

import metalib
from metalib import exercises, graph, look

double = torch.float64


@pytest.fixture(scope="module")
def chapter():
    """The functions that the chapter defines, with data of the test's own."""
    task = metalib.SineTasks(4, 6).task(2.0, 0.4, torch.Generator().manual_seed(9))
    data = dict(zip(("sx", "sy", "qx", "qy"), (part.flatten().double() for part in task), strict=True))
    modules = {"torch": torch, "F": F, "metalib": metalib, "graph": graph, "look": look}
    functions = {"grad": grad, "hessian": hessian, "vmap": vmap, "parameters_to_vector": parameters_to_vector}
    return definitions("04_maml_math", ("double",), **modules, **functions, **data)


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

    path = chapter["descend"](start, 0.05, steps)
    end = grad(chapter["wave_query"])(path[-1])
    found = chapter["walk_back"](path, 0.05, end)
    assert torch.allclose(found, grad(after)(start))
    assert torch.allclose(chapter["differences"](after, start), found, atol=1e-6)
    if steps > 1:
        other = chapter["walk_back"](path, 0.05, end, order=list)
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
    found = chapter["largest_curvature"](theta[None], task, rounds=60)
    matrix = hessian(chapter["loss"])(theta, task.support_x[0], task.support_y[0])
    top = torch.lobpcg(matrix, k=1, largest=True, X=torch.ones(len(matrix), 1, dtype=double))[0]
    assert found.item() == pytest.approx(top.item(), rel=1e-2)


@pytest.mark.parametrize("first_order", [False, True])
def test_the_spelled_out_meta_loss_is_metalibs_and_keeps_memory_as_the_chapter_says(
    chapter, batch, first_order
):
    model, one = metalib.models.sine_net().double(), batch[:1]
    parts = dict(zip(("one_x", "one_y", "other_x", "other_y"), (part[0] for part in one), strict=True))
    chapter.update(parts)
    theta = chapter["flat"](model).requires_grad_()
    learner = metalib.MAML(model, 0.001, 3, first_order)
    (own,) = torch.autograd.grad(chapter["meta_loss"](theta, 3, first_order), theta)
    theirs = torch.autograd.grad(learner.loss(one), list(model.parameters()))
    assert torch.allclose(own, vector(theirs), atol=1e-12)

    kept = [
        graph.kilobytes_kept(lambda k=k: chapter["meta_loss"](theta, k, first_order)) for k in (1, 2, 3, 4)
    ]
    more = [after - before for before, after in zip(kept, kept[1:], strict=False)]
    assert more == pytest.approx([0] * 3 if first_order else [more[0]] * 3, rel=0.01)
    assert first_order or more[0] > 10


def test_conjugate_gradients_solve_in_as_many_rounds_as_dimensions(chapter):
    root, right = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(2), dtype=double)
    matrix = root @ root.T + torch.eye(4, dtype=double)
    found = chapter["conjugate_gradients"](lambda v: matrix @ v, right[0], 4)
    assert torch.allclose(matrix @ found, right[0], atol=1e-8)


# The chapter as a whole


def cells():
    """The chapter's code, cell by cell; exercises and the quiz left out."""
    text = (SOURCES / "04_maml_math.md").read_text(encoding="utf-8")
    found = re.findall(r"```\{code-cell\}\n(.*?)```", text, re.DOTALL)
    return [cell for cell in found if not re.search(r"^04/", cell, re.MULTILINE)]


@pytest.mark.slow
def test_every_cell_can_be_run_again_after_the_chapter_and_says_the_same():
    """In the reverse order, so that each meets what all the later ones have left behind."""
    names = {"torch": torch, "metalib": metalib, "exercises": exercises}

    def said(cell):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(re.sub(r"^:\w+:.*\n", "", cell, flags=re.MULTILINE), names)
        return output.getvalue()

    code = cells()
    first = [said(cell) for cell in code]
    for cell, before in reversed(list(zip(code, first, strict=True))):
        again = said(cell)
        assert again == before or "volatile" in cell, cell
        assert len(again) < 2000, cell


def test_the_figures_that_the_prose_quotes_are_printed():
    cells = nbformat.read(SOURCES.parent / "04_maml_math.ipynb", as_version=4).cells
    parts = [output for cell in cells for output in cell.get("outputs", [])]
    printed = " ".join(output.get("text") or output.data.get("text/plain", "") for output in parts)
    table = re.findall(r"(?:random|joint|maml|fomaml|reptile) +\d+ .* of 40 .*", printed)
    for name, *figures in (
        ("random", "26"), ("joint", "82"), ("maml", "233", "33 of 40", "162", "2.44", "0.24"),
        ("fomaml", "177"), ("reptile", "180"),
    ):  # fmt: skip
        (row,) = [row for row in table if row.startswith(name)]
        assert all(figure in row for figure in figures), row
    for line in (
        r"maml +70000 iterations of +1 .* after 1: 0\.55",
        r"fomaml +70000 iterations of +1 .* after 1: 0\.77",
        r"reptile +20000 iterations of +10 ", r"joint +70000 iterations of +0 ",
        r"ANIL's θ, last layer +2\.82 +1\.94", r"first step first +-1\.218",
    ):  # fmt: skip
        assert re.search(line, printed), line
    assert round(1.218 / 1.171 - 1, 2) == 0.04


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


# Answers that are wrong in ways that once passed, or were taken for another mistake

AUTOGRAD = "done by hand"
WRONG = {
    "04/bowl": {
        "uphill, with the right factor": (
            "t = theta + alpha * A @ (theta - c); return (torch.eye(len(t)) - alpha * A) @ A @ (t - c)",
            "One of the two signs",
        ),
        "autograd": (
            "end = lambda t: t - alpha * A @ (t - c) - c; "
            "return grad(lambda t: end(t) @ A @ end(t) / 2)(theta)",
            AUTOGRAD,
        ),
    },
    "04/hvp": {
        "the whole Hessian": ("return hessian(loss)(theta) @ v", "n × n numbers"),
        "row by row": (
            "g = torch.autograd.grad(loss(theta), theta, create_graph=True)[0]; "
            "return torch.stack([torch.autograd.grad(x, theta, retain_graph=True)[0] @ v for x in g])",
            "one by one",
        ),
    },
    "04/steps": {
        "autograd": (
            "back = vjp(lambda t: walk(gradient, t, alpha, steps)[-1], theta); "
            "return back[1](gradient(back[0]))[0]",
            AUTOGRAD,
        ),
        "k + 1 factors": (
            "p = walk(gradient, theta, alpha, steps); return home(hessian, alpha, p, gradient(p[-1]))",
            "k + 1 factors",
        ),
        "the Hessian one step late": (
            "p = walk(gradient, theta, alpha, steps); return home(hessian, alpha, p[1:], gradient(p[-1]))",
            "shifted by one",
        ),
        "the gradient always at θ": (
            "p = walk(lambda t: gradient(theta), theta, alpha, steps); "
            "return home(hessian, alpha, p[:-1], gradient(p[-1]))",
            "Every inner step used the gradient at θ₀",
        ),
    },
    "04/reptile": {
        "ε and 1 − ε exchanged": (
            "ends = [walk(g, theta, alpha, steps)[-1] for g in gradients]; "
            "return epsilon * theta + (1 - epsilon) * sum(ends) / len(ends)",
            "exchanged",
        ),
        "the gradient always at θ": (
            "ends = [theta - steps * alpha * g(theta) for g in gradients]; "
            "return theta + epsilon * (sum(ends) / len(ends) - theta)",
            "Every inner step used the gradient at θ",
        ),
        "every point of the way": (
            "ends = [p for g in gradients for p in walk(g, theta, alpha, steps)[1:]]; "
            "return theta + epsilon * (sum(ends) / len(ends) - theta)",
            "*all* points",
        ),
    },
    "04/implicit": {
        "I + λA": (
            "I = torch.eye(len(c)); phi = torch.linalg.solve(A + lam * I, A @ c + lam * theta); "
            "return torch.linalg.solve(I + lam * A, B @ (phi - d))",
            "wrong side",
        ),
        "I + λA for φ": (
            "I = torch.eye(len(c)); phi = torch.linalg.solve(I + lam * A, A @ c + lam * theta); "
            "return torch.linalg.solve(I + A / lam, B @ (phi - d))",
            "you solved with I + λA",
        ),
    },
}


def walk(gradient, theta, alpha, steps):
    path = [theta]
    for _step in range(steps):
        path.append(path[-1] - alpha * gradient(path[-1]))
    return path


def home(hessian, alpha, points, result):
    for point in reversed(points):
        result = result - alpha * hessian(point) @ result
    return result


@pytest.mark.parametrize("id, what", [(id, what) for id, wrongs in WRONG.items() for what in wrongs])
def test_what_is_wrong_is_rejected_with_its_own_message(id, what):
    body, message = WRONG[id][what]
    exercise = exercises.get(id)
    head = exercise.stub.strip().splitlines()[0]
    names = {"torch": torch, "grad": grad, "vjp": vjp, "walk": walk, "home": home}
    if id == "04/hvp":
        names["hessian"] = hessian
    exec(f"{head}\n    {body}\n", names)
    outcome = exercise.judge(names[exercise.name])
    assert outcome.status == "rejected" and message in outcome.message


@pytest.mark.parametrize(
    "body",
    [
        "return torch.func.jvp(grad(loss), (theta,), (v,))[1]",
        "return torch.autograd.functional.hvp(loss, theta, v)[1]",
        "return torch.autograd.grad(grad(loss)(theta), theta, grad_outputs=v)[0]",
        "g = grad(loss); return (g(theta.detach() + 1e-4 * v) - g(theta.detach() - 1e-4 * v)) / 2e-4",
    ],
)
def test_every_way_to_h_v_without_h_passes(body):
    names = {"torch": torch, "grad": grad}
    exec(f"def hessian_vector(loss, theta, v):\n    {body}\n", names)
    assert exercises.get("04/hvp").judge(names["hessian_vector"]).status == "passed"
