"""The shift laboratory: turn the dial, and see the images and the accuracy of four methods change."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from metalib import weights
from metalib.data import ImageSet, glyphs
from metalib.i18n import _
from metalib.lab.arguments import of_images, of_kind
from metalib.lab.averages import AveragingLaboratory, walk_along
from metalib.lab.parts import Idle
from metalib.lab.shift.painter import ShiftPainter
from metalib.lab.shift.task import MAX_SHOTS, QUERIES, STRENGTHS, WAYS, Dial, ShiftState
from metalib.learners import ProtoNet
from metalib.tasks.batch import check_positive

AT_ONCE = 4  # tasks in the first averages; the others come while nobody moves anything


class ShiftLaboratory(AveragingLaboratory):
    """The shift laboratory with its controls.

    Click on the curves or press ← and → to turn the dial; Enter draws the next episode. The averages of a
    setting are worked out while the kernel is idle; `finish()` waits for them.

    Args:
        encoder: a network with batch normalisation, or a learner with one (`ProtoNet`), as it is now: it is
            copied. By default that of the shipped weights "glyphs-protonet-stride".
        images: characters that it was not trained on; by default the glyphs of the test split.
        unlabelled: further characters, on which the statistics of a domain are measured; by default the
            glyphs of the validation split.
        tasks: how many tasks the averages have.
        initial: values of `ShiftState` to begin with.

    Raises:
        ValueError, TypeError: an encoder that cannot read these images or has no batch normalisation, too few
            images, or an unknown initial value.
    """

    def __init__(
        self,
        encoder: nn.Module | None = None,
        images: ImageSet | None = None,
        unlabelled: ImageSet | None = None,
        *,
        tasks: int = 40,
        **initial: Any,
    ) -> None:
        check_positive(tasks=tasks)
        given = (
            weights.load("glyphs-protonet-stride")
            if encoder is None
            else of_kind("encoder", encoder, nn.Module)
        )
        network = copy.deepcopy(given.encoder if isinstance(given, ProtoNet) else given).eval()
        images = glyphs("test") if images is None else of_kind("images", images, ImageSet)
        unlabelled = (
            glyphs("validation") if unlabelled is None else of_kind("unlabelled", unlabelled, ImageSet)
        )
        if images.classes < WAYS or images.drawings <= QUERIES:
            raise ValueError(
                _(
                    "The laboratory needs at least {ways} classes and {drawings} drawings of each; these "
                    "images have {classes} and {have}."
                ).format(ways=WAYS, drawings=QUERIES + 1, classes=images.classes, have=images.drawings)
            )
        of_images(_("This encoder"), network, torch.zeros(1, *images.images.shape[2:]))
        dial = Dial(network, images, unlabelled, tasks)
        self._idle = Idle(dial.work, lambda result: result.averages.n == tasks)
        super().__init__(
            ShiftState,
            dial.compute,
            ShiftPainter(),
            initial=initial,
            allowed={"shots": (1, min(MAX_SHOTS, images.drawings - QUERIES))},
            on=[
                *walk_along(
                    lambda view: view.state.strength,
                    lambda view, strength: replace(view.state, strength=strength),
                    lambda view: int(STRENGTHS[-1]),
                ),
                self._idle,
            ],
            label=_(
                "An episode, and accuracy against the strength of the shift. The arrow keys turn the dial."
            ),
        )
        dial.work(self.state, tasks=AT_ONCE)
        self.refresh()
