"""Where the kernel runs; and progress that is taken along from a machine that does not last."""

import base64
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import colab
import pytest

from metalib import exercises, i18n, place
from metalib.exercises import parcel, progress

ROOT = Path(__file__).resolve().parents[1]
VARIABLES = (*place._BINDER, *place._HUB)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A progress file of its own, a notebook's folder two levels down, and no place but the computer."""
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "progress"))
    monkeypatch.setattr(progress, "_in_memory", {})
    monkeypatch.setattr(progress, "_notes_said", set())
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "course" / "chapters" / "zh").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "course" / "chapters" / "zh")
    return tmp_path / "course"


def on_colab(monkeypatch, **chosen):
    """Be on Colab, whose visitor chooses these files; what their browser was given to save."""
    colab.pretend(monkeypatch)
    files, saved = ModuleType("google.colab.files"), []
    files.download = lambda path: saved.append(Path(path))
    files.upload = lambda: {name.replace("_json", ".json"): content for name, content in chosen.items()}
    monkeypatch.setattr(sys.modules["google.colab"], "files", files, raising=False)
    monkeypatch.setitem(sys.modules, "google.colab.files", files)
    return saved


def elsewhere(**entries):
    """A progress file as another machine gives it; ids with "_" for their slash."""
    return json.dumps(
        {"version": 1, "entries": {id.replace("_", "/", 1): facts for id, facts in entries.items()}}
    )


def test_a_computer_of_ones_own_is_nothing_else():
    assert place.here() == place.COMPUTER and place.lasts()


@pytest.mark.parametrize(("variables", "where"), [(place._BINDER, place.BINDER), (place._HUB, place.HUB)])
def test_each_place_is_known_by_what_it_sets(monkeypatch, variables, where):
    for variable in variables:
        with monkeypatch.context() as context:
            context.setenv(variable, "something")
            assert place.here() == where
            context.setenv(variable, "")
            assert place.here() == place.COMPUTER
    monkeypatch.setenv(variables[0], "something")
    assert place.lasts() == (where == place.HUB)


def test_binder_is_binder_although_it_is_a_jupyterhub_too(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "something")
    assert place.here() == place.BINDER
    colab.pretend(monkeypatch)
    assert place.here() == place.COLAB


def test_google_is_named_in_one_module_alone():
    named = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "metalib").rglob("*.py")
        if re.search(r"google\.colab|research\.google", file.read_text("utf-8"))
    }
    assert named == {"metalib/place.py"}


def test_the_board_says_where_progress_is_and_for_how_long(monkeypatch):
    assert "Kept in a file on this computer" in repr(exercises.board())
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    assert "Kept in a file of yours on this server" in repr(exercises.board())
    monkeypatch.setenv("BINDER_LAUNCH_HOST", "https://mybinder.org/")
    board = exercises.board()
    assert "Binder takes this machine back" in repr(board) and "`exercises.resume()`" in repr(board)
    assert (
        "<code>exercises.download()</code>" in board._repr_html_() and "<a download=" in board._repr_html_()
    )
    i18n.use_language("zh")
    try:
        assert "Binder" in repr(board) and "takes" not in repr(board)
    finally:
        i18n.use_language("en")
    on_colab(monkeypatch)
    assert "Colab takes this machine back" in repr(board) and "<a download=" not in board._repr_html_()


def test_what_one_machine_gives_another_takes_up(folder, tmp_path, monkeypatch, capsys):
    progress.record("03/inner-step", attempted=True, passed=True, hints=2)
    page = exercises.download()._repr_html_()
    name, content = re.search(
        r'<a download="(.*?)" href="data:application/json;base64,(.*?)">', page
    ).groups()
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "another"))
    assert progress.load() == {}
    for place_of_it in (folder, folder / "chapters", folder / "chapters" / "zh"):  # wherever it was dropped
        monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / place_of_it.name))
        (place_of_it / name).write_bytes(base64.b64decode(content))
        board = exercises.resume()
        assert progress.load() == {"03/inner-step": {"attempted": True, "passed": True, "hints": 2}}
        assert "1 entry is new" in capsys.readouterr().out and "✓" in repr(board)
        (place_of_it / name).unlink()


def test_on_colab_the_page_saves_and_asks(monkeypatch, capsys):
    progress.record("03/inner-step", passed=True)
    saved = on_colab(monkeypatch, other_json=elsewhere(**{"05_mean": {"passed": True}}).encode())
    assert exercises.download() is None
    assert [file.name for file in saved] == [parcel.FILE]
    assert "03/inner-step" in saved[0].read_text("utf-8"), "it is there when the cell has ended"
    exercises.resume()
    assert set(progress.load()) == {"03/inner-step", "05/mean"}
    assert "other.json: taken up; 1 entry is new." in capsys.readouterr().out


def test_what_is_further_here_stays(folder, capsys):
    progress.record("03/a", passed=True, hints=1, note="mine", right={"0": True})
    progress.record("03/b", first={"guess": "a", "verdict": "wrong"})
    theirs = {
        "03_a": {"passed": False, "hints": 3, "note": "theirs", "right": {"0": False, "1": True}},
        "03_b": {"first": {"guess": "b", "verdict": "right"}},
        "04_c": {"attempted": True},
    }
    (folder / "chapters" / f"{parcel.STEM} (1).json").write_text(elsewhere(**theirs), "utf-8")
    exercises.resume()
    assert progress.load() == {
        "03/a": {"passed": True, "hints": 3, "note": "mine", "right": {"0": True, "1": True}},
        "03/b": {"first": {"guess": "a", "verdict": "wrong"}},
        "04/c": {"attempted": True},
    }
    assert "2 entries are new" in capsys.readouterr().out
    before = progress.path().stat().st_mtime_ns
    exercises.resume()
    assert "0 entries are new" in capsys.readouterr().out and progress.path().stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no progress file"),
        (b"\x89PNG", "no progress file"),
        (elsewhere(**{"03_a": {}}).encode()[:-5], "not a whole one"),
        (b"[1, 2]", "no progress file"),
        (b'{"entries": [1]}', "no progress file"),
        (b"[" * 100_000, "no progress file"),
        (b'{"entries": {"03/a": {"hints": Infinity}}}', "values that no progress has"),
        (b'{"entries": {"03/a": {"hints": 1' + b"0" * 400 + b"}}}", "values that no progress has"),
        (b'{"entries": {"03/a": ' + b'{"a": ' * 50 + b"1" + b"}" * 50 + b"}}", "values that no progress has"),
        (b" " * 5_000_001, "bytes, and progress at most 5000000"),
    ],
)
def test_whatever_else_is_dropped_there_costs_one_sentence(folder, content, reason, capsys):
    (folder / parcel.FILE).write_bytes(content)
    exercises.resume()
    said = capsys.readouterr().out
    assert said.startswith(f"{parcel.FILE} is not taken up: ") and reason in said and said.count("\n") == 1
    assert progress.load() == {}


def test_without_a_file_it_says_what_to_do(capsys):
    exercises.resume()
    assert f"There is no file {parcel.FILE} beside this notebook. Drag" in capsys.readouterr().out
    exercises.resume("mine.json")
    assert "There is no file mine.json" in capsys.readouterr().out


def test_other_names_in_a_file_are_left_out(folder):
    entries = {"03/a": {"passed": True}, "../../etc": {"passed": True}, "03/b": 7, "moods": {"good": True}}
    (folder / "mine.json").write_text(json.dumps({"entries": entries}), "utf-8")
    exercises.resume(folder / "mine.json")
    assert progress.load() == {"03/a": {"passed": True}}
