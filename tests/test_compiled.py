"""A compiled learner is the learner: numbers, gradients, what autograd does with them, what is refused."""

import copy
import gc
import pickle
import threading
import warnings
import weakref

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from test_any_model import BLOCKS, WIDTH, batch_of, build, by_loop, close, models, state_of
from torch import nn

from metalib import MAML, SineTasks, TaskBatch
from metalib.compiler import find_compiler
from metalib.learners import compiled
from metalib.models import conv4, sine_net

pytestmark = pytest.mark.slow  # a compiler takes seconds

needs_compiler = pytest.mark.skipif(not find_compiler(), reason="needs a C++ compiler")
KINDS = {
    "MAML": dict(),
    "first order": dict(first_order=True),
    "Meta-SGD": dict(learn_alpha=True),
    "ANIL": dict(adapts=lambda name: name.startswith("4.")),
    "ANIL, Meta-SGD": dict(adapts=lambda name: name.startswith("4."), learn_alpha=True),
}


@pytest.fixture
def quickly(monkeypatch):
    """Everything but the C++ code: what is traced runs operation by operation."""
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    monkeypatch.setattr(compiled, "find_compiler", lambda: "c++")
    monkeypatch.setattr(compiled, "compiler_fault", lambda path: None)


@pytest.fixture(autouse=True)
def no_chatter():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="torch")
        yield


def sines(n_tasks=4, shots=5, queries=6, seed=0, dtype=torch.float64):
    drawn = SineTasks(shots, queries).sample(n_tasks, torch.Generator().manual_seed(seed))
    return TaskBatch(*(part.to(dtype) for part in drawn))


def both(steps=2, model=None, **options):
    """The same learner, uncompiled and compiled."""
    model = model or sine_net().double()
    return [MAML(copy.deepcopy(model), 0.02, steps, compile=made, **options) for made in (False, True)]


def gradient(learner, batch):
    loss = learner.loss(batch)
    return loss, torch.autograd.grad(loss, list(learner.parameters()), allow_unused=True)


def same(plain, made, batch, rtol=1e-12, atol=1e-14):
    (loss, slopes), (loss_made, slopes_made) = gradient(plain, batch), gradient(made, batch)
    assert made._compiled is not None
    torch.testing.assert_close(loss_made, loss, rtol=rtol, atol=atol)
    assert [slope is None for slope in slopes] == [slope is None for slope in slopes_made]
    for a, b in zip(slopes, slopes_made, strict=True):
        if a is not None:
            torch.testing.assert_close(b, a, rtol=rtol, atol=atol + rtol * a.abs().max().item())


# --- numbers
@needs_compiler
@pytest.mark.parametrize("kind", ["MAML", "first order", "ANIL, Meta-SGD"])
def test_compiled_is_uncompiled_to_the_last_figures(kind):
    plain, made = both(**KINDS[kind])
    same(plain, made, sines())
    if kind == "MAML":
        with torch.no_grad():
            torch.testing.assert_close(made.loss(sines()), plain.loss(sines()), rtol=1e-12, atol=1e-14)


@needs_compiler
def test_a_network_of_images_too():
    model = conv4(4, norm="batch-statistics", downsample="stride", ways=3, size=8).double()
    draw = torch.Generator().manual_seed(0)
    x = [torch.rand(2, n, 1, 8, 8, generator=draw, dtype=torch.float64) for n in (3, 6)]
    y = [torch.arange(3).repeat(2, k) for k in (1, 2)]
    batch = TaskBatch(x[0], y[0], x[1], y[1])
    same(*both(model=model, transductive=True), batch, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_what_is_traced_is_the_learner(quickly, kind, steps):
    same(*both(steps, **KINDS[kind]), sines())


NORMS = {
    "batch norm": lambda: nn.BatchNorm1d(4, track_running_stats=False),
    "layer norm": lambda: nn.LayerNorm(4),
    "group norm": lambda: nn.GroupNorm(2, 4),
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("transductive", [True, False])
def test_normalisation_is_differentiated_twice(quickly, norm, transductive):
    """With `vmap` outside the inner gradient, PyTorch loses a part of this second derivative."""
    model = nn.Sequential(nn.Linear(1, 4), NORMS[norm](), nn.Tanh(), nn.Linear(4, 1)).double()
    same(*both(model=model, transductive=transductive), sines(), rtol=1e-10, atol=1e-12)


def agrees_with_a_loop(names, training=True):
    model, batch = build(names).train(training), batch_of(2)
    loss, slopes, _predictions = by_loop(model, batch, 0.05, 1)
    before = state_of(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what cannot be compiled, or runs as a loop, says so
        plain, made = MAML(model, 0.05, 1), MAML(model, 0.05, 1, compile=True)
        found = made.loss(batch)
        own = [p for p in model.parameters() if p.requires_grad]
        given = torch.autograd.grad(found, own, allow_unused=True)
        expected = torch.autograd.grad(plain.loss(batch), own, allow_unused=True)
        again = made.loss(batch)
    close(found, loss)
    close(again, loss)
    assert [g is None for g in given] == [g is None for g in expected]
    close([torch.zeros_like(p) if g is None else g for g, p in zip(given, own, strict=True)], list(slopes))
    assert state_of(model) == before
    copy.deepcopy(model)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_compiled_is_what_a_loop_makes_of_it(quickly, name):
    agrees_with_a_loop([name])


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=models)
def test_any_model_compiled_is_what_a_loop_makes_of_it(quickly, names):
    agrees_with_a_loop(names)


# --- what autograd does with it
@pytest.fixture
def pair(quickly):
    return both()


def test_backward_accumulates_scales_and_adds(pair):
    batches = [sines(seed=seed) for seed in (0, 1)]
    for learner in pair:
        for batch in batches:
            (0.3 * learner.loss(batch)).backward()
        (learner.loss(batches[0]) + 0.1 * learner.model[0].weight.square().sum()).backward()
    for a, b in zip(*(learner.parameters() for learner in pair), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-12, atol=1e-14)


def test_a_gradient_is_handed_over_once_unless_kept(pair):
    loss = pair[1].loss(sines())
    loss.backward(retain_graph=True)
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_without_a_gradient_only_the_loss_is_computed(pair, monkeypatch):
    plain, made = pair

    def never(*_given):
        raise AssertionError("a gradient that nobody asked for")

    monkeypatch.setattr(made._compiled, "_loss_and_gradient", never)
    with torch.no_grad():
        loss = made.loss(sines())
    assert not loss.requires_grad and made._compiled is not None
    close(loss, plain.loss(sines()).detach())
    made.requires_grad_(False)
    assert not made.loss(sines()).requires_grad and made._compiled is not None


def test_a_second_derivative_is_refused_in_a_sentence(pair):
    loss = pair[1].loss(sines())
    with pytest.raises(RuntimeError, match="make the learner without compile=True"):
        torch.autograd.grad(loss, list(pair[1].parameters()), create_graph=True)


def test_frozen_parameters_have_no_gradient(pair):
    for learner in pair:
        learner.model[0].requires_grad_(False)
        learner.loss(sines()).backward()
    assert [p.grad is None for p in pair[1].parameters()] == [True, True, False, False, False, False]
    close([p.grad for p in pair[0].parameters()][2:], [p.grad for p in pair[1].parameters()][2:])


def test_each_task_has_its_own_gradient_where_it_is_asked_for(pair):
    found = [
        torch.autograd.grad(learner.query_losses(sines())[1], list(learner.parameters())) for learner in pair
    ]
    close(found[0], found[1])


def test_inputs_and_other_tensors_get_their_gradient(pair):
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def loss_fn(inputs, targets, reduction):
        return scale * F.mse_loss(inputs, targets, reduction=reduction)

    batch = sines()
    batch.support_x.requires_grad_()
    close(*(torch.autograd.grad(learner.loss(batch), batch.support_x) for learner in pair))
    assert pair[1]._compiled is not None
    others = both(loss_fn=loss_fn)
    close(*(torch.autograd.grad(learner.loss(sines()), scale) for learner in others))


def test_torch_func_goes_through(pair):
    batch, found = sines(), []
    for learner in pair:
        whole, own = Asked(learner), {f"learner.{n}": p.detach() for n, p in learner.named_parameters()}
        asked = torch.func.grad(lambda own, whole=whole: torch.func.functional_call(whole, own, (batch,)))
        found.append(list(asked(own).values()))
    close(*found)
    assert pair[1]._compiled is not None


class Asked(nn.Module):
    def __init__(self, learner):
        super().__init__()
        self.learner = learner

    def forward(self, batch):
        return self.learner.loss(batch)


# --- what changes
def test_shapes_modes_and_settings_may_change(quickly):
    model = sine_net().double()
    plain, made = both(model=model)
    for tasks, shots in ((4, 5), (4, 7), (3, 2), (1, 5), (4, 5)):
        same(plain, made, sines(tasks, shots))
    for name, value in (("steps", 1), ("alpha", 0.05), ("first_order", True)):
        for learner in (plain, made):
            setattr(learner, name, value)
        same(plain, made, sines())
    for learner in (plain, made):
        learner.model[2] = nn.Linear(40, 40, bias=False).double()
        nn.init.constant_(learner.model[2].weight, 0.01)
        learner.adapted_names = tuple(name for name, _p in learner.model.named_parameters())
    same(plain, made, sines())


def test_a_hook_that_comes_later_is_called(pair):
    for learner in pair:
        learner.loss(sines())
        learner.model[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)
    with pytest.warns(UserWarning, match="has hooks, or a part of it has two names. MAML runs uncompiled"):
        found = pair[1].loss(sines())
    close(found, pair[0].loss(sines()))


def test_a_parameter_that_the_steps_change_is_seen(pair):
    for learner in pair:
        optimiser = torch.optim.SGD(learner.parameters(), lr=0.01)
        for seed in range(3):
            optimiser.zero_grad()
            learner.loss(sines(seed=seed)).backward()
            optimiser.step()
    close(*(list(learner.parameters()) for learner in pair))


class Counting(nn.Module):
    """Computes something else at each call."""

    def __init__(self):
        super().__init__()
        self.layer, self.calls = nn.Linear(1, 1), 0

    def forward(self, x):
        self.calls += 1
        return self.calls * self.layer(x)


def test_what_computes_something_else_compiled_runs_uncompiled(quickly):
    made = MAML(Counting().double(), 0.02, 1, compile=True)
    with pytest.warns(UserWarning, match="MAML runs uncompiled"):
        made.loss(sines())
    assert made._compiled is None


def test_dropout_draws_anew_at_each_call(quickly):
    model = nn.Sequential(nn.Linear(1, 20), nn.Dropout(0.5), nn.Linear(20, 1)).double()
    _plain, made = both(model=model)
    losses = {made.loss(sines()).item() for _call in range(3)}
    assert len(losses) == 3 and made._compiled is not None
    made.eval()
    assert made.loss(sines()).item() == made.loss(sines()).item()


def test_two_threads(pair):
    batches = [sines(seed=seed) for seed in range(2)]
    expected, failures = [gradient(pair[0], batch) for batch in batches], []

    def work(batch, expected):
        try:
            for _turn in range(3):
                close(gradient(pair[1], batch), expected)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=given) for given in zip(batches, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert pair[1]._compiled is not None


def test_a_learner_that_is_gone_is_freed(quickly):
    learner = both()[1]
    learner.loss(sines()).backward()
    gone = weakref.ref(learner)
    del learner
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_compiles_for_itself(pair, again):
    made = pair[1]
    made.loss(sines())
    other = again(made)
    assert other._compiled not in (None, made._compiled)
    close(gradient(other, sines()), gradient(made, sines()))


def test_a_class_with_query_losses_of_its_own_keeps_them(quickly):
    class Weighted(MAML):
        def query_losses(self, batch):
            return 3 * super().query_losses(batch)

    plain, made = (Weighted(sine_net().double(), 0.02, 1, compile=c) for c in (False, True))
    close(gradient(plain, sines()), gradient(made, sines()))


# --- what is refused, or runs uncompiled
def test_without_a_compiler_it_says_so_and_works(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.warns(UserWarning, match="needs a C.. compiler"):
        learner = MAML(sine_net(), compile=True)
    assert learner.loss(SineTasks().sample(2, torch.Generator().manual_seed(0))).isfinite()


def test_what_fails_while_compiling_runs_uncompiled(pair, monkeypatch):
    plain, made = pair

    def fails(*_batch):
        raise RuntimeError("CppCompileError: no\nhundred lines")

    monkeypatch.setattr(made._compiled, "_loss_and_gradient", fails)
    with pytest.warns(UserWarning, match="CppCompileError: no. MAML runs uncompiled") as told:
        loss = made.loss(sines())
        made.loss(sines())
    assert len(told) == 1 and loss.item() == plain.loss(sines()).item()


@needs_compiler
def test_what_fails_in_one_piece_is_compiled_in_many(monkeypatch):
    plain, made = both(1)
    if not made._compiled._in_one_piece:
        pytest.skip("only on Linux")

    def fails(*_batch):
        raise RuntimeError("no such wrapper")

    monkeypatch.setattr(made._compiled, "_loss_and_gradient", fails)
    same(plain, made, sines())
    assert not made._compiled._in_one_piece


def test_what_the_compiler_would_not_see_is_not_compiled():
    net = sine_net()
    net[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)
    with pytest.warns(UserWarning, match="has hooks, or a part of it has two names"):
        MAML(net, compile=True)


def test_a_mistake_in_the_batch_stays_what_it_is(quickly):
    made = MAML(nn.Linear(WIDTH, 2).double(), 0.02, 1, compile=True)
    x, y = torch.zeros(2, 3, WIDTH, dtype=torch.float64), torch.full((2, 3), 5)
    with pytest.raises(ValueError, match="The label 5 has no output"):
        made.loss(TaskBatch(x, y, x, y))
    assert made._compiled is not None
    made.loss(TaskBatch(x, 0 * y, x, 0 * y))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        made.loss(TaskBatch(x[..., :2], 0 * y, x[..., :2], 0 * y))
    assert made._compiled is not None
