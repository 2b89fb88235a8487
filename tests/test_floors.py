"""The floors of the house: imports go down, and the lazy names of the package are those that editors see."""

import shutil
import subprocess
import sys
from pathlib import Path

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
