"""A twin: an environment with another place's versions, beside the one that runs the tests (`make twins`).

`pytest`, the browser and what reads the results are this Python's; kernels and servers are the twin's.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Twin:
    """An environment beside this one. Raises AssertionError where it is not there."""

    folder: Path

    def __post_init__(self) -> None:
        assert self.python.exists(), f"there is no twin in {self.folder}: `make twins` sets it up"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *arguments: object, env: dict[str, str] | None = None, **options) -> str:
        """What its Python prints. Raises AssertionError, with the end of its errors, where it fails."""
        command = [str(self.python), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": "", **(env or {})}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, **options)
        assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def versions(self) -> dict[str, str]:
        """What is installed, by name."""
        listed = json.loads(self.run("-m", "pip", "list", "--format=json"))
        return {entry["name"].lower().replace("_", "-"): entry["version"] for entry in listed}

    def kernel(self) -> AsyncKernelManager:
        """A kernel with its Python, still to be started."""
        return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_OneKernel(self.python))


class _OneKernel(KernelSpecManager):
    def __init__(self, python: Path) -> None:
        super().__init__()
        self.argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(argv=self.argv, display_name="twin", language="python")


def elsewhere(asked: list[str], base: str) -> list[str]:
    """Those of a page's requests that went to another host than that of the address `base`."""
    inside = ("data:", "about:", "blob:data:")
    there = [url for url in asked if not url.startswith(inside)]
    return [url for url in there if urlsplit(url.removeprefix("blob:")).netloc != urlsplit(base).netloc]


def pack(folder: Path) -> Path:
    """The working tree as the repository's host packs it, with changes to files that git knows."""
    git = ["git", "-c", "user.name=twin", "-c", "user.email=twin@localhost"]
    index = subprocess.check_output(["git", "rev-parse", "--git-path", "index"], cwd=ROOT, text=True).strip()
    # A copy: the tests' other worker packs, too, and git locks the index.
    own = shutil.copy(ROOT / index, folder / "index")
    environment = {**os.environ, "GIT_INDEX_FILE": str(own)}
    ask = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True, "check": True}
    changed = subprocess.run([*git, "stash", "create"], **ask).stdout.strip()  # "" where nothing is changed
    target = folder / "learning-to-learn.tar.gz"
    named = ["--prefix=learning-to-learn/", f"--output={target}"]
    subprocess.run([*git, "archive", *named, changed or "HEAD"], **ask)
    return target
