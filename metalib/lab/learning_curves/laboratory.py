"""The learning-curve laboratory: how fast does each way of learning learn, and what does it make of one task?

State: task family, shots, which method stands out, and the draw of the one task. Left: the measured curves of
`metalib.curves`. Right: one test task with that many examples, on which every method is adapted now, with the
settings that its curve has at this point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from metalib import curves, look
from metalib.curves import FAMILIES, Curve
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.laboratory import Laboratory
from metalib.lab.learning_curves.one_task import SHOWN, GlyphTask, WaveTask, contact_sheet, one_task
from metalib.lab.picture import Picture

SHOTS = (1, 2, 3, 5, 7, 10, 15, 20, 50, 100)
LOOKS = {
    "plain": {"color": look.PURPLE, "linestyle": ":", "marker": "D", "markersize": 7},
    "scratch": {"color": look.ORANGE, "linestyle": (0, (5, 1.5)), "marker": "s", "markersize": 7},
    "joint": {"color": look.BLACK, "linestyle": "-.", "marker": "^", "markersize": 8},
    "maml": {"color": look.BLUE, "linestyle": "-", "marker": "o", "markersize": 8},
    "protonet": {"color": look.DARK_GREEN, "linestyle": (0, (3, 1, 1, 1)), "marker": "v", "markersize": 8},
}
ROW = 6.3  # height of the first method's row below them


@dataclass(frozen=True)
class CurvesResult:
    """What the laboratory shows. `asked` shots were chosen, `shots` can be shown."""

    family: str
    asked: int
    shots: int
    method: str
    curves: dict[str, Curve]
    task: WaveTask | GlyphTask

    @property
    def shown(self) -> list[str]:
        """The methods drawn for the one task: all, or the chosen one."""
        return [self.method] if self.method in self.curves else list(self.curves)


def learning_curves(family: str, shots: int, method: str, draw: int) -> CurvesResult:
    """The laboratory's pure function.

    Args:
        family: a key of `metalib.curves.FAMILIES`.
        shots: examples (a class); if there is no such point, the largest measured one below is shown.
        method: a method's key, or "all".
        draw: seeds the task.

    Raises:
        ValueError: no such family, or shots below 1.
    """
    found = curves.load(family)
    if shots < 1:
        raise ValueError(_("shots must be at least 1, not {value}.").format(value=shots))
    nearest = max(measured for measured in FAMILIES[family].shots if measured <= shots)
    return CurvesResult(family, shots, nearest, method, found, one_task(family, nearest, draw))


def number(value: float, family: str) -> str:
    """An error as it is written: 0.43, 0.0028, or in per cent 3.1 %."""
    return (
        f"{value:.1f} %"
        if family.startswith("glyphs")
        else f"{value:.2f}"
        if value >= 0.1
        else f"{value:.2g}"
    )


class CurvesPicture(Picture):
    """Left: error against shots with 95 % bands. Right: one task and what each method makes of it."""

    height = 520
    rows = 5  # of the legend

    def build(self, figure: Figure) -> Iterable[Artist]:
        self.still: list[Artist] = []
        self.drawn: tuple[str, str] | None = None
        self.left = figure.add_axes((0.09, 0.12, 0.395, 0.54))
        self.right = figure.add_axes((0.56, 0.12, 0.425, 0.72))
        self.title = figure.text(0.56, 0.955, "", fontsize=look.TITLE, fontweight="bold", va="center")
        self.subtitle = figure.text(0.56, 0.90, "", fontsize=look.SMALL, va="center")
        self.cursor = self.left.axvline(1, color=look.GREY, linewidth=2.0)
        self.notes = [
            figure.text(0.235, 0.955 - 0.05 * row, "", fontsize=look.SMALL, va="center")
            for row in range(self.rows)
        ]
        self.points, self.lines = {}, {}
        for name, style in LOOKS.items():
            ringed = {**style, "markersize": 12, "linestyle": "none", "markeredgecolor": "white"}
            (self.points[name],) = self.left.plot([], [], **ringed)
            plain = {key: value for key, value in style.items() if not key.startswith("marker")}
            (self.lines[name],) = self.right.plot([], [], linewidth=3.0, **plain)
        (self.target,) = self.right.plot([], [], color=look.GREY, linewidth=2.0)
        (self.support,) = self.right.plot([], [], **look.SUPPORT)
        self.pictures = self.right.imshow(
            np.zeros((112, 280)), cmap="gray_r", vmin=0, vmax=1, extent=(0, SHOWN, 7.5, 11.5), aspect="auto"
        )
        hit = {"linestyle": "none", "markersize": 13, "marker": "o", "color": look.BLUE}
        miss = {**hit, "marker": "x", "color": look.VERMILION, "markeredgewidth": 3.5}
        (self.hits,), (self.misses,) = self.right.plot([], [], **hit), self.right.plot([], [], **miss)
        self.letters = [
            self.right.text(0, 0, "", ha="center", va="center", fontsize=look.SMALL) for _column in range(15)
        ]
        return [
            self.title, self.subtitle, self.cursor, *self.notes, *self.points.values(), *self.lines.values(),
            self.target, self.support, self.pictures, self.hits, self.misses, *self.letters,
        ]  # fmt: skip

    def update(self, result: CurvesResult) -> None:
        if self.drawn != (result.family, result.method):
            self.drawn = (result.family, result.method)
            for artist in self.still:
                artist.remove()
            self.still = []
            self.stand(result)
            self.redraw()
        self.cursor.set_xdata([result.shots] * 2)
        for name, line in self.points.items():
            curve = result.curves.get(name)
            line.set_data(*([], []) if curve is None else ([result.shots], [curve.at(result.shots)[0]]))
        for note, name in zip(self.notes, [*result.curves, None], strict=False):
            if name is not None:
                mean, half = result.curves[name].at(result.shots)
                unit = result.family
                note.set_text(f"{number(mean, unit)} ± {number(half, unit)}")
            else:
                note.set_text("")
        self.title.set_text(_("one task, shots: {shots}").format(shots=result.shots))
        if isinstance(result.task, WaveTask):
            self.update_wave(result)
        else:
            self.update_glyphs(result)

    def stand(self, result: CurvesResult) -> None:
        """Draw what stands still for a family and a method: the curves, their bands, the axes, the legend."""
        figure, glyphs = self.left.figure, isinstance(result.task, GlyphTask)
        for row, (name, curve) in enumerate(result.curves.items()):
            low = np.maximum(np.subtract(curve.mean, curve.half_width), 1e-9)
            high = np.add(curve.mean, curve.half_width)
            faded = 1.0 if name in result.shown else 0.3
            style = {**LOOKS[name], "alpha": faded}
            self.still += self.left.plot(curve.shots, np.maximum(curve.mean, 1e-9), linewidth=2.4, **style)
            band = {"color": style["color"], "alpha": 0.18 * faded, "linewidth": 0}
            self.still.append(self.left.fill_between(curve.shots, low, high, **band))
            place = 0.955 - 0.05 * row
            key = {"transform": figure.transFigure, "clip_on": False, "linewidth": 2.4, **style}
            self.still += self.left.plot([0.02, 0.045, 0.07], [place] * 3, **key)
            words = {"fontsize": look.SMALL, "va": "center", "alpha": max(0.6, faded)}
            self.still.append(figure.text(0.08, place, curve.name, **words))
        first = next(iter(result.curves.values()))
        self.left.set(xscale="log", yscale="log", xlabel=_("shots"))
        self.left.set(ylabel=_("wrong answers in %") if glyphs else _("mean squared error"))
        self.left.set(ylim=(0.05, 100) if glyphs else (1e-3, 30), xlim=(0.9, 1.12 * first.shots[-1]))
        self.left.set_xticks(first.shots, [str(shots) for shots in first.shots])
        ticks = (0.1, 1, 10, 100) if glyphs else (0.001, 0.01, 0.1, 1, 10)
        self.left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        self.left.minorticks_off()
        self.right.grid(not glyphs)
        self.right.set_axis_off() if glyphs else self.right.set_axis_on()
        if glyphs:
            self.right.set(xlim=(-4.3, SHOWN + 0.1), ylim=(0, 12.6))
            rows = [(10.5, _("examples")), (8.0, _("queries"))]
            rows += [(ROW - step, curve.name) for step, curve in enumerate(result.curves.values())]
            for height, words in rows:
                text = {"fontsize": look.SMALL, "va": "center"}
                self.still.append(self.right.text(-4.2, height, words, **text))
        else:
            self.right.set(xlim=(-5.15, 5.15), ylim=(-6.4, 6.4), xlabel="x", ylabel="y", aspect="auto")
            self.right.set_xticks(range(-4, 5, 2))
            self.right.set_yticks(range(-6, 7, 2))

    def update_wave(self, result: CurvesResult) -> None:
        """The right half for a wave."""
        task = result.task
        self.subtitle.set_text(_("points: the examples, grey: the wave"))
        self.pictures.set_visible(False)
        self.target.set_data(task.x, task.target)
        self.support.set_data(*task.support)
        for name, line in self.lines.items():
            shown = name in result.shown
            line.set_data(
                task.x if shown else [], np.clip(task.predictions[name], -100, 100) if shown else []
            )
        for marks in (self.hits, self.misses):
            marks.set_data([], [])
        for letter in self.letters:
            letter.set_text("")

    def update_glyphs(self, result: CurvesResult) -> None:
        """The right half for five characters."""
        task = result.task
        self.subtitle.set_text(
            _("of each class one example of {shots}; ten queries").format(shots=result.shots)
        )
        for line in (*self.lines.values(), self.target, self.support):
            line.set_data([], [])
        self.pictures.set_visible(True)
        self.pictures.set_data(contact_sheet(task))
        places = [(2 * column + 1, 12.1, column) for column in range(5)]
        places += [(column + 0.5, 9.0, label) for column, label in enumerate(task.labels)]
        for letter, (across, up, label) in zip(self.letters, places, strict=True):
            letter.set_position((across, up))
            letter.set_text("ABCDE"[label])
        for marks, wanted in ((self.hits, True), (self.misses, False)):
            found = [
                (column + 0.5, ROW - row)
                for row, name in enumerate(result.curves)
                if name in result.shown
                for column in np.flatnonzero(task.right[name] == wanted)
            ]
            marks.set_data(*np.reshape(found, (-1, 2)).T)

    def describe(self, result: CurvesResult) -> str:
        text = _("Error on new tasks, {family}, after {shots} shots: ").format(
            family=FAMILIES[result.family].name, shots=result.shots
        )
        parts = []
        for name, curve in result.curves.items():
            mean, half = (number(value, result.family) for value in curve.at(result.shots))
            one = number(result.task.errors[name], result.family)
            parts.append(
                _("{name} {mean} ± {half}, on the task shown {one}").format(
                    name=curve.name, mean=mean, half=half, one=one
                )
            )
        return text + "; ".join(parts) + "."

    def remark(self, result: CurvesResult) -> str:
        if result.method != "all" and result.method not in result.curves:
            return _("ProtoNet sorts things into classes; a wave has none. All other methods are shown.")
        if result.asked != result.shots:
            return _("There is no measurement at {asked} shots here; shown are {shots}.").format(
                asked=result.asked, shots=result.shots
            )
        return ""


class LearningCurvesLaboratory(Laboratory):
    """The learning-curve laboratory with its controls.

    Args:
        initial: initial values: family, shots, method, draw.
    """

    def __init__(self, **initial: Any) -> None:
        first = {"family": "sine", "shots": 5, "method": "all", "draw": 0, **initial}
        families = {family.name: key for key, family in FAMILIES.items()}
        methods = {
            _("all methods"): "all",
            _("without training"): "plain",
            _("from scratch"): "scratch",
            _("joint training"): "joint",
            _("MAML"): "maml",
            _("ProtoNet"): "protonet",
        }
        super().__init__(
            learning_curves,
            CurvesPicture(),
            {
                "family": controls.choice(_("tasks"), families, first.pop("family")),
                "shots": controls.choice(_("shots"), {str(n): n for n in SHOTS}, first.pop("shots")),
                "method": controls.choice(_("method"), methods, first.pop("method")),
                "draw": controls.Counter(_("another task"), _("task {number}"), first.pop("draw")),
            },
        )
        if first:
            raise TypeError(_("The learning-curve laboratory has no {name}.").format(name=", ".join(first)))
