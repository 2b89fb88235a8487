"""The painter of the shift laboratory, and what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import _
from metalib.lab.panels import BandedCurve, Sheet, line
from metalib.lab.picture import MOVING, Painter
from metalib.lab.shift.task import METHODS, QUERIES, STRENGTHS, UNLABELLED, WAYS, ShiftResult, ShiftState
from metalib.lab.words import Entry, Panel, Words

CURVES: dict[str, look.Style] = {
    "pixels": {"color": look.GREY, "linestyle": ":", "linewidth": 2.4, "marker": "D", "markersize": 6},
    "frozen": {"color": look.BLUE, "linewidth": 2.4, "marker": "o", "markersize": 7},
    "statistics": {"color": look.GREEN, "linestyle": "--", "linewidth": 2.4, "marker": "^", "markersize": 8},
    "tuned": {"color": look.VERMILION, "linestyle": "-.", "linewidth": 2.4, "marker": "s", "markersize": 7},
}
HIT: look.Style = {"color": look.BLUE, "linestyle": "none", "markersize": 9, "marker": "o"}
MISS: look.Style = {**HIT, "color": look.VERMILION, "marker": "x", "markeredgewidth": 3.0}
CHANCE: look.Style = {"color": look.BLACK, "linestyle": (0, (1, 1.5)), "linewidth": 1.4}


def pale(style: look.Style) -> look.Style:
    """The look of a method that is not chosen."""
    return {**style, "color": tuple(0.6 + 0.4 * part for part in to_rgb(style["color"]))}


class ShiftPainter(Painter):
    """Left: the episode, a column for each class. Right: accuracy against the strength of the shift."""

    height = 400
    fold = 0.56
    left, wide = 90, 92  # in pixels: the first column, and the width of each
    support, queries = 66, 76  # the sizes of a support drawing and of a query

    def build(self, figure: Figure) -> None:
        sheet = Sheet(figure, self.width, self.height)
        self.tiles = [[sheet.tiles() for _row in range(1 + QUERIES)] for _way in range(WAYS)]
        self.hits, self.misses = sheet.line(**HIT), sheet.line(**MISS)
        sheet.text(12, self.support / 2 + 4, _("support"), moves=False)
        sheet.text(12, self.top + 2 * self.queries, _("queries"), moves=False)
        self.axes = axes = figure.add_axes((0.645, 0.145, 0.345, 0.835))
        axes.set(xlim=(-0.4, 10.4), ylim=(0, 103), xlabel=_("strength, tenths"), ylabel=_("accuracy in %"))
        axes.set_xticks(range(0, 11, 2))
        axes.set_yticks(range(0, 101, 20))
        axes.axhline(100 / WAYS, **CHANCE)
        self.cursor = line(axes, color=look.GREY, linewidth=6, alpha=0.35, solid_capstyle="butt")
        self.curves = {
            name: BandedCurve(axes, 0.18, **style, zorder=MOVING + 1) for name, style in CURVES.items()
        }
        self.point = line(axes, linestyle="none", markeredgecolor="white", markersize=13, zorder=MOVING + 3)

    @property
    def top(self) -> int:
        """Where the first row of queries begins, in pixels from the top."""
        return self.support + 22

    def update(self, state: ShiftState, result: ShiftResult) -> None:
        centres = self.left + self.wide * (np.arange(WAYS) + 0.5)
        for way, column in enumerate(self.tiles):
            drawings = [result.support[way, 0], *result.query[way]]
            sizes = [self.support, *[self.queries - 6] * QUERIES]
            tops = [4, *(self.top + self.queries * row for row in range(QUERIES))]
            for image, drawing, size, top in zip(column, drawings, sizes, tops, strict=True):
                look.show_drawings(image, drawing[None, None], centres[way] - size / 2 - 6, top, size)
        x = np.repeat(centres + self.queries / 2 + 1, QUERIES)
        y = np.tile(self.top + self.queries * (np.arange(QUERIES) + 0.5) - 3, WAYS)
        for marks, shown in ((self.hits, result.right.ravel()), (self.misses, ~result.right.ravel())):
            marks.set_data(x[shown], y[shown])
        for name, banded in self.curves.items():
            mean, half = (100 * part for part in result.averages.of(name))
            style = CURVES[name] if name == state.method else pale(CURVES[name])
            banded.line.set_color(style["color"])
            banded.band.set_facecolor(style["color"])
            banded.update(STRENGTHS, mean, mean - half, mean + half)
        self.cursor.set_data([state.strength] * 2, [0, 103])
        mean, _half = result.averages.of(state.method)
        self.point.set_data([state.strength], [100 * mean[state.strength]])
        self.point.set(color=CURVES[state.method]["color"], marker=CURVES[state.method]["marker"])

    def words(self, state: ShiftState, result: ShiftResult) -> Words:
        title = _("this episode: {right} of {asked} right").format(
            right=int(result.right.sum()), asked=result.right.size
        )
        note = _("of each class the first support drawing of {shots}").format(shots=state.shots)
        left = Panel(0.01, 0.56, title, (Entry(_("right"), HIT), Entry(_("wrong"), MISS)), note)
        legend = [
            Entry(
                f"{_(METHODS[name])} {told(state, result, name)}",
                style if name == state.method else pale(style),
            )
            for name, style in CURVES.items()
        ]
        mean = _("mean of {n} tasks, 95 % band").format(n=result.averages.n)
        how = _("Drag along the curves, or press ← and →; Enter draws a new episode.")
        return Words((left, Panel(0.585, 1.0, mean, legend)), remark(state), how)

    def describe(self, state: ShiftState, result: ShiftResult) -> str:
        mean, _half = result.averages.of(state.method)
        along = _("; ").join(
            f"{strength}: {100 * value:.0f}"
            for strength, value in zip(STRENGTHS, mean, strict=True)
            if value == value
        )
        return _("Accuracy of this method in % against the strength: {along}.").format(along=along or "–")


def told(state: ShiftState, result: ShiftResult, method: str) -> str:
    """A method's mean accuracy at the place of the dial, as 93.8 ± 1.2 %."""
    mean, half = (100 * part[state.strength] for part in result.averages.of(method))
    if np.isnan(mean):
        return "–"
    return _("{value} %").format(value=f"{mean:.0f}" if np.isnan(half) else f"{mean:.0f} ± {half:.0f}")


def remark(state: Any) -> str:
    """What the chosen method knows of the new domain."""
    said = {
        "pixels": _("The mean support drawing that is nearest pixel by pixel: nothing was learned."),
        "frozen": _("Trained on unshifted glyphs, and nothing of it changes."),
        "statistics": _(
            "The weights stay; means and variances of its batch normalisation were measured on {n} "
            "unlabelled drawings of other characters, shifted alike."
        ).format(n=UNLABELLED),
        "tuned": _("All weights take 10 steps on the support set."),
    }[state.method]
    if state.method == "tuned" and state.where == "query" and state.strength:
        said += " " + _("But the support set is not shifted: it says nothing of the new domain.")
    return said
