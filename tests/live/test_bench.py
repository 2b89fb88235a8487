"""What the proof of equality lets through, and what it does not."""

import math

import numpy as np
import pytest
from bench import difference, states, unlike

from metalib.lab import DistanceLaboratory, SineLaboratory
from metalib.models import sine_net


@pytest.mark.parametrize(
    ("python", "page", "same"),
    [
        (np.array([1.0, 2.0]), [1.0, 2.000019], True),
        (np.array([1.0, 2.0]), [1.0, 2.000021], False),
        (np.array([1e-3]), [1.1e-3 - 1e-4 + 1e-6], True),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0, 3.0, 4.0], True),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0, 3.0, 4.0]], False),
        (np.array([1.0, math.nan]), [1.0, None], True),
        (np.array([1.0, math.nan]), [1.0, 2.0], False),
        (np.array([1.0, 2.0]), [1.0, None], False),
        (np.array([1.0, math.inf]), [1.0, "inf"], True),
        (np.array([1.0, math.inf]), [1.0, 1e30], False),
        (None, None, True),
        (3, None, False),
        (3, 4, False),
        ("tie", "tie", True),
        ("tie", "no tie", False),
        (np.array([1.0]), "?", False),
    ],
)
def test_numbers_agree_to_a_part_in_a_hundred_thousand(python, page, same):
    assert bool(difference(python, page, 1e-5)) is not same


@pytest.mark.parametrize(
    ("python", "page", "same"),
    [
        ("loss 0.0123", "loss 0.0124", True),
        ("loss 0.0123", "loss 0.0125", False),
        ("loss 4.1e+09", "loss 4.2e+09", True),
        ("loss 0.0123", "a loss 0.0123", False),
        ("class 3", "class 4", False),
        ("class 3: 36 %", "class 3: 37 %", True),
        ("at −1.20", "at 1.20", False),
        ("at −1.20", "at −1.21", True),
        ({"mark": {"size": 13.0, "dash": [1.0]}}, {"mark": {"size": 19, "dash": [1]}}, True),
        ({"mark": {"size": 13.0, "color": "#000000"}}, {"mark": {"size": 13, "color": "#111111"}}, False),
        ({"mark": {"size": 13}}, {"mark": {"size": 17}}, True),
        ({"mark": {"size": 10.0}}, {"mark": {"size": 17}}, False),
        ([{"text": "one"}], [], False),
    ],
)
def test_texts_are_the_same_but_for_the_last_digit(python, page, same):
    assert bool(unlike(python, page)) is not same


def test_states_are_drawn_within_the_limits_and_again_for_the_same_seed():
    laboratory = SineLaboratory({"one": sine_net(), "two": sine_net()})
    drawn = states(laboratory, 60, 3)
    assert drawn == states(laboratory, 60, 3) != states(laboratory, 60, 4)
    for state in drawn:
        laboratory.set(**{name: getattr(state, name) for name in laboratory.declared})
    assert {state.start for state in drawn} == {"one", "two"}
    assert {0, 10} <= {state.steps for state in drawn}
    laboratory.close()


def test_a_field_without_a_control_is_drawn_as_the_laboratory_says():
    laboratory = DistanceLaboratory()
    drawn = states(laboratory, 5, 0, {"query": lambda rng: (float(rng.uniform(-1, 1)), 0.5)})
    assert len({state.query for state in drawn}) == 5 and len({state.prototypes for state in drawn}) == 1
    laboratory.close()
