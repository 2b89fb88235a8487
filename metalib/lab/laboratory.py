"""A laboratory is declared: a state, a pure function, a painter, and parts that move the state.

    State ──compute──▶ result ──painter──▶ picture and words ──surface──▶ the learner
      ▲                                                                       │
      └──── follow(before, after) ◀──── controls, drags, keys, idle work ◀────┘

    @dataclass(frozen=True)
    class State:
        count: int = whole_slider(N_("points"), 3, 1, 10)

    Laboratory(State, lambda state: [0.5] * state.count, Dots())

`compute`, the painter and `follow` know nothing of widgets and are tested without a browser.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from metalib import notebook
from metalib.i18n import _
from metalib.lab import cells
from metalib.lab.controls import Control, controls_of
from metalib.lab.picture import Painter
from metalib.lab.surface import Surface, explain
from metalib.lab.words import all_in_words, as_json, with_words


class Part:
    """What moves the state but is no control; `metalib.lab.parts` has them."""

    def attach(self, laboratory: Laboratory) -> Any:
        """Connect to the laboratory; returns a widget to show above the picture, or None."""

    def shown(self, laboratory: Laboratory) -> None:
        """A state is on the screen. This raises nothing: what is shown stays shown."""

    def close(self) -> None:
        """The laboratory is closed: begin nothing more."""


class Laboratory:
    """A live figure with its controls. `display(lab)`, or leave it as the last line of a cell.

    Args:
        state: the frozen dataclass whose fields are declared with `metalib.lab.controls`.
        compute: state -> result; raises ValueError or TypeError, in one sentence, where it cannot.
        painter: shows (state, result).
        initial: values in place of the declared ones.
        allowed: field -> limits (low, high) or options {identifier: label}, where the arguments of a
            laboratory decide them; they may also be a function of the state.
        follow: (before, after) -> state: where moving one control moves another.
        on: parts such as `Drag`, `Touch`, `Keys`, `Play`, `Idle`.
        label: what a screen reader calls the picture where it can be touched.
        arrange: (controls, what the parts add, picture) -> one box; by default one below the other.

    `state` and `result` are what the picture shows. A control's change computes and paints at once; the
    browser holds back all but the newest change while that lasts. An error shows as one sentence below the
    picture, which stays as it was. From Python (`lab.set(alpha=0.1)`, or a control's `.value`) the error is
    raised as well: a notebook that runs unattended cannot hide it.

    Raises:
        TypeError, ValueError: an initial value that is unknown, of another kind or outside its limits.
    """

    def __init__(
        self,
        state: type,
        compute: Callable[[Any], Any],
        painter: Painter,
        *,
        initial: Mapping[str, Any] | None = None,
        allowed: Mapping[str, Any] | None = None,
        follow: Callable[[Any, Any], Any] | None = None,
        on: Iterable[Part] = (),
        label: str = "",
        arrange: Callable[[widgets.Box, list[Any], Surface], widgets.Box] | None = None,
    ) -> None:
        cells.made(self)
        self.compute, self.painter = compute, painter
        self._follow = follow or (lambda before, after: after)
        self._varying = {name: limits for name, limits in (allowed or {}).items() if callable(limits)}
        self._declared = {
            name: one.narrowed(allowed[name]) if allowed and name in allowed.keys() - self._varying else one
            for name, one in controls_of(state).items()
        }
        self._waiting: Any = None
        self._busy = self._held = False
        # JupyterLab hands widgets' messages to other threads (subshells) than the one that runs the cells.
        self.lock = threading.RLock()
        self.state: Any = None
        self.result: Any = None
        self.surface = Surface(width=painter.width, height=painter.height, fold=painter.fold, label=label)
        self.surface.observe(self._resized, "resolution")
        self.surface.on_typed(lambda name, text: self.enter(name, text))
        self.parts = tuple(on)

        unknown = [name for name in initial or {} if name not in self._declared]
        if unknown:
            raise TypeError(
                _("{laboratory} has no {name}; it has {names}.").format(
                    laboratory=type(self).__name__, name=unknown[0], names=", ".join(self._declared)
                )
            )
        begin = self._asked(state(), initial or {})
        self._controls = self._narrow(begin)
        made = {name: one.widget(getattr(begin, name)) for name, one in self._controls.items()}
        self.controls = {name: widget for name, widget in made.items() if widget is not None}
        for name, widget in self.controls.items():
            self._observe(name, widget)
        extras = [widget for part in self.parts if (widget := part.attach(self)) is not None]
        self.box = (arrange or one_below_the_other)(self._grid(), extras, self.surface)
        self.box.add_class("metalib-laboratory")
        self.go(begin)

    def set(self, **values: Any) -> Any:
        """Move controls as a learner would, paint once, and return the result.

        Raises:
            ValueError, TypeError: no such field, a value it cannot take, or whatever `compute` raises;
                everything then stays as it was.
        """
        for name in values:
            if name not in self._declared:
                raise ValueError(
                    _("There is no control {name!r}; there are {names}.").format(
                        name=name, names=", ".join(self._declared)
                    )
                )
        with self.lock:
            try:
                asked = self._asked(self.state, values)
                wanted = self._follow(self.state, asked)
                # What was asked for stands, whatever follows.
                return self.go(replace(wanted, **{name: getattr(asked, name) for name in values}))
            finally:
                self._put(self.state)

    def enter(self, name: str, text: str) -> Any:
        """Type a number beside a control's slider, as a learner would: "0,01" is 0.01.

        Raises:
            ValueError, TypeError: no number, or outside the limits, in a sentence with the control's label;
                or as `set`.
        """
        return self.set(**{name: self._controls[name].typed(text)})

    def go(self, state: Any) -> Any:
        """Compute and show a whole state; returns the result. Should that ask for another state, the newest
        is shown in the end."""
        with self.lock:
            self._waiting = state
            if self._busy:
                return self.result
            before, self._busy = self.state, True
            try:
                while self._waiting is not None:
                    state, self._waiting = self._waiting, None
                    self._show(state)
                for part in self.parts:
                    part.shown(self)
            except Exception:
                if before is not None and self.state != before:  # a part could not follow
                    self._show(before)
                raise
            finally:
                self._busy, self._waiting = False, None
            return self.result

    def refresh(self) -> Any:
        """Compute and show the present state again; returns the result. An error that is said stays: what was
        refused is not what is shown again."""
        with self.lock, self.surface.hold_sync():
            said, failed = self.surface.message, self.surface.failed
            result = self.go(self.state)
            if failed:
                self.surface.say(said, failed=True)
            return result

    @property
    def declared(self) -> Mapping[str, Control]:
        """Field -> its control, with the limits and options that it has now."""
        return dict(self._controls)

    @property
    def picture(self) -> Painter:
        """What is seen: the painter with its figure."""
        return self.painter

    def close(self) -> None:
        """Take the laboratory off the page, and let go of its figure, its networks and all it has computed.

        A cell that is run again closes the laboratories that it made before, where the notebook tells which
        cell it is (JupyterLab does).
        """
        with self.lock:
            if self.compute is _closed:
                return
            for part in self.parts:
                part.close()
            for widget in _all_below(self.box):
                widget.unobserve_all()
                widget.close()
            # Even where the notebook keeps the laboratory itself, as one of its outputs.
            kept = {name: vars(self)[name] for name in ("lock", "state", "surface", "box", "_held", "_busy")}
            vars(self).clear()
            vars(self).update(kept, compute=_closed, painter=None, result=None, parts=(), controls={})
            vars(self).update(_declared={}, _varying={}, _controls={}, _waiting=None)

    def _show(self, state: Any) -> None:
        controls = self._narrow(state)
        state = self._checked(state, controls)
        result = self.compute(state)
        pixels = self.painter.pixels(state, result)
        words, shows = self.painter.words(state, result), self.painter.describe(state, result)
        settings = [one.told(getattr(state, name)) for name, one in controls.items()]
        before, self.state, self.result = self.state, state, result
        with self.surface.hold_sync():
            alt = all_in_words(settings, words, shows)
            self.surface.paint(pixels, self.painter.ground, alt, as_json(words))
            self.surface.say(words.below)
        self._renew(controls)
        # What is shown again moves no control: one may just have been moved, its change waiting for the lock.
        if state != before:
            self._put(state)

    def _asked(self, state: Any, values: Mapping[str, Any]) -> Any:
        """The state with these values, refused before `follow` could make them fit."""
        fixed = {
            n: self._declared[n].check(n, value) for n, value in values.items() if n not in self._varying
        }
        state = replace(state, **fixed)
        limits = self._narrow(state)
        return replace(state, **{n: limits[n].check(n, values[n]) for n in values if n in self._varying})

    def _narrow(self, state: Any) -> dict[str, Any]:
        varying = {name: self._declared[name].narrowed(of(state)) for name, of in self._varying.items()}
        return {**self._declared, **varying}

    def _checked(self, state: Any, controls: Mapping[str, Any]) -> Any:
        values = {name: one.check(name, getattr(state, name)) for name, one in controls.items()}
        return replace(state, **values)

    def _renew(self, controls: dict[str, Any]) -> None:
        """A new widget where the limits have changed: a slider whose range is moved keeps its old End key."""
        for name, one in controls.items():
            if name in self.controls and one != self._controls[name]:
                old, new = self.controls[name], one.widget(getattr(self.state, name))
                self._observe(name, new)
                self.controls[name] = new
                self._shown.children = tuple(new if child is old else child for child in self._shown.children)
                old.close()
        self._controls = controls

    def _put(self, state: Any) -> None:
        """Let the controls show a state."""
        held, self._held = self._held, True
        try:
            for name, widget in self.controls.items():
                if self._controls[name].read(widget.value) != getattr(state, name):
                    self._controls[name].put(widget, getattr(state, name))
        finally:
            self._held = held

    def _observe(self, name: str, widget: Any) -> None:
        widget.add_class(f"metalib-field-{name}")  # by which the browser says where something was typed
        widget.observe(lambda change: self._changed(name, change), "value")

    def _changed(self, name: str, change: Any) -> None:
        with self.answering(change):
            if not self._held:
                asked = replace(self.state, **{name: self._controls[name].read(change.new)})
                self.go(self._follow(self.state, asked))
                self._put(self.state)  # where what followed has put it elsewhere

    @contextmanager
    def answering(self, change: Any = None) -> Iterator[None]:
        """A context, under the lock, for what a learner asks in the browser: an error is said below the
        picture instead of being lost."""
        try:
            with self.lock:
                yield
        except Exception as error:
            self.surface.say(explain(error), failed=True)
            # ipywidgets locks a property while it takes it over from the browser: only then is nobody there
            # to catch an exception.
            if not getattr(getattr(change, "owner", None), "_property_lock", None):
                raise

    def _resized(self, change: Any) -> None:
        with self.lock:
            self.painter.resolution = change.new
            pixels = self.painter.pixels(self.state, self.result)
            self.surface.paint(pixels, self.painter.ground, self.surface.alt, self.surface.words)

    def _grid(self) -> widgets.GridBox:
        # As many columns as fit: three on a laptop, two or one on an enlarged projector.
        columns = widgets.Layout(
            grid_template_columns="repeat(auto-fit, minmax(min(266px, 100%), 1fr))",
            grid_gap="0 20px",
            width="100%",
            overflow="visible",
            padding="0 4px",
        )
        self._shown = widgets.GridBox(list(self.controls.values()), layout=columns)
        return self._shown

    def _repr_mimebundle_(self, **kwargs: Any) -> notebook.Bundle:
        with self.lock:
            if self.compute is _closed:
                return notebook.bundle(_("This laboratory is closed: run the cell that made it."))
            words = self.painter.words(self.state, self.result)
            still = with_words(self.painter.pixels(self.state, self.result), words)
        return self.surface.shown(self.box, still)


def _closed(state: Any) -> Any:
    raise ValueError(_("This laboratory is closed: run the cell that made it."))


def _all_below(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """A widget, all that it shows, and what these are laid out by."""
    for inner in getattr(widget, "children", ()):
        yield from _all_below(inner)
    for name in ("layout", "style"):
        if isinstance(beside := getattr(widget, name, None), widgets.Widget):
            yield beside
    yield widget


def one_below_the_other(controls: widgets.Box, extras: list[Any], surface: Surface) -> widgets.Box:
    """The usual place of all widgets."""
    layout = widgets.Layout(width="100%", overflow="visible")
    return widgets.VBox([controls, *extras, surface], layout=layout)
