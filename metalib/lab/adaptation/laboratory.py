"""The adaptation laboratory: accuracy against the inner step on images, and one task watched step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from metalib.data import ImageSet, glyphs
from metalib.i18n import N_, _
from metalib.lab.adaptation.painter import AdaptationPainter
from metalib.lab.adaptation.start import SHIPPED, Start, shipped_weights, start_point
from metalib.lab.adaptation.task import (
    MAX_SHOTS,
    MAX_WAYS,
    Adaptations,
    AdaptationState,
)
from metalib.lab.arguments import named, of_kind
from metalib.lab.averages import AveragingLaboratory, walk_along
from metalib.lab.parts import Idle, Play
from metalib.learners import Learner
from metalib.tasks.batch import check_positive


class AdaptationLaboratory(AveragingLaboratory):
    """The adaptation laboratory with its controls.

    Click on the curves to choose the step that is shown, or press ← and →; Enter draws the next task. Other
    weights bring their own α, and at most as many ways as they have outputs. One task is shown at once. Its
    average over tasks is worked out while the kernel is idle; `finish()` waits for it.

    Args:
        weights: name -> gradient learner, model, or name of shipped weights; by default the shipped MAMLs
            that know these images, "maml", "maml-20way", "fomaml", "fomaml-20way", and "untrained".
        images: characters that the weights were not trained on; by default the glyphs of the test split by
            character.
        tasks: how many tasks the average has.
        initial: values of `AdaptationState` to begin with.

    Raises:
        ValueError, TypeError: weights that cannot be adapted to these images, or an unknown initial value.
    """

    def __init__(
        self,
        weights: Mapping[str, Learner | nn.Module | str] | None = None,
        images: ImageSet | None = None,
        *,
        tasks: int = 40,
        **initial: Any,
    ) -> None:
        check_positive(tasks=tasks)
        images = glyphs("test", by="character") if images is None else images
        of_kind("images", images, ImageSet)
        labels: Mapping[str, str] = {}
        if weights is None:
            weights = shipped_weights("omniglot" if images.source == "omniglot" else "glyphs")
            labels = SHIPPED
        given = named("weights", weights, (nn.Module, str))
        starts = {name: start_point(labels.get(name, name), one, images) for name, one in given.items()}

        def most_ways(start: Start) -> int:
            return min(MAX_WAYS, start.outputs, images.classes)

        def follow(before: AdaptationState, after: AdaptationState) -> AdaptationState:
            if after.start != before.start:
                start = starts[after.start]
                ways, alpha = min(after.ways, most_ways(start)), start.own_alpha or after.alpha
                after = replace(after, ways=ways, alpha=alpha)
            if after.step != before.step:  # beyond the last: so many are taken
                return replace(after, steps=max(after.step, after.steps))
            # Who looks at the last step goes on looking at the last.
            last = before.step == before.steps
            return replace(after, step=after.steps if last else min(after.step, after.steps))

        found = Adaptations(starts, images, tasks)
        begin = {"start": next(iter(starts)), **initial}
        first = starts.get(begin["start"], next(iter(starts.values())))
        known = [alpha for one in (first, *starts.values()) if (alpha := one.own_alpha)]
        begin.setdefault("alpha", (known or [AdaptationState.alpha])[0])
        begin.setdefault("ways", min(AdaptationState.ways, most_ways(first)))
        begin.setdefault("step", begin.get("steps", AdaptationState.steps))
        self._idle = Idle(found.work, lambda result: result.average.n == tasks)
        hint = N_("play the steps of this task, or press ← → on the picture")
        super().__init__(
            AdaptationState,
            found.compute,
            AdaptationPainter(starts, tasks),
            initial=begin,
            allowed={
                "start": {name: start.label for name, start in starts.items()},
                "shots": (1, min(MAX_SHOTS, images.drawings - 1)),
                "ways": lambda state: (2, most_ways(starts[state.start])),
            },
            follow=follow,
            on=[
                Play("step", hint, 900, last=lambda state: state.steps),
                *walk_along(
                    lambda view: view.state.step,
                    lambda view, step: replace(view.state, step=step),
                    lambda view: view.state.steps,
                ),
                self._idle,
            ],
            label=_("Adaptation to one task, and accuracy against the step. The arrow keys choose the step."),
        )
        self.finish()
