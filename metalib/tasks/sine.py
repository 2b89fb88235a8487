"""Sine waves: the regression tasks of the MAML paper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_generator, check_positive, check_whole


class Waves(NamedTuple):
    """T sine waves and their inputs: everything that is random in a batch."""

    amplitude: Tensor
    """A, ``(T, 1, 1)``."""
    phase: Tensor
    """φ in radians, ``(T, 1, 1)``."""
    support_x: Tensor
    """``(T, shots, 1)``."""
    query_x: Tensor
    """``(T, queries, 1)``."""


@dataclass(frozen=True)
class SineTasks:
    """Regression tasks y = A · sin(x − φ), one sine wave a task.

    Amplitude A ~ U(0.1, 5), phase φ ~ U(0, π), inputs x ~ U(−5, 5): Finn et al. 2017, section 5.1.

    Args:
        shots: support points a task.
        queries: query points a task.
        amplitudes: the range of A.
        phases: the range of φ, in radians.
        inputs: the range of x.

    Raises:
        ValueError: shots or queries below 1, or an empty range.
    """

    shots: int = 10
    queries: int = 10
    amplitudes: tuple[float, float] = (0.1, 5.0)
    phases: tuple[float, float] = (0.0, math.pi)
    inputs: tuple[float, float] = (-5.0, 5.0)

    def __post_init__(self) -> None:
        for name in ("shots", "queries"):
            object.__setattr__(self, name, check_whole(name, getattr(self, name), 1))
        for name in ("amplitudes", "phases", "inputs"):
            low, high = getattr(self, name)
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError(
                    _("{name} must be a finite range (low, high) with low ≤ high, not {value}.").format(
                        name=name, value=(low, high)
                    )
                )

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw ``n_tasks`` waves and their points: x and y are ``(T, shots, 1)`` and ``(T, queries, 1)``."""
        return self.gather(*self.draw(n_tasks, generator))

    def draw(self, n_tasks: int, generator: torch.Generator) -> Waves:
        """Choose the waves and their inputs, as ``sample`` does from the same generator."""
        check_positive(n_tasks=n_tasks)
        check_generator(generator)
        amplitude = uniform(self.amplitudes, (n_tasks, 1, 1), generator)
        phase = uniform(self.phases, (n_tasks, 1, 1), generator)
        return self._waves(amplitude, phase, generator)

    def task(self, amplitude: float, phase: float, generator: torch.Generator) -> TaskBatch:
        """One wave of your choice with fresh random points: a batch of T = 1."""
        check_generator(generator)
        height, shift = (
            torch.full((1, 1, 1), float(value), device=generator.device, dtype=torch.float32)
            for value in (amplitude, phase)
        )
        return self.gather(*self._waves(height, shift, generator))

    def gather(self, amplitude: Tensor, phase: Tensor, support_x: Tensor, query_x: Tensor) -> TaskBatch:
        """The batch that ``draw`` chose: the waves' values at their inputs; for shapes see :class:`Waves`."""
        return TaskBatch(
            support_x, sine(support_x, amplitude, phase), query_x, sine(query_x, amplitude, phase)
        )

    def _waves(self, amplitude: Tensor, phase: Tensor, generator: torch.Generator) -> Waves:
        # Support before query, and each in one draw: the first points of a task stay the same when shots grow
        # by one.
        support_x = uniform(self.inputs, (len(amplitude), self.shots, 1), generator)
        query_x = uniform(self.inputs, (len(amplitude), self.queries, 1), generator)
        return Waves(amplitude, phase, support_x, query_x)


def sine(x: Tensor, amplitude: Tensor | float, phase: Tensor | float) -> Tensor:
    """A · sin(x − φ), elementwise; x and φ in radians."""
    return amplitude * torch.sin(x - phase)


def uniform(bounds: tuple[float, float], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers drawn evenly from ``bounds``, of the given shape, on the generator's device.

    They are float32 whatever the default dtype is, so that a seed always means the same tasks.
    """
    low, high = bounds
    drawn = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float32)
    return low + (high - low) * drawn
