"""The Gittins index of a Bernoulli arm in a game of finite length."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from metalib.i18n import _
from metalib.rl.players import CountingPlayer
from metalib.tasks.batch import check_positive

RATES = np.linspace(0, 1, 129)
"""Sure rewards that an arm is weighed against; between them the index is interpolated."""


class Gittins(CountingPlayer):
    """The arm with the largest finite-horizon Gittins index (Kaufmann 2018, "On Bayesian index policies for
    sequential resource allocation").

    The index of an arm with s successes, f failures and r pulls left is the sure reward λ a pull at which one
    would as soon leave this arm for good: so it counts what may be learned about the arm, and how long that
    is of use. It weighs one arm at a time; for discounted games without end that is optimal (Gittins 1979),
    for finite ones nearly.

    Args:
        pulls: the longest game, T.
    """

    def __init__(self, pulls: int = 100) -> None:
        check_positive(pulls=pulls)
        self.most = pulls

    def start(self, n: int, arms: int, pulls: int) -> None:
        if pulls > self.most:
            raise ValueError(_("This player knows games of at most {n} pulls.").format(n=self.most))
        super().start(n, arms, pulls)

    @cached_property
    def table(self) -> Tensor:
        """The index (T + 1, T + 1, T + 1) by pulls left, successes and failures; 0 where that cannot be."""
        size = self.most
        table = np.zeros((size + 1, size + 1, size + 1), np.float32)
        values = np.zeros((size + 1, size + 1, len(RATES)), np.float32)  # of states (s, f), no pull left
        s, f = np.mgrid[:size, :size]
        p = ((s + 1) / (s + f + 2)).astype(np.float32)[..., None]
        for left in range(1, size + 1):
            n = size - left + 1  # so many counts there may be with `left` pulls to come
            stay = p[:n, :n] * (1 + values[1 : n + 1, :n]) + (1 - p[:n, :n]) * values[:n, 1 : n + 1]
            leave = (RATES * left).astype(np.float32)
            table[left, :n, :n] = _crossing(stay - leave)
            values = np.maximum(stay, leave)
        return torch.from_numpy(table)

    def scores(self, generator: torch.Generator) -> Tensor:
        left = self.pulls - self.pull
        return self.table[left, self.successes.long(), self.failures.long()]


def _crossing(more: np.ndarray) -> np.ndarray:
    """Where functions of λ that fall, (..., L), reach 0 (they do not fall below, but for rounding)."""
    reached = (more <= 1e-5 * np.abs(more).max()).argmax(axis=-1)
    before = np.maximum(reached - 1, 0)
    high, low = (np.take_along_axis(more, at[..., None], -1)[..., 0] for at in (before, reached))
    step = RATES[1] - RATES[0]
    return RATES[before] + step * np.clip(high / np.maximum(high - low, 1e-9), 0, 1)
