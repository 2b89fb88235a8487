"""The in-context laboratory: drag points of a line, and watch how a trained transformer continues them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from metalib import look, weights
from metalib.i18n import N_, _
from metalib.lab.arguments import named
from metalib.lab.in_context.reading import (
    GRID,
    NETWORKS,
    REACH,
    TRAINED,
    InContextState,
    Reading,
    follow,
    moved,
    read,
)
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import line
from metalib.lab.parts import ARROWS, Drag, Keys, View
from metalib.lab.picture import Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Entry, Panel, Words
from metalib.learners import InContext

REACH_OF_THE_HAND = 30  # pixels of a 1000 pixel wide picture: how near the pointer must be to take a point
CURVES: dict[str, look.Style] = {
    "network": look.AFTER,
    "ridge": {"color": look.ORANGE, "linestyle": (0, (5, 1.5)), "linewidth": 2.6},
    "step": {"color": look.GREEN, "linestyle": "-.", "linewidth": 2.2},
    "pool": {"color": look.PURPLE, "linestyle": ":", "linewidth": 3.0},
}
NAMES = {
    "network": N_("transformer"),
    "ridge": N_("ridge"),
    "step": N_("one gradient step"),
    "pool": N_("posterior over its lines"),
}
MARKS: dict[str, look.Style] = {
    "network": {
        "color": look.BLUE,
        "marker": "o",
        "markersize": 20,
        "markerfacecolor": "none",
        "markeredgecolor": look.BLUE,
        "markeredgewidth": 3.0,
    },
    "ridge": {"color": look.ORANGE, "marker": "s", "markersize": 11},
    "step": {"color": look.GREEN, "marker": "D", "markersize": 10},
    "pool": {"color": look.PURPLE, "marker": "P", "markersize": 12},
}
RING: look.Style = {
    "color": look.BLACK,
    "marker": "o",
    "markersize": 17,
    "markerfacecolor": "none",
    "markeredgewidth": 1.6,
    "linestyle": "none",
}
KNOWN: look.Style = {"color": look.GREY, "marker": ".", "markersize": 6, "linestyle": "none"}
TRUTH: look.Style = {**RING, "marker": "X", "markerfacecolor": look.BLACK, "markersize": 12}
LINES = 3.2  # the window of slope and intercept


def grab(view: View, x: float, y: float) -> tuple[int, float, float] | None:
    """The point under the pointer, and by how much it was missed; nothing elsewhere."""
    painter = view.painter
    there = painter.to_data(painter.axes, x, y)
    if there is None:
        return None
    away = view.result.points - np.array(there)
    pixels = np.hypot(*(away * painter.pixels_of_one).T)
    nearest = int(np.argmin(pixels))
    return (nearest + 1, *away[nearest].tolist()) if pixels[nearest] <= REACH_OF_THE_HAND else None


def pull(view: View, held: tuple[int, float, float], x: float, y: float) -> InContextState:
    """What is held goes with the pointer, as far as the window goes."""
    number, dx, dy = held
    x, y = view.painter.to_data(view.painter.axes, x, y, anywhere=True)
    return moved(view.state, view.result.all_points, number, x + dx, y + dy)


def pressed(view: View, event: KeyEvent) -> InContextState | None:
    """Page Up and Page Down choose a point, arrows move it, Home puts all back, Enter draws a new line."""
    state, chosen = view.state, view.state.pointed
    if event.key in ARROWS:
        x, y = view.result.points[chosen - 1] + (0.05 if event.shift else 0.25) * np.array(ARROWS[event.key])
        return moved(state, view.result.all_points, chosen, x, y)
    if event.key in ("PageDown", "PageUp"):
        on = 1 if event.key == "PageDown" else -1
        return replace(state, selected=1 + (chosen - 1 + on) % state.shots)
    if event.key in ("Enter", " "):
        return follow(state, replace(state, draw=state.draw + 1))
    return replace(state, points=()) if event.key == "Home" else None


class InContextPainter(Painter):
    """Left: the points and everybody's curve. Right: the same as lines, by their slope and intercept."""

    height = 400
    fold = 0.62
    left, right = (0.062, 0.135, 0.54, 0.845), (0.7, 0.135, 0.28, 0.845)

    def build(self, figure: Figure) -> None:
        self.axes = figure.add_axes(self.left)
        self.axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="x", ylabel="y")
        self.axes.set(xticks=range(-6, 7, 2), yticks=range(-6, 7, 2))
        self.axes.axvspan(-TRAINED, TRAINED, color=look.SKY, alpha=0.18, linewidth=0)
        wide, high = self.left[2] * self.width, self.left[3] * self.height
        self.pixels_of_one = np.array([wide, high]) / (2 * REACH)
        self.truth = line(self.axes, **look.TARGET)
        self.curves = {name: line(self.axes, **CURVES[name]) for name in ("pool", "step", "ridge", "network")}
        self.points, self.ring = line(self.axes, **look.SUPPORT), line(self.axes, **RING)
        weight = figure.add_axes(self.right)
        weight.set(xlim=(-LINES, LINES), ylim=(-LINES, LINES), xlabel=_("slope"), ylabel=_("intercept"))
        weight.set(xticks=range(-3, 4), yticks=range(-3, 4))
        self.known, self.true_line = line(weight, **KNOWN), line(weight, **TRUTH)
        outlined: look.Style = {"linestyle": "none", "markeredgecolor": "white"}
        self.marks = {
            name: line(weight, **{**outlined, **MARKS[name]}) for name in ("step", "pool", "ridge", "network")
        }

    def update(self, state: InContextState, result: Reading) -> None:
        self.truth.set_data(GRID, np.polyval(result.truth, GRID))
        for name, curve in self.curves.items():
            there = name in result.curves
            values = np.clip(result.curves[name], -100, 100) if there else []  # Agg overflows far outside
            curve.set_data(GRID if there else [], values)
            place = np.clip(result.lines[name], -LINES, LINES)[:, None] if there else ([], [])
            self.marks[name].set_data(*place)
        self.points.set_data(*result.points.T)
        self.ring.set_data(*result.points[state.pointed - 1][:, None])
        self.known.set_data(*result.pool.T)
        self.true_line.set_data(*result.truth[:, None])

    def words(self, state: InContextState, result: Reading) -> Words:
        legend = [Entry(_("true line"), look.TARGET), Entry(_("points"), look.SUPPORT)]
        legend += [Entry(_(NAMES[name]), CURVES[name]) for name in NAMES if name in result.curves]
        gaps = _("transformer, mean distance where it was trained (beyond): ") + _("; ").join(
            _("to {name} {inside} ({outside})").format(
                name=_(NAMES[name]),
                inside=f"{result.away[name]:.2f}",
                outside=f"{result.beyond[name]:.2f}",
            )
            for name in result.away
        )
        lines = [Entry(_("true line"), TRUTH)]
        lines += [Entry(_("a line it knows"), KNOWN)] if len(result.pool) else []
        panels = (
            Panel(self.left[0], 0.63, legend=legend, note=gaps),
            Panel(0.66, 1.0, _("slope and intercept"), legend=lines),
        )
        if special := remark(state, result):
            return Words(panels, special)
        hint = _(
            "Drag a point. By keys: Page Down chooses the next one (ring), arrows move it (Shift: a little), "
            "Home puts all back, Enter draws a new line."
        )
        return Words(panels, _("Shaded: the inputs of the training."), hint)

    def describe(self, state: InContextState, result: Reading) -> str:
        places = _("; ").join(look.point(place) for place in result.points)
        text = _("The points are at {places}.").format(places=places)
        names = {**{name: _(NAMES[name]) for name in result.lines}, "truth": _("true line")}
        for name, (slope, intercept) in {"truth": result.truth, **result.lines}.items():
            text += " " + _("{name}: slope {slope}, intercept {intercept}.").format(
                name=names[name], slope=look.signed(slope), intercept=look.signed(intercept)
            )
        text += " " + _("The transformer's curve bends away from its line by {bend:.2f}.").format(
            bend=result.bend
        )
        return text + " " + _("Point {n} is chosen.").format(n=state.pointed)


def remark(state: InContextState, result: Reading) -> str:
    """What is special here; "" where nothing is."""
    if result.overshoots > 2:
        return _(
            "α = {alpha:.2g} is too large for these points: 2α times the largest curvature is {product:.2f}, "
            "more than 2, so the step makes the loss on them larger."
        ).format(alpha=state.alpha, product=result.overshoots)
    if np.abs(result.points[:, 0]).max() > TRAINED:
        return _(
            "A point lies outside the shaded strip: in training no input did. Nobody told the transformer "
            "how lines go on there."
        )
    return ""


class InContextLaboratory(Laboratory):
    """Drag the points that a transformer reads; or choose one by Page Up and Page Down and move it by the
    arrow keys, with Shift in small steps. Home puts all points back, Enter draws a new line.

    Args:
        networks: name -> learner (`InContext`) whose inputs are (x, 1); by default the shipped ones, trained
            on all lines and on 4 to 256 of them.
        initial: values of `InContextState` to begin with.
    """

    def __init__(self, networks: Mapping[str, InContext] | None = None, **initial: Any) -> None:
        given = {name: weights.load(name) for name in NETWORKS} if networks is None else networks
        learners = named("networks", given, InContext)
        super().__init__(
            InContextState,
            lambda state: read(learners, state),
            InContextPainter(),
            initial={"network": next(iter(learners)), **initial},
            allowed={"network": {name: NETWORKS.get(name, name) for name in learners}},
            follow=follow,
            on=[Drag(grab, pull), Keys(pressed)],
            label=_(
                "Points that a transformer reads. Drag one, or choose it by Page Down and move it by arrows."
            ),
        )

    def move(self, number: int, x: float, y: float) -> Reading:
        """Put point `number` (1, 2, …) at (x, y), or as near as the window allows."""
        return self.go(moved(self.state, self.result.all_points, number, x, y))
