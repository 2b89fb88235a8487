"""`python -m metalib progress`: a class in a table, and what it does not show."""

import json
import os

import pytest

from metalib.exercises import course, progress
from metalib.exercises.register import register


def put(path, **entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1, "entries": entries}), "utf-8")
    return path


@pytest.fixture
def handed_in(tmp_path):
    """Anna's file under her name, Bea's in her folder, Carl's in his home; and what is nobody's."""
    quiz = course.chapters()["03"].quiz
    put(
        tmp_path / "anna.json",
        **{
            "03/inner-step": {"attempted": True, "passed": True, "solution": True, "hints": 2},
            "03/quiz": {"right": {quiz.questions[0].name: True, quiz.questions[1].name: False}},
        },
    )
    put(tmp_path / "bea" / "progress.json", **{"00/warm-up": {"passed": True}, "00/gone": {"passed": True}})
    put(
        tmp_path / "carl" / ".local" / "share" / "metalib" / "progress.json",
        **{"03/inner-step": {"hints": 3}},
    )
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_class_in_a_table(handed_in):
    anna, bea, carl = register(handed_in).entries
    assert (anna.name, bea.name, carl.name) == ("anna", "bea", "carl")
    assert anna.exercises["03"] == 1 == sum(anna.exercises.values())
    assert anna.questions["03"] == 1 == sum(anna.questions.values())
    assert bea.exercises["00"] == 1 == sum(bea.exercises.values()), (
        "an exercise that is no more does not count"
    )
    assert sum(carl.exercises.values()) == 0, "a hint is not told"
    head, *rows, _blank, note = str(register(handed_in)).splitlines()
    assert head.split() == ["student", "exercises", "quiz", *course.chapters()]
    assert [row.split()[:3] for row in rows] == [
        [
            name,
            f"{done}/{len(course.all())}",
            f"{right}/{sum(len(quiz.questions) for quiz in course.quizzes())}",
        ]
        for name, done, right in (("anna", 1, 1), ("bea", 1, 0), ("carl", 0, 0))
    ]
    assert len({len(row) for row in (head, *rows)}) == 1, "columns stand under one another"
    assert note == "3 students. A chapter's column counts its exercises that were passed."


def test_the_table_tells_what_the_board_tells(tmp_path, monkeypatch):
    """For every exercise, quiz and the final test, as the learner's own functions count them."""
    monkeypatch.setenv("METALIB_PROGRESS", str(tmp_path / "dora"))
    for number, exercise in enumerate(course.all()):
        progress.record(exercise.id, attempted=True, passed=number % 2 == 0)
    for quiz in course.quizzes():
        names = [question.name for question in quiz.questions][::2]
        kept = (
            {"first": dict.fromkeys(names, "right")}
            if quiz.is_test
            else {"right": dict.fromkeys(names, True)}
        )
        progress.record(quiz.id, **kept)
    (dora,) = register(tmp_path).entries
    for number, chapter in course.chapters().items():
        passed = [each.id for each in chapter.exercises if progress.entry(each.id).get("passed")]
        assert dora.exercises[number] == len(passed)
        assert dora.questions[number] == (len(chapter.quiz.answered_right()) if chapter.quiz else 0)
    assert sum(dora.questions.values()) > 40


def test_no_file_is_changed_or_made(handed_in):
    (handed_in / "damaged.json").write_text("{")
    before = {path: path.stat().st_mtime_ns for path in handed_in.rglob("*")}
    register(handed_in)
    assert {path: path.stat().st_mtime_ns for path in handed_in.rglob("*")} == before


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"entries": []}', "\ufeff", "\x00", "[" * 100_000, '{"entries": {"03/a": {"hints": NaN}}}'],
    ids=["cut short", "list", "no entries", "empty", "no JSON", "deep", "no number"],
)
def test_a_file_that_is_not_whole_is_named(handed_in, text):
    (handed_in / "zoe.json").write_text(text, "utf-8")
    found = register(handed_in)
    assert len(found.entries) == 3
    assert found.unread == (f"zoe: {handed_in / 'zoe.json'} is not a whole progress file.",)
    assert str(found).splitlines()[-1] == found.unread[0]


def test_bytes_that_are_no_text_are_named_too(handed_in):
    (handed_in / "zoe.json").write_bytes(b"\xff\xfe\x80")
    assert "zoe" in register(handed_in).unread[0]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_who_may_not_read_a_home_is_told_so(handed_in):
    (handed_in / "carl").chmod(0)
    try:
        found = register(handed_in)
        assert [entry.name for entry in found.entries] == ["anna", "bea"]
        assert found.unread == ("carl: not read (Permission denied).",)
    finally:
        (handed_in / "carl").chmod(0o700)


def test_single_files_are_called_after_themselves_or_their_folder(handed_in):
    found = register(handed_in / "anna.json", handed_in / "bea" / "progress.json")
    assert [entry.name for entry in found.entries] == ["anna", "bea"]


def test_a_downloaded_file_is_called_after_its_folder(tmp_path):
    put(tmp_path / "dora" / "learning-to-learn-progress.json", **{"00/warm-up": {"passed": True}})
    assert [entry.name for entry in register(tmp_path).entries] == ["dora"]


def test_nothing_to_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^There is no .*nowhere\.$"):
        register(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"^There is no progress file in .*: expected are NAME\.json"):
        register(tmp_path)
