"""What a probe may demand besides the right result: by hand, one generator, no large tensor, a graph."""

import threading

import numpy as np
import pytest
import torch
from torch.func import grad, hessian, jvp

from metalib.exercises.compare import NO_GRAPH, difference
from metalib.exercises.draws import Draw
from metalib.exercises.probes import (
    BrokenRule,
    chance_from,
    counted,
    forbid_autograd,
    require,
    watch,
    with_gradient,
)


def square(theta):
    return (theta**2).sum()


def with_backward(theta):
    theta = theta.detach().requires_grad_()
    square(theta).backward()
    return theta.grad


def swallowing(theta):
    try:
        return with_backward(theta)
    except Exception:
        return 2 * theta


@pytest.mark.parametrize(
    "answer",
    [
        lambda theta: torch.autograd.grad(square(theta), theta)[0],
        with_backward,
        swallowing,
        grad(square),
        lambda theta: grad(square)(theta),
        lambda theta: jvp(square, (theta,), (torch.ones(3),))[1],
        lambda theta: torch.func.vjp(square, theta)[1](torch.ones(())),
        lambda theta: torch.func.jacfwd(square)(theta),
        lambda theta: torch.func.jacrev(square)(theta),
        lambda theta: hessian(square)(theta),
        lambda theta: torch.autograd.functional.jacobian(square, theta),
    ],
)
def test_every_way_of_automatic_differentiation_is_refused_and_works_again_afterwards(answer):
    theta = torch.ones(3, requires_grad=True)
    with pytest.raises(BrokenRule, match="by hand"), forbid_autograd():
        answer(theta)
    assert answer(theta) is not None


def test_arithmetic_is_not_forbidden_and_other_threads_go_on_differentiating():
    found = []
    with forbid_autograd():
        assert torch.equal(2 * torch.ones(3, requires_grad=True), torch.full((3,), 2.0))
        thread = threading.Thread(target=lambda: found.append(with_backward(torch.ones(3))))
        thread.start()
        thread.join()
    assert torch.equal(found[0], torch.full((3,), 2.0))
    original = torch.autograd.grad
    with forbid_autograd(), forbid_autograd():
        assert torch.autograd.grad is not original
    assert torch.autograd.grad is original


def test_the_largest_tensor_is_seen_also_inside_of_transforms_and_backward():
    theta, v = torch.randn(40, requires_grad=True), torch.randn(40)
    with watch() as seen:
        (gradient,) = torch.autograd.grad((theta**4).sum(), theta, create_graph=True)
        torch.autograd.grad((gradient * v).sum(), theta)
    assert seen.largest == 40
    with watch() as seen:
        hessian(lambda theta: (theta**4).sum())(theta) @ v
    assert seen.largest >= 1600 and (40, 40) in seen.shapes
    with watch() as seen:
        torch.ones(30).expand(50, 30)
    assert seen.largest == 30  # a view takes no memory
    with watch() as seen:
        torch.ones(3, 4) @ torch.ones(4, 5)
    assert seen.operations["mm"] == 1


def test_calls_are_counted_with_their_arguments():
    f = counted(lambda x: 2 * x)
    assert f(3) == 6 and f(4) == 8
    assert f.calls == 2 and f.arguments == [(3,), (4,)]


def test_require_says_its_sentence_with_the_values_filled_in():
    require(True, "never said")
    with pytest.raises(BrokenRule, match="asked 3 times"):
        require(False, "asked {n} times", n=3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda g: torch.ones(3), "was not used"),
        (lambda g: torch.rand(3), "was not used"),
        (lambda g: torch.rand(3, generator=torch.Generator().manual_seed(0)), "was not used"),
        (lambda g: torch.rand(3, generator=g) + torch.rand(3), "does not come from"),
        (lambda g: torch.rand(3, generator=g) + np.random.rand(), "does not come from"),
        (
            lambda g: torch.rand(3, generator=g) + np.random.default_rng().random(),
            "The same generator twice gave two results",
        ),
        (lambda g: torch.rand(3, generator=g.manual_seed(3)), "seeded anew"),
    ],
)
def test_chance_from_elsewhere_is_named(call, said):
    with pytest.raises(BrokenRule, match=said):
        chance_from(torch.Generator().manual_seed(1), call)


def test_chance_from_the_generator_passes_and_the_generator_goes_on():
    generator, other = (torch.Generator().manual_seed(1) for _ in range(2))
    for _ in range(2):
        result = chance_from(generator, lambda g: torch.rand(3, generator=g))
        assert torch.equal(result, torch.rand(3, generator=other))


# A result's graph

TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}


def adapted_loss(theta, create_graph=True, detach=False):
    (g,) = torch.autograd.grad((theta**4).sum(), theta, create_graph=create_graph)
    return square(theta - 0.1 * (g.detach() if detach else g))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda theta: adapted_loss(theta).detach(), "it has no graph to differentiate"),
        (lambda theta: adapted_loss(theta).item(), "it has no graph to differentiate"),
        (lambda theta: torch.tensor(adapted_loss(theta).item()), "it has no graph to differentiate"),
        (lambda theta: adapted_loss(theta.detach().requires_grad_()), "it has no graph to differentiate"),
        (lambda theta: adapted_loss(theta, create_graph=False), "a part of the graph is cut"),
        (lambda theta: adapted_loss(theta, detach=True), "a part of the graph is cut"),
        (lambda theta: 2 * adapted_loss(theta), "one step: expected"),
        (lambda theta: None, "got None"),
        (adapted_loss, None),
        (lambda theta: adapted_loss(theta) + 0, None),
    ],
)
def test_the_graph_is_compared_too(answer, said):
    def probed(function):
        theta = torch.tensor([0.9, -0.4, 0.6], requires_grad=True)
        return {"one step": with_gradient(function(theta), theta)}

    found = difference(probed(adapted_loss), probed(answer), **TOLERANCE)
    assert (found is None) if said is None else (said in found), found


def test_several_results_and_inputs_have_one_gradient():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    found = with_gradient((3 * a, torch.ones(2)), [a, b])
    assert torch.equal(found["its gradient"][0], torch.tensor([3.0, 6.0]))  # no element hides behind another
    assert torch.equal(found["its gradient"][1], torch.zeros(2))
    assert with_gradient(torch.ones(2), a)["its gradient"] is NO_GRAPH


# Drawing


def test_the_same_seed_draws_the_same_and_sizes_are_not_alike():
    one, other = Draw(5), Draw(5)
    for _ in range(20):
        sizes = one.different(3, 2, 5)
        assert sizes == other.different(3, 2, 5) and len(set(sizes)) == 3 and set(sizes) <= {2, 3, 4, 5}
        assert 2 <= one.whole(2, 3) == other.whole(2, 3) <= 3
        assert 0.1 <= one.number(0.1, 0.2) == other.number(0.1, 0.2) <= 0.2
        assert torch.equal(one.normal(2, 3), other.normal(2, 3))
        assert one.uniform(50, low=2, high=3).min() >= 2 and other.uniform(50) is not None
        assert one.one_of("ab") == other.one_of("ab")
        assert sorted(one.order(4).tolist()) == [0, 1, 2, 3] and len(other.order(4)) == 4
    with pytest.raises(ValueError, match="no 4 different"):
        one.different(4, 1, 3)
