"""Write requirements.lock from the packages of a fresh environment, for three systems and three Pythons.

    python3.11 -m venv ../fresh                       # the oldest Python that the course supports
    ../fresh/bin/pip install torch==2.13.0 -e ".[course,test]"
    ../fresh/bin/python tools/lock.py                 # then: make test

Only what pyproject.toml leads to is written, with an environment marker where a system does not need it.
Packages that this system does not need itself (Windows consoles, macOS helpers) are looked up with pip.
What torch's ordinary Linux build brings with it (CUDA) is left to torch, which asks for exact versions.
"""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = {  # sys_platform: (os_name, platform_system)
    "linux": ("posix", "Linux"),
    "darwin": ("posix", "Darwin"),
    "win32": ("nt", "Windows"),
}
MARKERS = {
    frozenset(SYSTEMS): "",
    frozenset({"linux", "darwin"}): ' ; sys_platform != "win32"',
    frozenset({"linux", "win32"}): ' ; sys_platform != "darwin"',
    frozenset({"darwin", "win32"}): ' ; sys_platform != "linux"',
    **{frozenset({system}): f' ; sys_platform == "{system}"' for system in SYSTEMS},
}
# An installer that builds nothing in isolation needs these in the environment itself.
BUILD = ["babel>=2.12", "setuptools>=77"]


def environment(system: str, python: str) -> dict[str, str]:
    """What environment markers are evaluated against."""
    os_name, platform_system = SYSTEMS[system]
    return {
        "os_name": os_name,
        "sys_platform": system,
        "platform_system": platform_system,
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": python,
        "python_full_version": f"{python}.0",
    }


def roots() -> list[str]:
    """Every requirement of pyproject.toml, extras included, and the build tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["course"], *extras["test"], *BUILD]


def needed(requirement: Requirement, extras: set[str], where: dict[str, str]) -> bool:
    """Whether a requirement counts in an environment, for a package installed with `extras`."""
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**where, "extra": extra}) for extra in extras or {""})


def closure(system: str, python: str, requires) -> list[Requirement]:
    """All requirements, direct and indirect, on one system; `requires(name)` lists a package's own."""
    where = environment(system, python)
    found, seen, todo = [], set(), [Requirement(root) for root in roots()]
    while todo:
        requirement = todo.pop()
        found.append(requirement)
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        own = (Requirement(line) for line in requires(requirement.name))
        todo += [each for each in own if needed(each, set(requirement.extras) | {""}, where)]
    return found


def installed_requires(name: str) -> list[str]:
    """A package's requirements as installed here; none for one that only another system has."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    if canonicalize_name(name) == "torch":
        lines = [line for line in lines if not line.startswith(("nvidia-", "cuda-", "triton"))]
    return lines


def newest(name: str) -> str:
    """The newest version of a package that is not installed here."""
    command = [sys.executable, "-m", "pip", "index", "versions", name]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return answer.split("(", 1)[1].split(")", 1)[0]


def main() -> None:
    systems: dict[str, set[str]] = {}
    for system in SYSTEMS:
        for python in PYTHONS:
            for requirement in closure(system, python, installed_requires):
                systems.setdefault(canonicalize_name(requirement.name), set()).add(system)
    lines = [
        "# The exact versions that `make` and CI install: Python 3.11-3.13 on Linux, macOS and Windows.",
        "# Made by tools/lock.py, which says how to renew it.",
    ]
    for name, where in sorted(systems.items()):
        try:
            version = Version(metadata.version(name)).public
        except metadata.PackageNotFoundError:
            version = newest(name)
        lines.append(f"{name}=={version}{MARKERS[frozenset(where)]}")
    (ROOT / "requirements.lock").write_text("\n".join(lines) + "\n", "utf-8", newline="\n")
    print(f"requirements.lock: {len(lines) - 2} packages")


if __name__ == "__main__":
    main()
