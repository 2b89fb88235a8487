"""The loss-landscape laboratory: what MAML's objective looks like, and where each method would go.

State: the landscape, θ, α, the inner steps, and a meta-descent (its method, outer rate β and the meta-steps
played). Result: the adapted parameters of each task, both objectives with their optima, and the methods'
directions. Left the average loss with the inner steps, right MAML's objective with the meta-gradients.
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import numpy as np

from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.laboratory import Laboratory
from metalib.lab.landscape.landscapes import Landscape, landscapes
from metalib.lab.landscape.objectives import METHODS, LandscapeResult, explore
from metalib.lab.landscape.picture import LandscapePicture
from metalib.lab.surface import KeyEvent, PointerEvent

MAX_STEPS, MAX_MOVES = 5, 60


class LandscapeLaboratory(Laboratory):
    """The loss-landscape laboratory: drag θ, or move it by the arrow keys (with Shift in small steps).

    Enter plays one meta-step, Backspace takes one back, Home returns θ to where the landscape begins.

    Args:
        initial: initial values: landscape, theta, alpha, steps, method, beta, moves.
    """

    def __init__(self, **initial: Any) -> None:
        names = list(landscapes())
        name = initial.get("landscape", names[0])
        if name not in names:
            raise ValueError(_("There is no landscape {name!r}.").format(name=name))
        # α and β where the sliders have a position: the browser would move them to the nearest one.
        first = {
            **{"landscape": name, "theta": landscapes()[name].start, "alpha": 10**-0.525, "steps": 1},
            **{"method": METHODS[0], "beta": 10**-0.825, "moves": 0},
            **initial,
        }
        hidden = controls.Hidden()
        hidden.value = tuple(first.pop("theta"))
        moves = controls.whole_slider(_("meta-steps"), first.pop("moves"), 0, MAX_MOVES)
        self.play = widgets.Play(value=moves.value, min=0, max=MAX_MOVES, interval=200)
        self._link = widgets.jslink((self.play, "value"), (moves, "value"))
        made = {
            "landscape": controls.choice(_("landscape"), names, first.pop("landscape")),
            "alpha": controls.log_slider(_("α (inner rate)"), first.pop("alpha"), 0.01, 1.0),
            "steps": controls.whole_slider(_("inner steps"), first.pop("steps"), 0, MAX_STEPS),
            "method": controls.choice(_("go down by"), METHODS, first.pop("method")),
            "beta": controls.log_slider(_("β (outer rate)"), first.pop("beta"), 0.01, 1.0),
            "moves": moves,
            "theta": hidden,
        }
        if first:
            raise TypeError(_("The landscape laboratory has no {name}.").format(name=", ".join(first)))
        label = _("Loss landscapes. Drag θ, or move it by the arrow keys; Enter plays a meta-step.")
        play = widgets.HBox([self.play, widgets.Label(_("play the meta-descent from θ"))])
        super().__init__(explore, LandscapePicture(), made, label=label, extras=(play,))
        self.surface.on_pointer(self._pointed)
        self.surface.on_key(self._pressed)

    @property
    def land(self) -> Landscape:
        """The landscape that is shown."""
        return landscapes()[self.controls["landscape"].value]

    def set(self, **values: Any) -> LandscapeResult:
        """As for every laboratory; another landscape also moves θ to where that one begins."""
        name = values.get("landscape")
        if name in landscapes():
            values = {"theta": landscapes()[name].start, "moves": 0, **values}
        return super().set(**values)

    def _changed(self, change: Any) -> None:
        if change.owner is self.controls["landscape"] and not self._held:
            self._held = True  # one picture for both changes
            self.controls["theta"].value, self.controls["moves"].value = self.land.start, 0
            self._held = False
        super()._changed(change)

    def _pointed(self, event: PointerEvent) -> None:
        # "up" too: it carries the last position, and takes the place of a move that was still waiting.
        if event.kind in ("down", "up") or (event.kind == "move" and event.pressed):
            for axes in self.picture.panels:
                if (point := self.picture.to_data(axes, event.x, event.y)) is not None:
                    self.set(theta=point, moves=0)

    def _pressed(self, event: KeyEvent) -> None:
        sides = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowDown": (0, -1), "ArrowUp": (0, 1)}
        moves = self.controls["moves"].value
        if event.key in sides:
            left, right, bottom, top = self.land.window
            moved = self.result.theta + (0.02 if event.shift else 0.2) * np.array(sides[event.key])
            inside = np.clip(moved, (left, bottom), (right, top))
            self.set(theta=tuple(inside.tolist()), moves=0)
        elif event.key in ("Enter", " "):
            self.set(moves=min(moves + 1, MAX_MOVES))
        elif event.key == "Backspace":
            self.set(moves=max(moves - 1, 0))
        elif event.key == "Home":
            self.set(theta=self.land.start, moves=0)
