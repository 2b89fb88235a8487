"""Read the chapters' sources: chapters/source/NN_name.md, and translations in source/<language>/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import jupytext

HEADER = {"title": str, "minutes": int, "seconds": int, "goals": list, "before": list, "unlinked": list}
# The rest of a translation's header is the English chapter's.
TRANSLATED = {"title": str, "goals": list, "translates": dict, "unlinked": list}
OPTIONAL = {"before": [], "translates": {}, "unlinked": []}


class ChapterError(Exception):
    """A source that cannot be built; the message says where and why."""


@dataclass(frozen=True)
class Chapter:
    """One source: its name ("03_maml"), its language, its header and its cells as written."""

    name: str
    header: dict
    cells: list
    language: str = "en"
    text: str = ""

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def path(self) -> str:
        """What the source and the notebook are called, without suffix: "03_maml", "zh/03_maml"."""
        return self.name if self.language == "en" else f"{self.language}/{self.name}"

    def file(self, seen_from: str = "en") -> str:
        """Where the notebook lies for a notebook of the language `seen_from`, or for chapters/README.md."""
        if seen_from == self.language:
            return f"{self.name}.ipynb"
        return f"{self.path}.ipynb" if seen_from == "en" else f"../{self.path}.ipynb"

    def link(self, seen_from: str = "en") -> str:
        return f"[{self.number} {self.header['title']}]({self.file(seen_from)})"

    def refuse(self, reason: str, at: str = ""):
        """Stop, and say why; with the line in which `at` stands first."""
        line = f":{self.text[: self.text.index(at)].count(chr(10)) + 1}" if at and at in self.text else ""
        raise ChapterError(f"{self.path}.md{line}: {reason}.")


@dataclass(frozen=True)
class Section:
    """What stands under one `##` heading (the first: before any): the prose, and the code cells."""

    heading: str
    prose: list[str]
    cells: list

    @property
    def text(self) -> str:
        """All of it, in one piece."""
        return "\n".join([*self.prose, *(cell.source for cell in self.cells)])


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def key(cell) -> str | None:
    """What a code cell is called: the id of its exercise or quiz, or its `:name:`."""
    return cell.source.strip() if {"exercise", "quiz"} & set(tags(cell)) else cell.metadata.get("name")


def read(path: Path, language: str = "en") -> Chapter:
    """Read a source; refuse a header that is incomplete or has unknown keys, and a name given twice."""
    text = path.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="md:myst")
    header = {key: value for key, value in notebook.metadata.items() if key != "jupytext"}
    known = HEADER if language == "en" else TRANSLATED
    given = {key: value for key, value in OPTIONAL.items() if key in known}
    chapter = Chapter(path.stem, {**given, **header}, notebook.cells, language, text)
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem):
        chapter.refuse("a chapter's name must look like 03_maml")
    for name in known.keys() | header.keys():
        if name not in known:
            chapter.refuse(f"the header has an unknown key {name!r}; known: {', '.join(known)}")
        if not isinstance(chapter.header.get(name), known[name]):
            chapter.refuse(f"the header's {name!r} must be there and be of type {known[name].__name__}")
    names = [name for cell in chapter.cells if (name := cell.metadata.get("name"))]
    for name in names:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(name)):
            chapter.refuse(f"a cell's name must look like five-points, not {name!r}")
        if names.count(name) > 1:
            chapter.refuse(f"two cells are named {name!r}")
    return chapter


def read_all(root: Path) -> list[Chapter]:
    """Every source, in order: the English ones, then each language's."""
    folder = root / "chapters" / "source"
    places = [("en", folder), *((place.name, place) for place in sorted(folder.glob("*/")))]
    return [read(path, language) for language, place in places for path in sorted(place.glob("*.md"))]


def matching(chapters: list[Chapter], name: str) -> list[Chapter]:
    """The chapters that a name can mean: "03", "03_maml" or "zh/03"; the empty name means none."""
    return [chapter for chapter in chapters if name and chapter.path.startswith(name)]


def chosen(chapters: list[Chapter], names: list[str]) -> list[Chapter]:
    """The chapters that have one of these names, in their own order; no names: all of them.

    Raises:
        ChapterError: a name means no chapter.
    """
    found = []
    for name in names:
        if not (meant := matching(chapters, name)):
            raise ChapterError(f"There is no chapter {name!r}: CHAPTER is a number such as 03, or zh/03.")
        found += meant
    return [chapter for chapter in chapters if not names or chapter in found]


def sections(cells: list) -> list[Section]:
    """The cells as sections; a heading in a block of code is none."""
    found = [Section("", [], [])]
    for cell in cells:
        if cell.cell_type == "code":
            found[-1].cells.append(cell)
            continue
        in_code = False
        for line in cell.source.splitlines():
            in_code ^= line.startswith("```")
            if line.startswith("## ") and not in_code:
                found.append(Section(line.removeprefix("## ").strip(), [], []))
            else:
                found[-1].prose.append(line)
    return found
