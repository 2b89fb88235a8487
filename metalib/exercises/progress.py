"""The learner's progress: one small JSON file on this computer. Nothing is sent anywhere.

The file is `progress.json` in `metalib.paths.progress_dir()`:

    {"version": 1,
     "entries": {"03/inner-step": {"attempted": true, "passed": true, "hints": 2, "solution": true},
                 "03/quiz": {"attempted": true, "right": {"0": true, "3": true}}}}

Facts are only ever added: a flag goes from false to true, a number grows. So two states can be merged in any
order, and two notebooks that are open at once do not lose each other's entries. Keys this version does not
know (a newer metalib wrote them) are kept as they are.

No trouble with the file ever stops a lesson: it costs one printed line, and progress is then kept in memory
until the kernel ends. Of a damaged file every entry that is whole is taken over into a new one.
"""

import json
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from metalib.i18n import _
from metalib.paths import progress_dir, write_atomically

FILE = "progress.json"
VERSION = 1
DEEPEST = 20  # of the values in an entry; our own go down to 2
MOST = 1e15  # of a number in an entry

_in_memory: dict[str, dict] = {}  # what this kernel could not write
_notes_said: set[str] = set()


def path() -> Path:
    """Where the progress file is (it may not exist yet)."""
    return progress_dir() / FILE


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
    if merge(entry(id), facts) != entry(id):  # or there is nothing new, nothing to write
        _keep({id: facts})


def add(entries: dict[str, dict]) -> int:
    """Add what another file knows: facts that only it has, and where both have one the further; of texts
    those that are here stay. Returns how many entries gained something. Never raises OSError."""
    here = load()
    both = merge(entries, here)
    gained = {id: facts for id, facts in both.items() if facts != here.get(id)}
    if gained:
        _keep(gained)
    return len(gained)


def export() -> bytes:
    """All entries as the file that `entries_in` reads."""
    return _as_bytes({"version": VERSION, "entries": load()})


def entries_in(content: bytes) -> dict[str, dict]:
    """The entries of a progress file that comes from elsewhere.

    Raises:
        ValueError: it is no progress file, or holds what no progress can; the message goes on from a name.
    """
    try:
        document = json.loads(content.decode(json.detect_encoding(content)))
        entries = document["entries"]
        found = {id: facts for id, facts in entries.items() if _ID.fullmatch(id) and isinstance(facts, dict)}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise ValueError(_("it is no progress file, or not a whole one")) from None
    if not all(_shallow(facts) and _plausible(facts) for facts in found.values()):
        raise ValueError(_("it holds values that no progress has"))
    return found


def _keep(entries: dict[str, dict]) -> None:
    try:
        with _lock():
            document = _read()  # again, inside the lock: another notebook may have written since
            document["entries"] = merge(merge(document["entries"], _in_memory), entries)
            _write(document)
            _in_memory.clear()
    except OSError as error:
        _in_memory.update(merge(_in_memory, entries))
        _say_once(
            _("Progress is not saved; it is kept until this notebook closes. {reason}").format(reason=error)
        )


def reset() -> None:
    """Forget all progress. The old file stays beside the new one as `progress.json.bak` (or `.bak2`, ...)."""
    _in_memory.clear()
    try:
        if path().exists():
            _set_aside()
    except OSError as error:
        _say_once(_("The progress file could not be set aside. {reason}").format(reason=error))


def number(facts: dict, name: str) -> int:
    """A fact that counts something, 0 where it is missing or is no number."""
    value = facts.get(name, 0)
    return int(value) if _plausible(value) and isinstance(value, int | float) else 0


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
    empty: dict = {"version": VERSION, "entries": {}}
    try:
        text = _text()
    except FileNotFoundError:
        return empty
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or not isinstance(document.get("entries", {}), dict):
            raise ValueError("not a progress file")
        document = {**empty, **document}
        if not all(_shallow(value) for value in document.values()):
            raise ValueError("too deep")
        return document
    except (ValueError, RecursionError):  # not JSON, not ours, or nested beyond measure
        backup = _set_aside()
        kept = _whole_entries(text)
        _say_once(
            _(
                "The progress file was damaged; it is set aside as {backup} and a new one begins with the "
                "{count} entries that are whole."
            ).format(backup=backup, count=len(kept))
            if kept
            else _("The progress file was damaged; it is set aside as {backup} and a new one begins.").format(
                backup=backup
            )
        )
        document = {**empty, "entries": kept}
        if kept:
            _write(document)
        return document


def _text() -> str:
    """The file as text, whatever mark an editor has put before it; what is no text at all becomes signs that
    no JSON has."""
    try:
        return path().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        content = path().read_bytes()
        return content.decode(json.detect_encoding(content), "replace")


def _shallow(value, depth: int = DEEPEST) -> bool:
    """Whether values lie at most so deep in one another."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_shallow(part, depth - 1) for part in inner)
    return True


def _plausible(value) -> bool:
    """Whether all numbers in a value are finite and of a size that somebody may have meant."""
    if isinstance(value, dict | list):
        return all(map(_plausible, value.values() if isinstance(value, dict) else value))
    return abs(value) < MOST if isinstance(value, int | float) else True  # NaN is never less


def _whole_entries(text: str) -> dict[str, dict]:
    """The entries of a damaged file that can still be read, `"chapter/name": {facts}`, wherever they are."""
    found: dict[str, dict] = {}
    reader = json.JSONDecoder()
    for match in _ENTRY.finditer(text):
        try:
            facts, _end = reader.raw_decode(text, match.end() - 1)
        except (ValueError, RecursionError):
            continue
        if _shallow(facts):
            found = merge(found, {match[1]: facts})
    return found


_ID = re.compile(r"\d\d/[\w-]+")
_ENTRY = re.compile(rf'"({_ID.pattern})"\s*:\s*\{{')


def _write(document: dict) -> None:
    write_atomically(path(), _as_bytes(document))


def _as_bytes(document: dict) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode("utf-8")


def _set_aside() -> Path:
    """Give the file another name, one that no earlier copy has, and return it."""
    backup = path().with_name(path().name + ".bak")
    number = 1
    while backup.exists():
        number += 1
        backup = path().with_name(f"{path().name}.bak{number}")
    os.replace(path(), backup)
    return backup


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
