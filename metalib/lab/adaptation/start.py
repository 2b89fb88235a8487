"""Where adaptation to images can start: shipped weights, a learner's own, or an untrained network."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from metalib import weights
from metalib.data import ImageSet
from metalib.i18n import N_, _
from metalib.lab.arguments import of_images
from metalib.learners import FromScratch, GradientLearner, Learner
from metalib.learners.batched import check_batchable
from metalib.models import conv4

ALPHAS = (1e-3, 10.0)
SHIPPED = {
    "maml": N_("MAML, 5-way"),
    "maml-20way": N_("MAML, 20-way"),
    "fomaml": N_("first-order MAML, 5-way"),
    "fomaml-20way": N_("first-order MAML, 20-way"),
    "untrained": N_("untrained"),
}


@dataclass(frozen=True, eq=False)
class Start:
    """Where adaptation starts. `alpha` and `steps` are those of its training, None where there was none."""

    label: str
    model: nn.Module
    adapts: tuple[str, ...]
    outputs: int
    alpha: float | None = None
    steps: int | None = None

    @property
    def own_alpha(self) -> float | None:
        """Its α where the slider has a position: the browser would move the slider to the nearest anyway."""
        if not self.alpha:
            return None
        return min(max(10 ** (round(40 * math.log10(self.alpha)) / 40), ALPHAS[0]), ALPHAS[1])


def start_point(label: str, given: Learner | nn.Module | str, images: ImageSet) -> Start:
    """`given`, a gradient learner, a model or the name of shipped weights, as a place to start from.

    It is copied: whoever trains it further makes a new laboratory.

    Raises:
        TypeError: a learner that does not adapt by gradient steps.
        ValueError: a model that cannot read these images, or cannot be adapted.
    """
    one: nn.Module = weights.load(given) if isinstance(given, str) else given
    if isinstance(one, Learner) and not isinstance(one, GradientLearner):
        raise TypeError(
            _("This laboratory shows learners that adapt by gradient steps, not {kind}.").format(
                kind=type(one).__name__
            )
        )
    alpha = steps = None
    model = one
    if isinstance(one, GradientLearner):
        model = one.model
        if not isinstance(one, FromScratch):
            alpha, steps = one.alpha, one.steps
    check_batchable(model)
    model = copy.deepcopy(model).eval()
    outputs = of_images(label, model, torch.zeros(2, *images.images.shape[2:])).shape
    if len(outputs) != 2 or outputs[1] < 2:
        raise ValueError(
            _(
                "{name} must answer with one score for each of at least 2 classes; the shape of its output "
                "is {shape}."
            ).format(name=label, shape=tuple(outputs))
        )
    return Start(
        label=label,
        model=model,
        adapts=getattr(given, "adapted_names", None) or tuple(n for n, _p in model.named_parameters()),
        outputs=outputs[1],
        alpha=alpha,
        steps=steps,
    )


def shipped_weights(source: str) -> dict[str, nn.Module | str]:
    """Those of `SHIPPED` that were trained on images of this source, as names of weights, and the largest of
    these networks without any training."""
    names = {name: f"{source}-{name}" for name in SHIPPED}
    there = {name: full for name, full in names.items() if full in weights.names()}
    options = [dict(weights.recipe(full).model) for full in there.values()]
    largest = max(options, key=lambda model: model["ways"], default={"kind": "conv4", "ways": 5})
    network = {"channels": 32, "norm": "batch-statistics", "downsample": "stride", **largest}
    network.pop("kind")
    return {**there, "untrained": conv4(**network)}
