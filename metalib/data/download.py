"""Downloads that survive a broken connection: what has arrived is kept, the next try goes on from there."""

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from tqdm.auto import tqdm

from metalib.i18n import _
from metalib.paths import cannot_write

CHUNK = 1 << 16
TRIES = 3


class DownloadError(OSError):
    """A download did not come to its end; the message says why and what to do."""


def download(url: str, path: Path, size: int, *, timeout: float = 10.0, progress: bool = True) -> Path:
    """Fetch `url`, `size` bytes long, to `path`, and return `path`.

    The bytes gather in a neighbour file that ends in `.part`; it gets its name when it is complete.
    Whatever stops it (Ctrl-C, a lost connection), the next call asks the server for the rest only. A
    connection that breaks off is taken up again at once, `TRIES` times in a row without a new byte at most;
    a server that cannot be reached within `timeout` seconds is not asked again.
    Whether the content is right is for the caller to check. Raises DownloadError, or CacheError where the
    folder cannot be written.
    """
    part = path.with_name(path.name + ".part")
    failures = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as error:
        raise cannot_write(part, error) from error
    with tqdm(
        total=size, desc=path.name, unit="B", unit_scale=True, unit_divisor=1024, disable=not progress
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
                _receive(url, part, have, size, timeout, bar)
                reason = _("the connection broke off")
            except (OSError, http.client.HTTPException) as error:
                reason = _reason(error)
                refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
                # No answer at all, as behind a firewall that drops packets: asking again only takes longer.
                silent = isinstance(getattr(error, "reason", None), TimeoutError)
                if refused or silent:
                    failures = TRIES
            arrived = part.stat().st_size
            failures = 0 if arrived > have else failures + 1
            if failures >= TRIES:
                raise DownloadError(_not_reached(url, arrived, size, reason))
        bar.n = size
    try:
        os.replace(part, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def _receive(url: str, part: Path, have: int, size: int, timeout: float, bar: tqdm) -> None:
    """One request: append to `part` what arrives, one byte more than `size` at most."""
    headers = {"User-Agent": "metalib", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
        # A server that does not know ranges answers 200 and begins again with the first byte; so do we.
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if not goes_on:
            have = 0
        bar.n = have
        bar.refresh()
        try:
            file = open(part, "ab" if goes_on else "wb")
        except OSError as error:
            raise cannot_write(part, error) from error
        with file:
            while have <= size and (chunk := answer.read1(min(CHUNK, size + 1 - have))):
                file.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return _("the server answers {code}").format(code=error.code)
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return _("no answer in time")
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


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
