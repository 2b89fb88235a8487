"""Write the lock of an environment from the packages in it, for three systems and all Pythons of the course.

    python3.11 tools/install.py --newest                        # .venv, with the oldest Python of the course
    .venv/bin/python tools/lock.py                              # requirements.lock; then: make test
    python3.11 tools/install.py --newest --environment hub      # another one of tools/environments/table.py
    .hub/bin/python tools/lock.py --environment hub             # requirements-hub.lock

Only what the environment asks for leads to is written, with a marker where a system does not need it.
Packages that this system does not need itself (Windows consoles, macOS helpers) are looked up with pip.
What torch's ordinary Linux build brings with it (CUDA) is left to torch, which asks for exact versions.
"""

import argparse
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from environments.commands import lines_of
from environments.table import BUILD, COURSE, ENVIRONMENTS, Environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
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
# learn2learn names more than it imports; and the torchvision that it imports must not look for CUDA.
OWN = {"learn2learn": ["gym==0.26.2", "requests", "scipy", "torchvision==0.15.2", "tqdm"], "torchvision": []}


def markers(system: str, python: str) -> dict[str, str]:
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


def roots(environment: Environment) -> list[str]:
    """What an environment asks for, metalib's own requirements written out, and the build tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: list[str] = []
    for ask in environment.asks:
        if not ask.startswith("."):
            found.append(ask)
            continue
        found += project["dependencies"]
        for extra in filter(None, ask.removeprefix(".").strip("[]").split(",")):
            found += project["optional-dependencies"][extra]
    return [*found, *BUILD]


def needed(requirement: Requirement, extras: set[str], where: dict[str, str]) -> bool:
    """Whether a requirement counts in an environment, for a package installed with `extras`."""
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**where, "extra": extra}) for extra in extras or {""})


def closure(system: str, python: str, requires, environment=ENVIRONMENTS[COURSE]) -> list[Requirement]:
    """All requirements, direct and indirect, on one system; `requires(name)` lists a package's own."""
    where = markers(system, python)
    asked = [Requirement(root) for root in roots(environment)]
    found, seen, todo = [], set(), [each for each in asked if needed(each, set(), where)]
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
    if canonicalize_name(name) in OWN:
        return OWN[canonicalize_name(name)]
    name = "tensorflow-cpu" if name == "tensorflow" else name  # the same under another name
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
    answer = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    return answer.split("(", 1)[1].split(")", 1)[0]


def read(name: str) -> dict[str, str]:
    """The versions of a lock file by name."""
    pairs = (line.split(" ;")[0].split("==") for line in lines_of(ROOT / name))
    return {package: version for package, version in pairs}


def head(environment: Environment) -> list[str]:
    """The comments with which a lock begins."""
    first, last = environment.pythons[0], environment.pythons[-1]
    what, option = f"go into {environment.folder}", f" --environment {environment.name}"
    if environment.name == COURSE:
        what, option = "`make` and CI install", ""
    return [
        f"# The exact versions that {what}: Python {first}-{last} on Linux, macOS and Windows.",
        f"# Made by tools/lock.py{option}, which says how to renew it.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the lock of the environment that runs this.")
    parser.add_argument("--environment", choices=ENVIRONMENTS, default=COURSE)
    environment = ENVIRONMENTS[parser.parse_args().environment]
    systems: dict[str, set[str]] = {}
    pythons: dict[str, set[str]] = {}
    exact: dict[str, str] = {}
    for system in SYSTEMS:
        for python in environment.pythons:
            for requirement in closure(system, python, installed_requires, environment):
                package = canonicalize_name(requirement.name)
                systems.setdefault(package, set()).add(system)
                pythons.setdefault(package, set()).add(python)
                exact.update(
                    (package, each.version) for each in requirement.specifier if each.operator == "=="
                )
    lines: list[str] = []
    known: dict[str, str] = {}
    if environment.name != COURSE:
        known = read(ENVIRONMENTS[COURSE].lock) if environment.agrees else {}
        known |= {package: version for package, version in exact.items() if "*" not in version}
    for package, where in sorted(systems.items()):
        try:
            version = known.get(package) or Version(metadata.version(package)).public
        except metadata.PackageNotFoundError:
            version = newest(package)
        marker = MARKERS[frozenset(where)]
        if pythons[package] == {environment.pythons[0]}:
            marker += f'{" and" if marker else " ;"} python_version < "{environment.pythons[1]}"'
        lines.append(f"{package}=={version}{marker}")
    environment.lock_file.write_text("\n".join([*head(environment), *lines]) + "\n", "utf-8", newline="\n")
    print(f"{environment.lock}: {len(lines)} packages")


if __name__ == "__main__":
    main()
