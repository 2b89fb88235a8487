"""Running pip and other commands for an environment, and saying in one sentence what went wrong."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 3.0  # seconds that a laptop without a network may wait for an index


class SetupError(Exception):
    """One sentence for the person at the keyboard."""


def run(*command, why: str, quiet: bool = False) -> None:
    """Run a command in front of the user (`quiet`: its errors only); SetupError where it fails."""
    # A user-wide installation would miss the environment, and what PYTHONPATH names would hide a missing
    # package. Whatever goes wrong, pip must refuse to touch another Python than the environment's.
    always = {"PIP_REQUIRE_VIRTUALENV": "1", "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = {**os.environ, **always}
    environment.pop("PYTHONPATH", None)
    command = [str(part) for part in command]
    if not quiet:
        done = subprocess.run(command, cwd=str(ROOT), env=environment)
    else:
        # A Python child would write in a code page of Windows, where we expect UTF-8.
        environment["PYTHONIOENCODING"] = "utf-8"
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(
            command, cwd=str(ROOT), env=environment, encoding="utf-8", errors="replace", **both
        )
        if done.returncode != 0:
            print(done.stdout, flush=True)
    if done.returncode != 0:
        raise SetupError(
            f"{why} did not work: the reason is above. Run the same command again when it is mended."
        )


def pip_install(folder, *arguments, why: str) -> None:
    """`pip install` into an environment's Folder."""
    run(folder.python, "-m", "pip", "install", *arguments, why=why)


def reachable(url: str, patience: float = PATIENCE) -> bool:
    """Whether a web address answers within `patience` seconds in all, name look-up included."""
    answer = []

    def ask() -> None:
        bundle = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
        try:
            context = ssl.create_default_context(cafile=bundle)
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=patience, context=context) as response:
                answer.append(response.status == 200)
        except Exception:  # whatever the reason, the ordinary index is there
            answer.append(False)

    # A thread, because no timeout covers a name server that does not answer; as a daemon it holds nothing up.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return bool(answer and answer[0])


def lines_of(lock: Path) -> list[str]:
    """The requirements of a lock file, a line each, without its comments."""
    lines = lock.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
