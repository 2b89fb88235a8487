"""Telling that two examples are the same: equal to the byte, turned or mirrored, or nearly equal.

Each example gets a number, its *code*, that is equal where the examples are equal: a product with random
weights modulo 2⁶⁴, so that millions are compared by sorting. Weights that are turned give the code of the
turned picture without turning any.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 14
"""Pictures are compared nearly at this size, and smaller ones only exactly."""
NEAR = 0.08
"""Two pictures are nearly equal if, brought to `SIDE` × `SIDE`, mean 0 and length 1, they are nearer than
this. Noise of 3 % of the full range moves a drawing by 0.05 or so; of all pairs of different drawings in
Omniglot or the glyphs none is nearer than 0.12."""
CHUNK = 2000


@dataclass(frozen=True)
class Codes:
    """The codes of n examples."""

    every: np.ndarray
    """int64 (n, symmetries): of each example, and of it turned and mirrored, see `_weights`."""
    blank: np.ndarray
    """bool (n,): all its values are alike, so that equality says nothing."""

    @property
    def exact(self) -> np.ndarray:
        """(n,): equal where the examples are."""
        return self.every[:, 0]

    @cached_property
    def turned(self) -> np.ndarray:
        """(n,): equal where one example is the other, turned by quarters or mirrored."""
        return self.every.min(axis=1)

    def by_quarters(self, quarters: int) -> np.ndarray:
        """(n,): the exact codes of the examples after ``torch.rot90(x, quarters)``."""
        return self.every[:, -quarters % 4]

    def __getitem__(self, places: slice) -> Codes:
        return Codes(self.every[places], self.blank[places])


def codes(x: Tensor) -> Codes:
    """Of examples ``(n, ...)``. Pictures, ``(n, C, H, W)``, are compared as bytes, also where they are
    floating in [0, 1]; anything else exactly."""
    parts = [_codes(part) for part in x.detach().cpu().split(CHUNK)]
    return joined(parts)


def joined(parts: list[Codes]) -> Codes:
    """The codes of all of them."""
    return Codes(np.concatenate([p.every for p in parts]), np.concatenate([p.blank for p in parts]))


def _codes(x: Tensor) -> Codes:
    whole = _whole_numbers(x)
    flat = whole.reshape(len(whole), -1)
    blank = (flat == flat[:, :1]).all(axis=1) if flat.shape[1] > 1 else np.zeros(len(flat), bool)
    with np.errstate(over="ignore"):
        return Codes(flat @ _weights(whole.shape[1:]), blank)


def _whole_numbers(x: Tensor) -> np.ndarray:
    if x.dim() >= 4 and x.is_floating_point():
        return (x * 255).round().to(torch.int64).numpy()
    if x.is_floating_point():
        return (x.double() + 0.0).numpy().view(np.int64)  # −0 is 0
    return x.to(torch.int64).numpy()


@cache
def _weights(shape: tuple[int, ...]) -> np.ndarray:
    """Random weights for examples of this shape, (values, symmetries): for square pictures these weights
    turned by 0 … 3 quarters and the same mirrored, else only one column."""
    drawn = np.random.RandomState(0).randint(-(2**63), 2**63 - 1, size=shape, dtype=np.int64)
    turned = [drawn]
    if len(shape) >= 3 and shape[-1] == shape[-2]:
        turned = [np.rot90(one, k, (-2, -1)) for one in (drawn, drawn[..., ::-1]) for k in range(4)]
    return np.stack([one.reshape(-1) for one in turned], axis=1)


def outlines_of(x: Tensor) -> Tensor | None:
    """What is compared nearly: pictures ``(n, C, H, W)`` as grey points ``(n, SIDE²)`` of mean 0 and length 1
    (or 0 if blank); None for anything else, and for pictures that are smaller."""
    if x.dim() != 4 or min(x.shape[-2:]) < SIDE:
        return None
    parts = []
    for part in x.detach().cpu().split(CHUNK):
        grey = part.float().mean(dim=1, keepdim=True)
        small = F.adaptive_avg_pool2d(grey, SIDE).flatten(1)
        parts.append(F.normalize(small - small.mean(dim=1, keepdim=True), dim=1))
    return torch.cat(parts)


def nearest(asked: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """For each of the points ``(n, D)`` that `outlines_of` gives: the distance ``(n,)`` to the nearest among
    the others ``(m, D)``, and its number ``(n,)``."""
    found = [(part @ among.mT).max(dim=1) for part in asked.split(500)]
    cosine = torch.cat([one.values for one in found])
    return (2 - 2 * cosine).clamp(min=0).sqrt(), torch.cat([one.indices for one in found])
