"""The laboratory that shows the measured learning curves, without a browser."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from readable import check_fast_picture, check_texts

from metalib import curves
from metalib.curves import FAMILIES, LOOKS
from metalib.lab import LearningCurvesLaboratory
from metalib.lab.learning_curves.descent import EVERY, descend, network
from metalib.lab.learning_curves.laboratory import SHOTS, CurvesPainter, CurvesState, learning_curves
from metalib.lab.learning_curves.one_task import GRID, fewer, one_task
from metalib.learners import MAML, Guarded, SmoothCurve
from metalib.models import sine_net
from metalib.tasks import SineTasks


# The one task
@pytest.mark.parametrize("steps, alpha", [(0, 0.01), (1, 0.01), (60, 0.003), (40, 0.5), (5, 0.2)])
def test_descent_by_hand_is_the_learners(steps, alpha):
    learner = MAML(sine_net(torch.Generator().manual_seed(3)), alpha=alpha, steps=steps, first_order=True)
    before = [value.clone() for value in learner.parameters()]
    task = SineTasks(7, 30).task(3.0, 1.0, torch.Generator().manual_seed(1))
    x, y, q = (part[0].numpy() for part in (task.support_x, task.support_y, task.query_x))
    path = [network(weights, q) for weights, _ended in descend(learner, x, y)]
    assert len(path) == -(-steps // EVERY) + 1
    got = path[-1]
    with torch.no_grad():
        expected = learner.predict(Guarded(learner).adapt(task.support_x, task.support_y), task.query_x)
    np.testing.assert_allclose(got, expected[0, :, 0].numpy(), atol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.parameters(), strict=True))


def finished(family, shots, draw):
    """The one task when every method is adapted to it."""
    task = one_task(family, shots, draw)
    while task.advance(1.0):
        pass
    return task.so_far()


def whole(state):
    """The laboratory's result when every method is adapted."""
    result = learning_curves(state)
    return result._replace(task=finished(state.family, result.shots, state.draw))


def test_a_move_shows_at_once_what_is_there_and_the_rest_while_nobody_moves():
    begun = one_task("glyphs", 2, 77).so_far()
    assert len(begun.done) < 5 and set(begun.right) == set(begun.errors) == begun.done
    assert "Still adapting" in learning_curves_words(CurvesState("glyphs", 2, draw=77))
    ended = finished("glyphs", 2, 77)
    assert len(ended.done) == 5 and all((begun.right[k] == ended.right[k]).all() for k in begun.done)
    assert "Still adapting" not in learning_curves_words(CurvesState("glyphs", 2, draw=77))
    wave = one_task("sine", 100, 77).so_far()
    assert set(wave.predictions) == {"plain", "scratch", "joint", "maml"} and "plain" in wave.done
    assert len(finished("sine", 100, 77).done) == 4


def learning_curves_words(state):
    return CurvesPainter().words(state, learning_curves(state)).remark


def test_an_interrupted_task_begins_anew(monkeypatch):
    task = one_task("sine", 50, 78)

    def stop(*_args):
        raise KeyboardInterrupt
        yield

    task.ways_left.append(("maml", stop()))
    with pytest.raises(KeyboardInterrupt):
        task.advance(60.0)
    assert one_task("sine", 50, 78) is not task


def test_the_guard_walks_as_its_learner_does():
    learner = MAML(sine_net(torch.Generator().manual_seed(3)), alpha=0.01, steps=4, first_order=True)
    task = SineTasks(7, 5).sample(2, torch.Generator().manual_seed(1))
    with torch.no_grad():
        path = list(Guarded(learner).walk(task.support_x, task.support_y))
        known = learner.adapt_path(task.support_x, task.support_y)
    assert len(path) == 6
    for ours, theirs in zip(path, [*known, known[-1]], strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_wave_task_is_what_the_learners_make_of_it():
    result = whole(CurvesState())
    task, family = result.task, FAMILIES["sine"]
    most = SineTasks(family.shots[-1], 100).sample(1, torch.Generator().manual_seed(0))
    batch = fewer(most, 1, 5)
    np.testing.assert_array_equal(task.support[0], batch.support_x.flatten().numpy())
    plain = SmoothCurve(**curves.load("sine")["plain"].settings[result.curves["plain"].shots.index(5)])
    prediction = plain.predict(plain.adapt(batch.support_x, batch.support_y), batch.query_x)
    error = (prediction - batch.query_y).square().mean().item()
    assert task.errors["plain"] == pytest.approx(error, rel=1e-4)
    # The grey wave goes through the points.
    np.testing.assert_allclose(np.interp(task.support[0], GRID, task.target), task.support[1], atol=0.01)


def test_one_shot_more_leaves_the_other_examples_and_the_queries():
    five, seven = (finished("sine", shots, 3) for shots in (5, 7))
    np.testing.assert_array_equal(five.support[0], seven.support[0][:5])
    one, two = (one_task("glyphs", shots, 3).so_far() for shots in (1, 2))
    np.testing.assert_array_equal(one.support, two.support)
    np.testing.assert_array_equal(one.queries, two.queries)
    assert one_task("glyphs", 1, 3) is one_task("glyphs", 1, 3), "it is not adapted to again"


def test_the_glyph_task_marks_what_is_right():
    task = one_task("glyphs", 2, 1).so_far()
    most = FAMILIES["glyphs"].tasks("test", 15).sample(1, torch.Generator().manual_seed(1))
    x = most.support_x.view(5, 15, -1)[:, :2].mean(dim=1)  # the nearest class mean of the pixels, by hand
    nearest = torch.cdist(most.query_x[0].flatten(1), x).argmin(dim=1)
    hit = nearest == most.query_y[0]
    assert task.errors["plain"] == pytest.approx(100 * (1 - hit.double().mean().item()))
    for picture, label, right in zip(task.queries, task.labels, task.right["plain"], strict=True):
        place = next(
            i for i in range(25) if torch.equal(most.query_x[0, i, 0], torch.from_numpy(picture) / 255)
        )
        assert most.query_y[0, place] == label and hit[place] == right


# The picture and the laboratory
@pytest.mark.parametrize(
    "change",
    [{}, {"shots": 100}, {"method": "maml"}, {"family": "glyphs", "shots": 2}, {"family": "sine-elsewhere"}],
)
def test_fast_picture_equals_the_full_one(change):
    painter = CurvesPainter()
    for before in ({"family": "glyphs", "shots": 1, "method": "joint"}, {}):  # something else was there
        state = CurvesState(**before)
        painter.pixels(state, learning_curves(state))
    state = CurvesState(**change)
    result = whole(state)
    full = check_fast_picture(painter, state, result)
    assert (full[..., 3] == 255).all()


@pytest.mark.parametrize("family", ["sine", "glyphs"])
def test_no_text_is_small_or_cut_off(family):
    state = CurvesState(family=family, shots=1)
    check_texts(CurvesPainter().full(state, whole(state)), 1000)


def test_words_give_the_numbers_of_the_picture():
    lab = LearningCurvesLaboratory(shots=3)
    mean, half = curves.load("sine")["maml"].at(3)
    assert f"MAML {mean:.2f} ± {half:.2f}" in lab.surface.alt
    assert "shots: 3" in lab.surface.alt and "sine waves" in lab.surface.alt
    lab.set(family="glyphs", shots=1)
    lab.finish()
    mean, half = curves.load("glyphs")["protonet"].at(1)
    assert f"ProtoNet {mean:.1f} % ± {half:.1f} %" in lab.surface.alt
    assert lab.surface.message == ""
    legend, (left, right) = [], lab.surface.words
    for name, curve in lab.result.curves.items():
        mean, half = curve.at(1)
        legend.append((f"{curve.name} {mean:.1f} % ± {half:.1f} %", LOOKS[name]["color"]))
    assert [(entry["text"], entry["mark"]["color"]) for entry in left["legend"]] == legend
    assert right["title"] == "one task, shots: 1" and "one example of 1" in right["note"]


def test_methods_that_do_not_stand_out_are_pale_in_curves_and_legend():
    lab = LearningCurvesLaboratory(method="maml")
    marks = [entry["mark"]["color"] for entry in lab.surface.words[0]["legend"]]
    assert marks == [to_hex(lab.painter.curves[name].line.get_color()) for name in lab.result.curves]
    assert [mark == LOOKS[name]["color"] for mark, name in zip(marks, lab.result.curves, strict=True)] == [
        False, False, False, True,
    ]  # fmt: skip
    assert len(lab.painter.lines["maml"].get_xdata()) and not len(lab.painter.lines["joint"].get_xdata())


def test_what_cannot_be_shown_is_said():
    lab = LearningCurvesLaboratory()
    lab.set(family="glyphs", shots=50)
    assert lab.result.shots == 15 and "no measurement at 50 shots here; shown are 15" in lab.surface.message
    lab.set(family="sine", shots=5, method="protonet")
    assert "a wave has none" in lab.surface.message and lab.result.shown == [
        "plain",
        "scratch",
        "joint",
        "maml",
    ]
    lab.set(method="maml")
    lab.finish()
    assert lab.surface.message == "" and lab.result.shown == ["maml"]
    with pytest.raises(TypeError, match="no alpha"):
        LearningCurvesLaboratory(alpha=1)
    with pytest.raises(ValueError, match="shots must be one of 1, 2, 3"):
        lab.set(shots=0)


def test_every_measured_number_of_shots_can_be_chosen():
    assert set(SHOTS) == {shots for family in FAMILIES.values() for shots in family.shots}


# What chapter 01 tells its readers to try, and says that they will see


def beyond_and_between(name, shots=3, draws=range(40)):
    """The mean squared error outside and inside the examples, over many tasks."""
    x, sums = GRID.numpy(), np.zeros((2, 2))
    for draw in draws:
        task = finished("sine", shots, draw)
        error = np.square(task.predictions[name] - task.target)
        inside = (x >= task.support[0].min()) & (x <= task.support[0].max())
        for row, chosen in enumerate((~inside, inside)):
            sums[row] += error[chosen].sum(), chosen.sum()
    return sums[:, 0] / sums[:, 1]


def test_try_1_maml_is_as_good_beyond_the_points_and_the_smoothest_curve_is_not():
    beyond, between = beyond_and_between("maml")
    assert beyond < 1.5 * between
    beyond, between = beyond_and_between("plain")
    assert beyond > 1.5 * between


def test_try_2_from_ten_shots_the_two_look_alike_and_the_scale_still_tells_them_apart():
    apart = [
        np.abs(made["maml"] - made["plain"]).mean()
        for shots in (3, 10)
        for made in (finished("sine", shots, draw).predictions for draw in range(10))
    ]
    assert np.median(apart[:10]) > 0.6 and np.median(apart[10:]) < 0.25  # the picture is 13 high
    sine = curves.load("sine")
    assert sine["maml"].at(20)[0] > 3 * sine["plain"].at(20)[0]


def test_try_3_upside_down_five_shots_are_worth_about_one_and_ten_convince():
    inside, outside = curves.load("sine")["maml"], curves.load("sine-elsewhere")["maml"]
    assert inside.at(2)[0] < outside.at(5)[0] < 1.4 * inside.at(1)[0]
    assert outside.at(7)[0] > 1 > outside.at(10)[0]


def test_try_4_all_learned_methods_miss_the_same_upright_letter_and_a_second_example_helps():
    one, two = (finished("glyphs", shots, 0) for shots in (1, 2))
    for name in ("joint", "maml", "protonet"):
        assert not one.right[name].all() and (one.right[name] == one.right["protonet"]).all()
        assert set(one.labels[~one.right[name]]) == {1}
        assert two.right[name].all() and two.errors[name] == 0
