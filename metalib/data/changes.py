"""What can befall a drawing on its way to a learner: it is turned, or drawn with another pen."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

FINE = 4  # parts of a pixel in which a pen's width is measured


def turned(images: Tensor, degrees: float) -> Tensor:
    """Images (..., 1, H, H) turned anticlockwise about their middle, interpolated; paper (0) comes in."""
    flat = images.flatten(0, -4)
    angle = math.radians(degrees)
    matrix = torch.tensor([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]])
    grid = F.affine_grid(matrix.expand(len(flat), 2, 3), list(flat.shape), align_corners=False)
    return F.grid_sample(flat, grid, align_corners=False).view_as(images)


def thickened(images: Tensor, amount: float) -> Tensor:
    """Images (..., 1, H, W) in [0, 1] whose strokes are `amount` pixels wider on each side, in quarters of a
    pixel; a negative amount makes them thinner."""
    reach = round(FINE * abs(amount))
    fine = images.flatten(0, -4).repeat_interleave(FINE, dim=-1).repeat_interleave(FINE, dim=-2)
    fine = 1 - fine if amount < 0 else fine  # to thin the ink is to thicken the paper
    fine = F.pad(fine, (reach,) * 4, mode="replicate")
    for window in ((1, 2 * reach + 1), (2 * reach + 1, 1)):  # the darkest in reach: along rows, then columns
        fine = F.max_pool2d(fine, window, stride=1)
    fine = 1 - fine if amount < 0 else fine
    return F.avg_pool2d(fine, FINE).view_as(images)
