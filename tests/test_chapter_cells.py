"""What holds for the code cells of every chapter: they may be run again in any order, exercises included."""

import pytest
from chapter_code import SOURCES, ambiguous_names, cells, defines, needs

from metalib import exercises

CHAPTERS = sorted(path.stem for path in SOURCES.glob("*.md"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_cell_depends_on_which_other_was_run_last(chapter):
    assert not ambiguous_names(cells(chapter))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_stub_takes_a_name_that_the_chapter_uses(chapter):
    used = set().union(*(defines(code) | needs(code) for code in cells(chapter)))
    asked = {exercise.name for exercise in exercises.chapters()[chapter[:2]].exercises}
    assert not used & asked


@pytest.mark.parametrize(
    "codes, ambiguous",
    [
        (["a = 1", "a = 2", "print(a)"], {"a"}),
        (["a = 1", "a = a + 1"], {"a"}),
        (["a = 1\nprint(a)", "a = 2\nprint(a)"], set()),
        (["a = 1", "a = 2", "def f(x):\n    return x + a"], {"a"}),
        (["i = 1", "for i in range(3):\n    print(i)"], set()),
        (["a = 1", "a = 2\nprint([a for _ in range(2)])"], set()),
        (["import a", "a = 2", "[a for b in range(2)]"], {"a"}),
    ],
)
def test_ambiguous_names_are_found(codes, ambiguous):
    assert ambiguous_names(codes) == ambiguous
