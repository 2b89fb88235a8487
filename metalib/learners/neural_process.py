"""Learners that read the support set: a network in, a prediction out, and no step of training between."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.base import Learner, fitting
from metalib.learners.batched import check_model, shared
from metalib.models import initialise
from metalib.tasks import TaskBatch
from metalib.tasks.batch import check_positive


def neural_process_net(
    generator: torch.Generator | None = None, inputs: int = 1, outputs: int = 1, width: int = 64
) -> nn.ModuleDict:
    """Encoder and decoder of a conditional neural process for regression, three linear layers each.

    ``encoder`` maps an example (x, y), ``(N, inputs + outputs)``, to its representation ``(N, width)``;
    ``decoder`` maps a representation and an input, ``(N, width + inputs)``, to ``(N, 2 · outputs)``: the
    means and what becomes the standard deviations.

    Args:
        generator: where the initial weights come from; ``None`` uses seed 0.
        inputs, outputs: numbers in one x and in one y.
        width: units in each hidden layer, and numbers in a representation.
    """
    check_positive(inputs=inputs, outputs=outputs, width=width)

    def perceptron(first: int, last: int) -> nn.Sequential:
        return nn.Sequential(
            *(nn.Linear(first, width), nn.ReLU()),
            *(nn.Linear(width, width), nn.ReLU()),
            nn.Linear(width, last),
        )

    parts = {
        "encoder": perceptron(inputs + outputs, width),
        "decoder": perceptron(width + inputs, 2 * outputs),
    }
    return initialise(nn.ModuleDict(parts), generator)


class NeuralProcess(Learner):
    """A conditional neural process for regression (Garnelo et al. 2018, section 2.2).

    Each support example (x, y) is encoded by itself; a task is the *mean* of these representations, so their
    order plays no part; the decoder predicts a normal distribution at every query input. Adapting is one
    forward pass: no gradient, no step size.

    ``loss`` is the mean negative log-likelihood −log N(y; μ, σ²) of the query set. Its minimum over all
    predictors is the task distribution's own posterior predictive distribution, mean and spread (as far as a
    normal distribution can be one). ``predict`` gives the mean μ, which ``metalib.evaluate`` scores by its
    squared error as it does every other learner; :meth:`distribution` gives both.

    Args:
        model: what ``encoder`` and ``decoder`` are in, see :func:`neural_process_net`; two modules of your
            own will do.
        least_std: σ is never below this positive number, in units of y. Without it a noiseless task invites
            σ → 0, and single points outweigh all others.

    Raises:
        TypeError: the model has no ``encoder`` and ``decoder``.
        ValueError: ``least_std`` is not a finite positive number.
    """

    def __init__(self, model: nn.ModuleDict, least_std: float = 0.1):
        super().__init__()
        if not isinstance(model, nn.ModuleDict) or not {"encoder", "decoder"} <= model.keys():
            raise TypeError(
                _('model must be an nn.ModuleDict with "encoder" and "decoder", not {kind}.').format(
                    kind=type(model).__name__
                )
            )
        check_model(model)
        if not 0 < least_std < math.inf:
            raise ValueError(
                _("least_std must be a finite positive number, not {value}.").format(value=least_std)
            )
        self.model, self.least_std = model, float(least_std)

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Tensor:
        """The representation ``(T, R)`` of each task: the mean over its encoded support examples.

        Args:
            support_x: ``(T, S, inputs)``.
            support_y: ``(T, S, outputs)``, floating.

        Raises:
            TypeError: labels in place of numbers.
        """
        if not support_y.is_floating_point():
            raise TypeError(
                _("A neural process for regression needs floating targets, not {kind}.").format(
                    kind=support_y.dtype
                )
            )
        pairs = torch.cat([support_x, support_y], dim=-1)
        return shared(self.model["encoder"], fitting(self.model, pairs)).mean(dim=1)

    def distribution(self, adapted: Tensor, query_x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean μ and standard deviation σ at each query input, ``(T, Q, outputs)`` both."""
        task = adapted.unsqueeze(1).expand(-1, query_x.shape[1], -1)
        points = fitting(self.model, torch.cat([task, query_x], dim=-1))
        mean, spread = shared(self.model["decoder"], points).chunk(2, dim=-1)
        return mean, self.least_std + F.softplus(spread)

    def predict(self, adapted: Tensor, query_x: Tensor) -> Tensor:
        """The predicted means ``(T, Q, outputs)``."""
        return self.distribution(adapted, query_x)[0]

    def query_losses(self, batch: TaskBatch) -> Tensor:
        """The mean negative log-likelihood of each task's query set, ``(T,)``, in nats."""
        mean, std = self.distribution(self.adapt(batch.support_x, batch.support_y), batch.query_x)
        return -torch.distributions.Normal(mean, std).log_prob(batch.query_y).flatten(1).mean(dim=1)

    @property
    def is_transductive(self) -> bool:
        """False: every query input is decoded by itself."""
        return False
