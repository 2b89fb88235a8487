"""How a laboratory's state is declared: each field with its control, its limits and its first value.

    @dataclass(frozen=True)
    class State:
        start: str = choice(N_("start point"), {"random": N_("random"), "maml": N_("MAML")}, "maml")
        alpha: float = log_slider(N_("α (inner rate)"), 0.01, 1e-4, 1.0)
        draw: int = counter(N_("new draw"), N_("draw {number}"))
        theta: tuple[float, float] = hidden((0.4, 2.0), point)  # no control: dragged in the picture

Labels are marked with `N_` and translated when a laboratory is shown. Only what ipywidgets 7.7 and 8.1 both
have; the keyboard reaches and moves every control.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import ipywidgets as widgets
import traitlets

from metalib.i18n import _

_LABEL = {"description_width": "96px"}


def outside(name: str, value: Any, low: float, high: float) -> ValueError:
    """The sentence about a number that lies outside."""
    if isinstance(value, float):
        value = f"{value:g}"
    return ValueError(
        _("{name} must lie between {low:g} and {high:g}; {value} does not.").format(
            name=name, low=low, high=high, value=value
        )
    )


def none_of(name: str, value: Any, options: Iterable[Any]) -> ValueError:
    """The sentence about a choice that there is not."""
    return ValueError(
        _("{name} must be one of {allowed}, not {value!r}.").format(
            name=name, allowed=", ".join(map(repr, options)), value=value
        )
    )


class _Outspoken:
    """A slider whose value is put from Python: outside its limits it says so, where ipywidgets would take the
    nearest value without a word."""

    @traitlets.validate("value")
    def _validate_value(self: Any, proposal: Any) -> Any:
        low, high = self._limits()
        value = proposal["value"]
        near = 1e-9 * abs(high)  # of a log slider, a power is the limit
        if not low - near <= value <= high + near:
            raise outside(self.description, value, low, high)
        return min(max(value, low), high)

    def _limits(self: Any) -> tuple[float, float]:
        return self.min, self.max


class WholeSlider(_Outspoken, widgets.IntSlider):
    """A slider over whole numbers."""


class LinearSlider(_Outspoken, widgets.FloatSlider):
    """A slider over real numbers."""


class LogSlider(_Outspoken, widgets.FloatLogSlider):
    """A slider whose steps are factors."""

    def _limits(self) -> tuple[float, float]:
        return self.base**self.min, self.base**self.max


class Menu(widgets.Dropdown):
    """One of several."""

    @traitlets.validate("value")
    def _validate_value(self, proposal: Any) -> Any:
        if proposal["value"] not in self._options_values:
            raise none_of(self.description, proposal["value"], self._options_values)
        return proposal["value"]


@dataclass(frozen=True)
class Control:
    """What a field may be, and the widget that shows it; this one has none."""

    label: str = ""

    def check(self, name: str, value: Any) -> Any:
        """The value as the state keeps it. Raises ValueError or TypeError, in one sentence with the limit."""
        return value

    def widget(self, value: Any) -> Any:
        """The ipywidget, or None."""
        return None

    def typed(self, text: str) -> Any:
        """What a learner has typed beside it, as the state keeps it. Raises as `check`, by its label."""
        return self.check(_(self.label), text)

    def narrowed(self, allowed: Any) -> Control:
        """The same control with other options, or with other limits (low, high)."""
        return self

    def read(self, value: Any) -> Any:
        """What the learner chose, of the widget's value."""
        return value

    def put(self, widget: Any, value: Any) -> None:
        """Show a value."""
        widget.value = value

    def told(self, value: Any) -> str:
        """Label and value in words; "" where there is no control."""
        return (
            _("{label}: {value}").format(label=_(self.label), value=self._written(value))
            if self.label
            else ""
        )

    def _written(self, value: Any) -> str:
        return str(value)

    def _style(self) -> dict[str, Any]:
        layout = widgets.Layout(width="auto", min_width="0")
        return {"description": _(self.label), "style": _LABEL, "layout": layout}


@dataclass(frozen=True)
class Hidden(Control):
    """A field without a widget; `checked(name, value)` gives the value as the state keeps it."""

    checked: Callable[[str, Any], Any] = lambda name, value: value

    def check(self, name: str, value: Any) -> Any:
        return self.checked(name, value)


@dataclass(frozen=True)
class Range(Control):
    """A number between `low` and `high`; `kind`: "linear", "log" (40 positions a power of ten), "whole"."""

    low: float = 0.0
    high: float = 1.0
    kind: str = "linear"
    step: float = 0.1
    form: str = ".2f"

    def check(self, name: str, value: Any) -> Any:
        number = self.number(name, value)
        near = 0 if self.kind == "whole" else 1e-9 * abs(self.high)
        if not self.low - near <= number <= self.high + near:  # not a number is neither
            raise outside(name, value, self.low, self.high)
        return number

    def typed(self, text: str) -> Any:
        """A number as people write it: with a decimal comma, a real minus sign, spaces around it."""
        name, said = _(self.label), text.strip()
        try:
            number = float(said.replace("−", "-").replace(",", "."))
        except ValueError:
            number = said  # type: ignore[assignment]  # which is refused below
        if self.kind == "whole" and isinstance(number, float) and number.is_integer():
            number = int(number)
        elif self.kind == "whole" and isinstance(number, float) and not math.isfinite(number):
            raise outside(name, number, self.low, self.high)
        return self.check(name, number)

    def number(self, name: str, value: Any) -> Any:
        """The value as a number of this kind, wherever it lies."""
        try:
            if isinstance(value, bool | str):
                raise TypeError
            number = operator.index(value) if self.kind == "whole" else float(value)
        except (TypeError, ValueError):
            sentence = _("{name} must be a number, not {value!r}.")
            if self.kind == "whole" and isinstance(value, float):
                sentence = _("{name} must be a whole number, not {value!r}.")
            raise TypeError(sentence.format(name=name, value=value)) from None
        # A log slider's position and its number differ in the last digits, in Python and in the browser.
        return float(f"{number:.6g}") if self.kind == "log" else number

    def widget(self, value: Any) -> Any:
        if self.kind == "whole":
            return WholeSlider(value, min=self.low, max=self.high, **self._style())
        if self.kind == "linear":
            return LinearSlider(
                value, min=self.low, max=self.high, step=self.step, readout_format=self.form, **self._style()
            )
        low, high = math.log10(self.low), math.log10(self.high)
        return LogSlider(
            value, base=10, min=low, max=high, step=0.025, readout_format=self.form, **self._style()
        )

    def _written(self, value: Any) -> str:
        return f"{value:{self.form}}"

    def narrowed(self, allowed: tuple[float, float]) -> Range:
        return replace(self, low=allowed[0], high=allowed[1])

    def read(self, value: Any) -> Any:
        return self.number(self.label, value)


@dataclass(frozen=True)
class OneOf(Control):
    """One of several: stable identifier -> label."""

    options: Mapping[Any, str] = field(default_factory=dict)

    def check(self, name: str, value: Any) -> Any:
        for known in self.options:
            if value == known and type(value) is type(known):
                return known
        raise none_of(name, value, self.options)

    def widget(self, value: Any) -> Any:
        pairs = [(_(label), known) for known, label in self.options.items()]
        return Menu(options=pairs, value=value, **self._style())

    def _written(self, value: Any) -> str:
        return _(self.options[value])

    def narrowed(self, allowed: Mapping[Any, str]) -> OneOf:
        return replace(self, options=dict(allowed))


@dataclass(frozen=True)
class Count(Control):
    """A button that counts its presses: the value seeds what is drawn, so every draw can be had again."""

    shown: str = "{number}"

    def check(self, name: str, value: Any) -> int:
        return Range(low=0, high=2**31, kind="whole").check(name, value)

    def told(self, value: int) -> str:
        return _(self.shown).format(number=value)

    def widget(self, value: int) -> Any:
        return Counter(_(self.label), _(self.shown), value)


class Counter(widgets.HBox):
    """A button and beside it the number of its presses, put as `shown` says ("draw {number}")."""

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


def slider(label: str, default: float, low: float, high: float, step: float = 0.1, form: str = ".2f") -> Any:
    """A slider over real numbers."""
    return _declare(Range(label, low, high, "linear", step, form), default)


def whole_slider(label: str, default: int, low: int, high: int) -> Any:
    """A slider over whole numbers."""
    return _declare(Range(label, low, high, "whole", form="d"), default)


def log_slider(label: str, default: float, low: float, high: float, form: str = ".2g") -> Any:
    """A slider over positive numbers whose steps are factors."""
    return _declare(Range(label, low, high, "log", form=form), default)


def choice(label: str, options: Mapping[Any, str], default: Any = None) -> Any:
    """One of several, identifier -> label. Options that only a laboratory's arguments decide are given to
    `Laboratory`."""
    return _declare(OneOf(label, options), default)


def counter(label: str, shown: str = "{number}", default: int = 0) -> Any:
    """A button that counts; see `Count`."""
    return _declare(Count(label, shown), default)


def hidden(default: Any, checked: Callable[[str, Any], Any]) -> Any:
    """A part of the state without a control of its own, such as a point that is dragged in the picture.

    `checked(name, value)` returns what the state keeps, or raises ValueError or TypeError in one sentence:
    `real`, `whole`, `point`, `optional(point)`, `made_of(Class)`, or a function of the laboratory's own.
    """
    return _declare(Hidden(checked=checked), default)


def hidden_number(default: int, low: int, high: int) -> Any:
    """A whole number without a control of its own, such as which point the keys move."""
    return hidden(default, Range(low=low, high=high, kind="whole").check)


def whole(name: str, value: Any) -> int:
    """A whole number."""
    return Range(kind="whole").number(name, value)


def real(name: str, value: Any) -> float:
    """A finite number."""
    number = Range().number(name, value)
    if not math.isfinite(number):
        raise ValueError(_("{name} must be a number, not {value!r}.").format(name=name, value=value))
    return number


def point(name: str, value: Any) -> tuple[float, float]:
    """Two finite numbers."""
    try:
        x, y = map(float, value)
        if math.isfinite(x) and math.isfinite(y):
            return x, y
    except (TypeError, ValueError):
        pass
    raise ValueError(_("{name} must be two finite numbers, not {value}.").format(name=name, value=value))


def optional(checked: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """None, or what `checked` takes."""
    return lambda name, value: None if value is None else checked(name, value)


def made_of(kind: type, *, many: bool = False) -> Callable[[str, Any], Any]:
    """An object of that class; `many`: a tuple of such objects."""

    def checked(name: str, value: Any) -> Any:
        if many and isinstance(value, tuple | list) and all(isinstance(one, kind) for one in value):
            return tuple(value)
        if not many and isinstance(value, kind):
            return value
        raise TypeError(
            _("{name} must be of the kind {kind}, not {value!r}.").format(
                name=name, kind=f"tuple[{kind.__name__}, ...]" if many else kind.__name__, value=value
            )
        )

    return checked


def _declare(control: Control, default: Any) -> Any:
    return field(default=default, metadata={"control": control})


def controls_of(state: type) -> dict[str, Control]:
    """The controls of a state's fields, in their order."""
    return {one.name: one.metadata["control"] for one in fields(state)}
