"""Random numbers for one run of a probe: shapes and values, all from one seed."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Draw:
    """What a probe draws its inputs with. The same seed gives the same inputs, in float32."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def different(self, count: int, low: int, high: int) -> list[int]:
        """`count` different whole numbers from `low` to `high`: sizes for shapes in which no axis is like
        another, so that a wrong one shows."""
        if count > high - low + 1:
            raise ValueError(f"There are no {count} different whole numbers from {low} to {high}.")
        return [low + int(i) for i in torch.randperm(high - low + 1, generator=self.generator)[:count]]

    def number(self, low: float, high: float, digits: int = 3) -> float:
        """A Python float between `low` and `high`, rounded so that a label can show it."""
        share = float(torch.rand((), generator=self.generator, dtype=torch.float64))
        return round(low + share * (high - low), digits)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal values."""
        return torch.randn(shape, generator=self.generator)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Values spread evenly from `low` to `high`."""
        return low + (high - low) * torch.rand(shape, generator=self.generator)

    def order(self, n: int) -> Tensor:
        """The numbers 0 … n − 1 in a random order, shape (n,)."""
        return torch.randperm(n, generator=self.generator)

    def one_of(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[self.whole(0, len(options) - 1)]
