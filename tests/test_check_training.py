"""`check_training`: each fault, planted in random models, shapes and tasks, is named; what is in order,
trained or not, is left in peace; nothing of the reader's is changed."""

import copy
import random

import numpy as np
import planted
import pytest
import torch
from planted import FAULTS, generator, healthy
from torch import nn

import metalib
from metalib import MAML, Episodes, ProtoNet, SineTasks, check_training, weights
from metalib.diagnosis import FAULTS as NAMES, TrainingReport
from metalib.diagnosis.rate import largest_curvature
from metalib.diagnosis.slopes import compare
from metalib.weights.recipes import Recipe

# What each shipped recipe trains: each kind of learner, model and task.
RECIPES = (
    "sine-maml", "sine-fomaml", "sine-reptile", "sine-joint", "sine-cnp", "glyphs-maml",
    "glyphs-protonet-stride", "words-maml", "words-maml-head", "words-protonet",
)  # fmt: skip
QUICK = ("alpha 1e-7", "own: no create_graph", "other function", "logits as logarithms", "cut encoder")


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_named(name):
    learner, tasks, options, wanted = FAULTS[name](generator(1))
    report = check_training(learner, tasks, **options)
    assert wanted & set(report.names), report
    assert set(report.names) <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_named_whatever_the_model_and_the_tasks(name):
    missed = []
    for seed in range(10, 12):
        learner, tasks, options, wanted = FAULTS[name](generator(seed))
        if not wanted & set(check_training(learner, tasks, **options).names):
            missed.append(seed)
    assert missed == []


@pytest.mark.parametrize("seed", [0, 4, 5])
def test_what_is_in_order_raises_no_alarm(seed):
    report = check_training(*healthy(seed))
    assert report.names == () and str(report).startswith("Nothing suspicious seen"), report


@pytest.mark.slow
def test_learners_in_order_raise_no_alarm():
    alarms = {seed: check_training(*healthy(seed)).names for seed in range(100, 124)}
    assert {seed: names for seed, names in alarms.items() if names} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_shipped_learners_raise_no_alarm_before_and_after_their_training(name):
    recipe = Recipe.read(name)
    tasks, lr = recipe.distribution("train"), recipe.training.get("lr", 1e-3)
    before, after = (
        check_training(learner, tasks, lr=lr) for learner in (recipe.build(), weights.load(name))
    )
    assert before.names == () and after.names == ()
    assert after.stage == ("begun" if name == "sine-joint" else "learned"), after


def everything(learner, tasks):
    """Whatever a check could leave traces in."""
    return (
        {name: value.clone() for name, value in learner.state_dict().items()},
        [(name, part.training) for name, part in learner.named_modules()],
        [(name, p.requires_grad, p.grad is None) for name, p in learner.named_parameters()],
        torch.get_rng_state(),
        torch.tensor(np.random.get_state()[1].astype(np.int64)),
        random.getstate(),
        tasks.own.get_state(),
    )


class Counting:
    """Tasks with a random generator of their own."""

    def __init__(self, tasks):
        self.tasks, self.own = tasks, generator(5)

    def sample(self, n_tasks, _generator):
        return self.tasks.sample(n_tasks, self.own)


def test_nothing_is_changed():
    g = generator(3)
    tasks = planted.classification(g)
    size = tasks.sample(1, g).support_x.shape[-1]
    encoder = metalib.models.conv4(8, downsample="stride", size=size, generator=g)
    encoder.insert(4, nn.Dropout(0.2))
    encoder[1].eval()
    learner, tasks, given = ProtoNet(encoder), Counting(tasks), generator(9)
    before, state = everything(learner, tasks), given.get_state()
    first = check_training(learner, tasks, generator=given)
    for one, other in zip(before, everything(learner, tasks), strict=True):
        if isinstance(one, torch.Tensor):
            assert torch.equal(one, other)
        elif isinstance(one, dict):
            assert all(torch.equal(one[name], other[name]) for name in one)
        else:
            assert one == other
    assert torch.equal(given.get_state(), state)
    assert str(check_training(learner, tasks, generator=given)) == str(first), "the same again"


def test_the_largest_stable_step_is_that_of_the_curvature():
    """On a quadratic loss λ is known: the mean squared error of a linear model has the Hessian 2 XᵀX / N."""
    g = generator(2)
    tasks = planted.Linear(3, shots=12)
    learner = MAML(nn.Linear(3, 1))
    batch = tasks.sample(4, g)
    x = torch.cat([batch.support_x, torch.ones(4, 12, 1)], dim=-1)
    wanted = torch.linalg.eigvalsh(2 * x.mT @ x / 12)[:, -1].mean()
    assert largest_curvature(learner, batch, rounds=60) == pytest.approx(wanted.item(), rel=1e-3)
    edge = 2 / wanted.item()
    assert "alpha-large" in check_training(MAML(nn.Linear(3, 1), alpha=3 * edge, steps=3), tasks).names
    assert check_training(MAML(nn.Linear(3, 1), alpha=0.2 * edge, steps=3), tasks).names == ()


@pytest.mark.parametrize("seed", range(20))
def test_slopes_of_a_function_with_kinks_are_right_slopes_and_others_wrong(seed):
    g = generator(seed)
    at = {name: torch.randn(planted.whole(g, 1, 9), generator=g).double() for name in "ab"}

    def loss(w):
        return float((w["a"].relu().sum() - 0.3) ** 2 + w["b"].sin().sum() * w["a"].sum())

    leaves = {name: value.clone().requires_grad_() for name, value in at.items()}
    value = (leaves["a"].relu().sum() - 0.3) ** 2 + leaves["b"].sin().sum() * leaves["a"].sum()
    gradient = dict(zip("ab", torch.autograd.grad(value, list(leaves.values())), strict=True))
    assert compare(loss, at, gradient).agree
    missing = compare(loss, at, {**gradient, "b": torch.zeros_like(at["b"])})
    assert missing.agree is False and "b" in missing.wrong
    assert compare(loss, at, {**gradient, "a": 3 * gradient["a"]}).agree is False
    spare = {**at, "c": torch.ones(2).double()}
    assert compare(loss, spare, {**gradient, "c": torch.zeros(2).double()}).unused == ("c",)


def test_the_report_shows_itself():
    report = check_training(MAML(metalib.models.sine_net(), alpha=1e-8), SineTasks(10, 10))
    assert isinstance(report, TrainingReport) and report.names == ("alpha-small",)
    (finding,) = report.wrong
    assert "Take a larger α" in finding.advice and "support loss goes from" in finding.sentence
    assert str(report).startswith("Wrong: alpha-small\n✗ alpha-small: with α = 1e-08")
    assert report._repr_markdown_().startswith("**Wrong: alpha-small**\n\n- ✗ **alpha-small**: with")
    assert report.fine and not report.suspicious and repr(report) == str(report)


def test_it_speaks_the_readers_language():
    metalib.use_language("zh")
    try:
        assert str(check_training(MAML(metalib.models.sine_net()), SineTasks(10, 10))).startswith(
            "没有发现可疑之处"
        )
    finally:
        metalib.use_language("en")


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((nn.Linear(1, 1), SineTasks()), {}, "must be a metalib.Learner"),
        ((MAML(nn.Linear(1, 1)), 3), {}, "must draw tasks"),
        ((MAML(nn.Linear(1, 1)), SineTasks()), {"lr": -1}, "lr"),
        ((MAML(nn.Linear(1, 1)), SineTasks()), {"optimiser": "best"}, "optimiser must be"),
        ((MAML(nn.Linear(1, 1)), SineTasks()), {"generator": 3}, "generator"),
    ],
)
def test_what_is_no_learner_and_no_tasks_is_refused(arguments, options, said):
    with pytest.raises((TypeError, ValueError), match=said):
        check_training(*arguments, **options)


def test_what_does_not_apply_is_left_out():
    images = planted.images(generator(4))
    tasks = Episodes(images, 4, 3, 4)
    for learner in (
        metalib.LogisticRegression(nn.Flatten()),
        metalib.FineTuning(planted.perceptron(generator(1), 0, 8, image=images.images.shape[-1]), 0.1, 1),
        metalib.FromScratch(planted.perceptron(generator(1), 0, 4, image=images.images.shape[-1]), 0.05, 5),
        metalib.SoftKMeans(nn.Flatten()),
        metalib.learners.Guarded(
            MAML(planted.perceptron(generator(1), 0, 4, image=images.images.shape[-1]), 0.05)
        ),
    ):
        report = check_training(learner, tasks)
        assert report.names == (), (type(learner).__name__, report)


def test_an_ordinary_classifier_is_looked_at_as_one():
    images = planted.images(generator(4))
    encoder = planted.perceptron(generator(1), 0, 8, image=images.images.shape[-1])
    learner = metalib.NearestCentroid(encoder, 8, len(images))
    report = check_training(learner, Episodes(images, 4, 3, 4, global_labels=True))
    assert report.names == () and any("ordinary classifier" in str(one) for one in report.unseen)


def test_a_learner_that_fails_is_quoted():
    report = check_training(MAML(nn.Linear(3, 1)), SineTasks(5, 5))
    assert report.names == ("fails",) and "shapes cannot be multiplied" in str(report)


def test_a_step_in_place_is_not_taken_for_chance():
    learner, tasks, options, _ = FAULTS["own: in place"](generator(1))
    names = check_training(learner, tasks, **options).names
    assert "adapt-changes-learner" in names and "random" not in names


class GradientsAsTheyCome(planted.Own):
    """An inner loop of one's own that counts on gradients being on."""

    def step(self, x, y):
        own = dict(self.model.named_parameters())
        loss = (torch.func.functional_call(self.model, own, (x,)) - y).square().mean()
        slopes = torch.autograd.grad(loss, list(own.values()), create_graph=True)
        return {name: own[name] - self.alpha * slope for name, slope in zip(own, slopes, strict=True)}


def test_an_own_inner_loop_without_gradients_is_told_to_turn_them_on():
    report = check_training(GradientsAsTheyCome(metalib.models.sine_net(), 0.01), SineTasks(5, 5))
    assert report.names == ("fails",) and "with torch.enable_grad():" in str(report)


def test_a_copy_of_a_compiled_learner_is_looked_at_uncompiled():
    learner = MAML(metalib.models.sine_net())
    learner._compiled = True  # as one that compiles when it is first used
    assert check_training(copy.copy(learner), SineTasks(10, 10)).names == ()
