"""What a recording is made of, as one short text: as long as that stays, the recording stays true."""

from __future__ import annotations

import ast
import hashlib
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

CODE = {".py", ".pyc", ".js", ".css", ".mo", ".po", ".pot"}  # everything else in the package is data
EVERYBODY = {"metalib", "metalib.lab"}  # their own files only say where everything lives


def fingerprint(package: Path, modules: Iterable[str], *texts: str) -> str:
    """Of some modules and all that they import of the package, what translators made of their sentences, the
    package's data, and further texts.

    package: the folder `metalib`.
    """
    digest = hashlib.sha256("\n".join(texts).encode())
    files = sorted(closure(package, modules))
    for file in (*files, *(file for file in sorted(package.rglob("*")) if file.suffix not in CODE)):
        if file.is_file():
            digest.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    said = {file.relative_to(package.parent).as_posix() for file in files}
    for catalogue in sorted(package.glob("locale/*/LC_MESSAGES/*.po")):
        for message in read_po(io.BytesIO(catalogue.read_bytes())):
            if said & {place for place, _line in message.locations}:
                digest.update(f"{message.id}\n{message.string}\n".encode())
    return digest.hexdigest()[:16]


def closure(package: Path, modules: Iterable[str]) -> set[Path]:
    """The files of these modules and of all modules of the package that they import, directly or not."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        parts = waiting.pop().split(".")
        for long in range(1, len(parts) + 1):  # a module's folders run first
            file = place(package, tuple(parts[:long]))
            if file and file not in found and ".".join(parts[:long]) not in EVERYBODY:
                found.add(file)
                waiting += imported(file)
    return found


@cache
def place(package: Path, parts: tuple[str, ...]) -> Path | None:
    """The file of a module by the parts of its name; None where it is none, but a name in another."""
    stem = package.parent.joinpath(*parts)
    choices = (stem / "__init__.py", stem.with_suffix(".py"))
    return next((file for file in choices if file.is_file()), None)


@cache
def imported(file: Path) -> list[str]:
    """What of metalib a file imports: names of modules, and of what stands in them."""
    names = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [f"{node.module}.{one.name}" for one in node.names]
    return [name for name in names if name.split(".")[0] == "metalib"]
