"""The in-context laboratory without a browser: everybody's curve against metalib's learners, the picture, the
pointer and the keys, and what the chapter says to try."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from readable import check_fast_picture, check_nothing_still_has_changed, check_texts

from metalib import weights
from metalib.attention import ContextTransformer
from metalib.lab import InContextLaboratory
from metalib.lab.in_context.laboratory import InContextPainter, remark
from metalib.lab.in_context.reading import (
    GRID,
    INSIDE,
    MAX_POINTS,
    POOLS,
    InContextState,
    drawn,
    follow,
    moved,
    read,
)
from metalib.learners import InContext
from metalib.tasks import LinearTasks


@pytest.fixture(scope="module")
def networks():
    return {name: weights.load(name) for name in POOLS}


@pytest.fixture(scope="module")
def lab():
    made = InContextLaboratory()
    made.home = made.state
    return made


@pytest.fixture(autouse=True)
def as_it_began(request):
    if "lab" in request.fixturenames:
        lab = request.getfixturevalue("lab")
        lab.set(**asdict(lab.home))


def features(points):
    return np.stack([points[:, 0], np.ones(len(points))], axis=1)


# --- what is computed
def test_ridge_and_the_one_step_are_their_formulas(networks):
    state = InContextState(shots=5, ridge=0.3, alpha=0.17)
    result = read(networks, state)
    x, y = features(result.points), result.points[:, 1]
    ridge = np.linalg.solve(x.T @ x + 0.3 * np.eye(2), x.T @ y)
    step = 2 * 0.17 * x.T @ y / 5
    np.testing.assert_allclose(result.curves["ridge"], np.polyval(ridge, GRID), atol=1e-5)
    np.testing.assert_allclose(result.curves["step"], np.polyval(step, GRID), atol=1e-5)
    np.testing.assert_allclose(result.lines["ridge"], ridge, atol=1e-5)
    assert "pool" not in result.curves and result.pool.shape == (0, 2)


def test_the_posterior_over_its_lines_is_bayes_rule(networks):
    result = read(networks, InContextState(network="lines-pool-16", shots=2))
    lines = LinearTasks(inputs=2, pool=16).weights.numpy()
    misses = [((result.points[:, 1] - np.polyval(w, result.points[:, 0])) ** 2).sum() for w in lines]
    chances = np.exp(-np.array(misses) / (2 * 0.2**2))
    expected = (chances / chances.sum()) @ lines
    np.testing.assert_allclose(result.lines["pool"], expected, atol=1e-4)
    np.testing.assert_allclose(result.pool, lines)


def test_the_network_answers_every_place_by_itself(networks):
    state = InContextState(shots=3)
    result = read(networks, state)
    tokens = np.concatenate([features(result.points), result.points[:, 1:]], axis=1)
    for place in (0, 60, 97):
        sequence = np.concatenate([tokens, [[GRID[place], 1.0, 0.0]]])
        with torch.no_grad():
            alone = networks["lines"].model(torch.tensor(sequence, dtype=torch.float32).unsqueeze(0))
        assert result.curves["network"][place] == pytest.approx(alone.item(), abs=1e-5)


def test_distances_are_means_inside_and_outside_the_strip(networks):
    result = read(networks, InContextState())
    gap = result.curves["network"] - result.curves["ridge"]
    assert result.away["ridge"] == pytest.approx(np.sqrt((gap[np.abs(GRID) <= 2] ** 2).mean()))
    assert result.beyond["ridge"] == pytest.approx(np.sqrt((gap[np.abs(GRID) > 2] ** 2).mean()))
    assert INSIDE.sum() == 41


@pytest.mark.parametrize("alpha", [0.3, 0.7, 0.75, 1.5])
def test_a_step_overshoots_where_the_loss_on_the_points_grows_in_some_direction(networks, alpha):
    result = read(networks, InContextState(alpha=alpha))
    x = features(result.points)
    curvature = 2 * x.T @ x / len(x)  # the loss's second derivative
    largest = np.linalg.eigvalsh(curvature)[-1]
    assert result.overshoots == pytest.approx(alpha * largest)
    assert (result.overshoots > 2) == (abs(1 - alpha * largest) > 1)


def test_a_line_is_the_same_each_time_and_a_point_more_leaves_the_others():
    truth, points = drawn(3, 0.0)
    np.testing.assert_array_equal(points, drawn(3, 0.0)[1])
    np.testing.assert_allclose(points[:, 1], np.polyval(truth, points[:, 0]), atol=0.02)
    assert points.shape == (MAX_POINTS, 2) and np.abs(points[:, 0]).max() <= 2
    noisy = drawn(3, 0.5)[1]
    np.testing.assert_array_equal(noisy[:, 0], points[:, 0])
    assert np.abs(noisy[:, 1] - points[:, 1]).max() > 0.2


def test_new_lines_and_other_noise_draw_the_points_anew_and_nothing_else_does():
    state = moved(InContextState(), drawn(1, 0.2)[1], 2, 9.0, -1.234)
    assert state.points[1] == (6.0, -1.23) and state.selected == 2 and len(state.points) == MAX_POINTS
    for change, kept in (
        ({"draw": 2}, False),
        ({"noise": 0.5}, False),
        ({"alpha": 1.0}, True),
        ({"shots": 7}, True),
    ):
        assert bool(follow(state, replace(state, **change)).points) == kept, change


# --- what is shown
@pytest.mark.parametrize("values", [{}, {"network": "lines-pool-4", "shots": 1}, {"alpha": 2.0, "shots": 11}])
def test_the_fast_picture_is_the_full_one_and_its_texts_can_be_read(lab, values):
    lab.set(**values)
    figure = lab.painter.full(lab.state, lab.result)
    check_fast_picture(lab.painter, lab.state, lab.result)
    check_nothing_still_has_changed(lab.painter, lab.state, lab.result)
    figure.canvas.draw()
    check_texts(figure, lab.painter.width)


def test_the_text_says_what_the_picture_shows(lab):
    lab.set(network="lines-pool-4", shots=2)
    said = lab.surface.alt
    assert "trained on: 4 lines" in said and "a line it knows" in said and "The points are at (" in said
    for name in ("true line", "transformer", "ridge", "one gradient step", "posterior over its lines"):
        assert f"{name}: slope " in said
    assert "Point 1 is chosen." in said


def test_a_point_outside_of_the_strip_and_a_step_that_is_too_large_are_remarked(lab):
    assert remark(lab.state, lab.result) == "" and "Drag a point" in lab.surface.message
    lab.move(1, 4.0, 0.0)
    lab.set(alpha=0.05)
    assert remark(lab.state, lab.result).startswith("A point lies outside")
    lab.set(alpha=1.0)
    assert "is too large for these points" in remark(lab.state, lab.result)


# --- pointer and keys
def at(lab, x, y):
    """Where a place of the left axes is in the picture, 0 … 1 from left and top."""
    across, up = lab.painter.axes.transData.transform((x, y))
    return across / lab.painter.width, 1 - up / lab.painter.height


def test_a_point_is_dragged_and_the_empty_plane_is_not(lab):
    x, y = lab.result.points[2]
    lab.surface.pointer("down", *at(lab, x, y), pressed=True)
    lab.surface.pointer("move", *at(lab, 1.5, -3.0), pressed=True)
    lab.surface.pointer("up", *at(lab, 1.5, -3.0))
    np.testing.assert_allclose(lab.result.points[2], (1.5, -3.0), atol=0.02)
    assert lab.state.selected == 3
    before = lab.state
    lab.surface.pointer("down", *at(lab, -4, 5), pressed=True)
    lab.surface.pointer("move", *at(lab, 2, 2), pressed=True)
    lab.surface.pointer("up", *at(lab, 2, 2))
    assert lab.state == before


def test_keys_choose_move_and_put_back(lab):
    first = lab.result.points.copy()
    lab.surface.key("PageDown")
    assert lab.state.selected == 2
    lab.surface.key("ArrowUp")
    lab.surface.key("ArrowRight", shift=True)
    np.testing.assert_allclose(lab.result.points[1], first[1] + (0.05, 0.25), atol=1e-9)
    lab.surface.key("PageUp")
    lab.surface.key("PageUp")
    assert lab.state.selected == lab.state.shots
    lab.surface.key("Home")
    np.testing.assert_array_equal(lab.result.points, first)
    lab.surface.key("Enter")
    assert lab.state.draw == 2 and not np.array_equal(lab.result.points, first)


def test_a_learners_own_network_and_bad_values():
    own = InContext(ContextTransformer(2, 8, 1, 2))
    made = InContextLaboratory({"mine": own}, shots=2)
    assert made.state.network == "mine" and "trained on: mine" in made.surface.alt
    with pytest.raises(ValueError, match="shots must lie between 1 and 11; 12 does not"):
        InContextLaboratory({"mine": own}, shots=12)
    with pytest.raises(TypeError, match="networks"):
        InContextLaboratory({"mine": torch.nn.Linear(2, 1)})


# --- what the chapter says to try
def test_try_1_lines_are_read_inside_the_strip_only(lab):
    assert lab.result.away["ridge"] == pytest.approx(0.08, abs=0.01)
    assert lab.result.beyond["ridge"] == pytest.approx(1.6, abs=0.1)


def test_try_2_four_lines_are_all_that_it_knows(lab):
    lab.set(network="lines-pool-4")
    for _line in range(6):
        lab.surface.key("Enter")
        found, known = lab.result.lines["network"], lab.result.pool
        low, high = known.min(axis=0) - 0.35, known.max(axis=0) + 0.35
        assert (low <= found).all() and (found <= high).all(), found


def test_try_3_one_point_leaves_the_prior_and_more_points_leave_less_choice(lab):
    lab.set(shots=1)
    lab.move(1, 1.0, 3.0)
    slope, intercept = lab.result.lines["ridge"]
    assert slope + intercept < 3.0 and lab.result.away["ridge"] < 0.5


def test_try_4_the_step_is_too_large_from_about_0_7_on(lab):
    for alpha, said in ((0.65, False), (0.75, True)):
        lab.set(alpha=alpha)
        assert ("too large" in remark(lab.state, lab.result)) == said


def test_the_painter_is_small_enough_for_a_laptop():
    assert InContextPainter.height <= 420
