"""The loss-landscape laboratory without a browser: its mathematics against autograd, finite differences and
closed forms, its picture, and what the pointer and the keys do."""

import math

import numpy as np
import pytest
import torch
from readable import check_fast_picture

from metalib import look
from metalib.lab import LandscapeLaboratory
from metalib.lab.landscape.laboratory import LandscapePainter, LandscapeState, explore
from metalib.lab.landscape.objectives import descent, directions, inner_path, objective, optima
from metalib.tasks.landscapes import LANDSCAPES, SineLandscape

VALUES = {"theta": (0.7, 1.3), "alpha": 0.08, "steps": 3}
POINTS = np.random.default_rng(0).uniform(-1, 4, (7, 2))


def torch_losses(land, theta):
    """The tasks' losses at θ (2,) written a second time, in PyTorch."""
    if isinstance(land, SineLandscape):
        x = torch.linspace(-5, 5, 200_001, dtype=torch.float64)
        return [
            ((theta[0] * torch.sin(x - theta[1]) - a * torch.sin(x - p)) ** 2).mean() for a, p in land.centres
        ]
    return [
        0.5 * (theta - c) @ a @ (theta - c)
        for c, a in zip(torch.tensor(land.centres), torch.tensor(land.matrices), strict=True)
    ]


@pytest.mark.parametrize("name", LANDSCAPES)
def test_losses_gradients_and_hessians_are_those_of_autograd(name):
    land, theta = LANDSCAPES[name], torch.tensor([1.3, 0.7], dtype=torch.float64)
    here = theta.numpy()[None]
    for task in range(len(land.centres)):
        loss = torch_losses(land, theta)[task].item()
        assert land.loss(here)[task] == pytest.approx(loss, rel=1e-4)  # a sum stands for an integral
        gradient = torch.func.grad(lambda t, i=task: torch_losses(land, t)[i])(theta)
        np.testing.assert_allclose(land.gradient(here)[task], gradient, rtol=1e-3, atol=1e-4)
        hessian = torch.func.hessian(lambda t, i=task: torch_losses(land, t)[i])(theta)
        np.testing.assert_allclose(land.hessian(here)[task], hessian, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_many_points_are_answered_like_single_ones(name):
    land = LANDSCAPES[name]
    many = [objective(land, POINTS, 0.08, 2), land.loss(POINTS[None]), land.hessian(POINTS[None])]
    for i, point in enumerate(POINTS):
        single = [objective(land, point, 0.08, 2), land.loss(point[None]), land.hessian(point[None])]
        np.testing.assert_allclose(many[0][i], single[0])
        np.testing.assert_allclose(many[1][:, i], single[1])
        np.testing.assert_allclose(many[2][:, i], single[2])


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_mamls_direction_is_the_slope_of_its_objective(name, steps):
    land = LANDSCAPES[name]
    for theta in POINTS[:4]:
        found = directions(land, theta, 0.08, steps)
        for method, k in (("maml", steps), ("joint", 0)):
            slope = [
                (objective(land, theta + e, 0.08, k) - objective(land, theta - e, 0.08, k)) / 2e-5
                for e in 1e-5 * np.eye(2)
            ]
            np.testing.assert_allclose(found[method], slope, rtol=1e-5, atol=1e-7)


def test_first_order_and_reptile_are_what_they_are_called():
    land, theta = LANDSCAPES["waves"], np.array([1.0, 0.5])
    path, found = inner_path(land, theta, 0.05, 3), directions(land, theta, 0.05, 3)
    np.testing.assert_allclose(found["fomaml"], land.gradient(path[-1]).mean(0))
    np.testing.assert_allclose(found["reptile"], (theta - path[-1].mean(0)) / (0.05 * 3))
    one = directions(land, theta, 0.05, 1)
    np.testing.assert_allclose(one["reptile"], one["joint"])


@pytest.mark.parametrize("alpha, steps", [(0.3, 1), (0.3, 3), (0.7, 2)])
def test_the_optima_of_the_bowls_are_the_closed_form(alpha, steps):
    """MAML's objective of a bowl is a bowl again: with B = M A M, M = (I − αA)^k, its centre is
    (ΣB)⁻¹ ΣBc."""
    for name in ("unequal", "equal"):
        land = LANDSCAPES[name]
        for found, k in zip(optima(name, alpha, steps), (0, steps), strict=True):
            factor = np.linalg.matrix_power(np.eye(2) - alpha * land.matrices, k)
            bowls = factor @ land.matrices @ factor
            centre = np.linalg.solve(bowls.sum(0), np.einsum("tij,tj->i", bowls, land.centres))
            np.testing.assert_allclose(found, centre, atol=1e-5)


def test_equal_bowls_have_one_optimum_and_unequal_ones_two():
    average, maml = optima("equal", 0.3, 2)
    np.testing.assert_allclose(average, maml, atol=1e-5)
    average, maml = optima("unequal", 0.3, 2)
    flat = LANDSCAPES["unequal"].centres[1]
    assert np.linalg.norm(maml - flat) < 0.5 * np.linalg.norm(average - flat)


def test_the_optimum_of_the_waves_is_flat_and_lower_than_all_around():
    for k, best in zip((0, 2), optima("waves", 0.05, 2), strict=True):
        land = LANDSCAPES["waves"]
        around = best + 0.01 * np.stack([np.cos(np.arange(8)), np.sin(np.arange(8))], axis=-1)
        assert (objective(land, around, 0.05, k) > objective(land, best, 0.05, k)).all()
        left, right, bottom, top = land.window
        corners = np.stack(np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300)), axis=-1)
        assert objective(land, corners, 0.05, k).min() >= objective(land, best, 0.05, k) - 1e-9


@pytest.mark.parametrize("method, k", [("maml", 2), ("joint", 0)])
def test_meta_descent_ends_at_the_optimum_of_its_own_objective(method, k):
    way = descent(LANDSCAPES["unequal"], np.array([0.4, 2.0]), 0.2, 2, method=method, beta=0.8, moves=400)
    np.testing.assert_allclose(way[-1], optima("unequal", 0.2, 2)[1 if k else 0], atol=1e-3)
    values = objective(LANDSCAPES["unequal"], way, 0.2, k)
    assert (np.diff(values) <= 1e-12).all()


@pytest.mark.parametrize(
    "change, error",
    [
        ({"alpha": math.nan}, "alpha must lie between 0.01 and 1; nan does not"),
        ({"steps": -1}, "steps must lie between 0 and 5; -1 does not"),
        ({"theta": (0, math.inf)}, "theta must be two finite numbers"),
        ({"theta": (0, 1, 2)}, "theta must be two finite numbers"),
        ({"beta": 0}, "beta must lie between 0.01 and 1; 0 does not"),
        ({"method": "Adam"}, "method must be one of 'maml', 'fomaml', 'reptile', 'joint', not 'Adam'"),
        ({"moves": -3}, "moves must lie between 0 and 60; -3 does not"),
        ({"landscape": "hills"}, "landscape must be one of 'unequal', 'equal', 'waves', not 'hills'"),
    ],
)
def test_bad_values_are_named(change, error):
    with pytest.raises(ValueError, match=error):
        LandscapeLaboratory(**change)
    with pytest.raises(ValueError, match=error):
        LandscapeLaboratory().set(**change)


CHANGES = [
    {},
    {"steps": 0, "moves": 9},
    {"alpha": 0.9, "steps": 5},
    {"moves": 30, "method": "reptile"},
    {"moves": 60, "beta": 1.0},
]


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("change", CHANGES)
def test_fast_picture_equals_the_full_draw(name, change):
    painter, before = LandscapePainter(), LandscapeState("waves", **VALUES)
    painter.pixels(before, explore(before))  # something else was there before
    state = LandscapeState(name, **{**VALUES, **change})
    result = explore(state)
    check_fast_picture(painter, state, result)


def test_dragging_paints_no_background_anew():
    lab = LandscapeLaboratory()
    axes, ground = lab.painter._grounds[0], lab.painter.ground
    lab.set(theta=(1.0, 1.0), moves=5)
    assert lab.painter.ground is ground
    lab.set(alpha=0.2)  # new contours, the same axes
    assert lab.painter.ground is not ground and lab.painter._grounds[0] is axes
    lab.set(landscape="waves")
    assert lab.painter._grounds[0] is not axes


def test_no_text_is_small_or_cut_off():
    state = LandscapeState("waves", **{**VALUES, "moves": 20, "method": "reptile"})
    figure = LandscapePainter().full(state, explore(state))
    texts = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if t.get_text()]
    assert len(texts) > 25
    assert all(text.get_fontsize() >= 12 for text in texts)
    for text in [text for axes in figure.axes for text in axes.texts]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y1 <= 500, text.get_text()


def test_titles_and_legends_stand_beside_the_picture():
    lab = LandscapeLaboratory(theta=(1.0, 1.0))
    left, right = lab.surface.words
    assert left["title"] == f"average loss, at θ: {look.number(lab.result.losses[0].mean())}"
    assert right["title"] == f"MAML's objective, at θ: {look.number(lab.result.losses[-1].mean())}"
    assert [entry["text"] for entry in right["legend"]] == [
        "MAML",
        f"first-order MAML: cosine {look.signed(lab.result.cosine('fomaml'))}",
        f"Reptile: cosine {look.signed(lab.result.cosine('reptile'))}",
    ]


def test_pointer_moves_theta_in_either_panel_and_nowhere_else():
    lab = LandscapeLaboratory(moves=10)
    for axes in lab.painter.panels:
        wanted = (-0.5, 1.25)
        width, height = axes.figure.bbox.size
        x, y = axes.transData.transform(wanted)
        lab.surface.pointer("down", x / width, 1 - y / height, pressed=True)
        np.testing.assert_allclose(lab.result.theta, wanted, atol=1e-9)
        assert lab.controls["moves"].value == 0
        lab.surface.pointer("move", x / width + 0.05, 1 - y / height, pressed=True)
        moved = lab.result.theta
        assert moved[0] > wanted[0]
        lab.surface.pointer("move", 0.3, 0.5, pressed=False)
        lab.surface.pointer("down", 0.001, 0.001, pressed=True)
        np.testing.assert_array_equal(lab.result.theta, moved)


def test_keys_move_theta_and_play():
    lab = LandscapeLaboratory()
    x, y = LANDSCAPES["unequal"].start
    for key, shift, expected in (
        ("ArrowRight", False, (x + 0.2, y)),
        ("ArrowDown", True, (x + 0.2, y - 0.02)),
        ("Home", False, (x, y)),
    ):
        lab.surface.key(key, shift)
        np.testing.assert_allclose(lab.result.theta, expected)
    for _press in range(3):
        lab.surface.key("Enter")
    assert lab.controls["moves"].value == 3 and len(lab.result.trail) == 4
    lab.surface.key("Backspace")
    assert len(lab.result.trail) == 3
    here = lab.result.theta
    lab.surface.key("ArrowLeft")  # from where the descent has come to, not from where it began
    np.testing.assert_allclose(lab.result.theta, here - (0.2, 0))
    lab.set(theta=(0.0, LANDSCAPES["unequal"].window[3] - 0.1))
    for _press in range(3):
        lab.surface.key("ArrowUp")
    assert lab.result.theta[1] == LANDSCAPES["unequal"].window[3]


def test_another_landscape_begins_at_its_own_start_in_one_picture():
    lab = LandscapeLaboratory(moves=5)
    drawn = []
    lab.surface.observe(lambda change: drawn.append(1), "changes")
    lab.controls["landscape"].value = "waves"
    np.testing.assert_allclose(lab.result.theta, LANDSCAPES["waves"].start)
    assert lab.controls["moves"].value == 0 and drawn == [1]
    lab.set(landscape="equal", theta=(1.0, -1.0))
    np.testing.assert_allclose(lab.result.theta, (1.0, -1.0))
    with pytest.raises(ValueError, match="alpha must lie between"):
        lab.set(landscape="waves", alpha=7.0)
    assert lab.state.landscape == "equal" and lab.state.theta == (1.0, -1.0)


def test_words_tell_what_the_picture_shows():
    lab = LandscapeLaboratory(theta=(1.0, 1.0), steps=2, moves=4, method="reptile")
    words, result = lab.surface.alt, lab.result
    for part in (
        "a steep and a flat bowl",
        "α (inner rate): 0.3;",
        "inner steps: 2",
        "Task 2, centre (1.60, 0.50)",
        "go down by: Reptile; ",
        "meta-steps: 4.",
    ):
        assert part in words
    assert f"first-order MAML {result.cosine('fomaml'):.2f}".replace("-", "−", 2).split()[-1] in words


def test_too_large_rates_are_said():
    lab = LandscapeLaboratory(theta=(1.0, 1.0))
    assert lab.surface.message == ""
    lab.set(alpha=1.0, steps=5, theta=(1.0, 2.0))
    assert lab.surface.message == ""  # at 2/h exactly, nothing grows
    lab.set(landscape="waves", theta=(4.0, 0.0), alpha=0.5)
    assert "too large for its curvature" in lab.surface.message
    lab.set(alpha=0.05, steps=1, beta=1.0, moves=60, method="maml", theta=(4.0, 0.0))
    assert np.isfinite(lab.result.trail).all()


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="no gamma"):
        LandscapeLaboratory(gamma=1)


# What the chapter lets its readers try, and says that there is to see


def moved(lab, **controls):
    """The result after the controls have been moved as a reader moves them."""
    for name, value in controls.items():
        lab.controls[name].value = value
        assert getattr(lab.state, name) == value
    return lab.result


def test_try_1_the_best_theta_of_maml_moves_to_the_flat_task():
    lab = LandscapeLaboratory()
    flat = LANDSCAPES["unequal"].centres[1]
    stars = [moved(lab, steps=steps).optima[1] for steps in (1, 2, 3, 4, 5)]
    away = [np.linalg.norm(star - flat) for star in stars]
    assert stars[0][0] < 0 and away == sorted(away, reverse=True) and away[-1] < 0.2


def test_try_2_reptile_with_one_step_is_joint_training():
    lab = LandscapeLaboratory()
    one = moved(lab, steps=1)
    np.testing.assert_allclose(one.directions["reptile"], one.directions["joint"])
    five = moved(lab, steps=5)
    reptile, joint = five.directions["reptile"], five.directions["joint"]
    assert reptile @ joint / np.linalg.norm(reptile) / np.linalg.norm(joint) < 0.97
    assert (round(one.cosine("reptile"), 2), round(five.cosine("reptile"), 2)) == (0.81, 0.43)


def test_try_3_where_each_method_ends():
    lab = LandscapeLaboratory()
    moved(lab, steps=2, beta=1.0, moves=60)
    ends = {method: moved(lab, method=method).theta for method in ("maml", "joint", "fomaml", "reptile")}
    average, star = lab.result.optima
    np.testing.assert_allclose(ends["maml"], star, atol=1e-3)
    np.testing.assert_allclose(ends["joint"], average, atol=1e-3)
    assert 0.05 < np.linalg.norm(ends["reptile"] - average) < 0.2
    assert min(np.linalg.norm(ends["fomaml"] - place) for place in (average, star)) > 0.5
    np.testing.assert_allclose(ends["fomaml"], moved(lab, steps=1).optima[1], atol=1e-3)


def test_try_4_equal_bowls_keep_one_optimum_and_at_1_over_h_a_whole_line_of_them():
    lab = LandscapeLaboratory(landscape="equal")
    for steps in (1, 2, 5):
        moved(lab, steps=steps)
        for alpha in np.logspace(-2, 0, 9):
            lab.set(alpha=float(alpha))
            np.testing.assert_allclose(*lab.result.optima, atol=0.02)
    land = LANDSCAPES["equal"]
    curvatures, axes = np.linalg.eigh(land.matrices[0])
    assert curvatures[1] == pytest.approx(1)
    along = lab.result.optima[1] + np.linspace(-1, 1, 5)[:, None] * axes[:, 1]
    np.testing.assert_allclose(objective(land, along, 1.0, 1), objective(land, along[0], 1.0, 1))


def test_try_5_waves_a_longer_step_helps_and_then_harms():
    land, lab = LANDSCAPES["waves"], LandscapeLaboratory(landscape="waves")
    lowest = {}
    for alpha in (0.03, 0.1, 0.3):
        lab.set(alpha=alpha)
        lowest[alpha] = objective(land, lab.result.optima[1], alpha, 1)
    assert lowest[0.1] < 0.2 * lowest[0.03] and lowest[0.3] > 2 * lowest[0.1]
    edge = np.stack([np.full(5, 5.2), np.linspace(1, 2, 5)], axis=-1)  # the middle of the right edge
    assert (objective(land, edge, 0.3, 1) > objective(land, edge, 0.3, 0)).all()
    assert (objective(land, edge, 0.1, 1) < objective(land, edge, 0.1, 0)).all()
    lab.set(theta=tuple(edge[2]))
    assert "too large for its curvature" in lab.surface.message
    steepest = [np.linalg.eigvalsh(land.hessian(np.array([[a, 1.5]])))[..., -1].max() for a in (1, 3, 5)]
    assert steepest == sorted(steepest) and steepest[0] < 2 / 0.3 < steepest[2]


@pytest.mark.parametrize("value", ["0,05", "many", "", None, True, [0.1], float("nan"), -0.1, 1e9])
def test_nonsense_for_alpha_gets_a_sentence_and_changes_nothing(value):
    lab = LandscapeLaboratory()
    before = lab.state
    with pytest.raises((ValueError, TypeError), match="alpha must"):
        lab.set(alpha=value)
    assert lab.state == before
