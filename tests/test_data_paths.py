"""Files are written whole or not at all, where the platform and the environment say."""

import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from metalib import paths
from metalib.i18n import _, ngettext


def test_environment_names_the_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "p"))
    monkeypatch.setenv("METALIB_DATA", str(tmp_path / "d"))
    assert paths.cache_dir() == tmp_path / "c"
    assert paths.progress_dir() == tmp_path / "p"
    assert paths.data_dir() == tmp_path / "d"
    monkeypatch.setenv("METALIB_DATA", "  ")
    assert paths.data_dir() is None


@pytest.mark.parametrize(
    ("platform", "environment", "cache", "progress"),
    [
        ("linux", {}, ".cache/metalib", ".local/share/metalib"),
        ("linux", {"XDG_CACHE_HOME": "/x", "XDG_DATA_HOME": "/y"}, "/x/metalib", "/y/metalib"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, ".cache/metalib", ".local/share/metalib"),
        ("darwin", {}, "Library/Caches/metalib", "Library/Application Support/metalib"),
        ("win32", {}, "AppData/Local/metalib/Cache", "AppData/Local/metalib/Data"),
    ],
)
def test_defaults_of_each_platform(monkeypatch, tmp_path, platform, environment, cache, progress):
    for variable in ("METALIB_CACHE", "METALIB_PROGRESS", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert paths.cache_dir() == tmp_path / cache
    assert paths.progress_dir() == tmp_path / progress


def test_the_folders_are_only_named_not_made(monkeypatch, tmp_path):
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path / "c"))
    assert not paths.cache_dir().exists()


@given(content=st.binary(max_size=2000))
def test_what_is_written_is_read(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("w") / "new" / "folder" / "file"
    assert paths.write_atomically(path, content) == path
    assert path.read_bytes() == content
    paths.write_atomically(path, lambda file: file.write(content + b"!"))
    assert path.read_bytes() == content + b"!"
    assert [f.name for f in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted(file):
        file.write(b"half of the ne")
        file.flush()
        raise error

    with pytest.raises(error):
        paths.write_atomically(path, interrupted)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_nothing_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("METALIB_CACHE", str(tmp_path))

    def full(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(paths.CacheError, match="No space left on device.*METALIB_CACHE"):
        paths.write_atomically(tmp_path / "file", full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["METALIB_CACHE", "METALIB_PROGRESS"])
def test_a_folder_that_cannot_be_written_is_named_with_its_variable(monkeypatch, tmp_path, variable):
    # A file in the folder's place: not even the superuser can write below it.
    place = tmp_path / "place"
    place.write_bytes(b"")
    monkeypatch.setenv(variable, str(place))
    with pytest.raises(paths.CacheError) as caught:
        paths.write_atomically(place / "folder" / "file", b"content")
    message = str(caught.value)
    assert str(place) in message and variable in message and "a file is in its place" in message
    assert message.count(".") == message.count(". ") + message.count(str(place)) * str(place).count(".") + 1


def test_without_a_catalogue_texts_stay_as_they_are():
    assert _("{count} classes") == "{count} classes"
    assert ngettext("{n} class", "{n} classes", 1) == "{n} class"
    assert ngettext("{n} class", "{n} classes", 2) == "{n} classes"


# --- killed, unknown, homeless


def run(code, **environment):
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
    )


KILLED = """
import os, pathlib, signal, sys
from metalib import paths
def killed(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
paths.write_atomically(pathlib.Path(os.environ["WHERE"]) / "file", killed)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to kill with")
def test_what_a_killed_process_left_is_cleared_away_by_the_next(tmp_path):
    (tmp_path / ".mine.part").touch()
    for _time in range(2):
        assert run(KILLED, WHERE=str(tmp_path)).returncode == -9
    assert len(list(tmp_path.iterdir())) == 2, "the second one cleared the first one's away"
    paths.write_atomically(tmp_path / "other", b"whole")
    assert sorted(f.name for f in tmp_path.iterdir()) == [".mine.part", "other"]


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open cannot be deleted there anyway")
def test_what_another_one_is_writing_is_not_cleared_away(tmp_path):
    def meanwhile(file):
        paths.write_atomically(tmp_path / "other", b"1")
        file.write(b"2")

    assert paths.write_atomically(tmp_path / "file", meanwhile).read_bytes() == b"2"


def test_many_at_once_in_one_folder(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: paths.write_atomically(tmp_path / str(n % 5), b"%d" % n), range(200)))
    assert sorted(f.name for f in tmp_path.iterdir()) == list("01234")


def test_whether_a_file_could_be_written_is_known_beforehand(tmp_path):
    paths.check_writable(tmp_path / "new" / "file", tmp_path / "file")
    assert [f.name for f in tmp_path.rglob("*")] == ["new"]
    (tmp_path / "file").write_bytes(b"kept")
    paths.check_writable(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"kept"
    with pytest.raises(paths.CacheError, match="a file is in its place"):
        paths.check_writable(tmp_path / "file" / "below")
    with pytest.raises(paths.CacheError, match="a folder is in its place"):
        paths.check_writable(tmp_path / "new")


UNKNOWN = """
import pwd
pwd.getpwuid = lambda uid: {}[uid]
from metalib import doctor, paths
print(paths.cache_dir(), paths.progress_dir(), paths.expanded("~/x"), paths.expanded("~nobody-here/x"))
names = {check.name: (check.ok, check.detail) for check in doctor.checks()}
assert "the check broke" not in str(names), names
assert names["cache folder"][0] and names["progress folder"][0], names
from metalib.exercises import progress
progress.record("03/a", passed=True)
assert progress.entry("03/a") == {"passed": True} and progress.path().exists()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows always knows its user")
def test_without_a_home_and_a_user_there_is_still_a_place(tmp_path):
    gone = {"HOME": None, "METALIB_CACHE": None, "METALIB_PROGRESS": None, "XDG_CACHE_HOME": None}
    done = run(UNKNOWN, **gone, XDG_DATA_HOME=None, TMPDIR=str(tmp_path), USER=None, LOGNAME=None)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(tmp_path / "metalib-")) == 3 and "~nobody-here" in done.stdout
