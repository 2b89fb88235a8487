"""What moves a laboratory's state besides its controls: dragging, keys, playing, buttons, a pad, idle work.

Each part is made of pure functions. They get a `View` (the painter, and the state and result it shows) and
return the state to go to, or None to stay. What they raise is said below the picture.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np

from metalib.i18n import _
from metalib.lab import stopping
from metalib.lab.laboratory import Laboratory, Part
from metalib.lab.png import encode_png
from metalib.lab.surface import KeyEvent, PointerEvent, Surface, explain

CHUNK, BREATH = 0.04, 0.01  # seconds of idle work, and then of peace in which widgets get their turn
ARROWS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowDown": (0, -1), "ArrowUp": (0, 1)}


class View(NamedTuple):
    """What the learner sees."""

    painter: Any
    state: Any
    result: Any


def go(laboratory: Laboratory, wanted: Callable[[View], Any]) -> None:
    """Go where `wanted` says from what is shown now."""
    with laboratory.lock:
        view = View(laboratory.painter, laboratory.state, laboratory.result)
        state = wanted(view)
        if state is not None and state != view.state:
            laboratory.go(state)


def attempt(laboratory: Laboratory, wanted: Callable[[View], Any]) -> None:
    """As `go`, but an error is said below the picture: a browser has nowhere else to show it."""
    try:
        go(laboratory, wanted)
    except Exception as error:
        laboratory.surface.say(explain(error), failed=True)


class Drag(Part):
    """Take hold of something and pull it.

    Args:
        grab: (view, x, y) -> what is taken hold of at this point, or None. x, y: 0 … 1 from left and top.
        pull: (view, held, x, y) -> the state with it moved there.
    """

    def __init__(self, grab: Callable[..., Any], pull: Callable[..., Any]) -> None:
        self.grab, self.pull, self.held = grab, pull, None

    def attach(self, laboratory: Laboratory) -> None:
        laboratory.surface.on_pointer(lambda event: self._pointed(laboratory, event))

    def _pointed(self, laboratory: Laboratory, event: PointerEvent) -> None:
        def moved(view: View) -> Any:
            if event.kind == "down":
                self.held = self.grab(view, event.x, event.y)
            # "up" carries the last position, and takes the place of a move that was still waiting.
            held, pulled = self.held, event.kind in ("down", "up") or (event.kind == "move" and event.pressed)
            if event.kind == "up":
                self.held = None
            return self.pull(view, held, event.x, event.y) if pulled and held is not None else None

        go(laboratory, moved)


class Touch(Part):
    """Point at something: by a click, or with `hover` by moving over it.

    Args:
        at: (view, x, y) -> state; x, y: 0 … 1 from left and top.
    """

    def __init__(self, at: Callable[..., Any], *, hover: bool = False) -> None:
        self.at, self.hover = at, hover

    def attach(self, laboratory: Laboratory) -> None:
        laboratory.surface.hover = laboratory.surface.hover or self.hover
        laboratory.surface.on_pointer(lambda event: self._pointed(laboratory, event))

    def _pointed(self, laboratory: Laboratory, event: PointerEvent) -> None:
        if event.kind == "down" or (self.hover and event.kind in ("move", "up")):
            go(laboratory, lambda view: self.at(view, event.x, event.y))


class Keys(Part):
    """Keys while the picture has the focus: (view, `KeyEvent`) -> state."""

    def __init__(self, pressed: Callable[[View, KeyEvent], Any]) -> None:
        self.pressed = pressed

    def attach(self, laboratory: Laboratory) -> None:
        laboratory.surface.on_key(lambda event: go(laboratory, lambda view: self.pressed(view, event)))


class Play(Part):
    """A play button that moves a whole-number control forward, as far as `last(state)` (by default its end).

    Args:
        name: the field that it moves.
        label: what stands before it.
        interval: milliseconds a step.
    """

    def __init__(
        self, name: str, label: str, interval: int = 200, last: Callable[[Any], int] | None = None
    ) -> None:
        self.name, self.label, self.interval = name, label, interval
        self.last = last or (lambda state: self.play.max)
        self._held, self._state = False, None

    def attach(self, laboratory: Laboratory) -> widgets.HBox:
        slider = laboratory.controls[self.name]
        self.play = widgets.Play(value=slider.value, min=0, max=slider.max, interval=self.interval)
        self.play.observe(lambda change: self._played(laboratory, change), "value")
        layout = widgets.Layout(flex_flow="row wrap", overflow="visible")
        return widgets.HBox([widgets.Label(_(self.label)), self.play], layout=layout)

    def _played(self, laboratory: Laboratory, change: Any) -> None:
        with laboratory.answering(change):
            if not self._held and change.new <= self.last(laboratory.state):
                laboratory.set(**{self.name: change.new})

    def shown(self, laboratory: Laboratory) -> None:
        if laboratory.state == self._state:  # shown again: the button may just have moved on
            return
        self._held, self._state = True, laboratory.state
        try:
            with self.play.hold_sync():
                self.play.max = self.last(laboratory.state)
                self.play.value = getattr(laboratory.state, self.name)
        finally:
            self._held = False


class Buttons(Part):
    """A row of buttons: identifier -> (label, action).

    A label is a text, or (state) -> text where it changes with the state. An action is (view) -> state, or
    None where the button does its work itself.
    """

    def __init__(
        self, actions: Mapping[str, tuple[str | Callable[[Any], str], Callable[[View], Any]]]
    ) -> None:
        self.actions = actions

    def attach(self, laboratory: Laboratory) -> widgets.HBox:
        self.buttons = {}
        for name, (label, action) in self.actions.items():
            made = widgets.Button(layout=widgets.Layout(width="auto"))
            made.description = "" if callable(label) else _(label)
            made.on_click(lambda _button, action=action: attempt(laboratory, action))
            self.buttons[name] = made
        layout = widgets.Layout(flex_flow="row wrap", padding="0 4px", overflow="visible")
        return widgets.HBox(list(self.buttons.values()), layout=layout)

    def shown(self, laboratory: Laboratory) -> None:
        for name, (label, _action) in self.actions.items():
            if callable(label):
                self.buttons[name].description = label(laboratory.state)


class Pad(Part):
    """Paper to write on, with a pen, a mouse or a finger: its strokes are a field of the state.

    Args:
        name: the field: a tuple of strokes, each a tuple of points (x, y), in widths of the pad from its
            upper left corner. Backspace takes the last stroke back.
        pressed: other keys while the pad has the focus: (view, `KeyEvent`) -> state.
        label: what a screen reader calls it.
        size: pixels.
    """

    def __init__(self, name: str, pressed: Callable[[View, KeyEvent], Any], label: str, size: int) -> None:
        self.name, self.pressed, self.label, self.size = name, pressed, label, size
        self._held = False

    def attach(self, laboratory: Laboratory) -> Surface:
        self.surface = Surface(width=self.size, height=self.size, drawing=True, label=_(self.label))
        self.surface.show(paper(self.size), _("Paper to write on."))
        self.surface.add_class("metalib-pad")
        self.surface.layout.width, self.surface.layout.flex = f"{self.size}px", f"0 0 {self.size}px"
        self.surface.observe(lambda change: self._written(laboratory, change), "strokes")
        self.surface.on_key(lambda event: attempt(laboratory, lambda view: self.pressed(view, event)))
        return self.surface

    def _written(self, laboratory: Laboratory, change: Any) -> None:
        if self._held:
            return
        try:
            with laboratory.answering(change):
                laboratory.set(**{self.name: tuple(tuple(map(tuple, stroke)) for stroke in change.new)})
        finally:
            self.shown(laboratory)  # what was refused goes off the paper

    def shown(self, laboratory: Laboratory) -> None:
        strokes = [[list(point) for point in stroke] for stroke in getattr(laboratory.state, self.name)]
        if strokes != self.surface.strokes:
            self._held = True
            self.surface.strokes = strokes
            self._held = False


def paper(size: int) -> bytes:
    """A PNG file: white paper in a grey frame, twice as many pixels as its size."""
    pixels = np.full((2 * size, 2 * size, 4), 255, np.uint8)
    for edge in (pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]):
        edge[..., :3] = 118
    return encode_png(pixels)


class Background(Part):
    """Work in pieces while the kernel is idle: `work(laboratory) -> bool`, whether there is more to do.

    It runs in the kernel's own loop, each piece under the laboratory's lock, with a breath between two in
    which widgets are answered. `start` does nothing where it runs already; `stop`, and the notebook's stop
    button, end it after the piece.
    """

    def __init__(
        self,
        work: Callable[[Laboratory], bool],
        ended: Callable[[Laboratory], object] = lambda laboratory: None,
        *,
        breath: float = BREATH,
    ) -> None:
        self.work, self.ended, self.breath = work, ended, breath
        self._task: asyncio.Task | None = None

    @property
    def is_running(self) -> bool:
        """Is it at work. Where JupyterLab gives widgets their own thread, its loop ends with the page."""
        task = self._task
        return task is not None and not task.done() and task.get_loop().is_running()

    def start(self, laboratory: Laboratory) -> None:
        """Go to work. Raises RuntimeError where no loop runs: a plain script has no idle time."""
        stopping.note_main_loop()
        if not self.is_running:
            self._task = asyncio.get_running_loop().create_task(self._run(laboratory))

    def stop(self) -> None:
        """No further piece."""
        self._task = None

    def close(self) -> None:
        self.stop()

    async def _run(self, laboratory: Laboratory) -> None:
        task, more = asyncio.current_task(), True
        try:
            with stopping.stop_button() as pressed:
                while more:
                    stopping.attend()
                    with laboratory.lock:
                        if task is not self._task or pressed.is_set():
                            return
                        more = self.work(laboratory)
                        if not more:
                            self._task = None  # under the lock: who wants more now starts it anew
                    await asyncio.sleep(self.breath if more else 0)
        except KeyboardInterrupt:
            pass  # pressed while a cell was waiting for something: it must not end the kernel's own loop
        except Exception as error:
            laboratory.surface.say(explain(error), failed=True)
        finally:
            if self._task in (task, None):
                self._task = None
                self.ended(laboratory)


class Idle(Background):
    """Work on the present state's result in idle time, and show it anew as the work doubles, and at its end.

    Args:
        work: (state, seconds) -> whether there is more to do. It goes on for about so many seconds and keeps
            what it has found, so that `compute(state)` gives more the next time.
        is_done: whether a result needs no more work; nothing is begun for it, and it is not shown again.
    """

    def __init__(
        self, work: Callable[[Any, float], bool], is_done: Callable[[Any], bool] = lambda result: False
    ) -> None:
        super().__init__(self._piece)
        self.go_on, self.is_done = work, is_done
        self._state: Any = None
        self._spent = self._shown_at = 0.0

    def finish(self, laboratory: Laboratory) -> Any:
        """Do all the work for the present state now; returns the result."""
        with laboratory.lock:
            while self.go_on(laboratory.state, float("inf")):
                pass
            return laboratory.go(laboratory.state)

    def shown(self, laboratory: Laboratory) -> None:
        if laboratory.state != self._state:
            self._state, self._spent, self._shown_at = laboratory.state, 0.0, 0.0
            if self.is_done(laboratory.result):
                return
            try:
                self.start(laboratory)
            except RuntimeError:  # no loop: there is `finish`
                pass

    def _piece(self, laboratory: Laboratory) -> bool:
        if self.is_done(laboratory.result):
            return False
        began = time.perf_counter()
        more = self.go_on(laboratory.state, CHUNK)
        self._spent += time.perf_counter() - began
        if not more or self._spent >= 2 * self._shown_at + CHUNK:
            self._shown_at = self._spent
            laboratory.refresh()
        return more
