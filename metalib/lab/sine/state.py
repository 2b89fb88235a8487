"""What can be chosen in the sine laboratory, and what a pull has moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metalib.i18n import N_, _
from metalib.lab.controls import (
    Range,
    choice,
    counter,
    hidden,
    log_slider,
    none_of,
    optional,
    real,
    slider,
    whole_slider,
)

MAX_STEPS, MAX_SHOTS, QUERIES = 10, 20, 10
EXPLODED = 1e3  # a loss above this is shown no more: the wave itself never exceeds 25
ALPHAS = (1e-4, 1.0)
INPUTS = (-5.0, 5.0)  # where points are drawn, and where a point can be pulled to
HEIGHTS = (-6.0, 6.0)  # where a point can be pulled to: inside the picture

STARTS = {
    "random": N_("random"),
    "joint": N_("joint training"),
    "maml": N_("MAML"),
    "fomaml": N_("first-order MAML"),
    "reptile": N_("Reptile"),
}
CAUSES = {"theta": N_("θ (the start)"), "alpha": N_("α"), "point": N_("a support point")}
STUCK = {  # why the curve did not follow the hand all the way
    "": "",
    "steps": N_("With 0 inner steps only θ moves the curve."),
    "flat": N_("Nothing answers the pull here: the gradient is 0."),
    "limit": N_("What moves has come to the end of its range."),
    "exploded": N_("A little further, and the loss would explode."),
    "short": N_("The curve comes no nearer to where you pull it."),
}


def numbers(name: str, value: Any) -> tuple[float, ...]:
    """Any number of finite numbers."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        array = np.array([[np.nan]])
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(_("{name} must be finite numbers, not {value}.").format(name=name, value=value))
    return tuple(array.tolist())


def moved_points(name: str, value: Any) -> tuple[tuple[int, float, float], ...]:
    """Support points in their new places: (which, x, y) each, none twice, the first first."""
    points = {}
    for which, *place in value:
        which = Range(low=0, high=MAX_SHOTS - 1, kind="whole").check(name, which)
        x, y = numbers(name, place)
        limits = Range(low=INPUTS[0], high=INPUTS[1]), Range(low=HEIGHTS[0], high=HEIGHTS[1])
        points[which] = (which, limits[0].check(name, x), limits[1].check(name, y))
    return tuple(points[which] for which in sorted(points))


def reason(name: str, value: Any) -> str:
    """A key of `STUCK`."""
    if value not in STUCK:
        raise none_of(name, value, STUCK)
    return value


@dataclass(frozen=True)
class SineState:
    """One sine wave, and how it is learned. `draw` seeds the points.

    A hand holds the adapted curve at x = `hand`; pulling there moves the `cause`. What pulls have moved:
    `shift` is added to θ, all its numbers one after the other; `points` are support points in new places;
    `alpha_before` is α before the first pull that moved it. `asked` is the height that the curve could not
    reach, `stuck` why.
    """

    start: str = choice(N_("start point"), STARTS, "maml")
    alpha: float = log_slider(N_("α (inner rate)"), 0.01, *ALPHAS)
    steps: int = whole_slider(N_("inner steps"), 3, 0, MAX_STEPS)
    shots: int = whole_slider(N_("shots"), 5, 1, MAX_SHOTS)
    amplitude: float = slider(N_("amplitude A"), 2.5, 0.1, 5.0)
    phase: float = slider(N_("phase φ"), 1.0, 0.0, 3.14, step=0.02)
    draw: int = counter(N_("new draw"), N_("draw {number}"))
    cause: str = choice(N_("a pull moves"), CAUSES, "theta")
    shift: tuple[float, ...] = hidden((), numbers)
    points: tuple[tuple[int, float, float], ...] = hidden((), moved_points)
    alpha_before: float | None = hidden(None, optional(Range(low=ALPHAS[0], high=ALPHAS[1]).check))
    hand: float = hidden(3.0, Range(low=INPUTS[0], high=INPUTS[1]).check)
    asked: float | None = hidden(None, optional(real))
    stuck: str = hidden("", reason)

    @property
    def moved(self) -> bool:
        """Has a pull moved anything that counts."""
        return bool(self.shift or self.moved_shots) or self.alpha_before is not None

    @property
    def moved_shots(self) -> tuple[tuple[int, float, float], ...]:
        """The moved points that are among the shots."""
        return tuple(point for point in self.points if point[0] < self.shots)

    def put_back(self) -> SineState:
        """Everything where it was before the first pull."""
        alpha = self.alpha if self.alpha_before is None else self.alpha_before
        return replace(self.let_go(), alpha=alpha, alpha_before=None, shift=(), points=())

    def let_go(self) -> SineState:
        """Nothing is asked of the curve."""
        return replace(self, asked=None, stuck="")


def follow(before: SineState, after: SineState) -> SineState:
    """A shift belongs to its start, moved points to their draw; who moves α takes it from the pull."""
    if before.start != after.start:
        after = replace(after, shift=())
    if (before.amplitude, before.phase, before.draw) != (after.amplitude, after.phase, after.draw):
        after = replace(after, points=())
    if before.alpha != after.alpha:
        after = replace(after, alpha_before=None)
    return after.let_go()
