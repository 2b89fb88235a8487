"""Compose a chapter's notebook from its source: CONTRIBUTING.md says how a source is written."""

import ast
import copy
import hashlib
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import address
import citations
import glossary
import nbformat
import slides
from citations import Citations
from glossary import Glossary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from prose import emphasis_inside_links
from sources import Chapter, tags
from translation import translated

from metalib import exercises, i18n

# Word for word what the kernel says of itself: JupyterLab calls a notebook unsaved when it has to correct it.
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    },
}
SETUP = """\
# {first}
import sys

# {why}
if "google.colab" in sys.modules:
    %pip install --quiet --no-deps {archive}

import torch

import metalib
from metalib import exercises

metalib.threads.settle()  # {threads}"""


@dataclass(frozen=True)
class Labels:
    """What the builder itself writes into a chapter, in one language."""

    edition: str  # how a link to this edition reads
    first: str  # comments in the setup cell
    setup: str
    threads: str
    launch: str
    goals: str
    effort: str
    nothing: str
    next: str
    english: str = ""  # what is said of a chapter that is only there in English


LABELS = {
    "en": Labels(
        edition="English",
        first="Run this cell first: all the others need it.",
        setup="Colab has what metalib needs: add metalib alone, replace nothing",
        threads="one thread: small tensors gain nothing from more",
        launch="Run it in the browser: ",
        goals="You will be able to",
        effort="*About {minutes} minutes to read, about {seconds} seconds to run. Read before: {before}.*",
        nothing="nothing",
        next=(
            "**Next chapter:** {link}\n\n"
            "Before you open it, shut this chapter's kernel down: **Kernel → Shut Down Kernel**. That gives "
            "back its memory, several hundred megabytes; on Binder a few chapters left open are more than "
            "the machine has. What is on this page stays, and so does your progress; only the variables go."
        ),
    ),
    "zh": Labels(
        edition="中文",
        first="请先运行这个单元格：其余的都要用到它。",
        setup="Colab 已有 metalib 所需的一切：只加装 metalib，不替换任何包",
        threads="一个线程：小张量用更多线程也不会更快",
        launch="在浏览器中运行：",
        goals="学完本章，你将能够",
        effort="阅读约 {minutes} 分钟，运行约 {seconds} 秒。先读：{before}。",
        nothing="无",
        next=(
            "**下一章：**{link}\n\n"
            "打开它之前，请先关闭本章的内核：**Kernel → Shut Down Kernel**（内核 → 关闭内核）。"
            "这会归还它占用的几百兆内存；在 Binder 上，同时开着几章就会超出机器的内存。"
            "页面上的内容和你的进度都会保留，消失的只有变量。"
        ),
        english="（英文）",
    ),
}


def build(chapter: Chapter, chapters: list[Chapter], root: Path) -> nbformat.NotebookNode:
    """The notebook of a chapter, not yet executed, with exercises in the chapter's language."""
    if chapter.language not in LABELS or chapter.language not in i18n.languages():
        chapter.refuse(f"there are no labels in tools/compose.py, or no catalogue, for {chapter.language!r}")
    before = i18n.language()
    i18n.use_language(chapter.language)
    try:
        return _build(chapter, chapters, root)
    finally:
        i18n.use_language(before)


def _build(chapter: Chapter, chapters: list[Chapter], root: Path) -> nbformat.NotebookNode:
    if chapter.language != "en":
        english = [c for c in chapters if (c.name, c.language) == (chapter.name, "en")]
        if not english:
            chapter.refuse("there is no English chapter of this name")
        chapter = translated(chapter, english[0])
    try:
        home_page = address.read(root)
    except ValueError as error:
        chapter.refuse(str(error))
    labels = LABELS[chapter.language]
    setup = SETUP.format(
        first=labels.first,
        why=labels.setup,
        archive=home_page.archive,
        threads=labels.threads,
    )
    if chapter.language != "en":
        setup += f'\n\nmetalib.use_language("{chapter.language}")'
    cells = [
        markdown(title_block(chapter, chapters, home_page), "title"),
        code(setup, "setup", ["setup"]),
    ]
    cite = Citations(chapter, root, home(citations.MARK, chapter, chapters))
    name = Glossary(chapter, root, home(glossary.MARK, chapter, chapters))
    asked, predicted = [], []
    for cell in chapter.cells:
        marks, source = tags(cell), cell.source.strip()
        slide = slides.metadata(cell, chapter)
        if cell.cell_type == "markdown":
            listed = source.replace(citations.MARK, "").replace(glossary.MARK, "")
            if re.search(r"^(```+\{|:::|# )", listed, re.MULTILINE):
                chapter.refuse(
                    f"a MyST directive or a second title does not belong in the prose: {source[:60]!r}"
                )
            text = emphasis_inside_links(cite.write(name.write(source)))
            text = text.replace(citations.MARK, citations.bibliography(root))
            text = text.replace(glossary.MARK, glossary.table(root, chapters))
            # Named by what its author wrote: a cell keeps its id when the glossary changes.
            cells.append(markdown(text, identifier("markdown", source), slide))
        elif {"exercise", "quiz"} & set(marks):
            try:
                item = exercises.get(source)
            except ValueError as error:
                chapter.refuse(str(error).removesuffix("."))
            asked.append(source)
            cells += quiz_cells(item, slide) if "quiz" in marks else exercise_cells(item, slide)
        else:
            predicted += prediction_in(chapter, source)
            cells.append(code(source, tags=marks, metadata=slide))
    there = exercises.chapters().get(chapter.number)
    known = [item.id for item in there.items] if there else []
    if sorted(asked) != sorted(known):
        chapter.refuse(f"it asks {sorted(asked)}, but the chapter's exercises are {sorted(known)}")
    known = [question.id for question in there.predictions] if there else []
    if sorted(predicted) != sorted(known):
        chapter.refuse(f"it predicts {sorted(predicted)}, but the chapter's predictions are {sorted(known)}")
    later = sorted({other.name for other in chapters if other.name > chapter.name})
    if later:
        link = link_to(later[0], chapter, chapters)
        cells.append(markdown(labels.next.format(link=link), "next-chapter"))
    unique_ids(cells)
    slides.complete(cells)
    return new_notebook(cells=cells, metadata=copy.deepcopy(NOTEBOOK_METADATA))


def home(mark: str, chapter: Chapter, chapters: list[Chapter]) -> str | None:
    """The file with what `mark` stands for, seen from a chapter: in its own language, else in English."""
    there = {
        each.language: each.file(chapter.language)
        for each in chapters
        if any(cell.cell_type == "markdown" and mark in cell.source for cell in each.cells)
    }
    return there.get(chapter.language, there.get("en"))


def prediction_in(chapter: Chapter, source: str) -> list[str]:
    """The id of the prediction that a cell asks. Refuse a cell that would give its answer away, or that asks
    anywhere but in its last line, where it would not be shown."""
    if "exercises.predict(" not in source:
        return []
    tree = ast.parse(re.sub(r"^( *)[%!].*$", r"\1pass", source, flags=re.MULTILINE))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    asks = [call for call in calls if ast.unparse(call.func) == "exercises.predict"]
    last = tree.body[-1]
    if len(asks) != 1 or not isinstance(last, ast.Expr) or last.value is not asks[0]:
        chapter.refuse(f"exercises.predict(…) is the last line of a cell, once: {source[-60:]!r}")
    if any(keyword.arg == "alt" for call in calls for keyword in call.keywords) or ".alt = " in source:
        chapter.refuse(
            f"a cell that predicts has no alt text, which tells the answer ('Alt:' does): {source[-60:]!r}"
        )
    id = asks[0].args[0] if asks[0].args else None
    if not isinstance(id, ast.Constant):
        chapter.refuse(f"exercises.predict needs an id in quotes: {source[-60:]!r}")
    return [str(id.value)]


def title_block(chapter: Chapter, chapters: list[Chapter], home_page: address.Address) -> str:
    labels = LABELS[chapter.language]
    notebook = f"chapters/{chapter.path}.ipynb"
    before = ", ".join(link_to(name, chapter, chapters) for name in chapter.header["before"])
    effort = labels.effort.format(**chapter.header | {"before": before or labels.nothing})
    goals = "\n".join(f"- {goal}" for goal in chapter.header["goals"])
    return f"""\
# {chapter.header["title"]}

{labels.launch}[Binder]({home_page.binder(notebook)}) · [Google Colab]({home_page.colab(notebook)})
{editions(chapter, chapters)}
**{labels.goals}**

{goals}

{effort}"""


def editions(chapter: Chapter, chapters: list[Chapter]) -> str:
    """A paragraph with links to the same chapter in the other languages; nothing where there are none."""
    others = [
        other for other in chapters if other.name == chapter.name and other.language != chapter.language
    ]
    links = " · ".join(
        f"[{LABELS[other.language].edition}]({other.file(chapter.language)})" for other in others
    )
    return f"\n{links}\n" if links else ""


def link_to(name: str, chapter: Chapter, chapters: list[Chapter]) -> str:
    """A link from `chapter` to the chapter `name`: in the same language, else to the English one."""
    there = {other.language: other for other in chapters if other.name == name}
    if chapter.language in there:
        return there[chapter.language].link(chapter.language)
    return there["en"].link(chapter.language) + LABELS[chapter.language].english if "en" in there else name


def exercise_cells(item, slide: dict) -> list:
    check = f"""\
exercise = exercises.get("{item.id}")
# exercise.hint()
# exercise.solution()
exercise.check({item.name})"""
    slug, marks = item.id.partition("/")[2], {"exercise": item.id}
    below = {"slideshow": {"slide_type": "-", "show": "code"}} if slide else {}
    return [
        markdown(item._repr_markdown_(), f"{slug}-statement", slide),
        code(item.stub.strip(), f"{slug}-stub", ["exercise-stub"], marks | below),
        code(check, f"{slug}-check", ["exercise-check"], marks),
    ]


def quiz_cells(item, slide: dict) -> list:
    return [code(f'exercises.get("{item.id}")', "quiz", ["quiz"], slide)]


def markdown(source: str, id: str, metadata: dict | None = None):
    return new_markdown_cell(source, id=id, metadata=metadata or {})


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
