"""What all tests share: folders of their own, one thread, a browser, a JupyterLab, and when to skip."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from metalib.threads import ONE_THREAD

ROOT = Path(__file__).resolve().parents[1]

# One thread, here and in every process that a test starts, as in a learner's kernel; set before torch is
# imported.
for variable, count in ONE_THREAD.items():
    os.environ.setdefault(variable, count)

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LAB_SECONDS = 90  # how long a busy machine may take to start JupyterLab


def pytest_configure(config):
    """A test never touches the developer's progress, nor a cache unless one is given by METALIB_CACHE."""
    own = Path(tempfile.mkdtemp(prefix="metalib-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(own, ignore_errors=True))
    if not os.environ.get("METALIB_CACHE"):
        os.environ["METALIB_CACHE"] = str(own / "cache")
    os.environ["METALIB_PROGRESS"] = str(own / "progress")
    # Some tests press Ctrl-C, which a shell that starts us in the background has switched off.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Tests compare learners' texts, in English; figures are drawn without a screen.
    os.environ["LANGUAGE"] = "en"
    os.environ.setdefault("MPLBACKEND", "agg")


def pytest_collection_modifyitems(items):
    if os.environ.get("METALIB_DATA"):
        return
    for item in items:
        if item.get_closest_marker("omniglot"):
            item.add_marker(pytest.mark.skip(reason="METALIB_DATA does not name a folder with Omniglot"))


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


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, as Playwright's Browser: `page = browser.new_page(viewport=...)`.

    One per module, not per session: while it is open, Playwright's event loop runs in this thread, and
    nothing else that needs one (nbclient, asyncio.run) can start.
    """
    executable = find_browser()
    if executable is None:
        reason = "no Chromium or Chrome found; set CHROMIUM to its path"
        if os.environ.get("CI") == "true":
            pytest.fail(reason + " (CI=true: the browser tests must run)")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@dataclass(frozen=True)
class JupyterLab:
    """A running JupyterLab whose files are a copy of chapters/."""

    base: str  # http://127.0.0.1:<port>
    token: str
    folder: Path  # what it serves: add files, look at what a learner saved
    log: Path

    @property
    def url(self) -> str:
        """The start page, token included."""
        return f"{self.base}/lab?token={self.token}"

    def notebook(self, name: str) -> str:
        """The address that opens one notebook, such as "03_maml.ipynb", in a fresh workspace."""
        return f"{self.base}/lab/tree/{name}?token={self.token}&reset"


@pytest.fixture(scope="session")
def jupyter_lab(tmp_path_factory):
    """JupyterLab on a free port of this machine, serving a copy of chapters/; see the class JupyterLab."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "chapters"
    ignored = shutil.ignore_patterns(".ipynb_checkpoints")
    shutil.copytree(ROOT / "chapters", folder, ignore=ignored)
    # Settings, workspaces, history: nothing of the developer's, nothing left behind. The kernel is found in
    # the environment of this Python (share/jupyter/kernels), which these variables do not hide.
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    page_config = home / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    announcements = "@jupyterlab/apputils-extension:announcements"
    page_config.write_text(json.dumps({"disabledExtensions": {announcements: True}}), "utf-8")

    token = "learning-to-learn"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"),
        *(f"--IdentityProvider.token={token}", "--LabApp.news_url="),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    lab = JupyterLab(f"http://127.0.0.1:{port}", token, folder, home / "log.txt")
    with open(lab.log, "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(server, lab)
        yield lab
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
    pytest.fail(f"JupyterLab did not start within {LAB_SECONDS} s:\n{said}")
