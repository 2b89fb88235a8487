"""Write requirements.lock from the packages of a fresh environment, for three systems and three Pythons.

    python3.11 -m venv ../fresh                       # the oldest Python that the course supports
    ../fresh/bin/pip install torch==2.13.0 -e ".[course,test]"
    ../fresh/bin/python tools/lock.py                 # then: make test
    .peers/bin/python tools/lock.py --peers           # requirements-peers.lock, likewise; then: make peers

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
# The other tools of chapter 11, with what they need; exact where another version does not do.
PEERS = [
    "cython>=3",
    "higher==0.2.1",
    "jax==0.10.2",  # the last for Python 3.11
    'learn2learn==0.2.0 ; python_version < "3.12"',
    'tensorflow==2.21.0 ; sys_platform == "darwin"',
    'tensorflow-cpu==2.21.0 ; sys_platform != "darwin"',
    "torchopt==0.7.3",
    "wheel>=0.43",
]
# learn2learn names more than it imports; and the torchvision that it imports must not look for CUDA.
OWN = {"learn2learn": ["gym==0.26.2", "requests", "scipy", "torchvision==0.15.2", "tqdm"], "torchvision": []}


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


def roots(peers: bool = False) -> list[str]:
    """Every requirement of pyproject.toml, extras included, and the build tools; or those of `make peers`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    if peers:
        testing = [line for line in extras["test"] if line.startswith("pytest>")]
        kernel = [line for line in extras["course"] if line.startswith("ipykernel>")]
        return [*project["dependencies"], *testing, *kernel, *BUILD, *PEERS]
    return [*project["dependencies"], *extras["course"], *extras["test"], *BUILD]


def needed(requirement: Requirement, extras: set[str], where: dict[str, str]) -> bool:
    """Whether a requirement counts in an environment, for a package installed with `extras`."""
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**where, "extra": extra}) for extra in extras or {""})


def closure(system: str, python: str, requires, peers: bool = False) -> list[Requirement]:
    """All requirements, direct and indirect, on one system; `requires(name)` lists a package's own."""
    where = environment(system, python)
    asked = [Requirement(root) for root in roots(peers)]
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
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return answer.split("(", 1)[1].split(")", 1)[0]


def read(name: str) -> dict[str, str]:
    """The versions of a lock file by name."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pairs = (line.split(" ;")[0].split("==") for line in lines if line and not line.startswith("#"))
    return {package: version for package, version in pairs}


def main() -> None:
    peers = "--peers" in sys.argv[1:]
    systems: dict[str, set[str]] = {}
    pythons: dict[str, set[str]] = {}
    exact: dict[str, str] = {}
    for system in SYSTEMS:
        for python in PYTHONS:
            for requirement in closure(system, python, installed_requires, peers):
                name = canonicalize_name(requirement.name)
                systems.setdefault(name, set()).add(system)
                pythons.setdefault(name, set()).add(python)
                exact.update((name, each.version) for each in requirement.specifier if each.operator == "==")
    name = "requirements-peers.lock" if peers else "requirements.lock"
    what = "`make peers` installs" if peers else "`make` and CI install"
    lines = [
        f"# The exact versions that {what}: Python 3.11-3.13 on Linux, macOS and Windows.",
        f"# Made by tools/lock.py{' --peers' if peers else ''}, which says how to renew it.",
    ]
    known = read("requirements.lock") | exact if peers else {}
    for package, where in sorted(systems.items()):
        try:
            version = known.get(package) or Version(metadata.version(package)).public
        except metadata.PackageNotFoundError:
            version = newest(package)
        marker = MARKERS[frozenset(where)]
        if pythons[package] == {PYTHONS[0]}:
            marker += f'{" and" if marker else " ;"} python_version < "{PYTHONS[1]}"'
        lines.append(f"{package}=={version}{marker}")
    (ROOT / name).write_text("\n".join(lines) + "\n", "utf-8", newline="\n")
    print(f"{name}: {len(lines) - 2} packages")


if __name__ == "__main__":
    main()
