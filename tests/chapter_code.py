"""What a chapter defines in its own cells and what its exercises ask for, to be held against metalib."""

import ast
import re
from pathlib import Path

from metalib import exercises

SOURCES = Path(__file__).resolve().parent.parent / "chapters" / "source"


def definitions(name, constants=(), **namespace):
    """`namespace` with the functions and classes that the chapter `name` defines, later ones in place of
    earlier ones, and its assignments to the names in `constants`. Nothing else of it is run."""
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    for cell in re.findall(r"```\{code-cell\}\n(.*?)```", text, re.DOTALL):
        code = re.sub(r"^:\w+:.*\n", "", cell, flags=re.MULTILINE)
        if re.match(r"\s*\d\d/", code):
            continue  # an exercise or the quiz
        tree = ast.parse(code)
        tree.body = [node for node in tree.body if _kept(node, constants)]
        exec(compile(tree, f"{name}.md", "exec"), namespace)
    return namespace


def solution(id):
    """What the solution of the exercise with this id defines."""
    exercise = exercises.get(id)
    return exercise.build(exercise.solution_text)


def _kept(node, constants):
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in constants
    return isinstance(node, ast.FunctionDef | ast.ClassDef)
