"""Where metalib keeps files on this computer, and how it writes them: whole or not at all.

| function | holds | environment variable | default |
|---|---|---|---|
| `cache_dir()` | files that can be rebuilt at any time | METALIB_CACHE | the user's cache folder |
| `progress_dir()` | the learner's progress | METALIB_PROGRESS | the user's data folder |
| `data_dir()` | data sets that are already here | METALIB_DATA | none |

The functions only name folders. `write_atomically` makes them when the first file is written, so a cache
that was filled beforehand (a class room, a container image) may be read-only.
"""

import getpass
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from metalib.i18n import _

try:
    import fcntl
except ImportError:  # Windows, where nobody can delete a file that another process has open
    fcntl = None  # type: ignore[assignment]

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.part")
"""The names of files that `write_atomically` has not finished."""


class CacheError(OSError):
    """A folder that metalib needs cannot be written; the message names it and the variable that moves it."""


def cache_dir() -> Path:
    """The folder of files that metalib can rebuild at any time (it may not exist yet)."""
    return _from_environment("METALIB_CACHE") or _user_folder("cache")


def progress_dir() -> Path:
    """The folder of the learner's progress (it may not exist yet)."""
    return _from_environment("METALIB_PROGRESS") or _user_folder("data")


def data_dir() -> Path | None:
    """The folder of data sets given by METALIB_DATA, or None where that is not set."""
    return _from_environment("METALIB_DATA")


def write_atomically(path: str | Path, content: bytes | Callable[[BinaryIO], object]) -> Path:
    """Write a file so that `path` is at every moment either the old file or the whole new one.

    `content` is the bytes, or a function that writes them to an open binary file. Missing folders are made.
    Whatever interrupts it (a full disk, Ctrl-C, an error in `content`), nothing half-written stays behind;
    what a process that was killed has left in the folder is cleared away by the next one that writes there.
    Returns the path. Raises CacheError, in one sentence with the remedy, where the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path.parent)
        unfinished, file = _neighbour(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # while it is still locked
                os.replace(unfinished, path)
        if fcntl is None:  # Windows renames no file that is open
            os.replace(unfinished, path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, CacheError):
            raise cannot_write(path, error) from error
        raise
    return path


def check_writable(*paths: str | Path) -> None:
    """Find out now whether `write_atomically` could write these files: before the long work, not after it.

    Makes missing folders and leaves no file.

    Raises:
        CacheError: one of them cannot be written, in one sentence.
    """
    for path in map(Path, paths):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(path)
            unfinished, file = _neighbour(path)
            with file:
                file.write(b"metalib")
            unfinished.unlink()
        except OSError as error:
            raise cannot_write(path, error) from error


def _neighbour(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside `path`, open for writing: on the same file system, so that the final rename is
    atomic, and with a name that no other process has. It is locked for as long as it is open."""
    while True:
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        file = open(unfinished, "xb")
        # Somebody who cleared the folder between our two lines took it for a dead one's.
        if not lock(file, wait=True) or os.fstat(file.fileno()).st_nlink:
            return unfinished, file
        file.close()


def _clear(folder: Path) -> None:
    """Delete the unfinished files of processes that are no more: those that nobody has locked."""
    for left in folder.iterdir():
        if UNFINISHED.fullmatch(left.name):
            with suppress(OSError):
                if fcntl is None:
                    left.unlink()
                    continue
                with open(left, "rb+") as file:
                    if lock(file):
                        left.unlink()


def lock(file: BinaryIO, wait: bool = False) -> bool | None:
    """Lock the open file for this process until it is closed; whoever is killed gives it back.

    False: another process has it. None: locks are not to be had, on Windows and on some file systems.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def cannot_write(path: Path, error: OSError) -> CacheError:
    """The sentence for a learner when writing `path` failed with `error`."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = _("a file is in its place")
    elif isinstance(error, IsADirectoryError):
        reason = _("a folder is in its place")
    else:
        reason = error.strerror or str(error)
    for folder, variable in ((cache_dir(), "METALIB_CACHE"), (progress_dir(), "METALIB_PROGRESS")):
        if path.is_relative_to(folder):
            return CacheError(
                _(
                    "The folder {folder} cannot be written ({reason}): make room or give permission, or set "
                    "the environment variable {variable} to a folder that you can write."
                ).format(folder=folder, reason=reason, variable=variable)
            )
    return CacheError(_("The file {path} cannot be written ({reason}).").format(path=path, reason=reason))


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return expanded(value).absolute() if value else None


def expanded(path: str | Path) -> Path:
    """The path with ``~`` replaced by the home folder; ``~name`` stays where there is no such user."""
    path = Path(path)
    if path.parts[:1] == ("~",):
        return _home().joinpath(*path.parts[1:])
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _home() -> Path:
    """The user's home. A container may run under a number that is no user's and without HOME: then a folder
    of that number's own among the temporary ones."""
    try:
        return Path.home()
    except RuntimeError:
        user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
        return Path(tempfile.gettempdir()) / f"metalib-{user}"


def _user_folder(kind: str) -> Path:
    """The platform's own place for one user's cache or data, as each platform's guidelines name it.

    Not by platformdirs: its data folder has another name on Windows and follows XDG variables on macOS, so a
    learner's progress would be left behind.
    """
    home = _home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        return base / "metalib" / kind.capitalize()
    if sys.platform == "darwin":
        return home / "Library" / {"cache": "Caches", "data": "Application Support"}[kind] / "metalib"
    defaults = {"cache": ("XDG_CACHE_HOME", ".cache"), "data": ("XDG_DATA_HOME", ".local/share")}
    variable, default = defaults[kind]
    base = os.environ.get(variable, "")
    # The XDG specification: a relative path is invalid and to be ignored.
    return (Path(base) if os.path.isabs(base) else home / default) / "metalib"
