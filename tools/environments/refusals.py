"""What cannot work is refused before anything is fetched, in one sentence each."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from environments.commands import SetupError
from environments.table import Environment

# Windows refuses longer paths unless it is told not to: 260 signs, the last of them a NUL.
LONGEST_PATH = 259
# The longest name of a package's file, seen from site-packages: a licence in torch's dist-info.
LONGEST_NAME = 170


def check_python(environment: Environment, newest: bool = False) -> None:
    """Refuse a Python that the environment cannot have. `newest`: no lock, so none is too new."""
    first, last = environment.pythons[0], environment.pythons[-1]
    mine = ".".join(map(str, sys.version_info[:2]))
    if sys.version_info < version(first):
        raise SetupError(
            f"The course needs Python {first} or newer, and {sys.executable} is {sys.version.split()[0]}. "
            f"{another_python(environment)}"
        )
    if sys.version_info[:2] > version(last) and not newest:
        raise SetupError(
            f"The packages of {environment.lock} are pinned for Python {first} to {last}, and "
            f"{sys.executable} is {mine}: not all of them can be had for it. {another_python(environment)}"
        )
    if sys.maxsize < 2**32:
        raise SetupError("This is a 32-bit Python; PyTorch needs a 64-bit one.")
    if sys.platform == "darwin" and os.uname().machine == "x86_64":
        raise SetupError(
            "This Python runs as x86_64, and PyTorch no longer makes packages for Intel Macs. On Apple "
            "silicon use an arm64 Python; on an Intel Mac use Binder or Colab (see README.md)."
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            "This Python has no venv module. On Debian and Ubuntu: sudo apt-get install python3-venv "
            f"(or python{mine}-venv)."
        )


def check_path(folder: Path) -> None:
    """Refuse a folder on Windows in which a package's deepest file would have too long a path."""
    if sys.platform != "win32" or long_paths():
        return
    length = len(str(folder / "Lib" / "site-packages")) + 1 + LONGEST_NAME
    if length > LONGEST_PATH:
        raise SetupError(
            f"Windows takes paths of at most {LONGEST_PATH} signs here, and PyTorch's files would have up "
            f"to {length} in {folder}. Move the course to a folder with a path shorter by "
            f"{length - LONGEST_PATH} or more, such as C:\\course, or allow long paths (Settings, System, "
            "For developers)."
        )


def long_paths() -> bool:
    """Whether this Windows takes paths of any length."""
    import winreg

    place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
    except OSError:
        return False


def version(text: str) -> tuple:
    return tuple(map(int, text.split(".")))


def another_python(environment: Environment) -> str:
    last = environment.pythons[-1]
    command = f"make {environment.target} PYTHON=python{last}"
    if sys.platform == "win32":
        command = f"py -{last} tools\\install.py --environment {environment.name}"
    return f"Where a fitting one is installed, name it: {command}"
