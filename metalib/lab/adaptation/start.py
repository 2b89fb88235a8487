"""Where adaptation to images can start: shipped weights, a learner's own, or an untrained network."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.learners import FromScratch, GradientLearner, Learner
from metalib.learners.batched import check_batchable
from metalib.models import conv4


@dataclass(frozen=True, eq=False)
class Start:
    """Where adaptation starts. `alpha` and `steps` are those of its training, None where there was none."""

    name: str
    model: nn.Module
    adapts: tuple[str, ...]
    outputs: int
    alpha: float | None = None
    steps: int | None = None


def start_point(name: str, given: Learner | nn.Module | str, images: ImageSet) -> Start:
    """`given`, a gradient learner, a model or the name of shipped weights, as a place to start from.

    It is copied: whoever trains it further makes a new laboratory.

    Raises:
        TypeError: a learner that does not adapt by gradient steps, or no learner at all.
        ValueError: a model that cannot read these images, or cannot be adapted.
    """
    if isinstance(given, str):
        from metalib import weights  # only where it is needed

        given = weights.load(given)
    if isinstance(given, Learner) and not isinstance(given, GradientLearner):
        raise TypeError(
            _("This laboratory shows learners that adapt by gradient steps, not {kind}.").format(
                kind=type(given).__name__
            )
        )
    trained = isinstance(given, GradientLearner) and not isinstance(given, FromScratch)
    model = given.model if isinstance(given, GradientLearner) else given
    check_batchable(model)
    model = copy.deepcopy(model).eval()
    shape = tuple(images.images.shape[2:])
    try:
        with torch.no_grad():
            outputs = model(torch.zeros(2, *shape)).shape
    except RuntimeError as error:
        raise ValueError(
            _("{name} cannot read images of the shape {shape}: {reason}").format(
                name=name, shape=shape, reason=str(error).splitlines()[0]
            )
        ) from error
    if len(outputs) != 2 or outputs[1] < 2:
        raise ValueError(
            _(
                "{name} must answer with one score for each of at least 2 classes; the shape of its output "
                "is {shape}."
            ).format(name=name, shape=tuple(outputs))
        )
    return Start(
        name=name,
        model=model,
        adapts=getattr(given, "adapted_names", None) or tuple(n for n, _p in model.named_parameters()),
        outputs=outputs[1],
        alpha=given.alpha if trained else None,
        steps=given.steps if trained else None,
    )


def shipped_weights(images: str = "glyphs") -> dict[str, Learner | nn.Module | str]:
    """Those of the shipped weights that were trained on these images ("glyphs" or "omniglot"), and the same
    network without any training: label -> what `AdaptationLaboratory` takes."""
    from metalib import weights  # only where it is needed

    known = {
        _("MAML, 5-way"): f"{images}-maml",
        _("MAML, 20-way"): f"{images}-maml-20way",
        _("first-order MAML, 5-way"): f"{images}-fomaml",
        _("first-order MAML, 20-way"): f"{images}-fomaml-20way",
    }
    there = {label: name for label, name in known.items() if name in weights.names()}
    recipes = [dict(weights.recipe(name).model) for name in there.values()]
    options = max(recipes, key=lambda model: model["ways"], default={"kind": "conv4", "ways": 5})
    network = {"channels": 32, "norm": "batch-statistics", "downsample": "stride", **options}
    network.pop("kind")
    return {**there, _("untrained"): conv4(**network)}
