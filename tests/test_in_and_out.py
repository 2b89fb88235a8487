"""What goes into a learner and what comes out: computed rightly whatever its kind, or refused in words."""

import copy
import functools
import math
import pickle
import sys
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib import (
    MAML,
    Episodes,
    FromScratch,
    JointTraining,
    Learner,
    NearestCentroid,
    ProtoNet,
    Reptile,
    SineTasks,
    TaskBatch,
    evaluate,
    fit,
)
from metalib.compiler import compiler_fault, find_compiler
from metalib.learners import Guarded, SmoothCurve, task_losses
from metalib.models import conv4, sine_net


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sines(tasks=4):
    return SineTasks().sample(tasks, generator())


def of_labels(labels):
    """A batch of one task with these labels."""
    x = torch.zeros(1, len(labels), 1)
    y = torch.tensor([labels])
    return TaskBatch(x, y, x, y)


class Says(Learner):
    """Answers with what it was given."""

    is_transductive = False

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def adapt(self, support_x, support_y):
        return None

    def predict(self, adapted, query_x):
        return self.logits


class Fixed:
    def __init__(self, batch):
        self.batch = batch

    def sample(self, n_tasks, generator):
        return self.batch


# --- integers in
class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        nn.init.normal_(self.words.weight, std=0.1, generator=generator())

    def forward(self, x):
        return self.words(x).mean(dim=1)


def test_prototypes_of_words_keep_their_fractions():
    draw = generator()
    labels = torch.arange(3).repeat_interleave(2).expand(5, -1)
    x, query = (torch.randint(5, (5, 6, 4), generator=draw) + 5 * labels.unsqueeze(-1) for _ in "sq")
    learner = ProtoNet(Bag())
    found = learner.adapt(x, labels)
    by_hand = torch.stack([learner.encoder(task).view(3, 2, -1).mean(dim=1) for task in x])
    torch.testing.assert_close(found, by_hand)
    learner.loss(TaskBatch(x, labels, query, labels)).backward()
    assert learner.encoder.words.weight.grad.abs().sum() > 0


def test_bytes_are_compared_as_numbers():
    """250 and 3 are far from each other, though their difference in bytes is not."""
    x = torch.tensor([[[250], [3]]], dtype=torch.uint8)
    learner = ProtoNet(nn.Flatten())
    logits = learner.predict(
        learner.adapt(x, torch.tensor([[0, 1]])), torch.tensor([[[251]]], dtype=torch.uint8)
    )
    assert logits.tolist() == [[[-1.0, -(248.0**2)]]]


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.bool])
def test_labels_of_any_whole_kind_are_labels(kind):
    labels = torch.tensor([[0, 1, 0, 1]])
    logits = torch.randn(1, 4, 2, generator=generator())
    torch.testing.assert_close(task_losses(logits, labels.to(kind)), task_losses(logits, labels))
    x = torch.randn(1, 4, 3, generator=generator())
    learner = ProtoNet(nn.Flatten())
    torch.testing.assert_close(learner.adapt(x, labels.to(kind)), learner.adapt(x, labels))


@pytest.mark.parametrize(
    "labels", [torch.zeros(1, 4), torch.zeros(1, 4, 2, dtype=torch.long), torch.tensor([[0, 1, -1, 0]])]
)
def test_what_cannot_be_a_class_has_no_prototype(labels):
    with pytest.raises(ValueError, match="one whole number of at least 0 for each"):
        ProtoNet(nn.Flatten()).adapt(torch.zeros(1, 4, 3), labels)


# --- dtypes
@pytest.mark.parametrize(
    "make",
    [
        lambda: MAML(sine_net()),
        lambda: Reptile(sine_net()),
        lambda: JointTraining(sine_net()),
        lambda: Guarded(MAML(sine_net())),
    ],
)
def test_a_learner_in_double_precision_takes_tasks_in_single(make):
    learner = make().double()
    loss = learner.loss(sines())
    loss.backward()
    exact = learner.loss(TaskBatch(*(part.double() for part in sines())))
    assert loss.dtype == torch.float64 and loss.item() == pytest.approx(exact.item(), rel=1e-12)
    assert evaluate(learner, SineTasks(), 3, generator()).values.isfinite().all()


def test_prototypes_in_double_precision_of_pictures_in_single():
    images = torch.randint(0, 256, (5, 4, 1, 16, 16), dtype=torch.uint8, generator=generator())
    tasks = Episodes(images, 3, 1, 2)
    learner = ProtoNet(conv4(8, size=16)).double()
    learner.loss(tasks.sample(2, generator())).backward()
    assert evaluate(learner, tasks, 2, generator()).n == 2


def test_the_default_dtype_changes_no_task_and_no_model():
    batch, weights = sines(), [p.double() for p in sine_net().parameters()]
    torch.set_default_dtype(torch.float64)
    try:
        again, made = sines(), sine_net()
        loss = MAML(made).loss(again)
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(weights, made.parameters(), strict=True))
    assert loss.dtype == torch.float64


class Elsewhere(Tensor):
    """A tensor of a device without double precision, as Apple's GPU is."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        options = options or {}
        wanted = [*arguments[1:], *options.values()]
        name = getattr(function, "__name__", "")
        if name == "double" or (name != "cpu" and torch.float64 in wanted):
            raise TypeError("this device has no float64")
        made = super().__torch_function__(function, types, arguments, options)
        return made.as_subclass(Tensor) if name == "cpu" else made


def elsewhere(tensor):
    return tensor.as_subclass(Elsewhere)


def test_scores_need_no_double_precision_on_the_device():
    labels = torch.tensor([[0, 1, 2]])
    x = torch.zeros(1, 3, 1)
    batch = TaskBatch(x, labels, x, elsewhere(labels))
    result = evaluate(Says(elsewhere(torch.eye(3).unsqueeze(0))), Fixed(batch), 1, generator())
    assert result.mean == 1.0 and result.values.dtype == torch.float64


def test_the_smoothest_curve_needs_none_either():
    batch, learner = sines(2), SmoothCurve()
    expected = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    x, y, query_x, _query_y = map(elsewhere, batch)
    assert torch.equal(learner.predict(learner.adapt(x, y), query_x).as_subclass(Tensor), expected)


# --- labels and logits
@pytest.mark.parametrize("length", [5, 3])
def test_a_label_for_each_position(length):
    logits = torch.randn(2, 4, length, 3, generator=generator())
    labels = torch.randint(3, (2, 4, length), generator=generator())
    expected = torch.stack(
        [F.cross_entropy(x.flatten(0, 1), y.flatten()) for x, y in zip(logits, labels, strict=True)]
    )
    torch.testing.assert_close(task_losses(logits, labels), expected)
    batch = TaskBatch(torch.zeros(2, 4, 1), labels, torch.zeros(2, 4, 1), labels)
    right = (logits.argmax(-1) == labels).double().flatten(1).mean(dim=1)
    assert torch.equal(evaluate(Says(logits), Fixed(batch), 2, generator()).values, right)


WEIGHT = torch.tensor([1.0, 2.0, 5.0])


@pytest.mark.parametrize(
    "loss_fn",
    [
        None,
        F.cross_entropy,
        functools.partial(F.cross_entropy, ignore_index=1),
        functools.partial(F.cross_entropy, weight=WEIGHT),
        functools.partial(F.cross_entropy, label_smoothing=0.1),
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=WEIGHT),
        nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=0, label_smoothing=0.2),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(ignore_index=2),
    ],
)
@pytest.mark.parametrize("padded", [False, True])
def test_what_does_not_count_does_not_change_the_unit_of_alpha(loss_fn, padded):
    """The loss of a task is what the loss itself calls the mean of that task."""
    logits = torch.randn(3, 6, 3, generator=generator())
    labels = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 2, 0, 1, 1], [1, 1, 0, 0, 2, 0]])
    if padded and getattr(loss_fn, "ignore_index", -100) == -100 and "ignore_index" not in str(loss_fn):
        labels[0, 3:] = -100
    one = loss_fn or F.cross_entropy
    expected = torch.stack([one(x, y) for x, y in zip(logits, labels, strict=True)])
    torch.testing.assert_close(task_losses(logits, labels, loss_fn), expected)


def test_positions_that_do_not_count_are_not_scored():
    labels = torch.tensor([[0, 1, -100, -100]])
    batch = TaskBatch(torch.zeros(1, 4, 1), labels, torch.zeros(1, 4, 1), labels)
    logits = F.one_hot(torch.tensor([[0, 0, 1, 1]])).float()
    assert evaluate(Says(logits), Fixed(batch), 1, generator()).mean == 0.5


@pytest.mark.parametrize("label", [3, -1, 7])
def test_a_label_without_an_output_is_named(label):
    with pytest.raises(
        ValueError, match=f"The label {label} has no output: there are 3, for the labels 0 to 2"
    ):
        task_losses(torch.zeros(1, 2, 3), torch.tensor([[0, label]]))
    batch = of_labels([0, label])
    with pytest.raises(ValueError, match=f"The label {label} has no output"):
        evaluate(Says(torch.zeros(1, 2, 3)), Fixed(batch), 1, generator())


def test_more_ways_than_outputs():
    images = torch.randint(0, 256, (6, 4, 1, 16, 16), dtype=torch.uint8, generator=generator())
    learner = MAML(conv4(8, norm="group", size=16, ways=3))
    with pytest.raises(ValueError, match="The label . has no output: there are 3"):
        evaluate(learner, Episodes(images, 5, 1, 1), 1, generator())


# --- loss functions
@pytest.mark.parametrize("kind", [MAML, Reptile, JointTraining, FromScratch])
@pytest.mark.parametrize("module, function", [(nn.L1Loss, F.l1_loss), (nn.HuberLoss, F.huber_loss)])
def test_a_loss_module_is_the_loss(kind, module, function):
    plain, by_function, by_module = (
        kind(sine_net(), loss_fn=loss).loss(sines()).item() for loss in (None, function, module())
    )
    assert by_module == pytest.approx(by_function, rel=1e-6) and abs(by_module - plain) > 0.01


class Powers(nn.Module):
    """A loss of one's own, with a parameter and without a ``reduction``."""

    def __init__(self):
        super().__init__()
        self.power = nn.Parameter(torch.tensor(4.0))

    def forward(self, prediction, target):
        return ((prediction - target).abs() ** self.power).mean()


def test_a_loss_of_ones_own_belongs_to_the_learner():
    learner = MAML(sine_net(), loss_fn=Powers())
    prediction, target = torch.randn(2, 2, 3, 1, generator=generator())
    expected = (prediction - target).pow(4).flatten(1).mean(dim=1)
    torch.testing.assert_close(task_losses(prediction, target, learner.loss_fn), expected)
    learner.loss(sines()).backward()
    assert "loss_fn.power" in dict(learner.named_parameters()) and learner.loss_fn.power.grad is not None


def test_the_guard_looks_at_the_loss_of_its_learner():
    assert Guarded(MAML(sine_net(), loss_fn=F.l1_loss)).loss_fn is F.l1_loss


@pytest.mark.parametrize(
    "loss_fn, error, words",
    [
        ("mse", TypeError, "loss_fn must be a function or a loss module"),
        (nn.L1Loss, TypeError, "loss_fn must be a function or a loss module"),
        (nn.MSELoss(reduction="sum"), ValueError, "reduction 'mean'.*not 'sum'"),
    ],
)
def test_no_loss_function_is_told_when_the_learner_is_made(loss_fn, error, words):
    with pytest.raises(error, match=words):
        MAML(sine_net(), loss_fn=loss_fn)


def test_a_loss_function_that_takes_the_mean_itself_is_told():
    with pytest.raises(ValueError, match=r"one loss for each of the 40 examples.*it gave \(\)"):
        MAML(sine_net(), loss_fn=lambda a, b, reduction: (a - b).square().mean()).loss(sines())


# --- evaluation
@pytest.mark.parametrize("asked", [5, 2])
def test_another_number_of_tasks_than_asked_for_is_refused(asked):
    with pytest.raises(ValueError, match=f"Fixed.sample was asked for {asked} tasks and gave 3"):
        evaluate(MAML(sine_net()), Fixed(sines(3)), asked, generator())


def test_a_sampler_that_gives_something_else_is_told():
    with pytest.raises(TypeError, match="must give a metalib.TaskBatch, not tuple"):
        evaluate(MAML(sine_net()), Fixed(tuple(sines(3))), 3, generator())


def test_answers_that_are_no_numbers_are_no_answers():
    logits = torch.zeros(2, 3, 3)
    logits[0, 1] = math.nan
    batch = TaskBatch(*(torch.zeros(2, 3, 1), torch.zeros(2, 3, dtype=torch.long)) * 2)
    with pytest.warns(UserWarning, match="In 1 of 2 tasks the predictions are not numbers"):
        result = evaluate(Says(logits), Fixed(batch), 2, generator())
    assert result.values[0].isnan() and result.values[1] == 1 and math.isnan(result.mean)
    masked = torch.full((2, 3, 3), -math.inf)  # a class that is ruled out is a number
    masked[..., 1] = 0
    assert evaluate(Says(masked), Fixed(batch), 2, generator()).mean == 0


def test_evaluation_leaves_each_part_in_its_mode():
    learner = ProtoNet(nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(1, 2)))
    learner.encoder[1].eval()
    modes = [module.training for module in learner.modules()]
    labels = torch.tensor([[0, 1]])
    tasks = Fixed(TaskBatch(torch.rand(1, 2, 1), labels, torch.rand(1, 2, 1), labels))
    evaluate(learner, tasks, 1, generator())
    assert [module.training for module in learner.modules()] == modes == [True, True, True, False, True]


def test_an_encoder_of_batch_statistics_is_scored_the_same_however_many_tasks_go_together(monkeypatch):
    draw = generator()
    labels = torch.tensor([[0, 1, 0, 1]]).expand(6, -1)
    x, query = (torch.randn(6, 4, 3, generator=draw) + torch.arange(6).view(6, 1, 1) for _ in "sq")
    learner = ProtoNet(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False)))
    tasks, values = Fixed(TaskBatch(x, labels, query, labels)), []
    for numbers in (1, 10**6):
        monkeypatch.setattr("metalib.learners.batched.PASS_NUMBERS", numbers)
        values.append(evaluate(learner, tasks, 6, generator()).values)
    assert torch.equal(*values)


# --- one thing in the place of another
@pytest.mark.parametrize(
    "call, error, words",
    [
        (
            lambda net: evaluate(net, SineTasks(), 3, generator()),
            TypeError,
            "not Sequential: give the network",
        ),
        (lambda net: fit(net, SineTasks(), 3, generator()), TypeError, "not Sequential: give the network"),
        (
            lambda net: fit(SineTasks(), MAML(net), 3, generator()),
            TypeError,
            "learner must be.*not SineTasks",
        ),
        (
            lambda net: fit(MAML(net), None, 3, generator()),
            TypeError,
            "tasks must draw tasks.*which NoneType does not",
        ),
        (
            lambda net: fit(MAML(net), SineTasks(), 3, generator(), validation=3),
            TypeError,
            "which int does not",
        ),
        (lambda net: evaluate(MAML(net), sines(), 3, generator()), TypeError, "which TaskBatch does not"),
        (lambda net: ProtoNet(None), TypeError, "torch.nn.Module, not NoneType"),
        (lambda net: NearestCentroid("conv4", 3, 3), TypeError, "torch.nn.Module, not str"),
        (lambda net: FromScratch(None), TypeError, "torch.nn.Module, not NoneType"),
        (lambda net: ProtoNet(net, temperature="1"), TypeError, "temperature must be a number"),
        (lambda net: ProtoNet(net, temperature=math.inf), ValueError, "temperature must be positive"),
        (lambda net: ProtoNet(net, distance=None), ValueError, "distance must be one of"),
    ],
)
def test_one_thing_in_the_place_of_another_is_named(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(sine_net())
    assert "\n" not in str(caught.value)


# --- the caller's network
def test_training_from_scratch_leaves_the_network_to_its_owner():
    net = sine_net()
    maml, scratch = MAML(net), FromScratch(net)
    assert all(p.requires_grad for p in net.parameters())
    assert not any(a is b for a in scratch.parameters() for b in net.parameters())
    fit(maml, SineTasks(), 2, generator(), progress=False)
    assert all(
        torch.equal(a, b) for a, b in zip(scratch.model.parameters(), sine_net().parameters(), strict=True)
    )


def test_an_encoder_keeps_its_layout_where_a_layer_might_mind():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 4, 3, padding=1)

        def forward(self, x):
            return self.conv(x).view(len(x), -1)

    labels = torch.tensor([[0, 1]])
    learner = ProtoNet(Views())
    assert learner.encoder.conv.weight.is_contiguous()
    assert learner.loss(TaskBatch(*(torch.rand(1, 2, 2, 5, 5), labels) * 2)).isfinite()


# --- copies
def changed(learner):
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.mul_(1.5)
    return learner


@pytest.mark.parametrize(
    "again",
    [copy.deepcopy, lambda learner: pickle.loads(pickle.dumps(learner))],
    ids=["copied", "pickled"],
)
@pytest.mark.parametrize(
    "compiled",
    [
        False,
        pytest.param(
            True, marks=[pytest.mark.slow, pytest.mark.skipif(not find_compiler(), reason="needs a compiler")]
        ),
    ],
)
def test_a_copy_is_a_learner_of_its_own(again, compiled):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own chatter
        learner = MAML(sine_net(), compile=compiled)
        before = learner.loss(sines()).item()
        other = changed(again(learner))
        assert (other._compiled is not None) is compiled
        found = other.loss(sines()).item()
        assert found == pytest.approx(changed(MAML(sine_net())).loss(sines()).item(), rel=1e-5)
        assert found != before and learner.loss(sines()).item() == before


def test_a_shallow_copy_has_its_own_settings():
    learner = MAML(sine_net(), steps=1)
    other = copy.copy(learner)
    other.steps = 3
    assert other.loss(sines()).item() == MAML(sine_net(), steps=3).loss(sines()).item()


# --- compilers
def test_a_compiler_that_does_not_work_is_found_out(monkeypatch, tmp_path):
    broken = tmp_path / ("broken.bat" if sys.platform == "win32" else "broken")
    broken.write_text(
        "exit 3\n" if sys.platform == "win32" else "#!/bin/sh\necho 'fatal error: no headers' >&2\nexit 3\n"
    )
    broken.chmod(0o755)
    assert compiler_fault(str(broken))
    monkeypatch.setenv("CXX", str(broken))
    with pytest.warns(UserWarning, match="does not work.*MAML runs uncompiled") as told:
        learner = MAML(sine_net(), compile=True)
    assert "\n" not in str(told[0].message) and learner.loss(sines()).isfinite()


@pytest.mark.skipif(not find_compiler(), reason="needs a C++ compiler")
def test_a_compiler_that_works_has_no_fault():
    assert compiler_fault(find_compiler()) is None
