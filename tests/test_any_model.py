"""Any model: whatever is drawn here, metalib's loss and meta-gradient are those of a plain loop over tasks,
and the model is afterwards what it was."""

import copy
import threading
import types
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings, strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations

from metalib import MAML, JointTraining, NeuralProcess, ProtoNet, Reptile, TaskBatch
from metalib.learners import batched

WIDTH = 4  # every block maps (N, 4) to (N, 4), so that any can follow any
double = torch.float64


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.scale = inner, nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        return x + self.scale * torch.tanh(self.inner(x))


class Listed(nn.Module):
    """Reaches its layers by a plain list, one of them twice, and under two names."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.again = self.first
        self.way = [self.first, self.second, self.first]

    def forward(self, x):
        for layer in self.way:
            x = torch.tanh(layer(x))
        return x + self.again(x)


class Buffered(nn.Module):
    """A constant buffer, one that counts the calls, and an attribute that keeps what came last."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("factor", torch.tensor([0.5, 1.0, 1.5, 2.0]))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        self.last = self.layer(x) * self.factor
        return self.last * self.calls


class Spare(nn.Module):
    """One parameter is never used, one is frozen."""

    def __init__(self):
        super().__init__()
        self.layer, self.spare, self.fixed = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.fixed.requires_grad_(False)

    def forward(self, x):
        return self.fixed(torch.tanh(self.layer(x)))


class Sequenced(nn.Module):
    """(N, 4) read as two steps of two numbers."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        out = self.body(x.unflatten(1, (2, 2)))
        return (out[0] if isinstance(out, tuple) else out).flatten(1)


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(2, WIDTH)

    def forward(self, x):
        state = (x.new_zeros(len(x), WIDTH),) * 2
        for step in x.unflatten(1, (2, 2)).unbind(1):
            state = self.cell(step, state)
        return state[0]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)

    def forward(self, x):
        x = x.unflatten(1, (2, 2))
        return self.attention(x, x, x, need_weights=False)[0].flatten(1)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        # not at 0: what a normalisation gives sums to 0, and rounding would decide
        return self.layer(x) if x.sum() > 0.1 else 2 * self.layer(x)


class OtherReLU(nn.ReLU):
    """A subclass of a known layer that looks at the whole batch."""

    def forward(self, x):
        return super().forward(x - x.mean(dim=0))


class Mixing(nn.Module):
    def forward(self, x):
        return x - x.mean(dim=0)


class Viewing(nn.Module):
    """A ``view`` works in one memory layout only."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 2, padding=1)

    def forward(self, x):
        return self.conv(x.view(len(x), 1, 2, 2)).view(len(x), -1)[:, :WIDTH]


def hooked(kind):
    layer = nn.Linear(WIDTH, WIDTH)
    if kind == "after":
        layer.register_forward_hook(lambda module, inputs, output: torch.sin(output) * module.weight.sum())
    elif kind == "before":
        layer.register_forward_pre_hook(lambda _module, inputs: (2 * inputs[0],))
    else:
        layer.forward = types.MethodType(lambda self, x: 3 * F.linear(x, self.weight, self.bias), layer)
    return layer


def tied():
    one, two = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
    two.weight = one.weight
    return nn.Sequential(one, nn.Tanh(), two)


def twice():
    layer, act = nn.Linear(WIDTH, WIDTH), nn.Tanh()
    return nn.Sequential(layer, act, layer, act)


class Pretrained(nn.Module):
    """Stays in evaluation mode, with the statistics that it has."""

    def __init__(self, body, frozen=True):
        super().__init__()
        self.body = body.eval().requires_grad_(not frozen)
        for name, buffer in body.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape) + (name.endswith("var") or -0.5))

    def train(self, mode=True):
        return self

    def forward(self, x):
        return self.body(x)


BLOCKS = {
    "linear": lambda: nn.Linear(WIDTH, WIDTH),
    "no bias": lambda: nn.Linear(WIDTH, WIDTH, bias=False),
    "tanh": nn.Tanh,
    "dropout off": lambda: nn.Dropout(0.0),
    "tied weights": tied,
    "one layer twice": twice,
    "residual": lambda: Residual(nn.Linear(WIDTH, WIDTH)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()), nn.Identity()),
    "plain list": Listed,
    "buffers": Buffered,
    "unused and frozen": Spare,
    "hook after": lambda: hooked("after"),
    "hook before": lambda: hooked("before"),
    "forward of its own": lambda: hooked("own"),
    "hook on a sequence": lambda: watched_sequence(),
    "subclass": OtherReLU,
    "mixes examples": Mixing,
    "layer norm": lambda: nn.LayerNorm(WIDTH),
    "group norm": lambda: nn.GroupNorm(2, WIDTH),
    "batch norm": lambda: nn.BatchNorm1d(WIDTH, track_running_stats=False),
    "statistics kept, frozen": lambda: Pretrained(nn.BatchNorm1d(WIDTH)),
    "statistics kept, adapting": lambda: Pretrained(
        nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH)), frozen=False
    ),
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)),
    "branching": Branching,
    "view": Viewing,
    "flatten": nn.Flatten,
    "LSTM": lambda: Sequenced(nn.LSTM(2, 2, batch_first=True)),
    "GRU": lambda: Sequenced(nn.GRU(2, 2, batch_first=True)),
    "LSTM cell": Cell,
    "attention": Attention,
    "transformer": lambda: Sequenced(
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0, batch_first=True), 1, enable_nested_tensor=False
        )
    ),
}


def watched_sequence():
    made = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh())
    made.register_forward_hook(lambda _module, _inputs, output: output + 1)
    return made


def build(names, seed=0, last=True):
    torch.manual_seed(seed)
    parts = [BLOCKS[name]() for name in names]
    return nn.Sequential(*parts, *([nn.Linear(WIDTH, WIDTH)] if last else [])).double()


def batch_of(tasks, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return TaskBatch(*(torch.randn(tasks, n, WIDTH, generator=draw, dtype=double) for n in (3, 3, 5, 5)))


def with_weights(model, weights):
    """A copy of the model that has these tensors in the place of its parameters: hooks, lists and all."""
    own = dict(model.named_parameters())
    return copy.deepcopy(model, {id(own[name]): value for name, value in weights.items()})


def by_loop(model, batch, alpha, steps, first_order=False):
    """MAML by hand, one task after the other: loss, gradient and predictions."""
    own = dict(model.named_parameters())
    total, predictions = 0, []
    with sdpa_kernel(SDPBackend.MATH):
        for x, y, query_x, query_y in zip(*batch, strict=True):
            weights = dict(own)
            for _step in range(steps):
                trained = {name: value for name, value in weights.items() if own[name].requires_grad}
                loss = (with_weights(model, weights)(x) - y).square().mean()
                slopes = torch.autograd.grad(
                    loss,
                    list(trained.values()),
                    create_graph=not first_order,
                    allow_unused=True,
                    materialize_grads=True,
                )
                moved = {n: v - alpha * g for (n, v), g in zip(trained.items(), slopes, strict=True)}
                weights = {**weights, **moved}
            predictions.append(with_weights(model, weights)(query_x))
            total = total + (predictions[-1] - query_y).square().mean()
    loss = total / len(batch)
    return loss, gradient_of(loss, model), torch.stack(predictions)


def gradient_of(loss, model):
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.autograd.grad(loss, trained, allow_unused=True, materialize_grads=True)


def state_of(model):
    return (
        [(name, id(p)) for name, p in model.named_parameters(remove_duplicate=False)],
        [(name, id(b), b.tolist()) for name, b in model.named_buffers()],
        [module.training for module in model.modules()],
        [(sorted(vars(m)), type(vars(m)["_parameters"]), type(vars(m)["_buffers"])) for m in model.modules()],
    )


def close(a, b):
    # two normalisations of nearly constant rows enlarge rounding a hundred thousand times
    torch.testing.assert_close(a, b, rtol=1e-8, atol=3e-9)


models = st.lists(st.sampled_from(list(BLOCKS)), min_size=1, max_size=3)


def agrees(names, tasks, steps, first_order, training):
    model, batch = build(names).train(training), batch_of(tasks)
    before = state_of(model)
    loss, gradient, predictions = by_loop(model, batch, 0.05, steps, first_order)
    learner = MAML(model, 0.05, steps, first_order)
    learner.train(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what runs as a loop says so
        found = learner.loss(batch)
        close(found, loss)
        close(gradient_of(found, model), gradient)
        close(learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x), predictions)
        with torch.no_grad():
            quiet = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
        close(quiet, predictions.detach())
        again = MAML(model, 0.05, steps, first_order, checkpoint=1).train(training).loss(batch)
        close(again, loss)
        close(gradient_of(again, model), gradient)
    assert state_of(model) == before
    copy.deepcopy(model)  # nothing of a graph, and of no task, has stayed behind
    return learner


@settings(max_examples=60, deadline=None)
@given(models, st.sampled_from([1, 3]), st.integers(0, 2), st.booleans(), st.booleans())
@example(["group norm", "group norm", "subclass"], 1, 1, False, False)  # a bias of 1e-11, all of it rounding
def test_any_model_is_what_a_loop_over_tasks_makes_of_it(names, tasks, steps, first_order, training):
    agrees(names, tasks, steps, first_order, training)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_is_what_a_loop_over_tasks_makes_of_it(name, training):
    for tasks in (1, 3):
        agrees([name], tasks, 1, False, training)


@settings(max_examples=15, deadline=None)
@given(models)
def test_two_threads_and_a_visitor_do_not_disturb_each_other(names):
    model, batches = build(names), [batch_of(2, seed) for seed in (0, 1)]
    learner = MAML(model, 0.05, 1)
    before, own = state_of(model), [p.detach().clone() for p in model.parameters()]
    x = batches[0].query_x[0]
    failures = []

    def check(work, expected):
        try:
            for _turn in range(3):
                close(work(), expected)
        except Exception as error:
            failures.append(error)

    def trains(batch):
        loss = learner.loss(batch)
        return loss.detach(), gradient_of(loss, model)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        works = [(lambda b=batch: trains(b)) for batch in batches]
        works.append(lambda: [p.detach().clone() for p in model.parameters()])
        if not set(names) & {"buffers", "LSTM", "GRU"}:  # a direct call changes these by itself
            works.append(lambda: model(x).detach())
        expected = [work() for work in works]
        threads = [threading.Thread(target=check, args=pair) for pair in zip(works, expected, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]
    close(own, [p.detach() for p in model.parameters()])
    if "buffers" not in names:
        assert state_of(model)[0] == before[0]


@pytest.mark.parametrize("kind", [Reptile, JointTraining])
@settings(max_examples=15, deadline=None)
@given(names=models)
def test_the_other_gradient_learners_leave_a_model_alone_too(kind, names):
    if kind is JointTraining and set(names) & {"buffers"}:
        return  # one batch for all, as in ordinary training: its buffers may change
    model, batch = build(names), batch_of(3)
    before = state_of(model)
    learner = kind(model, 0.05, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert all(g.isfinite().all() for g in gradient_of(learner.loss(batch), model))
    assert state_of(model)[:3] == before[:3]


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, x):
        return self.scale * x


PICTURES = {
    "sequence": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3, padding=1)
    ),
    "tied": lambda: nn.Sequential(*([nn.Conv2d(2, 2, 3, padding=1)] * 2), Scale()),
    "watched": lambda: watched_picture(),
    "statistics kept": lambda: nn.Sequential(
        *(
            Pretrained(layer, False)
            for layer in (nn.BatchNorm2d(2), nn.InstanceNorm2d(2, track_running_stats=True))
        ),
        nn.Conv2d(2, 2, 3, padding=1),
        nn.BatchNorm2d(2),
    ).eval(),
    "with a view": lambda: nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), Reshaped()),
}


class Reshaped(nn.Module):
    def forward(self, x):
        return x.view(len(x), -1).view(x.shape)


def watched_picture():
    conv = nn.Conv2d(2, 2, 3, padding=1)
    conv.register_forward_hook(lambda _module, _inputs, output: output.square())
    return nn.Sequential(conv)


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("name", PICTURES)
def test_from_picture_to_picture(name, tasks):
    torch.manual_seed(0)
    model, draw = PICTURES[name]().double(), torch.Generator().manual_seed(0)
    batch = TaskBatch(*(torch.randn(tasks, 3, 2, 5, 5, generator=draw, dtype=double) for _ in range(4)))
    loss, gradient, _predictions = by_loop(model, batch, 0.05, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = MAML(model, 0.05, 1).loss(batch)
    close(found, loss)
    close(gradient_of(found, model), gradient)


# --- learners whose tasks share their weights
@settings(max_examples=40, deadline=None)
@given(models, st.booleans())
def test_prototypes_are_those_of_each_episode_by_itself(names, training):
    model = build(names).train(training)
    draw = torch.Generator().manual_seed(0)
    x, query = (torch.randn(3, n, WIDTH, generator=draw, dtype=double) for n in (4, 6))
    y = torch.tensor([0, 1, 0, 1]).expand(3, -1)
    plain, learner = copy.deepcopy(model), ProtoNet(model).train(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = learner.predict(learner.adapt(x, y), query)
    if "buffers" in names:
        return  # a count of calls goes on, as in ordinary training
    for task in range(3):
        embedded, asked = plain(x[task]), plain(query[task])
        centres = torch.stack([embedded[y[task] == label].mean(dim=0) for label in (0, 1)])
        close(found[task], -torch.cdist(asked, centres).square())


@settings(max_examples=15, deadline=None)
@given(models)
def test_a_neural_process_encodes_each_task_by_itself(names):
    if "buffers" in names:
        return
    learner = NeuralProcess(nn.ModuleDict({"encoder": build(names), "decoder": nn.Linear(6, 4).double()}))
    x, y = (torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(s), dtype=double) for s in (0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = learner.adapt(x, y)
    for task in range(3):
        encoded = learner.model["encoder"](torch.cat([x[task], y[task]], dim=-1))
        close(found[task], encoded.mean(dim=0))


class Looking(nn.Module):
    """A recurrent network that notes whether cuDNN, which cannot be differentiated twice, may be used."""

    def __init__(self, seen):
        super().__init__()
        self.body, self.seen = nn.GRU(2, 2, batch_first=True), seen

    def forward(self, x):
        self.seen.append(torch.backends.cudnn.enabled)
        return self.body(x.unflatten(1, (2, 2)))[0].flatten(1)


def test_a_recurrent_network_adapts_without_cudnn_and_embeds_with_it():
    model, batch, before = Looking([]).double(), batch_of(2), torch.backends.cudnn.enabled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MAML(model, 0.05, 1).loss(batch)
        assert set(model.seen) == {False}
        model.seen.clear()
        ProtoNet(model).embed(batch.query_x)
    assert set(model.seen) == {before} and torch.backends.cudnn.enabled == before


# --- what is said
def test_a_loop_says_so_once():
    learner, batch = MAML(build(["branching"]), 0.05, 1), batch_of(2)
    with pytest.warns(UserWarning, match="Branching runs one task after the other") as told:
        learner.loss(batch)
        learner.loss(batch)
    assert len(told) == 1 and "\n" not in str(told[0].message)


def test_one_task_needs_no_loop_and_no_words():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MAML(build(["branching"]), 0.05, 1).loss(batch_of(1))


def test_a_mistake_of_the_model_stays_what_it_is():
    batch = TaskBatch(*(torch.zeros(2, 3, n, dtype=double) for n in (7, 4, 7, 4)))
    for name in ("linear", "residual", "hook after"):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as caught:
            MAML(build([name]), 0.05, 1).loss(batch)
        assert "vmap" not in str(caught.value)


def test_a_hook_sees_the_tensors_of_one_task():
    model, seen = build(["linear"]), []
    model[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    with pytest.warns(UserWarning, match="hooks"):
        batched.forward(model, {}, batch_of(3).query_x)
    assert [value.shape for value in seen] == [(5, WIDTH)] * 3
    assert seen[0].numpy().shape == (5, WIDTH)


def test_random_numbers_are_the_same_at_the_first_try_and_later():
    """A try that fails must not have moved the random numbers: a resumed run would be another."""
    model = build(["LSTM cell"])
    model.append(nn.Dropout(0.5)).append(Branching().double())
    whole = Residual(model).double()  # one module, so that it is tried as a whole
    learner, batch, losses = MAML(whole, 0.05, 1), batch_of(2), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _turn in range(2):
            torch.manual_seed(3)
            losses.append(learner.loss(batch).item())
    assert losses[0] == losses[1]


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        inner = torch.utils.checkpoint.checkpoint(lambda z: torch.tanh(self.first(z)), x, use_reentrant=False)
        return self.last(inner)


def test_checkpointing_would_compute_with_other_weights_and_is_refused():
    with pytest.raises(RuntimeError, match="Switch checkpointing off"):
        MAML(Checkpointed().double(), 0.05, 1).loss(batch_of(2))


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.layer(x), x


class Pooled(Pair):
    def forward(self, x):
        return self.layer(x).mean(dim=0)


@pytest.mark.parametrize(
    "model, error, words",
    [(Pair, TypeError, "Pair gives a tuple"), (Pooled, ValueError, "for [35] examples; the first dimension")],
)
@pytest.mark.parametrize("learner", [MAML, ProtoNet, JointTraining])
def test_an_output_that_is_no_output_of_the_examples_is_named(learner, model, error, words):
    batch = batch_of(2)
    if learner is ProtoNet:
        labels = torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 5, dtype=torch.long)
        batch = TaskBatch(batch.support_x, labels[0], batch.query_x, labels[1])
    if learner is JointTraining and model is Pooled:
        words = "for 16 examples"
    with pytest.raises(error, match=words):
        learner(model().double()).loss(batch)


def test_a_model_that_does_not_use_its_parameters_is_told():
    class Detached(Pair):
        def forward(self, x):
            return self.layer(x).detach()

    with pytest.raises(RuntimeError, match="does not depend on the adapted parameters"):
        MAML(Detached().double()).loss(batch_of(2))


def test_adapting_in_inference_mode_is_refused_and_its_tensors_are_not():
    learner = MAML(build(["linear"]))
    with torch.inference_mode(), pytest.raises(RuntimeError, match="use torch.no_grad"):
        learner.adapt(*list(batch_of(2))[:2])
    with torch.inference_mode():
        batch = batch_of(2)
    assert learner.loss(batch).isfinite()


# --- frozen, and adapted
def test_what_is_frozen_stays_in_both_loops_unless_adapts_names_it():
    model = build(["linear"])
    model[0].requires_grad_(False)
    assert MAML(model).adapted_names == ("1.weight", "1.bias")
    batch = batch_of(2)
    named = MAML(model, 0.05, 2, adapts=lambda name: name == "0.weight")
    adapted = named.adapt(batch.support_x, batch.support_y)
    assert not torch.allclose(adapted["0.weight"][0], model[0].weight)
    assert [g.abs().sum() > 0 for g in gradient_of(named.loss(batch), model)] == [True, True]


def test_freezing_afterwards_ends_the_training_not_the_adaptation():
    learner, batch = MAML(build(["linear"]), 0.05, 2), batch_of(2)
    before = learner.adapt(batch.support_x, batch.support_y)
    learner.requires_grad_(False)
    after = learner.adapt(batch.support_x, batch.support_y)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not learner.loss(batch).requires_grad


def test_all_frozen_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="Every parameter of the model is frozen"):
        MAML(build(["linear"]).requires_grad_(False))


# --- refused when the learner is made
def counted_model():
    model = nn.Linear(WIDTH, WIDTH)
    model.count = nn.Parameter(torch.tensor(3), requires_grad=False)
    return model


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: MAML(nn.Sequential(nn.Conv2d(1, 1, 1), nn.InstanceNorm2d(1, track_running_stats=True))),
            "track",
        ),
        (lambda: MAML(nn.LazyLinear(3)), "lazy layers"),
        (lambda: MAML(torch.jit.script(nn.Linear(1, 1))), "compiled already"),
        (lambda: ProtoNet(torch.jit.script(nn.Linear(1, 1))), "compiled already"),
        (lambda: MAML(torch.compile(nn.Linear(1, 1))), "compiled already"),
        (lambda: MAML(counted_model(), adapts=lambda name: True), "count is of torch.int64"),
    ],
)
def test_models_that_cannot_be_followed_are_refused_when_the_learner_is_made(make, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize("one_by_one", [True, False])
def test_statistics_that_begin_to_be_learned_later_are_refused_then(one_by_one):
    norm = nn.BatchNorm1d(WIDTH)
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), norm).double().eval()
    learner, batch = MAML(model, 0.05, 1, transductive=not one_by_one), batch_of(2)
    fast, before = learner.adapt(batch.support_x, batch.support_y), state_of(model)[1]
    learner.train()
    for call in (
        lambda: learner.loss(batch),
        lambda: learner.adapt(batch.support_x, batch.support_y),
        lambda: learner.predict(fast, batch.query_x),
    ):
        with pytest.raises(ValueError, match="keep it in evaluation mode"):
            call()
    assert state_of(model)[1] == before
    assert learner.eval().loss(batch).isfinite()


def test_a_model_made_in_inference_mode_is_refused():
    with torch.inference_mode():
        model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="make it outside"):
        MAML(model)


def test_two_names_for_one_layer_survive_evaluation():
    model = Listed().double()
    weight, before = model.first.weight, state_of(model)
    learner, batch = MAML(model, 0.05, 1), batch_of(2)
    values = [
        F.mse_loss(learner.predict(learner.adapt(*list(batch)[:2]), batch.query_x), batch.query_y)
        for _ in "ab"
    ]
    assert values[0] == values[1] and model.first.weight is weight and state_of(model) == before
