"""The sine laboratory in the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from metalib import look
from metalib.i18n import N_
from metalib.lab.live import Live, packed
from metalib.lab.panels import QUERY_LINE, SUPPORT_LINE
from metalib.lab.sine.compute import SineResult
from metalib.lab.sine.laboratory import BACK, SineLaboratory, shipped_starts
from metalib.lab.sine.painter import ASKED, BETWEEN, CHOSEN, GHOST, GONE, HAND, TRACE
from metalib.lab.sine.state import MAX_STEPS, STUCK, SineState
from metalib.learners import GradientLearner


def weights() -> dict[str, Any]:
    """θ of each start: its parameters one after the other, `packed`."""
    starts = {}
    for name, start in shipped_starts().items():
        model = start.model if isinstance(start, GradientLearner) else start
        theta = np.concatenate([value.detach().numpy().ravel() for value in model.parameters()])
        starts[name] = packed(theta)
    return {"starts": starts}


def reference(state: SineState, result: SineResult) -> dict[str, Any]:
    """What the page computes too. Beyond an explosion float32 is noise, and nothing is shown."""
    alike = ("x", "target", "support_loss", "query_loss", "exploded", "height", "length", "distance", "point")
    points = {name: np.stack(getattr(result, name)) for name in ("support", "query")}
    free = None if result.free is None else result.free.curves[result.free.last]
    seen = {name: getattr(result, name) for name in alike}
    return {**seen, **points, "curves": result.curves[: result.last + 1], "ghost": free}


STEP_LOOKS = {
    f"step {last} {step}": {**BETWEEN, "color": look.STEPS(0.75 * step / last)}
    for last in range(2, MAX_STEPS + 1)
    for step in range(1, last)
}

LIVE = Live(
    laboratory=SineLaboratory,
    module=Path(__file__).with_name("live.js"),
    data=weights,
    reference=reference,
    styles={
        "target": look.TARGET,
        "before": look.BEFORE,
        "step": {**BETWEEN, "color": look.STEPS(0.25)},
        "after": look.AFTER,
        "support": look.SUPPORT,
        "query": look.QUERY,
        "supportLine": SUPPORT_LINE,
        "queryLine": QUERY_LINE,
        "ghost": GHOST,
        "hand": HAND,
        "asked": ASKED,
        "gone": GONE,
        "trace": TRACE,
        "chosen": CHOSEN,
        **STEP_LOOKS,
    },
    texts={
        "target": N_("target"),
        "before": N_("before"),
        "eachStep": N_("after each step"),
        "after": N_("after the last"),
        "support": N_("support"),
        "query": N_("query"),
        "hand": N_("drag it"),
        "ghost": N_("before the pull"),
        "gone": N_("where a point was"),
        "chosen": N_("follows the pull"),
        "supportLoss": N_("support {value}"),
        "queryLoss": N_("query {value}"),
        "step": N_("inner step"),
        "error": N_("mean squared error"),
        "explosion": N_(
            "α = {alpha:.2g} is too large for this start: the support loss grew from {first} to {last} after "
            "step {step}. What you see is the last function before that."
        ),
        "theta": N_("θ moved by {distance}, {share:.2g} % of its length."),
        "alpha": N_("α went from {before:.3g} to {now:.3g}."),
        "point": N_("A support point went from {before} to {now}."),
        "curve": N_(
            "That moved the curve by {here} at x = {x}, and elsewhere by {low} to {high}; the query "
            "loss went from {before} to {now}."
        ),
        "wave": N_("The wave is {amplitude:.2f} · sin(x − {phase:.2f})."),
        "losses": N_("On support and query after each step: {by_step}."),
        "and": N_("; "),
        "held": N_("The hand holds the curve at {place}."),
        "back": BACK,
        "nothing_pulled": N_("Nothing has been pulled yet."),
        **{f"stuck {why}": text for why, text in STUCK.items() if why},
    },
)
