"""How things look in the distance laboratory, in the notebook and in a page alike."""

from __future__ import annotations

from metalib import look

COLOURS = (look.BLUE, look.ORANGE, look.GREEN, look.PURPLE, look.VERMILION)
MARKERS = ("o", "s", "D", "p", "h")
BANDS = 10  # shades of a region: one for each tenth of p
STRONGEST = 0.75  # the opacity of a region where p is nearly 1
DARK = "#444444"
INK: look.Style = {"linestyle": "none", "color": look.BLACK, "markeredgecolor": look.BLACK}
ORIGIN = {**INK, "marker": "+", "markersize": 16, "markeredgewidth": 2}
RING = {**INK, "marker": "o", "markerfacecolor": "none", "markersize": 34, "markeredgewidth": 1.8}
CROSS = {**INK, "marker": "X", "markeredgecolor": "white", "markersize": 17, "markeredgewidth": 1.5}
MARK = {**INK, "markerfacecolor": "white", "markeredgewidth": 3.6, "clip_on": False}
ARROW: look.Style = {"linewidth": 3.2, "color": look.BLACK}
BORDER: look.Style = {"color": DARK, "linewidth": 1.6}
SPOKE: look.Style = {"color": DARK, "linewidth": 1.2, "linestyle": (0, (1, 2.5))}


def prototype(number: int, size: float) -> look.Style:
    """The mark of a prototype (0, 1, …), in which its number stands."""
    return {
        **MARK,
        "marker": MARKERS[number],
        "markeredgecolor": COLOURS[number],
        "markersize": size,
    }
