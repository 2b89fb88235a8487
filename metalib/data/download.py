"""Downloads that survive a broken connection: what has arrived is kept, the next try goes on from there.

Not everything that answers is the server: a hotel's or a university's log-in page comes in its place, often
with the status of a success. What cannot be the file by its length, its kind or its first bytes is never
written, so that it neither begins a download nor ends one.
"""

import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from tqdm.auto import tqdm

from metalib.i18n import _
from metalib.paths import CacheError, cannot_write, lock

CHUNK = 1 << 16
TRIES = 3
PATIENCE = 0.2  # seconds between two looks at a lock, so that Ctrl-C is heard


class DownloadError(OSError):
    """A download did not come to its end; the message says why and what to do."""


class _Stranger(Exception):
    """What answered is not the file; the message says by what one sees that."""


def download(
    url: str, path: Path, size: int, *, begins: bytes = b"", timeout: float = 10.0, progress: bool = True
) -> Path:
    """Fetch `url`, `size` bytes long, to `path`, and return `path`.

    The bytes gather in a neighbour file that ends in `.part`; it gets its name when it is complete.
    Whatever stops it (Ctrl-C, a lost connection), the next call asks the server for the rest only. A
    connection that breaks off is taken up again at once, `TRIES` times in a row without a new byte at most;
    a server that cannot be reached within `timeout` seconds is not asked again. Where another process is
    fetching the same file, this one waits and takes what the other got, or goes on from there.

    An answer of another length, a web page, and one that does not begin as the file does (`begins`) are
    refused, and what had arrived before stays. Whether the content is right is for the caller to check.
    Raises DownloadError, or CacheError where the folder cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part, path, size, progress) as ours:
            if ours:
                if begins and not _begins(part, begins):
                    part.write_bytes(b"")
                _gather(url, part, path.name, size, begins, timeout, progress)
                os.replace(part, path)
    except DownloadError:
        raise
    except OSError as error:
        raise error if isinstance(error, CacheError) else cannot_write(part, error) from error
    return path


def _gather(
    url: str, part: Path, name: str, size: int, begins: bytes, timeout: float, progress: bool
) -> None:
    """Fill `part` to `size` bytes, or raise DownloadError."""
    failures = 0
    with tqdm(
        total=size, desc=name, unit="B", unit_scale=True, unit_divisor=1024, disable=not progress
    ) as bar:
        while (have := part.stat().st_size) != size:
            if have > size:
                part.unlink()
                raise DownloadError(
                    _("{url} sent more than the {size} bytes expected, so it is not used.").format(
                        url=url, size=size
                    )
                )
            try:
                _receive(url, part, have, size, begins, timeout, bar)
                reason = _("the connection broke off")
            except _Stranger as error:
                if not have:
                    part.unlink(missing_ok=True)
                raise DownloadError(
                    _(
                        "What {url} sent is not the file ({reason}), so it is not used. Where a network asks "
                        "for a log-in first, open any page in a browser, log in, and run this again."
                    ).format(url=url, reason=error)
                ) from None
            except (OSError, http.client.HTTPException) as error:
                reason = _reason(error)
                refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
                cause = getattr(error, "reason", None)
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise DownloadError(_unverified(url, cause)) from error
                # No answer at all, as behind a firewall that drops packets: asking again only takes longer.
                silent = isinstance(cause, TimeoutError)
                if refused or silent:
                    failures = TRIES
            arrived = part.stat().st_size
            failures = 0 if arrived > have else failures + 1
            if failures >= TRIES:
                raise DownloadError(_not_reached(url, arrived, size, reason))
        bar.n = size


def _receive(url: str, part: Path, have: int, size: int, begins: bytes, timeout: float, bar: tqdm) -> None:
    """One request: append to `part` what arrives, one byte more than `size` at most."""
    headers = {"User-Agent": "metalib", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    asked = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(asked, timeout=timeout, context=_certificates()) as answer:
        # A server that does not know ranges answers 200 and begins again with the first byte; so do we.
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if not goes_on:
            have = 0
        _check_answer(answer, have, size)
        chunk = answer.read1(min(CHUNK, size + 1 - have))
        while not goes_on and chunk and len(chunk) < len(begins):
            more = answer.read1(CHUNK)
            if not more:
                break
            chunk += more
        if not goes_on and chunk and not chunk.startswith(begins):
            raise _Stranger(_("it begins otherwise"))
        bar.n = have
        bar.refresh()
        try:
            file = open(part, "ab" if goes_on else "wb")
        except OSError as error:
            raise cannot_write(part, error) from error
        with file:
            while chunk:
                file.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))
                chunk = answer.read1(min(CHUNK, size + 1 - have)) if have <= size else b""


def _check_answer(answer: http.client.HTTPResponse, have: int, size: int) -> None:
    """Raise _Stranger where the headers already tell that this is not the file, from byte `have` on."""
    kind = answer.headers.get_content_type()
    if answer.headers.get("Content-Type") and kind in ("text/html", "application/xhtml+xml"):
        raise _Stranger(_("it is a web page"))
    length = answer.headers.get("Content-Length", "")
    total = have + int(length) if length.isdecimal() else size
    if answer.status == 206 and (found := re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))):
        total = int(found[1])
    if total < size:
        raise _Stranger(_("it has {total} bytes instead of {size}").format(total=total, size=size))


def _begins(path: Path, begins: bytes) -> bool:
    """Whether the file agrees with the first bytes that are expected, as far as it goes."""
    with open(path, "rb") as file:
        found = file.read(len(begins))
    return found == begins[: len(found)]


@contextmanager
def _alone(part: Path, path: Path, size: int, say: bool) -> Iterator[bool]:
    """Have `part` for this process alone, waiting for whoever has it; False where `path` is complete."""
    while not (path.is_file() and path.stat().st_size == size):
        with open(part, "ab") as file:
            held = lock(file)
            if held and _is(file, part):  # while we waited it may have got its name, or have been deleted
                yield True
                return
        if held is None:  # no such locks: a lock file of its own serves, or none
            with FileLock(f"{part}.lock"):
                yield not path.exists()
            return
        if held is False:
            if say:
                say = False
                print(_("Another notebook is fetching {name}; waiting for it.").format(name=path.name))
            time.sleep(PATIENCE)
    yield False


def _is(file: BinaryIO, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return _("the server answers {code}").format(code=error.code)
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return _("no answer in time")
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _certificates() -> ssl.SSLContext:
    """What an `https` address is checked against: this system's certificates, and certifi's where that is
    installed, for the Python from python.org brings none to a Mac."""
    context = ssl.create_default_context()
    with suppress(ImportError, OSError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _unverified(url: str, error: ssl.SSLCertVerificationError) -> str:
    return _(
        "{url} is not trusted, for its certificate cannot be checked ({reason}). Run "
        "`python -m pip install certifi` and restart the kernel; where a network has certificates of its "
        "own, set the environment variable SSL_CERT_FILE to the file that has them."
    ).format(url=url, reason=error.verify_message)


def _not_reached(url: str, arrived: int, size: int, reason: str) -> str:
    if arrived:
        return _(
            "The download of {url} stopped after {arrived} of {size} bytes ({reason}); what has arrived is "
            "kept: run this again to go on from there."
        ).format(url=url, arrived=arrived, size=size, reason=reason)
    return _(
        "{url} cannot be reached ({reason}): is this computer online? Without a network, set the environment "
        "variable METALIB_DATA to a folder that holds the file, or use metalib.data.glyphs(), which needs "
        "none."
    ).format(url=url, reason=reason)
