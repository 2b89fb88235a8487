"""JupyterHub's proxy is a Node.js program: its exact versions stand in proxy/package-lock.json."""

from __future__ import annotations

import shutil
from pathlib import Path

from environments.commands import run

LISTS = Path(__file__).resolve().parent / "proxy"


def install_proxy(environment, folder) -> None:
    """configurable-http-proxy, in the environment's own node_modules; left out, in a sentence, where there is
    no npm: only `make hub` needs it, the hubs of deploy/ bring their own."""
    npm = shutil.which("npm")
    if npm is None:
        print("There is no npm here: the proxy that `make hub` needs is left out.", flush=True)
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(str(LISTS / name), str(folder.path))
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    run(npm, "ci", "--prefix", folder.path, *quiet, why="Installing JupyterHub's proxy", quiet=True)
