"""Learners that compare: prototypes and distances."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import N_, _
from metalib.learners.base import Learner, fitting, uses_batch_statistics
from metalib.learners.batched import check_model, shared
from metalib.learners.layers import ignores_layout
from metalib.learners.losses import task_losses
from metalib.models import initialise
from metalib.tasks import Episodes, TaskBatch

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


class ProtoNet(Learner):
    """Prototypical networks: the class of the nearest prototype (Snell et al. 2017, section 2).

    A prototype is the mean embedding of a class's support examples, and p(y = c | x) is the softmax over c of
    −d(f(x), p_c) / temperature.

    Args:
        encoder: any ``nn.Module`` mapping ``(N, ...)`` to embeddings ``(N, D)`` (more dimensions are
            flattened).
        distance: ``"squared_euclidean"`` (the paper's), ``"euclidean"``, ``"cosine"``, or a function of
            queries ``(T, Q, D)`` and prototypes ``(T, ways, D)`` that gives ``(T, Q, ways)``.
        temperature: a positive number that divides the distances.
        mixed_precision: run the encoder in bfloat16 while training, where sums stay in float32; distances and
            everything after training are in float32 throughout. Two to three times as fast on processors that
            know bfloat16.

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
        super().__init__()
        check_model(encoder)
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
        # The layout in which CPUs and GPUs convolve fastest: the same numbers, for layers that work in any.
        if ignores_layout(encoder):
            encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its types
        self.encoder = encoder
        self.temperature, self.mixed_precision = temperature, mixed_precision
        self.distance = distance if callable(distance) else DISTANCES[distance]

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings ``(T, N, D)`` of ``(T, N, ...)``."""
        x = fitting(self.encoder, x)
        mixed = self.mixed_precision and self.training
        with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
            embeddings = shared(self.encoder, x)
        if mixed or not embeddings.is_floating_point():
            embeddings = embeddings.float()
        return embeddings.flatten(2)

    def embed_once(self, tasks: Episodes) -> tuple[ProtoNet, Episodes]:
        """A learner and episodes with the same answers as this one on ``tasks``, each drawing embedded once.

        A thousand 20-way episodes show each drawing of a test split some forty times.

        Raises:
            ValueError: the embedding of one drawing depends on others: the encoder uses batch statistics.
        """
        if self.is_transductive:
            raise ValueError(
                _(
                    "The encoder uses the statistics of the batch, so a drawing has another embedding in "
                    "each episode: call eval() first."
                )
            )
        device = next(self.parameters(), torch.empty(0)).device
        made = ProtoNet(nn.Identity(), self.distance, self.temperature)
        return made, tasks.mapped(lambda x: self.embed(x.unsqueeze(0).to(device))[0])

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """The prototypes ``(T, ways, D)``: the mean embedding of each label 0 … ways − 1.

        Raises:
            ValueError: no labels 0 … ways − 1, or one without a support example in some task.
        """
        if support_y.is_floating_point() or support_y.dim() != 2 or (support_y < 0).any():
            raise ValueError(
                _("Prototypes need one label for each support example, a whole number of at least 0.")
            )
        embeddings = self.embed(support_x)
        member = F.one_hot(support_y.long()).to(embeddings.dtype)  # (T, S, ways)
        count = member.sum(dim=1).unsqueeze(-1)  # (T, ways, 1)
        if (count == 0).any():
            raise ValueError(
                _(
                    "Every class needs at least one support example; in some task a label below {ways} has "
                    "none."
                ).format(ways=member.shape[-1])
            )
        return member.mT @ embeddings / count

    def predict(self, adapted: Tensor, query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``: minus the distances to the prototypes, over the temperature."""
        return -self.distance(self.embed(query_x), adapted) / self.temperature

    @property
    def is_transductive(self) -> bool:
        return uses_batch_statistics(self.encoder)


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
