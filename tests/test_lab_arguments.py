"""Nonsense in place of what a laboratory is built from, or of a part of its state: one sentence."""

import math

import pytest
from torch import nn

from metalib import lab as laboratories

NONSENSE = (3, "x", None, [], {}, (1,), (math.nan, 0), [[1, 2, 3]], {"a": 3}, object(), 1.5, -1)
HIDDEN = {
    "LandscapeLaboratory": ["theta"],
    "DistanceLaboratory": ["query", "prototypes", "selected"],
    "PrototypeLaboratory": ["selected"],
    "EpisodeLaboratory": ["answers", "cursor"],
    "BanditLaboratory": ["chosen"],
    "AlphabetLaboratory": ["alphabet", "strokes", "cursor"],
}
ARGUMENTS = {
    "SineLaboratory": ["starts"],
    "PrototypeLaboratory": ["embeddings", "images"],
    "EpisodeLaboratory": ["learner", "images"],
    "AdaptationLaboratory": ["weights", "images"],
    "AlphabetLaboratory": ["learners", "images", "ways", "shots"],
}


@pytest.fixture(scope="module")
def made():
    return {name: getattr(laboratories, name)() for name in HIDDEN}


@pytest.mark.parametrize("name, field", [(name, field) for name in HIDDEN for field in HIDDEN[name]])
def test_a_hidden_part_of_the_state_is_checked_like_a_control(made, name, field):
    lab = made[name]
    for value in NONSENSE:
        before, picture, put = lab.state, lab.surface.picture, None
        try:
            lab.set(**{field: value})
            put = lab.state
        except (TypeError, ValueError) as error:
            said = str(error)
            assert field in said or said.startswith(("A stroke must", "The drawing is", "There is no")), said
            assert "attribute" not in said and "\n" not in said, said
            assert lab.state == before and lab.surface.picture == picture, value
        lab.refresh()  # whatever was refused or taken, the laboratory goes on
        assert put is None or lab.state == put
        lab.go(before)


@pytest.mark.parametrize("name, argument", [(name, one) for name in ARGUMENTS for one in ARGUMENTS[name]])
def test_an_argument_of_another_kind_is_refused_in_one_sentence(name, argument):
    for value in NONSENSE:
        try:
            getattr(laboratories, name)(**{argument: value})
        except (TypeError, ValueError, OSError) as error:
            said = str(error)
            assert argument in said or "folder" in said or "room for" in said, (value, said)
            assert "attribute" not in said and "\n" not in said, (value, said)
        else:
            fits = value is None or (argument in ("ways", "shots") and value == 3)
            assert fits, f"{name}({argument}={value!r}) was accepted"


def test_a_network_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"wide must map numbers \(N, 1\) to numbers \(N, 1\)"):
        laboratories.SineLaboratory({"wide": nn.Linear(3, 1)})
    with pytest.raises(TypeError, match="training must be of the kind Training, not 3"):
        laboratories.TrainingLaboratory(3, 10)
