"""The cost laboratory: predicted lines, and points that come in as they are measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import N_, _
from metalib.lab.averages import walk_along
from metalib.lab.cost.meter import STEPS, WAYS, CostResult, CostState, Meter
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import line
from metalib.lab.parts import Idle, View
from metalib.lab.picture import MOVING, Painter
from metalib.lab.words import Entry, Panel, Words

NAMES = {
    "second": N_("second order"),
    "checkpointed": N_("checkpointed"),
    "implicit": N_("implicit"),
    "first": N_("first order"),
}
LOOKS: dict[str, look.Style] = {
    "second": {"color": look.VERMILION, "linestyle": "-", "marker": "o"},
    "checkpointed": {"color": look.BLUE, "linestyle": "--", "marker": "s"},
    "implicit": {"color": look.GREEN, "linestyle": "-.", "marker": "^"},
    "first": {"color": look.BLACK, "linestyle": ":", "marker": "D"},
}
LIMITS = {"memory": (4e3, 9e7), "time": (3e-4, 1e1)}
AT_ONCE = 16  # steps of the longest loop that is measured before the first picture


def place(view: View) -> int:
    """Which of the numbers of steps is chosen."""
    return STEPS.index(view.state.steps)


class CostPainter(Painter):
    """Cost against inner steps, both logarithmic."""

    height = 400
    fold = 1.0

    def build(self, figure: Figure) -> None:
        self.axes = axes = figure.add_axes((0.1, 0.145, 0.885, 0.835))
        axes.set(xlim=(-0.3, len(STEPS) - 0.7), yscale="log", xlabel=_("inner steps T"))
        axes.set_xticks(range(len(STEPS)), list(map(str, STEPS)))
        axes.minorticks_off()
        self.cursor = line(axes, color=look.GREY, linewidth=8, alpha=0.3, solid_capstyle="butt")
        style: look.Style = {"linewidth": 2.4, "zorder": MOVING + 1}
        self.lines = {way: line(axes, **{**LOOKS[way], "marker": ""}, **style) for way in WAYS}
        self.points = {
            way: line(axes, **{**LOOKS[way], "linestyle": "none"}, markersize=10, zorder=MOVING + 2)
            for way in WAYS
        }
        self.shown = ""

    def update(self, state: CostState, result: CostResult) -> None:
        grid = np.arange(len(STEPS))
        for way in WAYS:
            self.lines[way].set_data(grid, result.predicted[way])
            self.points[way].set_data(grid, result.measured[way])
        self.cursor.set_data([STEPS.index(state.steps)] * 2, LIMITS[state.shown])
        if state.shown != self.shown:
            self.shown = state.shown
            label = _("bytes at most") if state.shown == "memory" else _("seconds a meta-step")
            self.axes.set(ylim=LIMITS[state.shown], ylabel=label)
            self.axes.minorticks_off()
            self.renew()

    def words(self, state: CostState, result: CostResult) -> Words:
        at = STEPS.index(state.steps)
        legend = [
            Entry(f"{_(NAMES[way])} {told(state, result.measured[way][at])}", LOOKS[way]) for way in WAYS
        ]
        title = _("at T = {steps}").format(steps=state.steps)
        note = _("lines: predicted; points: counted")
        if state.shown == "time":
            note = _("lines: predicted from 4 and 8 steps; points: measured")
        return Words((Panel(0.1, 1.0, title, legend, note),), remark(state, result), how(state))

    def describe(self, state: CostState, result: CostResult) -> str:
        said = []
        for way in WAYS:
            values = _("; ").join(
                f"{steps}: {told(state, value)}"
                for steps, value in zip(STEPS, result.measured[way], strict=True)
                if np.isfinite(value)
            )
            said.append(_("{way}, by inner steps: {values}.").format(way=_(NAMES[way]), values=values or "–"))
        return " ".join(said)


def told(state: CostState, value: float) -> str:
    """A cost as people say it."""
    if not np.isfinite(value):
        return "–"
    if state.shown == "time":
        return _("{value} ms").format(value=f"{1000 * value:.3g}")
    if value >= 1e6:
        return _("{value} MB").format(value=f"{value / 1e6:.3g}")
    return _("{value} kB").format(value=f"{value / 1e3:.3g}")


def remark(state: CostState, result: CostResult) -> str:
    """What the chosen segment keeps."""
    at = STEPS.index(state.steps)
    segment = int(result.segment[at])
    parts = -(-state.steps // segment)
    said = _("Checkpointed: points kept {parts}, steps recorded at a time {segment}.").format(
        parts=parts, segment=segment
    )
    if state.shown == "memory":
        size = told(state, result.copy)
        said += " " + _("One θ′ for each task is {size}.").format(size=size)
    return said


def how(state: CostState) -> str:
    """What to do."""
    along = _("Drag along the axis, or press ← and →.")
    return along if state.shown == "memory" else _("Press Enter to measure again.") + " " + along


class CostLaboratory(Laboratory):
    """Memory and time of a meta-gradient against inner steps, for four ways to take it.

    Click on the picture or press ← and → for another number of steps. What is not measured yet is measured
    while the kernel is idle; `finish()` waits for it. Bytes are counted (`metalib.models.peak_memory`), so
    they are the same everywhere; times are those of this computer, now.

    Args:
        initial: values of `CostState` to begin with.
    """

    def __init__(self, **initial: Any) -> None:
        meter = Meter()
        self._idle = Idle(meter.work, lambda result: result.is_done)

        def stands_at(view: View, number: int) -> CostState:
            return replace(view.state, steps=STEPS[number])

        super().__init__(
            CostState,
            meter.compute,
            CostPainter(),
            initial=initial,
            on=[*walk_along(place, stands_at, lambda view: len(STEPS) - 1), self._idle],
            label=_("Cost against inner steps. The arrow keys choose the number of steps."),
        )
        meter.work(self.state, up_to=AT_ONCE)
        self.refresh()

    def finish(self) -> CostResult:
        """Measure all that the present picture needs now; returns the result."""
        return self._idle.finish(self)
