"""The learning-curve laboratory: how fast does each way of learning learn, and what does it make of one task?

Left: the measured curves of `metalib.curves`. Right: one test task with that many examples, to which every
method is adapted now, with the settings that its curve has at this point; the slow ones in idle time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from metalib import curves, look
from metalib.curves import FAMILIES, LOOKS, Curve
from metalib.i18n import N_, _
from metalib.lab.controls import choice, counter
from metalib.lab.laboratory import Laboratory
from metalib.lab.learning_curves.one_task import GRID, GlyphTask, WaveTask, one_task
from metalib.lab.panels import BandedCurve, Sheet, line
from metalib.lab.parts import Idle
from metalib.lab.picture import Painter
from metalib.lab.words import Entry, Panel, Words

SHOTS = (1, 2, 3, 5, 7, 10, 15, 20, 50, 100)
METHODS = {
    "all": N_("all methods"),
    "plain": N_("without training"),
    "scratch": N_("from scratch"),
    "joint": N_("joint training"),
    "maml": N_("MAML"),
    "protonet": N_("ProtoNet"),
}
WAVE: look.Style = {"color": look.GREY, "linewidth": 2.0}
HIT: look.Style = {"color": look.BLUE, "linestyle": "none", "markersize": 12, "marker": "o"}
MISS: look.Style = {**HIT, "color": look.VERMILION, "marker": "x", "markeredgewidth": 3.5}


@dataclass(frozen=True)
class CurvesState:
    """A family of tasks, shots (a class), the method that stands out, and the draw of the one task."""

    family: str = choice(N_("tasks"), {name: family.label for name, family in FAMILIES.items()}, "sine")
    shots: int = choice(N_("shots"), {shots: str(shots) for shots in SHOTS}, 5)
    method: str = choice(N_("method"), METHODS, "all")
    draw: int = counter(N_("another task"), N_("task {number}"))


class CurvesResult(NamedTuple):
    """The curves of a family, and one of its tasks."""

    shots: int  # of the task: as many as were asked for, or the largest measured number below
    curves: dict[str, Curve]
    task: WaveTask | GlyphTask
    shown: list[str]  # the methods that stand out: all, or the one


def learning_curves(state: CurvesState) -> CurvesResult:
    """The laboratory's pure function."""
    found = curves.load(state.family)
    shots = max(measured for measured in FAMILIES[state.family].shots if measured <= state.shots)
    shown = [state.method] if state.method in found else list(found)
    return CurvesResult(shots, found, one_task(state.family, shots, state.draw).so_far(), shown)


def adapt(state: CurvesState, seconds: float) -> bool:
    """Go on adapting to the task that is shown; whether there is more to do."""
    shots = learning_curves(state).shots
    return one_task(state.family, shots, state.draw).advance(seconds)


def error(value: float, family: str) -> str:
    """An error as it is written: 0.43, 0.0028, or in per cent 3.1 %."""
    if family.startswith("glyphs"):
        return _("{value} %").format(value=f"{value:.1f}")
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def pale(style: look.Style) -> look.Style:
    """The look of a method that does not stand out."""
    return {**style, "color": tuple(0.7 + 0.3 * part for part in to_rgb(style["color"]))}


class CurvesPainter(Painter):
    """Left: error against shots with 95 % bands. Right: one task and what each method makes of it."""

    height = 400
    fold = 0.498
    column, tile, row, step = 690, 29, 196, 36  # of the glyphs, in pixels: left, size, first row of marks

    def build(self, figure: Figure) -> None:
        self.painted: tuple[Any, ...] = ()
        self.left = figure.add_axes((0.09, 0.145, 0.395, 0.835))
        self.curves = {
            name: BandedCurve(self.left, 0.18, moves=False, **style) for name, style in LOOKS.items()
        }
        self.cursor = self.left.axvline(1, color=look.GREY, linewidth=2.0, animated=True)
        ringed: look.Style = {"linestyle": "none", "markeredgecolor": "white"}
        self.points = {
            name: line(self.left, **{**style, **ringed, "markersize": 12}) for name, style in LOOKS.items()
        }
        self.right = figure.add_axes((0.56, 0.145, 0.425, 0.835))
        self.right.set(xlim=(-5.15, 5.15), ylim=(-6.4, 6.4), xlabel="x", ylabel="y")
        self.right.set(xticks=range(-4, 5, 2), yticks=range(-6, 7, 2))
        self.lines = {
            name: line(self.right, linewidth=3.0, color=style["color"], linestyle=style["linestyle"])
            for name, style in LOOKS.items()
        }
        self.target, self.support = line(self.right, **WAVE), line(self.right, **look.SUPPORT)
        self.sheet = sheet = Sheet(figure, self.width, self.height)
        self.rows = [sheet.text(560, 0, moves=False) for _row in range(2 + len(LOOKS))]
        self.examples, self.queries = sheet.tiles(), sheet.tiles()
        self.hits, self.misses = sheet.line(**HIT), sheet.line(**MISS)
        self.letters = [sheet.digit(letter) for letter in "ABCDE"]

    def update(self, state: CurvesState, result: CurvesResult) -> None:
        if self.painted != (state.family, state.method):
            self.painted = (state.family, state.method)
            self.stand(result)
            self.renew()
        self.cursor.set_xdata([result.shots] * 2)
        for name, point in self.points.items():
            curve = result.curves.get(name)
            point.set_data(*([], []) if curve is None else ([result.shots], [curve.at(result.shots)[0]]))
        for one in (*self.lines.values(), self.target, self.support, self.hits, self.misses, *self.letters):
            one.set_data([], [])
        for image in (self.examples, self.queries):
            image.set_visible(isinstance(result.task, GlyphTask))
        if isinstance(result.task, GlyphTask):
            self.update_glyphs(result, result.task)
        else:
            self.update_wave(result, result.task)

    def stand(self, result: CurvesResult) -> None:
        """What stands still for a family and a method: the curves with their bands, the axes, the rows."""
        for name, banded in self.curves.items():
            curve = result.curves.get(name)
            style = LOOKS[name] if name in result.shown else pale(LOOKS[name])
            banded.line.set_color(style["color"])
            banded.band.set_color(style["color"])
            mean, half = np.array((curve.mean, curve.half_width) if curve else ([], []))
            band = np.stack([mean, mean - half, mean + half])
            banded.update(curve.shots if curve else [], *np.maximum(band, 1e-9))
        glyphs, shots = isinstance(result.task, GlyphTask), next(iter(result.curves.values())).shots
        self.left.set(xscale="log", yscale="log", xlabel=_("shots"), xlim=(0.9, 1.12 * shots[-1]))
        self.left.set(ylabel=_("wrong answers in %") if glyphs else _("mean squared error"))
        self.left.set(ylim=(0.05, 100) if glyphs else (1e-3, 30))
        self.left.set_xticks(shots, [str(number) for number in shots])
        ticks = (0.1, 1, 10, 100) if glyphs else (0.001, 0.01, 0.1, 1, 10)
        self.left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        self.left.minorticks_off()
        self.right.set_visible(not glyphs)
        names = [_("examples"), _("the queries"), *(curve.name for curve in result.curves.values())]
        heights = [63, 152, *(self.row + self.step * row for row in range(len(LOOKS)))]
        for text, words, height in zip(self.rows, names if glyphs else [""] * 7, heights, strict=True):
            text.set(text=words, y=height)

    def update_wave(self, result: CurvesResult, task: WaveTask) -> None:
        """The right half for a wave."""
        self.target.set_data(GRID, task.target)
        self.support.set_data(*task.support)
        for name in result.shown:
            self.lines[name].set_data(GRID, np.clip(task.predictions[name], -100, 100))

    def update_glyphs(self, result: CurvesResult, task: GlyphTask) -> None:
        """The right half for five characters."""
        look.show_drawings(self.examples, task.support[None], self.column, 34, 2 * self.tile)
        look.show_drawings(self.queries, task.queries[None], self.column, 138, self.tile)
        middle = self.column + (np.arange(len(task.labels)) + 0.5) * self.tile
        for label, letter in enumerate(self.letters):
            own = middle[task.labels == label]
            example = self.column + (2 * label + 1) * self.tile
            letter.set_data([example, *own], [20, *np.full(len(own), 122)])
        nothing = np.zeros(len(task.labels), dtype=bool)
        right = np.stack([task.right.get(name, nothing) for name in result.curves])
        known = np.isin(list(result.curves), list(task.done))[:, None]
        shown = np.isin(list(result.curves), result.shown)[:, None]
        for marks, wanted in ((self.hits, right), (self.misses, ~right)):
            rows, columns = (wanted & shown & known).nonzero()
            marks.set_data(middle[columns], self.row + self.step * rows)

    def words(self, state: CurvesState, result: CurvesResult) -> Words:
        legend = [
            Entry(f"{curve.name} {self.at(state, result, name)}", look_of)
            for name, curve in result.curves.items()
            for look_of in [LOOKS[name] if name in result.shown else pale(LOOKS[name])]
        ]
        title = _("one task, shots: {shots}").format(shots=result.shots)
        if isinstance(result.task, WaveTask):
            right = Panel(0.56, 1.0, title, (Entry(_("examples"), look.SUPPORT), Entry(_("the wave"), WAVE)))
        else:
            note = _("of each class one example of {shots}; ten queries").format(shots=result.shots)
            right = Panel(0.56, 1.0, title, (Entry(_("right"), HIT), Entry(_("wrong"), MISS)), note)
        return Words((Panel(0.02, 0.55, legend=legend), right), remark(state, result))

    def at(self, state: CurvesState, result: CurvesResult, name: str) -> str:
        """A method's mean error with its 95 % interval at the number of shots."""
        mean, half = (error(value, state.family) for value in result.curves[name].at(result.shots))
        return f"{mean} ± {half}"

    def describe(self, state: CurvesState, result: CurvesResult) -> str:
        errors = result.task.errors
        told = _("; ").join(
            f"{curve.name} {error(errors[name], state.family)}"
            for name, curve in result.curves.items()
            if name in errors
        )
        return _("The curves are mean errors on new tasks; those on the one task are {told}.").format(
            told=told
        )


def remark(state: CurvesState, result: CurvesResult) -> str:
    """What was asked for and cannot be shown, or is not there yet."""
    if state.method != "all" and state.method not in result.curves:
        return _("ProtoNet sorts things into classes; a wave has none. All other methods are shown.")
    if state.shots != result.shots:
        return _("There is no measurement at {asked} shots here; shown are {shots}.").format(
            asked=state.shots, shots=result.shots
        )
    waiting = [curve.name for name, curve in result.curves.items() if name not in result.task.done]
    return _("Still adapting: {names}.").format(names=", ".join(waiting)) if waiting else ""


class LearningCurvesLaboratory(Laboratory):
    """The learning-curve laboratory with its controls.

    Args:
        initial: values of `CurvesState` to begin with.
    """

    def __init__(self, **initial: Any) -> None:
        self._idle = Idle(adapt, lambda result: len(result.task.done) == len(result.curves))
        super().__init__(CurvesState, learning_curves, CurvesPainter(), initial=initial, on=[self._idle])
        self.finish()

    def finish(self) -> CurvesResult:
        """Adapt every method to the present task now; returns the result."""
        return self._idle.finish(self)
