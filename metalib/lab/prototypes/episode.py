"""What the prototype laboratory computes: deal an episode, embed it, judge it, and lay a plane through it.

The plane is that of a principal component analysis of the episode's own embeddings: it goes through their
mean, along the two directions in which they vary most. Queries are judged in the full embedding space, not in
this picture of it; `PrototypeResult.share` says how much of the variance the picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.learners.metric import DISTANCES
from metalib.tasks import Episodes, TaskBatch

MAX_WAYS, MAX_SHOTS, MAX_QUERIES = 7, 10, 8  # so many ways as there are colours that all eyes tell apart
ASPECT = 1.2  # of the window on the plane, width to height


@dataclass(frozen=True, eq=False)
class Dealt:
    """One episode: T = 1, and the same drawings as bytes for showing, ink = 255."""

    batch: TaskBatch
    support: np.ndarray  # uint8 (N, K, H, W)
    query: np.ndarray  # uint8 (N, Q, H, W)
    names: tuple[str, ...]  # (N,)


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the embedding space: the points centre + t @ axes for t (2,)."""

    centre: np.ndarray  # (D,)
    axes: np.ndarray  # (2, D), orthonormal
    share: float  # of the variance of the points that it was laid through

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., D) lie when projected onto the plane, (..., 2)."""
        return (points - self.centre) @ self.axes.T


@dataclass(frozen=True, eq=False)
class PrototypeResult:
    """What the laboratory shows: N ways, K shots, Q queries a class; embeddings of D numbers.

    `support`, `query` and `prototypes` are coordinates in the plane, and `window` (left, right, bottom, top)
    is the part of it that `regions` covers, one convex polygon a class. `distances[c, q]` are those of query
    q of class c to all prototypes, in the full space. `selected` is (class, column): columns 0 … Q − 1 are
    queries, −K … −1 the support examples in front of them.
    """

    dealt: Dealt
    embedding: str
    distance: str
    dimensions: int
    share: float
    support: np.ndarray  # (N, K, 2)
    query: np.ndarray  # (N, Q, 2)
    prototypes: np.ndarray  # (N, 2)
    window: tuple[float, float, float, float]
    regions: tuple[np.ndarray, ...]  # N polygons (M, 2), M = 0 where a class has no part of the window
    distances: np.ndarray  # (N, Q, N)
    selected: tuple[int, int]
    selected_distances: np.ndarray  # (N,), of the selected example

    @property
    def answers(self) -> np.ndarray:
        """The class of the nearest prototype of each query, (N, Q)."""
        return self.distances.argmin(axis=-1)

    @property
    def right(self) -> np.ndarray:
        """Which queries are judged right, bool (N, Q)."""
        return self.answers == np.arange(len(self.distances))[:, None]

    @property
    def accuracy(self) -> float:
        """The share of queries judged right."""
        return float(self.right.mean())

    @property
    def confusion(self) -> np.ndarray:
        """How many queries of each class (row) went to each class (column), (N, N)."""
        ways = len(self.distances)
        return np.stack([np.bincount(row, minlength=ways) for row in self.answers])


def deal(images: ImageSet, ways: int, shots: int, queries: int, draw: int) -> Dealt:
    """The episode with the number `draw`. One class or shot more adds to it and leaves the rest as it was.

    Raises:
        ValueError, TypeError: see `metalib.Episodes`.
    """
    episodes = Episodes(images, ways, shots, queries)
    generator = torch.Generator().manual_seed(draw)
    classes = torch.randperm(images.classes, generator=generator)[:ways]
    orders = [torch.randperm(images.drawings, generator=generator) for _class in range(ways)]
    drawings = torch.stack([torch.cat([order[:shots], order.flip(0)[:queries]]) for order in orders])
    batch = episodes.gather(classes.unsqueeze(0), drawings.unsqueeze(0))
    support, query = (
        (255 * part[0].mean(dim=1)).round().to(torch.uint8).unflatten(0, (ways, -1)).numpy()
        for part in (batch.support_x, batch.query_x)
    )
    return Dealt(batch, support, query, tuple(images.names[i] for i in classes.tolist()))


@torch.no_grad()
def embed(encoder: nn.Module, dealt: Dealt) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of the support set (N, K, D) and the queries (N, Q, D), as float64.

    Raises:
        ValueError: the encoder does not take such images.
    """
    batch, ways = dealt.batch, len(dealt.names)
    x = torch.cat([batch.support_x[0], batch.query_x[0]])
    try:
        embedded = encoder(x).flatten(1).double()
    except RuntimeError as error:
        raise ValueError(
            _("This embedding does not take images of the shape {shape}: {reason}").format(
                shape=tuple(x.shape[1:]), reason=str(error).splitlines()[0]
            )
        ) from error
    parts = embedded.split([batch.support_x.shape[1], batch.query_x.shape[1]])
    support, query = (part.unflatten(0, (ways, -1)).numpy() for part in parts)
    return support, query


def measure(distance: str, points: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """Distances (..., N) from points (..., D) to prototypes (N, D), by the functions that ProtoNet uses."""
    flat = torch.from_numpy(points.reshape(1, -1, points.shape[-1]))
    found = DISTANCES[distance](flat, torch.from_numpy(prototypes).unsqueeze(0))
    return found.numpy().reshape(*points.shape[:-1], len(prototypes))


def lay_plane(points: np.ndarray, prototypes: np.ndarray) -> Plane:
    """The plane of greatest variance of points (P, D); the first prototype lies to its right and upwards."""
    centre = points.mean(axis=0)
    spread = points - centre
    if len(points) < points.shape[1]:  # the smaller of the two matrices has the same variances
        variances, left = np.linalg.eigh(spread @ spread.T)
        axes = left[:, :-3:-1].T @ spread / np.sqrt(np.maximum(variances[:-3:-1], 1e-300))[:, None]
    else:
        variances, right = np.linalg.eigh(spread.T @ spread)
        axes = right[:, :-3:-1].T
    if len(axes) < 2:
        axes = np.concatenate([axes, np.zeros_like(axes)])
    signs = np.where(axes @ (prototypes[0] - centre) < 0, -1.0, 1.0)  # their signs are nobody's choice
    total = float(np.square(spread).sum())
    share = float(np.square(spread @ axes.T).sum()) / total if total else 1.0
    return Plane(centre, signs[:, None] * axes, share)


def frame(points: np.ndarray) -> tuple[float, float, float, float]:
    """A window of the fixed aspect, with some air, around points (P, 2) of the plane."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, (wide, high_) = (low + high) / 2, high - low
    half = 0.58 * max(wide / ASPECT, high_, 1e-6)
    return tuple(
        float(v)
        for v in (middle[0] - ASPECT * half, middle[0] + ASPECT * half, middle[1] - half, middle[1] + half)
    )


def regions(
    plane: Plane, prototypes: np.ndarray, distance: str, window: tuple[float, float, float, float]
) -> tuple[np.ndarray, ...]:
    """The part of the window where each class's prototype is the nearest: N convex polygons (M, 2).

    A point of the plane is z = centre + t @ axes. Its *squared* distance to p is ‖z‖² − 2 z·p + ‖p‖², and
    ‖z‖² is common to all classes; for the cosine it is ‖z‖ that is. What is left is linear in t, so one class
    is before another on one side of a straight line.
    """
    if distance == "cosine":
        weights = prototypes / np.maximum(np.linalg.norm(prototypes, axis=1, keepdims=True), 1e-12)
        bias = np.zeros(len(prototypes))
    else:
        weights, bias = 2 * prototypes, -(prototypes**2).sum(axis=1)
    constant, slopes = weights @ plane.centre + bias, weights @ plane.axes.T  # (N,), (N, 2)
    left, right, bottom, top = window
    found = []
    for way in range(len(prototypes)):
        corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top)])
        for other in range(len(prototypes)):
            if other != way:
                corners = cut(corners, slopes[way] - slopes[other], constant[way] - constant[other])
        found.append(corners)
    return tuple(found)


def cut(corners: np.ndarray, slope: np.ndarray, constant: float) -> np.ndarray:
    """The part of a convex polygon (M, 2) where slope · t + constant ≥ 0 (Sutherland and Hodgman 1974)."""
    kept: list[np.ndarray] = []
    heights = corners @ slope + constant
    for here, there, a, b in zip(
        corners, np.roll(corners, -1, 0), heights, np.roll(heights, -1), strict=True
    ):
        if a >= 0:
            kept.append(here)
        if (a >= 0) != (b >= 0):
            kept.append(here + (there - here) * (a / (a - b)))
    return np.array(kept).reshape(-1, 2)


def judge(
    dealt: Dealt,
    embedded: tuple[np.ndarray, np.ndarray],
    embedding: str,
    distance: str,
    selected: tuple[int, int],
) -> PrototypeResult:
    """Prototypes, distances and the picture of an embedded episode: the laboratory's pure function.

    Args:
        dealt, embedded: from `deal` and `embed`.
        embedding: its name in words.
        distance: "squared_euclidean", "euclidean" or "cosine".
        selected: (class, column), see `PrototypeResult`; brought back inside where it is outside.

    Raises:
        ValueError: an unknown distance, or embeddings that are not finite numbers.
    """
    if distance not in DISTANCES:
        raise ValueError(
            _("distance must be one of {known}, not {value!r}.").format(
                known=", ".join(DISTANCES), value=distance
            )
        )
    support, query = embedded
    if not (np.isfinite(support).all() and np.isfinite(query).all()):
        raise ValueError(_("The embedding {name!r} gives values that are not finite.").format(name=embedding))
    (ways, shots, dimensions), queries = support.shape, query.shape[1]
    prototypes = support.mean(axis=1)
    points = np.concatenate([support, query], axis=1).reshape(-1, dimensions)
    plane = lay_plane(points, prototypes)
    window = frame(plane.coordinates(np.concatenate([points, prototypes])))
    way, column = min(max(selected[0], 0), ways - 1), min(max(selected[1], -shots), queries - 1)
    chosen = query[way, column] if column >= 0 else support[way, shots + column]
    return PrototypeResult(
        dealt=dealt,
        embedding=embedding,
        distance=distance,
        dimensions=dimensions,
        share=plane.share,
        support=plane.coordinates(support),
        query=plane.coordinates(query),
        prototypes=plane.coordinates(prototypes),
        window=window,
        regions=regions(plane, prototypes, distance, window),
        distances=measure(distance, query, prototypes),
        selected=(way, column),
        selected_distances=measure(distance, chosen, prototypes),
    )
