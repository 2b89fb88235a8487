"""The navigation laboratory: put the goal somewhere, and see where a policy gradient step leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from metalib import look, weights
from metalib.i18n import N_, _
from metalib.lab.arguments import named
from metalib.lab.controls import choice, counter, hidden, log_slider, outside, point, whole_slider
from metalib.lab.laboratory import Laboratory
from metalib.lab.navigation.walks import NavigationResult, Walks
from metalib.lab.panels import line
from metalib.lab.parts import ARROWS, Drag, Keys, View
from metalib.lab.picture import Painter
from metalib.lab.surface import KeyEvent
from metalib.lab.words import Entry, Panel, Words
from metalib.rl import GaussianPolicy, PolicyLearner, PolicyMAML

STARTS = {"random": N_("random"), "joint": N_("joint training"), "maml": N_("MAML")}
ACTIONS = {"drawn": N_("drawn, μ + σ ε"), "mean": N_("mean, μ")}
MAX_STEPS = 5
FAR, TRAINED = 1.0, 0.5  # where a goal may lie, and where those of the training lay
SEEN = 1.25  # half the side of the picture
LOWEST = -80.0  # of the return's axis

GOAL: look.Style = {"color": look.BLACK, "marker": "*", "markersize": 16, "linestyle": "none"}
BEFORE: look.Style = {"color": look.SKY, "linewidth": 0.9}
AFTER: look.Style = {"color": look.VERMILION, "linewidth": 0.9}
KNOWING: look.Style = {"color": look.GREEN, "linestyle": "--", "linewidth": 2}
RETURN: look.Style = {"color": look.VERMILION, "marker": "o", "markersize": 8, "linewidth": 2.2}


def goal_within(name: str, value: Any) -> tuple[float, float]:
    """A place in the square [−1, 1]²."""
    x, y = point(name, value)
    for coordinate in (x, y):
        if not abs(coordinate) <= FAR:
            raise outside(name, coordinate, -FAR, FAR)
    return x, y


@dataclass(frozen=True)
class NavigationState:
    """Where the goal lies, how the policy begins and adapts, and which noise there is."""

    start: str = choice(N_("start point"), STARTS, "maml")
    alpha: float = log_slider(N_("first step α"), 0.15, 0.005, 5.0)
    steps: int = whole_slider(N_("inner steps"), 1, 0, MAX_STEPS)
    actions: str = choice(N_("actions shown"), ACTIONS, "drawn")
    noise: int = counter(N_("new noise"), N_("no. {number}"), 1)
    goal: tuple[float, float] = hidden((0.3, 0.4), goal_within)


def pull(view: View, held: object, x: float, y: float) -> NavigationState | None:
    """The goal under the pointer, as far as it may go."""
    where = view.painter.to_data(view.painter.plane, x, y, anywhere=True)
    assert where is not None
    return replace(view.state, goal=_inside(where))


def grab(view: View, x: float, y: float) -> str | None:
    """The goal, wherever in the plane the pointer goes down."""
    return None if view.painter.to_data(view.painter.plane, x, y) is None else "goal"


def pressed(view: View, event: KeyEvent) -> NavigationState | None:
    """Arrow keys move the goal, with Shift by little; Enter gives new noise, Home brings the goal back."""
    state = view.state
    if event.key in ARROWS:
        step = 0.01 if event.shift else 0.1
        return replace(state, goal=_inside(np.add(state.goal, step * np.array(ARROWS[event.key]))))
    if event.key in ("Enter", " "):
        return replace(state, noise=state.noise + 1)
    return replace(state, goal=NavigationState().goal) if event.key == "Home" else None


def _inside(where: Any) -> tuple[float, float]:
    x, y = np.round(np.clip(where, -FAR, FAR), 3).tolist()
    return x, y


class NavigationPainter(Painter):
    """Left: the plane with the goal, the trajectories before and after. Right: the return at each step."""

    height = 420
    fold = 0.48

    def build(self, figure: Figure) -> None:
        self.plane = figure.add_axes((0.075, 0.135, 0.395, 0.845))
        self.plane.set(xlim=(-SEEN, SEEN), ylim=(-SEEN, SEEN), xlabel="x", ylabel="y")
        self.plane.set_xticks([-1, -0.5, 0, 0.5, 1])
        self.plane.set_yticks([-1, -0.5, 0, 0.5, 1])
        corners = TRAINED * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
        self.plane.plot(*corners.T, color=look.GREY, linestyle=":", linewidth=1.5)
        self.before, self.after = line(self.plane, **BEFORE), line(self.plane, **AFTER)
        self.goal = line(self.plane, markeredgecolor="white", **GOAL)
        self.curve = figure.add_axes((0.565, 0.135, 0.415, 0.845))
        self.curve.set(
            xlim=(-0.4, MAX_STEPS + 0.4), ylim=(LOWEST, 2), xlabel=_("inner step"), ylabel=_("return")
        )
        self.curve.set_xticks(range(MAX_STEPS + 1))
        self.curve.set_yticks(range(-80, 1, 20))
        self.knowing, self.returns = line(self.curve, **KNOWING), line(self.curve, **RETURN)

    def update(self, state: NavigationState, result: NavigationResult) -> None:
        for drawn, places in ((self.before, result.before), (self.after, result.after)):
            gap = np.full((len(places), 1, 2), np.nan)  # between two trajectories of one line
            way = np.concatenate([np.clip(places, -50, 50), gap], axis=1).reshape(-1, 2)
            drawn.set_data(*(way.T if drawn is self.before or state.steps else np.empty((2, 0))))
        self.goal.set_data(*np.array(state.goal)[:, None])
        self.knowing.set_data((-0.4, MAX_STEPS + 0.4), (result.best, result.best))
        lowered = np.clip(np.nan_to_num(result.returns, nan=LOWEST), LOWEST, None)
        self.returns.set_data(np.arange(len(lowered)), lowered)

    def words(self, state: NavigationState, result: NavigationResult) -> Words:
        left = [
            Entry(_("goal"), GOAL),
            Entry(_("before: {value}").format(value=_return(result.returns[0])), BEFORE),
        ]
        if state.steps:
            value = _return(result.returns[-1])
            left.append(Entry(_("after the last: {value}").format(value=value), AFTER))
        right = [
            Entry(_("return"), RETURN),
            Entry(_("who knows the goal: {value}").format(value=_return(result.best)), KNOWING),
        ]
        title = _("σ = {deviation:.2f}").format(deviation=result.deviations[-1])
        if state.steps and result.broken is None:
            title = _("gap closed: {share} · σ = {deviation:.2f}").format(
                share=f"{100 * result.closed:.0f} %".replace("-", "−"), deviation=result.deviations[-1]
            )
        panels = (Panel(0.075, 0.54, _("where it goes"), left), Panel(0.565, 1.0, title, right))
        return Words(panels, remark(state, result))

    def describe(self, state: NavigationState, result: NavigationResult) -> str:
        ends = result.after[:, -1].mean(axis=0)
        returns = _("; ").join(f"{step}: {_return(value)}" for step, value in enumerate(result.returns))
        return _(
            "The goal is at {goal}. The trajectories shown last end around {ends}. Returns after each step: "
            "{returns}."
        ).format(goal=look.point(state.goal), ends=look.point(ends), returns=returns)


def _return(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def remark(state: NavigationState, result: NavigationResult) -> str:
    """A sentence where something lies outside what the policy was trained for."""
    if result.broken is not None:
        return _(
            "α = {alpha:.2g} is too large: after step {step} the policy gives no numbers. What you see is "
            "the last one that did."
        ).format(alpha=state.alpha, step=result.broken)
    if len(result.returns) > 1 and result.returns[-1] < result.returns[0]:
        return _("The steps have made it worse: from {first} to {last}.").format(
            first=_return(result.returns[0]), last=_return(result.returns[-1])
        )
    if max(map(abs, state.goal)) > TRAINED:
        return _("The goal lies outside the dotted square, in which all goals of the training lay.")
    return ""


class NavigationLaboratory(Laboratory):
    """The navigation laboratory: click or drag the goal, or move it by the arrow keys (with Shift by little).

    Enter gives new noise, Home brings the goal back.

    Args:
        starts: name -> `PolicyLearner` to start from; by default a random policy and the two shipped ones,
            "random", "joint" and "maml".
        initial: values of `NavigationState` to begin with; the start is MAML's, or else the last one given.
    """

    def __init__(self, starts: Mapping[str, PolicyLearner] | None = None, **initial: Any) -> None:
        given = named("starts", shipped_starts() if starts is None else starts, PolicyLearner)
        walks = Walks(given)
        super().__init__(
            NavigationState,
            lambda state: walks.walk(
                state.start, state.alpha, state.goal, state.noise, state.steps, state.actions == "drawn"
            ),
            NavigationPainter(),
            initial={"start": "maml" if "maml" in given else list(given)[-1], **initial},
            allowed={"start": {name: STARTS.get(name, name) for name in given}},
            on=(Drag(grab, pull), Keys(pressed)),
            label=_("The plane. Click where the goal shall be, or move it by the arrow keys."),
        )


def shipped_starts() -> dict[str, PolicyLearner]:
    """A random start and the shipped ones."""
    random = PolicyMAML(GaussianPolicy(generator=torch.Generator().manual_seed(1)))
    return {"random": random, **{name: weights.load(f"navigation-{name}") for name in ("joint", "maml")}}
