"""How things look in the loss-landscape laboratory, in the notebook and in a page alike."""

from __future__ import annotations

import numpy as np

from metalib import look

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
GREYS = [str(grey) for grey in np.linspace(1.0, 0.78, len(LEVELS) + 1)]
LINES: look.Style = {"color": "#8a8f98", "linewidth": 1.0}  # between the greys
LEVEL_TEXT = "#4a4f57"

INK: look.Style = {"color": look.BLACK, "linestyle": "none", "markeredgecolor": "white"}
THETA: look.Style = {"marker": "D", "markersize": 11, **INK}
AVERAGE_BEST: look.Style = {"marker": "P", "markersize": 15, **INK}
MAML_BEST: look.Style = {
    "marker": "*",
    "markersize": 19,
    **INK,
    "color": look.YELLOW,
    "markeredgecolor": look.BLACK,
}
TRAIL: look.Style = {"color": look.BLACK, "marker": ".", "markersize": 5, "linewidth": 1.4}
JOINT: look.Style = {"color": look.BLACK, "linewidth": 3}
ARROWS: dict[str, look.Style] = {
    "maml": {"color": look.BLUE, "linestyle": "-", "linewidth": 3},
    "fomaml": {"color": look.VERMILION, "linestyle": (0, (4, 1.5)), "linewidth": 3},
    "reptile": {"color": look.DARK_GREEN, "linestyle": (0, (1.2, 1.2)), "linewidth": 3},
}


def task(colour: str, marker: str) -> dict[str, look.Style]:
    """One task's inner steps, where they end, the task's best θ, and the ring around it."""
    dot: look.Style = {"marker": marker, "markersize": 9, "linestyle": "none"}
    return {
        "way": {"color": colour, "linewidth": 2.4, "marker": ".", "markersize": 6},
        "end": {**dot, "color": colour, "markeredgecolor": look.BLACK},
        "centre": {**dot, "color": "white", "markeredgecolor": colour, "markeredgewidth": 2},
        "ring": {"color": colour, "linewidth": 1.8, "linestyle": "--"},
    }


TASKS = [task(*one) for one in ((look.PURPLE, "o"), (look.ORANGE, "s"), (look.SKY, "^"))]
