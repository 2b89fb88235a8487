"""Fine-tuning: a trained embedding goes on learning on the support set of a new task."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners import batched
from metalib.learners.base import fitting
from metalib.learners.gradient import FastWeights, FromScratch
from metalib.learners.metric import ProtoNet
from metalib.learners.swapped import copied

PARTS = ("head", "all")


class FineTuning(FromScratch):
    """A linear head on a trained embedding, which begins as the nearest prototype and is then trained on the
    support set, alone or together with the embedding.

    The nearest prototype is a linear classifier: −‖z − p_c‖² = 2 p_c·z − ‖p_c‖² and a term that all classes
    share (Snell et al. 2017, section 2.4). So with no step this is ``ProtoNet``, and every step is what
    adapting adds. (Triantafillou et al. 2020 *train* through such steps: Proto-MAML. Here the embedding comes
    trained, by whatever method, and the classifier is fine-tuned, as in Chen et al. 2019.)

    Args:
        encoder: any ``nn.Module`` mapping ``(N, ...)`` to embeddings ``(N, D)``, such as
            ``metalib.weights.load("glyphs-protonet").encoder``. It is copied and works as in evaluation mode:
            running statistics of batch normalisation stay as they are.
        alpha, steps, loss_fn: see :class:`GradientLearner`.
        adapts: ``"head"`` trains the linear layer alone, ``"all"`` the embedding too.
        temperature: what the first logits are divided by. With one example a class, each support example *is*
            its prototype: at temperature 1 it is classified with certainty, and no gradient is left.

    Raises:
        TypeError, ValueError: an argument outside these limits.
    """

    def __init__(
        self,
        encoder: nn.Module,
        alpha: float = 0.1,
        steps: int = 10,
        *,
        adapts: str = "head",
        temperature: float = 1.0,
        **options,
    ) -> None:
        if adapts not in PARTS:
            raise ValueError(
                _("adapts must be one of {parts}, not {value!r}.").format(
                    parts=", ".join(PARTS), value=adapts
                )
            )
        embedding = ProtoNet(copied(encoder), temperature=temperature).eval().requires_grad_(False)
        whole = adapts == "all"
        # A linear layer of any size: each task brings weights of its own.
        model = nn.Sequential(embedding.encoder if whole else nn.Identity(), nn.Flatten(), nn.Linear(1, 1))
        super().__init__(model, alpha, steps, adapts=lambda name: whole or name.startswith("2."), **options)
        self.embedding, self.whole = embedding, whole
        self.eval()

    def train(self, mode: bool = True) -> FineTuning:
        """The embedding stays as it is in evaluation mode."""
        super().train(mode)
        self.model.eval()
        self.embedding.eval()
        return self

    def descend(
        self, support_x: Tensor, support_y: Tensor, steps: int | None = None
    ) -> Iterator[FastWeights]:
        return super().descend(self._seen(support_x), support_y, steps)

    def start(self, support_x: Tensor, support_y: Tensor) -> dict[str, Tensor]:
        shown = self.embedding if self.whole else ProtoNet(nn.Identity())
        prototypes = shown.adapt(support_x, support_y)  # (T, ways, D)
        values = super().start(support_x, support_y)
        values["2.weight"] = 2 * prototypes / self.embedding.temperature
        values["2.bias"] = -prototypes.square().sum(dim=-1) / self.embedding.temperature
        return values

    def predict(self, adapted: FastWeights, query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``."""
        return super().predict(adapted, self._seen(query_x))

    def _seen(self, x: Tensor) -> Tensor:
        """What the model that learns is shown: images, or embeddings where these stay as they are."""
        x = fitting(self.embedding.encoder, x)
        return x if self.whole else batched.shared(self.embedding.encoder, x)
