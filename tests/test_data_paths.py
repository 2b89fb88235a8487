"""Files are written whole or not at all, where the platform and the environment say."""

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
