"""The sine laboratory and the training laboratory, without a browser."""

import asyncio
import math

import numpy as np
import pytest
import torch
from readable import check_fast_picture

from metalib import look
from metalib.lab import SineLaboratory, TrainingLaboratory
from metalib.lab.sine import MAX_SHOTS, MAX_STEPS, SinePainter, SineState, adapt_sine
from metalib.learners import MAML, ProtoNet
from metalib.models import sine_net
from metalib.tasks import SineTasks
from metalib.training import Training

VALUES = {"alpha": 0.01, "steps": 4, "shots": 5, "amplitude": 2.0, "phase": 1.0, "draw": 0}


def state(**changes):
    return SineState(**{**VALUES, "start": "mine", **changes})


def painter():
    return SinePainter()


@pytest.fixture(scope="module")
def model():
    return sine_net(torch.Generator().manual_seed(1))


def test_the_way_is_plain_gradient_descent(model):
    result = adapt_sine(model, state())
    x, y = (torch.from_numpy(values).unsqueeze(1) for values in result.support)
    twin = sine_net()
    twin.load_state_dict(model.state_dict())
    for step in range(5):
        loss = (twin(x) - y).square().mean()
        assert result.support_loss[step] == pytest.approx(loss.item(), rel=1e-4)
        with torch.no_grad():
            curve = twin(torch.from_numpy(result.x).unsqueeze(1)).flatten().numpy()
        np.testing.assert_allclose(result.curves[step], curve, atol=1e-4)
        gradients = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(twin.parameters(), gradients, strict=True):
                parameter -= 0.01 * gradient
    qx, qy = (torch.from_numpy(values).unsqueeze(1) for values in result.query)
    assert result.query_loss[0] == pytest.approx((model(qx) - qy).square().mean().item(), rel=1e-4)


def test_the_points_belong_to_the_wave_and_the_model_is_left_alone(model):
    before = [parameter.clone() for parameter in model.parameters()]
    result = adapt_sine(model, state())
    for x, y in (result.support, result.query, (result.x, result.target)):
        np.testing.assert_allclose(y, 2.0 * np.sin(x - 1.0), atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_one_shot_more_leaves_all_other_points_where_they_are(model):
    five, six = (adapt_sine(model, state(shots=shots)) for shots in (5, 6))
    np.testing.assert_array_equal(five.support[0], six.support[0][:5])
    np.testing.assert_array_equal(five.query[0], six.query[0])


def test_a_draw_can_be_had_again(model):
    one, other, again = (adapt_sine(model, state(draw=draw)) for draw in (0, 1, 0))
    assert (one.support[0] != other.support[0]).all()
    np.testing.assert_array_equal(one.curves, again.curves)


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"alpha": math.nan}, ValueError, "alpha must lie between 0.0001 and 1; nan does not"),
        ({"alpha": -1.0}, ValueError, "alpha must lie between 0.0001 and 1; -1 does not"),
        ({"alpha": math.inf}, ValueError, "alpha must lie between 0.0001 and 1; inf does not"),
        ({"alpha": "0,01"}, TypeError, "alpha must be a number, not '0,01'"),
        ({"steps": -1}, ValueError, "steps must lie between 0 and 10; -1 does not"),
        ({"steps": 2.5}, TypeError, "steps must be a whole number, not 2.5"),
        ({"shots": 0}, ValueError, "shots must lie between 1 and 20; 0 does not"),
        ({"shots": 21}, ValueError, "shots must lie between 1 and 20; 21 does not"),
        ({"phase": math.nan}, ValueError, "phase must lie between 0 and 3.14; nan does not"),
        ({"start": "MAML"}, ValueError, "start must be one of 'mine', not 'MAML'"),
    ],
)
def test_bad_values_are_named_at_the_start_and_later(model, change, error, message):
    with pytest.raises(error, match=message):
        SineLaboratory({"mine": model}, **change)
    lab = SineLaboratory({"mine": model})
    with pytest.raises(error, match=message):
        lab.set(**change)


@pytest.mark.parametrize(
    "change", [{}, {"steps": 0}, {"steps": 10}, {"alpha": 1.0, "steps": 10}, {"shots": 20}]
)
def test_fast_picture_equals_the_full_draw(model, change):
    picture, before, now = painter(), state(steps=7), state(**change)
    picture.pixels(before, adapt_sine(model, before))  # something else was there before
    result = adapt_sine(model, now)
    full = check_fast_picture(picture, now, result)
    assert (full[..., 3] == 255).all(), "the file is written without transparency"


def test_no_text_is_small_or_cut_off(model):
    now = state(alpha=0.05, steps=10)
    figure = painter().full(now, adapt_sine(model, now))
    texts = [
        text for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if text.get_text()
    ]
    assert len(texts) > 20
    for text in texts:
        assert text.get_fontsize() >= 12
        if text.get_visible() and text.axes is not None and "axis" not in str(type(text)):
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= 1000, text.get_text()


def test_an_exploding_alpha_says_so_and_the_laboratory_stays_usable(model):
    lab = SineLaboratory({"random": model}, start="random")
    result = lab.set(alpha=1.0, steps=10)
    assert result.exploded is not None
    assert lab.surface.message.startswith("α = 1 is too large for this start: the support loss grew from ")
    assert f"after step {result.exploded}." in lab.surface.message
    assert not lab.surface.failed
    drawn = lab.painter.curves.after.get_ydata()
    assert np.isfinite(drawn).all() and (np.abs(drawn) <= 100).all()
    lab.set(alpha=0.001)
    assert lab.surface.message == ""


def test_words_tell_what_the_picture_shows(model):
    lab = SineLaboratory({"random": model, "other": model}, start="other", **{**VALUES, "alpha": 0.02})
    words, result = lab.surface.alt, lab.result
    for part in (
        "2.00 · sin(x − 1.00)",
        "other",
        "α (inner rate): 0.02",
        "shots: 5",
        look.number(result.query_loss[-1]),
        f"; 4: {look.number(result.support_loss[-1])}, {look.number(result.query_loss[-1])}.",
    ):
        assert part in words
    unmoved = SineLaboratory({"random": model}, steps=0)
    losses = unmoved.result.support_loss[0], unmoved.result.query_loss[0]
    assert unmoved.surface.alt.endswith("after each step: 0: {}, {}.".format(*map(look.number, losses)))


def test_every_curve_is_in_the_legend(model):
    lab = SineLaboratory({"one": model}, steps=4)
    curves = lab.painter.curves
    seen = [line for line in curves.target.axes.lines if len(line.get_xdata())]
    named = {entry.look["color"] for entry in curves.legend()}
    pale = [line for line in seen if line in curves.between]
    assert len(pale) == 3 and "after each step" in lab.surface.alt
    assert {line.get_color() for line in seen if line not in pale} <= named


def test_zero_steps_show_the_start_point_itself(model):
    result = adapt_sine(model, state(steps=0))
    assert result.curves.shape == (1, len(result.x))
    assert result.exploded is None


def test_starts_may_be_learners_and_an_unknown_setting_is_refused(model):
    assert SineLaboratory({"mine": MAML(model)}).state.start == "mine"
    with pytest.raises(TypeError, match="no beta"):
        SineLaboratory({"mine": model}, beta=1)


@pytest.mark.parametrize(
    "value, text",
    [
        (0.01234, "0.0123"),
        (2.0, "2.00"),
        (123.4, "123"),
        (4.1e9, "4.1e+09"),
        (math.inf, "∞"),
        (math.nan, "∞"),
    ],
)
def test_losses_as_learners_read_them(value, text):
    assert look.number(value) == text


def training(seed=0):
    learner = MAML(sine_net(width=8), alpha=0.01)
    return Training(learner, SineTasks(5, 5), torch.Generator().manual_seed(seed), meta_batch=4)


def parameters(lab):
    return [value.clone() for value in lab.training.learner.parameters()]


def test_training_goes_back_to_every_moment():
    lab = TrainingLaboratory(training(), 60)
    start = parameters(lab)
    lab.train()
    moments = [iteration for iteration, _values in lab.snapshots]
    assert moments[0] == 0 and moments[-1] == 60 and moments == sorted(set(moments))
    assert lab.controls["position"].max == lab.controls["position"].value == len(moments) - 1
    assert lab.result.iteration == 60 and len(lab.result.losses) == 60
    first = lab.set(position=0)
    assert first.iteration == 0
    assert all(torch.equal(a, b) for a, b in zip(start, lab._model.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(start, parameters(lab), strict=True))
    check_fast_picture(lab.painter, lab.state, lab.result)
    assert "after meta-iteration 0;" in lab.surface.alt


def test_intervals_between_moments_grow():
    lab = TrainingLaboratory(training(), 300)
    lab.train()
    gaps = np.diff([iteration for iteration, _values in lab.snapshots])[:-1]
    assert gaps[0] == 1 and (np.diff(gaps) >= 0).all() and gaps.max() > 10


def test_pausing_and_going_on_loses_no_step(monkeypatch):
    # A few iterations at a time: a quick machine would else be done before it can be paused.
    monkeypatch.setattr("metalib.lab.meta_training.CHUNK", 0.002)
    straight = TrainingLaboratory(training(), 40)
    straight.train()

    async def in_pieces():
        lab = TrainingLaboratory(training(), 40)
        lab.buttons.start.click()
        lab.buttons.start.click()  # a second press changes nothing
        lab.start()
        assert lab.is_running and not lab.buttons.pause.disabled
        await asyncio.sleep(0)
        lab.buttons.pause.click()
        await asyncio.sleep(0.02)
        paused = lab.training.iteration
        assert not lab.is_running and not lab.buttons.start.disabled
        await asyncio.sleep(0.02)
        assert lab.training.iteration == paused
        lab.train(3)
        lab.start()
        while lab.is_running:
            await asyncio.sleep(0.005)
        return lab

    lab = asyncio.run(in_pieces())
    assert lab.training.iteration == 40 and lab.buttons.start.disabled
    lab.start()  # nothing is left: no loop needed, nothing happens
    assert lab.training.history.loss == straight.training.history.loss
    assert all(torch.equal(a, b) for a, b in zip(parameters(lab), parameters(straight), strict=True))


def test_looking_back_while_it_trains_is_not_disturbed():
    lab = TrainingLaboratory(training(), 40)
    lab.train(20)
    lab.set(position=2)
    lab.train(10)
    assert lab.state.position == 2
    assert lab.buttons.progress.value == "30 of 40 meta-iterations"


def test_an_exploding_training_is_said_in_the_background_and_raised_in_the_foreground():
    async def in_background():
        lab = TrainingLaboratory(broken(), 10)
        lab.start()
        while lab.is_running:
            await asyncio.sleep(0.005)
        return lab

    def broken():
        made = training()
        made.tasks = SineTasks(5, 5, amplitudes=(1e30, 1e30))
        return made

    lab = asyncio.run(in_background())
    assert "meta-loss became" in lab.surface.message and lab.surface.failed
    with pytest.raises(FloatingPointError, match="meta-loss became"):
        TrainingLaboratory(broken(), 10).train()


def test_training_laboratory_says_what_it_needs():
    with pytest.raises(ValueError, match="iterations must be at least 1"):
        TrainingLaboratory(training(), 0)
    for values in ({"steps": MAX_STEPS + 1}, {"shots": 0}, {"shots": MAX_SHOTS + 1}):
        with pytest.raises(ValueError, match=f"{next(iter(values))} must lie between"):
            TrainingLaboratory(training(), 10, **values)
    metric = training()
    metric.learner = ProtoNet(sine_net())
    with pytest.raises(TypeError, match="gradient steps, not ProtoNet"):
        TrainingLaboratory(metric, 10)
