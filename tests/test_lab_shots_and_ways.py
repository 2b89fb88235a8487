"""The shots-and-ways laboratory: its means are those of `evaluate`, a leak is where it is framed, a move is
quick, and what its list of things to try promises is so."""

import time

import numpy as np
import pytest
import torch
from readable import check_fast_picture

import metalib
from metalib.data import ImageSet, glyphs
from metalib.lab import ShotsAndWaysLaboratory
from metalib.lab.shots_and_ways.bench import BATCH, FIRST_TASK, Cell, leaky, seeded, some
from metalib.lab.shots_and_ways.painter import told
from metalib.lab.shots_and_ways.state import LEAKS, METHODS, QUERIES, Here, ShotsAndWaysState


@pytest.fixture(scope="module")
def made():
    lab = ShotsAndWaysLaboratory(tasks=60)
    yield lab
    lab.close()


@pytest.fixture
def lab(made):
    made.set(along="shots", ways=5, shots=1, leak="none", method="centroid", draw=1)
    return made


def bench(lab):
    return lab.compute.__self__


def at_all(lab, goal=60, **values):
    """What a state shows once so many tasks are done."""
    lab.set(**values)
    while bench(lab).work(lab.state, goal=goal):
        pass
    return lab.refresh()


# --- the numbers
@pytest.mark.parametrize("leak", ["none", "support", "sorted"])
def test_a_mean_is_that_of_evaluate_on_the_same_tasks(lab, leak):
    result = at_all(lab, ways=6, shots=2, leak=leak)
    encoder = metalib.weights.load("glyphs-embedding").encoder
    tasks = leaky(leak, metalib.Episodes(some(glyphs("test")), 6, 2, QUERIES))
    learners = {
        "centroid": metalib.ProtoNet(encoder, "cosine"),
        "logistic": metalib.LogisticRegression(encoder),
    }
    for name, learner in learners.items():
        scores = [
            metalib.evaluate(learner.eval(), tasks, BATCH, seeded(FIRST_TASK + n), chunk=BATCH)
            for n in range(2)
        ]
        known = bench(lab).values(Cell(name, leak, 6, 2))
        np.testing.assert_allclose(known[: 2 * BATCH], torch.cat([s.values for s in scores]), atol=1e-6)
        assert result.here[name].mean == pytest.approx(known.mean())


@pytest.mark.slow
def test_maml_is_the_shipped_one_after_three_steps(lab):
    at_all(lab)
    learner = metalib.weights.load("glyphs-maml")
    tasks = metalib.Episodes(some(glyphs("test")), 5, 1, QUERIES)
    score = metalib.evaluate(learner, tasks, BATCH, seeded(FIRST_TASK), chunk=BATCH, steps=3)
    np.testing.assert_allclose(bench(lab).values(Cell("maml", "none", 5, 1))[:BATCH], score.values, atol=1e-6)
    assert np.isnan(lab.set(ways=6).here["maml"].mean) and lab.result.curves["maml"].mean.shape == (5,)
    assert "too many ways" in " ".join(p.title for p in lab.painter.words(*said(lab, method="maml")).panels)


def said(lab, **values):
    lab.set(**values)
    return lab.state, lab.result


@pytest.mark.slow
def test_what_a_leak_adds_is_a_difference_of_pairs(lab):
    result = at_all(lab, leak="support", ways=10)
    one, clean = (bench(lab).values(Cell("pixels", leak, 10, 1)) for leak in ("support", "none"))
    here = result.here["pixels"]
    assert here.added == pytest.approx((one - clean).mean(), abs=1e-6) and here.n == 60
    assert here.added_half == pytest.approx(1.96 * (one - clean).std(ddof=1) / 60**0.5, rel=1e-3)
    assert here.added_half < here.half
    assert told(Here(0.5, 0.01, 20, -0.031, 0.004), "twice") == "50.0 ± 1.0 %, −3.1 ± 0.4"
    assert told(Here(0.5, 0.01, 20, 0.0, 0.0), "none") == "50.0 ± 1.0 %"


@pytest.mark.slow
def test_everything_is_finished_in_the_end_and_few_tasks_are_there_at_once(lab):
    assert not lab.set(ways=7, along="ways").is_done
    result = lab.finish()
    assert result.is_done and result.n == 60 and result.here["pixels"].n == 60
    fresh = ShotsAndWaysLaboratory(tasks=40, ways=3)
    assert {one.n for one in fresh.result.here.values()} == {10, 20}
    assert (fresh.state.ways, fresh.result.x) == (3, (1, 2, 3, 5, 10))
    fresh.close()


# --- the episode, and the leak in it
def test_the_support_image_again_is_the_first_query(lab):
    pictures = lab.set(leak="support", shots=3).pictures
    assert (pictures[:, 3] == pictures[:, 0]).all() and not (pictures[:, 4] == pictures[:, 1]).all()


def test_a_class_that_comes_twice_is_the_first_two_rows(lab):
    result = lab.set(leak="twice")
    assert result.numbers[0] == result.numbers[1] and result.names[0] == result.names[1]
    assert len(set(result.numbers[1:])) == 4


def test_sorted_labels_and_other_classes(lab):
    clean = lab.set()
    numbers = lab.set(leak="sorted").numbers
    assert list(numbers) == sorted(clean.numbers)
    training = set(glyphs("train").names)
    assert not set(clean.names) & training and set(lab.set(leak="overlap").names) <= training


def test_wrong_answers_are_those_of_the_learner(lab):
    result = lab.set(ways=20, method="pixels", draw=3)
    learner = metalib.ProtoNet(torch.nn.Flatten())
    batch = metalib.Episodes(some(glyphs("test")), 20, 1, QUERIES).sample(1, seeded(3))
    answer = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x).argmax(-1)
    assert (result.right.reshape(-1) == (answer == batch.query_y)[0].numpy()).all()


def test_with_a_class_twice_shots_follow_and_are_limited(lab):
    lab.set(shots=10)
    lab.set(leak="twice")
    assert lab.state.shots == 5 and lab.result.x == (1, 2, 3, 5)
    with pytest.raises(ValueError, match="shots must lie between 1 and 5; 6 does not"):
        lab.set(shots=6)


# --- moves and pictures
def test_keys_and_clicks_move_along_the_curves(lab):
    def after(name):
        before = lab.state
        lab.surface.key(name)
        moved = lab.state
        lab.go(before)
        return moved

    assert after("ArrowRight").shots == 2 and after("ArrowLeft").shots == 1 and after("End").shots == 10
    assert after("Enter").draw == 2 and after("x") == lab.state
    assert after("ArrowDown").method == "logistic" and after("ArrowUp").method == "pixels"
    lab.set(along="ways")
    assert after("ArrowRight").ways == 10 and after("Home").ways == 2
    lab.surface.key("End")
    assert after("ArrowRight").ways == 20, "there is nothing beyond the end"
    lab.surface.pointer("down", 0.02, 0.02, pressed=True)
    assert lab.state.ways == 20, "no point of the curves is there"
    lab.surface.pointer("down", 0.6, 0.5, pressed=True)
    assert lab.state.ways == 2


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("ways", [5, 20])
def test_the_fast_picture_is_the_full_one_and_all_is_said(lab, leak, ways):
    lab.set(leak=leak, ways=ways, shots=2, method="logistic")
    check_fast_picture(lab.painter, lab.state, lab.result)
    for words in (f"{ways}-way 2-shot", "of", "right", "Accuracy in % along shots", lab.result.names[0]):
        assert words in lab.surface.alt
    assert len(lab.painter.words(lab.state, lab.result).below) > 100


def test_a_move_computes_and_paints_in_a_tenth_of_a_second(lab):
    for values in (dict(shots=2), dict(leak="support"), dict(leak="none"), dict(ways=10), dict(draw=9)):
        lab.set(**values)  # what is embedded once is embedded
    taken = []
    for draw in range(20, 31):
        began = time.process_time()
        lab.set(draw=draw, shots=1 + draw % 5)
        taken.append(time.process_time() - began)
    assert np.median(taken) < 0.1


# --- what is given
def test_images_of_ones_own(lab):
    images = ImageSet(glyphs("test").images[:3, :8], ("a", "b", "c"), ("",) * 3)
    lab = ShotsAndWaysLaboratory(images, glyphs("train").subset(range(6)), tasks=10)
    assert (lab.state.ways, lab.result.x) == (3, (1, 2, 3)) and set(lab.result.names) == {"a", "b", "c"}
    with pytest.raises(ValueError, match="ways must lie between 2 and 3"):
        lab.set(ways=4)
    lab.close()


@pytest.mark.parametrize(
    "options, error, words",
    [
        (dict(images=3), TypeError, "images must be of the kind ImageSet"),
        (
            dict(images=ImageSet(torch.zeros(4, 5, 1, 28, 28, dtype=torch.uint8), "abcd", "abcd")),
            ValueError,
            "6 drawings",
        ),
        (dict(tasks=5), ValueError, "tasks must be at least 10"),
        (dict(leak="all"), ValueError, "leak must be one of"),
    ],
)
def test_what_cannot_be_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        ShotsAndWaysLaboratory(**{"training": glyphs("train").subset(range(6)), **options})


# --- the things to try in chapter 8
@pytest.mark.slow
def test_more_shots_help_those_most_who_know_least(lab):
    result = at_all(lab)
    gain = {name: curve.mean[-1] - curve.mean[0] for name, curve in result.curves.items()}
    assert gain["pixels"] > 0.2 and all(
        gain["pixels"] > 4 * gain[name] for name in METHODS if name != "pixels"
    )


@pytest.mark.slow
def test_more_ways_cost_protonet_least(lab):
    result = at_all(lab, along="ways")
    loss = {
        name: result.curves[name].mean[0] - result.curves[name].mean[-1] for name in METHODS if name != "maml"
    }
    assert loss["protonet"] < 0.06 < 0.09 < loss["centroid"] < loss["pixels"] and loss["pixels"] > 0.3


@pytest.mark.slow
def test_the_support_image_again_invents_most_where_a_method_is_weak(lab):
    result = at_all(lab, leak="support", ways=20)
    added = {name: one.added for name, one in result.here.items() if name != "maml"}
    assert added["pixels"] > 0.09 and 0.015 < added["centroid"] < 0.06 and 0.0 < added["protonet"] < 0.02
    ten = at_all(lab, leak="support", ways=20, shots=10)
    assert all(abs(ten.here[name].added) < added[name] for name in added)


@pytest.mark.slow
def test_one_class_twice_costs_a_fifth_with_five_ways_and_less_with_twenty(lab):
    five = at_all(lab, leak="twice").here["protonet"]
    twenty = at_all(lab, ways=20).here["protonet"]
    assert -0.23 < five.added < -0.17 and -0.08 < twenty.added < -0.03


@pytest.mark.slow
def test_sorted_labels_give_these_methods_nothing(lab):
    result = at_all(lab, leak="sorted")
    assert all(abs(one.added) < 0.005 for name, one in result.here.items() if name != "maml")
    assert abs(result.here["maml"].added) < 0.03


@pytest.mark.slow
def test_training_classes_help_who_was_trained_on_them(lab):
    added = {name: one.added for name, one in at_all(lab, leak="overlap", ways=20).here.items()}
    assert 0.0 < added["centroid"] < 0.05 and abs(added["pixels"]) < 0.03


@pytest.mark.slow
def test_query_statistics_change_who_has_them(lab):
    work = bench(lab)
    for name in ("pixels", "centroid"):
        cells = [Cell(name, leak, 10, 1) for leak in ("statistics", "none")]
        for cell in cells:
            while work.count(cell) < 20:
                work.advance(cell)
        there, clean = (work.values(cell)[:20] for cell in cells)
        assert (there == clean).all() if name == "pixels" else (there != clean).any()
        assert abs(there.mean() - clean.mean()) < 0.05


def test_the_state_knows_all_that_is_told():
    assert ShotsAndWaysState().leak in LEAKS and set(METHODS) == {
        "pixels",
        "centroid",
        "logistic",
        "protonet",
        "maml",
    }
