"""The adaptation laboratory without a browser: its way on a task against a brute-force inner loop and against
the learners' own, chance before any step, bands, the picture, and what the controls do to each other."""

import asyncio
import copy
import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from readable import check_fast_picture
from torch import nn

from metalib import data, evaluate, weights
from metalib.lab import AdaptationLaboratory
from metalib.lab.adaptation.painter import AdaptationPainter, shown
from metalib.lab.adaptation.start import shipped_weights, start_point
from metalib.lab.adaptation.task import (
    FIRST_TASK,
    MAX_STEPS,
    Adaptations,
    AdaptationState,
    StepAverage,
    accuracy,
    episodes_of,
    nth_task,
    walk,
)
from metalib.lab.parts import Play
from metalib.lab.words import all_in_words
from metalib.learners import MAML, ProtoNet
from metalib.models import conv4
from metalib.tasks import Episodes, TaskBatch


def network(ways=5, channels=8, norm="batch-statistics", seed=0):
    generator = torch.Generator().manual_seed(seed)
    return conv4(channels, norm=norm, downsample="stride", ways=ways, generator=generator)


def state_of(**changes):
    """A state at its last step."""
    return AdaptationState(
        **{"start": "five", "alpha": 0.4, "draw": 0, "step": changes.get("steps", 3), **changes}
    )


def computed(starts, images, state, tasks=0):
    """What the laboratory computes for a state, with the average of so many tasks."""
    found = Adaptations(starts, images, tasks)
    assert not found.work(state)
    return found.compute(state)


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


def play(lab):
    return next(part for part in lab.parts if isinstance(part, Play)).play


def brute_force(model, batch, state):
    """Logits on the query set before and after each step: plain SGD on a copy of the network, one query after
    the other where each is judged alone."""
    model = copy.deepcopy(model)
    (x,), (y,), (query,) = batch.support_x, batch.support_y, batch.query_x
    optimiser, result = torch.optim.SGD(model.parameters(), lr=state.alpha), []
    for step in range(state.steps + 1):
        with torch.no_grad():
            if state.transductive:
                result.append(model(query)[:, : state.ways])
            else:
                alone = [model(torch.cat([x, q[None]]))[-1, : state.ways] for q in query]
                result.append(torch.stack(alone))
        if step < state.steps:
            optimiser.zero_grad()
            scores = model(x)[:, : state.ways]
            picked = scores.log_softmax(dim=1)[torch.arange(len(y)), y]
            (-picked.sum() / len(y)).backward()
            optimiser.step()
    return torch.stack(result)


@pytest.mark.parametrize("transductive", [True, False])
@pytest.mark.parametrize(
    "name, ways, shots", [("five", 5, 1), ("five", 3, 2), ("twelve", 7, 1), ("group", 5, 2)]
)
def test_the_way_is_that_of_a_brute_force_inner_loop(small, images, name, ways, shots, transductive):
    state = state_of(start=name, alpha=0.3, ways=ways, shots=shots, transductive=transductive, draw=3)
    task = computed(small, images, state).task
    episodes = episodes_of(images, state)
    batch = episodes.sample(1, torch.Generator().manual_seed(3))
    expected = brute_force(small[name].model, batch, state)
    np.testing.assert_allclose(task.probabilities, expected.softmax(-1), atol=2e-4)
    np.testing.assert_allclose(task.accuracy, (expected.argmax(-1) == batch.query_y[0]).double().mean(dim=1))
    log_p = expected.log_softmax(-1)[:, torch.arange(ways * episodes.queries), batch.query_y[0]]
    np.testing.assert_allclose(task.query_loss, -log_p.mean(dim=1), rtol=1e-3, atol=1e-4)
    assert task.probabilities.shape == (4, ways * episodes.queries, ways)
    for shown_, given in ((task.support, batch.support_x), (task.query, batch.query_x)):
        np.testing.assert_array_equal(shown_.reshape(-1), (255 * given).round().flatten())


@pytest.mark.parametrize("transductive", [True, False])
def test_the_way_is_that_of_the_learner(images, transductive):
    learner = MAML(network(), alpha=0.3, transductive=transductive)
    start = start_point("MAML", learner, images)
    batch = Episodes(images, 5, 2, 3).sample(1, torch.Generator().manual_seed(0))
    path = learner.adapt_path(batch.support_x, batch.support_y, 3)
    way = walk(start, batch, state_of(alpha=0.3, transductive=transductive))
    for fast, (support, query) in zip(path, way, strict=True):
        for together, found, x in (
            (transductive, query, batch.query_x),
            (True, support, batch.support_x),
        ):
            learner.transductive = together
            with torch.no_grad():
                torch.testing.assert_close(found, learner.predict(fast, x)[0], atol=2e-3, rtol=1e-3)


def test_only_what_the_learner_adapts_is_adapted(images):
    learner = MAML(network(), adapts=lambda name: name.startswith("13"))
    start = start_point("ANIL", learner, images)
    assert start.adapts == ("13.weight", "13.bias")
    batch = nth_task(Episodes(images, 5, 1, 3), 0)
    path = learner.adapt_path(batch.support_x, batch.support_y, 2)
    *_before, (_support, query) = walk(start, batch, state_of(alpha=0.01, steps=2))
    torch.testing.assert_close(query, learner.predict(path[-1], batch.query_x)[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name, ways", [("five", 5), ("five", 3), ("twelve", 4)])
def test_before_any_step_accuracy_is_chance_over_label_permutations(small, images, name, ways):
    """Whatever the network answers, each answer is right in one of `ways` permutations of the labels."""
    plain = nth_task(Episodes(images, ways, 2, 3), 0)
    found = []
    for order in permutations(range(ways)):
        where = torch.tensor(order)
        support_x, query_x = (
            part.unflatten(1, (ways, -1))[:, where].flatten(1, 2) for part in (plain.support_x, plain.query_x)
        )
        batch = TaskBatch(support_x, plain.support_y, query_x, plain.query_y)
        ((support, query),) = walk(small[name], batch, state_of(steps=0))
        found.append([accuracy(support), accuracy(query)])
    np.testing.assert_allclose(np.mean(found, axis=0), 1 / ways, atol=1e-12)
    assert np.std(found) > 0


def test_trained_weights_start_at_chance_and_climb():
    images = data.glyphs("test", by="character")
    start = start_point("MAML", "glyphs-maml", images)
    average = computed({"five": start}, images, state_of(), tasks=30).average
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
    average = StepAverage(values)
    for part in range(2):
        for step in range(4):
            numbers = values[:, part, step].tolist()
            mean = sum(numbers) / 7
            s = math.sqrt(sum((n - mean) ** 2 for n in numbers) / 6)
            assert average.mean[part, step] == pytest.approx(mean)
            assert average.half_width[part, step] == pytest.approx(1.96 * s / math.sqrt(7))
    assert np.isnan(StepAverage(values[:1]).half_width).all() and np.isnan(StepAverage(values[:0]).mean).all()


def test_the_same_numbers_every_time_and_the_same_tasks_for_all(small, images):
    one, two = (computed(small, images, state_of(draw=5), tasks=3) for _time in range(2))
    np.testing.assert_array_equal(one.task.probabilities, two.task.probabilities)
    np.testing.assert_array_equal(one.average.values, two.average.values)
    other = computed(small, images, state_of(start="twelve", alpha=0.1, draw=5))
    np.testing.assert_array_equal(one.task.query, other.task.query)
    assert one.task.names == other.task.names
    assert computed(small, images, state_of(draw=6)).task.names != one.task.names
    assert FIRST_TASK > 10**5  # nobody presses "new task" so often: shown tasks are not those of the average


def test_bits_of_work_give_the_same_average(small, images):
    state = state_of()
    whole = computed(small, images, state, tasks=3).average.values
    found = Adaptations(small, images, tasks=3)
    assert found.compute(state).average.n == 0
    calls = 1
    while found.work(state, 0):  # one inner step at a time, and something else in between
        found.work(replace(state, alpha=0.1), 0)
        calls += 1
    assert calls == 3 * 4
    np.testing.assert_array_equal(found.compute(state).average.values, whole)
    np.testing.assert_array_equal(found.compute(state_of(steps=1)).average.values, whole[:, :, :2])
    assert found.compute(state_of(steps=4)).average.n == 0
    for alpha in range(1, 40):
        found.work(replace(state, alpha=float(alpha)), 0)
    assert len(found._known) == 16


def test_an_interrupted_average_begins_anew(small, images, monkeypatch):
    state, found = state_of(), Adaptations(small, images, tasks=2)
    with monkeypatch.context() as patch:
        patch.setattr("metalib.lab.adaptation.task.accuracy", lambda logits: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            found.work(state)
    assert not found.work(state) and found.compute(state).average.n == 2


@pytest.mark.parametrize(
    "ways, shots, transductive, queries",
    [(5, 1, True, 5), (2, 1, True, 5), (10, 5, True, 3), (20, 1, True, 2), (5, 1, False, 5), (5, 5, False, 3),
     (20, 1, False, 1), (20, 5, False, 1)],
)  # fmt: skip
def test_number_of_queries(images, ways, shots, transductive, queries):
    state = state_of(ways=ways, shots=shots, transductive=transductive)
    assert episodes_of(images, state).queries == queries
    few = replace(images, images=images.images[:, :2])
    assert episodes_of(few, replace(state, shots=1)).queries == 1


def test_where_all_would_take_long_only_the_first_classes_are_judged_alone(small, images):
    state = state_of(start="twelve", alpha=0.1, steps=1, shots=5, ways=12, transductive=False)
    task = computed(small, images, state).task
    assert task.probabilities.shape == (2, 7, 12) and len(task.query) == 7
    assert task.truth.tolist() == list(range(7)) and shown(task).tolist() == list(range(6))
    np.testing.assert_allclose(task.accuracy, (task.probabilities.argmax(-1) == task.truth).mean(axis=1))


@pytest.mark.parametrize(
    "change, error",
    [
        ({"ways": 6}, "ways must lie between 2 and 5; 6 does not"),
        ({"ways": 1}, "ways must lie between 2 and 5"),
        ({"alpha": math.nan}, "alpha must lie between 0.001 and 10; nan does not"),
        ({"steps": -1}, "steps must lie between 0 and 10"),
        ({"shots": 0}, "shots must lie between 1 and 5"),
        ({"steps": 3, "step": 4}, "step must lie between 0 and the 3 steps taken; 4 does not"),
        ({"start": "six"}, "start must be one of 'five', not 'six'"),
    ],
)
def test_bad_values_are_named(images, change, error):
    with pytest.raises(ValueError, match=error):
        AdaptationLaboratory({"five": network()}, images, tasks=1, **change)
    lab = AdaptationLaboratory({"five": network()}, images, tasks=1)
    before = lab.state
    with pytest.raises(ValueError, match=error):
        lab.set(**change)
    assert lab.state == before


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
    with pytest.raises(ValueError, match="weights must name at least one"):
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
    {"transductive": False},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["five", "twelve"])
def test_fast_picture_equals_the_full_one(small, images, name, change):
    painter, other = AdaptationPainter(small, 2), state_of(start="group", ways=3, draw=9)
    painter.pixels(other, computed(small, images, other))  # something else before
    state = state_of(**{"start": name, "ways": 12 if name == "twelve" else 5, **change})
    result = computed(small, images, state, tasks=2)
    check_fast_picture(painter, state, result)


def test_what_stands_still_is_painted_once(lab):
    background = lab.painter.ground
    for change in ({"step": 1}, {"draw": 3}, {"alpha": 0.1}, {"steps": 7}, {"ways": 3}):
        lab.set(**change)
        assert lab.painter.ground is background


@pytest.mark.parametrize(
    "change", [{}, {"ways": 12, "step": 0}, {"ways": 7, "transductive": False, "alpha": 1e30}]
)
def test_no_text_is_small_cut_off_or_over_another(small, images, change):
    state = state_of(**{"start": "twelve", "alpha": 1e-3, "steps": 10, "shots": 5, **change})
    figure = AdaptationPainter(small, 2).full(state, computed(small, images, state, tasks=2))
    texts = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if t.get_text()]
    assert len(texts) > 15 and all(text.get_fontsize() >= 12 for text in texts)
    boxes = [
        (t.get_text(), t.get_window_extent()) for axes in figure.axes for t in axes.texts if t.get_text()
    ]
    boxes += [(axes.yaxis.label.get_text(), axes.yaxis.label.get_window_extent()) for axes in figure.axes[1:]]
    for number, (words, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y0 >= 0 and box.y1 <= AdaptationPainter.height, words
        for others, other in boxes[:number]:
            assert not box.overlaps(other), (words, others)


def bars(artist):
    """(middle, bottom, height) of bars, in pixels."""
    found = []
    for path in artist.get_paths():
        (x0, y0), (x1, y1) = path.vertices.min(axis=0), path.vertices.max(axis=0)
        found.append(((x0 + x1) / 2, y1, y1 - y0))
    return found


def test_bars_are_the_probabilities_and_frames_the_truth(small, images):
    for draw in range(10):  # until a task shows right and wrong answers
        state = state_of(draw=draw)
        result = computed(small, images, state)
        rows = shown(result.task)
        p, truth = result.task.probabilities[3][rows], result.task.truth[rows]
        right = int((p.argmax(axis=1) == truth).sum())
        if 0 < right < 5:
            break
    assert 0 < right < 5
    painter = AdaptationPainter(small, 1)
    painter.pixels(state, result)
    assert len(bars(painter.right)) == right and len(bars(painter.wrong)) == 5 - right
    assert len(bars(painter.others)) == 20 and len(bars(painter.cells)) == 25
    assert [round((x - 100) / 80 - 0.5) for x, _y, _height in bars(painter.frames)] == truth.tolist()
    heights = sorted(h for kind in ("right", "wrong", "others") for *_at, h in bars(getattr(painter, kind)))
    full = bars(painter.cells)[0][2] - 4
    np.testing.assert_allclose(np.array(heights) / full, np.sort(p.flatten()), atol=1e-6)
    marks = [verdict.get_text()[0] for verdict in painter.verdicts if verdict.get_text()]
    assert marks == ["✓" if hit else "✗" for hit in p.argmax(axis=1) == truth]


def said(lab):
    """All words above the picture."""
    panels = lab.surface.words
    return "\n".join([*(p["title"] for p in panels), *(e["text"] for p in panels for e in p["legend"])])


def test_words_tell_what_the_picture_shows(lab):
    alt, (task, average) = lab.surface.alt, lab.result
    n = round(25 * task.accuracy[3])
    both = (f"{n} of 25 queries right", "trained with α = 0.25, steps: 2")
    both += ("transductive: all 25 queries normalised together",)
    for part in (
        *both,
        "weights: five; α (inner rate): 0.25; inner steps: 3; ways: 5; shots: 1; ",
        "task 1. one task, after step 3 of 3: ",
        f"{task.names[0]}: ",
        "mean of 4 tasks, ",
        "On support and query after each step: 0: ",
        "chance 20 %.",
    ):
        assert part in alt, part
    query = f"query {100 * average.mean[1, 3]:.1f} ± {100 * average.half_width[1, 3]:.1f} %"
    own = f"queries of this task {100 * task.accuracy[3]:.3g} %"
    for part in (*both, query, own, "one task, after step 3 of 3", "mean of 4 tasks", "chance 20 %"):
        assert part in said(lab), part
    lab.set(start="twelve", ways=7, transductive=False, step=0)
    assert "one task, before any step: " in said(lab)
    for words in (lab.surface.alt, said(lab)):
        assert "this start was not trained; 5 of 12 outputs unused" in words
        assert "each query normalised with the support set only" in words


def test_too_large_rates_are_said_and_what_is_finite_is_shown(small, images):
    painter = AdaptationPainter(small, 2)

    def remark_of(state, tasks=0):
        result = computed(small, images, state, tasks)
        painter.pixels(state, result)
        return result, painter.words(state, result).remark

    assert remark_of(state_of(steps=10))[1] == ""
    (task, _average), remark = remark_of(state_of(steps=10, alpha=10.0))
    loss, exploded = task.support_loss, task.exploded
    assert exploded and loss[exploded] > 10 * math.log(5) >= loss[:exploded].max()
    assert f"after step {exploded}, where guessing has 1.61." in remark
    assert np.isfinite(task.accuracy).all()
    state = state_of(steps=10, alpha=1e30)
    result, remark = remark_of(state, tasks=2)
    rates = result.task.accuracy
    first = int(np.flatnonzero(np.isnan(rates))[0])
    assert first >= 1 and np.isnan(rates[first:]).all() and np.isfinite(rates[:first]).all()
    assert f"From step {first} on the outputs are no numbers" in remark
    described = all_in_words([], painter.words(state, result), painter.describe(state, result))
    assert "outputs are no numbers" in described and "nan" not in described
    assert np.isfinite(painter.own.get_ydata()[:first]).all()


def test_weights_bring_their_rate_and_the_ways_follow_the_head(images):
    given = {
        "five": MAML(network(), alpha=0.4),
        "twelve": MAML(network(12), alpha=0.1, steps=5),
        "untrained": network(),
    }
    lab = AdaptationLaboratory(given, images, tasks=1)
    pictures = []
    lab.surface.observe(lambda change: pictures.append(1), "alt")
    alpha, start = lab.controls["alpha"], lab.controls["start"]

    def ways():
        assert lab.controls["ways"] in lab.box.children[0].children
        assert len(lab.box.children[0].children) == 8
        return lab.controls["ways"]

    assert ways().max == 5 and alpha.value == pytest.approx(10**-0.4, rel=1e-5)
    start.value = "twelve"
    assert ways().max == 12 and ways().value == 5 and alpha.value == pytest.approx(0.1) and pictures == [1]
    ways().value = 11
    assert lab.state.ways == 11
    start.value = "five"
    assert ways().max == 5 and lab.state.ways == 5 and pictures == [1] * 3
    alpha.value = 0.05
    start.value = "untrained"
    assert alpha.value == 0.05, "what was not trained has no rate of its own"
    lab.set(start="twelve", ways=12, alpha=0.05)  # as it is already, and stays: it was asked for
    assert lab.state.ways == 12 and lab.state.alpha == 0.05
    with pytest.raises(ValueError, match="ways must lie between 2 and 5; 9 does not"):
        lab.set(start="five", ways=9)
    assert lab.state.start == "twelve" and ways().max == 12 and lab.state.ways == 12
    with pytest.raises(ValueError, match="start must be one of 'five', 'twelve', 'untrained', not 'six'"):
        lab.set(start="six")


def test_few_classes_or_drawings_limit_the_sliders(images):
    few = replace(images.subset(range(3)), images=images.images[:3, :3])
    lab = AdaptationLaboratory({"twelve": network(12)}, few, tasks=1)
    assert lab.controls["ways"].max == lab.state.ways == 3 and lab.controls["shots"].max == 2
    assert lab.set(shots=2).task.query.shape == (3, 28, 28)


def test_steps_and_the_step_shown_agree(lab, images):
    steps, step = lab.controls["steps"], lab.controls["step"]

    def now():
        assert (steps.value, step.value) == (lab.state.steps, lab.state.step)
        assert (play(lab).max, play(lab).value) == (steps.value, step.value)
        return steps.value, step.value

    steps.value = 6
    assert now() == (6, 6), "who looks at the last step goes on looking at the last"
    step.value = 2
    steps.value = 5
    assert now() == (5, 2)
    steps.value = 1
    assert now() == (1, 1)
    step.value = 4  # beyond the last: so many are taken
    assert now() == (4, 4)
    for asked, expected in (
        ({"steps": 3}, (3, 3)),
        ({"step": 0}, (3, 0)),
        ({"step": MAX_STEPS}, (MAX_STEPS, MAX_STEPS)),
        ({"steps": 4, "step": 1}, (4, 1)),
    ):
        lab.set(**asked)
        assert now() == expected
    play(lab).value = 3
    assert now() == (4, 3)
    assert AdaptationLaboratory({"five": network()}, images, tasks=1, steps=6).state.step == 6


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
        assert lab.state.step == step
    lab.surface.key("Enter")
    assert lab.state.draw == 2 and lab.controls["draw"].value == 2
    axes = lab.painter.axes
    width, height = axes.figure.bbox.size
    for kind, at, step in (("down", 1.2, 1), ("move", -0.3, 0), ("up", 9.0, 3)):
        x, y = axes.transData.transform((at, 50))
        lab.surface.pointer(kind, x / width, 1 - y / height, pressed=kind != "up")
        assert lab.state.step == step
    lab.surface.pointer("down", 0.3, 0.5, pressed=True)
    assert lab.state.step == 3


def test_the_average_is_worked_out_while_the_kernel_is_idle(images):
    async def session():
        lab = AdaptationLaboratory({"five": network()}, images, tasks=5)
        assert lab.result.average.n == 5, "the still picture is complete"
        counts = []
        lab.set(alpha=0.05)
        lab.surface.observe(lambda change: counts.append(lab.result.average.n), "alt")
        assert lab.result.average.n == 0 and lab.is_averaging
        assert "0 of 5 tasks" in said(lab)
        for _bit in range(2000):
            await asyncio.sleep(0.01)
            if lab.result.average.n == 5:
                break
        assert counts[-1] == 5 and counts == sorted(counts)
        await asyncio.sleep(0.05)
        assert not lab.is_averaging
        lab.set(step=1)
        assert not lab.is_averaging, "another step needs no work"
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


def test_shipped_weights_and_their_own_rate():
    given = shipped_weights("glyphs")
    assert list(given)[0] == "maml" and list(given)[-1] == "untrained"
    images = data.glyphs("test", by="character")
    starts = [start_point(name, one, images) for name, one in given.items()]
    assert starts[0].alpha == 0.4 and starts[-1].alpha is None
    assert starts[0].own_alpha == pytest.approx(0.4, rel=0.01) and starts[-1].own_alpha is None
    assert starts[-1].outputs == max(start.outputs for start in starts)
    assert list(shipped_weights("nowhere")) == ["untrained"]
    assert list(shipped_weights("omniglot")) == ["maml", "maml-20way", "fomaml", "fomaml-20way", "untrained"]
    lab = AdaptationLaboratory(tasks=1)
    assert lab.state.start == "maml" and "weights: MAML, 5-way; " in lab.surface.alt
