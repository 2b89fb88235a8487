"""The painter of the loss-landscape laboratory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from metalib import look
from metalib.i18n import _
from metalib.lab.landscape.landscapes import landscapes
from metalib.lab.landscape.objectives import LandscapeResult, objective
from metalib.lab.picture import Picture

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
GREYS = [str(grey) for grey in np.linspace(1.0, 0.78, len(LEVELS) + 1)]
TASKS = ((look.PURPLE, "o"), (look.ORANGE, "s"), (look.SKY, "^"))
ARROWS = {
    "MAML": (look.BLUE, "-"),
    "first-order MAML": (look.VERMILION, (0, (4, 1.5))),
    "Reptile": (look.DARK_GREEN, (0, (1.2, 1.2))),
}


@cache
def grid(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (61,), y (51,) and the points (51, 61, 2) at which the contours of a landscape are computed."""
    left, right, bottom, top = landscapes()[name].window
    x, y = np.linspace(left, right, 61), np.linspace(bottom, top, 51)
    return x, y, np.stack(np.meshgrid(x, y), axis=-1)


class LandscapePicture(Picture):
    """Left: the average loss, each task's inner steps. Right: MAML's objective, the methods' arrows."""

    height = 500

    def build(self, figure: Figure) -> Iterable[Artist]:
        self.left = figure.add_axes((0.058, 0.125, 0.425, 0.70))
        self.right = figure.add_axes((0.558, 0.125, 0.425, 0.70))
        self.panels = (self.left, self.right)
        self.known: dict[Axes, tuple] = {}  # of which landscape, α and steps the contours are
        self.scenery: dict[Axes, list[Any]] = {self.left: [], self.right: []}
        moving: list[Artist] = []
        black = {"color": look.BLACK, "linestyle": "none", "markeredgecolor": "white"}
        self.marks, self.trails, self.thetas, self.titles, self.ways = [], [], [], [], []
        star = {"color": look.YELLOW, "marker": "*", "markeredgecolor": look.BLACK, "linestyle": "none"}
        for axes in self.panels:
            axes.grid(False)
            self.trails.append(
                axes.plot([], [], color=look.BLACK, marker=".", markersize=5, linewidth=1.4)[0]
            )
            pair = ({**black, "marker": "P", "markersize": 15}, {**star, "markersize": 19})
            self.marks.append([axes.plot([], [], **mark)[0] for mark in pair])
            self.thetas.append(axes.plot([], [], marker="D", markersize=11, **black)[0])
            self.titles.append(
                axes.text(0, 1.115, "", transform=axes.transAxes, fontsize=look.TITLE, fontweight="bold")
            )
        for colour, marker in TASKS:
            style = {"color": colour, "marker": marker, "markersize": 9, "markeredgecolor": look.BLACK}
            line = self.left.plot([], [], color=colour, linewidth=2.4, marker=".", markersize=6)[0]
            end = self.left.plot([], [], linestyle="none", **style)[0]
            self.ways.append((line, end))
        self.arrows = {method: self._arrow(self.right, *ARROWS[method]) for method in ARROWS}
        self.joint = self._arrow(self.left, look.BLACK, "-")
        self.notes = {}
        for place, method in zip((-0.03, 0.18, 0.632), ARROWS, strict=True):
            self.notes[method] = self.right.text(
                place, 1.03, "", transform=self.right.transAxes, fontsize=look.SMALL, color=ARROWS[method][0],
            )  # fmt: skip
        handles = [
            Line2D([], [], marker="D", markersize=9, label="θ", **black),
            Line2D([], [], marker="P", markersize=11, label=_("average's best"), **black),
            Line2D([], [], markersize=15, label=_("MAML's best"), **star),
        ]
        handles.append(Line2D([], [], color=look.BLACK, linewidth=3, label=_("downhill")))
        look.legend(self.left, handles=handles, handlelength=1.0, columnspacing=0.9, handletextpad=0.3)
        for way in self.ways:
            moving += way
        moving += [*self.trails, *self.marks[0], *self.marks[1], *self.arrows.values(), self.joint]
        return [*moving, *self.thetas, *self.titles, *self.notes.values()]

    def _arrow(self, axes: Any, colour: str, line: Any) -> FancyArrowPatch:
        arrow = FancyArrowPatch(
            (0, 0), (1, 1), arrowstyle="-|>", mutation_scale=20, linewidth=3, linestyle=line, color=colour,
            shrinkA=0, shrinkB=0,
        )  # fmt: skip
        return axes.add_patch(arrow)

    def update(self, result: LandscapeResult) -> None:
        # The contours are redrawn where they have changed: on the right with every α, on the left seldom.
        for axes, state in (
            (self.left, (result.name, 0.0, 0)),
            (self.right, (result.name, result.alpha, result.steps)),
        ):
            if self.known.get(axes) != state:
                self.known[axes] = state
                self._scenery(axes, *state)
                self.redraw()
        for axes_marks in self.marks:
            for mark, place in zip(axes_marks, result.optima, strict=True):
                mark.set_data(*place[:, None])
        for trail, theta in zip(self.trails, self.thetas, strict=True):
            trail.set_data(*np.clip(result.trail, -100, 100).T)  # Agg overflows on what lies too far outside
            theta.set_data(*np.clip(result.theta, -100, 100)[:, None])
        path = np.clip(result.path, -100, 100)
        for task, (line, end) in enumerate(self.ways):
            shown = path[:, task].T if task < path.shape[1] else np.empty((2, 0))
            line.set_data(*shown)
            end.set_data(*shown[:, -1:])
        titles = (
            _("average loss, at θ: {value}").format(value=look.number(result.losses[0].mean())),
            _("MAML's objective, at θ: {value}").format(value=look.number(result.losses[-1].mean())),
        )
        for title, text in zip(self.titles, titles, strict=True):
            title.set_text(text)
        self._point(result)

    def _point(self, result: LandscapeResult) -> None:
        """Turn the arrows downhill. Their lengths go with the square roots of the gradients', on one scale:
        a gradient a tenth as long as another is still seen, and all shrink near an optimum."""
        for panel in ({**self.arrows}, {"joint training": self.joint}):
            lengths = {method: float(np.linalg.norm(result.directions[method])) for method in panel}
            longest = max(lengths.values())
            for method, arrow in panel.items():
                scale = 1.4 * longest / (longest + 0.15) / max(np.sqrt(longest * lengths[method]), 1e-12)
                shift = -scale * result.directions[method]
                arrow.set_positions(result.theta, result.theta + shift)
                arrow.set_visible(bool(np.linalg.norm(shift) > 0.02 and (np.abs(result.theta) < 100).all()))
        self.notes["MAML"].set_text(_("— MAML"))
        for method, text in (
            ("first-order MAML", _("-- first-order cos {c}")),
            ("Reptile", _("··· Reptile cos {c}")),
        ):
            self.notes[method].set_text(text.format(c=look.signed(result.cosine(method))))

    def _scenery(self, axes: Axes, name: str, alpha: float, steps: int) -> None:
        """Contours of the mean loss after so many steps, on one scale; on the left each task's as well."""
        for made in self.scenery[axes]:
            made.remove()
        land = landscapes()[name]
        x, y, points = grid(name)
        values = np.clip(objective(land, points, alpha, steps), 1e-9, 1e6)
        axes.set(xlim=land.window[:2], ylim=land.window[2:], xlabel=land.axes[0], ylabel=land.axes[1])
        bands = axes.contourf(x, y, values, levels=(0, *LEVELS, 1e7), colors=GREYS, antialiased=False)
        lines = axes.contour(x, y, values, levels=LEVELS, colors="#8a8f98", linewidths=1.0)
        axes.clabel(lines, fontsize=look.SMALL, fmt="%g", colors="#4a4f57")
        self.scenery[axes] = [bands, lines]  # a contour takes its labels along when it goes
        if axes is self.right:
            return
        for losses, centre, (colour, marker) in zip(
            land.loss(points[None]), land.centres, TASKS, strict=False
        ):
            level = [0.25 * float(np.median(losses))]
            ring = axes.contour(x, y, losses, levels=level, colors=[colour], linewidths=1.8, linestyles="--")
            style = {"marker": marker, "markersize": 9, "markeredgecolor": colour, "markeredgewidth": 2}
            self.scenery[axes] += [ring, *axes.plot(*centre, color="white", **style)]

    def describe(self, result: LandscapeResult) -> str:
        land, (average, maml) = landscapes()[result.name], result.optima
        text = _(
            "{name}: θ is at {theta}. The average loss there is {before}, lowest at {average}. MAML's "
            "objective (α = {alpha:.2g}, inner steps: {steps}) is {after}, lowest at {maml}. Cosine with "
            "MAML's meta-gradient: first-order MAML {first}, Reptile {reptile}."
        ).format(
            name=result.name,
            theta=look.point(result.theta),
            before=look.number(result.losses[0].mean()),
            average=look.point(average),
            alpha=result.alpha,
            steps=result.steps,
            after=look.number(result.losses[-1].mean()),
            maml=look.point(maml),
            first=look.signed(result.cosine("first-order MAML")),
            reptile=look.signed(result.cosine("Reptile")),
        )
        for task in range(len(land.centres)):
            text += " " + _("Task {task}, centre {centre}: loss {before}, after adaptation {after}.").format(
                task=task + 1,
                centre=look.point(land.centres[task]),
                before=look.number(result.losses[0, task]),
                after=look.number(result.losses[-1, task]),
            )
        if len(result.trail) > 1:
            text += " " + _("Meta-steps of {method}: {moves}.").format(
                method=result.method, moves=len(result.trail) - 1
            )
        return text

    def remark(self, result: LandscapeResult) -> str:
        if result.lost:
            return _("Meta-step {move} of {method} left for good: β = {beta:.2g} is too large here.").format(
                move=len(result.trail), method=result.method, beta=result.beta
            )
        worse = np.flatnonzero(result.losses[-1] > result.losses[0] * (1 + 1e-9))
        if not len(worse):
            return ""
        task = int(worse[np.argmax(result.losses[-1, worse])])
        return _(
            "The inner steps make task {task} worse here, from {before} to {after}: "
            "α = {alpha:.2g} is too large for its curvature."
        ).format(
            task=task + 1,
            before=look.number(result.losses[0, task]),
            after=look.number(result.losses[-1, task]),
            alpha=result.alpha,
        )
