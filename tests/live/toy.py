"""A small laboratory with every kind of control and move, in Python and, in toy.js, in the page."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from metalib import look
from metalib.lab.controls import choice, counter, hidden, log_slider, real, slider, whole_slider
from metalib.lab.laboratory import Laboratory
from metalib.lab.live import Live
from metalib.lab.panels import line
from metalib.lab.picture import Painter
from metalib.lab.words import Entry, Panel, Words


@dataclass(frozen=True)
class ToyState:
    """Descent on θ²."""

    shape: str = choice("shape", {"bowl": "a bowl", "steep": "a steep one"}, "bowl")
    alpha: float = log_slider("α (inner rate)", 0.1, 0.01, 1.0)
    level: float = slider("level", 0.5, -1.0, 1.0, step=0.25)
    steps: int = whole_slider("inner steps", 3, 0, 10)
    draw: int = counter("new draw", "draw {number}")
    theta: float = hidden(2.0, real)


def descend(state: ToyState) -> np.ndarray:
    """θ before every step and at the end."""
    curvature = 2 if state.shape == "bowl" else 8
    return state.theta * (1 - curvature * state.alpha) ** np.arange(state.steps + 1) + state.level


def follow(before: ToyState, after: ToyState) -> ToyState:
    """Another shape begins anew."""
    return replace(after, theta=2.0) if after.shape != before.shape else after


class ToyPainter(Painter):
    """The way, step by step."""

    def build(self, figure) -> None:
        self.axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        self.axes.set(xlim=(0, 10), ylim=(-3, 3))
        self.way = line(self.axes, **look.AFTER)

    def update(self, state, result) -> None:
        self.way.set_data(range(len(result)), result)

    def words(self, state, result) -> Words:
        said = f"the end: {look.signed(result[-1])}"
        remark = "It grows." if abs(result[-1]) > abs(result[0]) else ""
        return Words([Panel(0, 1, "descent", [Entry(said, look.AFTER)], "a note")], remark)

    def describe(self, state, result) -> str:
        return f"θ goes from {look.signed(result[0])} to {look.signed(result[-1])}."


class ToyLaboratory(Laboratory):
    """What toy.js is beside."""

    def __init__(self, **initial: Any) -> None:
        super().__init__(
            ToyState,
            descend,
            ToyPainter(),
            initial=initial,
            label="The way of θ",
            follow=follow,
        )


LIVE = Live(
    laboratory=ToyLaboratory,
    module=Path(__file__).with_name("toy.js"),
    texts={
        "end": "the end: {value}",
        "grows": "It grows.",
        "back": "back",
        "play": "play the steps",
        "pad": "write",
    },
    styles={"after": look.AFTER, "hand": look.SUPPORT},
    data=lambda: {"curvatures": {"bowl": 2, "steep": 8}},
    reference=lambda state, result: {"way": result, "last": result[-1]},
)
