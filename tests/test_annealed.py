"""MAML with a multi-step loss and an annealed order: against a loop, in its limits, stopped and gone on."""

import pytest
import torch
from test_meta_gradient import generator, meta_gradient, sines, smooth_net

from metalib import MAML, Episodes, SineTasks, Training, data
from metalib.compiler import find_compiler
from metalib.learners import AnnealedMAML, task_losses
from metalib.models import conv4, sine_net
from metalib.training import run

ALPHA, STEPS = 0.05, 4


def by_loop(model, batch, shares, second_order):
    """The mean over tasks of Σ share_k · L(θ_k; query), one task and one step after the other, and its
    gradient."""
    own, total = list(model.parameters()), 0.0
    for x, y, query_x, query_y in zip(*batch, strict=True):
        weights = {name: value for name, value in model.named_parameters()}
        for share in shares:
            loss = (torch.func.functional_call(model, weights, x) - y).square().mean()
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=second_order)
            moves = zip(weights.items(), slopes, strict=True)
            weights = {name: value - ALPHA * slope for (name, value), slope in moves}
            total += share * (torch.func.functional_call(model, weights, query_x) - query_y).square().mean()
    loss = total / len(batch)
    return loss, torch.cat([slope.flatten() for slope in torch.autograd.grad(loss, own)])


def annealed(**options):
    return AnnealedMAML(smooth_net(), ALPHA, STEPS, **options)


@pytest.mark.parametrize("iteration, last", [(0, 0.25), (10, 0.5), (25, 0.875), (30, 1.0), (99, 1.0)])
@pytest.mark.parametrize("second_order", [True, False])
def test_the_multi_step_loss_is_that_of_a_loop(iteration, last, second_order):
    learner, batch = annealed(multi_step=30, first_order=not second_order), sines()
    learner.at_iteration(iteration)
    shares = [(1 - last) / (STEPS - 1)] * (STEPS - 1) + [last]
    loss, gradient = by_loop(learner.model, batch, shares, second_order)
    torch.testing.assert_close(learner.loss(batch), loss)
    torch.testing.assert_close(meta_gradient(learner, batch), gradient)


def same(one, other, batch):
    return torch.equal(meta_gradient(one, batch), meta_gradient(other, batch)) and torch.equal(
        one.loss(batch), other.loss(batch)
    )


def test_its_limits_are_maml_and_first_order_maml():
    batch, maml = sines(), MAML(smooth_net(), ALPHA, STEPS)
    first = MAML(smooth_net(), ALPHA, STEPS, first_order=True)
    assert same(annealed(), maml, batch)
    learner = annealed(first_order_until=5)
    for iteration, expected in ((0, first), (4, first), (5, maml), (1000, maml)):
        learner.at_iteration(iteration)
        assert same(learner, expected, batch)
    assert not same(maml, first, batch)
    learner = annealed(multi_step=5, first_order=True)
    learner.at_iteration(5)
    assert same(learner, first, batch)


def test_one_step_has_one_loss_and_none_has_one_too():
    batch = sines()
    for steps in (0, 1):
        learner = AnnealedMAML(smooth_net(), ALPHA, steps, multi_step=50)
        assert same(learner, MAML(smooth_net(), ALPHA, steps), batch)


def test_what_is_adapted_and_predicted_is_mamls():
    batch, learner = sines(), annealed(multi_step=50, first_order_until=50)
    maml = MAML(smooth_net(), ALPHA, STEPS)
    ours, theirs = (each.adapt(batch.support_x, batch.support_y) for each in (learner, maml))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_it_takes_the_options_of_maml():
    learner = annealed(multi_step=9, adapts="4.", learn_alpha=True)
    assert list(learner.adapted_names) == ["4.weight", "4.bias"] and len(learner.alphas) == 2
    assert meta_gradient(learner, sines()).isfinite().all()


@pytest.mark.parametrize("name", ["multi_step", "first_order_until"])
@pytest.mark.parametrize("value", [-1, 2.5, True])
def test_bad_numbers_are_refused(name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        annealed(**{name: value})


def test_checkpointed_points_have_no_losses():
    with pytest.raises(ValueError, match="do not go together"):
        annealed(multi_step=3, checkpoint=True)


def training(multi_step=6, first_order_until=4):
    learner = AnnealedMAML(sine_net(), 0.01, 3, multi_step=multi_step, first_order_until=first_order_until)
    return Training(learner, SineTasks(5, 5), generator(1), meta_batch=4)


def test_training_says_the_iteration_and_a_checkpoint_goes_on_from_it(tmp_path):
    whole, stopped = training(), training()
    run(whole, 9, progress=False)
    run(stopped, 5, checkpoint=tmp_path / "half", progress=False)
    again = training()
    run(again, 9, checkpoint=tmp_path / "half", progress=False)
    assert again.history.loss == whole.history.loss
    for one, other in zip(whole.learner.parameters(), again.learner.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_schedule_is_part_of_what_a_checkpoint_belongs_to(tmp_path):
    run(training(), 2, checkpoint=tmp_path / "here", progress=False)
    with pytest.raises(ValueError, match="multi_step"):
        run(training(multi_step=7), 3, checkpoint=tmp_path / "here", progress=False)


def test_the_weights_are_those_of_maml():
    assert annealed(multi_step=3).state_dict().keys() == MAML(smooth_net()).state_dict().keys()


def test_pictures_and_batch_statistics_are_asked_after_every_step_too():
    batch = Episodes(data.glyphs("test"), ways=3, shots=1, queries=2).sample(2, generator())
    net = conv4(8, norm="batch-statistics", downsample="stride", ways=3)
    learner = AnnealedMAML(net, 0.2, 2, multi_step=10)
    way = learner.adapt_path(batch.support_x, batch.support_y)[1:]
    losses = [task_losses(learner.predict(fast, batch.query_x), batch.query_y).mean() for fast in way]
    torch.testing.assert_close(learner.loss(batch), sum(losses) / 2)


@pytest.mark.slow
@pytest.mark.skipif(not find_compiler(), reason="needs a C++ compiler")
def test_compiled_it_gives_the_same_losses_through_all_changes():
    losses = {}
    for compiled in (False, True):
        learner = AnnealedMAML(sine_net(), 0.01, 2, multi_step=6, first_order_until=3, compile=compiled)
        trained = Training(learner, SineTasks(5, 5), generator(1), meta_batch=4)
        run(trained, 9, progress=False)
        assert compiled == (learner._compiled is not None)
        losses[compiled] = torch.tensor(trained.history.loss)
    torch.testing.assert_close(losses[True], losses[False], rtol=1e-3, atol=1e-4)
