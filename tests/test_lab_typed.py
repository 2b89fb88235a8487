"""What is typed into a laboratory, or put there from Python: it is taken, or one sentence says the limits."""

import math

import pytest
from hypothesis import example, given, settings, strategies as st

import metalib
from metalib import lab as laboratories
from metalib.lab.controls import OneOf, Range

NAMES = [name for name in laboratories.__all__ if name.endswith("Laboratory") and name != "Laboratory"]


@pytest.fixture(scope="module")
def made():
    """Every laboratory of the course, by name."""
    labs = {name: getattr(laboratories, name)() for name in NAMES if name != "TrainingLaboratory"}
    training = metalib.Training(metalib.MAML(metalib.models.sine_net()), metalib.SineTasks(), seeded(0))
    labs["TrainingLaboratory"] = laboratories.TrainingLaboratory(training, 10)
    return labs


def seeded(seed):
    import torch

    return torch.Generator().manual_seed(seed)


def sliders(lab):
    return [(name, one) for name, one in lab._controls.items() if isinstance(one, Range)]


def from_browser(lab, field, text):
    lab.surface._receive(lab.surface, {"kind": "typed", "field": field, "text": text}, [])
    return lab.surface.message if lab.surface.failed else ""


NUMBERS = st.one_of(st.floats(), st.integers(), st.floats(-5, 5)).map(str)
TYPED = st.one_of(st.text(max_size=12), NUMBERS, NUMBERS.map(lambda text: text.replace(".", ",")))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(TYPED)
@example("0,01")
@example("inf")
@example("nan")
@example("−1")
@example("")
def test_every_slider_takes_a_number_or_says_its_limits(made, text):
    for lab in made.values():
        for name, one in sliders(lab):
            try:
                value = one.typed(text)
            except (TypeError, ValueError) as error:
                said = str(error)
                about = f"between {one.low:g} and {one.high:g}; " in said or "must be a " in said
                assert about and said.startswith(one.label), said
            else:
                assert one.check(name, value) == value and math.isfinite(value)
                assert isinstance(value, int if one.kind == "whole" else float)
                assert float(text.strip().replace(",", ".").replace("−", "-")) == pytest.approx(
                    value, rel=1e-5
                )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_typed_in_the_browser_moves_the_control_or_is_refused_below_the_picture(made, name):
    lab = made[name]
    for field, one in sliders(lab):
        before = lab.state
        for text in ("much", "1e99", "-1e99", "", "nan"):
            said = from_browser(lab, field, text)
            assert said.startswith(f"{one.label} must ") and "\n" not in said, (field, text, said)
            shown = lab.controls[field].value
            assert lab.state == before and shown == pytest.approx(getattr(before, field), rel=1e-5)
        now = getattr(lab.state, field)
        said = from_browser(lab, field, f" {now} ".replace(".", ","))
        assert said == "" and getattr(lab.state, field) == pytest.approx(now, rel=1e-5), (field, said)


def test_a_decimal_comma_and_a_whole_number_written_as_a_fraction():
    lab = laboratories.SineLaboratory()
    lab.enter("alpha", "0,02")
    lab.enter("steps", "4.0")
    assert (lab.state.alpha, lab.state.steps) == (0.02, 4) and lab.controls["alpha"].value == 0.02
    with pytest.raises(TypeError, match="inner steps must be a whole number, not 2.5"):
        lab.enter("steps", "2,5")
    with pytest.raises(ValueError, match=r"α \(inner rate\) must lie between 0.0001 and 1; 10 does not"):
        lab.enter("alpha", "10")


@pytest.mark.parametrize("name", NAMES)
def test_a_value_put_from_python_is_not_moved_to_the_nearest_one_without_a_word(made, name):
    lab = made[name]
    for field, one in lab._controls.items():
        widget = lab.controls.get(field)
        if isinstance(one, Range):
            for value in (one.high + 1, one.low - 1):
                before = widget.value
                with pytest.raises(ValueError, match=" must lie between .* does not"):
                    widget.value = value
                assert widget.value == before
        elif isinstance(one, OneOf):
            before = widget.value
            with pytest.raises(ValueError, match=" must be one of .*, not 'no such'"):
                widget.value = "no such"
            assert widget.value == before
