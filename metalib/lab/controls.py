"""The controls of a laboratory: ipywidgets with one look, a label each, and values that say their limits.

Only what ipywidgets 7.7 and 8.1 both have. Each control has `.value`, and the keyboard
reaches and moves it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets as widgets
import traitlets

from metalib.i18n import _

_LABEL = {"description_width": "96px"}


def _wide() -> widgets.Layout:
    return widgets.Layout(width="auto", min_width="0")


def slider(label: str, value: float, low: float, high: float, step: float = 0.1, form: str = ".2f") -> Any:
    """A slider over real numbers."""
    return widgets.FloatSlider(
        value,
        min=low,
        max=high,
        step=step,
        description=label,
        readout_format=form,
        style=_LABEL,
        layout=_wide(),
    )


def whole_slider(label: str, value: int, low: int, high: int) -> Any:
    """A slider over whole numbers."""
    return widgets.IntSlider(value, min=low, max=high, description=label, style=_LABEL, layout=_wide())


def log_slider(label: str, value: float, low: float, high: float, form: str = ".2g") -> Any:
    """A slider over positive numbers whose steps are factors: 40 positions for each power of ten."""
    return widgets.FloatLogSlider(
        value,
        base=10,
        min=math.log10(low),
        max=math.log10(high),
        step=0.025,
        description=label,
        readout_format=form,
        style=_LABEL,
        layout=_wide(),
    )


def choice(label: str, options: Mapping[str, Any] | Iterable[str], value: Any) -> Any:
    """One of several: labels, or a mapping from label to value."""
    pairs = list(options.items()) if isinstance(options, Mapping) else list(options)
    return widgets.Dropdown(options=pairs, value=value, description=label, style=_LABEL, layout=_wide())


class Counter(widgets.HBox):
    """A button that counts its presses; `value` seeds what is drawn anew, so every draw can be had again.

    Beside the button stands the value, as `shown`, a text such as "draw {number}", puts it.
    """

    value = traitlets.Int(0)

    def __init__(self, label: str, shown: str = "{number}", value: int = 0) -> None:
        self.shown = shown
        self.button = widgets.Button(description=label, layout=widgets.Layout(width="auto", flex="0 0 auto"))
        self.number = widgets.Label()
        super().__init__([self.button, self.number], layout=widgets.Layout(width="auto", overflow="visible"))
        self.add_class("metalib-counter")
        self.observe(self._show, "value")
        self.button.on_click(self._press)
        self.value = value
        self._show()

    def _press(self, button: widgets.Button) -> None:
        self.value += 1

    def _show(self, change: object = None) -> None:
        self.number.value = self.shown.format(number=self.value)


class Hidden(traitlets.HasTraits):
    """A part of the state without a control of its own, such as a point that is dragged in the picture."""

    value = traitlets.Any()


def assign(name: str, control: Any, value: Any) -> None:
    """Give a control a value, or refuse it in one sentence that says what is allowed.

    Raises:
        ValueError: outside the control's range, or none of its options.
        TypeError: of another kind than the control's value.
    """
    if hasattr(control, "options"):
        allowed = [option[1] if isinstance(option, tuple) else option for option in control.options]
        if value not in allowed:
            raise ValueError(
                _("{name} must be one of {allowed}, not {value!r}.").format(
                    name=name, allowed=", ".join(map(repr, allowed)), value=value
                )
            )
    if hasattr(control, "min"):
        low, high = control.min, control.max
        if isinstance(control, widgets.FloatLogSlider):
            low, high = control.base**low, control.base**high
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(_("{name} must be a number, not {value!r}.").format(name=name, value=value))
        near = 1e-9 * abs(high)
        if not low - near <= value <= high + near:  # not a number is neither
            raise ValueError(
                _("{name} must lie between {low:g} and {high:g}; {value} does not.").format(
                    name=name, low=low, high=high, value=value
                )
            )
    try:
        control.value = value
    except traitlets.TraitError:
        raise TypeError(_("{name} cannot take the value {value!r}.").format(name=name, value=value)) from None
