"""A picture that can be touched: the one mechanism behind every live figure of the course.

The browser's half is `surface.js`. What the two promise together:

- a picture is a *ground*, a PNG file, with *changes* painted on it (`metalib.lab.changes`); mostly the ground
  stays and only new changes are sent, which the browser paints at once;
- a new ground is decoded before it replaces the last one, at a fixed aspect ratio: nothing flickers;
- pointer events (mouse, pen, touch) come in picture coordinates, from (0, 0) top left to (1, 1) bottom right;
- a move is sent only when the last was answered, and then the newest: a dragged pointer builds no queue;
- keys arrive while the picture has the focus; where nothing listens, it takes no focus;
- strokes are drawn live and reach the kernel when the pen is lifted;
- what is typed into a slider's number in the same laboratory is reported as it was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from metalib import notebook
from metalib.i18n import _
from metalib.lab.changes import apply_changes, encode_changes
from metalib.lab.png import encode_png

MOST = 260_000
"""Bytes of changes: where there are more, a new ground is shorter."""


@dataclass(frozen=True)
class PointerEvent:
    """What the pointer did, and where in the picture.

    kind: "down", "move", "up" or "leave"; x, y: 0..1 from the left and from the top;
    pressed: is the button (or the finger) down; device: "mouse", "pen" or "touch".
    """

    kind: str
    x: float
    y: float
    pressed: bool = False
    device: str = "mouse"
    shift: bool = False


@dataclass(frozen=True)
class KeyEvent:
    """A key by its name in the browser: "ArrowLeft", "Home", "Enter", "Escape", "Delete", " ", "+" …"""

    key: str
    shift: bool = False


class Surface(anywidget.AnyWidget):
    """Show a picture with its text alternative; report pointer, keys and strokes.

    Set `drawing=True` to let strokes be drawn; they are `strokes`: a list of strokes, each a list of (x, y).
    `on_pointer` and `on_key` switch the events on. What a callback raises is shown to the learner below the
    picture; called from Python, `pointer` and `key` do the same as the browser and let the error through.
    """

    # As texts: for a path anywidget keeps a listener to the file for every surface, and the surface with it.
    _esm = Path(__file__).with_name("surface.js").read_text("utf-8")
    _css = Path(__file__).with_name("surface.css").read_text("utf-8")
    _ipython_display_ = None  # ipywidgets 7 would show its own bundle, without the still picture

    ground = traitlets.Bytes(b"").tag(sync=True)  # a whole PNG file
    changes = traitlets.Bytes(b"").tag(sync=True)  # what is painted on it: metalib.lab.changes
    alt = traitlets.Unicode("").tag(sync=True)
    words: traitlets.List[Any] = traitlets.List().tag(
        sync=True
    )  # titles and legends above the picture: metalib.lab.words.as_json
    width = traitlets.Int(1000).tag(sync=True)  # CSS pixels at most; the picture shrinks with its column
    height = traitlets.Int(420).tag(sync=True)
    fold = traitlets.Float(1.0).tag(
        sync=True
    )  # in a narrow column the part right of it stands below the left
    resolution = traitlets.Float(1.0).tag(sync=True)  # screen pixels a CSS pixel at full width: 1, 1.5 or 2
    label = traitlets.Unicode("").tag(sync=True)  # what a screen reader calls it when it can be touched
    interactive = traitlets.Bool(False).tag(sync=True)
    hover = traitlets.Bool(False).tag(sync=True)  # report moves without a button pressed, and "leave"
    drawing = traitlets.Bool(False).tag(sync=True)
    strokes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    pen_width = traitlets.Float(0.03).tag(sync=True)  # in picture widths
    message = traitlets.Unicode("").tag(sync=True)
    failed = traitlets.Bool(False).tag(sync=True)  # is the message about an error

    def __init__(self, **traits: Any) -> None:
        # Not `layout=`: a Layout of our own would be shared by nobody, a width is all we need.
        super().__init__(**traits)
        self.layout.width = "100%"
        self._ground: np.ndarray | None = None  # its pixels, where they are known
        self._picture = b""  # the whole picture as a PNG file, once somebody has asked for it
        self._listeners: dict[str, list[Callable]] = {"pointer": [], "key": [], "typed": []}
        self.on_msg(self._receive)

    def show(self, picture: bytes, alt: str, words: list | None = None) -> None:
        """Show a PNG file, its text alternative and the words above it; all change in one message."""
        with self.hold_sync():
            self._put(picture, b"")
            self._ground, self._picture = None, picture
            self.alt = alt
            self.words = words or []

    def paint(self, pixels: np.ndarray, ground: np.ndarray, alt: str, words: list | None = None) -> None:
        """As `show`, for pixels, uint8 (height, width, 4), opaque. `ground`: what of them stands still."""
        with self.hold_sync():
            changes = None
            if self._ground is not None and self._ground.shape == pixels.shape:
                changes = encode_changes(pixels, self._ground, MOST)
            if changes is not None:
                self._put(self.ground, changes)
            else:
                changes = encode_changes(pixels, ground, MOST)
                # Where nearly everything moves the picture itself is what the next ones change.
                self._ground = pixels.copy() if changes is None else ground
                self._put(encode_png(self._ground), changes or b"")
            self.alt = alt
            self.words = words or []

    def _put(self, ground: bytes, changes: bytes) -> None:
        if (ground, changes) != (self.ground, self.changes):
            self._picture = b""
        self.ground, self.changes = ground, changes

    @property
    def picture(self) -> bytes:
        """The picture that is shown, as a PNG file."""
        if not self._picture and self._ground is not None:
            self._picture = encode_png(apply_changes(self._ground, self.changes))
        return self._picture

    def say(self, message: str, failed: bool = False) -> None:
        """Put one sentence below the picture ("" clears it)."""
        with self.hold_sync():
            self.message = message
            self.failed = failed

    def on_pointer(self, callback: Callable[[PointerEvent], object]) -> None:
        """Call `callback(PointerEvent)` whenever the pointer acts on the picture."""
        self._listeners["pointer"].append(callback)
        self.interactive = True

    def on_key(self, callback: Callable[[KeyEvent], object]) -> None:
        """Call `callback(KeyEvent)` for every key pressed while the picture has the focus."""
        self._listeners["key"].append(callback)
        self.interactive = True

    def on_typed(self, callback: Callable[[str, str], object]) -> None:
        """Call `callback(field, text)` when something was typed into a slider's number in the same
        laboratory."""
        self._listeners["typed"].append(callback)

    def typed(self, field: str, text: str) -> None:
        """Act as somebody who types. Raises what a callback raises."""
        for callback in self._listeners["typed"]:
            callback(field, text)

    def pointer(self, kind: str, x: float, y: float, **details: Any) -> None:
        """Act as the pointer would. Raises what a callback raises."""
        for callback in self._listeners["pointer"]:
            callback(PointerEvent(kind, x, y, **details))

    def key(self, key: str, shift: bool = False) -> None:
        """Act as a key would. Raises what a callback raises."""
        for callback in self._listeners["key"]:
            callback(KeyEvent(key, shift))

    def undo(self) -> None:
        """Take the last stroke away."""
        self.strokes = self.strokes[:-1]

    def clear(self) -> None:
        """Take all strokes away."""
        self.strokes = []

    def _receive(self, widget: Surface, content: dict, buffers: list) -> None:
        event = dict(content)
        number, kind = event.pop("id", None), event.pop("kind", None)
        try:
            if kind == "key":
                self.key(**event)
            elif kind == "typed":
                self.typed(**event)
            elif kind is not None:
                self.pointer(kind, **event)
        except Exception as error:  # the browser has nowhere else to show it
            self.say(explain(error), failed=True)
        finally:
            self.send({"answered": number})

    def _repr_mimebundle_(self, **kwargs: Any) -> notebook.Bundle:
        return self.shown(self, self.picture)

    def shown(self, view: Any, still: bytes) -> notebook.Bundle:
        """What a notebook shows: `view`, a widget with this surface in it; without a kernel `still`, a PNG
        file."""
        html = notebook.picture(still, self.alt, self.width) if still else ""
        return notebook.bundle(self.alt or repr(self), html, view)


def explain(error: Exception) -> str:
    """One sentence for the learner: our own errors are sentences already, others get their type in front."""
    text = str(error).strip()
    own = isinstance(error, ValueError | TypeError) or (isinstance(error, OSError) and error.errno is None)
    if own and text:
        return text
    return _("{kind}: {text}").format(kind=type(error).__name__, text=text) if text else type(error).__name__
