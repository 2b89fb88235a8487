"""The dial of growing shift: strength 0 is the identity, every kind is what it says it is, and the chance in
it belongs to the picture."""

import math

import pytest
import torch

import metalib
from metalib.data import SHIFTS, Shift, shifts, thickened, turned


@pytest.fixture(scope="module")
def x():
    return metalib.data.glyphs("test").images[:3, :4].float() / 255  # (3, 4, 1, 28, 28)


@pytest.mark.parametrize("kind", SHIFTS)
def test_strength_zero_is_the_identity_and_more_is_further_away(x, kind):
    assert Shift(kind, 0)(x) is x
    # A turned or bent letter is as far from itself soon; so near the start only.
    strengths = (0.02, 0.1, 0.2) if kind in ("rotation", "slant", "wobble") else (0.1, 0.5, 1)
    away = [(Shift(kind, strength)(x) - x).square().mean() for strength in strengths]
    assert 0 < away[0] < away[1] < away[2]
    for strength in (0.3, 1):
        made = Shift(kind, strength)(x)
        assert made.shape == x.shape and made.dtype == x.dtype and 0 <= made.min() and made.max() <= 1


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_picture_is_changed_alike_wherever_it_lies(x, kind):
    shift = Shift(kind, 0.7)
    together = shift(x)
    alone = torch.stack([torch.stack([shift(image) for image in row]) for row in x])
    assert torch.allclose(together, alone, atol=1e-4)
    assert torch.allclose(shift(x.flip(0)).flip(0), together, atol=1e-4)
    assert torch.equal(shift(x), together) and Shift(kind, 0.7) == shift


@pytest.mark.parametrize("kind", ["wobble", "noise"])
def test_two_pictures_share_no_chance_and_a_seed_gives_other_chance(x, kind):
    blank = torch.zeros_like(x)
    blank[..., 14, 10:18] = torch.linspace(0.9, 1, 12).view(3, 4, 1, 1)  # nearly the same picture each time
    made = Shift(kind, 1)(blank).flatten(0, 1)
    for n, one in enumerate(made):
        assert all((one - other).abs().max() > 0.1 for other in made[:n])
    assert (Shift(kind, 1, seed=1)(x) - Shift(kind, 1)(x)).abs().max() > 0.1


def test_noise_is_normal_and_without_a_pattern():
    images = torch.rand(400, 1, 28, 28, generator=torch.Generator().manual_seed(0)).double()
    noise = shifts.noisy(images, 0.5) - images
    assert noise.mean().item() == pytest.approx(0, abs=0.004)
    assert noise.std().item() == pytest.approx(0.5, abs=0.004)
    for share, limit in ((0.6827, 1), (0.9545, 2), (0.9973, 3)):
        assert (noise.abs() < 0.5 * limit).double().mean().item() == pytest.approx(share, abs=0.004)
    flat = (noise / 0.5).flatten(1)
    for one, other in ((flat[:, 1:], flat[:, :-1]), (flat[1:], flat[:-1]), (flat[:, 28:], flat[:, :-28])):
        assert (one * other).mean().item() == pytest.approx(0, abs=0.01), (
            "neighbours know nothing of each other"
        )


def test_the_extremes_are_what_the_dial_says(x):
    assert torch.equal(Shift("rotation", 1)(x), turned(x, 90).clamp(0, 1))
    assert torch.equal(Shift("thick", 1)(x), thickened(x, 2).clamp(0, 1))
    assert torch.allclose(Shift("thin", 1)(x), thickened(x, -0.75).clamp(0, 1))
    assert torch.allclose(Shift("inversion", 1)(x), 1 - x)
    half = Shift("inversion", 0.5)(x)
    assert torch.equal(half[..., 14:], x[..., 14:]) and torch.allclose(half[..., :14], 1 - x[..., :14])


def test_a_column_may_be_half_exchanged(x):
    made = Shift("inversion", 0.25 / 28 * 2)(x)
    assert torch.allclose(made[..., 0], 0.5 * torch.ones_like(x[..., 0])) and torch.equal(
        made[..., 1:], x[..., 1:]
    )


def test_an_upright_line_leans_by_its_slope():
    line = torch.zeros(1, 1, 28, 28)
    line[..., 4:24, 13:15] = 1
    for strength in (0.25, 0.5, 1):
        made = Shift("slant", strength)(line)[0, 0]
        places = (made * torch.arange(28.0)).sum(dim=1) / made.sum(dim=1)
        slope = (places[5] - places[22]) / 17
        assert slope.item() == pytest.approx(strength, abs=0.02), "the top lies to the right of the bottom"
        assert places[13:15].mean().item() == pytest.approx(13.5, abs=0.05), "the middle stays"


def test_the_pen_grows_evenly(x):
    line = torch.zeros(1, 1, 28, 28)
    line[..., 10:14] = 1
    for strength in (0.1, 0.33, 0.8):
        for kind, most in (("thick", 2), ("thin", -0.75)):
            width = Shift(kind, strength)(line).sum(dim=-1)
            assert torch.allclose(width, torch.full_like(width, 4 + 2 * most * strength), atol=1e-5)


def test_an_unsteady_hand_moves_points_by_so_many_pixels():
    """A narrow blot is found again where the displacement has put it; over many pictures it is normal."""
    rows = torch.arange(41.0) - 20
    blot = torch.exp(-(rows.square().unsqueeze(1) + rows.square()) / 8)
    images = blot * torch.linspace(0.5, 1, 800).view(-1, 1, 1, 1)
    made = shifts.wobbled(images, 1.5)[:, 0]
    mass = made.sum(dim=(1, 2))
    for axis in (1, 2):
        moved = (made.sum(dim=3 - axis) * rows).sum(dim=1) / mass
        assert moved.mean().item() == pytest.approx(0, abs=0.2)
        assert moved.std().item() == pytest.approx(1.5, abs=0.2)


def test_what_is_no_place_of_the_dial_is_refused():
    with pytest.raises(ValueError, match="kind must be one of rotation, .* not 'blur'"):
        Shift("blur", 0.5)
    for strength in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="strength must lie between 0 and 1"):
            Shift("noise", strength)


def test_a_new_domain_is_the_same_computed_at_once_or_task_by_task():
    tasks = metalib.Episodes(metalib.data.glyphs("test"), 3, 2, 2)
    shift = Shift("noise", 0.5)
    once = tasks.mapped(shift).sample(4, torch.Generator().manual_seed(0))
    anew = metalib.Changed(tasks, shift, support=True).sample(4, torch.Generator().manual_seed(0))
    for one, other in zip(once, anew, strict=True):
        assert torch.allclose(one, other)


def test_mapped_episodes_can_be_mapped_again():
    tasks = metalib.Episodes(metalib.data.glyphs("test"), 3, 2, 2)
    twice = tasks.mapped(lambda x: 1 - x).mapped(lambda x: 1 - x)
    (x, *_), (y, *_) = (t.sample(2, torch.Generator().manual_seed(0)) for t in (tasks, twice))
    assert torch.allclose(x, y, atol=1e-6)
