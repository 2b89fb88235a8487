"""The measured learning curves as a picture and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metalib import look
from metalib.curves.families import find
from metalib.curves.measured import load
from metalib.i18n import _

LOOKS: dict[str, look.Style] = {
    "plain": {"color": look.PURPLE, "linestyle": ":", "marker": "D", "markersize": 7},
    "scratch": {"color": look.ORANGE, "linestyle": (0, (5, 1.5)), "marker": "s", "markersize": 7},
    "joint": {"color": look.BLACK, "linestyle": "-.", "marker": "^", "markersize": 8},
    "maml": {"color": look.BLUE, "linestyle": "-", "marker": "o", "markersize": 8},
    "protonet": {"color": look.DARK_GREEN, "linestyle": (0, (3, 1, 1, 1)), "marker": "v", "markersize": 8},
}
SMALLEST = 1e-5  # a band that reaches zero has no place on a logarithmic scale


def is_percent(family: str) -> bool:
    """Whether a family's errors are per cent of wrong answers; otherwise they are squared errors."""
    return family.startswith("glyphs")


def plot(family: str, alt: str = "") -> look.CourseFigure:
    """Every method's error against the number of shots, with its 95 % band; both scales are logarithmic.

    `alt` replaces the text alternative. Raises ValueError for an unknown family.
    """
    ylabel = _("wrong answers in %") if is_percent(family) else _("mean squared error")
    alt = alt or _("Learning curves with 95 % bands: {ylabel} against shots, {family}.").format(
        ylabel=ylabel, family=find(family).name
    )
    figure = look.figure(9, 4.6, alt=alt)
    axes = figure.subplots()
    for key, curve in load(family).items():
        mean, half = np.array(curve.mean), np.array(curve.half_width)
        axes.plot(curve.shots, mean, label=curve.name, **LOOKS[key])
        low = np.maximum(mean - half, SMALLEST)
        axes.fill_between(curve.shots, low, mean + half, color=LOOKS[key]["color"], alpha=0.18, linewidth=0)
    ticks = (0.1, 1, 10, 50) if is_percent(family) else (0.001, 0.01, 0.1, 1, 10)
    axes.set(xscale="log", yscale="log", xlabel=_("shots"), ylabel=ylabel)
    axes.set_xticks(curve.shots, [str(shots) for shots in curve.shots])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_ylim(ticks[0] / 2, 2 * ticks[-1])
    axes.minorticks_off()
    look.legend(axes)
    return figure


def table(family: str, shots: Sequence[int]) -> str:
    """A row a method: its mean error ± half the 95 % interval at these numbers of shots.

    Raises:
        ValueError: no such family, or a number of shots that was not measured.
    """
    found = load(family)
    digits, unit = (1, " %") if is_percent(family) else (3, "")
    width = max(len(curve.name) for curve in found.values())
    cells = {
        curve.name: [
            f"{mean:.{digits}f} ± {half:.{digits - (not unit)}f}{unit}" for mean, half in map(curve.at, shots)
        ]
        for curve in found.values()
    }
    head = _("shots")
    lines = [f"{head:{width}}" + "".join(f"{number:>15}" for number in shots)]
    lines += [f"{name:{width}}" + "".join(f"{cell:>15}" for cell in row) for name, row in cells.items()]
    return "\n".join(lines)
