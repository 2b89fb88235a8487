"""The sine laboratory: adapt to one sine wave from a few points, and see what each part does.

State: α, inner steps, shots, amplitude A, phase φ, the start point and the draw of the points. Result: the
function before and after every inner step, and the loss on support and query. Tasks and network are those of
Finn et al. 2017, section 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from torch import Tensor, nn

from metalib import look
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.laboratory import Laboratory
from metalib.lab.picture import Picture
from metalib.learners import MAML, GradientLearner
from metalib.models import sine_net
from metalib.tasks import SineTasks, TaskBatch, sine

MAX_STEPS, MAX_SHOTS, QUERIES = 10, 20, 10
EXPLODED = 1e3  # a loss above this is drawn no more: the wave itself never exceeds 25


@dataclass(frozen=True)
class SineResult:
    """What the sine laboratory shows. S shots, Q queries, k inner steps, G grid points; all float arrays.

    `curves[i]` (G,) is the function after i steps, `support_loss[i]` and `query_loss[i]` its mean squared
    errors, i = 0 … k. `exploded` is the first step whose support loss is beyond `EXPLODED` or not a number.
    """

    start: str
    alpha: float
    amplitude: float
    phase: float
    x: np.ndarray
    target: np.ndarray
    curves: np.ndarray
    support: tuple[np.ndarray, np.ndarray]
    query: tuple[np.ndarray, np.ndarray]
    support_loss: np.ndarray
    query_loss: np.ndarray
    exploded: int | None

    @property
    def steps(self) -> int:
        """Inner steps taken."""
        return len(self.curves) - 1


def adapt_sine(
    model: nn.Module,
    start: str,
    *,
    alpha: float,
    steps: int,
    shots: int,
    amplitude: float,
    phase: float,
    draw: int,
) -> SineResult:
    """Adapt `model` to one wave by `steps` inner steps and watch it: the laboratory's pure function.

    Args:
        model: maps (N, 1) to (N, 1); it is not changed.
        start: its name in words.
        alpha: inner step size; finite, at least 0.
        steps: at least 0.
        shots: support points, 1 … 20. One shot more adds a point and leaves the others where they are.
        amplitude, phase: of the wave A · sin(x − φ), φ in radians.
        draw: seeds the points.

    Raises:
        ValueError, TypeError: an argument outside these limits.
    """
    if not (isinstance(shots, int) and 1 <= shots <= MAX_SHOTS):
        raise ValueError(
            _("shots must be a whole number between 1 and {most}, not {value}.").format(
                most=MAX_SHOTS, value=shots
            )
        )
    if not (math.isfinite(amplitude) and math.isfinite(phase)):
        raise ValueError(
            _("amplitude and phase must be finite numbers, not {amplitude} and {phase}.").format(
                amplitude=amplitude, phase=phase
            )
        )
    drawn = SineTasks(MAX_SHOTS, QUERIES).task(amplitude, phase, torch.Generator().manual_seed(draw))
    task = TaskBatch(drawn.support_x[:, :shots], drawn.support_y[:, :shots], drawn.query_x, drawn.query_y)
    x, curves, support_loss, query_loss = follow(model, task, alpha, steps)
    bad = np.flatnonzero(~(support_loss <= EXPLODED))
    return SineResult(
        start=start,
        alpha=alpha,
        amplitude=amplitude,
        phase=phase,
        x=x,
        target=sine(torch.from_numpy(x), amplitude, phase).numpy(),
        curves=curves,
        support=(flat(task.support_x), flat(task.support_y)),
        query=(flat(task.query_x), flat(task.query_y)),
        support_loss=support_loss,
        query_loss=query_loss,
        exploded=int(bad[0]) if len(bad) else None,
    )


@torch.no_grad()
def follow(model: nn.Module, task: TaskBatch, alpha: float, steps: int) -> tuple[np.ndarray, ...]:
    """The way of `model` on one task (T = 1): x (G,), curves (k+1, G), support loss and query loss (k+1,)."""
    x = torch.linspace(-5, 5, 161)
    # MAML's inner loop is plain gradient descent, whatever trained the start point.
    learner = MAML(model, alpha=alpha, first_order=True)
    path = learner.adapt_path(task.support_x, task.support_y, steps)
    # All points of the way are k+1 "tasks" of one batch, and everything that is asked of them is one input.
    weights = {name: torch.cat([fast[name] for fast in path]) for name in path[0]}
    inputs = torch.cat([x.view(1, -1, 1), task.support_x, task.query_x], dim=1)
    outputs = learner.predict(weights, inputs.expand(steps + 1, -1, -1))
    curves, support, query = outputs.split([len(x), task.support_x.shape[1], task.query_x.shape[1]], dim=1)
    losses = (
        (part - y).square().mean(dim=(1, 2)).double().numpy()
        for part, y in ((support, task.support_y), (query, task.query_y))
    )
    return x.numpy(), curves[..., 0].numpy(), *losses


def flat(values: Tensor) -> np.ndarray:
    """The numbers of a (1, N, 1) tensor, (N,)."""
    return values.flatten().numpy()


class AdaptationPicture(Picture):
    """Left: the function before and after every step, and the points. Right: the losses against the step."""

    height = 420
    bounds = 6.4  # of the vertical axis on the left: the largest wave and some air
    losses = (1e-4, 1e2)  # of the vertical axis on the right

    def build(self, figure: Figure) -> Iterable[Artist]:
        left = figure.add_axes((0.062, 0.145, 0.54, 0.75))
        right = figure.add_axes((0.695, 0.145, 0.28, 0.75))
        return [*self.build_curves(left), *self.build_losses(right)]

    def build_curves(self, axes: Any) -> list[Artist]:
        """The left half; returns what moves."""
        axes.set(xlim=(-5.15, 5.15), ylim=(-self.bounds, self.bounds), xlabel="x", ylabel="y")
        axes.set_xticks(range(-4, 5, 2))
        (self.target,) = axes.plot([], [], label=_("target"), **look.TARGET)
        (self.before,) = axes.plot([], [], label=_("before"), **look.BEFORE)
        self.between = [axes.plot([], [], linewidth=1.8)[0] for _step in range(MAX_STEPS - 1)]
        (self.after,) = axes.plot([], [], label=_("after"), **look.AFTER)
        (self.query,) = axes.plot([], [], label=_("query"), **look.QUERY)
        (self.support,) = axes.plot([], [], label=_("support"), **look.SUPPORT)
        look.legend(axes, handles=[self.target, self.before, self.after, self.support, self.query])
        return [self.target, self.before, *self.between, self.after, self.query, self.support]

    def build_losses(self, axes: Any) -> list[Artist]:
        """The right half; returns what moves."""
        axes.set(
            xlim=(-0.4, MAX_STEPS + 0.4),
            ylim=self.losses,
            yscale="log",
            xlabel=_("inner step"),
            ylabel=_("mean squared error"),
        )
        axes.set_xticks(range(0, MAX_STEPS + 1, 2))
        axes.set_yticks([10.0**power for power in range(-4, 3)])
        axes.minorticks_off()
        styles = (
            {**look.SUPPORT, "markersize": 8, "linestyle": "-", "linewidth": 2.2},
            {**look.QUERY, "linestyle": "--", "linewidth": 2.2},
        )
        self.support_line, self.query_line = (axes.plot([], [], **style)[0] for style in styles)
        self.notes = []
        # The legend is made by hand, 14 points above the axes, because the losses themselves stand in it.
        above = ScaledTranslation(0, 14 / 72, axes.figure.dpi_scale_trans)
        for place, style, colour in ((-0.13, styles[0], look.VERMILION), (0.53, styles[1], look.DARK_GREEN)):
            row = axes.transAxes + above
            axes.plot([place], [1.0], transform=row, clip_on=False, **{**style, "linestyle": "none"})
            text = {"color": colour, "fontsize": look.SMALL, "fontweight": "bold", "va": "center_baseline"}
            self.notes.append(axes.text(place + 0.045, 1.0, "", transform=row, **text))
        return [self.query_line, self.support_line, *self.notes]

    def update(self, result: SineResult) -> None:
        last = result.steps if result.exploded is None else max(0, result.exploded - 1)
        curves = np.clip(result.curves, -100, 100)  # Agg overflows on what lies too far outside
        self.target.set_data(result.x, result.target)
        self.before.set_data(result.x, curves[0])
        for step, line in enumerate(self.between, start=1):
            shown = step < last
            line.set_data(result.x if shown else [], curves[step] if shown else [])
            line.set_color(look.STEPS(0.75 * step / max(last, 1)))
        self.after.set_data(result.x if last else [], curves[last] if last else [])
        self.support.set_data(*result.support)
        self.query.set_data(*result.query)
        self.update_losses(result.support_loss, result.query_loss)

    def update_losses(self, support: np.ndarray, query: np.ndarray) -> None:
        """Draw both losses, kept inside the axes, and write their last values above."""
        low, high = self.losses
        lines, names = (self.support_line, self.query_line), (_("support"), _("query"))
        for line, note, name, loss in zip(lines, self.notes, names, (support, query), strict=True):
            line.set_data(
                np.arange(len(loss)), np.clip(np.nan_to_num(loss, nan=high, posinf=high), low, high)
            )
            note.set_text(f"{name} {look.number(loss[-1])}")

    def describe(self, result: SineResult) -> str:
        text = _(
            "Adapting to the wave {amplitude:.2f} · sin(x − {phase:.2f}); start point: {start}; "
            "shots: {shots}; α = {alpha:.2g}. Before any step the loss is {support} on the support set and "
            "{query} on the query set"
        ).format(
            amplitude=result.amplitude,
            phase=result.phase,
            start=result.start,
            shots=len(result.support[0]),
            alpha=result.alpha,
            support=look.number(result.support_loss[0]),
            query=look.number(result.query_loss[0]),
        )
        if result.steps:
            support, query = look.number(result.support_loss[-1]), look.number(result.query_loss[-1])
            text += _("; after step {step} it is {support} and {query}").format(
                step=result.steps, support=support, query=query
            )
        return text + "."

    def remark(self, result: SineResult) -> str:
        if result.exploded is None:
            return ""
        return _(
            "α = {alpha:.2g} is too large for this start: the support loss grew from {first} to {last} after "
            "step {step}. What you see is the last function before that."
        ).format(
            alpha=result.alpha,
            first=look.number(result.support_loss[0]),
            last=look.number(result.support_loss[result.exploded]),
            step=result.exploded,
        )


class SineLaboratory(Laboratory):
    """The sine laboratory with its controls.

    Args:
        starts: name -> model or gradient learner to start from; by default a random network and the four
            shipped ones.
        initial: initial values: alpha, steps, shots, amplitude, phase, start, draw.
    """

    def __init__(self, starts: Mapping[str, nn.Module] | None = None, **initial: Any) -> None:
        models = {
            name: start.model if isinstance(start, GradientLearner) else start
            for name, start in (starts or shipped_starts()).items()
        }
        names = list(models)
        first = {
            "alpha": 0.01,
            "steps": 3,
            "shots": 5,
            "amplitude": 2.5,
            "phase": 1.0,
            "draw": 0,
            "start": _("MAML") if _("MAML") in models else names[-1],
            **initial,
        }

        def compute(start: str, **state: Any) -> SineResult:
            return adapt_sine(models[start], start, **state)

        super().__init__(
            compute,
            AdaptationPicture(),
            {
                "start": controls.choice(_("start point"), names, first.pop("start")),
                "alpha": controls.log_slider(_("α (inner rate)"), first.pop("alpha"), 1e-4, 1.0),
                "steps": controls.whole_slider(_("inner steps"), first.pop("steps"), 0, MAX_STEPS),
                "shots": controls.whole_slider(_("shots"), first.pop("shots"), 1, MAX_SHOTS),
                "amplitude": controls.slider(_("amplitude A"), first.pop("amplitude"), 0.1, 5.0),
                "phase": controls.slider(_("phase φ"), first.pop("phase"), 0.0, 3.14, step=0.02),
                "draw": controls.Counter(_("new draw"), _("draw {number}"), first.pop("draw")),
            },
        )
        if first:
            raise TypeError(_("The sine laboratory has no {name}.").format(name=", ".join(first)))


def shipped_starts() -> dict[str, nn.Module]:
    """A random start and the shipped ones: joint training, MAML, first-order MAML, Reptile."""
    from metalib import weights  # only where it is needed: other laboratories bring their own start points

    return {
        _("random"): sine_net(),
        _("joint training"): weights.load("sine-joint"),
        _("MAML"): weights.load("sine-maml"),
        _("first-order MAML"): weights.load("sine-fomaml"),
        _("Reptile"): weights.load("sine-reptile"),
    }
