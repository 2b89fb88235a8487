"""A cell can be run again after the whole chapter: no name that it reads gets another meaning from it or from
a later cell.

Looked at without running: every name that a cell reads is either bound in this cell before, or bound by no
cell from this one on. A name that a function's body reads is bound in one cell only, for the function may be
called from any cell.
"""

import ast
import builtins
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from metalib import exercises

SOURCE = Path(__file__).resolve().parents[1] / "chapters" / "source"
NAMES = sorted(path.stem for path in SOURCE.glob("*.md"))
CELL = re.compile(r"^```\{code-cell\}\n(.*?)^```", re.DOTALL | re.MULTILINE)
TO_COME: tuple[str, ...] = ()  # chapters that are being written anew
SETUP = {"torch", "metalib", "exercises", *dir(builtins)}


@dataclass
class Cell:
    """The global names that one cell handles: read before it binds them, read by a function, bound."""

    code: str
    read: set[str]
    deferred: set[str]
    bound: set[str]


class Names(ast.NodeVisitor):
    """What a cell reads and binds, in the order in which Python runs it."""

    def __init__(self):
        self.read, self.deferred, self.bound = set(), set(), set()

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            if node.id not in self.bound:
                self.read.add(node.id)
        else:
            self.bound.add(node.id)

    def visit_Assign(self, node):  # the value comes first
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node):
        self.visit(ast.Name(getattr(node.target, "id", "_"), ast.Load()))
        self.generic_visit(node)

    def visit_For(self, node):
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Import(self, node):
        self.bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node):
        for part in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(part)
        self.deferred |= free_names(node)
        self.bound.add(node.name)

    def visit_ClassDef(self, node):
        for base in node.bases:
            self.visit(base)
        self.deferred |= free_names(node)
        self.bound.add(node.name)

    def visit_Lambda(self, node):  # called where it stands
        self.read |= free_names(node) - self.bound

    def _comprehension(self, node):
        self.read |= free_names(node) - self.bound

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension


def free_names(node):
    """The names that a function, a class or a comprehension takes from outside."""
    loads = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    own |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef) and n is not node}
    return loads - own


def cells(text):
    """The cells of a chapter's source; an exercise is its stub, the check that follows reads it."""
    found = []
    for code in CELL.findall(text):
        code = re.sub(r"^:\w+:.*\n", "", code, flags=re.MULTILINE)
        if id := re.fullmatch(r"\s*(\d\d/[a-z0-9-]+)\s*", code):
            if id[1].endswith("/quiz"):
                continue
            exercise = exercises.get(id[1])
            found.append(Cell(f"the stub of {id[1]}", set(), set(), {exercise.name}))
            continue
        names = Names()
        names.visit(ast.parse(code.replace("%", "#%") if code.lstrip().startswith("%") else code))
        first = code.strip().splitlines()[0] if code.strip() else ""
        found.append(Cell(first, names.read - SETUP, names.deferred - SETUP, names.bound))
    return found


def rebound(text):
    """One line for each name that means something else when its cell is run again."""
    found, said = cells(text), []
    for place, cell in enumerate(found):
        later = set().union(*(other.bound for other in found[place:]))
        for name in sorted(cell.read & later):
            said.append(f"`{cell.code}` reads {name}, which it or a later cell binds again")
        for name in sorted(cell.deferred):
            binders = [other for other in found if name in other.bound]
            if len(binders) > 1:
                said.append(f"`{cell.code}`: a function reads {name}, which {len(binders)} cells bind")
    return said


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xfail if name in TO_COME else ()) for name in NAMES],
)
def test_no_later_cell_gives_a_name_another_meaning(name):
    assert rebound((SOURCE / f"{name}.md").read_text(encoding="utf-8")) == []


def test_what_is_looked_for_is_found():
    def chapter(*bodies):
        return "\n".join(f"```{{code-cell}}\n{body}\n```\n" for body in bodies)

    assert rebound(chapter("a = 1", "print(a)", "b = 2")) == []
    assert len(rebound(chapter("a = 1", "print(a)", "a = 2"))) == 1
    assert rebound(chapter("a = 1\nprint(a)", "a = 2\nprint(a)")) == []
    assert len(rebound(chapter("a = 1\ndef f():\n    return a", "a = 2"))) == 1
    assert rebound(chapter("def f(a):\n    b = a\n    return b", "a, b = 1, 2")) == []
    assert len(rebound(chapter("a = 0", "a += 1"))) == len(rebound(chapter("a = 0", "a = a + 1"))) == 1
    assert len(rebound(chapter("a = 0", "print([a for _ in 'xy'])", "a = 1"))) == 1
    assert rebound(chapter("print([a for a in 'xy'])", "a = 2")) == []
