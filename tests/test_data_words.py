"""Words of many languages: what the file holds, how it is split, and that the recorded command makes it."""

import json
import lzma
from pathlib import Path

import pytest
import torch

from metalib.data import words
from metalib.data.splits import SPLITS
from metalib.data.words import FAMILIES_IN_TRAINING, FILE, HELD_OUT, KINDS, LENGTH, decode, encode
from tools import words as tool

PARTS = (*SPLITS, *HELD_OUT)


@pytest.mark.parametrize("of", KINDS)
def test_the_parts_are_disjoint_and_are_everything(of):
    parts = {part: set(words(of, part).names) for part in PARTS}
    everything = words(of)
    assert len(everything) > 180 and len(set(everything.names)) == len(everything)
    assert sum(map(len, parts.values())) == len(everything)
    assert set().union(*parts.values()) == set(everything.names)


def test_a_language_is_on_the_same_side_whatever_the_kind():
    for part in PARTS:
        mine = {name for of in KINDS for name in words(of, part).names}
        for other in set(PARTS) - {part}:
            assert not mine & {name for of in KINDS for name in words(of, other).names}


def test_other_families_and_scripts_are_others():
    for split in SPLITS:
        part = words("territories", split)
        assert set(part.scripts) == {"Latin"} and set(part.families) <= set(FAMILIES_IN_TRAINING)
    family, script = words(split="other-family"), words(split="other-script")
    assert set(family.scripts) == {"Latin"} and not set(family.families) & set(FAMILIES_IN_TRAINING)
    assert "Latin" not in script.scripts
    cyrillic = words(split="other-script", script="Cyrillic")
    assert set(cyrillic.scripts) == {"Cyrillic"} and "Ukrainian" in cyrillic.names


@pytest.mark.parametrize("of", KINDS)
def test_no_word_belongs_to_two_languages_and_none_is_there_twice(of):
    everything = words(of)
    listed = [word for language in range(len(everything)) for word in everything.words(language)]
    assert len(set(listed)) == len(listed) == int(everything.counts.sum())
    assert all(word == word.lower().strip() and 2 <= len(word) <= LENGTH - 2 for word in listed)


def test_words_that_everybody_can_check():
    territories, calendar = words("territories"), words("calendar")
    assert "deutschland" in territories.words(territories.names.index("German"))
    assert "южный судан" in territories.words(territories.names.index("Russian"))
    assert "tammikuuta" in calendar.words(calendar.names.index("Finnish"))
    families = dict(zip(territories.names, territories.families, strict=True))
    expected = {
        "Finnish": "Uralic",
        "Swahili": "Niger–Congo",
        "Turkish": "Turkic",
        "Hindi": "Indo-European",
        "Maltese": "Afro-Asiatic",
        "Māori": "Austronesian",
        "Basque": "Basque",
        "Tamil": "Dravidian",
    }
    assert {name: families[name] for name in expected} == expected


def test_text_becomes_code_points_and_comes_back():
    rows = encode(["año", "日本"])
    assert rows.shape == (2, 24) and rows.dtype == torch.int64
    assert rows[0, :5].tolist() == [2, ord("a"), ord("ñ"), ord("o"), 3] and not rows[0, 5:].any()
    assert [decode(row) for row in rows] == ["año", "日本"]
    with pytest.raises(ValueError, match="at most 22 characters"):
        encode(["x" * 23])


def test_a_subset_keeps_what_belongs_together():
    everything = words("languages", "test")
    some = everything.subset([4, 2], title="two")
    assert some.names == (everything.names[4], everything.names[2]) and len(some) == some.classes == 2
    assert some.words(1) == everything.words(2) and "two" in repr(some)


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(of="months"), "of must be one of 'territories', 'languages', 'calendar'"),
        (dict(split="dev"), "split must be one of"),
        (dict(script="Klingon"), "script must be one of"),
        (dict(split="test", script="Cyrillic"), "no language in the script Cyrillic in the split 'test'"),
    ],
)
def test_unknown_choices_get_one_sentence(options, said):
    with pytest.raises(ValueError, match=said):
        words(**options)


def test_the_recorded_command_makes_the_file():
    """Where this Babel has the same CLDR: the words and the licence's text, to the byte."""
    shipped = json.loads(lzma.decompress(FILE.read_bytes()))
    content = tool.collected()
    if content["source"] != shipped["source"]:
        pytest.skip(f"the words are from {shipped['source']}; here is {content['source']}")
    assert content == shipped
    licence = FILE.with_name("UNICODE-LICENSE.txt").read_bytes()
    assert licence == tool.licence_text() and b"COPYRIGHT AND PERMISSION NOTICE" in licence
    assert FILE.stat().st_size < 500_000


def test_every_language_has_one_family():
    codes = [code for listed in tool.FAMILIES.values() for code in listed.split()]
    assert len(codes) == len(set(codes))


def test_the_licence_is_installed_with_the_words():
    project = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text("utf-8")
    assert project.count("data/UNICODE-LICENSE.txt") == 2 and '"data/words.json.xz"' in project
