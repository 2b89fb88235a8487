"""chapters/teaching.md: its minutes add up and agree with the speaker notes, and what it names is there."""

import re
import sys
from pathlib import Path

import pytest

from metalib import exercises

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import notes as speaker_notes  # noqa: E402
import sources  # noqa: E402

CHAPTERS = ROOT / "chapters"
TEXT = (CHAPTERS / "teaching.md").read_text(encoding="utf-8")
WEEK = 90  # minutes


def section(heading: str) -> str:
    """What stands under a heading, up to the next one."""
    return re.search(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell: str) -> list[tuple[str, str]]:
    """`03: `a`, `b`; 01: `c`` as pairs of a chapter's number and a cell's name."""
    return [
        (number, name)
        for number, names in re.findall(r"(\d\d): ([^;]+)", cell)
        for name in re.findall(r"`([a-z0-9/-]+)`", names)
    ]


@pytest.fixture(scope="module")
def notes():
    """The speaker notes, by the chapter's number."""
    return {path.name[:2]: speaker_notes.read(path) for path in sorted((CHAPTERS / "teaching").glob("*.md"))}


@pytest.fixture(scope="module")
def chapters():
    """The English chapters."""
    return [chapter for chapter in sources.read_all(ROOT) if chapter.language == "en"]


@pytest.mark.parametrize("plan", ["Two hours", "Half a day"])
def test_a_plan_adds_up_and_takes_its_slides_minutes_from_the_notes(plan, notes):
    minutes = int(re.search(r"^\*\*Minutes:\*\* (\d+)$", section(plan), re.MULTILINE)[1])
    table = rows(section(plan))
    assert sum(int(row[0]) for row in table) == minutes
    for given, what, slides in table:
        expected = [
            {slide.name: slide.minutes for slide in notes[number].slides}[name]
            for number, name in named(slides)
        ]
        assert not expected or sum(expected) == int(given), f"{plan}, {what}: {expected}"


def test_every_week_of_the_semester_is_full_and_as_long_as_its_notes_say(notes, chapters):
    table = rows(section("A semester"))
    assert [int(row[0]) for row in table] == list(range(1, len(table) + 1))
    met = []
    for week, given, lecture, other, _in_class, _handed_in in table:
        numbers = re.findall(r"teaching/(\d\d)_", given)
        met += numbers
        assert int(lecture) + int(other) == WEEK, f"week {week}"
        assert int(lecture) == sum(notes[number].minutes for number in numbers), f"week {week}"
    assert met == [chapter.number for chapter in chapters]


def test_the_projects_points_add_up():
    assert sum(int(row[0]) for row in rows(section("The project"))) == 100


def test_the_exercises_that_are_named_exist():
    found = set(re.findall(r"`(\d\d/[a-z0-9-]+)`", TEXT))
    known = {item.id for chapter in exercises.chapters().values() for item in chapter.items}
    assert found
    assert found <= known


def test_the_cells_that_disprove_a_misconception_exist(chapters):
    table = rows(section("Misconceptions"))
    assert len(table) >= 20
    names = {
        chapter.number: {sources.key(cell) for cell in chapter.cells if cell.cell_type == "code"}
        for chapter in chapters
    }
    for said, _in_fact, shown in table:
        assert named(shown), said
        for number, name in named(shown):
            assert name in names[number], f"{said}: {number} has no cell {name}"


def test_links_lead_somewhere():
    for path in [CHAPTERS / "teaching.md", *(CHAPTERS / "teaching").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (path.parent / link).exists(), f"{path.name}: {link}"
