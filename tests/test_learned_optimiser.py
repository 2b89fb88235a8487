"""The learned optimiser: rules against torch's own optimisers, the preprocessing by hand, the weights."""

import math

import pytest
import torch
from torch import nn

from metalib import Episodes, SineTasks, Training, data, evaluate, weights
from metalib.learners import CoordinateRule, LearnedOptimiser, task_losses
from metalib.learners.optimiser import preprocessed
from metalib.models import conv4, tanh_net
from metalib.tasks import Fits, TaskBatch
from metalib.training import run

SINES = Fits(SineTasks(8, 1, inputs=(-3.0, 3.0)))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def downhill(gradient, memory):
    return -0.05 * gradient, memory


def adam(gradient, memory):
    theta, running = memory or (None, None)
    if theta is None:
        theta = torch.zeros_like(gradient)
        running = torch.optim.Adam([theta], lr=0.1)
    before, theta.grad = theta.clone(), gradient.clone()
    running.step()
    return theta - before, (theta, running)


@pytest.mark.parametrize(
    "rule, own",
    [
        (downhill, lambda p: torch.optim.SGD(p, lr=0.05)),
        (adam, lambda p: torch.optim.Adam(p, lr=0.1)),
    ],
)
def test_a_rule_trains_every_task_as_torch_would_alone(rule, own):
    learner, batch = LearnedOptimiser(rule, tanh_net(), steps=7).eval(), SINES.sample(3, generator())
    way = list(learner.descend(batch.support_x, batch.support_y))
    assert len(way) == 8
    for task in range(3):
        net = tanh_net()
        net.load_state_dict({name: value[task] for name, value in way[0].items()})
        running = own(net.parameters())
        for fast in way[1:]:
            running.zero_grad()
            (net(batch.support_x[task]) - batch.support_y[task]).square().mean().backward()
            running.step()
            for name, value in net.named_parameters():
                torch.testing.assert_close(fast[name][task], value, rtol=1e-4, atol=1e-5)


def test_the_curve_is_the_loss_at_every_point_and_the_loss_its_mean():
    learner, batch = (
        LearnedOptimiser(CoordinateRule(), tanh_net(), steps=4).eval(),
        SINES.sample(3, generator()),
    )
    curve = learner.curve(batch)
    for losses, fast in zip(curve, learner.descend(batch.support_x, batch.support_y), strict=True):
        expected = task_losses(learner.predict(fast, batch.query_x), batch.query_y)
        torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(learner.loss(batch), curve[1:].mean())
    last = evaluate(learner, SINES, 3, generator())
    torch.testing.assert_close(last.values, curve[-1].double().detach())


def test_two_numbers_for_a_gradient():
    gradient = torch.tensor([1.0, -1.0, math.e**-5, -(math.e**-5), math.e**-12, 0.0, math.e**3])
    expected = [[0, 1], [0, -1], [-0.5, 1], [-0.5, -1], [-1, math.e**-2], [-1, 0], [0.3, 1]]
    torch.testing.assert_close(preprocessed(gradient), torch.tensor(expected), rtol=1e-5, atol=1e-6)
    # where the two forms meet they are one
    edge = torch.tensor([math.exp(-10) * (1 - 1e-6), math.exp(-10) * (1 + 1e-6)])
    torch.testing.assert_close(*preprocessed(edge), rtol=1e-4, atol=1e-4)


def test_every_weight_is_treated_alike_and_by_itself():
    rule, gradient = CoordinateRule(), torch.randn(2, 5, generator=generator())
    order = torch.tensor([3, 0, 4, 2, 1])
    step, memory = rule(gradient, None)
    shuffled, other = rule(gradient[:, order], None)
    torch.testing.assert_close(step[:, order], shuffled)
    again, _memory = rule(-gradient, memory)
    torch.testing.assert_close(again[:, order], rule(-gradient[:, order], other)[0])
    changed = gradient.clone()
    changed[0, 2] = 7.0
    differs = (rule(changed, None)[0] != step).nonzero().tolist()
    assert differs == [[0, 2]]


def test_the_gradient_counts_as_a_constant():
    """As in the paper: the meta-gradient is that of a rule which is told the gradients as numbers."""
    learner, batch = (
        LearnedOptimiser(CoordinateRule(), tanh_net(), steps=3).eval(),
        SINES.sample(2, generator()),
    )
    seen = []

    def listening(gradient, memory):
        assert not gradient.requires_grad
        seen.append(gradient)
        return own(gradient, memory)

    own = learner.rule
    wanted = torch.autograd.grad(learner.loss(batch), list(own.parameters()))
    told = LearnedOptimiser(listening, tanh_net(), steps=3).eval()
    found = torch.autograd.grad(told.loss(batch), list(own.parameters()))
    assert len(seen) == 3
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other)


def test_starts_are_fresh_in_training_and_the_same_for_all_in_evaluation():
    learner = LearnedOptimiser(downhill, tanh_net())
    torch.manual_seed(0)
    first, second = learner.train().starts(2), learner.starts(2)
    name = "0.weight"
    assert not torch.equal(first[name], second[name]) and not torch.equal(first[name][0], first[name][1])
    learner.eval()
    assert torch.equal(learner.starts(2)[name], learner.starts(3)[name][:2])


def test_only_the_rule_is_trained_and_training_helps():
    learner = LearnedOptimiser(CoordinateRule(), tanh_net(width=6), steps=10)
    assert learner.state_dict().keys() == {f"rule.{name}" for name in CoordinateRule().state_dict()}
    before = evaluate(learner, SINES, 40, generator(3)).mean
    run(Training(learner, SINES, generator(1), meta_batch=8, lr=1e-2), 40, progress=False)
    assert evaluate(learner, SINES, 40, generator(3)).mean < 0.7 * before


def test_the_same_seed_trains_the_same_rule():
    losses = []
    for _time in range(2):
        learner = LearnedOptimiser(CoordinateRule(), tanh_net(width=4), steps=3)
        losses.append(run(Training(learner, SINES, generator(1), meta_batch=3), 3, progress=False).loss)
    assert losses[0] == losses[1]


def test_it_fits_any_model_and_labels():
    net = conv4(8, norm="batch-statistics", downsample="stride", ways=3)
    tasks = Episodes(data.glyphs("test"), ways=3, shots=1, queries=2)
    learner = LearnedOptimiser(CoordinateRule(), net, steps=2).eval()
    score = evaluate(learner, tasks, 2, generator())
    assert score.metric == "accuracy" and learner.loss(tasks.sample(2, generator())).isfinite()


def test_a_function_has_nothing_to_train():
    with pytest.raises(ValueError, match="nothing to train"):
        Training(LearnedOptimiser(downhill, tanh_net()), SINES, generator())
    with pytest.raises(ValueError, match="steps"):
        LearnedOptimiser(downhill, tanh_net(), steps=-1)
    with pytest.raises(TypeError, match="model"):
        LearnedOptimiser(downhill, "a net")


def test_fits_ask_for_what_they_have_given():
    plain = SineTasks(4, 9).sample(2, generator())
    batch = Fits(SineTasks(4, 9), factor=10.0).sample(2, generator())
    assert isinstance(batch, TaskBatch)
    assert torch.equal(batch.support_x, plain.support_x) and torch.equal(
        batch.support_y, 10 * plain.support_y
    )
    assert torch.equal(batch.query_x, batch.support_x) and torch.equal(batch.query_y, batch.support_y)


@pytest.mark.slow
def test_the_shipped_rule_scores_what_its_card_says():
    learner, made = weights.load("learned-optimiser"), weights.recipe("learned-optimiser")
    for (label, again), said in zip(
        made.evaluations(learner, 100), weights.card("learned-optimiser")["results"], strict=True
    ):
        assert label == said["label"]
        assert abs(again.mean - said["mean"]) <= 3 * (again.half_width + said["half_width"])
    assert isinstance(learner.model, nn.Sequential)
