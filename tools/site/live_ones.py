"""The live laboratories, as the site asks metalib for them."""

from __future__ import annotations

from functools import cache
from typing import Any

from metalib.lab.live import LIVE, specification


@cache
def named(laboratory: str) -> str | None:
    """What the live edition of a laboratory is called, `SineLaboratory` "sine"; None: there is none."""
    return next((name for name, live in LIVE.items() if live.laboratory.__name__ == laboratory), None)


def initial(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The state in which a live laboratory begins, as JSON has it, where a cell gives it these arguments."""
    return specification(LIVE[name], arguments)["initial"]
