"""Section 2 of chapter 12: its CKA, and what the text says of two networks and of sine waves, measured again
on other tasks."""

import copy

import pytest
import torch
import torch.nn.functional as F
from chapter_code import definitions, solution
from torch import nn

import metalib
from metalib import look, weights
from metalib.weights import TEST_SEED


@pytest.fixture(scope="module")
def chapter():
    names = {"torch": torch, "nn": nn, "F": F, "metalib": metalib, "weights": weights, "copy": copy}
    made = definitions("12_outlook", **names, look=look, icl_methods={})
    made["TEST_SEED"] = 7  # other tasks than the chapter's
    return made


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_cka_does_not_see_turns_and_scales_and_has_two_forms(chapter):
    cka = chapter["cka"]
    x, y = torch.randn(40, 6, generator=seeded()), torch.randn(40, 5, generator=seeded(1))
    y = y + x[:, :5]
    turn = torch.linalg.qr(torch.randn(6, 6, generator=seeded(2))).Q
    assert cka(x, x) == pytest.approx(1) and cka(x, 3 * x @ turn + 1) == pytest.approx(1, abs=1e-5)
    assert cka(x, y) == pytest.approx(cka(y, x)) and 0 < cka(x, y) < 1
    centred = [(part - part.mean(dim=0)).double() for part in (x, y)]
    assert solution("12/cka-by-features")(*centred) == pytest.approx(cka(x, y).item())


def measured(chapter, kind, n_tasks):
    """CKA of the fourth block, accuracies by how much is frozen, and those on frozen features."""
    chapter["understood"] = {kind: chapter["understand_draw"](kind, n_tasks)}
    alike, floor = chapter["alike_by_layer"](kind)
    frozen = [chapter["frozen_at_test"](kind, blocks).mean().item() for blocks in (0, 3, 4)]
    rest = {name: v.mean().item() for name, v in chapter["on_frozen_features"](kind).items()}
    return alike.mean(dim=0), floor.mean(dim=0), frozen, rest


@pytest.mark.slow
def test_the_glyph_network_reuses_its_features(chapter):
    assert TEST_SEED != chapter["TEST_SEED"]
    alike, floor, frozen, rest = measured(chapter, "glyphs", 100)
    assert alike[:4].min() > 0.94 and alike[4] < 0.65 and floor[0] > 0.9
    assert abs(frozen[0] - frozen[1]) < 0.01 and -0.01 < frozen[0] - frozen[2] < 0.03
    assert rest["no head, no inner loop"] > frozen[0] - 0.015


@pytest.mark.slow
@pytest.mark.omniglot
def test_the_omniglot_network_learns_in_its_fourth_block(chapter):
    alike, _floor, frozen, rest = measured(chapter, "omniglot", 40)
    assert alike[:3].min() > 0.98 and alike[3] < 0.87 and alike[4] < 0.6
    assert abs(frozen[0] - frozen[1]) < 0.01 and frozen[0] - frozen[2] > 0.18
    for way in ("head alone, 300 steps", "no head, no inner loop"):
        assert 0.07 < frozen[0] - rest[way] < 0.2


def test_a_sine_network_cannot_do_without_a_layer_that_hardly_changes(chapter):
    start = weights.load("sine-maml").eval()
    tasks = metalib.SineTasks(shots=10, queries=100).sample(300, seeded(11))
    with torch.no_grad():
        losses = []
        for first in (0, 2):
            partly = metalib.MAML(start.model, 0.01, 5, adapts=lambda n, k=first: int(n.split(".")[0]) >= k)
            losses.append(partly.query_losses(tasks).mean().item())
        adapted = start.adapt(tasks.support_x[:20], tasks.support_y[:20], steps=5)
        alike = []
        for task, x in enumerate(tasks.query_x[:20]):
            moved = {name: value[task] for name, value in adapted.items()}
            before, after = (chapter["outputs_of"](start.model, 2, given, x) for given in ({}, moved))
            alike.append(chapter["cka"](before, after))
    assert losses[1] > 8 * losses[0] and torch.stack(alike).mean() > 0.99
