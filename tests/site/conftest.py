"""The built site (`make site`), served from a folder of a host as any static host may have it."""

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
sys.path.insert(0, str(ROOT / "tools" / "site"))
sys.path.insert(0, str(Path(__file__).parent))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words):
        pass


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the site."""
    if not (SITE / "index.html").exists():
        pytest.fail("There is no site in build/site: `make visit` builds it first.")
    return SITE


@pytest.fixture(scope="session")
def address(site, tmp_path_factory):
    """Where a plain static server has the site, two folders below its top."""
    top = tmp_path_factory.mktemp("host")
    (top / "~teacher").mkdir()
    (top / "~teacher" / "course").symlink_to(site, target_is_directory=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(top)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/~teacher/course/"
    server.shutdown()
    server.server_close()
    thread.join()
