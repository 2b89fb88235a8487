"""The loss-landscape laboratory in a page without a kernel: what live.js beside it has from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from metalib.i18n import N_
from metalib.lab.landscape import looks
from metalib.lab.landscape.laboratory import (
    MAX_MOVES,
    LandscapeLaboratory,
    LandscapeState,
    grid,
)
from metalib.lab.landscape.objectives import FAR, METHODS, ROUNDS, LandscapeResult, objective
from metalib.lab.live import Live
from metalib.tasks.landscapes import LANDSCAPES, SineLandscape

AXES = {name: name for land in LANDSCAPES.values() for name in land.axes}  # marked for translation there


def data() -> dict[str, Any]:
    """The landscapes, and how their contours are drawn."""
    return {
        "landscapes": {name: _plain(land) for name, land in LANDSCAPES.items()},
        "levels": looks.LEVELS,
        "greys": [to_hex(grey) for grey in looks.GREYS],
        "levelText": looks.LEVEL_TEXT,
        "methods": list(METHODS),
        "far": FAR,
        "rounds": ROUNDS,
        "most": MAX_MOVES,
    }


def _plain(land: Any) -> dict[str, Any]:
    plain = {name: getattr(land, name) for name in ("axes", "window", "start")}
    arrays = {name: value.tolist() for name, value in vars(land).items() if isinstance(value, np.ndarray)}
    if isinstance(land, SineLandscape):
        arrays |= {"sinSquare": land.sin_square, "cosSquare": land.cos_square}
    return plain | arrays


def reference(state: LandscapeState, result: LandscapeResult) -> dict[str, Any]:
    """What Python computes, under the names of live.js."""
    points = grid(state.landscape)[2]
    contours = {
        name: np.clip(objective(state.land, points, state.alpha, steps), 1e-9, 1e6)
        for name, steps in (("average", 0), ("maml", state.steps))
    }
    return {
        **{name: getattr(result, name) for name in ("trail", "theta", "path", "losses", "lost")},
        "optima": np.stack(result.optima),
        "directions": np.stack([result.directions[method] for method in METHODS]),
        "cosines": [result.cosine(method) for method in METHODS],
        **{name: values.ravel() for name, values in contours.items()},
    }


LIVE = Live(
    laboratory=LandscapeLaboratory,
    module=Path(__file__).with_name("live.js"),
    texts={
        **METHODS,
        **AXES,
        "title average": N_("average loss, at θ: {value}"),
        "title maml": N_("MAML's objective, at θ: {value}"),
        "average's best": N_("average's best"),
        "maml's best": N_("MAML's best"),
        "downhill": N_("downhill"),
        "cosine": N_("{method}: cosine {c}"),
        "places": N_(
            "θ is at {theta}; the average loss is lowest at {average}, MAML's objective at {maml}. The "
            "cosines are those with MAML's meta-gradient."
        ),
        "task": N_("Task {task}, centre {centre}: loss {before}, after adaptation {after}."),
        "lost": N_("Meta-step {move} of {method} left for good: β = {beta:.2g} is too large here."),
        "worse": N_(
            "The inner steps make task {task} worse here, from {before} to {after}: "
            "α = {alpha:.2g} is too large for its curvature."
        ),
        "play": N_("play the meta-descent from θ"),
    },
    styles={
        "theta": looks.THETA,
        "average's best": looks.AVERAGE_BEST,
        "maml's best": looks.MAML_BEST,
        "trail": looks.TRAIL,
        "joint": looks.JOINT,
        "lines": looks.LINES,
        **looks.ARROWS,
        **{f"{part} {t}": look for t, task in enumerate(looks.TASKS) for part, look in task.items()},
    },
    data=data,
    reference=reference,
)
