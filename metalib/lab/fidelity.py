"""How much of a laboratory a page without a kernel shows, in a line: it is live, recorded, or needs a kernel.

Each line is said twice: as the page is before (or without) its scripts, and as it is with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from metalib.i18n import N_, _

OWN = N_("your own computer")
"""Where a kernel can run besides Binder and Colab."""


class Fidelity(NamedTuple):
    """The sentence while the picture stands still, and once the page has come alive. {places}: where a kernel
    runs."""

    still: str
    alive: str


def live(note: str = "") -> Fidelity:
    """The page has a live edition of it; `note`: what else must be said."""
    said = _("Live: this page computes it, without a kernel.")
    return Fidelity(
        _("Live in this page where the browser runs its program; what you see now is a still picture."),
        f"{said} {_(note)}" if note else said,
    )


def recorded(positions: int, controls: Sequence[str], note: str = "") -> Fidelity:
    """Some of its positions were recorded.

    Args:
        controls: the labels of those that move.
        note: what else must be said.
    """
    filled = {"n": positions, "controls": " × ".join(controls)}
    still = _("Recorded: a still picture, of {n} positions ({controls}) that the page shows with JavaScript.")
    alive = _("Recorded: {n} positions ({controls}), computed by Python beforehand.")
    rest = [*([_(note)] if note else []), _("All else needs a kernel: {places}")]
    return Fidelity(*(" ".join([said.format(**filled), *rest]) for said in (still, alive)))


def needs_kernel() -> Fidelity:
    """The page has nothing of it but a picture."""
    said = _("Needs a kernel: here it is a still picture. It runs on {places}")
    return Fidelity(said, said)
