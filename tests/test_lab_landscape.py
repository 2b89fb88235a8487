"""The loss-landscape laboratory without a browser: its mathematics against autograd, finite differences and
closed forms, its picture, and what the pointer and the keys do."""

import math

import numpy as np
import pytest
import torch

from metalib.lab import LandscapeLaboratory
from metalib.lab.landscape.landscapes import Waves, landscapes
from metalib.lab.landscape.objectives import (
    METHODS,
    descent,
    directions,
    explore,
    inner_path,
    objective,
    optima,
)
from metalib.lab.landscape.picture import LandscapePicture

NAMES = list(landscapes())
STEEP, EQUAL, WAVES = NAMES
STATE = {"theta": (0.7, 1.3), "alpha": 0.08, "steps": 3}
POINTS = np.random.default_rng(0).uniform(-1, 4, (7, 2))


def torch_losses(land, theta):
    """The tasks' losses at θ (2,) written a second time, in PyTorch."""
    if isinstance(land, Waves):
        x = torch.linspace(-5, 5, 200_001, dtype=torch.float64)
        return [
            ((theta[0] * torch.sin(x - theta[1]) - a * torch.sin(x - p)) ** 2).mean() for a, p in land.centres
        ]
    return [
        0.5 * (theta - c) @ a @ (theta - c)
        for c, a in zip(torch.tensor(land.centres), torch.tensor(land.matrices), strict=True)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_losses_gradients_and_hessians_are_those_of_autograd(name):
    land, theta = landscapes()[name], torch.tensor([1.3, 0.7], dtype=torch.float64)
    here = theta.numpy()[None]
    for task in range(len(land.centres)):
        loss = torch_losses(land, theta)[task].item()
        assert land.loss(here)[task] == pytest.approx(loss, rel=1e-4)  # a sum stands for an integral
        gradient = torch.func.grad(lambda t, i=task: torch_losses(land, t)[i])(theta)
        np.testing.assert_allclose(land.gradient(here)[task], gradient, rtol=1e-3, atol=1e-4)
        hessian = torch.func.hessian(lambda t, i=task: torch_losses(land, t)[i])(theta)
        np.testing.assert_allclose(land.hessian(here)[task], hessian, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_many_points_are_answered_like_single_ones(name):
    land = landscapes()[name]
    many = [objective(land, POINTS, 0.08, 2), land.loss(POINTS[None]), land.hessian(POINTS[None])]
    for i, point in enumerate(POINTS):
        single = [objective(land, point, 0.08, 2), land.loss(point[None]), land.hessian(point[None])]
        np.testing.assert_allclose(many[0][i], single[0])
        np.testing.assert_allclose(many[1][:, i], single[1])
        np.testing.assert_allclose(many[2][:, i], single[2])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_mamls_direction_is_the_slope_of_its_objective(name, steps):
    land = landscapes()[name]
    for theta in POINTS[:4]:
        found = directions(land, theta, 0.08, steps)
        for method, k in (("MAML", steps), ("joint training", 0)):
            slope = [
                (objective(land, theta + e, 0.08, k) - objective(land, theta - e, 0.08, k)) / 2e-5
                for e in 1e-5 * np.eye(2)
            ]
            np.testing.assert_allclose(found[method], slope, rtol=1e-5, atol=1e-7)


def test_first_order_and_reptile_are_what_they_are_called():
    land, theta = landscapes()[WAVES], np.array([1.0, 0.5])
    path, found = inner_path(land, theta, 0.05, 3), directions(land, theta, 0.05, 3)
    np.testing.assert_allclose(found["first-order MAML"], land.gradient(path[-1]).mean(0))
    np.testing.assert_allclose(found["Reptile"], (theta - path[-1].mean(0)) / (0.05 * 3))
    one = directions(land, theta, 0.05, 1)
    np.testing.assert_allclose(one["Reptile"], one["joint training"])


@pytest.mark.parametrize("alpha, steps", [(0.3, 1), (0.3, 3), (0.7, 2)])
def test_the_optima_of_the_bowls_are_the_closed_form(alpha, steps):
    """MAML's objective of a bowl is a bowl again: with B = M A M, M = (I − αA)^k, its centre is
    (ΣB)⁻¹ ΣBc."""
    for name in (STEEP, EQUAL):
        land = landscapes()[name]
        for found, k in zip(optima(name, alpha, steps), (0, steps), strict=True):
            factor = np.linalg.matrix_power(np.eye(2) - alpha * land.matrices, k)
            bowls = factor @ land.matrices @ factor
            centre = np.linalg.solve(bowls.sum(0), np.einsum("tij,tj->i", bowls, land.centres))
            np.testing.assert_allclose(found, centre, atol=1e-5)


def test_equal_bowls_have_one_optimum_and_unequal_ones_two():
    average, maml = optima(EQUAL, 0.3, 2)
    np.testing.assert_allclose(average, maml, atol=1e-5)
    average, maml = optima(STEEP, 0.3, 2)
    flat = landscapes()[STEEP].centres[1]
    assert np.linalg.norm(maml - flat) < 0.5 * np.linalg.norm(average - flat)


def test_the_optimum_of_the_waves_is_flat_and_lower_than_all_around():
    for k, best in zip((0, 2), optima(WAVES, 0.05, 2), strict=True):
        land = landscapes()[WAVES]
        around = best + 0.01 * np.stack([np.cos(np.arange(8)), np.sin(np.arange(8))], axis=-1)
        assert (objective(land, around, 0.05, k) > objective(land, best, 0.05, k)).all()
        left, right, bottom, top = land.window
        corners = np.stack(np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300)), axis=-1)
        assert objective(land, corners, 0.05, k).min() >= objective(land, best, 0.05, k) - 1e-9


@pytest.mark.parametrize("method, k", [("MAML", 2), ("joint training", 0)])
def test_meta_descent_ends_at_the_optimum_of_its_own_objective(method, k):
    way = descent(landscapes()[STEEP], np.array([0.4, 2.0]), 0.2, 2, method=method, beta=0.8, moves=400)
    np.testing.assert_allclose(way[-1], optima(STEEP, 0.2, 2)[1 if k else 0], atol=1e-3)
    values = objective(landscapes()[STEEP], way, 0.2, k)
    assert (np.diff(values) <= 1e-12).all()


@pytest.mark.parametrize(
    "change, error",
    [
        ({"alpha": math.nan}, "alpha must be a finite number"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"theta": (0, math.inf)}, "theta must be two finite numbers"),
        ({"theta": (0, 1, 2)}, "theta must be two finite numbers"),
        ({"beta": 0}, "beta must be a positive finite number"),
        ({"method": "Adam"}, "method must be one of MAML, first-order MAML"),
        ({"moves": -3}, "must be at least 0"),
    ],
)
def test_bad_values_are_named(change, error):
    with pytest.raises(ValueError, match=error):
        explore(STEEP, **{**STATE, **change})
    with pytest.raises(ValueError, match="landscape must be one of a steep"):
        explore("hills", **STATE)


CHANGES = [
    {},
    {"steps": 0, "moves": 9},
    {"alpha": 0.9, "steps": 5},
    {"moves": 30, "method": "Reptile"},
    {"moves": 60, "beta": 1.0},
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", CHANGES)
def test_fast_picture_equals_the_full_draw(name, change):
    picture = LandscapePicture()
    picture.pixels(explore(WAVES, **STATE))  # something else was there before
    result = explore(name, **{**STATE, **change})
    full = np.asarray(picture.draw(result).canvas.buffer_rgba())
    assert (picture.pixels(result) == full).all()


def test_dragging_draws_no_background_anew():
    lab = LandscapeLaboratory()
    background = lab.picture._background
    lab.set(theta=(1.0, 1.0), moves=5)
    assert lab.picture._background is background
    lab.set(alpha=0.2)
    assert lab.picture._background is not background


def test_no_text_is_small_or_cut_off():
    result = explore(WAVES, **{**STATE, "moves": 20, "method": "Reptile"})
    result.directions["Reptile"] = -result.directions["MAML"]  # the widest text there is: cos −1.00
    result.directions["first-order MAML"] = -result.directions["MAML"]
    picture = LandscapePicture()
    figure = picture.draw(result)
    texts = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if t.get_text()]
    assert len(texts) > 25
    assert all(text.get_fontsize() >= 12 for text in texts)
    ours = [*picture.draw(result).findobj(lambda a: type(a).__name__ == "Legend")[0].get_texts()]
    for text in [*ours, *(text for axes in figure.axes for text in axes.texts)]:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= 1000 and box.y1 <= 500, text.get_text()
    row = [t for t in texts if t.get_text().startswith(("—", "--", "···"))]
    boxes = sorted((t.get_window_extent().x0, t.get_window_extent().x1) for t in row)
    assert len(boxes) == 3 and all(a[1] < b[0] for a, b in zip(boxes, boxes[1:], strict=False))


def test_pointer_moves_theta_in_either_panel_and_nowhere_else():
    lab = LandscapeLaboratory(moves=10)
    for axes in lab.picture.panels:
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
    x, y = landscapes()[STEEP].start
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
    lab.set(theta=(0.0, landscapes()[STEEP].window[3] - 0.1))
    for _press in range(3):
        lab.surface.key("ArrowUp")
    assert lab.result.theta[1] == landscapes()[STEEP].window[3]


def test_another_landscape_begins_at_its_own_start_in_one_picture():
    lab = LandscapeLaboratory(moves=5)
    drawn = []
    lab.surface.observe(lambda change: drawn.append(1), "picture")
    lab.controls["landscape"].value = WAVES
    np.testing.assert_allclose(lab.result.theta, landscapes()[WAVES].start)
    assert lab.controls["moves"].value == 0 and drawn == [1]
    lab.set(landscape=EQUAL, theta=(1.0, -1.0))
    np.testing.assert_allclose(lab.result.theta, (1.0, -1.0))
    with pytest.raises(ValueError, match="alpha must lie between"):
        lab.set(landscape=WAVES, alpha=7.0)
    assert lab.result.name == EQUAL and lab.controls["theta"].value == (1.0, -1.0)


def test_words_tell_what_the_picture_shows():
    lab = LandscapeLaboratory(theta=(1.0, 1.0), steps=2, moves=4, method="Reptile")
    words, result = lab.surface.alt, lab.result
    for part in (
        STEEP,
        "α = 0.3",
        "inner steps: 2",
        "Task 2, centre (1.60, 0.50)",
        "Meta-steps of Reptile: 4.",
    ):
        assert part in words
    assert (
        f"first-order MAML {result.cosine('first-order MAML'):.2f}".replace("-", "−", 2).split()[-1] in words
    )


def test_too_large_rates_are_said():
    lab = LandscapeLaboratory(theta=(1.0, 1.0))
    assert lab.surface.message == ""
    lab.set(alpha=1.0, steps=5, theta=(1.0, 2.0))
    assert lab.surface.message == ""  # at 2/L exactly, nothing grows
    lab.set(landscape=WAVES, theta=(4.0, 0.0), alpha=0.5)
    assert "too large for its curvature" in lab.surface.message
    lab.set(alpha=0.05, steps=1, beta=1.0, moves=60, method="MAML", theta=(4.0, 0.0))
    assert np.isfinite(lab.result.trail).all()


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="no gamma"):
        LandscapeLaboratory(gamma=1)
    with pytest.raises(ValueError, match="no landscape 'hills'"):
        LandscapeLaboratory(landscape="hills")
    assert set(METHODS) >= {"MAML", "joint training"}
