"""Drawings that are turned or drawn with another pen, tasks made of them, and where characters come from."""

import math

import pytest
import torch

import metalib
from metalib.data import characters, thickened, turned
from metalib.data.download import DownloadError


@pytest.fixture(scope="module")
def x():
    return metalib.data.glyphs("test").images[:2, :3].float() / 255


def test_turning_by_quarters_is_exact_and_anticlockwise(x):
    for quarter in range(4):
        expected = torch.rot90(x, quarter, dims=(-2, -1))
        assert torch.allclose(turned(x, 90 * quarter), expected, atol=1e-4)
    assert torch.allclose(turned(x, -90), turned(x, 270), atol=1e-4)


def test_turning_goes_round_the_middle_at_every_angle():
    dot = torch.zeros(1, 1, 29, 29)
    dot[0, 0, 14, 22] = 1  # eight pixels to the right of the middle
    rows, columns = torch.meshgrid(torch.arange(29.0), torch.arange(29.0), indexing="ij")
    for degrees in (20, 45, 110, 200):
        found = turned(dot, degrees)[0, 0]
        mass = found.sum()
        right = ((columns - 14) * found).sum() / mass
        up = ((14 - rows) * found).sum() / mass
        assert math.hypot(right, up) == pytest.approx(8, abs=0.3)
        assert math.degrees(math.atan2(up, right)) % 360 == pytest.approx(degrees, abs=2.5)


def test_a_wider_pen_takes_the_darkest_neighbour(x):
    assert torch.allclose(thickened(x, 0), x, atol=1e-6)
    wider = thickened(x, 1)
    for i, j in ((0, 0), (5, 9), (27, 13)):
        window = x[..., max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        assert torch.allclose(wider[..., i, j], window.amax(dim=(-2, -1)), atol=1e-6)
    assert torch.allclose(thickened(x, -1), 1 - thickened(1 - x, 1), atol=1e-6), "thin ink is thick paper"
    ink = [thickened(x, amount).sum() for amount in (-1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2)]
    assert ink == sorted(ink)


def test_a_line_gets_as_much_wider_as_is_said():
    line = torch.zeros(1, 1, 28, 28)
    line[..., 10:14] = 1  # an upright line, four pixels wide
    for amount in (-1.5, -0.75, -0.25, 0.5, 1.25, 2):
        assert torch.allclose(thickened(line, amount).sum(dim=-1), torch.tensor(4.0 + 2 * amount), atol=1e-5)


def test_changed_tasks_are_the_same_tasks_with_changed_queries():
    tasks = metalib.Episodes(metalib.data.glyphs("test"), 3, 1, 2)
    batch = tasks.sample(4, torch.Generator().manual_seed(0))
    for support in (False, True):
        made = metalib.Changed(tasks, lambda x: 1 - x, support).sample(4, torch.Generator().manual_seed(0))
        assert torch.equal(made.query_x, 1 - batch.query_x)
        assert torch.equal(made.support_x, 1 - batch.support_x if support else batch.support_x)
        assert torch.equal(made.support_y, batch.support_y) and torch.equal(made.query_y, batch.query_y)


@pytest.mark.parametrize("error", [FileNotFoundError, DownloadError])
def test_without_omniglot_the_characters_are_glyphs_and_the_reason_is_said(monkeypatch, error):
    def none(split, by, download):
        raise error("There is none.")

    monkeypatch.setattr("metalib.data.available.omniglot", none)
    with pytest.warns(UserWarning, match="There is none."):
        found = characters(download=True)
    assert found.source == "glyphs" and found.classes == metalib.data.glyphs("all").classes
    assert characters("test", by="alphabet").names == metalib.data.glyphs("test", by="script").names
    with pytest.raises(ValueError, match="split must be one of"):
        characters("half")


@pytest.mark.omniglot
def test_where_omniglot_is_the_characters_are_its():
    for by in ("character", "alphabet"):
        assert characters("test", by).names == metalib.data.omniglot("test", by=by).names
