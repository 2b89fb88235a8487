"""The contestants of the meta-step: the tools of `metalib.peers`, and metalib compiled.

A *builder* takes ``(model, batch, alpha, steps)`` and returns the step: a call that gives the meta-loss and
the meta-gradient, one array for each parameter of the model and in its order. It raises ImportError where its
library is missing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import nn

from metalib import MAML, TaskBatch
from metalib.compiler import find_compiler
from metalib.peers import TOOLS, Tool

Step = Callable[[], tuple[object, Sequence[object]]]
Builder = Callable[[nn.Module, TaskBatch, float, int], Step]


def builder(tool: Tool) -> Builder:
    """A tool's meta-step, without the fast weights."""

    def build(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
        step = tool.step(model, batch, alpha, steps)
        return lambda: step()[:2]

    return build


def compiled(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """metalib.MAML(compile=True): loss and gradient as one program."""
    if not find_compiler():
        raise ImportError("no C++ compiler")
    learner = MAML(copy.deepcopy(model), alpha, steps, compile=True)
    theta = list(learner.model.parameters())

    def step() -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        loss = learner.loss(batch)
        return loss.detach(), torch.autograd.grad(loss, theta)

    return step


BUILDERS: dict[str, Builder] = {
    "plain loop": builder(TOOLS["pytorch"]),
    "metalib batched": builder(TOOLS["ours"]),
    "metalib compiled": compiled,
    **{TOOLS[key].title: builder(TOOLS[key]) for key in ("learn2learn", "higher", "torchopt", "tensorflow")},
    "JAX jit": builder(TOOLS["jax"]),
}

COMPILER = "needs a C++ compiler (Debian: apt install g++; macOS: xcode-select --install)."
INSTALL = {name: "`make peers` installs it." for name in BUILDERS} | {"metalib compiled": COMPILER}
