"""Watch meta-training: start it, pause it, and go back through it to see how adaptation came to be.

While it trains, the laboratory keeps the meta-parameters θ at growing intervals. The slider chooses one
of these moments, and the picture shows the adaptation from there on one task, beside the training curve.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, replace

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure

from metalib import look
from metalib.history import smooth
from metalib.i18n import N_, _
from metalib.lab import stopping
from metalib.lab.arguments import of_kind
from metalib.lab.controls import controls_of, counter, whole_slider
from metalib.lab.laboratory import Laboratory, Part
from metalib.lab.panels import StepCurves, line
from metalib.lab.parts import Background, Play
from metalib.lab.picture import Painter
from metalib.lab.sine import (
    MAX_STEPS,
    SineResult,
    SineState,
    WaveCurves,
    adapt_sine,
    explosion,
    losses_in_words,
)
from metalib.lab.words import Panel, Words
from metalib.learners import GradientLearner
from metalib.tasks.batch import check_positive
from metalib.training import Training, interrupt_flag, training_steps

CHUNK, BREATH = 0.1, 0.02  # seconds of training, and then of peace in which other widgets get their turn
META_LOSSES = (0.1, 10.0)


@dataclass(frozen=True)
class TrainingState:
    """Which kept moment is shown, and on which task."""

    position: int = whole_slider(N_("look back"), 0, 0, 1)
    task: int = counter(N_("another task"), N_("task {number}"), 36)  # far from the average wave


@dataclass(frozen=True)
class Moment:
    """What adaptation looked like after `iteration` meta-iterations, and the meta-losses so far."""

    iteration: int
    sine: SineState
    adaptation: SineResult
    losses: np.ndarray  # (iterations so far,) the smoothed meta-loss


class TrainingPainter(Painter):
    """Left: the adaptation curves. Right: the loss against the inner step, and the meta-training curve."""

    height = 430
    fold = 0.612

    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations

    def build(self, figure: Figure) -> None:
        self.curves = WaveCurves(figure.add_axes((0.062, 0.135, 0.54, 0.84)))
        above = figure.add_axes((0.695, 0.635, 0.28, 0.34))
        below = figure.add_axes((0.695, 0.135, 0.28, 0.33))
        self.steps = StepCurves(above, MAX_STEPS, ylim=(1e-3, 1e2), yscale="log", ylabel=_("loss"))
        above.set_yticks([1e-2, 1e0, 1e2])
        above.minorticks_off()
        below.set(xlim=(0, self.iterations), ylim=META_LOSSES, yscale="log")
        below.set(xlabel=_("meta-iteration"), ylabel=_("meta-loss"))
        below.set_yticks([0.1, 1, 10])
        below.locator_params(axis="x", nbins=4)
        below.minorticks_off()
        self.training = line(below, color=look.BLUE)
        self.here = line(below, color=look.BLACK, linestyle=":", linewidth=1.6)
        self.marker = line(below, color=look.BLACK, marker="D", markersize=9, linestyle="none")

    def update(self, state: TrainingState, result: Moment) -> None:
        self.curves.update(result.adaptation)
        self.steps.update(result.adaptation.support_loss, result.adaptation.query_loss)
        low, high = META_LOSSES
        losses = np.clip(result.losses, low, high)
        self.training.set_data(np.arange(1, len(losses) + 1), losses)
        at = result.iteration
        self.here.set_data([at, at], [low, high])
        self.marker.set_data([at] if at else [], [losses[at - 1]] if at else [])

    def words(self, state: TrainingState, result: Moment) -> Words:
        adaptation = result.adaptation
        last = look.number(adaptation.support_loss[-1]), look.number(adaptation.query_loss[-1])
        title = _("after meta-iteration {iteration}").format(iteration=result.iteration)
        panels = (
            Panel(0.062, 0.64, title, self.curves.legend()),
            Panel(0.66, 1.0, legend=self.steps.legend(*last)),
        )
        return Words(panels, explosion(result.sine.alpha, adaptation))

    def describe(self, state: TrainingState, result: Moment) -> str:
        text = losses_in_words(result.sine, result.adaptation)
        if result.iteration:
            loss = look.number(float(result.losses[result.iteration - 1]))
            text += " " + _("The meta-loss is {loss}.").format(loss=loss)
        return text


class StartPause(Part):
    """The buttons of a training in the background, and how far it is."""

    def __init__(self, laboratory: TrainingLaboratory) -> None:
        self.laboratory = laboratory

    def attach(self, laboratory: Laboratory) -> widgets.HBox:
        label = widgets.Label(_("meta-training"))
        self.start = widgets.Button(description=_("Start"), button_style="primary")
        self.pause = widgets.Button(description=_("Pause"), disabled=True)
        self.progress = widgets.Label()
        self.start.on_click(lambda button: self.laboratory.start())
        self.pause.on_click(lambda button: self.laboratory.pause())
        layout = widgets.Layout(flex_flow="row wrap", padding="4px", overflow="visible")
        return widgets.HBox([label, self.start, self.pause, self.progress], layout=layout)

    def refresh(self) -> None:
        """Which of the two can be pressed, and how far it is."""
        done, goal = self.laboratory.training.iteration, self.laboratory.iterations
        self.start.disabled = self.laboratory.is_running or done >= goal
        self.pause.disabled = not self.laboratory.is_running
        self.progress.value = _("{done} of {total} meta-iterations").format(done=done, total=goal)


class TrainingLaboratory(Laboratory):
    """Meta-train a gradient learner on sine waves before the learner's eyes.

    Args:
        training: what is trained; see `metalib.Training`. Its learner is changed in place.
        iterations: meta-iterations at most.
        steps, shots, alpha: of the adaptation that is shown; α is the learner's own unless given.

    *Start* trains in small pieces between which other widgets answer. *Pause* and the notebook's stop button
    end it after the running meta-iteration and lose no step. `train(n)` does the same at once and without a
    browser; the stop button ends it as gently.

    Raises:
        TypeError: the learner does not adapt by gradient steps.
        ValueError, TypeError: iterations is not a whole number of at least 1; steps or shots are not what the
            sine laboratory takes.
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
        of_kind("training", training, Training)
        if not isinstance(training.learner, GradientLearner):
            raise TypeError(
                _("This laboratory shows learners that adapt by gradient steps, not {kind}.").format(
                    kind=type(training.learner).__name__
                )
            )
        self.training, self.iterations = training, iterations
        alpha = training.learner.alpha if alpha is None else alpha
        can = controls_of(SineState)
        steps, shots = can["steps"].check("steps", steps), can["shots"].check("shots", shots)
        self._adaptation = SineState(steps=steps, shots=shots, alpha=alpha)
        self.snapshots: list[tuple[int, dict[str, torch.Tensor]]] = []
        self._planned = planned_moments(training.iteration, iterations)
        self._learned = training.learner.model
        self._model = copy.deepcopy(self._learned)  # takes the values of one snapshot after another
        self._keep()
        self._newest = (0, training.iteration)  # the last moment that the slider was told of
        stopping.note_main_loop()  # made in a cell; *Start* may be heard in the widgets' own thread
        self._background = Background(lambda lab: self._piece(), lambda lab: self._show_last(), breath=BREATH)
        self.buttons = StartPause(self)
        play = Play(
            "position", N_("play back the training so far"), 150, lambda state: len(self.snapshots) - 1
        )
        super().__init__(
            TrainingState,
            self.moment,
            TrainingPainter(iterations),
            # Its range is fixed: after a change of it the slider's End key goes astray.
            allowed={"position": (0, max(1, len(self._planned) - 1))},
            on=(self.buttons, play),
        )
        self.buttons.refresh()

    def moment(self, state: TrainingState) -> Moment:
        """The result at the snapshot number `position`, or at the newest where that is still to come."""
        iteration, values = self.snapshots[min(state.position, len(self.snapshots) - 1)]
        self._model.load_state_dict(values)
        chosen = torch.rand(2, generator=torch.Generator().manual_seed(state.task), dtype=torch.float64)
        amplitude, phase = 1.0 + 4.0 * chosen[0].item(), math.pi * chosen[1].item()
        sine = replace(self._adaptation, amplitude=amplitude, phase=phase, draw=state.task)
        # One window throughout, so that the part already painted does not move while the rest arrives.
        losses = smooth(self.training.history.loss, max(5, self.iterations // 20))
        return Moment(iteration, sine, adapt_sine(self._model, sine), np.array(losses))

    @property
    def is_running(self) -> bool:
        """Is it training in the background."""
        return self._background.is_running

    def train(self, iterations: int | None = None) -> None:
        """Train `iterations` more meta-iterations now (all that are left, where None), then show the last."""
        self.pause()
        left = self.iterations - self.training.iteration
        goal = self.training.iteration + (left if iterations is None else min(left, iterations))
        try:
            with interrupt_flag() as pressed:
                while self.training.iteration < goal and not pressed.is_set():
                    self._step()
        finally:
            self._show_last()

    def start(self) -> None:
        """Train in the background of this kernel; nothing happens where it already does, or has finished."""
        if self.training.iteration < self.iterations:
            self._background.start(self)
        self.buttons.refresh()

    def pause(self) -> None:
        """Stop after the running meta-iteration. `start` goes on from there."""
        self._background.stop()
        self._show_last()

    def _piece(self) -> bool:
        began = time.perf_counter()
        while time.perf_counter() - began < CHUNK and self.training.iteration < self.iterations:
            self._step()
        self._catch_up()
        return self.training.iteration < self.iterations

    def _step(self) -> None:
        with self.lock:
            next(training_steps(self.training, self.iterations))
            if self.training.iteration in self._planned:
                self._keep()

    def _show_last(self) -> None:
        with self.lock:
            if self.snapshots[-1][0] != self.training.iteration:
                self._keep()
            self._catch_up()

    def _keep(self) -> None:
        """Remember θ. A moment that was not planned, at a pause, gives way to the next."""
        if self.snapshots and self.snapshots[-1][0] not in self._planned:
            self.snapshots.pop()
        learned = self._learned.state_dict()
        self.snapshots.append(
            (self.training.iteration, {name: value.clone() for name, value in learned.items()})
        )

    def _catch_up(self) -> None:
        """Go on to the newest snapshot, unless somebody is looking back."""
        with self.lock:
            newest = (len(self.snapshots) - 1, self.snapshots[-1][0])
            if newest != self._newest:
                following = self.state.position >= self._newest[0]
                self._newest = newest
                if following:
                    self.set(position=newest[0])
                else:
                    self.refresh()  # the play button learns how far it may go
            self.buttons.refresh()


def planned_moments(first: int, last: int) -> dict[int, None]:
    """The iterations to remember: `first`, then each time 5 % more (but 25 at most), and `last`."""
    moments = {first: None}
    while (now := next(reversed(moments))) < last:
        moments[min(last, now + min(25, max(1, now // 20)))] = None
    return moments
