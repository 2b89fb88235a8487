"""Downloads from a server on this machine: one that cuts off, one without ranges, one that is not there."""

import concurrent.futures
import contextlib
import http.server
import os
import ssl
import subprocess
import sys
import threading
import types
import urllib.error
from pathlib import Path

import pytest

from metalib.data import download as module
from metalib.data.download import DownloadError, download
from metalib.paths import CacheError

# For 127.0.0.1, and a key that guards nothing: made for these tests.
CERTIFICATE = Path(__file__).with_name("certificate.pem")
CONTENT = bytes(range(256)) * 2000


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; `cut`: how many bytes each answer sends before the line goes dead (None: all)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.ranges, self.status, self.asked = CONTENT, [], True, None, []
        self.url = f"http://127.0.0.1:{self.server_port}/file.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        start = 0
        if server.status:
            self.send_error(server.status)
            return
        if asked and server.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            size = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            self.send_response(200)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = server.cut.pop(0) if server.cut else None
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[:cut])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(server, path, **options):
    return download(server.url, path, len(CONTENT), progress=False, timeout=5, **options)


def test_a_download_arrives_whole(server, tmp_path):
    path = fetch(server, tmp_path / "new" / "file.zip")
    assert path.read_bytes() == CONTENT
    assert [f.name for f in path.parent.iterdir()] == ["file.zip"]


def test_a_line_that_breaks_is_taken_up_again(server, tmp_path):
    server.cut = [100_000, 70_000]
    assert fetch(server, tmp_path / "file.zip").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=170000-"]


def test_a_server_without_ranges_begins_again(server, tmp_path):
    server.cut, server.ranges = [100_000], False
    assert fetch(server, tmp_path / "file.zip").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_a_line_that_stays_dead_keeps_what_arrived(server, tmp_path):
    server.cut = [100_000] + [0] * module.TRIES
    path = tmp_path / "file.zip"
    with pytest.raises(DownloadError, match="stopped after 100000 of 512000 bytes .* kept: run this again"):
        fetch(server, path)
    assert not path.exists()
    assert (tmp_path / "file.zip.part").read_bytes() == CONTENT[:100_000]
    assert fetch(server, path).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100000-"
    assert [f.name for f in tmp_path.iterdir()] == ["file.zip"]


def test_ctrl_c_in_the_middle_keeps_what_arrived(server, tmp_path, monkeypatch):
    class Impatient(module.tqdm):
        def update(self, n=1):
            super().update(n)
            if self.n > 200_000:
                raise KeyboardInterrupt

    path = tmp_path / "file.zip"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "tqdm", Impatient)
        download(server.url, path, len(CONTENT), timeout=5)
    assert not path.exists()
    kept = (tmp_path / "file.zip.part").read_bytes()
    assert 200_000 < len(kept) < len(CONTENT) and CONTENT.startswith(kept)
    assert fetch(server, path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={len(kept)}-"]


def test_a_part_that_was_complete_needs_no_server(tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    path = download("http://127.0.0.1:9/file.zip", tmp_path / "file.zip", len(CONTENT), progress=False)
    assert path.read_bytes() == CONTENT


def test_more_than_expected_is_refused(server, tmp_path):
    server.content = CONTENT + b"!" * 200_000
    with pytest.raises(DownloadError, match="more than the 512000 bytes expected"):
        fetch(server, tmp_path / "file.zip")
    assert list(tmp_path.iterdir()) == []


def test_offline(server, tmp_path, monkeypatch):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match="is this computer online.*METALIB_DATA.*glyphs") as caught:
        fetch(server, tmp_path / "file.zip")
    assert server.url in str(caught.value)
    assert not (tmp_path / "file.zip").exists()


def test_a_server_that_does_not_answer_is_asked_once(tmp_path, monkeypatch):
    asked = []

    def silent(request, timeout, context):
        asked.append(timeout)
        raise urllib.error.URLError(TimeoutError("timed out"))

    monkeypatch.setattr(module.urllib.request, "urlopen", silent)
    with pytest.raises(DownloadError, match="no answer in time"):
        download("http://192.0.2.1/file.zip", tmp_path / "file.zip", 9)
    assert asked == [10.0]


@pytest.fixture
def sealed(server, monkeypatch):
    """The server behind https, with a certificate that no system knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return server


@pytest.mark.parametrize("installed", [True, False], ids=["certifi knows others", "no certifi"])
def test_a_certificate_that_nobody_knows_is_said_in_one_sentence(sealed, tmp_path, monkeypatch, installed):
    """As with the Python from python.org on a Mac, which brings no certificates: asked once, nothing kept."""
    if not installed:
        monkeypatch.setitem(sys.modules, "certifi", None)
    said = r"not trusted, .* \(self.signed certificate\). Run `python -m pip install certifi`.*SSL_CERT_FILE"
    with pytest.raises(DownloadError, match=said) as caught:
        fetch(sealed, tmp_path / "file.zip")
    assert sealed.url in str(caught.value) and sealed.asked == []
    assert not (tmp_path / "file.zip").exists()


def test_certifis_certificates_count_beside_the_systems(sealed, tmp_path, monkeypatch):
    certifi = types.ModuleType("certifi")
    certifi.where = lambda: str(CERTIFICATE)
    monkeypatch.setitem(sys.modules, "certifi", certifi)
    assert fetch(sealed, tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_networks_own_certificates_count(sealed, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert fetch(sealed, tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_missing_file_is_not_asked_for_again(server, tmp_path):
    server.status = 404
    with pytest.raises(DownloadError, match="the server answers 404"):
        fetch(server, tmp_path / "file.zip")
    assert len(server.asked) == 1


def test_a_folder_that_cannot_be_written(server, tmp_path, monkeypatch):
    place = tmp_path / "cache"
    place.write_bytes(b"")
    monkeypatch.setenv("METALIB_CACHE", str(place))
    with pytest.raises(CacheError, match="METALIB_CACHE"):
        fetch(server, place / "downloads" / "file.zip")
    assert server.asked == []


def test_progress_is_shown_from_where_it_stands(server, tmp_path, capsys):
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:256_000])
    download(server.url, tmp_path / "file.zip", len(CONTENT), timeout=5)
    shown = capsys.readouterr().err
    assert "file.zip" in shown and "50%" in shown and "100%" in shown


# --- what answers is not always the server, and nobody is alone


def answering(server, monkeypatch, body, *headers, status=200):
    """Whatever is asked, the server gives this: a log-in page, say."""

    def do_GET(handler):
        server.asked.append(handler.headers.get("Range"))
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    monkeypatch.setattr(Handler, "do_GET", do_GET)


PAGE = b"<!DOCTYPE html><title>Please log in</title>" * 20
HTML, LENGTH = ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))


@pytest.mark.parametrize("arrived", [0, 100, 100_000])
@pytest.mark.parametrize(
    "headers, options",
    [([HTML, LENGTH], {}), ([HTML], {}), ([LENGTH], {}), ([], {"begins": CONTENT[:4]})],
    ids=["as pages are", "no length", "no kind", "neither"],
)
def test_a_log_in_page_is_not_the_file(server, tmp_path, monkeypatch, headers, options, arrived):
    path, part = tmp_path / "file.zip", tmp_path / "file.zip.part"
    if arrived:
        part.write_bytes(CONTENT[:arrived])
    with monkeypatch.context() as patch:
        answering(server, patch, PAGE, *headers)
        with pytest.raises(DownloadError, match="is not the file .*log in, and run this again"):
            fetch(server, path, **options)
        assert len(server.asked) == 1
    assert not path.exists() and (part.read_bytes() if arrived else b"") == CONTENT[:arrived]
    assert part.exists() == bool(arrived)
    assert fetch(server, path, **options).read_bytes() == CONTENT


def test_a_part_that_begins_otherwise_is_not_gone_on_from(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(PAGE)
    assert fetch(server, tmp_path / "file.zip", begins=CONTENT[:4]).read_bytes() == CONTENT
    assert server.asked == [None]


def test_another_file_behind_the_address_is_refused(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    server.content = CONTENT[:5000]
    with pytest.raises(DownloadError, match="5000 bytes instead of 512000"):
        fetch(server, tmp_path / "file.zip")
    assert (tmp_path / "file.zip.part").read_bytes() == CONTENT[:1000]


def test_several_at_once_fetch_it_once(server, tmp_path):
    server.cut = [100_000, 200_000]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _n: fetch(server, tmp_path / "file.zip"), range(4)))
    assert [path.read_bytes() for path in paths] == [CONTENT] * 4
    assert server.asked == [None, "bytes=100000-", "bytes=300000-"], "each byte came once"
    assert [f.name for f in tmp_path.iterdir()] == ["file.zip"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_one_that_is_killed_gives_way_to_the_next(server, tmp_path):
    server.cut = [100_000]
    code = (
        "import sys, pathlib; from metalib.data import download as d; import time\n"
        "d._check_answer = lambda *a: None\n"
        "plain = d._receive\n"
        "def slow(*a):\n    plain(*a); print('begun', flush=True); time.sleep(60)\n"
        "d._receive = slow\n"
        f"path = pathlib.Path({str(tmp_path / 'file.zip')!r})\n"
        f"d.download({server.url!r}, path, {len(CONTENT)}, progress=False)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    assert first.stdout.readline() == b"begun\n"
    waiting = threading.Thread(target=fetch, args=(server, tmp_path / "file.zip"))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive(), "the other one is still at it"
    first.kill()
    first.wait()
    waiting.join(20)
    assert (tmp_path / "file.zip").read_bytes() == CONTENT and server.asked == [None, "bytes=100000-"]
