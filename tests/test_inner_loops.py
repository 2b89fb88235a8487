"""Inner loops of many steps: checkpointed, they are the same; implicit, they are the closed form. What each
costs is counted."""

import math

import pytest
import torch
from test_meta_gradient import Residual, generator, meta_gradient, sines, smooth_net
from torch import nn

from metalib import MAML, ImplicitMAML, TaskBatch
from metalib.learners.checkpointed import segments
from metalib.learners.implicit import conjugate_gradients
from metalib.models import count_parameters, peak_memory, sine_net


# --- checkpointing
@pytest.mark.parametrize("checkpoint", [True, 1, 2, 100])
@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"learn_alpha": True}, {"adapts": "4."}, {"adapts": "4.", "learn_alpha": True}],
    ids=["MAML", "Meta-SGD", "ANIL", "ANIL with learned alpha"],
)
def test_a_checkpointed_loop_has_the_same_meta_gradient(options, steps, checkpoint):
    model, batch = smooth_net(), sines()
    plain = MAML(model, 0.1, steps, **options)
    kept = MAML(model, 0.1, steps, checkpoint=checkpoint, **options)
    assert torch.equal(kept.loss(batch), plain.loss(batch))
    close = torch.allclose(meta_gradient(kept, batch), meta_gradient(plain, batch), rtol=1e-12, atol=1e-14)
    assert close


def test_segments_cover_the_steps():
    for steps in range(70):
        for checkpoint in (True, 1, 3, 8, 100):
            parts = segments(steps, checkpoint)
            assert sum(parts) == steps and all(part > 0 for part in parts)
        assert len(segments(steps, True)) <= math.ceil(math.sqrt(steps))


def test_dropout_is_drawn_again_alike_and_the_stream_goes_on_as_it_would():
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 1)).double().train()
    batch, found = sines(), []
    for checkpoint in (False, True):
        torch.manual_seed(3)
        gradient = meta_gradient(MAML(model, 0.1, 5, checkpoint=checkpoint), batch)
        found.append((gradient, torch.rand(1)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-14)


def test_a_support_set_that_is_learned_gets_its_gradient():
    model, batch, found = smooth_net(), sines(), []
    for checkpoint in (False, 2):
        x = batch.support_x.clone().requires_grad_()
        learned = TaskBatch(x, batch.support_y, batch.query_x, batch.query_y)
        MAML(model, 0.1, 5, checkpoint=checkpoint).loss(learned).backward()
        found.append(x.grad)
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-14)


def test_first_order_and_evaluation_need_no_checkpoint():
    model, batch = smooth_net(), sines()
    plain, kept = (MAML(model, 0.1, 4, first_order=True, checkpoint=c) for c in (False, True))
    assert torch.equal(meta_gradient(plain, batch), meta_gradient(kept, batch))
    with torch.no_grad():
        assert torch.equal(plain.loss(batch), MAML(model, 0.1, 4, checkpoint=True).loss(batch))
    path = MAML(model, 0.1, 4, checkpoint=True).adapt_path(batch.support_x, batch.support_y)
    assert len(path) == 5


class Forgetful(nn.Module):
    """Another model at every call: it counts them outside of what torch knows."""

    def __init__(self):
        super().__init__()
        self.body, self.calls = smooth_net(), [0]

    def forward(self, x):
        self.calls[0] += 1
        return self.body(x) * (1 + 0.01 * self.calls[0])


def test_steps_that_end_elsewhere_the_second_time_are_refused():
    loss = MAML(Forgetful(), 0.1, 4, checkpoint=True).loss(sines())
    with pytest.raises(RuntimeError, match="Taken again, the inner steps end elsewhere"):
        loss.backward()


def test_a_second_derivative_is_refused_in_a_sentence():
    for learner in (MAML(smooth_net(), 0.1, 4, checkpoint=True), ImplicitMAML(smooth_net(), 0.1, 4)):
        with pytest.raises(RuntimeError, match="(first derivative only|no second derivative)"):
            torch.autograd.grad(learner.loss(sines()), list(learner.parameters()), create_graph=True)


# --- the implicit gradient
class Linear(nn.Module):
    """y = X w, whose inner problem has a solution in closed form."""

    def __init__(self, size):
        super().__init__()
        self.w = nn.Parameter(torch.randn(size, 1, generator=generator(), dtype=torch.float64))

    def forward(self, x):
        return x @ self.w


def linear_tasks(size, tasks=3):
    draw = generator(1)
    return TaskBatch(
        *(torch.randn(tasks, n, d, generator=draw, dtype=torch.float64) for n, d in ((6, size), (6, 1)) * 2)
    )


def test_linear_regression_in_closed_form():
    """θ′ = (H + λI)⁻¹ (λθ + 2/S Xᵀy) with H = 2/S XᵀX, and dL/dθ = λ (H + λI)⁻¹ ∇L(θ′; query)."""
    size, pull = 4, 0.7
    model, batch = Linear(size), linear_tasks(size)
    learner = ImplicitMAML(model, alpha=0.1, steps=600, pull=pull, cg_steps=size)
    expected, total = torch.zeros_like(model.w), 0.0
    for x, y, query_x, query_y in zip(*batch, strict=True):
        bent = 2 / len(x) * x.T @ x + pull * torch.eye(size, dtype=torch.float64)
        solved = torch.linalg.solve(bent, pull * model.w.detach() + 2 / len(x) * x.T @ y)
        slope = 2 / len(query_x) * query_x.T @ (query_x @ solved - query_y)
        expected += pull * torch.linalg.solve(bent, slope) / len(batch)
        total += float((query_x @ solved - query_y).square().mean()) / len(batch)
    assert learner.loss(batch).item() == pytest.approx(total, rel=1e-9)
    assert torch.allclose(meta_gradient(learner, batch), expected.flatten(), rtol=1e-8)


class Proximal(MAML):
    """The same inner problem, differentiated through all its steps."""

    def stepped(self, fast, alpha, x, y, keep_graph):
        moved, start = super().stepped(fast, alpha, x, y, keep_graph), self.start(x, y)
        return {n: v - alpha[n] * self.pull * (fast[n] - start[n]) for n, v in moved.items()}


@pytest.mark.slow
@pytest.mark.parametrize("adapts", [None, "4."])
@pytest.mark.parametrize("model", [smooth_net, lambda: Residual().double()], ids=["sequential", "any module"])
def test_where_the_inner_loop_has_arrived_it_is_the_unrolled_gradient(model, adapts):
    model, batch = model(), sines()
    if adapts is not None and not isinstance(model, nn.Sequential):
        adapts = "body."
    unrolled = Proximal(model, 0.02, 1000, adapts=adapts)
    unrolled.pull = 5.0
    implicit = ImplicitMAML(model, 0.02, 1000, pull=5.0, cg_steps=40, adapts=adapts)
    assert torch.allclose(implicit.loss(batch), unrolled.loss(batch), rtol=1e-12)
    torch.testing.assert_close(
        meta_gradient(implicit, batch), meta_gradient(unrolled, batch), rtol=1e-6, atol=1e-9
    )


def test_where_it_has_not_arrived_it_is_not():
    model, batch = smooth_net(), sines()
    unrolled = Proximal(model, 0.05, 2)
    unrolled.pull = 2.0
    one, other = (meta_gradient(m, batch) for m in (ImplicitMAML(model, 0.05, 2, pull=2.0), unrolled))
    assert (one - other).norm() > 0.05 * other.norm()


def test_a_very_strong_pull_is_the_gradient_without_inner_steps():
    model, batch = smooth_net(), sines()
    stiff = ImplicitMAML(model, 1e-9, 3, pull=1e8)
    torch.testing.assert_close(
        meta_gradient(stiff, batch), meta_gradient(MAML(model, 0.1, 0), batch), rtol=1e-4, atol=1e-6
    )


def test_conjugate_gradients_solve_each_task_by_itself():
    draw = generator()
    half = torch.randn(3, 6, 6, generator=draw, dtype=torch.float64)
    matrix = half @ half.mT + torch.eye(6)
    target = torch.randn(3, 6, generator=draw, dtype=torch.float64)
    target[1] = 0  # a task that wants nothing

    def product(parts):
        return list((matrix @ torch.cat(parts, dim=1).unsqueeze(-1)).squeeze(-1).split((2, 4), dim=1))

    found = torch.cat(conjugate_gradients(product, list(target.split((2, 4), dim=1)), 20), dim=1)
    torch.testing.assert_close(found, torch.linalg.solve(matrix, target), rtol=1e-7, atol=1e-9)
    assert (found[1] == 0).all()
    matrix[2] = -matrix[2]  # not positive: this task is left at its start, the others are not disturbed
    again = torch.cat(conjugate_gradients(product, list(target.split((2, 4), dim=1)), 20), dim=1)
    assert torch.equal(again[:2], found[:2]) and (again[2] == 0).all()


# --- what they cost
def peak(learner, batch):
    def work():
        learner.zero_grad()
        learner.loss(batch).backward()

    work()  # what is kept from the first time on is there before
    return peak_memory(work)[0]


def test_memory_is_counted_by_hand():
    def work():
        first = torch.zeros(1000)  # 4000 bytes
        second = first + 1
        del first
        third = second * 2
        third.view(10, 100).add_(1)  # neither a view nor a change in place is new
        return third

    assert peak_memory(work)[0] == 8000


@pytest.mark.slow
def test_memory_against_inner_steps_follows_the_predicted_lines():
    model = sine_net(width=40)
    batch = TaskBatch(*(part.float() for part in sines(4, 10, 10)))
    copies = 4 * len(batch) * count_parameters(model)  # bytes of one θ′ for each task

    def measured(make):
        return [peak(make(steps), batch) for steps in (4, 16, 64)]

    second = measured(lambda steps: MAML(model, 0.01, steps))
    slope = (second[1] - second[0]) / 12
    assert second[2] - second[1] == pytest.approx(48 * slope, rel=0.01)  # |θ|·T
    assert 1 < slope / copies < 2.5
    kept = measured(lambda steps: MAML(model, 0.01, steps, checkpoint=True))
    # |θ|·√T: each of the √T segments costs a point, each of its √T steps a step's graph
    for steps, (before, after) in ((16, kept[:2]), (64, kept[1:])):
        assert after - before == pytest.approx((slope + copies) * (steps**0.5 - (steps / 4) ** 0.5), rel=0.1)
    for flat in (
        measured(lambda steps: MAML(model, 0.01, steps, first_order=True)),
        measured(lambda steps: ImplicitMAML(model, 0.01, steps)),
    ):
        assert max(flat) == min(flat)  # |θ|
    assert second[2] > 3 * kept[2] and kept[2] > flat[2]


# --- mistakes
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: MAML(smooth_net(), checkpoint=0), ValueError, "checkpoint must be at least 1, not 0"),
        (lambda: MAML(smooth_net(), checkpoint=1.5), TypeError, "checkpoint must be a whole number"),
        (lambda: MAML(smooth_net(), checkpoint=2, compile=True), ValueError, "do not go together"),
        (lambda: ImplicitMAML(smooth_net(), pull=0), ValueError, "pull must be a finite positive number"),
        (lambda: ImplicitMAML(smooth_net(), pull="1"), TypeError, "pull must be a number"),
        (lambda: ImplicitMAML(smooth_net(), cg_steps=0), ValueError, "cg_steps must be at least 1"),
    ],
)
def test_mistakes_get_one_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()
