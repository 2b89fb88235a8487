"""What the sine laboratory shows and says."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import _
from metalib.lab.panels import StepCurves, line
from metalib.lab.picture import Painter
from metalib.lab.sine.compute import SineResult
from metalib.lab.sine.state import MAX_STEPS, STUCK, SineState
from metalib.lab.words import Entry, Panel, Words

BETWEEN: look.Style = {"linewidth": 1.8}
GHOST: look.Style = {"color": look.PURPLE, "linestyle": "-.", "linewidth": 2.2}
HAND: look.Style = {
    "color": look.BLACK,
    "marker": "o",
    "markersize": 17,
    "linestyle": "none",
    "markerfacecolor": "none",
    "markeredgecolor": look.BLACK,
    "markeredgewidth": 2.6,
}
ASKED: look.Style = {"color": look.BLACK, "linestyle": ":", "linewidth": 2.2}
GONE: look.Style = {
    **look.SUPPORT,
    "markerfacecolor": "white",
    "markeredgecolor": look.VERMILION,
    "markeredgewidth": 1.8,
}
TRACE: look.Style = {"color": look.VERMILION, "linestyle": "-", "linewidth": 1.6}
CHOSEN: look.Style = {
    **HAND,
    "markersize": 16,
    "color": look.VERMILION,
    "markeredgecolor": look.VERMILION,
    "markeredgewidth": 1.8,
}


class WaveCurves:
    """The wave, its points, and the function before and after every step."""

    bounds = 6.4  # of the vertical axis: the largest wave and some air

    def __init__(self, axes: Axes) -> None:
        axes.set(xlim=(-5.15, 5.15), ylim=(-self.bounds, self.bounds), xlabel="x", ylabel="y")
        axes.set_xticks(range(-4, 5, 2))
        self.target, self.before = line(axes, **look.TARGET), line(axes, **look.BEFORE)
        self.between = [line(axes, **BETWEEN) for _step in range(MAX_STEPS - 1)]
        self.after = line(axes, **look.AFTER)
        self.query, self.support = line(axes, **look.QUERY), line(axes, **look.SUPPORT)

    def update(self, result: SineResult) -> None:
        """Show it, up to the last function before an explosion."""
        last = result.last
        curves = np.clip(result.curves, -100, 100)  # Agg overflows on what lies too far outside
        self.target.set_data(result.x, result.target)
        self.before.set_data(result.x, curves[0])
        for step, curve in enumerate(self.between, start=1):
            shown = step < last
            curve.set_data(result.x if shown else [], curves[step] if shown else [])
            curve.set_color(look.STEPS(0.75 * step / max(last, 1)))
        self.after.set_data(result.x if last else [], curves[last] if last else [])
        self.support.set_data(*result.support)
        self.query.set_data(*result.query)

    @staticmethod
    def legend() -> list[Entry]:
        """What the lines and points are."""
        return [
            Entry(_("target"), look.TARGET),
            Entry(_("before"), look.BEFORE),
            Entry(_("after each step"), {**BETWEEN, "color": look.STEPS(0.25)}),
            Entry(_("after the last"), look.AFTER),
            Entry(_("support"), look.SUPPORT),
            Entry(_("query"), look.QUERY),
        ]


class PulledCurve:
    """The hand on the adapted curve, where the curve was before it was pulled, and what has moved."""

    def __init__(self, axes: Axes) -> None:
        self.ghost = line(axes, **GHOST)
        self.trace = line(axes, **TRACE)
        self.gone = line(axes, **GONE)
        self.chosen = line(axes, **CHOSEN)
        self.asked, self.hand = line(axes, **ASKED), line(axes, **HAND)

    def update(self, state: SineState, result: SineResult) -> None:
        """Show it; nothing is held where the inner steps explode."""
        free, moved = result.free, state.moved_shots
        ghost = np.clip(free.curves[free.last], -100, 100) if free is not None else []
        self.ghost.set_data(result.x if free is not None else [], ghost)
        gone = np.empty((0, 2)) if free is None else np.transpose(free.support)[[one[0] for one in moved]]
        there = np.reshape([one[1:] for one in moved], (-1, 2))
        self.gone.set_data(*gone.T)
        gaps = np.full_like(there, np.nan)  # one line of many pieces
        self.trace.set_data(*np.stack([gone, there, gaps], axis=1).reshape(-1, 2).T)
        chosen = [] if result.point is None else [result.point]
        self.chosen.set_data(*(part[chosen] for part in result.support))
        held = result.exploded is None
        height = float(np.clip(result.height, -100, 100))
        self.hand.set_data([state.hand] if held else [], [height] if held else [])
        asked = held and state.asked is not None
        self.asked.set_data(*([state.hand] * 2, [height, state.asked or 0.0]) if asked else ([], []))

    @staticmethod
    def legend(state: SineState, result: SineResult) -> list[Entry]:
        """What of it is, or will be, seen: nothing comes while the curve is pulled, and no line of the legend
        pushes the picture away from under the pointer."""
        entries = [Entry(_("drag it"), HAND)] if result.exploded is None else []
        entries.append(Entry(_("before the pull"), GHOST))
        if state.cause == "point" or state.moved_shots:
            entries.append(Entry(_("where a point was"), GONE))
        if state.cause == "point":
            entries.append(Entry(_("follows the pull"), CHOSEN))
        return entries


class SinePainter(Painter):
    """Left: the function before and after every step, the points, the hand. Right: the losses against the
    step."""

    height = 380
    fold = 0.612
    bounds = WaveCurves.bounds

    def build(self, figure: Figure) -> None:
        self.axes = figure.add_axes((0.062, 0.155, 0.54, 0.82))
        self.curves = WaveCurves(self.axes)
        self.pulled = PulledCurve(self.axes)
        axes = figure.add_axes((0.695, 0.155, 0.28, 0.82))
        self.losses = StepCurves(
            axes, MAX_STEPS, ylim=(1e-4, 1e2), yscale="log", ylabel=_("mean squared error")
        )
        axes.set_yticks([10.0**power for power in range(-4, 3)])
        axes.minorticks_off()

    def update(self, state: SineState, result: SineResult) -> None:
        self.curves.update(result)
        self.pulled.update(state, result)
        self.losses.update(result.support_loss, result.query_loss)

    def on_curve(self, result: SineResult, x: float, y: float, reach: float) -> tuple[float, float] | None:
        """The place x of the curve next to a point of the picture (0 … 1), and how far above the point it
        lies there; None where it is further than `reach`, in pixels of the picture."""
        width, height = self.width, self.height
        curve = np.stack([result.x, result.curves[result.last]], axis=1)
        pixels = self.axes.transData.transform(curve) / self.resolution
        away = np.hypot(pixels[:, 0] - x * width, pixels[:, 1] - (1 - y) * height)
        nearest = int(np.argmin(away))
        if not away[nearest] <= reach:
            return None
        _across, pointer = self.to_data(self.axes, x, y, anywhere=True) or (0.0, 0.0)
        return float(result.x[nearest]), float(curve[nearest, 1] - pointer)

    def words(self, state: SineState, result: SineResult) -> Words:
        last = look.number(result.support_loss[-1]), look.number(result.query_loss[-1])
        panels = (
            Panel(0.062, 0.64, legend=[*self.curves.legend(), *self.pulled.legend(state, result)]),
            Panel(0.66, 1.0, legend=self.losses.legend(*last)),
        )
        return Words(panels, explosion(state.alpha, result) or pulled_in_words(state, result))

    def describe(self, state: SineState, result: SineResult) -> str:
        held = _("The hand holds the curve at {place}.").format(place=look.point((state.hand, result.height)))
        return (f"{held} " if result.exploded is None else "") + losses_in_words(state, result)


def losses_in_words(state: SineState, result: SineResult) -> str:
    """The wave, and the losses on the way to it."""
    wave = _("The wave is {amplitude:.2f} · sin(x − {phase:.2f}).").format(
        amplitude=state.amplitude, phase=state.phase
    )
    losses = (map(look.number, values) for values in (result.support_loss, result.query_loss))
    return f"{wave} {StepCurves.describe(*losses)}"


def explosion(alpha: float, result: SineResult) -> str:
    """A sentence where α was too large, else nothing."""
    if result.exploded is None:
        return ""
    return _(
        "α = {alpha:.2g} is too large for this start: the support loss grew from {first} to {last} after "
        "step {step}. What you see is the last function before that."
    ).format(
        alpha=alpha,
        first=look.number(result.support_loss[0]),
        last=look.number(result.support_loss[result.exploded]),
        step=result.exploded,
    )


def pulled_in_words(state: SineState, result: SineResult) -> str:
    """What the pulls have moved, what that did to the curve, and why it went no further."""
    said = [_(STUCK[state.stuck])] if state.stuck else []
    free = result.free
    if free is not None:
        if state.shift:
            said.append(
                _("θ moved by {distance}, {share:.2g} % of its length.").format(
                    distance=look.number(result.distance), share=100 * result.distance / free.length
                )
            )
        if state.alpha_before is not None:
            said.append(
                _("α went from {before:.3g} to {now:.3g}.").format(before=state.alpha_before, now=state.alpha)
            )
        for which, *place in state.moved_shots:
            before = [part[which] for part in free.support]
            said.append(
                _("A support point went from {before} to {now}.").format(
                    before=look.point(before), now=look.point(place)
                )
            )
        if free.exploded is None:
            moved = result.curves[-1] - free.curves[-1]
            said.append(
                _(
                    "That moved the curve by {here} at x = {x}, and elsewhere by {low} to {high}; the query "
                    "loss went from {before} to {now}."
                ).format(
                    here=look.signed(result.height - free.height),
                    x=look.signed(state.hand),
                    low=look.signed(moved.min()),
                    high=look.signed(moved.max()),
                    before=look.number(free.query_loss[-1]),
                    now=look.number(result.query_loss[-1]),
                )
            )
    return " ".join(said)
