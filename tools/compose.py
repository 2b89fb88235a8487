"""Compose a chapter's notebook from its source: tools/chapters.py says how a source is written."""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jupytext
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from metalib import exercises

NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HEADER = {"title": str, "minutes": int, "seconds": int, "goals": list, "before": list}
SETUP = """\
import sys

if "google.colab" in sys.modules:  # Colab has what metalib needs: add metalib alone, replace nothing
    %pip install --quiet --no-deps git+{repository}

import torch

import metalib
from metalib import exercises"""


class ChapterError(Exception):
    """A source that cannot be built; the message says where and why."""


@dataclass(frozen=True)
class Chapter:
    """One source: its name ("03_maml"), its header and its cells as written."""

    name: str
    header: dict
    cells: list

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def link(self) -> str:
        return f"[{self.number} {self.header['title']}]({self.name}.ipynb)"

    def refuse(self, reason: str):
        raise ChapterError(f"{self.name}.md: {reason}.")


def read(path: Path) -> Chapter:
    """Read a source and refuse a header that is incomplete or has unknown keys."""
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="md:myst")
    header = {key: value for key, value in notebook.metadata.items() if key != "jupytext"}
    chapter = Chapter(path.stem, {"before": [], **header}, notebook.cells)
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem):
        chapter.refuse("a chapter's name must look like 03_maml")
    for key in HEADER.keys() | header.keys():
        if key not in HEADER:
            chapter.refuse(f"the header has an unknown key {key!r}; known: {', '.join(HEADER)}")
        if not isinstance(chapter.header.get(key), HEADER[key]):
            chapter.refuse(f"the header's {key!r} must be there and be of type {HEADER[key].__name__}")
    return chapter


def read_all(root: Path) -> list[Chapter]:
    """Every source, in order."""
    return [read(path) for path in sorted((root / "chapters" / "source").glob("*.md"))]


def build(chapter: Chapter, chapters: list[Chapter], root: Path) -> nbformat.NotebookNode:
    """The notebook of a chapter, not yet executed."""
    repository = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"][
        "Repository"
    ]
    cells = [
        markdown(title_block(chapter, chapters, repository.removesuffix("/")), "title"),
        code(SETUP.format(repository=repository.removesuffix("/")), "setup", ["setup"]),
    ]
    asked = []
    for cell in chapter.cells:
        tags, source = cell.metadata.get("tags", []), cell.source.strip()
        if cell.cell_type == "markdown":
            if re.search(r"^(```+\{|:::|# )", source, re.MULTILINE):
                chapter.refuse(
                    f"a MyST directive or a second title does not belong in the prose: {source[:60]!r}"
                )
            cells.append(markdown(source))
        elif {"exercise", "quiz"} & set(tags):
            try:
                item = exercises.get(source)
            except ValueError as error:
                chapter.refuse(str(error).removesuffix("."))
            asked.append(source)
            cells += quiz_cells(item) if "quiz" in tags else exercise_cells(item)
        else:
            cells.append(code(source, tags=tags))
    module = exercises.chapters().get(chapter.number)
    known = [item.id for item in (*module.EXERCISES, getattr(module, "QUIZ", None)) if item] if module else []
    if sorted(asked) != sorted(known):
        chapter.refuse(f"it asks {sorted(asked)}, but the chapter's exercises are {sorted(known)}")
    later = [other for other in chapters if other.name > chapter.name]
    if later:
        cells.append(markdown(f"**Next chapter:** {later[0].link}", "next-chapter"))
    unique_ids(cells)
    return new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)


def title_block(chapter: Chapter, chapters: list[Chapter], repository: str) -> str:
    if not (place := re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(\.git)?", repository)):
        chapter.refuse(f"the launch badges need a repository on github.com, not {repository!r}")
    notebook = f"chapters/{chapter.name}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{place[1]}/HEAD?labpath={quote(notebook, safe='')}"
    colab = f"https://colab.research.google.com/github/{place[1]}/blob/main/{notebook}"
    links = {other.name: other.link for other in chapters}
    before = ", ".join(links.get(name, name) for name in chapter.header["before"]) or "nothing"
    goals = "\n".join(f"- {goal}" for goal in chapter.header["goals"])
    return f"""\
# {chapter.header["title"]}

[![Launch on Binder](https://mybinder.org/badge_logo.svg)]({binder})
[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})

**You will be able to**

{goals}

*About {chapter.header["minutes"]} minutes to read, about {chapter.header["seconds"]} seconds to run. \
Read before: {before}.*"""


def exercise_cells(item) -> list:
    check = f"""\
exercise = exercises.get("{item.id}")
# exercise.hint()
# exercise.solution()
exercise.check({item.name})"""
    slug, marks = item.id.partition("/")[2], {"exercise": item.id}
    return [
        markdown(item._repr_markdown_(), f"{slug}-statement"),
        code(item.stub.strip(), f"{slug}-stub", ["exercise-stub"], marks),
        code(check, f"{slug}-check", ["exercise-check"], marks),
    ]


def quiz_cells(item) -> list:
    return [code(f'exercises.get("{item.id}")', "quiz", ["quiz"])]


def markdown(source: str, id: str = ""):
    return new_markdown_cell(source, id=id or identifier("markdown", source))


def code(source: str, id: str = "", tags: list | None = None, metadata: dict | None = None):
    metadata = ({"tags": list(tags)} if tags else {}) | (metadata or {})
    return new_code_cell(source, id=id or identifier("code", source), metadata=metadata)


def identifier(kind: str, source: str) -> str:
    return hashlib.sha256(f"{kind}\n{source}".encode()).hexdigest()[:10]


def unique_ids(cells: list) -> None:
    seen: dict[str, int] = {}
    for cell in cells:
        seen[cell.id] = seen.get(cell.id, 0) + 1
        if seen[cell.id] > 1:
            cell.id = f"{cell.id}-{seen[cell.id]}"
