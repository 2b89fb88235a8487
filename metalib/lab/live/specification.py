"""What the page learns about a laboratory from Python: controls, first state, sentences, looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.lines import Line2D

from metalib.i18n import N_, _
from metalib.lab.controls import Control, Count, OneOf, Range
from metalib.lab.live.declared import Live
from metalib.lab.words import mark_of

STAGE = {  # what the stage itself says; the sentences of `metalib.lab.controls` and `metalib.lab.words`
    "and": N_("; "),
    "sentence": N_("{text}."),
    "setting": N_("{label}: {value}"),
    "outside": N_("{name} must lie between {low:g} and {high:g}; {value} does not."),
    "number": N_("{name} must be a number, not {value!r}."),
    "whole": N_("{name} must be a whole number, not {value!r}."),
    "paper": N_("Paper to write on."),
}


def specification(live: Live, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All this as a plain JSON object, in the language in use.

    Args:
        live: the laboratory.
        arguments: what a chapter calls it with.

    Raises:
        TypeError, ValueError: arguments that the Python laboratory does not take.
    """
    laboratory = live.begin(**(arguments or {}))
    try:
        return {
            "label": laboratory.surface.label,
            "controls": [control(name, one) for name, one in laboratory.declared.items()],
            "initial": live.encode(laboratory.state),
            "texts": {key: _(text) if isinstance(text, str) else text() for key, text in live.texts.items()},
            "styles": {key: style(look) for key, look in live.styles.items()},
            "stage": {key: _(text) for key, text in STAGE.items()},
        }
    finally:
        laboratory.close()


def control(name: str, one: Control) -> dict[str, Any]:
    """One control as the stage builds it; a field without one is "hidden"."""
    made: dict[str, Any] = {"name": name, "kind": "hidden", "label": _(one.label)}
    if isinstance(one, Range):
        made |= {"kind": one.kind, "low": one.low, "high": one.high, "step": one.step, "form": one.form}
    elif isinstance(one, OneOf):
        made |= {"kind": "choice", "options": [[known, _(label)] for known, label in one.options.items()]}
    elif isinstance(one, Count):
        made |= {"kind": "count", "shown": _(one.shown)}
    return made


def style(look: Mapping[str, Any]) -> dict[str, Any]:
    """A look in the browser's terms, as the words' marks have it, with the marker in its own size."""
    return {**(mark_of(look) or {}), "size": round(Line2D([], [], **look).get_markersize(), 2)}
