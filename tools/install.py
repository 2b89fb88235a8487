"""Set up an environment with the exact versions of its lock, and metalib itself from this folder.

    python3 tools/install.py                        .venv: what `make` runs before everything else
    GPU=1 python3 tools/install.py                  torch's ordinary build (Linux: with CUDA, some gigabytes)
    python3 tools/install.py --newest               the newest versions of everything, in place of the lock
    python3 tools/install.py --newest -c FILE       the same, within the limits of a pip constraints file
    python3 tools/install.py --environment peers    another one: tools/environments/table.py lists them

Run again it is done in a blink: a stamp in the environment says what was installed. A set-up that was
interrupted, a moved folder or another Python start afresh; anything else is put right in place. pip's own
configuration (PIP_* variables, pip.conf) is respected.
"""

from __future__ import annotations  # so that an old Python reads this far, and can be told that it is old

import argparse
import hashlib
import os
import re
import sys
from pathlib import Path

from environments.commands import ROOT, SetupError, lines_of, pip_install, run
from environments.folder import Folder
from environments.refusals import check_path, check_python
from environments.table import BUILD, COURSE, ENVIRONMENTS, Environment
from environments.torch_build import install_cpu_torch, link_torch, torch_requirement


def wanted(environment: Environment, arguments: argparse.Namespace) -> dict:
    """What the stamp must say for there to be nothing to do."""
    files = [environment.lock_file, ROOT / "pyproject.toml"]
    if environment.metalib:  # what an editable installation copies: JupyterLab's settings
        files += [ROOT / "setup.py", *sorted((ROOT / "metalib" / "settings").glob("*.json"))]
    files += [arguments.constraint] if arguments.constraint else []
    digest = hashlib.sha256()
    for file in files:
        # One that is still to be made, by the newest versions, is none.
        digest.update((file.read_bytes() if file.exists() else b"") + b"\0")
    python = ".".join(map(str, sys.version_info[:2]))
    return {"files": digest.hexdigest(), "newest": arguments.newest, "python": python, "root": str(ROOT)}


def ready(folder: Folder, want: dict) -> bool:
    """True where a finished set-up is still as it was left."""
    stamp = folder.read_stamp()
    return (
        not folder.unfinished.exists()
        and {key: stamp.get(key) for key in want} == want
        and set(stamp.get("installed", [""])) <= set(folder.installed())
        and not (os.environ.get("GPU") == "1" and stamp.get("cpu_build"))
        and folder.works()
    )


def install(environment: Environment, arguments: argparse.Namespace, want: dict) -> None:
    """Make or mend an environment, and stamp it at the very end."""
    folder, stamp = environment.home, environment.home.read_stamp()
    moved = bool(stamp) and any(stamp.get(key) != want[key] for key in ("python", "root", "newest"))
    pip_is_there = (folder.packages() / "pip").is_dir()
    afresh = folder.unfinished.exists() or moved or not pip_is_there or not folder.works()
    folder.unfinished.touch()
    if folder.stamp.exists():
        folder.stamp.unlink()
    if afresh:
        folder.make()
    if os.environ.get("GPU") == "1" and stamp.get("cpu_build") and not afresh:
        run(folder.python, "-m", "pip", "uninstall", "-y", "torch", why="Removing the CPU build of torch")

    cpu_build = install_torch(environment, arguments)
    if arguments.newest:
        install_newest(environment, arguments.constraint)
    elif environment.dependencies:
        pip_install(folder, "-r", environment.lock_file, why=f"Installing the versions of {environment.lock}")
    else:
        install_each_alone(environment)
    if environment.metalib:
        # Without build isolation, so that nothing that is being built can fetch a second torch.
        mine = ("--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
        pip_install(folder, *mine, why="Installing metalib")
    for step in environment.steps:
        step(environment, folder)
    imports = f"import {', '.join(environment.imports)}"
    run(folder.python, "-c", imports, why="Importing what was installed")
    folder.write_stamp({**want, "cpu_build": cpu_build, "installed": folder.installed()})
    print(f"The environment {environment.folder} is ready.", flush=True)


def install_torch(environment: Environment, arguments: argparse.Namespace) -> bool:
    """The torch that the lock names, if it names one. True where it is the CPU index's build."""
    if arguments.newest:
        requirement = torch_requirement(arguments.constraint)
    else:
        requirement = torch_requirement(environment.lock_file)
        if requirement == "torch":
            return False
    course, folder = ENVIRONMENTS[COURSE].home, environment.home
    if environment.name != COURSE and link_torch(course, folder, requirement):
        return bool(course.read_stamp().get("cpu_build"))
    return install_cpu_torch(folder, requirement)


def install_newest(environment: Environment, constraint: Path | None) -> None:
    """The newest versions of what is asked for, within limits: those given, else those of the course's lock
    where the two have to agree."""
    if constraint is None and environment.agrees and environment.name != COURSE:
        constraint = ENVIRONMENTS[COURSE].lock_file
    limits = ("-c", constraint) if constraint else ()
    folder = environment.home
    pip_install(folder, "--upgrade", *BUILD, *limits, why="Installing what builds metalib")
    asks = [part for ask in environment.asks for part in (("-e", ask) if ask.startswith(".") else (ask,))]
    newest = ("--upgrade", *limits, "--no-build-isolation", *asks)
    pip_install(folder, *newest, why="Installing the newest versions")


def install_each_alone(environment: Environment) -> None:
    """The lines of the lock without what they ask for; a step may take over a line that needs more."""
    folder = environment.home
    pip_install(folder, torch_requirement(environment.lock_file), why="Installing torch")
    lines = [line for line in lines_of(environment.lock_file) if not line.startswith("torch==")]
    builders = [line for line in lines if re.match(r"(babel|cython|setuptools|wheel)==", line)]
    pip_install(folder, "--no-deps", *builders, why="Installing what builds the others")
    rest = [line for line in lines if line not in builders and not line.startswith(environment.later)]
    here = ("--no-deps", "--no-build-isolation")
    pip_install(folder, *here, *rest, why=f"Installing the versions of {environment.lock}")


def main() -> None:
    for stream in (sys.stdout, sys.stderr):  # a path's sign that a console cannot show must not end it all
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description="Set up an environment of the course.")
    parser.add_argument("--environment", choices=ENVIRONMENTS, default=COURSE, help="which (default: course)")
    parser.add_argument("--newest", action="store_true", help="newest versions in place of the lock")
    parser.add_argument("-c", "--constraint", type=Path, help="with --newest: a pip constraints file")
    arguments = parser.parse_args()
    environment = ENVIRONMENTS[arguments.environment]
    if arguments.newest and not environment.dependencies:
        parser.error(f"the versions of {environment.lock} do not follow from one another: edit its lock")
    try:
        check_python(environment, arguments.newest)
        check_path(environment.home.path)
        want = wanted(environment, arguments)
        if not ready(environment.home, want):
            environment.home.refuse_borrowed()
            with environment.home.alone():
                install(environment, arguments, want)
    except SetupError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Run the same command again: it starts the set-up afresh.")


if __name__ == "__main__":
    main()
