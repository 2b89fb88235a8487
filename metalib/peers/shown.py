"""The lines of a tool's module, to be read beside another's."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from metalib.i18n import _
from metalib.peers.tools import FOLDER, TOOLS, find


@dataclass(frozen=True, repr=False)
class Source:
    """Python code that shows itself as a block; `text` is the code, `count` its lines that are not empty."""

    text: str

    @property
    def count(self) -> int:
        return sum(bool(line.strip()) for line in self.text.splitlines())

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def source(key: str) -> Source:
    """The whole module that computes a MAML step with this tool, without its docstring; nothing is imported.

    Raises:
        ValueError: no such tool.
    """
    text = (FOLDER / f"{find(key).key}.py").read_text(encoding="utf-8")
    docstring = ast.parse(text).body[0]
    return Source("\n".join(text.splitlines()[docstring.end_lineno :]).strip())


@dataclass(frozen=True, repr=False)
class Sources:
    """The modules of several tools: in a notebook each below a line, title and length, that opens it."""

    by_title: Mapping[str, Source]

    def _titled(self) -> list[tuple[str, Source]]:
        lines = _("{title}: {count} lines")
        return [(lines.format(title=name, count=each.count), each) for name, each in self.by_title.items()]

    def __repr__(self) -> str:
        return "\n\n".join(f"{line}\n\n{each}" for line, each in self._titled())

    def _repr_markdown_(self) -> str:  # whose code blocks a notebook colours
        return "\n\n".join(
            f"<details>\n<summary>{escape(line)}</summary>\n\n{each._repr_markdown_()}\n\n</details>"
            for line, each in self._titled()
        )


def sources() -> Sources:
    """The modules of all tools; see :func:`source`."""
    return Sources({tool.title: source(key) for key, tool in TOOLS.items()})
