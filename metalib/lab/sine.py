"""The sine laboratory: adapt to one sine wave from a few points, and see what each part does.

Tasks and network are those of Finn et al. 2017, section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from metalib import look, weights
from metalib.i18n import N_, _
from metalib.lab.arguments import named
from metalib.lab.controls import choice, counter, log_slider, slider, whole_slider
from metalib.lab.laboratory import Laboratory
from metalib.lab.panels import StepCurves, line
from metalib.lab.picture import Painter
from metalib.lab.words import Entry, Panel, Words
from metalib.learners import MAML, FastWeights, GradientLearner
from metalib.models import sine_net
from metalib.tasks import SineTasks, TaskBatch, sine

MAX_STEPS, MAX_SHOTS, QUERIES = 10, 20, 10
EXPLODED = 1e3  # a loss above this is shown no more: the wave itself never exceeds 25
STARTS = {
    "random": N_("random"),
    "joint": N_("joint training"),
    "maml": N_("MAML"),
    "fomaml": N_("first-order MAML"),
    "reptile": N_("Reptile"),
}


@dataclass(frozen=True)
class SineState:
    """One sine wave, and how it is learned. `draw` seeds the points."""

    start: str = choice(N_("start point"), STARTS, "maml")
    alpha: float = log_slider(N_("α (inner rate)"), 0.01, 1e-4, 1.0)
    steps: int = whole_slider(N_("inner steps"), 3, 0, MAX_STEPS)
    shots: int = whole_slider(N_("shots"), 5, 1, MAX_SHOTS)
    amplitude: float = slider(N_("amplitude A"), 2.5, 0.1, 5.0)
    phase: float = slider(N_("phase φ"), 1.0, 0.0, 3.14, step=0.02)
    draw: int = counter(N_("new draw"), N_("draw {number}"))


@dataclass(frozen=True)
class SineResult:
    """The way of one adaptation. S shots, Q queries, k inner steps, G grid points; all float arrays.

    `curves[i]` (G,) is the function after i steps, `support_loss[i]` and `query_loss[i]` its mean squared
    errors, i = 0 … k. `exploded` is the first step whose support loss is beyond `EXPLODED` or not a number.
    """

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


def adapt_sine(model: nn.Module, state: SineState) -> SineResult:
    """Adapt `model`, which maps (N, 1) to (N, 1) and is not changed, as the state says.

    One shot more adds a point and leaves the others where they are.
    """
    drawn = SineTasks(MAX_SHOTS, QUERIES).task(
        state.amplitude, state.phase, torch.Generator().manual_seed(state.draw)
    )
    shots = state.shots
    task = TaskBatch(drawn.support_x[:, :shots], drawn.support_y[:, :shots], drawn.query_x, drawn.query_y)
    x, curves, support_loss, query_loss = watch(model, task, state.alpha, state.steps)
    bad = np.flatnonzero(~(support_loss <= EXPLODED))
    return SineResult(
        x=x,
        target=sine(torch.from_numpy(x), state.amplitude, state.phase).numpy(),
        curves=curves,
        support=(flat(task.support_x), flat(task.support_y)),
        query=(flat(task.query_x), flat(task.query_y)),
        support_loss=support_loss,
        query_loss=query_loss,
        exploded=int(bad[0]) if len(bad) else None,
    )


@torch.no_grad()
def watch(model: nn.Module, task: TaskBatch, alpha: float, steps: int) -> tuple[np.ndarray, ...]:
    """The way of `model` on one task (T = 1): x (G,), curves (k+1, G), support loss and query loss (k+1,)."""
    x = torch.linspace(-5, 5, 161)
    # MAML's inner loop is plain gradient descent, whatever trained the start point.
    learner = MAML(model, alpha=alpha, first_order=True)
    path = learner.adapt_path(task.support_x, task.support_y, steps)
    # All points of the way are k+1 "tasks" of one batch, and everything that is asked of them is one input.
    adapted = FastWeights({name: torch.cat([fast[name] for fast in path]) for name in path[0]})
    inputs = torch.cat([x.view(1, -1, 1), task.support_x, task.query_x], dim=1)
    outputs = learner.predict(adapted, inputs.expand(steps + 1, -1, -1))
    curves, support, query = outputs.split([len(x), task.support_x.shape[1], task.query_x.shape[1]], dim=1)
    losses = (
        (part - y).square().mean(dim=(1, 2)).double().numpy()
        for part, y in ((support, task.support_y), (query, task.query_y))
    )
    return x.numpy(), curves[..., 0].numpy(), *losses


def flat(values: Tensor) -> np.ndarray:
    """The numbers of a (1, N, 1) tensor, (N,)."""
    return values.flatten().numpy()


class WaveCurves:
    """The wave, its points, and the function before and after every step."""

    bounds = 6.4  # of the vertical axis: the largest wave and some air

    def __init__(self, axes: Axes) -> None:
        axes.set(xlim=(-5.15, 5.15), ylim=(-self.bounds, self.bounds), xlabel="x", ylabel="y")
        axes.set_xticks(range(-4, 5, 2))
        self.target, self.before = line(axes, **look.TARGET), line(axes, **look.BEFORE)
        self.between = [line(axes, linewidth=1.8) for _step in range(MAX_STEPS - 1)]
        self.after = line(axes, **look.AFTER)
        self.query, self.support = line(axes, **look.QUERY), line(axes, **look.SUPPORT)

    def update(self, result: SineResult) -> None:
        """Show it, up to the last function before an explosion."""
        last = result.steps if result.exploded is None else max(0, result.exploded - 1)
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
            Entry(_("after each step"), {"color": look.STEPS(0.25), "linewidth": 1.8}),
            Entry(_("after the last"), look.AFTER),
            Entry(_("support"), look.SUPPORT),
            Entry(_("query"), look.QUERY),
        ]


class SinePainter(Painter):
    """Left: the function before and after every step, and the points. Right: the losses against the step."""

    height = 380
    fold = 0.612

    def build(self, figure: Figure) -> None:
        self.curves = WaveCurves(figure.add_axes((0.062, 0.155, 0.54, 0.82)))
        axes = figure.add_axes((0.695, 0.155, 0.28, 0.82))
        self.losses = StepCurves(
            axes, MAX_STEPS, ylim=(1e-4, 1e2), yscale="log", ylabel=_("mean squared error")
        )
        axes.set_yticks([10.0**power for power in range(-4, 3)])
        axes.minorticks_off()

    def update(self, state: SineState, result: SineResult) -> None:
        self.curves.update(result)
        self.losses.update(result.support_loss, result.query_loss)

    def words(self, state: SineState, result: SineResult) -> Words:
        last = look.number(result.support_loss[-1]), look.number(result.query_loss[-1])
        panels = (
            Panel(0.062, 0.64, legend=self.curves.legend()),
            Panel(0.66, 1.0, legend=self.losses.legend(*last)),
        )
        return Words(panels, explosion(state.alpha, result))

    def describe(self, state: SineState, result: SineResult) -> str:
        return losses_in_words(state, result)


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


class SineLaboratory(Laboratory):
    """The sine laboratory with its controls.

    Args:
        starts: name -> model or gradient learner to start from; by default a random network and the four
            shipped ones, "random", "joint", "maml", "fomaml" and "reptile".
        initial: values of `SineState` to begin with; the start is MAML's, or else the last one given.
    """

    def __init__(self, starts: Mapping[str, nn.Module] | None = None, **initial: Any) -> None:
        given = shipped_starts() if starts is None else starts
        models = {
            name: checked_model(name, start.model if isinstance(start, GradientLearner) else start)
            for name, start in named("starts", given, nn.Module).items()
        }
        names = {name: STARTS.get(name, name) for name in models}
        super().__init__(
            SineState,
            lambda state: adapt_sine(models[state.start], state),
            SinePainter(),
            initial={"start": "maml" if "maml" in models else list(models)[-1], **initial},
            allowed={"start": names},
        )


def checked_model(name: str, model: nn.Module) -> nn.Module:
    """The model itself; raises ValueError where it does not map (N, 1) to (N, 1)."""
    try:
        with torch.no_grad():
            shape = str(tuple(model(torch.zeros(2, 1)).shape))
    except (RuntimeError, TypeError, AttributeError) as error:
        shape = str(error).splitlines()[0]
    if shape != "(2, 1)":
        raise ValueError(
            _("{name} must map numbers (N, 1) to numbers (N, 1); from (2, 1) it gives {shape}.").format(
                name=name, shape=shape
            )
        )
    return model


def shipped_starts() -> dict[str, nn.Module]:
    """A random start and the shipped ones."""
    shipped = {name: weights.load(f"sine-{name}") for name in STARTS if name != "random"}
    return {"random": sine_net(), **shipped}
