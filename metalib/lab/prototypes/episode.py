"""What the prototype laboratory computes: deal an episode, embed it, judge it, and lay a plane through it.

The plane is that of a principal component analysis of the episode's own embeddings: it goes through them
along the two directions in which they vary most. Queries are judged in the full embedding space, not in this
picture of it; `Plane.share` says how much of the variance the picture shows.

Shapes: N ways, K shots, Q queries a class, embeddings of D numbers. The examples of a class are its K support
examples and, behind them, its Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from metalib.data import ImageSet
from metalib.data.images import grey
from metalib.i18n import _
from metalib.lab.arguments import of_images
from metalib.learners import DISTANCES
from metalib.tasks import Episodes

ASPECT = 1.2  # of the window on the plane, width to height
WINDOW = np.array([(-ASPECT, -1), (ASPECT, -1), (ASPECT, 1), (-ASPECT, 1)])  # its corners, all around


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the embedding space: the points centre + unit · t @ axes for t (2,). The `WINDOW` on it is
    |t₀| ≤ ASPECT and |t₁| ≤ 1."""

    centre: np.ndarray  # (D,)
    axes: np.ndarray  # (2, D), orthonormal
    unit: float  # half the height of the window
    share: float  # of the variance of the points that it was laid through

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., D) lie when projected onto the plane: t (..., 2)."""
        return (points - self.centre) @ self.axes.T / self.unit

    def points(self, t: np.ndarray) -> np.ndarray:
        """The points (..., D) of the plane at t (..., 2)."""
        return self.centre + self.unit * t @ self.axes


@dataclass(frozen=True, eq=False)
class PrototypeResult:
    """An episode, judged. `examples`, `prototypes` and the polygons of `regions` are places in the plane."""

    pictures: Tensor  # uint8 (N, K + Q, C, H, W)
    names: tuple[str, ...]  # (N,)
    plane: Plane
    examples: np.ndarray  # (N, K + Q, 2)
    prototypes: np.ndarray  # (N, 2)
    regions: tuple[np.ndarray, ...]  # N polygons (M, 2)
    stands_in: np.ndarray  # (N,): in whose region each prototype is drawn; it may lie off the plane
    distances: np.ndarray  # (N, K + Q, N): of each example to each prototype, in the full space
    answers: np.ndarray  # (N, Q): the class of the prototype that is nearest to a query

    @property
    def drawings(self) -> np.ndarray:
        """The pictures to look at, uint8 (N, K + Q, H, W)."""
        return grey(self.pictures).numpy()

    @property
    def right(self) -> np.ndarray:
        """Which queries are judged right, bool (N, Q)."""
        return self.answers == np.arange(len(self.answers))[:, None]

    @property
    def misjudged(self) -> list[tuple[int, int]]:
        """Those that are not, as (class, query)."""
        return [(int(way), int(query)) for way, query in np.argwhere(~self.right)]

    @property
    def confusion(self) -> np.ndarray:
        """How many queries of each class (row) went to each class (column), (N, N)."""
        return np.stack([np.bincount(row, minlength=len(self.answers)) for row in self.answers])


def deal(images: ImageSet, ways: int, shots: int, queries: int, draw: int) -> tuple[Tensor, tuple[str, ...]]:
    """Pictures (N, K + Q, C, H, W) and names of the classes of the episode with the number `draw`. One class
    or shot more adds to it and leaves the rest as it was.

    Raises:
        ValueError, TypeError: see `metalib.Episodes`.
    """
    episodes = Episodes(images, ways, shots, queries)
    generator = torch.Generator().manual_seed(draw)
    classes = torch.randperm(images.classes, generator=generator)[:ways]
    orders = [torch.randperm(images.drawings, generator=generator) for _class in range(ways)]
    drawings = torch.stack([torch.cat([order[:shots], order.flip(0)[:queries]]) for order in orders])
    pictures = episodes.pictures(classes.unsqueeze(0), drawings.unsqueeze(0))[0]
    return pictures, tuple(images.names[i] for i in classes.tolist())


@torch.no_grad()
def embed(encoder: nn.Module, pictures: Tensor) -> np.ndarray:
    """Embeddings of pictures (N, K + Q, C, H, W): float64 (N, K + Q, D).

    Raises:
        ValueError: the encoder does not take such images, or gives values that are not finite.
    """
    x = pictures.float().div(255).flatten(0, 1)
    embedded = of_images(_("This embedding"), encoder, x).flatten(1).double()
    if not embedded.isfinite().all():
        raise ValueError(_("This embedding gives values that are not finite."))
    return embedded.unflatten(0, pictures.shape[:2]).numpy()


def judge(
    pictures: Tensor, names: tuple[str, ...], embedded: np.ndarray, shots: int, distance: str
) -> PrototypeResult:
    """Judge an episode (see `deal`, `embed`) by a distance of `metalib.learners.DISTANCES`."""
    prototypes = embedded[:, :shots].mean(axis=1)
    points = embedded.reshape(-1, embedded.shape[-1])
    plane = lay_plane(points, prototypes[0])
    distances = measure(points, prototypes, distance).reshape(*embedded.shape[:2], -1)
    places = plane.coordinates(prototypes)
    return PrototypeResult(
        pictures=pictures,
        names=names,
        plane=plane,
        examples=plane.coordinates(embedded),
        prototypes=places,
        regions=regions(plane, prototypes, distance),
        stands_in=measure(plane.points(places), prototypes, distance).argmin(axis=-1),
        distances=distances,
        answers=distances[:, shots:].argmin(axis=-1),
    )


def measure(points: np.ndarray, prototypes: np.ndarray, distance: str) -> np.ndarray:
    """The distances of points (P, D) to prototypes (N, D), (P, N)."""
    return DISTANCES[distance](torch.from_numpy(points)[None], torch.from_numpy(prototypes)[None])[0].numpy()


def lay_plane(points: np.ndarray, first: np.ndarray) -> Plane:
    """The plane of greatest variance of points (P, D), with all of them in its window. The signs of its axes
    are nobody's choice: let the point `first` (D,) lie to the right and upwards of the mean."""
    mean = points.mean(axis=0)
    spread = points - mean
    variances, vectors = np.linalg.eigh(spread @ spread.T)  # of the points: they are fewer than 200
    largest = np.maximum(variances[:-3:-1], 1e-12 * variances[-1] + 1e-300)  # there may be less than two
    axes = vectors[:, :-3:-1].T @ spread / np.sqrt(largest)[:, None]
    axes *= np.where(axes @ (first - mean) < 0, -1.0, 1.0)[:, None]
    flat, total = spread @ axes.T, np.square(spread).sum()
    low, high = flat.min(axis=0), flat.max(axis=0)
    unit = 0.58 * max(*((high - low) / (ASPECT, 1)), 1e-6)  # with some air around
    share = float(np.square(flat).sum() / total) if total else 1.0
    return Plane(mean + (low + high) / 2 @ axes, axes, unit, share)


def regions(plane: Plane, prototypes: np.ndarray, distance: str) -> tuple[np.ndarray, ...]:
    """The part of the window where each class's prototype is the nearest: N convex polygons (M, 2), with
    M = 0 where there is none.

    The *squared* distance of a point z to p is ‖z‖² − 2 z·p + ‖p‖², and ‖z‖² is common to all classes; for
    the cosine it is ‖z‖ that is. What is left is linear in t, so one class is before another on one side of
    a straight line.
    """
    weights, bias = 2 * prototypes, -(prototypes**2).sum(axis=1)
    if distance == "cosine":
        weights, bias = prototypes / np.maximum(np.sqrt(-bias), 1e-12)[:, None], 0 * bias
    constant, slopes = weights @ plane.centre + bias, plane.unit * weights @ plane.axes.T  # (N,), (N, 2)
    found = []
    for slope, height in zip(slopes, constant, strict=True):
        corners = WINDOW
        for other_slope, other_height in zip(slopes, constant, strict=True):
            corners = cut(corners, slope - other_slope, height - other_height)
        found.append(corners)
    return tuple(found)


def cut(corners: np.ndarray, slope: np.ndarray, constant: float) -> np.ndarray:
    """The part of a convex polygon (M, 2) where slope · t + constant ≥ 0 (Sutherland and Hodgman 1974)."""
    kept: list[np.ndarray] = []
    heights = corners @ slope + constant
    nexts = zip(np.roll(corners, -1, 0), np.roll(heights, -1), strict=True)
    for here, a, (there, b) in zip(corners, heights, nexts, strict=True):
        if a >= 0:
            kept.append(here)
        if (a >= 0) != (b >= 0):
            kept.append(here + (there - here) * (a / (a - b)))
    return np.array(kept).reshape(-1, 2)
