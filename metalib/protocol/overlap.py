"""Classes that two sides of a protocol share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from metalib.findings import listed, share
from metalib.i18n import N_, _
from metalib.protocol.classes import Drawings
from metalib.protocol.findings import ProtocolFindings
from metalib.protocol.pictures import NEAR, nearest

EACH, MOST = 5, 2500
"""Drawings of a class, and in all, for which a nearly equal one is looked for."""
ENOUGH = 0.5
"""The part of a class's drawings that makes it that class."""


def check_overlap(
    leak: str,
    one: Drawings,
    other: Drawings,
    names: tuple[str, str],
    consequence: str,
    found: ProtocolFindings,
) -> None:
    """Which classes of `one` (as "test") are in `other` (as "training") too.

    A class is said to be there if half of its drawings are: the same to the byte, turned or mirrored, or
    nearly equal; or if it bears the same name in the same source. Where they are fewer, or only came in
    sampled tasks, the drawings are counted, not the classes.

    Args:
        leak: the name of the leak.
        names: what to call the tasks of `one` and the classes of `other`, marked for translation, and so is
            `consequence`.
    """
    gaps = {"one": _(names[0]), "other": _(names[1]), "consequence": _(consequence)}
    said = False
    for how, pairs, drawings in shared(one, other):
        if pairs and one.is_whole and other.is_whole:
            said = True
            found.leak(
                leak,
                N_("{classes} {one} classes are among the {other}, {how}: {names}. {consequence}"),
                classes=share(len(pairs), len(one.names)),
                how=_(how),
                names=listed([called(one.names[a], other.names[b]) for a, b in pairs.items()]),
                **gaps,
            )
        elif drawings:
            said = True
            found.leak(
                leak,
                N_("{drawings} {one} drawings are among those of the {other}, {how}. {consequence}"),
                drawings=share(drawings, len(np.unique(one.seen.exact))),
                how=_(how),
                **gaps,
            )
    if not said:
        found.fine(N_("No {one} drawing is seen among those of the {other}."), **gaps)
    for side, name in ((one, N_("classes compared")), (other, names[1])):
        if not side.is_whole:
            found.blind(
                N_(
                    "Of the {side} only those {count} drawings are known that came in the sampled tasks: "
                    "what is shared may hide among the others."
                ),
                side=_(name),
                count=len(np.unique(side.seen.exact)),
            )


def called(mine: str, theirs: str) -> str:
    """A class that two sides have, under one name or two."""
    return mine if mine == theirs else f"{mine} = {theirs}"


def shared(one: Drawings, other: Drawings) -> Iterator[tuple[str, dict[int, int], int]]:
    """In which way, which classes of `one` are which classes of `other`, and how many drawings show it; what
    was found in one way is left out of the next.

    A class is that one if `ENOUGH` of its drawings, as far as they are looked at, are there. Fewer count only
    as drawings, and not where they are no pictures: two languages may share a word.
    """
    everything = np.arange(len(one.classes))
    few = everything if one.outlines is None else first_of_each(one.classes[: len(one.outlines)])
    ways = {
        N_("drawing for drawing"): (*match(one.seen.exact, other.seen.exact), everything),
        N_("turned or mirrored"): (*match(one.seen.turned, other.seen.turned), everything),
        N_("nearly drawing for drawing"): (*near_match(one, other, few), few),
    }
    said: set[int] = set()
    told = np.zeros(0, np.int64)
    for how, (mine, theirs, looked_at) in ways.items():
        solid = ~one.seen.blank[mine] & ~np.isin(one.classes[mine], list(said))
        solid &= ~np.isin(one.seen.exact[mine], told)
        mine, theirs = mine[solid], theirs[solid]
        hits = np.bincount(one.classes[mine], minlength=len(one.names))
        of = np.bincount(one.classes[looked_at], minlength=len(one.names))
        pairs = zip(one.classes[mine].tolist(), other.classes[theirs].tolist(), strict=True)
        there = {a: b for a, b in pairs if hits[a] >= ENOUGH * of[a]}
        said |= there.keys()
        drawings = np.unique(one.seen.exact[mine])
        told = np.concatenate([told, drawings])
        yield how, there, 0 if one.outlines is None else len(drawings)
    known = {key: number for number, key in enumerate(other.keys)}
    yield (
        N_("by name"),
        {a: known[key] for a, key in enumerate(one.keys) if key in known and a not in said},
        0,
    )


def match(mine: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of my codes that are among theirs, and the place of one such there."""
    order = np.argsort(theirs, kind="stable")
    place = order[np.searchsorted(theirs[order], mine).clip(max=len(theirs) - 1)]
    places = np.flatnonzero(theirs[place] == mine)
    return places, place[places]


def near_match(one: Drawings, other: Drawings, few: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `match`, of drawings nearly equal, among these few of `one`."""
    if one.outlines is None or other.outlines is None:
        return np.zeros(0, int), np.zeros(0, int)
    distance, place = nearest(one.outlines[few], other.outlines)
    close = (distance < NEAR).numpy()
    return few[close], place.numpy()[close]


def first_of_each(classes: np.ndarray) -> np.ndarray:
    """The places of the first `EACH` drawings of each class, `MOST` in all, spread over the classes."""
    order = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[order], classes[order])
    rank = np.arange(len(order)) - starts
    few = order[rank < EACH]
    return few if len(few) <= MOST else few[np.linspace(0, len(few) - 1, MOST).astype(int)]
