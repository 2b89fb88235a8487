"""Progress is a local file that never gets into a lesson's way, and the board shows it."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_exercises
from filelock import FileLock

from metalib import exercises
from metalib.exercises import progress


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setattr(progress, "_in_memory", {})
    monkeypatch.setattr(progress, "_notes_said", set())
    return tmp_path / "progress"


def test_facts_are_added_and_never_go_back(folder):
    assert progress.load() == {}
    assert not folder.exists(), "looking must not create anything"
    progress.record("03/a", attempted=True, hints=2)
    progress.record("03/a", hints=1, passed=True)
    progress.record("03/quiz", right={"0": True})
    progress.record("03/quiz", right={"2": True})
    assert progress.entry("03/a") == {"attempted": True, "hints": 2, "passed": True}
    assert progress.entry("03/quiz") == {"right": {"0": True, "2": True}}
    # Systems differ in whether a lock that nobody holds stays there as an empty file.
    assert {file.name for file in folder.iterdir()} - {"progress.json.lock"} == {"progress.json"}


@pytest.mark.slow
def test_two_kernels_at_once_lose_nothing(folder):
    code = (
        "import sys; from metalib.exercises import progress\n"
        "for n in range(40): progress.record(f'{sys.argv[1]}/{n}', passed=True)"
    )
    root = str(Path(__file__).resolve().parents[1])
    env = {**os.environ, "PYTHONPATH": root}
    kernels = [subprocess.Popen([sys.executable, "-c", code, name], env=env) for name in ("00", "03")]
    assert [kernel.wait(120) for kernel in kernels] == [0, 0]
    assert set(progress.load()) == {f"{name}/{n}" for name in ("00", "03") for n in range(40)}


def test_what_a_newer_version_wrote_is_kept(folder):
    folder.mkdir()
    newer = {"version": 7, "mood": "good", "entries": {"03/a": {"passed": True, "stars": 5}, "03/b": [1]}}
    progress.path().write_text(json.dumps(newer))
    progress.record("03/a", hints=1)
    written = json.loads(progress.path().read_text())
    assert written["version"] == 7 and written["mood"] == "good"
    assert written["entries"] == {"03/a": {"passed": True, "stars": 5, "hints": 1}, "03/b": [1]}
    assert progress.entry("03/b") == {}


@pytest.mark.parametrize("damage", ["", '{"entries": {"03/a', "[1, 2]", '{"entries": 3}', "\ud800"])
def test_a_damaged_file_is_set_aside_and_said(folder, damage, capsys):
    folder.mkdir()
    raw = damage.encode("utf-8", "surrogatepass")
    progress.path().write_bytes(raw)
    progress.record("03/a", passed=True)
    assert "was damaged; it is set aside" in capsys.readouterr().out
    assert (folder / "progress.json.bak").read_bytes() == raw
    assert progress.load() == {"03/a": {"passed": True}}


def test_a_folder_that_cannot_be_written_costs_one_line_and_memory_serves(folder, capsys):
    folder.write_text("a file where the folder should be")
    progress.record("03/a", passed=True)
    progress.record("03/b", passed=True)
    said = capsys.readouterr().out
    assert said.count("Progress is not saved") == 1
    assert set(progress.load()) == {"03/a", "03/b"}
    folder.unlink()
    progress.record("03/c", passed=True)  # what waited in memory is written as soon as that is possible
    assert set(json.loads(progress.path().read_text())["entries"]) == {"03/a", "03/b", "03/c"}


def test_a_file_that_cannot_be_read_is_not_overwritten(folder, monkeypatch, capsys):
    progress.record("03/a", passed=True)
    before = progress.path().read_bytes()

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", refuse)
        progress.record("03/b", passed=True)
        assert progress.load() == {"03/b": {"passed": True}}
    assert progress.path().read_bytes() == before
    assert set(progress.load()) == {"03/a", "03/b"}


def test_a_lock_left_by_a_crash_costs_nothing(folder):
    folder.mkdir()
    (folder / "progress.json.lock").touch()
    with progress._lock(patience=0.0):
        pass
    progress.record("03/a", passed=True)
    assert progress.load() == {"03/a": {"passed": True}}


def test_a_lock_is_waited_for_but_not_for_ever(folder):
    folder.mkdir()
    with FileLock(folder / "progress.json.lock"):
        began = time.monotonic()
        with progress._lock(patience=0.3):
            assert 0.25 < time.monotonic() - began < 2


def test_a_file_system_without_locks_stops_no_lesson(folder, monkeypatch):
    def refuse(*arguments, **options):
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "acquire", refuse)
    progress.record("03/a", passed=True)
    assert progress.load() == {"03/a": {"passed": True}}


def test_reset_forgets_and_keeps_a_copy(folder):
    exercises.reset()
    progress.record("03/a", passed=True)
    exercises.reset()
    assert progress.load() == {}
    assert "03/a" in (folder / "progress.json.bak").read_text()


# The board


@pytest.fixture
def toy_chapter(monkeypatch):
    monkeypatch.setattr(exercises.course, "chapters", lambda: {"97": toy_exercises.CHAPTER})


def test_board_says_each_state_in_words(toy_chapter):
    def states():
        return [(line.sign, line.state) for line in exercises.board().lines]

    assert states() == [("○", "not attempted yet")] * 3
    progress.record("97/inner-step", attempted=True, hints=1)
    progress.record("97/largest-alpha", solution=True)
    progress.record("97/quiz", attempted=True)
    assert states() == [
        ("◐", "begun (1 hint)"),
        ("◐", "solution seen, not passed yet"),
        ("◐", "0 of 4 answered right"),
    ]
    progress.record("97/inner-step", passed=True, hints=2)
    progress.record("97/largest-alpha", passed=True)
    progress.record("97/quiz", right=dict.fromkeys(["whose-loss", "two", "rest", "loop"], True))
    assert states() == [
        ("✓", "passed (2 hints)"),
        ("✓", "passed after seeing the solution"),
        ("✓", "4 of 4 answered right"),
    ]


def test_board_is_a_row_a_chapter_that_opens(toy_chapter):
    assert repr(exercises.board()).startswith(
        "97 A toy chapter  ○○○  0 of 3 done, 0 of 3 predictions made\n\n"
    )
    progress.record("97/inner-step", passed=True)
    progress.record("97/lands", first={"guess": "a", "verdict": "wrong"})
    text, page = repr(exercises.board()), exercises.board()._repr_html_()
    assert text.startswith(
        "97 A toy chapter  ✓○○  1 of 3 done, 1 of 3 predictions made\n  ✓ The inner step: passed\n"
    )
    assert "1 of 3 done." in text and page.startswith("<p>1 of 3 done.")
    row, inside = re.fullmatch(r".*?<summary>(.*)</summary>(.*)</details>", page, re.DOTALL).groups()
    assert "97 A toy chapter" in row and "✓○○" in row and "1 of 3 done, 1 of 3 predictions" in row
    assert [sign for sign in "✓○" for _ in range(inside.count(sign))] == ["✓", "○", "○"]
    assert "✓ The inner step: passed" in inside and "The inner step" not in row


def test_board_of_the_course_fits_the_screen():
    rows = exercises.board().rows
    assert len(rows) == len(exercises.chapters()) and exercises.board()._repr_html_().count(
        "<details"
    ) == len(rows)
    assert len(repr(exercises.board()).splitlines()) == len(rows) + 2


def test_board_without_exercises(monkeypatch):
    monkeypatch.setattr(exercises.course, "chapters", lambda: {})
    assert (
        "no exercises yet" in repr(exercises.board())
        and "no exercises yet" in exercises.board()._repr_html_()
    )


# What editors and accidents do to the file

GOOD = {"03/inner-step": {"attempted": True, "passed": True, "hints": 2}, "03/quiz": {"right": {"0": True}}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_mark_that_an_editor_put_before_it_is_no_damage(folder, encoding, newline, capsys):
    folder.mkdir()
    text = json.dumps({"version": 1, "entries": GOOD}, indent=1).replace("\n", newline)
    progress.path().write_bytes(text.encode(encoding))
    assert progress.load() == GOOD
    progress.record("03/a", passed=True)
    assert progress.load() == {**GOOD, "03/a": {"passed": True}} and not capsys.readouterr().out


def nested(depth, kind="[]"):
    return kind[0] * depth + kind[1] * depth if kind == "[]" else '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("kind", ["[]", "{}"])
@pytest.mark.parametrize("depth", [30, 900, 100_000])
@pytest.mark.parametrize(
    "place", ['"deep": {inner}, "entries": {good}', '"entries": {good}, "deep": {inner}', "in", "fact"]
)
def test_what_is_nested_beyond_measure_costs_no_entry(folder, kind, depth, place, capsys):
    folder.mkdir()
    good, inner = json.dumps(GOOD), nested(depth, kind)
    if place == "in":
        text = '{"entries": {"98/x": ' + inner + ", " + good[1:] + "}"
    elif place == "fact":
        text = '{"entries": ' + good[:-1] + ', "98/x": {"a": ' + inner + "}}}"
    else:
        text = "{" + place.replace("{inner}", inner).replace("{good}", good) + "}"
    progress.path().write_text(text)
    assert progress.load() == GOOD
    assert "begins with the 2 entries that are whole" in capsys.readouterr().out
    progress.record("03/a", passed=True)
    assert progress.load() == {**GOOD, "03/a": {"passed": True}}
    assert (folder / "progress.json.bak").read_text() == text


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_of_a_file_cut_short_what_is_whole_stays(folder, share):
    entries = {f"03/e{n}": {"passed": True, "hints": n} for n in range(20)}
    for id, facts in entries.items():
        progress.record(id, **facts)
    content = progress.path().read_bytes()
    progress.path().write_bytes(content[: int(share * len(content))])
    kept = progress.load()
    assert kept.items() <= entries.items() and len(kept) >= 20 * share - 2
    assert progress.load() == kept


def test_an_earlier_copy_is_not_overwritten(folder):
    for name in ("a", "b", "c"):
        progress.record(f"03/{name}", passed=True)
        exercises.reset()
    copies = sorted(file for file in folder.iterdir() if "bak" in file.name)
    assert [f"03/{name}" in copy.read_text() for name, copy in zip("abc", copies, strict=True)] == [True] * 3


@pytest.mark.parametrize("value", ["two", None, [], {}, -1, 1e308, float("inf"), float("nan"), 10**30])
def test_facts_of_another_kind_do_not_break_the_board(folder, toy_chapter, value):
    folder.mkdir()
    facts = {"hints": value, "passed": value, "solution": value, "attempted": value, "right": value}
    ids = ("97/inner-step", "97/largest-alpha", "97/quiz")
    progress.path().write_text(json.dumps({"entries": dict.fromkeys(ids, facts)}))
    assert len(exercises.board().lines) == 3 and "<details" in exercises.board()._repr_html_()
