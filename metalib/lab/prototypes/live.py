"""The prototype laboratory of chapter 5 for the page, which trains nothing and has no room for all drawings.

It has the chapter's networks, and 100 classes of each of the chapter's two places, arranged so that episode
no. 1 is the chapter's. `demo` has the arguments of the same laboratory in Python.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from metalib.data import ImageSet, glyphs
from metalib.i18n import N_
from metalib.lab.live import Live, packed
from metalib.lab.prototypes import networks
from metalib.lab.prototypes.episode import PrototypeResult
from metalib.lab.prototypes.laboratory import EMBEDDINGS, MAX_WAYS, PrototypeLaboratory, PrototypeState
from metalib.lab.prototypes.painter import (
    COLOURS,
    CROSSED,
    DISC,
    EXAMPLES,
    FILLED,
    GREY,
    HOLLOW,
    HOW,
    KINDS,
    MISSED,
    NONE,
    PALE,
    RING,
    TIE,
    TIES,
)

CLASSES = 100  # of each place
LABELS = {  # of the embeddings, by the names that the chapter gives them
    "pixels": EMBEDDINGS["pixels"],
    "untrained network": N_("untrained network"),
    "ProtoNet, trained above": N_("ProtoNet, trained above"),
    "plain classifier, trained below": N_("plain classifier, trained below"),
}


def excerpt(images: ImageSet, classes: int = CLASSES, draw: int = 1) -> ImageSet:
    """So many classes, with their drawings in such an order that the episode of this number stays what it is.

    The others are taken evenly from all, in their order.
    """
    here, there = (torch.Generator().manual_seed(draw) for _set in range(2))
    dealt = torch.randperm(images.classes, generator=here)[:MAX_WAYS]
    places = torch.randperm(classes, generator=there)[:MAX_WAYS]
    others = np.setdiff1d(np.arange(images.classes), dealt)
    evenly = others[np.linspace(0, len(others) - 1, classes - MAX_WAYS).round().astype(int)]
    chosen = torch.empty(classes, dtype=torch.int64)
    chosen[places] = dealt
    chosen[np.setdiff1d(np.arange(classes), places)] = torch.from_numpy(evenly)
    orders = torch.arange(images.drawings).repeat(classes, 1)
    for place in places:
        order = torch.randperm(images.drawings, generator=here)
        orders[place, torch.randperm(images.drawings, generator=there)] = order
    made = images.subset(chosen)
    return replace(made, images=made.images[torch.arange(classes)[:, None], orders])


@cache
def demo() -> dict[str, Any]:
    """The arguments of `PrototypeLaboratory`: the chapter's, and the plain classifier."""
    trained = networks.load()
    encoders = nn.Flatten(), networks.encoder(), trained["protonet"], trained["plain"]
    return {
        "embeddings": dict(zip(LABELS, encoders, strict=True)),
        "images": {
            "unseen characters": excerpt(networks.of_seen_scripts("test")),
            "unseen scripts": excerpt(glyphs("test", by="script")),
        },
    }


def data() -> dict[str, Any]:
    """Drawings and networks for `prepare` in live.js."""
    places: Mapping[str, ImageSet] = demo()["images"]
    levels = torch.cat([one.images.unique() for one in places.values()]).unique()  # 17 of 256 shades
    ink = {name: torch.searchsorted(levels, one.images).byte().numpy() for name, one in places.items()}
    untrained, *trained = list(demo()["embeddings"].items())[1:]
    return {
        "levels": levels.tolist(),
        "places": {
            name: {
                "names": one.names,
                "drawings": one.drawings,
                "ink": packed(zlib.compress(ink[name].tobytes(), 9)),
            }
            for name, one in places.items()
        },
        "networks": {
            "pixels": None,
            untrained[0]: {"seed": 0},  # as `metalib.models.initialise` draws it
            **{name: {"weights": packed(networks.numbers(one).numpy())} for name, one in trained},
        },
    }


def reference(state: PrototypeState, result: PrototypeResult) -> dict[str, Any]:
    """What live.js must find, too."""
    return {
        "distances": result.distances,
        "answers": result.answers,
        "misjudged": result.misjudged,
        "confusion": result.confusion,
        "share": result.plane.share,
        "dimensions": len(result.plane.centre),
        "examples": result.examples,
        "prototypes": result.prototypes,
        "stands_in": result.stands_in,
    }


TEXTS = {  # the painter's, and of two buttons for a finger, which has no Page Down
    "prototype": N_("prototype"),
    "support": N_("support"),
    "query": N_("query"),
    "misjudged": N_("misjudged"),
    "score": N_("{embedding}: {right} of {asked} right, {share:.0f} %"),
    "share": N_("The plane shows {share:.0f} % of the variance in {dimensions} dimensions."),
    "episode": N_("{ways}-way {shots}-shot: support set, then queries"),
    "atQuery": N_("You point at query {n} of class {way}; nearest prototype: {answer} {mark}"),
    "atSupport": N_("You point at support {n} of class {way}; nearest prototype: {answer} {mark}"),
    "plane": N_(
        "The plane is the one in which this episode's embeddings vary most (PCA). A region is that of the "
        "prototype nearest to its points. Queries and prototypes lie off the plane; queries are judged in "
        "all dimensions."
    ),
    "abroad": N_(
        "So prototype {way} is drawn in the region of {region}, and is nearest to itself all the same."
    ),
    "root": N_(
        "The square root does not change which prototype is nearest, so all answers are those of the squared "
        "distance. What it changes is the loss in training: see chapter 6."
    ),
    "how": HOW,
    "pointed": N_("pointed at"),
    "distances": N_("distances"),
    "confusion": N_("confusion"),
    "rows": N_("rows: true class"),
    "goes": N_("query {n} of class {way} goes to {answer}"),
    "describe": N_(
        "The classes are {classes}. Misjudged: {missed}. The example pointed at has these distances to the "
        "prototypes: {distances}."
    ),
    "and": N_("; "),
    "none": N_("none"),
    "before": N_("previous mistake"),
    "after": N_("next mistake"),
    **LABELS,
}
STYLES = {
    "prototype": {**GREY, **DISC},
    "support": GREY,
    "query": {**GREY, **HOLLOW},
    "misjudged": MISSED,
    "crossed": CROSSED,
    "ring": RING,
    "ties": TIES,
    "tie": TIE,
    **{f"region {way}": {"color": pale} for way, pale in enumerate(PALE)},
    **{f"mark {way}": {"color": c, "marker": m, **NONE} for way, (c, m) in enumerate(KINDS)},
    **{f"support {way}": {**style, **FILLED} for way, style in enumerate(EXAMPLES)},
    **{f"query {way}": {**style, **HOLLOW} for way, style in enumerate(EXAMPLES)},
    **{f"prototype {way}": {"color": colour, **DISC} for way, colour in enumerate(COLOURS)},
}

LIVE = Live(
    laboratory=PrototypeLaboratory,
    module=Path(__file__).with_name("live.js"),
    texts=TEXTS,
    styles=STYLES,
    data=data,
    demo=demo,
    note=N_("It deals from 100 characters of each set; a notebook has them all."),
    reference=reference,
)
