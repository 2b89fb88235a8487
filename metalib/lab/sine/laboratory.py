"""The sine laboratory: its controls, and the hand that pulls the curve."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from metalib import weights
from metalib.i18n import N_, _
from metalib.lab.arguments import named
from metalib.lab.laboratory import Laboratory
from metalib.lab.parts import ARROWS, Buttons, Drag, Keys, View
from metalib.lab.sine.compute import SineResult, adapt_sine
from metalib.lab.sine.painter import SinePainter
from metalib.lab.sine.pulling import exact, pull, responsible
from metalib.lab.sine.state import INPUTS, STARTS, SineState, follow
from metalib.lab.surface import KeyEvent
from metalib.learners import GradientLearner
from metalib.models import sine_net

BACK = N_("put back what was pulled")
LABEL = N_("Adaptation to a sine wave. Drag the curve; or hold it by ← and →, and pull it by ↑ and ↓.")
ECHO = 1.0  # seconds in which a browser answers
REACH = 32  # pixels of the picture: how near to the curve a hand takes hold of it


class Pulling:
    """The hand on the curve: what a pointer and the keys make of a state, for each start's model."""

    def __init__(self, models: Mapping[str, nn.Module]) -> None:
        self.models = models
        self._exact: dict[str, nn.Module] = {}
        self._pulled: dict[float, float] = {}  # α where a pull has put it -> when

    def compute(self, state: SineState) -> SineResult:
        """The adaptation, and which support point a pull would move."""
        result = adapt_sine(self.models[state.start], state)
        if state.cause == "point" and state.steps and result.exploded is None:
            return replace(result, point=responsible(self.exact(state.start), state))
        return result

    def exact(self, start: str) -> nn.Module:
        """A start's model for the pulls, made when it is first needed."""
        if start not in self._exact:
            self._exact[start] = exact(self.models[start])
        return self._exact[start]

    def pull(self, state: SineState, to: float) -> SineState:
        """The curve pulled to this height at the hand."""
        low, high = -SinePainter.bounds, SinePainter.bounds
        there = pull(self.exact(state.start), state, min(max(to, low), high))
        if there.alpha != state.alpha:
            now = time.monotonic()
            kept = {alpha: when for alpha, when in self._pulled.items() if now - when < ECHO}
            self._pulled = {**kept, there.alpha: now, state.alpha: now}
        return there

    def follow(self, before: SineState, after: SineState) -> SineState:
        """As `follow`. A browser that is told where α's slider is answers with the same, perhaps after a
        further pull: that is no hand on it."""
        echo = time.monotonic() - self._pulled.get(after.alpha, -math.inf) < ECHO
        if after == before or (echo and replace(after, alpha=before.alpha) == before):
            return before
        return follow(before, after)

    def grab(self, view: View, x: float, y: float) -> tuple[float, float] | None:
        """Where the curve is held, and how far above the pointer it lies there."""
        if view.result.exploded is not None:
            return None
        return view.painter.on_curve(view.result, x, y, REACH)

    def drag(self, view: View, held: tuple[float, float], x: float, y: float) -> SineState:
        """The curve follows the pointer up and down, where it is held."""
        hand, above = held
        height = view.painter.to_data(view.painter.axes, x, y, anywhere=True)[1] + above
        return self.pull(replace(view.state, hand=hand), height)

    def pressed(self, view: View, event: KeyEvent) -> SineState | None:
        """Left and right move the hand, up and down pull, Home puts everything back."""
        state = view.state
        if event.key == "Home":
            return state.put_back()
        if event.key not in ARROWS:
            return None
        across, up = (part * (0.02 if event.shift else 0.2) for part in ARROWS[event.key])
        if across:
            hand = round(min(max(state.hand + across, INPUTS[0]), INPUTS[1]), 4)
            return replace(state.let_go(), hand=hand)
        return self.pull(state, view.result.height + up)


def back(view: View) -> SineState:
    """Everything where it was. Raises ValueError where nothing has been pulled."""
    if not view.state.moved:
        raise ValueError(_("Nothing has been pulled yet."))
    return view.state.put_back()


class SineLaboratory(Laboratory):
    """The sine laboratory with its controls.

    Take hold of the adapted curve and pull it, and θ, α or a support point moves along the gradient of the
    curve's height there. ← and → choose where it is held, ↑ and ↓ pull (with Shift in small steps); Home puts
    back what was pulled.

    Args:
        starts: name -> model or gradient learner to start from; by default a random network and the four
            shipped ones, "random", "joint", "maml", "fomaml" and "reptile".
        initial: values of `SineState` to begin with; the start is MAML's, or else the last one given.
    """

    def __init__(self, starts: Mapping[str, nn.Module] | None = None, **initial: Any) -> None:
        given = shipped_starts() if starts is None else starts
        models = {
            name: checked_model(name, start.model if isinstance(start, GradientLearner) else start)
            for name, start in named("starts", given, nn.Module).items()
        }
        names = {name: STARTS.get(name, name) for name in models}
        hand = Pulling(models)
        super().__init__(
            SineState,
            hand.compute,
            SinePainter(),
            initial={"start": "maml" if "maml" in models else list(models)[-1], **initial},
            allowed={"start": names},
            follow=hand.follow,
            on=(
                Drag(hand.grab, hand.drag),
                Keys(hand.pressed),
                Buttons({"back": (BACK, back)}),
            ),
            label=_(LABEL),
        )


def checked_model(name: str, model: nn.Module) -> nn.Module:
    """The model itself; raises ValueError where it does not map (N, 1) to (N, 1)."""
    try:
        with torch.no_grad():
            shape = str(tuple(model(torch.zeros(2, 1)).shape))
    except (RuntimeError, TypeError, AttributeError) as error:
        shape = str(error).splitlines()[0]
    if shape != "(2, 1)":
        raise ValueError(
            _("{name} must map numbers (N, 1) to numbers (N, 1); from (2, 1) it gives {shape}.").format(
                name=name, shape=shape
            )
        )
    return model


def shipped_starts() -> dict[str, nn.Module]:
    """A random start and the shipped ones."""
    shipped = {name: weights.load(f"sine-{name}") for name in STARTS if name != "random"}
    return {"random": sine_net(), **shipped}
