"""The methods whose learning curves are compared, and the settings that each may choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

from torch import nn

from metalib import weights
from metalib.i18n import N_, _
from metalib.learners import FromScratch, GradientLearner, Guarded, Learner, ProtoNet, SmoothCurve
from metalib.models import conv4, sine_net

Setting = dict[str, float]
SINE_GRID = tuple(
    {"alpha": alpha, "steps": steps} for alpha, steps in product((0.003, 0.01, 0.03), (1, 10, 100, 1000))
)
GLYPH_GRID = tuple({"alpha": alpha, "steps": steps} for alpha, steps in product((0.1, 0.4, 1.0), (1, 3, 10)))
LENGTHS = tuple({"length": length} for length in (0.5, 1.0, 1.5, 2.0, 3.0))


@dataclass(frozen=True)
class Method:
    """One way to learn a new task: its label, a fresh learner, and the settings to choose from."""

    label: str
    make: Callable[[], Learner]
    settings: tuple[Setting, ...] = ({},)

    @property
    def name(self) -> str:
        """The label in the learner's language."""
        return _(self.label)

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
    "plain": Method(N_("smoothest curve"), SmoothCurve, LENGTHS),
    "scratch": Method(N_("from scratch"), lambda: FromScratch(sine_net()), SINE_GRID),
    "joint": Method(N_("joint training"), shipped("sine-joint"), SINE_GRID),
    "maml": Method(N_("MAML"), shipped("sine-maml"), SINE_GRID),
}
GLYPH_METHODS = {
    "plain": Method(N_("bare pixels"), lambda: ProtoNet(nn.Flatten())),
    "scratch": Method(N_("from scratch"), lambda: FromScratch(scratch_net()), GLYPH_GRID),
    "joint": Method(N_("plain classifier"), shipped("glyphs-embedding")),
    "maml": Method(N_("MAML"), shipped("glyphs-maml"), GLYPH_GRID),
    "protonet": Method(N_("ProtoNet"), shipped("glyphs-protonet")),
}
SHIPPED = ("sine-joint", "sine-maml", "glyphs-embedding", "glyphs-maml", "glyphs-protonet")
