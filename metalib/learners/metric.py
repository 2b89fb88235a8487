"""Learners that compare: prototypes and distances."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import N_, _
from metalib.learners.embedding import Embedding, members
from metalib.learners.losses import task_losses
from metalib.models import initialise
from metalib.tasks import TaskBatch

Distance = Callable[[Tensor, Tensor], Tensor]


def squared_euclidean(queries: Tensor, prototypes: Tensor) -> Tensor:
    """‖q − p‖² for each pair: ``(T, Q, D)`` and ``(T, ways, D)`` give ``(T, Q, ways)``.

    Computed from the differences, not from the expanded square: that cancels badly in float32 where
    embeddings are large.
    """
    return (queries.unsqueeze(2) - prototypes.unsqueeze(1)).square().sum(dim=-1)


def euclidean(queries: Tensor, prototypes: Tensor) -> Tensor:
    """‖q − p‖, shapes as :func:`squared_euclidean`. The same nearest prototype, another loss and gradient."""
    return torch.linalg.vector_norm(queries.unsqueeze(2) - prototypes.unsqueeze(1), dim=-1)


def cosine(queries: Tensor, prototypes: Tensor) -> Tensor:
    """1 − cos(q, p), shapes as :func:`squared_euclidean`. It lies in [0, 2]: train it with a temperature
    below 1."""
    return 1 - F.normalize(queries, dim=-1) @ F.normalize(prototypes, dim=-1).mT


DISTANCES: dict[str, Distance] = {
    "squared_euclidean": squared_euclidean,
    "euclidean": euclidean,
    "cosine": cosine,
}
"""The distances that have a name: what options, recipes and laboratories call them, and the functions."""
DISTANCE_LABELS: dict[str, str] = {
    "squared_euclidean": N_("squared Euclidean"),
    "euclidean": N_("Euclidean"),
    "cosine": N_("cosine"),
}
"""What a learner reads for each of them; whoever shows one calls ``_`` on it."""


class ProtoNet(Embedding):
    """Prototypical networks: the class of the nearest prototype (Snell et al. 2017, section 2).

    A prototype is the mean embedding of a class's support examples, and p(y = c | x) is the softmax over c of
    −d(f(x), p_c) / temperature.

    Args:
        encoder, mixed_precision: see :class:`Embedding`.
        distance: ``"squared_euclidean"`` (the paper's), ``"euclidean"``, ``"cosine"``, or a function of
            queries ``(T, Q, D)`` and prototypes ``(T, ways, D)`` that gives ``(T, Q, ways)``.
        temperature: a positive number that divides the distances.

    In training, batch normalisation with running statistics sees the episodes of a batch together; any other
    encoder, and every one in evaluation mode, answers for each episode by itself.

    Raises:
        TypeError: the encoder is no module, or the temperature no number.
        ValueError: an unknown distance or a temperature that is not positive.
    """

    def __init__(
        self,
        encoder: nn.Module,
        distance: str | Distance = "squared_euclidean",
        temperature: float = 1.0,
        mixed_precision: bool = False,
    ):
        super().__init__(encoder, mixed_precision)
        if not callable(distance) and distance not in DISTANCES:
            raise ValueError(
                _("distance must be one of {known} or a function, not {value!r}.").format(
                    known=", ".join(DISTANCES), value=distance
                )
            )
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
            raise TypeError(_("temperature must be a number, not {value!r}.").format(value=temperature))
        if not 0 < temperature < math.inf:
            raise ValueError(_("temperature must be positive, not {value}.").format(value=temperature))
        self.temperature = temperature
        self.distance = distance if callable(distance) else DISTANCES[distance]

    def over(self, encoder: nn.Module) -> ProtoNet:
        return ProtoNet(encoder, self.distance, self.temperature)

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """The prototypes ``(T, ways, D)``: the mean embedding of each label 0 … ways − 1.

        Raises:
            ValueError: no labels 0 … ways − 1, or one without a support example in some task.
        """
        embeddings = self.embed(support_x)
        member = members(support_y, embeddings.dtype)  # (T, S, ways)
        return member.mT @ embeddings / member.sum(dim=1).unsqueeze(-1)

    def predict(self, adapted: Tensor, query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``: minus the distances to the prototypes, over the temperature."""
        return -self.distance(self.embed(query_x), adapted) / self.temperature


class NearestCentroid(ProtoNet):
    """The plain-embedding baseline: an ordinary classifier, then the nearest centroid in its features.

    No episodes in training: a linear layer on the encoder learns to tell all ``classes`` apart, and is thrown
    away (Chen et al. 2019; Tian et al. 2020). Train it on ``Episodes(..., global_labels=True)``, whose labels
    are the classes themselves.

    Args:
        encoder, distance, temperature, mixed_precision: see :class:`ProtoNet`.
        features: the length D of an embedding.
        classes: the number of training classes.
    """

    def __init__(
        self,
        encoder: nn.Module,
        features: int,
        classes: int,
        distance: str | Distance = "squared_euclidean",
        temperature: float = 1.0,
        mixed_precision: bool = False,
    ):
        super().__init__(encoder, distance, temperature, mixed_precision)
        self.head = initialise(nn.Linear(features, classes))

    def loss(self, batch: TaskBatch) -> Tensor:
        x = torch.cat([batch.support_x, batch.query_x], dim=1)
        y = torch.cat([batch.support_y, batch.query_y], dim=1)
        return task_losses(self.head(self.embed(x)), y).mean()
