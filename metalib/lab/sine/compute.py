"""One adaptation to a sine wave, and its way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from metalib.i18n import _
from metalib.lab.sine.state import EXPLODED, MAX_SHOTS, QUERIES, SineState
from metalib.learners import MAML, FastWeights
from metalib.tasks import SineTasks, TaskBatch, sine


@dataclass(frozen=True)
class SineResult:
    """The way of one adaptation. S shots, Q queries, k inner steps, G grid points; all float arrays.

    `curves[i]` (G,) is the function after i steps, `support_loss[i]` and `query_loss[i]` its mean squared
    errors, i = 0 … k. `exploded` is the first step whose support loss is beyond `EXPLODED` or not a number;
    all losses after it are infinite. `height` is that of the last curve at the hand. `length` and `distance`
    are those of θ and of its shift. `free` is the same without what pulls have moved; None where they moved
    nothing. `point` is the support point that a pull would move, None where it would move something else.
    """

    x: np.ndarray
    target: np.ndarray
    curves: np.ndarray
    support: tuple[np.ndarray, np.ndarray]
    query: tuple[np.ndarray, np.ndarray]
    support_loss: np.ndarray
    query_loss: np.ndarray
    exploded: int | None
    height: float
    length: float
    distance: float
    free: SineResult | None = None
    point: int | None = None

    @property
    def steps(self) -> int:
        """Inner steps taken."""
        return len(self.curves) - 1

    @property
    def last(self) -> int:
        """The last step that can be shown: the last before an explosion."""
        return self.steps if self.exploded is None else max(0, self.exploded - 1)


def adapt_sine(model: nn.Module, state: SineState) -> SineResult:
    """Adapt `model`, which maps (N, 1) to (N, 1) and is not changed, as the state says.

    One shot more adds a point and leaves the others where they are.
    """
    result = way(model, state)
    return replace(result, free=way(model, state.put_back())) if state.moved else result


def way(model: nn.Module, state: SineState) -> SineResult:
    """The adaptation itself."""
    task = task_of(state)
    x, hand = torch.linspace(-5, 5, 161), torch.tensor([state.hand])
    inputs = torch.cat([x, hand])
    learner = Shifted(model, state.alpha, state.shift)
    curves, support_loss, query_loss = watch(learner, task, inputs, state.steps)
    bad = np.flatnonzero(~(support_loss <= EXPLODED))
    exploded = int(bad[0]) if len(bad) else None
    if exploded is not None:  # what lies beyond is noise
        support_loss[exploded + 1 :] = query_loss[exploded + 1 :] = np.inf
    theta = learner.start(task.support_x, task.support_y)
    result = SineResult(
        x=x.numpy(),
        target=sine(x, state.amplitude, state.phase).numpy(),
        curves=curves[:, :-1],
        support=(flat(task.support_x), flat(task.support_y)),
        query=(flat(task.query_x), flat(task.query_y)),
        support_loss=support_loss,
        query_loss=query_loss,
        exploded=exploded,
        height=0.0,
        length=float(np.sqrt(sum(value.detach().double().square().sum().item() for value in theta.values()))),
        distance=float(np.linalg.norm(state.shift)),
    )
    return replace(result, height=float(curves[result.last, -1]))


def task_of(state: SineState) -> TaskBatch:
    """The points of a state, as a batch of T = 1."""
    drawn = SineTasks(MAX_SHOTS, QUERIES).task(
        state.amplitude, state.phase, torch.Generator().manual_seed(state.draw)
    )
    x, y = drawn.support_x[:, : state.shots].clone(), drawn.support_y[:, : state.shots].clone()
    for which, *place in state.moved_shots:
        x[0, which], y[0, which] = place
    return TaskBatch(x, y, drawn.query_x, drawn.query_y)


class Shifted(MAML):
    """MAML from a start that lies beside the model's own."""

    def __init__(self, model: nn.Module, alpha: float, shift: tuple[float, ...]) -> None:
        # MAML's inner loop is plain gradient descent, whatever trained the start point.
        super().__init__(model, alpha=alpha, first_order=True)
        self.shift = shift

    def start(self, support_x: Tensor, support_y: Tensor) -> dict[str, Tensor]:
        return moved_by(self.shift, super().start(support_x, support_y))


def moved_by(shift: tuple[float, ...], theta: dict[str, Tensor]) -> dict[str, Tensor]:
    """θ (1, ...) with the shift added, as many numbers as θ has, parameter by parameter; () is none.

    Raises:
        ValueError: the shift has another number of numbers.
    """
    sizes = [value.numel() for value in theta.values()]
    if not shift:
        return theta
    if sum(sizes) != len(shift):
        raise ValueError(
            _("shift must have as many numbers as θ, {size}, not {given}.").format(
                size=sum(sizes), given=len(shift)
            )
        )
    parts = torch.tensor(shift, dtype=torch.float64).split(sizes)
    return {
        name: (value.double() + part.view_as(value)).to(value.dtype)
        for (name, value), part in zip(theta.items(), parts, strict=True)
    }


@torch.no_grad()
def watch(learner: MAML, task: TaskBatch, x: Tensor, steps: int) -> tuple[np.ndarray, ...]:
    """The way of a learner on one task (T = 1) at inputs x (G,): curves (k+1, G), support loss and query loss
    (k+1,)."""
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
    return curves[..., 0].numpy(), *losses


def flat(values: Tensor) -> np.ndarray:
    """The numbers of a (1, N, 1) tensor, (N,)."""
    return values.flatten().numpy()
