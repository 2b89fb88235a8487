"""The distance laboratory without a browser: its mathematics against plain loops, metalib's learners and
finite differences, its picture, and what the pointer and the keys do."""

import math

import numpy as np
import pytest
import torch
from readable import check_fast_picture
from torch import nn

from metalib import ProtoNet
from metalib.lab import DistanceLaboratory
from metalib.lab.distances.classify import PROTOTYPES, QUERY, DistanceState, classify
from metalib.lab.distances.geometry import CELLS, WINDOW
from metalib.lab.distances.laboratory import BANDS, DistancePainter, palette, probability
from metalib.learners import DISTANCES

KINDS = tuple(DISTANCES)
VALUES = {"query": (0.7, -0.3), "prototypes": PROTOTYPES, "classes": 4}
STRANGE = ((-1.0, 2.0), (3.0, 0.5), (-1.0, 2.0), (0.0, 0.0), (2.0, 1 / 3))  # equal, at the origin, in line


def state(**changes):
    return DistanceState(**{**VALUES, **changes})


def brute_force(point, prototypes, kind, temperature):
    """p(y = c | x), number by number."""
    found = []
    for place in prototypes:
        if kind == "cosine":
            lengths = math.hypot(*point) * math.hypot(*place)
            cos = (point[0] * place[0] + point[1] * place[1]) / lengths if lengths else 0.0
            found.append(1 - cos)
        else:
            squared = (point[0] - place[0]) ** 2 + (point[1] - place[1]) ** 2
            found.append(squared if kind == "squared_euclidean" else math.sqrt(squared))
    # Only differences of distances count: taken from the smallest, no exponential is too small.
    weights = [math.exp((min(found) - d) / temperature) for d in found]
    return found, [w / sum(weights) for w in weights]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("places", [PROTOTYPES, STRANGE])
def test_probabilities_are_those_of_a_plain_loop(kind, classes, places):
    for temperature in (0.01, 1.0, 100.0):
        result = classify(state(prototypes=places, classes=classes, distance=kind, temperature=temperature))
        found, p = brute_force((0.7, -0.3), places[:classes], kind, temperature)
        np.testing.assert_allclose(result.distances, found, atol=1e-12)
        np.testing.assert_allclose(result.p, p, atol=1e-12)
        assert result.p.sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_laboratory_is_metalibs_protonet(kind):
    learner = ProtoNet(nn.Identity(), distance=kind, temperature=0.7)
    support = torch.tensor([PROTOTYPES[:4]], dtype=torch.float64)
    prototypes = learner.adapt(support, torch.tensor([[0, 1, 2, 3]]))
    query = torch.tensor([[VALUES["query"]]], dtype=torch.float64, requires_grad=True)
    log_p = learner.predict(prototypes, query).log_softmax(-1)[0, 0]
    result = classify(state(distance=kind, temperature=0.7, truth=3))
    np.testing.assert_allclose(result.p, log_p.exp().detach(), rtol=1e-9)
    (gradient,) = torch.autograd.grad(-log_p[2], query)
    np.testing.assert_allclose(result.gradient, gradient[0, 0], rtol=1e-9)
    assert result.loss == pytest.approx(-log_p[2].item())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("truth", [1, 4])
def test_the_gradient_is_the_slope_of_the_loss(kind, truth):
    values = {"distance": kind, "temperature": 0.4, "truth": truth}
    result = classify(state(**values))
    for axis in range(2):
        step = 1e-6 * np.eye(2)[axis]
        up, down = (classify(state(query=VALUES["query"] + s * step, **values)).loss for s in (1, -1))
        assert result.gradient[axis] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-8)


def test_where_there_is_no_gradient_it_is_zero_and_not_nan():
    for kind, query in (("euclidean", PROTOTYPES[0]), ("cosine", (0.0, 0.0))):
        result = classify(state(query=query, distance=kind, truth=1))
        assert np.isfinite(result.gradient).all() and np.isfinite(result.p).all()
    assert not result.gradient.any()  # at the origin all cosines are zero, in every direction


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", [PROTOTYPES, STRANGE])
def test_the_regions_are_the_answer_for_every_place(kind, places):
    result = classify(state(prototypes=places, classes=5, distance=kind, temperature=0.5))
    assert result.winner.shape == result.confidence.shape == (CELLS[1], CELLS[0])
    left, right, bottom, top = WINDOW
    generator = np.random.default_rng(0)
    for row, column in zip(
        generator.integers(0, CELLS[1], 60), generator.integers(0, CELLS[0], 60), strict=True
    ):
        place = (
            left + (column + 0.5) * (right - left) / CELLS[0],
            bottom + (row + 0.5) * (top - bottom) / CELLS[1],
        )
        _found, p = brute_force(place, places, kind, 0.5)
        assert result.confidence[row, column] == pytest.approx(max(p), abs=1e-4)
        assert p[result.winner[row, column]] == pytest.approx(max(p), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", [PROTOTYPES, STRANGE])
@pytest.mark.parametrize("classes", [2, 4, 5])
def test_the_borders_lie_where_the_class_changes_and_nowhere_is_one_missing(kind, places, classes):
    result = classify(state(prototypes=places, classes=classes, distance=kind))
    answers = lambda points: classify_many(points, places[:classes], kind)  # noqa: E731
    for start, end in result.borders:
        along = (end - start) / np.linalg.norm(end - start)
        across = np.array([-along[1], along[0]])
        for part in (0.05, 0.3, 0.5, 0.9):
            point = start + part * (end - start)
            a, b = answers(np.stack([point + 1e-5 * across, point - 1e-5 * across]))
            assert a != b, (point, places)
    # The other way round: neighbouring cells with different answers have a border between them.
    changed = np.argwhere(result.winner[:, 1:] != result.winner[:, :-1])[::17]
    for row, column in changed:
        x = WINDOW[0] + (column + 1) * 8 / CELLS[0]
        y = WINDOW[2] + (row + 0.5) * 6 / CELLS[1]
        if kind != "cosine" or math.hypot(x, y) > 0.2:
            assert min(distance_to(segment, (x, y)) for segment in result.borders) < 8 / CELLS[0]
    assert len(changed) > 3 or not len(result.borders)


def classify_many(points, places, kind):
    return [int(np.argmin(brute_force(tuple(point), places, kind, 1.0)[0])) for point in points]


def distance_to(segment, point):
    start, end = segment
    part = np.clip((np.array(point) - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    return np.linalg.norm(start + part * (end - start) - point)


def test_squared_and_plain_distance_have_the_same_regions_and_other_probabilities():
    squared, plain = (classify(state(distance=kind)) for kind in ("squared_euclidean", "euclidean"))
    assert (squared.winner == plain.winner).mean() > 0.9999  # float32 on a border
    np.testing.assert_array_equal(squared.borders, plain.borders)
    assert np.abs(squared.p - plain.p).max() > 0.05


def test_temperature_changes_no_winner():
    hot, cold = (classify(state(temperature=t)) for t in (50.0, 0.05))
    assert (hot.winner == cold.winner).mean() > 0.9999
    assert hot.p.max() < 0.3 < 0.99 < cold.p.max()


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"distance": "manhattan"}, ValueError, "distance must be one of 'squared_euclidean'"),
        ({"temperature": 0.0}, ValueError, "temperature must lie between 0.01 and 100; 0 does not"),
        ({"temperature": math.nan}, ValueError, "temperature must lie between 0.01 and 100; nan does not"),
        ({"classes": 1}, ValueError, "classes must lie between 2 and 5; 1 does not"),
        ({"classes": 2.5}, TypeError, "classes must be a whole number, not 2.5"),
        ({"truth": 6}, ValueError, "truth must be one of 0, 1, 2, 3, 4, 5, not 6"),
        ({"query": (0, math.inf)}, ValueError, "query must be two finite numbers"),
        ({"prototypes": ((1, 2, 3), (0, 0))}, ValueError, "prototypes must be two finite numbers"),
    ],
)
def test_bad_values_are_named_at_the_start_and_later(change, error, message):
    with pytest.raises(error, match=message):
        DistanceLaboratory(**change)
    lab = DistanceLaboratory()
    with pytest.raises(error, match=message):
        lab.set(**change)
    assert lab.state == DistanceState()


CHANGES = [
    {},
    {"classes": 2, "truth": 2},
    {"classes": 5, "distance": "cosine", "temperature": 0.05, "truth": 1, "selected": 4},
    {"distance": "euclidean", "temperature": 100.0, "selected": 2},
    {"prototypes": STRANGE, "classes": 5, "query": (-4.0, -3.0), "truth": 5},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("resolution", [1.0, 1.5])
def test_fast_picture_equals_the_full_draw(change, resolution):
    painter, before, now = DistancePainter(), state(), state(**change)
    painter.resolution = resolution
    painter.pixels(before, classify(before))  # something else was there before
    result = classify(now)
    check_fast_picture(painter, now, result)


@pytest.mark.parametrize("resolution", [1.0, 1.5, 2.0])
def test_a_region_has_its_classs_colour_and_fills_the_axes(resolution):
    painter = DistancePainter()
    painter.resolution = resolution
    result = classify(state())
    pixels = painter.pixels(state(), result)
    height, width = pixels.shape[:2]
    colours = palette(4)
    for x, y in ((-3.9, 2.8), (3.9, 2.9), (-1.0, -2.9), (-3.8, -2.8), (3.9, -2.9)):
        across, up = painter.plane.transData.transform((x, y))
        column, row = int((x + 4) * CELLS[0] / 8), int((y + 3) * CELLS[1] / 6)
        band = min(int(BANDS * result.confidence[row, column]), BANDS - 1)
        expected = colours[result.winner[row, column], band]
        assert tuple(pixels[int(height - up), int(across)]) == tuple(expected)
    assert (colours[..., 3] == 255).all() and (palette(2)[:, 0, :3] == 255).all()


def test_dragging_draws_no_background_anew():
    lab = DistanceLaboratory()
    background = lab.painter.ground
    lab.set(query=(1.0, 1.0))
    lab.move(2, 0.5, 0.5)
    lab.set(temperature=0.1, distance="cosine", truth=1)
    assert lab.painter.ground is background
    lab.set(classes=4)
    assert lab.painter.ground is not background


def test_no_text_is_small_or_cut_off():
    now = state(classes=5, truth=1, query=(4.0, 3.0), prototypes=((-4.0, -3.0),) + PROTOTYPES[1:])
    figure = DistancePainter().full(now, classify(now))
    texts = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if t.get_text()]
    assert len(texts) > 20 and all(text.get_fontsize() >= 12 for text in texts)
    boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text()]
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y0 >= 0 and box.y1 <= DistancePainter.height
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), i


def at(lab, x, y):
    """A point of the plane as the browser names it."""
    width, height = lab.painter.plane.figure.bbox.size
    across, up = lab.painter.plane.transData.transform((x, y))
    return across / width, 1 - up / height


def test_the_pointer_drags_what_it_took_hold_of():
    lab = DistanceLaboratory()
    x, y = PROTOTYPES[1]
    lab.surface.pointer("down", *at(lab, x + 0.1, y - 0.1), pressed=True)  # near it is enough
    np.testing.assert_allclose(lab.state.prototypes[1], (x, y), atol=0.006)  # and it does not jump
    assert lab.state.selected == 2
    lab.surface.pointer("move", *at(lab, 0.1, -0.6), pressed=True)
    np.testing.assert_allclose(lab.state.prototypes[1], (0.0, -0.5), atol=0.006)
    lab.surface.pointer("move", *at(lab, *PROTOTYPES[0]), pressed=True)  # across another: it keeps its own
    lab.surface.pointer("up", *at(lab, 9, 2.0))  # outside the axes: as far as the window goes
    np.testing.assert_allclose(lab.state.prototypes[1], (4.0, 2.1), atol=0.006)
    lab.surface.pointer("move", *at(lab, 0, 0), pressed=False)
    np.testing.assert_allclose(lab.state.prototypes[1], (4.0, 2.1), atol=0.006)
    np.testing.assert_allclose(lab.state.points[[1, 3]], [PROTOTYPES[0], PROTOTYPES[2]])


def test_a_click_in_the_empty_plane_calls_the_query_and_one_beside_it_does_nothing():
    lab = DistanceLaboratory(selected=3)
    lab.surface.pointer("down", *at(lab, -3.0, -2.5), pressed=True)
    np.testing.assert_allclose(lab.state.query, (-3.0, -2.5), atol=0.006)
    assert lab.state.selected == 0
    before = lab.surface.picture
    lab.surface.pointer("up", *at(lab, -3.0, -2.5))
    lab.surface.pointer("down", 0.8, 0.5, pressed=True)
    lab.surface.pointer("move", 0.3, 0.5, pressed=True)
    lab.surface.pointer("up", 0.3, 0.5)
    assert lab.surface.picture == before


def test_keys_choose_a_point_move_it_and_put_all_back():
    lab = DistanceLaboratory()
    for key, shift in (("ArrowRight", False), ("ArrowUp", True)):
        lab.surface.key(key, shift)
    np.testing.assert_allclose(lab.state.query, (QUERY[0] + 0.25, QUERY[1] + 0.05))
    lab.surface.key("3")
    lab.surface.key("ArrowDown")
    np.testing.assert_allclose(lab.state.prototypes[2], (PROTOTYPES[2][0], PROTOTYPES[2][1] - 0.25))
    lab.surface.key("5")  # there are three classes
    assert lab.state.selected == 3
    for _press in range(20):
        lab.surface.key("ArrowLeft")
    assert lab.state.prototypes[2][0] == WINDOW[0]
    lab.surface.key("0")
    assert lab.state.selected == 0
    lab.surface.key("Home")
    np.testing.assert_allclose(lab.state.points, [QUERY, *PROTOTYPES[:3]])


def test_a_class_that_goes_takes_nothing_with_it():
    lab = DistanceLaboratory(classes=5, selected=5, truth=5)
    assert lab.surface.message.startswith("Drag the query")
    lab.set(classes=3)
    assert math.isnan(lab.result.loss) and "arrow keys move the query" in lab.surface.alt
    assert "choose a true class" not in lab.surface.alt
    assert "Downhill" not in lab.surface.alt and "only 3 classes" in lab.surface.message
    lab.surface.key("ArrowUp")
    np.testing.assert_allclose(lab.state.query, (QUERY[0], QUERY[1] + 0.25))
    lab.set(classes=5, selected=5)
    assert "arrow keys move prototype 5" in lab.surface.alt and "true class: 5" in lab.surface.alt
    assert "Downhill" in lab.surface.alt


def test_words_tell_what_the_picture_shows():
    lab = DistanceLaboratory(truth=1, temperature=10**0.3, selected=2)
    words, result = lab.surface.alt, lab.result
    for part in (
        "distance: squared Euclidean; temperature: 2; classes: 3; true class: 1.",
        "The query is at (0.20, 0.50).",
        f"Prototype 2 at (1.70, 1.70): distance {result.distances[1]:.2f}, p = {result.p[1]:.3f}",
        f"loss −ln p = {result.loss:.2f}",
        "Downhill is (−",
        "The arrow keys move prototype 2.",
    ):
        assert part in words
    regions, answer = lab.surface.words
    assert "paler for every 10 %" in regions["note"] and answer["title"] == "p(y = c | x)"
    assert f"loss −ln p = {result.loss:.2f}" in answer["note"]
    assert "loss −ln p" not in DistanceLaboratory().surface.words[1]["note"]
    assert [probability(p) for p in (0.0, 1e-5, 0.25, 0.9999, 1.0)] == [
        "0.000", "<0.001", "0.250", ">0.999", "1.000",
    ]  # fmt: skip


def test_the_origin_is_named_where_a_direction_is_needed():
    lab = DistanceLaboratory(query=(0.0, 0.0))
    assert "no direction" not in lab.surface.message
    lab.set(distance="cosine")
    assert "no direction" in lab.surface.message
    np.testing.assert_allclose(lab.result.p, 1 / 3)


def test_settings_are_taken_or_refused_in_one_sentence():
    lab = DistanceLaboratory(prototypes=[(0, 1), (1, 0)], classes=3)
    np.testing.assert_allclose(lab.state.points[1:], [(0, 1), (1, 0), PROTOTYPES[2]])
    lab.move(3, 1.0, 1.0)
    np.testing.assert_allclose(lab.state.points[1:], [(0, 1), (1, 0), (1, 1)])
    with pytest.raises(TypeError, match="no gamma"):
        DistanceLaboratory(gamma=1)
    for wrong in (6, -1, 1.5, None, math.nan):
        with pytest.raises((TypeError, ValueError), match="^selected must "):
            lab.set(selected=wrong)


def test_a_temperature_of_100_is_read_as_100():
    lab = DistanceLaboratory(temperature=100)
    assert lab.controls["temperature"].readout_format == ".3g" and "temperature: 100;" in lab.surface.alt


# What chapter 06 tells its readers to try, and says that they will see


def test_try_1_on_a_border_two_probabilities_are_equal_and_no_temperature_moves_it():
    lab = DistanceLaboratory()
    for border in lab.result.borders:
        for temperature in (0.05, 1.0, 30.0):
            lab.set(query=tuple(border.mean(axis=0)), temperature=temperature)
            highest = np.sort(lab.result.p)[-2:]
            assert highest[0] == pytest.approx(highest[1], rel=1e-6)


def test_try_2_temperature_leaves_distances_and_order():
    lab, seen = DistanceLaboratory(), []
    for temperature in (0.1, 30.0):
        lab.set(temperature=temperature)
        seen.append((lab.result.distances.tolist(), lab.result.p.argsort().tolist(), np.ptp(lab.result.p)))
    assert seen[0][:2] == seen[1][:2] and seen[0][2] > 0.95 and seen[1][2] < 0.1


def test_try_3_far_out_the_square_is_certain_and_the_root_is_not():
    lab = DistanceLaboratory(query=(WINDOW[0], WINDOW[1]))
    assert lab.result.p.max() > 0.99
    borders = lab.result.borders
    lab.set(distance="euclidean")
    assert lab.result.p.max() < 0.95
    np.testing.assert_allclose(np.sort(lab.result.borders, axis=None), np.sort(borders, axis=None), atol=1e-9)


def test_try_4_cosine_sees_no_length_and_keeps_below_its_ceiling():
    lab = DistanceLaboratory(distance="cosine", classes=5)
    before = lab.result.p
    lab.move(2, 1.5 * PROTOTYPES[1][0], 1.5 * PROTOTYPES[1][1])
    np.testing.assert_allclose(lab.result.p, before)
    best = 0.0
    for angle in np.linspace(0, 2 * math.pi, 60):
        lab.move(0, math.cos(angle), math.sin(angle))
        best = max(best, lab.result.p.max())
    assert 0.2 < best < 0.649


def test_try_5_where_the_truth_has_no_probability_the_gradient_is_twice_the_way_to_it():
    lab = DistanceLaboratory(truth=2, query=(-2.6, 2.2))
    points, p = lab.state.points[1:], lab.result.p
    assert p[1] < 0.001 and p.argmax() == 0 and p[0] > 0.99
    np.testing.assert_allclose(-lab.result.gradient, 2 * (points[1] - points[0]), atol=0.1)
    lab.set(query=tuple(points[1]))
    assert np.linalg.norm(lab.result.gradient) < 0.1
