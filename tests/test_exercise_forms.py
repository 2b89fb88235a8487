"""Fair forms of a right answer: whoever writes it as Python, NumPy or torch has it is right."""

import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from toy_exercises import VALUE

from metalib.exercises.compare import difference, unordered


def written(value):
    """As `repr`, but with a set in order: xdist needs the same names from every process."""
    return (
        "{" + ", ".join(sorted(map(repr, value))) + "}" if isinstance(value, set | frozenset) else repr(value)
    )


TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}
HALF = torch.tensor(0.5)
FORMS_OF_HALF = [
    0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), HALF, HALF.double(), Fraction(1, 2), Decimal("0.5"),
    HALF.clone().requires_grad_(), torch.nn.Parameter(HALF.clone()),
]  # fmt: skip
FORMS_OF_THREE = [3, np.int64(3), torch.tensor(3), 3.0, np.float64(3), torch.tensor(3.0), Fraction(3)]
PAIR = (torch.tensor(1.0), 2.0)
ROWS = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("form", FORMS_OF_HALF, ids=written)
@pytest.mark.parametrize("expected", FORMS_OF_HALF, ids=written)
def test_a_number_may_be_written_in_every_way(expected, form):
    assert difference(expected, form, **TOLERANCE) is None
    assert difference({"a": (expected, 1)}, {"a": [form, np.int64(1)]}, **TOLERANCE) is None
    assert (
        difference(
            expected,
            float(torch.as_tensor(form).detach() if isinstance(form, torch.Tensor) else form) + 0.1,
            **TOLERANCE,
        )
        is not None
    )


@pytest.mark.parametrize("form", FORMS_OF_THREE, ids=written)
@pytest.mark.parametrize("expected", FORMS_OF_THREE, ids=written)
def test_a_whole_number_too(expected, form):
    assert difference(expected, form, **TOLERANCE) is None


@pytest.mark.parametrize(
    ("expected", "form"),
    [
        (PAIR, [1.0, torch.tensor(2.0)]),
        (PAIR, torch.tensor([1.0, 2.0])),
        (PAIR, np.array([1.0, 2.0])),
        ([0, 1, 2], range(3)),
        ([0, 1, 2], torch.arange(3)),
        ([0, 1, 2], (np.int64(0), torch.tensor(1), 2)),
        (ROWS, ROWS.numpy()),
        (ROWS, ROWS.double()),
        (ROWS, ROWS.long()),
        (torch.tensor([1, 0]), np.array([1, 0])),
        (torch.tensor([1, 0]), torch.tensor([1, 0], dtype=torch.int32)),
        (torch.tensor([True, False]), np.array([True, False])),
        ({1, 2}, [2, 1]),
        (unordered([3, 1, 2]), unordered({1, 2, 3})),
        (unordered([3, 1, 2]), unordered((torch.tensor(1), np.int64(3), 2.0))),
        (unordered(["b", "a"]), unordered(("a", "b"))),
        ("Greek", np.str_("Greek")),
        (True, np.bool_(True)),
        (math.inf, np.inf),
    ],
    ids=written,
)
def test_fair_forms_pass(expected, form):
    assert difference(expected, form, **TOLERANCE) is None


@pytest.mark.parametrize(
    ("expected", "form", "said"),
    [
        (PAIR, 1.0, "expected a tuple of 2, got a Python float"),
        (PAIR, {1.0, 2.0}, "got a set of 2"),
        (ROWS, ROWS.tolist(), "got a list of 2"),
        (ROWS, ROWS > 2, "expected values of type torch.float32, got torch.bool"),
        (ROWS + 0.5, ROWS.long(), "expected values of type torch.float32, got torch.int64"),
        (torch.tensor([1, 0]), torch.tensor([1.0, 0.0]), "expected values of type torch.int64"),
        (torch.tensor([1, 0]), torch.tensor([True, False]), "got torch.bool"),
        (HALF, torch.tensor([0.5]), "expected a tensor of shape (), got a tensor of shape (1,)"),
        (HALF, True, "got torch.bool"),
        (0.5, torch.tensor([0.5]), "expected a Python float, got a tensor of shape (1,)"),
        (1.0, True, "got a Python bool"),
        (True, 1, "expected a Python bool, got a Python int"),
        (3, 3.2, "expected 3, got 3.2"),
        (ROWS, ROWS.numpy().astype(object), "got a NumPy array"),
        (ROWS, ROWS.to(torch.complex64), "got a tensor"),
        (unordered([1, 2]), unordered([1, 2, 2]), "expected 2 items, got 3 items"),
        (unordered([1, 2]), unordered(None), "expected 2 items, got None"),
        (0.5, "0.5", "got a Python str"),
    ],
    ids=written,
)
def test_other_forms_are_named(expected, form, said):
    assert said in difference(expected, form, **TOLERANCE)


LETTERS = replace(
    VALUE,
    probe=None,
    name="unfair",
    stub="unfair = ...\n",
    solution_text='unfair = "BCE"\n',
    wrong=tuple(replace(wrong, code=f'unfair = "{wrong.id[0].upper()}"\n') for wrong in VALUE.wrong),
)


@pytest.mark.parametrize(
    "answer",
    ["BCE", "bce", "b, c, e", "B C E", "B,C,E", "B, C and E", "ECB", ["B", "C", "E"], ("b", "c", "e"),
     {"B", "C", "E"}, " BCE\n", "B/C/E", "(B) (C) (E)", ["BC", "E"]],
    ids=written,
)  # fmt: skip
def test_a_choice_of_letters_may_be_written_in_every_way(answer):
    assert LETTERS.judge(answer).status == "passed"


@pytest.mark.parametrize("answer", ["BC", "BCDE", "", [], ["B", 1], 3, None, ["B", "D", "E"]], ids=written)
def test_another_choice_is_rejected_and_shown_as_it_was_given(answer):
    outcome = LETTERS.judge(answer)
    assert outcome.status == "rejected" and "BCE" not in outcome.message.replace("BCDE", "")
    if answer == ["B", "D", "E"]:
        assert "['B', 'D', 'E'] is not the expected value" in outcome.message
