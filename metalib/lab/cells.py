"""Which cell of a notebook made a laboratory, so that running the cell again lets go of the one before.

Widgets live until they are closed, and a laboratory with them: its figure, its networks, 5 to 19 MB. When a
cell runs again its old output is gone from the page, and nobody would ever close what was in it.
"""

from __future__ import annotations

import weakref
from typing import Any

_made: dict[str, tuple[str, weakref.WeakSet]] = {}
"""Cell -> the run of it that made laboratories last, and these."""


def made(laboratory: Any) -> None:
    """Note that the cell that runs now makes this one; close what an earlier run of it has made, and what
    was made by cells that are no more."""
    cell, run, gone = running()
    for other in gone:
        _close(other)
    if cell:
        if _made.get(cell, ("", ()))[0] != run:
            _close(cell)
            _made[cell] = run, weakref.WeakSet()
        _made[cell][1].add(laboratory)


def running() -> tuple[str, str, list[str]]:
    """The identifiers of the running cell and of this run of it, and the cells that were deleted; empty where
    there is no notebook or it does not tell."""
    try:
        from IPython import get_ipython

        message = get_ipython().kernel.get_parent("shell")
        metadata = message.get("metadata", {})
        return metadata.get("cellId") or "", message["header"]["msg_id"], metadata.get("deletedCells") or []
    except (ImportError, AttributeError, KeyError, TypeError):
        return "", "", []


def _close(cell: str) -> None:
    for laboratory in list(_made.pop(cell, ("", ()))[1]):
        laboratory.close()
