"""The page writes numbers and sentences as Python does."""

import json
import math

import numpy as np
import pytest

from metalib import look

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPECS = ("", "d", "g", ".2f", ".0f", ".1f", ".2g", ".3g", "#.3g", ".1e", ".0%", ".1%", "+.2f")


def values():
    """Thousands of numbers of every size, and those that lie exactly between two."""
    rng = np.random.default_rng(0)
    drawn = rng.choice([-1, 1], 3000) * 10 ** rng.uniform(-9, 9, 3000)
    halves = [n / 8 for n in range(-81, 82)] + [n + 0.5 for n in range(-20, 20)] + [0.0005, 0.0015, 2.5e-5]
    edges = [0.0, -0.0, 0.001, 0.00099999, 999.5, 999.4999, 1000.0, 1e16, 1e22, 1.5e-7, 0.999, -0.004, -0.005]
    return [float(v) for v in (*drawn, *np.round(drawn, 3), *halves, *edges)]


@pytest.fixture(scope="module")
def tools(stage):
    stage.evaluate("async () => { window.tools = await import('/tools.js'); }")
    return stage


def all_of(tools, expression, given):
    return json.loads(tools.evaluate(f"(given) => JSON.stringify(given.map((v) => {expression}))", given))


@pytest.mark.parametrize("spec", SPECS)
def test_numbers_are_written_as_python_writes_them(tools, spec):
    numbers = [int(v) for v in values() if abs(v) < 2**50] if spec == "d" else values()
    if not spec:
        numbers = [v for v in numbers if v != int(v)]  # JavaScript has one kind of number: 3 is 3, not 3.0
    if spec.endswith("g") or "%" in spec:
        numbers = [v for v in numbers if math.copysign(1, v) > 0 or v]
    found = all_of(tools, f"tools.format(v, {spec!r})", numbers)
    wrong = [
        (v, format(v, spec), got) for v, got in zip(numbers, found, strict=True) if format(v, spec) != got
    ]
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("name", ["number", "signed"])
def test_a_loss_and_a_coordinate_are_written_as_in_the_notebook(tools, name):
    numbers = [*values(), math.inf, math.nan]
    python = [getattr(look, name)(v) for v in numbers]
    found = all_of(tools, f"tools.{name}(v)", numbers)
    wrong = [row for row in zip(numbers, python, found, strict=True) if row[1] != row[2]]
    assert not wrong, wrong[:5]


def test_a_sentence_gets_its_gaps_filled(tools):
    for template, gaps in (
        ("{name} must be a number, not {value!r}.", {"name": "α", "value": "it's"}),
        ("one of {allowed}, not {value!r}.", {"allowed": "a", "value": 'say "\'"'}),
        (
            "{low:g} and {high:g}; {value}: {share:.0f} %",
            {"low": 1e-4, "high": 1.0, "value": 3, "share": 12.5},
        ),
        ("{{{n}}} {n:3}", {"n": 7}),
    ):
        found = tools.evaluate("([template, gaps]) => tools.fill(template, gaps)", [template, gaps])
        assert found == template.format(**gaps)
    with pytest.raises(Exception, match="no b for"):
        tools.evaluate("() => tools.fill('{a} {b}', {a: 1})")


def test_a_point_is_written_as_in_the_notebook(tools):
    assert tools.evaluate("() => tools.point([0.4, -1.2])") == look.point((0.4, -1.2))
