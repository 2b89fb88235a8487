"""Watch meta-training: start it, pause it, and go back through it to see how adaptation came to be.

While it trains, the laboratory keeps the meta-parameters θ at growing intervals. The slider chooses one
of these moments, and the picture shows the adaptation from there on one task, beside the training curve.
"""

from __future__ import annotations

import asyncio
import copy
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from metalib import look
from metalib.history import smooth
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.laboratory import Laboratory
from metalib.lab.sine import AdaptationPicture, SineResult, adapt_sine
from metalib.lab.surface import explain
from metalib.learners import GradientLearner
from metalib.tasks.batch import check_positive
from metalib.training import Training, training_steps

CHUNK, BREATH = 0.1, 0.02  # seconds of training, and then of peace in which other widgets get their turn


@dataclass(frozen=True)
class Moment:
    """What adaptation looked like after `iteration` meta-iterations, and the meta-losses so far."""

    iteration: int
    adaptation: SineResult
    losses: np.ndarray  # (iterations so far,) the smoothed meta-loss


class TrainingPicture(AdaptationPicture):
    """Left: the adaptation curves. Right: the loss against the inner step, and the meta-training curve."""

    height = 480
    losses = (1e-3, 1e2)
    meta_losses = (0.1, 10.0)

    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations

    def build(self, figure: Figure) -> Iterable[Artist]:
        left = figure.add_axes((0.062, 0.13, 0.54, 0.77))
        above = figure.add_axes((0.695, 0.60, 0.28, 0.30))
        below = figure.add_axes((0.695, 0.13, 0.28, 0.30))
        moving = [*self.build_curves(left), *self.build_losses(above)]
        above.set_yticks([1e-2, 1e0, 1e2])
        above.set_ylabel(_("loss"))
        below.set(
            xlim=(0, self.iterations),
            ylim=self.meta_losses,
            yscale="log",
            xlabel=_("meta-iteration"),
            ylabel=_("meta-loss"),
        )
        below.set_yticks([0.1, 1, 10])
        below.locator_params(axis="x", nbins=4)
        below.minorticks_off()
        (self.training,) = below.plot([], [], color=look.BLUE)
        (self.here,) = below.plot([], [], color=look.BLACK, linestyle=":", linewidth=1.6)
        (self.marker,) = below.plot([], [], color=look.BLACK, marker="D", markersize=9, linestyle="none")
        self.when = below.text(
            0.0, 1.06, "", transform=below.transAxes, fontsize=look.SMALL, fontweight="bold"
        )
        return [*moving, self.training, self.here, self.marker, self.when]

    def update(self, result: Moment) -> None:
        super().update(result.adaptation)
        low, high = self.meta_losses
        losses = np.clip(result.losses, low, high)
        self.training.set_data(np.arange(1, len(losses) + 1), losses)
        at = result.iteration
        self.here.set_data([at, at], [low, high])
        self.marker.set_data([at] if at else [], [losses[at - 1]] if at else [])
        self.when.set_text(_("meta-iteration {iteration}").format(iteration=at))

    def describe(self, result: Moment) -> str:
        text = _("Meta-iteration {iteration}").format(iteration=result.iteration)
        if result.iteration:
            text += _(", meta-loss {loss}").format(
                loss=look.number(float(result.losses[result.iteration - 1]))
            )
        return f"{text}. {super().describe(result.adaptation)}"

    def remark(self, result: Moment) -> str:
        return super().remark(result.adaptation)


class TrainingLaboratory(Laboratory):
    """Meta-train a gradient learner on sine waves before the learner's eyes.

    Args:
        training: what is trained; see `metalib.Training`. Its learner is changed in place.
        iterations: meta-iterations at most.
        steps, shots, alpha: of the adaptation that is shown; α is the learner's own unless given.

    *Start* trains in small pieces between which other widgets answer; *Pause* loses no step. `train(n)` does
    the same at once and without a browser.

    Raises:
        TypeError: the learner does not adapt by gradient steps.
        ValueError, TypeError: iterations is not a whole number of at least 1.
    """

    def __init__(
        self,
        training: Training,
        iterations: int,
        *,
        steps: int = 5,
        shots: int = 10,
        alpha: float | None = None,
    ) -> None:
        check_positive(iterations=iterations)
        if not isinstance(training.learner, GradientLearner):
            raise TypeError(
                _("This laboratory shows learners that adapt by gradient steps, not {kind}.").format(
                    kind=type(training.learner).__name__
                )
            )
        self.training, self.iterations = training, iterations
        alpha = training.learner.alpha if alpha is None else alpha
        self.shown = {"steps": steps, "shots": shots, "alpha": alpha}
        self.snapshots: list[tuple[int, dict[str, torch.Tensor]]] = []
        self._planned = planned_moments(training.iteration, iterations)
        self._model = copy.deepcopy(training.learner.model)  # takes the values of one snapshot after another
        self._task: asyncio.Task | None = None
        self._wanted = False
        self._keep()
        self._newest = (0, training.iteration)  # the last moment that the slider was told of

        self.start_button = widgets.Button(description=_("Start"), icon="play", button_style="primary")
        self.pause_button = widgets.Button(description=_("Pause"), icon="pause", disabled=True)
        self.progress = widgets.Label()
        self.play = widgets.Play(value=0, min=0, max=0, interval=150)
        position = widgets.IntSlider(
            0,
            min=0,
            max=max(1, len(self._planned) - 1),  # fixed: after a change of its range the End key goes astray
            readout=False,
            description=_("look back"),
            style={"description_width": "initial"},
            layout=widgets.Layout(width="auto"),
        )
        # One way only: a link back would bring old positions home after the learner has moved on.
        self._link = widgets.jsdlink((self.play, "value"), (position, "value"))
        self.start_button.on_click(lambda button: self.start())
        self.pause_button.on_click(lambda button: self.pause())
        buttons = widgets.HBox(
            [self.start_button, self.pause_button, self.play, self.progress],
            layout=widgets.Layout(flex_flow="row wrap", padding="4px", overflow="visible"),
        )
        super().__init__(
            self.moment,
            TrainingPicture(iterations),
            {"position": position, "task": controls.Counter(_("another task"), _("task {number}"), 8)},
            extras=(buttons,),
        )
        self._refresh()

    def moment(self, position: int, task: int) -> Moment:
        """The result at the snapshot number `position`, or at the newest where that is still to come."""
        iteration, values = self.snapshots[min(position, len(self.snapshots) - 1)]
        self._model.load_state_dict(values)
        chosen = torch.rand(2, generator=torch.Generator().manual_seed(task), dtype=torch.float64).tolist()
        adaptation = adapt_sine(
            self._model,
            _("θ"),
            **self.shown,
            amplitude=1.0 + 4.0 * chosen[0],
            phase=math.pi * chosen[1],
            draw=task,
        )
        # One window throughout, so that the part already drawn does not move while the rest arrives.
        losses = smooth(self.training.history.loss, max(5, self.iterations // 20))
        return Moment(iteration, adaptation, np.array(losses))

    @property
    def is_running(self) -> bool:
        """Is it training in the background."""
        task = (
            self._task
        )  # its loop ends with the browser page where JupyterLab gives widgets a thread of their own
        return self._wanted and task is not None and not task.done() and task.get_loop().is_running()

    def train(self, iterations: int | None = None) -> None:
        """Train `iterations` more meta-iterations now (all that are left, where None), then show the last."""
        self.pause()
        left = self.iterations - self.training.iteration
        goal = self.training.iteration + (left if iterations is None else min(left, iterations))
        try:
            while self.training.iteration < goal:
                self._step()
        finally:
            self._show_last()

    def start(self) -> None:
        """Train in the background of this kernel; nothing happens where it already does, or has finished."""
        if self.is_running or self.training.iteration >= self.iterations:
            return
        self._wanted = True
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._refresh()

    def pause(self) -> None:
        """Stop after the running meta-iteration. `start` goes on from there."""
        self._wanted = False
        self._show_last()

    async def _run(self) -> None:
        task = asyncio.current_task()
        try:
            while self._wanted and task is self._task and self.training.iteration < self.iterations:
                began = time.perf_counter()
                while time.perf_counter() - began < CHUNK and self.training.iteration < self.iterations:
                    with self._lock:
                        if not (self._wanted and task is self._task):
                            return
                        self._step()
                self._catch_up()
                await asyncio.sleep(BREATH)
        except KeyboardInterrupt:
            pass  # the kernel's stop button is a pause too, and must not end the kernel's own loop
        except Exception as error:
            self.surface.say(explain(error), failed=True)
        finally:
            if task is self._task:
                self._wanted = False
            self._refresh()

    def _step(self) -> None:
        with self._lock:
            next(training_steps(self.training, self.iterations))
            if self.training.iteration in self._planned:
                self._keep()

    def _show_last(self) -> None:
        with self._lock:
            if self.snapshots[-1][0] != self.training.iteration:
                self._keep()
            self._catch_up()

    def _keep(self) -> None:
        """Remember θ. A moment that was not planned, at a pause, gives way to the next."""
        if self.snapshots and self.snapshots[-1][0] not in self._planned:
            self.snapshots.pop()
        learned = self.training.learner.model.state_dict()
        self.snapshots.append(
            (self.training.iteration, {name: value.clone() for name, value in learned.items()})
        )

    def _catch_up(self) -> None:
        """Go on to the newest snapshot, unless somebody is looking back."""
        with self._lock:
            newest = (len(self.snapshots) - 1, self.snapshots[-1][0])
            if newest != self._newest:
                following = self.controls["position"].value >= self._newest[0]
                self._newest = newest
                self.play.max = newest[0]
                if following:
                    self._assign({"position": newest[0]})
                    self.draw()
            self._refresh()

    def _refresh(self) -> None:
        done = self.training.iteration
        self.start_button.disabled = self.is_running or done >= self.iterations
        self.pause_button.disabled = not self.is_running
        self.progress.value = _("{done} of {total} meta-iterations").format(done=done, total=self.iterations)


def planned_moments(first: int, last: int) -> dict[int, None]:
    """The iterations to remember: `first`, then each time 5 % more (but 25 at most), and `last`."""
    moments = {first: None}
    while (now := next(reversed(moments))) < last:
        moments[min(last, now + min(25, max(1, now // 20)))] = None
    return moments
