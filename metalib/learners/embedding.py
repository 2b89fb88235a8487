"""What learners that stand on an encoder share: embeddings, and the examples of each label."""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.base import Learner, fitting, uses_batch_statistics
from metalib.learners.batched import check_model, shared
from metalib.learners.layers import ignores_layout
from metalib.tasks import Episodes


class Embedding(Learner):
    """A learner that looks at inputs through an encoder, and never changes it while adapting.

    Args:
        encoder: any ``nn.Module`` mapping ``(N, ...)`` to embeddings ``(N, D)`` (more dimensions are
            flattened).
        mixed_precision: run the encoder in bfloat16 while training, where sums stay in float32; what follows
            it, and everything after training, is in float32 throughout. Two to three times as fast on
            processors that know bfloat16.

    Raises:
        TypeError: the encoder is no module.
    """

    def __init__(self, encoder: nn.Module, mixed_precision: bool = False) -> None:
        super().__init__()
        check_model(encoder)
        # The layout in which CPUs and GPUs convolve fastest: the same numbers, for layers that work in any.
        if ignores_layout(encoder):
            encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its types
        self.encoder, self.mixed_precision = encoder, mixed_precision

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings ``(T, N, D)`` of ``(T, N, ...)``."""
        x = fitting(self.encoder, x)
        mixed = self.mixed_precision and self.training
        with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
            embeddings = shared(self.encoder, x)
        if mixed or not embeddings.is_floating_point():
            embeddings = embeddings.float()
        return embeddings.flatten(2)

    @abstractmethod
    def over(self, encoder: nn.Module) -> Embedding:
        """The same learner over another encoder."""

    def embed_once(self, tasks: Episodes) -> tuple[Embedding, Episodes]:
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
        return self.over(nn.Identity()), tasks.mapped(lambda x: self.embed(x.unsqueeze(0).to(device))[0])

    @property
    def is_transductive(self) -> bool:
        return uses_batch_statistics(self.encoder)


def members(support_y: Tensor, dtype: torch.dtype) -> Tensor:
    """Which support example belongs to which label 0 … ways − 1: ``(T, S)`` to ones and zeros
    ``(T, S, ways)``.

    Raises:
        ValueError: no such labels, or one without a support example in some task.
    """
    if support_y.is_floating_point() or support_y.dim() != 2 or (support_y < 0).any():
        raise ValueError(_("Labels must be one whole number of at least 0 for each support example."))
    member = F.one_hot(support_y.long()).to(dtype)
    if (member.sum(dim=1) == 0).any():
        raise ValueError(
            _(
                "Every class needs at least one support example; in some task a label below {ways} has none."
            ).format(ways=member.shape[-1])
        )
    return member
