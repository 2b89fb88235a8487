"""The floors of the house: imports go down, and the lazy names of the package are those that editors see."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import metalib

ROOT = Path(__file__).resolve().parents[1]


def lint_imports(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    return subprocess.run([*command, "--no-cache"], cwd=folder, capture_output=True, text=True)


def test_imports_go_down():
    answer = lint_imports(ROOT)
    assert answer.returncode == 0, answer.stdout


def test_an_import_that_goes_up_is_noticed(tmp_path):
    shutil.copytree(
        ROOT / "metalib", tmp_path / "metalib", ignore=shutil.ignore_patterns("*.json", "*tensors")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with open(tmp_path / "metalib" / "learners" / "losses.py", "a", encoding="utf-8") as file:
        file.write(
            "\n\ndef plot():\n    from metalib import training  # through which history is reached as well\n"
        )
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1 and "metalib.learners.losses -> metalib.training" in answer.stdout


def test_a_new_room_needs_a_floor(tmp_path):
    shutil.copytree(
        ROOT / "metalib", tmp_path / "metalib", ignore=shutil.ignore_patterns("*.json", "*tensors")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "metalib" / "attic.py").touch()
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1 and "attic" in answer.stdout


def test_no_two_classes_have_the_same_name():
    """A name says which thing is meant, whatever module the reader comes from."""
    homes: dict[str, list[str]] = {}
    for path in sorted((ROOT / "metalib").rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_editors_see_the_names_that_are_there():
    """The lazy table of metalib/__init__.py and its imports for type checkers say the same."""
    tree = ast.parse((ROOT / "metalib" / "__init__.py").read_text("utf-8"))
    (seen,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = [(line.module, name.name) for line in seen.body for name in line.names]
    assert all(name.asname == name.name for line in seen.body for name in line.names), "not seen from outside"
    table = [(module, name) for module, names in metalib._HOME.items() for name in names]
    assert sorted(imported) == sorted([*table, *(("metalib", name) for name in metalib._MODULES)])
    for module, name in table:
        assert getattr(metalib, name) is getattr(sys.modules[module], name)
    for name in metalib._MODULES:
        assert getattr(metalib, name) is sys.modules[f"metalib.{name}"]


@pytest.mark.slow
def test_types():
    command = [sys.executable, "-m", "mypy"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert (ROOT / "metalib" / "py.typed").exists()
