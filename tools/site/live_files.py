"""The live laboratories, as the site asks metalib for them."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _live() -> dict[str, Any]:
    try:
        from metalib.lab.live import LIVE
    except ImportError:
        return {}
    return {name: LIVE[name] for name in LIVE}


def named(laboratory: str) -> str | None:
    """What the live edition of a laboratory is called, `SineLaboratory` "sine"; None: there is none."""
    return next((name for name, live in _live().items() if live.laboratory.__name__ == laboratory), None)


def initial(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Of the arguments of a laboratory those that its state has."""
    fields = {field.name for field in dataclasses.fields(_live()[name].state)}
    return {key: value for key, value in arguments.items() if key in fields}


def write(folder: Path, languages: list[str]) -> None:
    """Write stage, modules, specifications and data into a folder."""
    if _live():
        from metalib.lab.live import write

        write(folder, languages)
