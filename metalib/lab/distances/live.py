"""The distance laboratory in a page without a kernel: what live.js beside it has from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metalib.i18n import N_
from metalib.lab.distances import looks
from metalib.lab.distances.classify import MAX_CLASSES, PROTOTYPES, QUERY, DistanceResult, DistanceState
from metalib.lab.distances.geometry import CELLS, FAR, WINDOW
from metalib.lab.distances.laboratory import DistanceLaboratory
from metalib.lab.live import Live


def data() -> dict[str, Any]:
    """The window, where the points begin, and the regions' colours."""
    return {
        "window": WINDOW,
        "cells": CELLS,
        "far": FAR,
        "home": QUERY,
        "places": PROTOTYPES,
        "most": MAX_CLASSES,
        "colours": looks.COLOURS,
        "bands": looks.BANDS,
        "strongest": looks.STRONGEST,
    }


def reference(state: DistanceState, result: DistanceResult) -> dict[str, Any]:
    """What Python computes, under the names of live.js."""
    cells = {name: getattr(result, name).ravel() for name in ("winner", "confidence")}
    return {**result._asdict(), **cells}


LIVE = Live(
    laboratory=DistanceLaboratory,
    module=Path(__file__).with_name("live.js"),
    texts={
        "class": N_("class"),
        "softmax": N_("softmax of −d / T"),
        "plane": N_("colour: the most probable class, paler for every 10 % less"),
        "choose": N_("choose a true class to see its loss"),
        "loss": N_("loss −ln p = {loss}, |gradient| = {length:.3g}"),
        "query": N_("The query is at {query}."),
        "prototype": N_("Prototype {n} at {place}: distance {d}, p = {p}."),
        "downhill": N_("Downhill is {way}."),
        "a prototype": N_("prototype {n}"),
        "the query": N_("the query"),
        "keys": N_("The arrow keys move {what}."),
        "gone": N_("There are only {n} classes here: none of them is marked as the true one."),
        "origin": N_("A point at the origin has no direction: its cosine with everything counts as 0."),
        "drag": N_(
            "Drag the query ✕ or a prototype. By keys: 0 to 5 chooses one (ring), arrows move it (Shift: a "
            "little), Home puts all points back."
        ),
    },
    styles={
        "border": looks.BORDER,
        "spoke": looks.SPOKE,
        "origin": looks.ORIGIN,
        "ring": looks.RING,
        "query": looks.CROSS,
        "arrow": looks.ARROW,
        **{f"mark {number + 1}": looks.prototype(number, 23) for number in range(MAX_CLASSES)},
        **{f"tag {number + 1}": looks.prototype(number, 20) for number in range(MAX_CLASSES)},
    },
    data=data,
    reference=reference,
)
