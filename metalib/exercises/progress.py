"""The learner's progress: one small JSON file on this computer. Nothing is sent anywhere.

The file is `progress.json` in `metalib.paths.progress_dir()`:

    {"version": 1,
     "entries": {"03/inner-step": {"attempted": true, "passed": true, "hints": 2, "solution": true},
                 "03/quiz": {"attempted": true, "right": {"0": true, "3": true}}}}

Facts are only ever added: a flag goes from false to true, a number grows. So two states can be merged in any
order, and two notebooks that are open at once do not lose each other's entries. Keys this version does not
know (a newer metalib wrote them) are kept as they are.

No trouble with the file ever stops a lesson: it costs one printed line, and progress is then kept in memory
until the kernel ends.
"""

import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from metalib.i18n import _
from metalib.paths import progress_dir, write_atomically

VERSION = 1

_in_memory: dict[str, dict] = {}  # what this kernel could not write
_notes_said: set[str] = set()


def path() -> Path:
    """Where the progress file is (it may not exist yet)."""
    return progress_dir() / "progress.json"


def load() -> dict[str, dict]:
    """All entries, `{id: {fact: value}}`: the file's and those not written. Never raises OSError."""
    try:
        entries = _read()["entries"]
    except OSError as error:
        _say_once(_("Saved progress cannot be read. {reason}").format(reason=error))
        entries = {}
    return merge(entries, _in_memory)


def entry(id: str) -> dict:
    """The facts known about one exercise or quiz; an empty dict when there are none."""
    found = load().get(id)
    return found if isinstance(found, dict) else {}


def record(id: str, **facts) -> None:
    """Add facts about one exercise or quiz: `record("03/inner-step", passed=True)`. Never raises OSError."""
    if merge(entry(id), facts) == entry(id):
        return  # nothing new, nothing to write
    try:
        with _lock():
            document = _read()  # again, inside the lock: another notebook may have written since
            document["entries"] = merge(merge(document["entries"], _in_memory), {id: facts})
            _write(document)
            _in_memory.clear()
    except OSError as error:
        _in_memory.update(merge(_in_memory, {id: facts}))
        _say_once(
            _("Progress is not saved; it is kept until this notebook closes. {reason}").format(reason=error)
        )


def reset() -> None:
    """Forget all progress. The old file stays beside the new one as `progress.json.bak`."""
    _in_memory.clear()
    try:
        if path().exists():
            os.replace(path(), _backup())
    except OSError as error:
        _say_once(_("The progress file could not be set aside. {reason}").format(reason=error))


def merge(old: dict, new: dict) -> dict:
    """`old` with `new` added, key by key: dictionaries are merged, a flag or number never goes back.

    >>> merge({"a": {"hints": 2}}, {"a": {"hints": 1, "passed": True}})
    {'a': {'hints': 2, 'passed': True}}
    """
    merged = dict(old)
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = merge(before, value)
        elif isinstance(before, bool | int | float) and isinstance(value, bool | int | float):
            merged[key] = max(before, value)
        else:
            merged[key] = value
    return merged


def _read() -> dict:
    """The file's content; may raise OSError. A file that is no progress file is set aside."""
    empty = {"version": VERSION, "entries": {}}
    try:
        document = json.loads(path().read_text(encoding="utf-8"))
        if not isinstance(document, dict) or not isinstance(document.get("entries", {}), dict):
            raise ValueError("not a progress file")
        return {**empty, **document}
    except FileNotFoundError:
        return empty
    except ValueError:  # not JSON, not UTF-8, or not ours
        os.replace(path(), _backup())
        _say_once(
            _("The progress file was damaged; it is set aside as {backup} and a new one begins.").format(
                backup=_backup()
            )
        )
        return empty


def _write(document: dict) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True)
    write_atomically(path(), text.encode("utf-8"))


def _backup() -> Path:
    return path().with_name(path().name + ".bak")


@contextmanager
def _lock(patience: float = 2.0):
    """Hold the lock while reading and writing. Whoever waits longer than `patience` seconds, or has a file
    system without locks, goes on without: losing one entry is better than stopping a lesson."""
    place = path().with_name(path().name + ".lock")
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place, timeout=patience)
    with suppress(Timeout, NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _say_once(note: str) -> None:
    if note not in _notes_said:
        _notes_said.add(note)
        print(note)
