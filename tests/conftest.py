"""What all tests share: folders of their own, one thread, a browser, a JupyterLab, and when to skip."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import desk  # noqa: E402

from metalib.threads import ONE_THREAD  # noqa: E402

# One thread, here and in every process that a test starts, as in a learner's kernel; set before torch is
# imported.
for variable, count in ONE_THREAD.items():
    os.environ.setdefault(variable, count)


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


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, as Playwright's Browser: `page = browser.new_page(viewport=...)`.

    One per module, not per session: while it is open, Playwright's event loop runs in this thread, and
    nothing else that needs one (nbclient, asyncio.run) can start.
    """
    executable = desk.find_browser()
    if executable is None:
        reason = "no Chromium or Chrome found; set CHROMIUM to its path"
        if os.environ.get("CI") == "true":
            pytest.fail(reason + " (CI=true: the browser tests must run)")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=desk.CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def jupyter_lab(tmp_path_factory):
    """JupyterLab on a free port of this machine, serving a copy of chapters/; see `desk.JupyterLab`."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "chapters"
    shutil.copytree(ROOT / "chapters", folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with desk.jupyter_lab(home, folder, [ROOT]) as lab:
        yield lab
