"""Learners that use examples without labels: for the statistics of a domain, and for better prototypes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.base import Learner, batch_norms, fitting
from metalib.learners.metric import Distance, ProtoNet
from metalib.learners.swapped import copied


@torch.no_grad()
def restandardised(model: nn.Module, x: Tensor) -> nn.Module:
    """A copy of the model, in evaluation mode, whose batch normalisation has the statistics of ``x``.

    Adaptive batch normalisation (Li et al. 2016): weights are what was learned, the means and variances of
    each layer belong to a domain, and no label is needed to measure them anew.

    Args:
        model: any ``nn.Module`` with batch normalisation.
        x: examples of the new domain, ``(N, ...)``, which go through the model at once. Each layer sees what
            the layers before make of them with their new statistics.

    Raises:
        ValueError: no batch normalisation that keeps statistics.
    """
    model = copied(model)
    layers = [norm for norm in batch_norms(model) if norm.running_mean is not None]
    if not layers:
        raise ValueError(_("The model has no batch normalisation that keeps statistics of a domain."))
    model.eval()
    for norm in layers:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches: of this one
        norm.train()
    model(fitting(model, x))
    return model.eval()


class Restandardised(Learner):
    """A prototypical network that measures the statistics of its batch normalisation anew on each task: on
    all of the support set, labelled and unlabelled, and on no query. See :func:`restandardised`.

    Each task has an encoder of its own, one after the other. Nothing is trained.

    Args:
        encoder, distance, temperature: see :class:`ProtoNet`.
    """

    def __init__(self, encoder: nn.Module, distance: str | Distance = "squared_euclidean", **options) -> None:
        super().__init__()
        self.distance, self.options = distance, options
        self.encoder = ProtoNet(encoder, distance, **options).encoder

    def adapt(self, support_x: Tensor, support_y: Tensor) -> list[tuple[ProtoNet, Tensor]]:
        """For each task, the network with its statistics and the prototypes ``(1, ways, D)``."""
        found = []
        for x, y in zip(support_x, support_y, strict=True):
            own = ProtoNet(restandardised(self.encoder, x), self.distance, **self.options).eval()
            known = y >= 0
            found.append((own, own.adapt(x[known].unsqueeze(0), y[known].unsqueeze(0))))
        return found

    def predict(self, adapted: list[tuple[ProtoNet, Tensor]], query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``."""
        parts = zip(adapted, query_x.split(1), strict=True)
        return torch.cat([own.predict(prototypes, x) for (own, prototypes), x in parts])

    @property
    def is_transductive(self) -> bool:
        return False


class SoftKMeans(ProtoNet):
    """Prototypes refined by unlabelled support examples, those with the label −1: soft k-means (Ren et al.
    2018, equations 3 and 4).

    Each unlabelled example belongs to class c with the probability that the prototypes give it, and counts
    for the new prototype with that weight; a labelled one counts for its own class. Without unlabelled
    examples it is :class:`ProtoNet`.

    Args:
        encoder, distance, temperature, mixed_precision: see :class:`ProtoNet`.
        refinements: how often this is done; 1 in the paper.
    """

    def __init__(self, encoder: nn.Module, *options, refinements: int = 1, **more) -> None:
        super().__init__(encoder, *options, **more)
        self.refinements = refinements

    def over(self, encoder: nn.Module) -> SoftKMeans:
        return SoftKMeans(encoder, self.distance, self.temperature, refinements=self.refinements)

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """The refined prototypes ``(T, ways, D)``."""
        embeddings, known = self.embed(support_x), support_y >= 0
        ways = int(support_y.max()) + 1
        # An unlabelled example is of a class that is dropped again.
        member = F.one_hot(support_y.where(known, torch.full_like(support_y, ways)), ways + 1)[..., :ways]
        labelled = member.to(embeddings.dtype)  # (T, S, ways); zeros for an unlabelled example
        if (labelled.sum(dim=1) == 0).any():
            raise ValueError(
                _(
                    "Every class needs at least one labelled support example; in some task a label below "
                    "{ways} has none."
                ).format(ways=ways)
            )
        prototypes = centres(labelled, embeddings)
        for _step in range(self.refinements):
            closeness = -self.distance(embeddings, prototypes) / self.temperature  # (T, S, ways)
            share = closeness.softmax(dim=-1) * ~known.unsqueeze(-1)
            prototypes = centres(labelled + share, embeddings)
        return prototypes


def centres(weights: Tensor, embeddings: Tensor) -> Tensor:
    """The weighted mean of embeddings (T, S, D) for each class, weights (T, S, ways): (T, ways, D)."""
    return weights.mT @ embeddings / weights.sum(dim=1).unsqueeze(-1)
