"""Where metalib keeps files on this computer, and how it writes them: whole or not at all.

| function | holds | environment variable | default |
|---|---|---|---|
| `cache_dir()` | files that can be rebuilt at any time | METALIB_CACHE | the user's cache folder |
| `progress_dir()` | the learner's progress | METALIB_PROGRESS | the user's data folder |
| `data_dir()` | data sets that are already here | METALIB_DATA | none |

The functions only name folders. `write_atomically` makes them when the first file is written, so a cache
that was filled beforehand (a class room, a container image) may be read-only.
"""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from metalib.i18n import _


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
    Whatever interrupts it (a full disk, Ctrl-C, an error in `content`), nothing half-written stays behind.
    Returns the path. Raises CacheError, in one sentence with the remedy, where the folder cannot be written.
    """
    path = Path(path)
    # A neighbour is on the same file system, so the final rename is atomic; no other process has its name.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(unfinished, "xb")
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
        os.replace(unfinished, path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, CacheError):
            raise cannot_write(path, error) from error
        raise
    return path


def cannot_write(path: Path, error: OSError) -> CacheError:
    """The sentence for a learner when writing `path` failed with `error`."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = _("a file is in its place")
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
    return Path(value).expanduser().absolute() if value else None


def _user_folder(kind: str) -> Path:
    """The platform's own place for one user's cache or data, as each platform's guidelines name it.

    Not by platformdirs: its data folder has another name on Windows and follows XDG variables on macOS, so a
    learner's progress would be left behind.
    """
    home = Path.home()
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
