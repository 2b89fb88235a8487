"""The loss-landscape laboratory: what MAML's objective looks like, and where each method would go.

Left the average loss with the inner steps, right MAML's objective with the meta-gradients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import N_, _
from metalib.lab.controls import choice, hidden, log_slider, optional, point, whole_slider
from metalib.lab.laboratory import Laboratory
from metalib.lab.landscape import looks
from metalib.lab.landscape.looks import (
    AVERAGE_BEST,
    GREYS,
    JOINT,
    LEVEL_TEXT,
    LEVELS,
    LINES,
    MAML_BEST,
    TASKS,
    THETA,
    TRAIL,
)
from metalib.lab.landscape.objectives import (
    FAR,
    METHODS,
    LandscapeResult,
    descent,
    directions,
    inner_path,
    objective,
    optima,
)
from metalib.lab.panels import arrow, line
from metalib.lab.parts import ARROWS, Drag, Keys, Play, View
from metalib.lab.picture import Layer, Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Entry, Panel, Words
from metalib.tasks.landscapes import LANDSCAPES, NAMES, Landscape

MAX_STEPS, MAX_MOVES = 5, 60


@dataclass(frozen=True)
class LandscapeState:
    """θ on a landscape (None: where it begins), and a meta-descent from there."""

    # α and β where the sliders have a position: the browser would move them to the nearest one.
    landscape: str = choice(N_("landscape"), NAMES, "unequal")
    alpha: float = log_slider(N_("α (inner rate)"), 10**-0.525, 0.01, 1.0)
    steps: int = whole_slider(N_("inner steps"), 1, 0, MAX_STEPS)
    method: str = choice(N_("go down by"), METHODS, "maml")
    beta: float = log_slider(N_("β (outer rate)"), 10**-0.825, 0.01, 1.0)
    moves: int = whole_slider(N_("meta-steps"), 0, 0, MAX_MOVES)
    theta: tuple[float, float] | None = hidden(None, optional(point))

    @property
    def land(self) -> Landscape:
        """The landscape itself."""
        return LANDSCAPES[self.landscape]


def explore(state: LandscapeState) -> LandscapeResult:
    """`moves` outer steps from θ, and all there is to see there.

    Raises:
        ValueError: θ is far outside.
    """
    theta = np.asarray(state.land.start if state.theta is None else state.theta, float)
    if not (np.abs(theta) < FAR).all():
        raise ValueError(_("theta must be two finite numbers, not {value}.").format(value=state.theta))
    land, alpha, steps = state.land, state.alpha, state.steps
    trail = descent(land, theta, alpha, steps, method=state.method, beta=state.beta, moves=state.moves)
    path = inner_path(land, trail[-1], alpha, steps)
    return LandscapeResult(
        trail=trail,
        path=path,
        losses=np.stack([land.loss(points) for points in path]),
        directions=directions(land, trail[-1], alpha, steps),
        optima=optima(state.landscape, alpha, steps),
        lost=len(trail) <= state.moves,
    )


def follow(before: LandscapeState, after: LandscapeState) -> LandscapeState:
    """Another landscape begins at its own start."""
    if after.landscape != before.landscape and after.theta == before.theta:
        return replace(after, theta=None, moves=0)
    return after


def pull(view: View, held: object, x: float, y: float) -> LandscapeState | None:
    """θ under the pointer, in whichever panel that is."""
    points = [view.painter.to_data(axes, x, y) for axes in view.painter.panels]
    there = [point for point in points if point is not None]
    return replace(view.state, theta=there[0], moves=0) if there else None


def pressed(view: View, event: KeyEvent) -> LandscapeState | None:
    """Arrow keys move θ, Enter and Backspace play, Home returns."""
    state, moves = view.state, view.state.moves
    if event.key in ARROWS:
        left, right, bottom, top = state.land.window
        moved = view.result.theta + (0.02 if event.shift else 0.2) * np.array(ARROWS[event.key])
        inside = np.clip(moved, (left, bottom), (right, top))
        return replace(state, theta=tuple(inside.tolist()), moves=0)
    if event.key in ("Enter", " "):
        return replace(state, moves=min(moves + 1, MAX_MOVES))
    if event.key == "Backspace":
        return replace(state, moves=max(moves - 1, 0))
    return replace(state, theta=None, moves=0) if event.key == "Home" else None


@cache
def grid(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (61,), y (51,) and the points (51, 61, 2) at which the contours of a landscape are computed."""
    left, right, bottom, top = LANDSCAPES[name].window
    x, y = np.linspace(left, right, 61), np.linspace(bottom, top, 51)
    return x, y, np.stack(np.meshgrid(x, y), axis=-1)


class LandscapePainter(Painter):
    """Left: the average loss, each task's inner steps. Right: MAML's objective, the methods' arrows."""

    height = 420
    fold = 0.492

    def build(self, figure: Figure) -> None:
        places = ((0.058, 0.145, 0.425, 0.835), (0.558, 0.145, 0.425, 0.835))
        self.panels = self.left, self.right = [figure.add_axes(place) for place in places]
        self.known: dict[Axes, tuple] = {}  # of which landscape, α and steps the contours are
        self.scenery = {axes: Layer(axes) for axes in self.panels}
        self.marks, self.trails, self.thetas = [], [], []
        for axes in self.panels:
            axes.grid(False)
            self.trails.append(line(axes, **TRAIL))
            self.marks.append([line(axes, **mark) for mark in (AVERAGE_BEST, MAML_BEST)])
            self.thetas.append(line(axes, **THETA))
        self.ways = [(line(self.left, **task["way"]), line(self.left, **task["end"])) for task in TASKS]
        self.arrows = {
            method: arrow(self.right, mutation_scale=20, **style) for method, style in looks.ARROWS.items()
        }
        self.joint = arrow(self.left, mutation_scale=20, **JOINT)

    def update(self, state: LandscapeState, result: LandscapeResult) -> None:
        # Contours are made anew where they have changed: on the right with every α, on the left seldom.
        for axes, scene in (
            (self.left, (state.landscape, 0.0, 0)),
            (self.right, (state.landscape, state.alpha, state.steps)),
        ):
            if self.known.get(axes) != scene:
                self.known[axes] = scene
                self._scenery(axes, *scene)
        for axes_marks in self.marks:
            for mark, place in zip(axes_marks, result.optima, strict=True):
                mark.set_data(*place[:, None])
        for trail, theta in zip(self.trails, self.thetas, strict=True):
            trail.set_data(*np.clip(result.trail, -100, 100).T)  # Agg overflows on what lies too far outside
            theta.set_data(*np.clip(result.theta, -100, 100)[:, None])
        path = np.clip(result.path, -100, 100)
        for task, (way, end) in enumerate(self.ways):
            shown = path[:, task].T if task < path.shape[1] else np.empty((2, 0))
            way.set_data(*shown)
            end.set_data(*shown[:, -1:])
        self._point(self.arrows, result)
        self._point({"joint": self.joint}, result)

    def _point(self, arrows: dict[str, Any], result: LandscapeResult) -> None:
        """Turn the arrows downhill. Their lengths go with the square roots of the gradients', on one scale:
        a gradient a tenth as long as another is still seen, and all shrink near an optimum."""
        lengths = {method: float(np.linalg.norm(result.directions[method])) for method in arrows}
        longest = max(lengths.values())
        for method, turned in arrows.items():
            scale = 1.4 * longest / (longest + 0.15) / max(np.sqrt(longest * lengths[method]), 1e-12)
            shift = -scale * result.directions[method]
            turned.set_positions(result.theta, result.theta + shift)
            turned.set_visible(bool(np.linalg.norm(shift) > 0.02 and (np.abs(result.theta) < 100).all()))

    def _scenery(self, axes: Axes, name: str, alpha: float, steps: int) -> None:
        """Contours of the mean loss after so many steps, on one scale; on the left each task's as well."""
        land = LANDSCAPES[name]
        x, y, points = grid(name)
        values = np.clip(objective(land, points, alpha, steps), 1e-9, 1e6)
        labels = tuple(_(axis) for axis in land.axes)
        shown = (axes.get_xlabel(), axes.get_ylabel(), *axes.get_xlim(), *axes.get_ylim())
        if shown != (*labels, *land.window):
            axes.set(xlim=land.window[:2], ylim=land.window[2:], xlabel=labels[0], ylabel=labels[1])
            self.renew()
        bands = axes.contourf(x, y, values, levels=(0, *LEVELS, 1e7), colors=GREYS, antialiased=False)
        lines = axes.contour(
            x, y, values, levels=LEVELS, colors=LINES["color"], linewidths=LINES["linewidth"]
        )
        axes.clabel(lines, fontsize=look.SMALL, fmt="%g", colors=LEVEL_TEXT)
        parts = [bands, lines, *lines.labelTexts]
        if axes is self.right:
            return self.scenery[axes].put(parts)
        for losses, centre, task in zip(land.loss(points[None]), land.centres, TASKS, strict=False):
            level, ring = [0.25 * float(np.median(losses))], task["ring"]
            dashes: look.Style = {"linewidths": ring["linewidth"], "linestyles": ring["linestyle"]}
            parts.append(axes.contour(x, y, losses, levels=level, colors=[ring["color"]], **dashes))
            parts += axes.plot(*centre, **task["centre"])
        self.scenery[axes].put(parts)

    def words(self, state: LandscapeState, result: LandscapeResult) -> Words:
        titles = (
            _("average loss, at θ: {value}").format(value=look.number(result.losses[0].mean())),
            _("MAML's objective, at θ: {value}").format(value=look.number(result.losses[-1].mean())),
        )
        marks = (("θ", THETA), (_("average's best"), AVERAGE_BEST), (_("MAML's best"), MAML_BEST))
        left = [Entry(text, look_) for text, look_ in marks]
        left.append(Entry(_("downhill"), JOINT))
        right = []
        for method, style in looks.ARROWS.items():
            text = _(METHODS[method])
            if method != "maml":
                text = _("{method}: cosine {c}").format(method=text, c=look.signed(result.cosine(method)))
            right.append(Entry(text, style))
        panels = (Panel(0.058, 0.54, titles[0], left), Panel(0.558, 1.0, titles[1], right))
        return Words(panels, remark(state, result))

    def describe(self, state: LandscapeState, result: LandscapeResult) -> str:
        average, maml = result.optima
        text = _(
            "θ is at {theta}; the average loss is lowest at {average}, MAML's objective at {maml}. The "
            "cosines are those with MAML's meta-gradient."
        ).format(theta=look.point(result.theta), average=look.point(average), maml=look.point(maml))
        for task, centre in enumerate(state.land.centres):
            text += " " + _("Task {task}, centre {centre}: loss {before}, after adaptation {after}.").format(
                task=task + 1,
                centre=look.point(centre),
                before=look.number(result.losses[0, task]),
                after=look.number(result.losses[-1, task]),
            )
        return text


def remark(state: LandscapeState, result: LandscapeResult) -> str:
    """A sentence where a rate is too large, else nothing."""
    if result.lost:
        return _("Meta-step {move} of {method} left for good: β = {beta:.2g} is too large here.").format(
            move=len(result.trail), method=_(METHODS[state.method]), beta=state.beta
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
        alpha=state.alpha,
    )


class LandscapeLaboratory(Laboratory):
    """The loss-landscape laboratory: drag θ, or move it by the arrow keys (with Shift in small steps).

    Enter plays one meta-step, Backspace takes one back, Home returns θ to where the landscape begins.

    Args:
        initial: values of `LandscapeState` to begin with.
    """

    def __init__(self, **initial: Any) -> None:
        super().__init__(
            LandscapeState,
            explore,
            LandscapePainter(),
            initial=initial,
            follow=follow,
            on=(
                Drag(lambda view, x, y: "θ", pull),
                Keys(pressed),
                Play("moves", N_("play the meta-descent from θ")),
            ),
            label=_("Loss landscapes. Drag θ, or move it by the arrow keys; Enter plays a meta-step."),
        )
