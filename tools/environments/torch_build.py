"""Where torch comes from: the build without CUDA, and not twice the same onto one disk."""

from __future__ import annotations

import csv
import os
import re
import shutil
import sys
from pathlib import Path

from environments.commands import SetupError, pip_install, reachable
from environments.folder import Folder

# PyTorch's own index of builds without CUDA.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# torch, and what its builds with CUDA bring along: up to some gigabytes.
LARGE = re.compile(r"(torch|triton|nvidia_\w+|cuda_\w+)-")


def torch_requirement(file: Path | None) -> str:
    """The line that names torch in a lock or a constraints file; plain `torch` where there is none."""
    text = file.read_text("utf-8") if file else ""
    found = re.search(r"^torch\s*[=<>~!][^;#\n]*", text, re.MULTILINE)
    return found.group(0).strip() if found else "torch"


def install_cpu_torch(folder: Folder, requirement: str) -> bool:
    """On Linux, take torch from the CPU index where that answers. True where it did."""
    if os.environ.get("GPU") == "1" or os.environ.get("PIP_NO_INDEX") or not sys.platform.startswith("linux"):
        return False  # on macOS and Windows the ordinary build has no CUDA
    if not reachable(f"{CPU_INDEX}/torch/"):
        print("PyTorch's CPU index does not answer: torch comes from where pip finds it.", flush=True)
        return False
    alone = ("--no-deps", "--index-url", CPU_INDEX, requirement)
    try:
        pip_install(folder, *alone, why="The CPU build of torch")
    except SetupError:
        print("No CPU build of torch there: torch comes from where pip finds it.", flush=True)
        return False
    return True


def link_torch(course: Folder, folder: Folder, requirement: str) -> bool:
    """Give an environment the torch of the course's own, file by file as hard links: nothing is fetched, the
    disk keeps one copy, and either environment can be removed. True where it is there now.

    It must be the very version that is asked for, for the same Python, on the same disk.
    """
    version = re.fullmatch(r"torch==([\w.]+)", requirement.replace(" ", ""))
    here, there = course.packages(), folder.packages()
    infos = [info for info in here.glob("*.dist-info") if LARGE.match(info.name)] if version else []
    mine = [info for info in infos if re.match(rf"torch-{re.escape(version[1])}(\+\w+)?\.dist", info.name)]
    if not mine:
        return False
    if any(there.glob("torch-*.dist-info")):
        return (there / mine[0].name).is_dir()
    tops = set()
    try:
        for info in infos:
            with open(info / "RECORD", encoding="utf-8", newline="") as record:
                names = [row[0] for row in csv.reader(record) if not row[0].startswith(("..", "/"))]
            for name in names:
                if (here / name).is_file() and not (there / name).exists():
                    tops.add(there / Path(name).parts[0])
                    (there / name).parent.mkdir(parents=True, exist_ok=True)
                    os.link(str(here / name), str(there / name))
    except OSError as error:  # another disk, or one without links
        print(f"torch cannot be linked from {course.path.name} ({error}): it is installed.", flush=True)
        for top in tops:
            shutil.rmtree(str(top), ignore_errors=True)
        return False
    return True
