"""The methods whose learning curves are compared, and the settings that each may choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

from metalib import weights
from metalib.i18n import _
from metalib.learners import FastWeights, FromScratch, GradientLearner, Learner, ProtoNet, task_losses
from metalib.models import conv4, sine_net

Setting = dict[str, float]
SINE_GRID = tuple(
    {"alpha": alpha, "steps": steps} for alpha, steps in product((0.003, 0.01, 0.03), (1, 10, 100, 1000))
)
GLYPH_GRID = tuple({"alpha": alpha, "steps": steps} for alpha, steps in product((0.1, 0.4, 1.0), (1, 3, 10)))
WATCHED, EXPLODED = 10, 10  # steps; times the first loss
LENGTHS = tuple({"length": length} for length in (0.5, 1.0, 1.5, 2.0, 3.0))


class SmoothCurve(Learner):
    """The smoothest curve through the points: kernel ridge regression. No network, nothing trained.

    The prediction is Σ w_i k(x, x_i) with k(a, b) = exp(−(a − b)² / 2ℓ²) and w = (K + r·1)⁻¹ y. It is
    also the mean of a Gaussian process (Rasmussen & Williams 2006, section 2.2).

    Args:
        length: ℓ, in units of x: how far a point is felt.
        ridge: r, which keeps the equations solvable where points nearly coincide.
    """

    def __init__(self, length: float = 1.0, ridge: float = 1e-6) -> None:
        super().__init__()
        self.length, self.ridge = length, ridge

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """k for each pair, float64: (T, N, 1) and (T, M, 1) give (T, N, M)."""
        return torch.exp(-(a.double() - b.double().mT).square() / (2 * self.length**2))

    def adapt(self, support_x: Tensor, support_y: Tensor) -> tuple[Tensor, Tensor]:
        """The points (T, S, 1) and their weights w (T, S, 1)."""
        ridge = self.ridge * torch.eye(support_x.shape[1], dtype=torch.float64)
        return support_x, torch.linalg.solve(self.kernel(support_x, support_x) + ridge, support_y.double())

    def predict(self, adapted: tuple[Tensor, Tensor], query_x: Tensor) -> Tensor:
        """(T, Q, 1) in, (T, Q, 1) out."""
        points, weight = adapted
        return (self.kernel(query_x, points) @ weight).to(query_x.dtype)

    @property
    def is_transductive(self) -> bool:
        return False


class Guarded(Learner):
    """A gradient learner that takes its steps back where they explode.

    With a fixed α now and then a task explodes in its first steps, and a single one spoils a mean over
    hundreds. What gives it away is the loss on the *examples*: beyond ten times its first value within
    `WATCHED` steps, or larger in the end than before. The learner knows that loss, so the guard looks
    at nothing that it should not see.
    """

    def __init__(self, learner: GradientLearner) -> None:
        super().__init__()
        self.learner = learner

    def adapt(self, support_x: Tensor, support_y: Tensor) -> FastWeights:
        """θ′ (T, ...), or θ for a task that exploded."""

        def loss(fast: FastWeights) -> Tensor:
            return task_losses(self.learner.predict(fast, support_x), support_y)

        path = self.learner.adapt_path(support_x, support_y, min(WATCHED, self.learner.steps))
        adapted = self.learner.adapt(support_x, support_y)
        losses = torch.stack([loss(fast) for fast in path])
        # A comparison with "not a number" is false: such a task is not good.
        good = (losses <= EXPLODED * losses[0]).all(dim=0) & (loss(adapted) <= losses[0])
        for name, value in adapted.items():
            kept = good.view(-1, *[1] * (value.dim() - 1))
            adapted[name] = torch.where(kept, value, path[0][name])
        return adapted

    def predict(self, adapted: FastWeights, query_x: Tensor) -> Tensor:
        """(T, Q, ...)."""
        return self.learner.predict(adapted, query_x)

    @property
    def is_transductive(self) -> bool:
        return self.learner.is_transductive


@dataclass(frozen=True)
class Method:
    """One way to learn a new task: its name, a fresh learner, and the settings to choose from."""

    name: str
    make: Callable[[], Learner]
    settings: tuple[Setting, ...] = ({},)

    def learner(self, setting: Mapping[str, float]) -> Learner:
        """The learner with one of its settings."""
        made = self.make()
        for name, value in setting.items():
            setattr(made, name, value)
        return (Guarded(made) if isinstance(made, GradientLearner) else made).eval()


def scratch_net() -> nn.Module:
    """The network of `glyphs-maml` with random weights."""
    return conv4(32, norm="batch-statistics", downsample="stride", ways=5)


def shipped(name: str) -> Callable[[], Learner]:
    """Loads shipped weights when they are needed."""
    return lambda: weights.load(name)


SINE_METHODS = {
    "plain": Method(_("smoothest curve"), SmoothCurve, LENGTHS),
    "scratch": Method(_("from scratch"), lambda: FromScratch(sine_net()), SINE_GRID),
    "joint": Method(_("joint training"), shipped("sine-joint"), SINE_GRID),
    "maml": Method(_("MAML"), shipped("sine-maml"), SINE_GRID),
}
GLYPH_METHODS = {
    "plain": Method(_("bare pixels"), lambda: ProtoNet(nn.Flatten())),
    "scratch": Method(_("from scratch"), lambda: FromScratch(scratch_net()), GLYPH_GRID),
    "joint": Method(_("plain classifier"), shipped("glyphs-embedding")),
    "maml": Method(_("MAML"), shipped("glyphs-maml"), GLYPH_GRID),
    "protonet": Method(_("ProtoNet"), shipped("glyphs-protonet")),
}
SHIPPED = ("sine-joint", "sine-maml", "glyphs-embedding", "glyphs-maml", "glyphs-protonet")
