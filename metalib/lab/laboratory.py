"""A laboratory: a pure function, a painter, and the controls that connect them.

    state (the controls' values) ──compute──▶ result ──picture──▶ PNG and words ──surface──▶ the learner

`compute` and the painter know nothing of widgets and are tested without a browser.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from metalib.i18n import _
from metalib.lab.controls import Hidden, assign
from metalib.lab.picture import Picture
from metalib.lab.surface import Surface, explain, mimebundle


class Laboratory:
    """A live figure with its controls. `display(lab)`, or leave it as the last line of a cell.

    Args:
        compute: called with the controls' values by name, `compute(alpha=0.01, shots=5)`; returns any result.
        picture: the painter of these results.
        controls: name -> control (see `metalib.lab.controls`), in the order in which they are shown.
        label: what a screen reader calls the picture where it can be touched.
        extras: further widgets, shown between the controls and the picture.

    A control's change computes and draws at once; the browser holds back all but the newest change while that
    lasts. An error shows as one sentence below the picture, which stays as it was. From Python
    (`lab.set(alpha=0.1)`, or a control's `.value`) the error is raised as well: a notebook that runs
    unattended cannot hide it.
    """

    def __init__(
        self,
        compute: Callable[..., Any],
        picture: Picture,
        controls: Mapping[str, Any],
        *,
        label: str = "",
        extras: tuple[Any, ...] = (),
    ) -> None:
        self.compute = compute
        self.picture = picture
        self.controls = dict(controls)
        self.surface = Surface(width=picture.width, height=picture.height, label=label)
        self.result: Any = None
        self._held = False
        self._busy = self._stale = False
        # JupyterLab hands widgets' messages to other threads (subshells) than the one that runs the cells.
        self._lock = threading.RLock()
        # As many columns as fit: three on a laptop, two or one on an enlarged projector.
        columns = widgets.Layout(
            grid_template_columns="repeat(auto-fit, minmax(min(266px, 100%), 1fr))",
            grid_gap="0 20px",
            width="100%",
            overflow="visible",
            padding="0 4px",
        )
        shown = [control for control in self.controls.values() if not isinstance(control, Hidden)]
        self.box = widgets.VBox(
            [widgets.GridBox(shown, layout=columns), *extras, self.surface],
            layout=widgets.Layout(width="100%", overflow="visible"),
        )
        self.box.add_class("metalib-laboratory")
        for control in self.controls.values():
            control.observe(self._changed, "value")
        self.surface.observe(self._resized, "resolution")
        self.draw()

    @property
    def state(self) -> dict[str, Any]:
        """The controls' values by name."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> Any:
        """Move controls as a learner would, draw once, and return the result.

        Raises:
            ValueError, TypeError: no such control, a value it cannot take, or whatever `compute` raises; the
                controls then stay as they were.
        """
        unknown = [name for name in values if name not in self.controls]
        if unknown:
            raise ValueError(
                _("There is no control {name!r}; there are {names}.").format(
                    name=unknown[0], names=", ".join(self.controls)
                )
            )
        with self._lock:
            before = self.state
            try:
                self._assign(values)
                self.draw()
            except Exception:
                self._assign({name: before[name] for name in values})
                raise
            return self.result

    def draw(self) -> None:
        """Compute and show the present state; should that change the state, the newest in the end."""
        with self._lock:
            self._stale = True
            if self._busy:
                return
            self._busy = True
            try:
                while self._stale:
                    self._stale = False
                    self._draw_once()
            finally:
                self._busy = False

    def _draw_once(self) -> None:
        result = self.compute(**self.state)
        picture, words = self.picture.png(result), self.picture.describe(result)
        self.result = result
        self.surface.show(picture, words)
        self.surface.say(self.picture.remark(result))

    def _assign(self, values: Mapping[str, Any]) -> None:
        self._held = True
        try:
            for name, value in values.items():
                assign(name, self.controls[name], value)
        finally:
            self._held = False

    def _changed(self, change: Any) -> None:
        try:
            with self._lock:
                if not self._held:
                    self.draw()
        except Exception as error:
            self.surface.say(explain(error), failed=True)
            # ipywidgets locks a property while it takes it over from the browser: only then is nobody there
            # to catch an exception.
            if not getattr(change.owner, "_property_lock", None):
                raise

    def _resized(self, change: Any) -> None:
        with self._lock:
            self.picture.resolution = change.new
            self.surface.show(self.picture.png(self.result), self.picture.describe(self.result))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        return mimebundle(self.box, self.surface)
