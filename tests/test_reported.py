"""What cards report beside what was published: from the cards and the recipes, and from nothing else."""

import pytest

import metalib
from metalib.weights import reported
from metalib.weights.reported import METHODS, PUBLISHED, PUBLISHED_PROTOCOL, SETTINGS


def test_the_results_are_what_the_cards_say_and_show_what_is_missing():
    assert reported.measured("no-such-weights", "5-way 1-shot") is None
    card = {entry["label"]: entry for entry in metalib.weights.card("glyphs-maml")["results"]}
    assert reported.measured("glyphs-maml", "5-way 1-shot") == card["5-way 1-shot, 3 steps"]
    assert reported.measured("glyphs-maml", "20-way 1-shot") is None, "it has five outputs"
    rows = reported.results("glyphs")
    card = {entry["label"]: entry for entry in metalib.weights.card("glyphs-protonet")["results"]}
    assert rows["ProtoNet"] == [card.get(setting) for setting in SETTINGS]
    assert "first-order MAML" not in rows, "none is shipped"
    assert reported.percent({"mean": 0.98765, "half_width": 0.00123}) == "98.77 ± 0.12"
    assert reported.percent(None) == "–"


def test_the_last_weights_that_measured_a_setting_speak_for_it(monkeypatch):
    cards = {
        "a-maml": {"5-way 1-shot, 1 step": 1, "5-way 1-shot, 3 steps": 2, "20-way 1-shot, 3 steps": 3},
        "a-maml-20way": {"20-way 1-shot, 3 steps": 4},
    }
    listed = {
        name: {"results": [{"label": k, "mean": v} for k, v in card.items()]} for name, card in cards.items()
    }
    monkeypatch.setattr(metalib.weights, "names", lambda: sorted(cards))
    monkeypatch.setattr(metalib.weights, "card", listed.__getitem__)
    row = reported.results("a")["MAML"]
    assert [entry and entry["mean"] for entry in row] == [2, None, 4, None]


def test_the_table_has_published_rows_below_their_own_and_fits_a_page():
    table = reported.results_table(reported.results("omniglot"), published=True)
    names = [row[0] for row in table.rows]
    assert names[:4] == [
        "ProtoNet, here",
        "ProtoNet, published",
        "ProtoNet, published, trained with 5 ways",
        "MAML, here",
    ]
    assert len(table.rows) == len(METHODS) + len(PUBLISHED)
    assert max(map(len, repr(table).splitlines())) <= 110
    assert all(len(numbers) == len(SETTINGS) for numbers in PUBLISHED.values())


@pytest.mark.parametrize("name", ["glyphs-protonet", "glyphs-maml", "glyphs-embedding"])
def test_the_protocol_is_read_from_the_recipe(name):
    recipe = metalib.weights.recipe(name)
    rows = reported.protocol(name)
    assert rows["training episodes"].startswith(f"{recipe.tasks['ways']}-way {recipe.tasks['shots']}-shot")
    sizes = [len(metalib.data.glyphs(part)) for part in ("train", "validation", "test")]
    assert rows["characters to train, choose, test"] == ", ".join(map(str, sizes))
    assert ("transductive" in rows["batch norm at test"]) == metalib.weights.load(name).is_transductive
    for published in PUBLISHED_PROTOCOL.values():
        assert set(published) == set(rows), "every line has its counterpart"


def test_the_fair_comparison_has_as_many_drawings_on_both_sides():
    """The plain embedding and the ProtoNet beside it: the same network, as many drawings."""
    plain, episodic = (metalib.weights.recipe(f"omniglot-{end}") for end in ("embedding", "protonet-equal"))
    assert plain.model == episodic.model and plain.images == episodic.images
    assert plain.training["lr"] == episodic.training["lr"]
    seen = [reported.drawings_seen(f"omniglot-{end}") for end in ("embedding", "protonet-equal", "protonet")]
    assert seen[0] == 8000 * 60 * 2 == 960_000 and seen[2] == 12_000 * 60 * 6
    assert abs(seen[1] - seen[0]) < 360, "less than one iteration"


@pytest.mark.omniglot
def test_protocols_of_omniglot_can_be_shown_beside_the_published():
    table = reported.protocol_table("omniglot-maml", "MAML")
    assert ("network", "4 × 32 channels, pool", "4 × 64 channels, stride") in table.rows
