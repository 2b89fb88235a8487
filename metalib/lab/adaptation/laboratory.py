"""The adaptation laboratory: accuracy against the inner step on images, and one task watched step by step.

State: the start, α, inner steps, shots, ways, batch statistics, the task and the step shown. Result: that
task's probabilities at every step, and accuracies averaged over tasks. The functions are in `task`, the
painter in `picture`.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
from torch import nn

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.adaptation.average import Averages
from metalib.lab.adaptation.picture import MAX_STEPS, AdaptationPicture
from metalib.lab.adaptation.start import Start, shipped_weights, start_point
from metalib.lab.adaptation.task import AdaptationResult, TaskPath, one_task, queries_for
from metalib.lab.laboratory import Laboratory
from metalib.lab.surface import KeyEvent, PointerEvent, explain
from metalib.learners import Learner
from metalib.tasks import Episodes
from metalib.tasks.batch import check_positive

MAX_WAYS, MAX_SHOTS, TASKS = 20, 5, 40
ALPHAS = (1e-3, 10.0)
CHUNK, BREATH = 0.04, 0.01  # seconds of averaging, and then of peace in which widgets get their turn


class AdaptationLaboratory(Laboratory):
    """The adaptation laboratory with its controls.

    Click on the curves to choose the step that is shown, or press ← and →; Enter deals the next task. One
    task is shown at once. Its average over tasks is worked out while the kernel is idle; `finish()` waits for
    it.

    Args:
        weights: label -> gradient learner, model, or name of shipped weights; by default the shipped MAMLs
            that know these images, and an untrained network.
        images: characters that the weights were not trained on; by default the glyphs of the test split by
            character.
        tasks: how many tasks the average has.
        initial: initial values: weights (a label, as `start`), alpha, steps, shots, ways, transductive, step,
            draw.

    Raises:
        ValueError, TypeError: weights that cannot be adapted to these images, or an unknown initial value.
    """

    def __init__(
        self,
        weights: Mapping[str, Learner | nn.Module | str] | None = None,
        images: ImageSet | None = None,
        *,
        tasks: int = TASKS,
        **initial: Any,
    ) -> None:
        check_positive(tasks=tasks)
        if images is None:
            from metalib.data import glyphs  # only where they are needed

            images = glyphs("test", by="character")
        if weights is None:
            weights = shipped_weights("omniglot" if images.title.startswith("Omniglot") else "glyphs")
        self.images, self.tasks = images, tasks
        self.starts = {name: start_point(name, given, images) for name, given in weights.items()}
        names = list(self.starts)
        if not names:
            raise ValueError(_("weights must name at least one start."))
        first = {"start": names[0], "steps": 3, "shots": 1, "transductive": True, "draw": 1, **initial}
        name = first.pop("start")
        if name not in self.starts:
            raise ValueError(_("There is no start {name!r}.").format(name=name))
        start = self.starts[name]
        known = [alpha for one in (start, *self.starts.values()) if (alpha := own_alpha(one))]
        first = {"alpha": (known or [0.1])[0], "step": first["steps"], **first}
        first = {"ways": min(5, self.most_ways(start)), **first}
        most_shots = min(MAX_SHOTS, images.drawings - 1)
        every = {_("all queries together"): True, _("each query alone"): False}
        self.play = widgets.Play(value=first["step"], min=0, max=first["steps"], interval=900)
        made = {
            "start": controls.choice(_("weights"), names, name),
            "alpha": controls.log_slider(_("α (inner rate)"), first.pop("alpha"), *ALPHAS),
            "steps": controls.whole_slider(_("inner steps"), first.pop("steps"), 0, MAX_STEPS),
            "ways": controls.whole_slider(_("ways"), first.pop("ways"), 2, self.most_ways(start)),
            "shots": controls.whole_slider(_("shots"), first.pop("shots"), 1, most_shots),
            "transductive": controls.choice(_("normalise"), every, first.pop("transductive")),
            "step": controls.whole_slider(_("step shown"), first.pop("step"), 0, MAX_STEPS),
            "draw": controls.Counter(_("new task"), _("task {number}"), first.pop("draw")),
        }
        if first:
            raise TypeError(_("The adaptation laboratory has no {name}.").format(name=", ".join(first)))
        self._averages = Averages(self.starts, images, tasks)
        self._one_task = functools.lru_cache(maxsize=8)(self._adapt)
        self._refiner: asyncio.Task | None = None
        row = widgets.HBox(
            [self.play, widgets.Label(_("play the steps of this task, or press ← → on the picture"))]
        )
        label = _("Adaptation to one task, and accuracy against the step. The arrow keys choose the step.")
        super().__init__(self._compute, AdaptationPicture(), made, label=label, extras=(row,))
        self.play.observe(self._played, "value")
        self.surface.on_pointer(self._pointed)
        self.surface.on_key(self._pressed)
        self.finish()

    def set(self, **values: Any) -> AdaptationResult:
        """As for every laboratory. Other weights bring their own α and at most as many ways as they have
        outputs; a step beyond the inner steps takes so many; other inner steps show the last one."""
        start = self.starts.get(values.get("start"))
        if start is not None:
            values = {**self._brought(start), **values}
        if "steps" in values:
            values = {"step": values["steps"], **values}
        elif "step" in values:
            values = {**values, "steps": max(values["step"], self.controls["steps"].value)}
        return super().set(**values)

    def finish(self) -> AdaptationResult:
        """Work out the whole average now; returns the result."""
        with self._lock:
            self._averages.work(**self._settings)
            self.draw()
            return self.result

    @property
    def is_averaging(self) -> bool:
        """Is it working on the average in the background."""
        task = self._refiner
        return task is not None and not task.done() and task.get_loop().is_running()

    @property
    def _settings(self) -> dict[str, Any]:
        return {name: value for name, value in self.state.items() if name not in ("step", "draw")}

    @property
    def state(self) -> dict[str, Any]:
        """The controls' values by name; α without its last digits, in which the browser's slider differs."""
        state = super().state
        return {**state, "alpha": float(f"{state['alpha']:.6g}")}

    def most_ways(self, start: Start) -> int:
        """The most ways that these weights and images allow."""
        return min(MAX_WAYS, start.outputs, self.images.classes)

    def _brought(self, start: Start) -> dict[str, Any]:
        """What changes along with the weights."""
        ways, alpha = self.controls["ways"].value, self.controls["alpha"].value
        return {"ways": min(ways, self.most_ways(start)), "alpha": own_alpha(start) or alpha}

    def _compute(self, *, step: int, draw: int, **settings: Any) -> AdaptationResult:
        return AdaptationResult(
            start=self.starts[settings["start"]],
            alpha=settings["alpha"],
            shots=settings["shots"],
            transductive=settings["transductive"],
            draw=draw,
            step=step,
            task=self._one_task(draw=draw, **settings),
            average=self._averages.get(**settings),
            goal=self.tasks,
        )

    def _adapt(self, *, start: str, ways: int, shots: int, draw: int, **how: Any) -> TaskPath:
        queries = queries_for(self.images, ways, shots, how["transductive"])
        return one_task(
            self.starts[start], self.images, Episodes(self.images, ways, shots, queries), draw, **how
        )

    def _draw_once(self) -> None:
        super()._draw_once()
        self._held = True
        try:
            with self.play.hold_sync():
                self.play.max, self.play.value = self.result.steps, self.result.step
        finally:
            self._held = False
        if self.result.average.n < self.tasks and not self.is_averaging:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # a plain script has no idle time; there is `finish`
                return
            self._refiner = loop.create_task(self._refine())

    async def _refine(self) -> None:
        """Work on the average of the present state, bit by bit, and draw it as it doubles."""
        try:
            while True:
                with self._lock:
                    more = self._averages.work(CHUNK, **self._settings)
                    count = self._averages.get(**self._settings).n
                    if not more or count >= max(2, 2 * self.result.average.n):
                        self.draw()
                    if not more:
                        self._refiner = None  # under the lock: the next draw starts a new one if it has to
                        return
                await asyncio.sleep(BREATH)
        except KeyboardInterrupt:
            pass  # the kernel's stop button ends the averaging, and must not end the kernel's own loop
        except Exception as error:
            self.surface.say(explain(error), failed=True)

    def _assign(self, values: Mapping[str, Any]) -> None:
        values = dict(values)
        if "start" in values:
            super()._assign({"start": values.pop("start")})
            self._fit_ways()
        super()._assign(values)

    def _fit_ways(self) -> None:
        """A slider of the right range for these weights. It is a new one: where a slider's range changes, its
        End key goes on to where the old range ended."""
        old, most = self.controls["ways"], self.most_ways(self.starts[self.controls["start"].value])
        if old.max == most:
            return
        new = controls.whole_slider(_("ways"), min(old.value, most), 2, most)
        new.observe(self._changed, "value")
        self.controls["ways"] = new
        grid = self.box.children[0]
        grid.children = tuple(new if one is old else one for one in grid.children)
        old.close()

    def _changed(self, change: Any) -> None:
        if not self._held:
            with self._lock:
                self._adjust(change)
        super()._changed(change)

    def _adjust(self, change: Any) -> None:
        """Let other controls follow the one that was moved; all that is one picture."""
        made = self.controls
        if change.owner is made["start"]:
            start = self.starts[change.new]
            self._assign({"start": change.new, **self._brought(start)})
        elif change.owner is made["steps"]:
            # Who looks at the last step goes on looking at the last.
            step = made["step"].value
            self._assign({"step": change.new if step == change.old else min(step, change.new)})
        elif change.owner is made["step"]:
            self._assign({"steps": max(change.new, made["steps"].value)})

    def _played(self, change: Any) -> None:
        with self._lock:
            if not self._held and change.new <= self.controls["steps"].value:
                self.set(step=change.new)

    def _pointed(self, event: PointerEvent) -> None:
        # "up" too: it carries the last position, and takes the place of a move that was still waiting.
        if event.kind in ("down", "up") or (event.kind == "move" and event.pressed):
            point = self.picture.to_data(self.picture.axes, event.x, event.y)
            if point is not None:
                self.set(step=min(max(round(point[0]), 0), self.result.steps))

    def _pressed(self, event: KeyEvent) -> None:
        step, steps = self.result.step, self.result.steps
        places = {"ArrowLeft": step - 1, "ArrowRight": step + 1, "Home": 0, "End": steps}
        if event.key in places:
            self.set(step=min(max(places[event.key], 0), steps))
        elif event.key in ("Enter", " "):
            self.set(draw=self.result.draw + 1)


def own_alpha(start: Start) -> float | None:
    """The α that a start was trained with, where the slider has a position; None where there was none.

    The browser would move the slider to its nearest position anyway.
    """
    if not start.alpha:
        return None
    low, high = ALPHAS
    return min(max(10 ** (round(math.log10(start.alpha) / 0.025) * 0.025), low), high)
