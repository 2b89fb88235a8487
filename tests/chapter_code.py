"""What a chapter defines in its own cells and what its exercises ask for, to be held against metalib."""

import ast
import builtins
import re
import symtable
from pathlib import Path

from metalib import exercises

SOURCES = Path(__file__).resolve().parent.parent / "chapters" / "source"


def definitions(name, constants=(), **namespace):
    """`namespace` with the functions and classes that the chapter `name` defines, later ones in place of
    earlier ones, and its assignments to the names in `constants`. Nothing else of it is run."""
    for code in cells(name):
        tree = ast.parse(code)
        tree.body = [node for node in tree.body if _kept(node, constants)]
        exec(compile(tree, f"{name}.md", "exec"), namespace)
    return namespace


def cells(name):
    """The code of the chapter's cells, without its exercises and quiz."""
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    found = re.findall(r"```\{code-cell\}\n(.*?)```", text, re.DOTALL)
    found = [re.sub(r"^:\w+:.*\n", "", cell, flags=re.MULTILINE) for cell in found]
    return [code for code in found if not re.match(r"\s*\d\d/", code)]


def ambiguous_names(codes):
    """The names that one of the cells takes from elsewhere and several others define: what that cell does
    depends on which of them was run last."""
    taken = set().union(*(needs(code) for code in codes))
    return {name for name in taken if sum(name in defines(code) for code in codes) > 1}


def defines(code):
    """The names that a cell gives a value."""
    symbols = symtable.symtable(code, "cell", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def needs(code):
    """The names that a cell takes from elsewhere: read before the cell gives them a value, or read in one of
    its functions and given no value by the cell at all."""
    found, given = set(), set()
    for statement in ast.parse(code).body:
        text = ast.unparse(statement)
        table = symtable.symtable(text, "cell", "exec")
        own = set() if isinstance(statement, ast.Assign | ast.AugAssign) else defines(text)
        read = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
        found |= read - given - own
        found |= _globals_of(table) - defines(code)
        given |= defines(text)
    return found - set(dir(builtins))


def _globals_of(table):
    """The global names that the functions and comprehensions below read."""
    found = set()
    for inner in table.get_children():
        found |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
        found |= _globals_of(inner)
    return found


def solution(id):
    """What the solution of the exercise with this id defines."""
    exercise = exercises.get(id)
    return exercise.build(exercise.solution_text)


def _kept(node, constants):
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in constants
    return isinstance(node, ast.FunctionDef | ast.ClassDef)
