"""The dial: kinds of drawing, further and further from those that a learner knows.

A domain is a way of drawing. Here every domain is made from drawings that are there, by a pure function of
images ``(..., C, H, W)`` in [0, 1] and a strength: 0 leaves them as they are, 1 is as far as the dial goes.
Where chance has a part (noise, an unsteady hand), it is drawn from the picture itself: the same drawing
always gets the same noise, whatever lies beside it in a batch, and two drawings get different noise. So a
change can be computed once for each drawing, and support and query never share their noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metalib.data.changes import FINE, thickened, turned
from metalib.i18n import N_, _

LARGEST_TURN = 90.0  # degrees
THICKEST, THINNEST = 2.0, -0.75  # pixels on each side of a stroke
LARGEST_SLANT = 1.0  # pixels to the right for each pixel upwards: 45 degrees
LARGEST_NOISE = 0.6  # standard deviation; ink is 1, paper 0
LARGEST_WOBBLE = 3.0  # pixels, standard deviation

SHIFTS: dict[str, str] = {
    "rotation": N_("turned"),
    "slant": N_("slanted"),
    "thick": N_("thicker pen"),
    "thin": N_("thinner pen"),
    "wobble": N_("unsteady hand"),
    "noise": N_("noise"),
    "inversion": N_("black and white exchanged"),
}
"""The kinds of shift, and what a learner reads for each; whoever shows one calls ``_`` on it."""


@dataclass(frozen=True)
class Shift:
    """One place of the dial: a function of images ``(..., C, H, W)`` in [0, 1] that gives as many.

    ``metalib.Changed(tasks, shift, support=True)`` and ``episodes.mapped(shift)`` are tasks in a *new
    domain*, support and query alike; ``metalib.Changed(tasks, shift)`` opens a *gap* between the two.

    Args:
        kind: one of ``SHIFTS``. "rotation" turns anticlockwise, by up to 90°. "slant" leans to the right, by
            up to 45°. "thick" and "thin" are another pen. "wobble" bends
            each drawing in its own way. "noise" adds normal noise and cuts at 0 and 1. "inversion" exchanges
            black and white from the left edge to the share ``strength`` of the picture: ink and paper that
            faded into each other would be one grey halfway.
        strength: 0 … 1; 0 changes nothing.
        seed: of the chance in "wobble" and "noise".

    Raises:
        ValueError: another kind, or a strength outside of [0, 1].
    """

    kind: str
    strength: float
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in SHIFTS:
            raise ValueError(
                _("kind must be one of {kinds}, not {kind!r}.").format(
                    kinds=", ".join(SHIFTS), kind=self.kind
                )
            )
        if not 0 <= self.strength <= 1:
            raise ValueError(
                _("strength must lie between 0 and 1; {strength} does not.").format(strength=self.strength)
            )

    def __call__(self, images: Tensor) -> Tensor:
        """The images ``(..., C, H, W)`` in this domain."""
        if self.strength == 0:
            return images
        batch = images if images.dim() > 3 else images.unsqueeze(0)
        return MAKERS[self.kind](batch, float(self.strength), self.seed).clamp(0, 1).view_as(images)


def slanted(images: Tensor, slope: float) -> Tensor:
    """Images (..., C, H, W) that lean to the right by `slope` pixels for each pixel upwards."""
    rows = torch.linspace(1, -1, images.shape[-2]) * (1 - 1 / images.shape[-2])  # upwards, the middle is 0
    moved = slope * rows * images.shape[-2] / images.shape[-1]
    return _pulled(images, moved.unsqueeze(-1).expand(images.shape[-2:]), torch.zeros(images.shape[-2:]))


def drawn_with(images: Tensor, amount: float) -> Tensor:
    """Images (..., 1, H, W) whose strokes are `amount` pixels wider on each side: `thickened`, and a mixture
    of two between its quarters of a pixel."""
    below = math.floor(FINE * amount)
    mixed = FINE * amount - below
    pictures = thickened(images, below / FINE)
    return torch.lerp(pictures, thickened(images, (below + 1) / FINE), mixed) if mixed else pictures


def wobbled(images: Tensor, pixels: float, seed: int = 0) -> Tensor:
    """Images (..., C, H, W), each bent by a smooth random displacement of its own, normal with the standard
    deviation `pixels` in both directions."""
    height, width = images.shape[-2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    turns = [0.5 * math.pi * (a * x + b * y) for a, b in BENDS]
    waves = torch.stack([wave for turn in turns for wave in (turn.sin(), turn.cos())])  # (B, H, W)
    # sin² + cos² = 1, so a displacement is normal with variance 1 at every point.
    weights = normal(images, 2 * len(waves), seed).unflatten(-1, (2, -1)) / math.sqrt(len(BENDS))
    moves = torch.einsum("...ab,bhw->...ahw", weights.to(waves), waves)  # (..., 2, H, W)
    return _pulled(images, *(2 * pixels / torch.tensor([width, height]).view(2, 1, 1) * moves).unbind(-3))


BENDS = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1), (1, 2))
"""The waves of an unsteady hand: half periods across the picture, to the right and downwards."""


def noisy(images: Tensor, deviation: float, seed: int = 0) -> Tensor:
    """Images (..., C, H, W) with normal noise of that standard deviation on every pixel."""
    return images + deviation * normal(images, images.shape[-3:].numel(), seed).view(images.shape)


def exchanged(images: Tensor, share: float) -> Tensor:
    """Images (..., C, H, W) whose left `share` has black and white exchanged; a column may be in between."""
    columns = torch.arange(images.shape[-1], dtype=images.dtype, device=images.device)
    inside = (share * images.shape[-1] - columns).clamp(0, 1)
    return images + inside * (1 - 2 * images)


MAKERS: dict[str, Callable[[Tensor, float, int], Tensor]] = {
    "rotation": lambda x, s, seed: turned(x, LARGEST_TURN * s),
    "slant": lambda x, s, seed: slanted(x, LARGEST_SLANT * s),
    "thick": lambda x, s, seed: drawn_with(x, THICKEST * s),
    "thin": lambda x, s, seed: drawn_with(x, THINNEST * s),
    "wobble": lambda x, s, seed: wobbled(x, LARGEST_WOBBLE * s, seed),
    "noise": lambda x, s, seed: noisy(x, LARGEST_NOISE * s, seed),
    "inversion": lambda x, s, seed: exchanged(x, s),
}


def _pulled(images: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Each pixel taken from elsewhere, interpolated: from as far to the left as `right` says, and so on.

    right, down: (H, W) or (..., H, W), in halves of the picture. Paper (0) comes in.
    """
    flat = images.flatten(0, -4)
    height, width = images.shape[-2:]
    still = F.affine_grid(torch.eye(2, 3).unsqueeze(0), [1, 1, height, width], align_corners=False)
    away = torch.stack([right, down], dim=-1).reshape(-1, height, width, 2)
    grid = (still - away).to(images).expand(len(flat), -1, -1, -1)
    return F.grid_sample(flat, grid, align_corners=False).view_as(images)


def normal(images: Tensor, count: int, seed: int) -> Tensor:
    """So many normal numbers for each of the images (..., C, H, W), (..., count): the same ones for the same
    picture, wherever it lies."""
    pixels = (255 * images).round().long().flatten(-3)  # (..., C·H·W)
    place = torch.arange(pixels.shape[-1], device=images.device)
    key = _mixed((pixels * _mixed(place + 1)).sum(dim=-1, keepdim=True))
    number = _mixed(torch.arange(count, device=images.device) + 7919 * (seed + 1))
    uniform = (_mixed(key ^ number).double() + 0.5) / 2**32
    return (math.sqrt(2) * torch.erfinv(2 * uniform - 1)).to(images.dtype)


def _mixed(numbers: Tensor) -> Tensor:
    """Whole numbers, each made into one of 0 … 2³² − 1 that looks random (the last steps of MurmurHash3)."""
    low = 2**32 - 1
    numbers = numbers & low
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        numbers = ((numbers ^ (numbers >> shift)) * factor) & low
    return numbers ^ (numbers >> 16)
