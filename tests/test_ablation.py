"""Ablations: what is compared, training them all into one file, and what the shipped ones score."""

import json

import pytest
import torch

from metalib import ablation
from metalib.ablation import Ablation, members, training, variants
from metalib.cli import main

NAMES = Ablation.shipped()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A small ablation with one variant that explodes, in a folder of its own."""
    (tmp_path / "tiny.toml").write_text(
        """
title = "Tiny"
seeds = [0, 3]

[recipe.learner]
kind = "AnnealedMAML"
steps = 2
[recipe.model]
kind = "sine_net"
width = 4
[recipe.tasks]
kind = "sine"
shots = 5
[recipe.training]
iterations = 3
meta_batch = 2
[[recipe.evaluation]]
label = "all"
n_tasks = 5

[variants.maml]
label = "MAML"
learner = {}
[variants.wild]
label = "far too quick"
learner = { alpha = 1e30 }
[variants.first]
label = "first order"
learner = { first_order = true }
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(variants, "FOLDER", tmp_path)
    monkeypatch.setattr(members, "FOLDER", tmp_path)
    for cached in (members.card, members._weights):
        cached.cache_clear()
    yield tmp_path
    for cached in (members.card, members._weights):
        cached.cache_clear()


def train(folder, **options):
    said = []
    path = ablation.train("tiny", folder, progress=False, say=said.append, **options)
    return path, said


def test_all_members_are_trained_and_scored(tiny):
    path, said = train(tiny)
    assert path == tiny / "tiny.safetensors" and len(said) == 6
    assert ablation.exploded("tiny", "wild") == {0: 1, 3: 1} and ablation.exploded("tiny", "maml") == {}
    scores = ablation.scores("tiny", "maml", "all")
    assert scores.shape == (2, 5) and not torch.equal(scores[0], scores[1])
    said_mean = ablation.card("tiny")["members"]["maml/0"]["results"]["all"]["mean"]
    assert scores[0].mean().item() == pytest.approx(said_mean, abs=1e-4)
    assert ablation.scores("tiny", "wild", "all").shape == (0, 5)
    with pytest.raises(ValueError, match="exploded"):
        ablation.learner("tiny", "wild", 0)
    with pytest.raises(ValueError, match="the seeds 0, 3, not from 7"):
        ablation.learner("tiny", "maml", 7)
    with pytest.raises(ValueError, match="no variant 'second'; it has maml, wild, first"):
        ablation.learner("tiny", "second", 0)
    with pytest.raises(ValueError, match="no evaluation 'none'; it has all"):
        ablation.scores("tiny", "maml", "none")


def test_members_of_one_seed_begin_alike_and_see_the_same_tasks(tiny):
    made = Ablation.read("tiny")
    first, second = (made.recipe(variant, 3) for variant in ("maml", "first"))
    one, other = first.build(), second.build()
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    drawn = []
    for recipe, built in ((first, one), (second, other)):
        trained = recipe.trainer(built)
        drawn.append(trained.tasks.sample(2, trained.generator).support_x)
    assert torch.equal(*drawn)


def test_it_goes_on_where_it_stopped(tiny, monkeypatch):
    whole, _said = train(tiny)
    content = whole.read_bytes()
    for path in (whole, whole.with_suffix(".json")):
        path.unlink()
    real, calls = training.run, []

    def stopping(*args, **options):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(training, "run", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(tiny)
    path, said = train(tiny)
    assert len(said) == 4 and path.read_bytes() == content


def test_files_of_other_settings_are_not_gone_on_with(tiny):
    train(tiny)
    with pytest.raises(ValueError, match="other settings"):
        train(tiny, iterations=2)


def test_altered_weights_are_refused(tiny):
    path, _said = train(tiny)
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(ValueError, match="does not hold the weights"):
        ablation.learner("tiny", "maml", 0)


def test_the_command(tiny, capsys, tmp_path):
    assert main(["ablation", "tiny", "--output", str(tmp_path / "there"), "--iterations", "2"]) == 0
    assert "tiny.safetensors" in capsys.readouterr().out
    found = json.loads((tmp_path / "there" / "tiny.json").read_text("utf-8"))
    assert found["command"] == "python -m metalib ablation tiny --iterations 2"
    assert main(["ablation", "huge"]) == 1
    assert "no ablation 'huge'; there are tiny" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_files_belong_to_their_settings(name):
    made, card = Ablation.read(name), ablation.card(name)
    assert card["recipe"] == json.loads(json.dumps(made.base)), "train again: python -m metalib ablation"
    assert {*card["members"]} == {f"{variant}/{seed}" for variant, seed in made.members()}
    for variant, seed in made.members():
        assert card["members"][f"{variant}/{seed}"]["learner"] == dict(made.recipe(variant, seed).learner)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_members_score_what_the_card_says(name):
    made, card = Ablation.read(name), ablation.card(name)
    label = made.base["evaluation"][0]["label"]
    for variant in made.variants:
        trained = [seed for seed in made.seeds if seed not in ablation.exploded(name, variant)]
        for seed, found in zip(trained, ablation.scores(name, variant, label, 50), strict=True):
            said = card["members"][f"{variant}/{seed}"]["results"][label]
            spread = 1.96 * found.std().item() / len(found) ** 0.5
            assert abs(found.mean().item() - said["mean"]) <= 2 * (spread + said["half_width"]), (
                variant,
                seed,
            )
