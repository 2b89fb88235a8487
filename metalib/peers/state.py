"""Who looks after each tool, how it is installed, what it is good for: state.toml, read and shown."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from metalib import timing
from metalib.i18n import _
from metalib.peers.tools import FOLDER, TOOLS, find

FILE = FOLDER / "state.toml"


@dataclass(frozen=True, repr=False)
class Shown:
    """A Markdown table that shows itself."""

    text: str

    def __repr__(self) -> str:
        return self.text

    _repr_markdown_ = __repr__


@cache
def known() -> dict[str, Any]:
    """The whole file: `checked`, and a table for each tool."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def maintenance() -> Shown:
    """Each tool's newest release, which Python it names, and in what state it is."""
    header = [_("tool"), _("newest"), _("released"), "Python", _("state")]
    rows = [[tool.title, *(known()[key][what] for what in _SHOWN)] for key, tool in TOOLS.items()]
    table = timing.table(header, rows, text=True)
    checked = _("Looked up on {date}, in the package index and the packages' own metadata.")
    return Shown(f"{table}\n\n{checked.format(date=known()['checked'])}")


def good_for() -> Shown:
    """What each tool is good for."""
    rows = [[tool.title, known()[key]["good_for"]] for key, tool in TOOLS.items()]
    return Shown(timing.table([_("tool"), _("good for")], rows, text=True))


_SHOWN = ("newest", "released", "python", "state")


def install(key: str) -> Shown:
    """The commands that install a tool, as they were tested.

    Raises:
        ValueError: no such tool.
    """
    return Shown("```sh\n" + "\n".join(known()[find(key).key]["install"]) + "\n```")
