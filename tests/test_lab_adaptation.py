"""The adaptation laboratory without a browser: its way on a task against a brute-force inner loop and against
the learners' own, chance before any step, bands, the picture, and what the controls do to each other."""

import asyncio
import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import nn

from metalib import data, evaluate, weights
from metalib.lab.adaptation.average import Averages
from metalib.lab.adaptation.laboratory import MAX_STEPS, AdaptationLaboratory, own_alpha
from metalib.lab.adaptation.picture import AdaptationPicture
from metalib.lab.adaptation.start import shipped_weights, start_point
from metalib.lab.adaptation.task import (
    FIRST_TASK,
    Average,
    accuracies,
    adaptation,
    nth_task,
    queries_for,
    walk,
)
from metalib.lab.adaptation.words import shown
from metalib.learners import MAML, ProtoNet
from metalib.models import conv4
from metalib.tasks import Episodes, TaskBatch

STATE = {"alpha": 0.4, "steps": 3, "shots": 1, "ways": 5}


def network(ways=5, channels=8, norm="batch-statistics", seed=0):
    generator = torch.Generator().manual_seed(seed)
    return conv4(channels, norm=norm, downsample="stride", ways=ways, generator=generator)


@pytest.fixture(scope="module")
def images():
    return data.glyphs("test", by="character").subset(range(60))


@pytest.fixture(scope="module")
def small(images):
    """Cheap start points: with five outputs, with twelve, and without batch statistics."""
    models = {"five": network(), "twelve": network(12, seed=1), "group": network(norm="group", seed=2)}
    return {name: start_point(name, model, images) for name, model in models.items()}


@pytest.fixture
def lab(images):
    given = {"five": MAML(network(), alpha=0.25, steps=2), "twelve": network(12, seed=1)}
    return AdaptationLaboratory(given, images, tasks=4)


def brute_force(model, batch, alpha, steps, transductive):
    """Logits on the query set before and after each step: plain SGD on a copy of the network, one query after
    the other where each is judged alone."""
    import copy

    model = copy.deepcopy(model)
    (x,), (y,), (query,) = batch.support_x, batch.support_y, batch.query_x
    ways = len(y.unique())
    optimiser, result = torch.optim.SGD(model.parameters(), lr=alpha), []
    for step in range(steps + 1):
        with torch.no_grad():
            if transductive:
                result.append(model(query)[:, :ways])
            else:
                result.append(torch.stack([model(torch.cat([x, q[None]]))[-1, :ways] for q in query]))
        if step < steps:
            optimiser.zero_grad()
            scores = model(x)[:, :ways]
            picked = scores.log_softmax(dim=1)[torch.arange(len(y)), y]
            (-picked.sum() / len(y)).backward()
            optimiser.step()
    return torch.stack(result)


@pytest.mark.parametrize("transductive", [True, False])
@pytest.mark.parametrize(
    "name, ways, shots", [("five", 5, 1), ("five", 3, 2), ("twelve", 7, 1), ("group", 5, 2)]
)
def test_the_way_is_that_of_a_brute_force_inner_loop(small, images, name, ways, shots, transductive):
    how = {"alpha": 0.3, "steps": 3, "transductive": transductive}
    state = {"ways": ways, "shots": shots, "draw": 3, **how}
    result = adaptation(small[name], images, **state)
    queries = queries_for(images, ways, shots, transductive)
    batch = Episodes(images, ways, shots, queries).sample(1, torch.Generator().manual_seed(3))
    expected = brute_force(small[name].model, batch, **how)
    np.testing.assert_allclose(result.task.probabilities, expected.softmax(-1), atol=2e-4)
    right = (expected.argmax(-1) == batch.query_y[0]).double().mean(dim=1)
    np.testing.assert_allclose(result.task.query_accuracy, right)
    log_p = expected.log_softmax(-1)[:, torch.arange(ways * queries), batch.query_y[0]]
    np.testing.assert_allclose(result.task.query_loss, -log_p.mean(dim=1), rtol=1e-3, atol=1e-4)
    assert result.task.probabilities.shape == (4, ways * queries, ways)


@pytest.mark.parametrize("transductive", [True, False])
def test_the_way_is_that_of_the_learner(images, transductive):
    learner = MAML(network(), alpha=0.3, transductive=transductive)
    start = start_point("MAML", learner, images)
    batch = Episodes(images, 5, 2, 3).sample(1, torch.Generator().manual_seed(0))
    path = learner.adapt_path(batch.support_x, batch.support_y, 3)
    way = walk(start, batch, alpha=0.3, steps=3, transductive=transductive)
    for fast, (support, query) in zip(path, way, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(query, learner.predict(fast, batch.query_x)[0], atol=2e-3, rtol=1e-3)
            learner.transductive = True
            torch.testing.assert_close(
                support, learner.predict(fast, batch.support_x)[0], atol=2e-3, rtol=1e-3
            )
            learner.transductive = transductive


def test_only_what_the_learner_adapts_is_adapted(images):
    learner = MAML(network(), adapts=lambda name: name.startswith("13"))
    start = start_point("ANIL", learner, images)
    assert start.adapts == ("13.weight", "13.bias")
    batch = nth_task(Episodes(images, 5, 1, 3), 0)
    path = learner.adapt_path(batch.support_x, batch.support_y, 2)
    *_before, (_support, query) = walk(start, batch, alpha=0.01, steps=2, transductive=True)
    torch.testing.assert_close(query, learner.predict(path[-1], batch.query_x)[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name, ways", [("five", 5), ("five", 3), ("twelve", 4)])
def test_before_any_step_accuracy_is_chance_over_label_permutations(small, images, name, ways):
    """Whatever the network answers, each answer is right in one of `ways` permutations of the labels."""
    plain = nth_task(Episodes(images, ways, 2, 3), 0)
    found = []
    for order in permutations(range(ways)):
        where = torch.tensor(order)
        parts = [part.unflatten(1, (ways, -1))[:, where].flatten(1, 2) for part in plain[0:1]]
        batch = TaskBatch(parts[0], plain.support_y, parts[2], plain.query_y)
        found.append(accuracies(walk(small[name], batch, alpha=0.1, steps=0, transductive=True))[:, 0])
    np.testing.assert_allclose(np.mean(found, axis=0), 1 / ways, atol=1e-12)
    assert np.std(found) > 0


def test_trained_weights_start_at_chance_and_climb():
    images = data.glyphs("test", by="character")
    start = start_point("MAML", "glyphs-maml", images)
    average = adaptation(start, images, **STATE, tasks=30).average
    mean, half = average.mean, average.half_width
    assert abs(mean[1, 0] - 0.2) < 1.5 * half[1, 0] < 0.1
    assert mean[1, 3] > 0.85 and mean[0, 3] > 0.98
    # The same tasks through the learner itself.
    learner = weights.load("glyphs-maml")
    learner.alpha = 0.4

    class Same:
        def sample(self, n, generator):
            return nth_task(Episodes(images, 5, 1, 5), n_seen.pop(0))

    n_seen = list(range(30))
    scored = evaluate(learner, Same(), 30, torch.Generator(), chunk=1, steps=3)
    assert scored.mean == pytest.approx(mean[1, 3], abs=1e-9)
    assert scored.half_width == pytest.approx(half[1, 3], abs=1e-9)


def test_band_is_196_standard_errors():
    values = np.random.default_rng(0).uniform(size=(7, 2, 4))
    average = Average(values)
    for part in range(2):
        for step in range(4):
            numbers = values[:, part, step].tolist()
            mean = sum(numbers) / 7
            s = math.sqrt(sum((n - mean) ** 2 for n in numbers) / 6)
            assert average.mean[part, step] == pytest.approx(mean)
            assert average.half_width[part, step] == pytest.approx(1.96 * s / math.sqrt(7))
    assert np.isnan(Average(values[:1]).half_width).all() and np.isnan(Average(values[:0]).mean).all()


def test_the_same_numbers_every_time_and_the_same_tasks_for_all(small, images):
    one = adaptation(small["five"], images, **STATE, draw=5, tasks=3)
    two = adaptation(small["five"], images, **STATE, draw=5, tasks=3)
    np.testing.assert_array_equal(one.task.probabilities, two.task.probabilities)
    np.testing.assert_array_equal(one.average.values, two.average.values)
    other = adaptation(small["twelve"], images, **{**STATE, "alpha": 0.1}, draw=5)
    np.testing.assert_array_equal(one.task.query, other.task.query)
    assert one.task.names == other.task.names
    assert adaptation(small["five"], images, **STATE, draw=6).task.names != one.task.names
    assert FIRST_TASK > 10**5  # nobody presses "new task" so often: shown tasks are not those of the average


def test_bits_of_work_give_the_same_average(small, images):
    settings = {"start": "five", **STATE, "transductive": True}
    pure = adaptation(small["five"], images, **STATE, tasks=3).average.values
    averages = Averages(small, images, tasks=3)
    assert averages.get(**settings).n == 0
    calls = 1
    while averages.work(0, **settings):  # one inner step at a time, and something else in between
        averages.work(0, **{**settings, "alpha": 0.1})
        calls += 1
    assert calls == 3 * 4
    np.testing.assert_array_equal(averages.get(**settings).values, pure)
    np.testing.assert_array_equal(averages.get(**{**settings, "steps": 1}).values, pure[:, :, :2])
    assert averages.get(**{**settings, "steps": 4}).n == 0
    for alpha in range(1, 40):
        averages.get(**{**settings, "alpha": float(alpha)})
    assert len(averages._known) == 16


@pytest.mark.parametrize(
    "ways, shots, transductive, queries",
    [(5, 1, True, 5), (2, 1, True, 5), (10, 5, True, 3), (20, 1, True, 2), (5, 1, False, 5), (5, 5, False, 3),
     (20, 1, False, 1), (20, 5, False, 1)],
)  # fmt: skip
def test_number_of_queries(images, ways, shots, transductive, queries):
    assert queries_for(images, ways, shots, transductive) == queries
    few = replace(images, images=images.images[:, :2])
    assert queries_for(few, ways, 1, transductive) == 1


def test_where_all_would_take_long_only_the_first_classes_are_judged_alone(small, images):
    result = adaptation(small["twelve"], images, alpha=0.1, steps=1, shots=5, ways=12, transductive=False)
    task = result.task
    assert task.probabilities.shape == (2, 7, 12) and len(task.query) == 7
    assert task.truth.tolist() == list(range(7)) and shown(result).tolist() == list(range(6))
    right = (task.probabilities.argmax(-1) == task.truth).mean(axis=1)
    np.testing.assert_allclose(task.query_accuracy, right)


@pytest.mark.parametrize(
    "change, error",
    [
        ({"ways": 6}, "ways must lie between 2 and 5, the outputs of five; 6 does not"),
        ({"ways": 1}, "ways must lie between 2 and 5"),
        ({"alpha": math.nan}, "alpha must be a finite number"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"shots": 0}, "shots must be"),
        ({"step": 4}, "step must lie between 0 and the 3 steps taken; 4 does not"),
    ],
)
def test_bad_values_are_named(small, images, change, error):
    with pytest.raises(ValueError, match=error):
        adaptation(small["five"], images, **{**STATE, **change})


def test_what_cannot_be_adapted_is_refused(images):
    with pytest.raises(TypeError, match="adapt by gradient steps, not ProtoNet"):
        AdaptationLaboratory({"ProtoNet": ProtoNet(network())}, images)
    with pytest.raises(ValueError, match="tracks running statistics"):
        AdaptationLaboratory({"plain": conv4(8, ways=5)}, images)
    with pytest.raises(ValueError, match=r"colour cannot read images of the shape \(1, 28, 28\)"):
        AdaptationLaboratory({"colour": conv4(8, 3, norm=None, ways=5)}, images)
    with pytest.raises(ValueError, match="one score for each"):
        AdaptationLaboratory({"one": nn.Sequential(nn.Flatten(), nn.Linear(784, 1))}, images)
    with pytest.raises(FileNotFoundError, match="There are no weights 'nothing'"):
        AdaptationLaboratory({"lost": "nothing"}, images)
    with pytest.raises(TypeError, match="no beta"):
        AdaptationLaboratory({"five": network()}, images, beta=1, tasks=1)
    with pytest.raises(ValueError, match="no start 'six'"):
        AdaptationLaboratory({"five": network()}, images, start="six", tasks=1)
    with pytest.raises(ValueError, match="at least one start"):
        AdaptationLaboratory({}, images)


def test_training_goes_on_without_changing_the_laboratory(images):
    model = network()
    lab = AdaptationLaboratory({"five": model}, images, tasks=2)
    before = lab.result.task.probabilities
    with torch.no_grad():
        model[0].weight.zero_()
    lab.set(draw=2)
    np.testing.assert_array_equal(lab.set(draw=1).task.probabilities, before)


CHANGES = [
    {},
    {"step": 0},
    {"steps": 0},
    {"steps": 10, "alpha": 5.0, "step": 7},
    {"steps": 10, "alpha": 1e30},
    {"ways": 2, "shots": 5},
    {"transductive": False, "tasks": 1},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["five", "twelve"])
def test_fast_picture_equals_the_full_draw(small, images, name, change):
    picture = AdaptationPicture()
    picture.pixels(
        adaptation(small["group"], images, **{**STATE, "ways": 3}, draw=9)
    )  # something else before
    ways = 12 if name == "twelve" else 5
    result = adaptation(small[name], images, **{**STATE, "ways": ways, "tasks": 3, **change})
    full = np.asarray(picture.draw(result).canvas.buffer_rgba())
    assert (picture.pixels(result) == full).all()


def test_what_stands_still_is_drawn_once(lab):
    background = lab.picture._background
    for change in ({"step": 1}, {"draw": 3}, {"alpha": 0.1}, {"steps": 7}):
        lab.set(**change)
        assert lab.picture._background is background
    lab.set(ways=3)  # now outputs are unused, which is said
    assert lab.picture._background is not background


@pytest.mark.parametrize(
    "change", [{}, {"ways": 12, "step": 0}, {"ways": 7, "transductive": False, "alpha": 1e30}]
)
def test_no_text_is_small_cut_off_or_over_another(small, images, change):
    state = {**STATE, "alpha": 1e-3, "steps": 10, "shots": 5, "tasks": 2, **change}
    result = adaptation(replace(small["twelve"], alpha=0.025, steps=10), images, **state)
    figure = AdaptationPicture().draw(result)
    texts = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if t.get_text()]
    assert len(texts) > 25 and all(text.get_fontsize() >= 12 for text in texts)
    boxes = [
        (t.get_text(), t.get_window_extent()) for axes in figure.axes for t in axes.texts if t.get_text()
    ]
    for number, (words, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y0 >= 0 and box.y1 <= 540, words
        for others, other in boxes[:number]:
            assert not box.overlaps(other), (words, others)


def bars(picture, name):
    """(row, column, share of the full height) of the bars of one kind."""
    found = []
    for path in picture.bars[name].get_paths():
        (x0, y0), (x1, y1) = path.vertices.min(axis=0), path.vertices.max(axis=0)
        found.append(((x0 + x1) / 2, y1, y1 - y0))
    return found


def test_bars_are_the_probabilities_and_frames_the_truth(small, images):
    for draw in range(10):  # until a task shows right and wrong answers
        result = adaptation(small["five"], images, **STATE, draw=draw)
        rows = shown(result)
        p, truth = result.task.probabilities[3][rows], result.task.truth[rows]
        right = int((p.argmax(axis=1) == truth).sum())
        if 0 < right < 5:
            break
    assert 0 < right < 5
    picture = AdaptationPicture()
    picture.pixels(result)
    assert len(bars(picture, "right")) == right and len(bars(picture, "wrong")) == 5 - right
    assert len(bars(picture, "others")) == 20 and len(bars(picture, "cells")) == 25
    frames = [round((x - 100) / 80 - 0.5) for x, _y, _height in bars(picture, "frames")]
    assert frames == truth.tolist()
    heights = sorted(h for name in ("right", "wrong", "others") for _x, _y, h in bars(picture, name))
    full = bars(picture, "cells")[0][2] - 4
    np.testing.assert_allclose(np.array(heights) / full, np.sort(p.flatten()), atol=1e-6)
    marks = [verdict.get_text()[0] for verdict in picture.verdicts if verdict.get_text()]
    assert marks == ["✓" if hit else "✗" for hit in p.argmax(axis=1) == truth]


def test_words_tell_what_the_picture_shows(lab):
    words, task = lab.surface.alt, lab.result.task
    n = round(25 * task.query_accuracy[3])
    for part in (
        f"Task 1, 5-way, shots: 1; weights: five; α = 0.25. Step 3 of 3: {n} of 25 queries right",
        "trained with α = 0.25, steps: 2",
        "transductive: all 25 queries normalised together",
        f"{task.names[0]}: ",
        "Mean accuracy of 4 tasks on support and query after each step: 0: ",
        "Chance is 20 %.",
    ):
        assert part in words, part
    lab.set(start="twelve", ways=7, transductive=False)
    assert "this start was not trained; 5 of 12 outputs unused" in lab.surface.alt
    assert "each query normalised with the support set only" in lab.surface.alt


def test_too_large_rates_are_said_and_what_is_finite_is_drawn(small, images):
    picture = AdaptationPicture()
    state = {**STATE, "steps": 10}
    assert picture.remark(adaptation(small["five"], images, **state)) == ""
    large = adaptation(small["five"], images, **{**state, "alpha": 10.0})
    loss = large.task.support_loss
    assert large.exploded and loss[large.exploded] > 10 * math.log(5) >= loss[: large.exploded].max()
    assert f"after step {large.exploded}, where guessing has 1.61." in picture.remark(large)
    assert np.isfinite(large.task.query_accuracy).all()
    infinite = adaptation(small["five"], images, **{**state, "alpha": 1e30}, tasks=2)
    rates = infinite.task.query_accuracy
    first = int(np.flatnonzero(np.isnan(rates))[0])
    assert first >= 1 and np.isnan(rates[first:]).all() and np.isfinite(rates[:first]).all()
    assert f"From step {first} on the outputs are no numbers" in picture.remark(infinite)
    assert "outputs are no numbers" in picture.describe(infinite) and "nan" not in picture.describe(infinite)
    picture.pixels(infinite)
    assert np.isfinite(picture.own.get_ydata()[:first]).all()


def test_weights_bring_their_rate_and_the_ways_follow_the_head(images):
    given = {
        "five": MAML(network(), alpha=0.4),
        "twelve": MAML(network(12), alpha=0.1, steps=5),
        "untrained": network(),
    }
    lab = AdaptationLaboratory(given, images, tasks=1)
    drawn = []
    lab.surface.observe(lambda change: drawn.append(1), "picture")
    alpha, start = lab.controls["alpha"], lab.controls["start"]

    def ways():
        assert lab.controls["ways"] in lab.box.children[0].children
        assert len(lab.box.children[0].children) == 8
        return lab.controls["ways"]

    assert ways().max == 5 and alpha.value == pytest.approx(10**-0.4)
    start.value = "twelve"
    assert ways().max == 12 and ways().value == 5 and alpha.value == pytest.approx(0.1) and drawn == [1]
    ways().value = 11
    assert lab.result.ways == 11
    start.value = "five"
    assert ways().max == 5 and lab.result.ways == 5 and drawn == [1] * 3
    alpha.value = 0.05
    start.value = "untrained"
    assert alpha.value == 0.05, "what was not trained has no rate of its own"
    lab.set(start="twelve", ways=12, alpha=0.2)
    assert lab.result.ways == 12 and lab.result.alpha == 0.2
    with pytest.raises(ValueError, match="ways must lie between 2 and 5; 9 does not"):
        lab.set(start="five", ways=9)
    assert lab.state["start"] == "twelve" and ways().max == 12 and lab.state["ways"] == 12
    with pytest.raises(ValueError, match="start must be one of 'five', 'twelve', 'untrained', not 'six'"):
        lab.set(start="six")


def test_few_classes_or_drawings_limit_the_sliders(images):
    few = replace(images.subset(range(3)), images=images.images[:3, :3])
    lab = AdaptationLaboratory({"twelve": network(12)}, few, tasks=1)
    assert lab.controls["ways"].max == lab.result.ways == 3 and lab.controls["shots"].max == 2
    assert lab.set(shots=2).task.query.shape == (3, 28, 28)


def test_steps_and_the_step_shown_agree(lab):
    steps, step = lab.controls["steps"], lab.controls["step"]
    steps.value = 6
    assert lab.result.step == step.value == 6, "who looks at the last step goes on looking at the last"
    step.value = 2
    steps.value = 5
    assert (lab.result.steps, lab.result.step) == (5, 2)
    steps.value = 1
    assert (lab.result.steps, lab.result.step) == (1, 1)
    step.value = 4  # beyond the last: so many are taken
    assert (lab.result.steps, lab.result.step) == (4, 4)
    assert lab.set(steps=3).step == 3
    assert lab.set(step=0).steps == 3
    assert lab.set(step=MAX_STEPS).steps == MAX_STEPS
    assert (lab.play.max, lab.play.value) == (MAX_STEPS, MAX_STEPS)
    lab.set(steps=4, step=1)
    assert (lab.play.max, lab.play.value) == (4, 1)
    lab.play.value = 3
    assert lab.result.step == 3


def test_keys_and_pointer_choose_the_step(lab):
    for key, step in (
        ("ArrowLeft", 2),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowRight", 1),
        ("End", 3),
        ("ArrowRight", 3),
    ):
        lab.surface.key(key)
        assert lab.result.step == step
    lab.surface.key("Enter")
    assert lab.result.draw == 2 and lab.controls["draw"].value == 2
    axes = lab.picture.axes
    width, height = axes.figure.bbox.size
    for at, step in ((1.2, 1), (-0.3, 0), (9.0, 3)):
        x, y = axes.transData.transform((at, 50))
        lab.surface.pointer("down", x / width, 1 - y / height, pressed=True)
        assert lab.result.step == step
    lab.surface.pointer("move", 0.3, 0.5, pressed=True)
    assert lab.result.step == 3


def test_the_average_is_worked_out_while_the_kernel_is_idle(images):
    async def session():
        lab = AdaptationLaboratory({"five": network()}, images, tasks=5)
        assert lab.result.average.n == 5, "the still picture is complete"
        drawn = []
        lab.set(alpha=0.05)
        lab.surface.observe(lambda change: drawn.append(lab.result.average.n), "picture")
        assert lab.result.average.n == 0 and lab.is_averaging
        assert "0 of 5 tasks" in lab.picture.tasks.get_text()
        for _bit in range(2000):
            await asyncio.sleep(0.01)
            if lab.result.average.n == 5:
                break
        assert drawn[-1] == 5 and drawn == sorted(drawn)
        await asyncio.sleep(0.05)
        assert not lab.is_averaging
        lab.set(alpha=0.06)
        lab.set(alpha=0.05)
        assert lab.result.average.n == 5, "what was worked out is kept"
        return lab

    lab = asyncio.run(session())
    assert lab.set(alpha=0.3).average.n == 0  # a plain script has no idle time
    assert lab.finish().average.n == 5


def test_the_browsers_rounding_of_alpha_begins_no_new_average(lab):
    lab.controls["alpha"].value = np.nextafter(lab.controls["alpha"].value, 1)
    assert lab.result.average.n == 4


def test_an_average_asked_for_at_the_last_moment_is_worked_out_too(images):
    """A change that comes while the work on the last average has just ended starts the work anew."""

    async def session():
        lab = AdaptationLaboratory({"five": network()}, images, tasks=2)
        for alpha in (0.05, 0.06, 0.07):
            lab.set(alpha=alpha)
            while lab.result.average.n < 2:
                await asyncio.sleep(0)
        return lab

    assert asyncio.run(asyncio.wait_for(session(), 60)).result.average.n == 2


def test_an_error_in_the_background_is_shown(images, monkeypatch):
    async def session():
        lab = AdaptationLaboratory({"five": network()}, images, tasks=2)
        monkeypatch.setattr(lab._averages, "work", lambda *a, **k: 1 / 0)
        lab.set(alpha=0.05)
        await asyncio.sleep(0.1)
        return lab

    lab = asyncio.run(session())
    assert lab.surface.failed and "ZeroDivisionError" in lab.surface.message


def test_shipped_weights_and_their_own_rate():
    given = shipped_weights("glyphs")
    assert list(given)[0] == "MAML, 5-way" and list(given)[-1] == "untrained"
    images = data.glyphs("test", by="character")
    starts = [start_point(name, one, images) for name, one in given.items()]
    assert starts[0].alpha == 0.4 and starts[-1].alpha is None
    assert own_alpha(starts[0]) == pytest.approx(0.4, rel=0.01) and own_alpha(starts[-1]) is None
    assert starts[-1].outputs == max(start.outputs for start in starts)
    assert list(shipped_weights("nowhere")) == ["untrained"]
    for _name, one in given.items():
        assert isinstance(one, str | nn.Module)
