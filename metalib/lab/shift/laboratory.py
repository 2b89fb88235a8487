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
from metalib.lab.laboratory import Laboratory
from metalib.lab.parts import Drag, Idle, Keys, View
from metalib.lab.shift.painter import ShiftPainter
from metalib.lab.shift.task import MAX_SHOTS, QUERIES, STRENGTHS, WAYS, Dial, ShiftResult, ShiftState
from metalib.lab.surface import KeyEvent
from metalib.learners import ProtoNet
from metalib.tasks.batch import check_positive

AT_ONCE = 4  # tasks in the first averages; the others come while nobody moves anything


class ShiftLaboratory(Laboratory):
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
                Drag(place_at, lambda view, held, x, y: turn(view, place_at(view, x, y))),
                Keys(pressed),
                self._idle,
            ],
            label=_(
                "An episode, and accuracy against the strength of the shift. The arrow keys turn the dial."
            ),
        )
        dial.work(self.state, tasks=AT_ONCE)
        self.refresh()

    def finish(self) -> ShiftResult:
        """Work out the whole averages now; returns the result."""
        return self._idle.finish(self)

    @property
    def is_averaging(self) -> bool:
        """Is it working on the averages in the background."""
        return self._idle.is_running


def place_at(view: View, x: float, y: float) -> int | None:
    """The strength at this point of the curves."""
    point = view.painter.to_data(view.painter.axes, x, y)
    return None if point is None else round(point[0])


def turn(view: View, strength: int | None) -> ShiftState:
    """The dial at a strength, kept between none and the most."""
    if strength is None:
        return view.state
    return replace(view.state, strength=min(max(strength, 0), int(STRENGTHS[-1])))


def pressed(view: View, event: KeyEvent) -> ShiftState | None:
    """Arrows, Home and End turn the dial, Enter and the space bar draw the next episode."""
    state = view.state
    places = {
        "ArrowLeft": state.strength - 1,
        "ArrowRight": state.strength + 1,
        "Home": 0,
        "End": int(STRENGTHS[-1]),
    }
    if event.key in ("Enter", " "):
        return replace(state, draw=state.draw + 1)
    return turn(view, places.get(event.key))
