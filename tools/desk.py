"""A learner's desk, for tests and benchmarks: a JupyterLab of their own, a folder as a site, a browser."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SETTINGS = Path(__file__).resolve().parents[1] / "metalib" / "settings" / "metalib.json"
LAB_SECONDS = 90  # how long a busy machine may take to start JupyterLab


def find_browser() -> str | None:
    """The first Chromium or Chrome: CHROMIUM, then the path, then where macOS and Windows put it."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "chrome"]
    for name in filter(None, names):
        if found := shutil.which(name):
            return found
    places = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ]
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if folder := os.environ.get(variable):
            places.append(str(Path(folder, "Google", "Chrome", "Application", "chrome.exe")))
    return next((place for place in places if Path(place).is_file()), None)


@contextmanager
def website(folder: Path) -> Iterator[str]:
    """The address at which this folder is served, on a free port of this machine; no slash at its end."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class JupyterLab:
    """A running JupyterLab and the folder that it serves."""

    base: str  # http://127.0.0.1:<port>, and its base address where it has one
    token: str
    folder: Path  # what it serves: add files, look at what a learner saved
    log: Path

    @property
    def port(self) -> int | None:
        """At which port of this machine."""
        return urlsplit(self.base).port

    @property
    def url(self) -> str:
        """The start page, token included."""
        return f"{self.base}/lab?token={self.token}"

    def notebook(self, name: str) -> str:
        """The address that opens one notebook, such as "03_maml.ipynb", in a fresh workspace."""
        return f"{self.base}/lab/tree/{name}?token={self.token}&reset"


@contextmanager
def jupyter_lab(home: Path, folder: Path, paths: list[Path], **environment: str) -> Iterator[JupyterLab]:
    """A JupyterLab on a free port of this machine that serves `folder`.

    Settings, workspaces and history lie in `home`: nothing of the developer's is used, nothing left behind.
    `paths` come first on its kernels' path, `environment` into their environment. Raises RuntimeError, with
    the end of its log, where it does not start.
    """
    paths_of_kernels = filter(None, [*map(str, paths), os.environ.get("PYTHONPATH")])
    environment = {
        **os.environ,
        **kept_in(home),
        "PYTHONPATH": os.pathsep.join(paths_of_kernels),
        **environment,
    }
    # What metalib asks of JupyterLab comes with its installation; here that of this tree.
    asked = home / "config" / "labconfig" / "default_setting_overrides.json"
    asked.parent.mkdir(parents=True)
    shutil.copyfile(SETTINGS, asked)

    lab = JupyterLab(free_address(), "learning-to-learn", folder, home / "log.txt")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={lab.port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={lab.token}"),
    ]
    with served(command, lab, environment):
        yield lab


def kept_in(home: Path) -> dict[str, str]:
    """Where a Jupyter server keeps its files if it has this in its environment: in `home`, all of them.

    It still finds the kernel in the environment of its own Python (share/jupyter/kernels).
    """
    return {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }


def free_address() -> str:
    """An address of this machine, http://127.0.0.1:<port>, at which nothing is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def served(command: list, lab: JupyterLab, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A context in which `command` serves what `lab` says; any Jupyter server will do.

    Raises RuntimeError, with the end of its log, where it does not start.
    """
    with open(lab.log, "wb") as log:
        server = subprocess.Popen(command, cwd=lab.folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(server, lab)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()
        server.wait()


def _wait_for(server: subprocess.Popen, lab: JupyterLab) -> None:
    status = f"{lab.base}/api/status?token={lab.token}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy to this very machine
    end = time.monotonic() + LAB_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(status, timeout=5):
            return
        time.sleep(0.2)
    said = lab.log.read_text("utf-8", "replace")[-3000:]
    raise RuntimeError(f"JupyterLab did not start within {LAB_SECONDS} s:\n{said}")
