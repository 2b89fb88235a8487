"""Slides' marks in the chapters, and speaker notes: what is understood or refused, and that they agree."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import compose  # noqa: E402
import notes as speaker_notes  # noqa: E402
import slides  # noqa: E402
import sources  # noqa: E402

CHAPTER = """\
---
title: A toy chapter
minutes: 10
seconds: 5
goals:
- see a slide
---

## A figure

Long prose.

```{code-cell}
:name: figure
:slide: slide

figure = 1
```

```{code-cell}
working = 2
```

### Its code

```{code-cell}
:slide: continue
:show: both

more = 3
```

+++ {"slide": "slide", "name": "take-away"}

## What to take away

```python
## not a heading
```

+++

The end.
"""
NOTES = """\
# 97 A toy chapter

**Minutes:** 6

What a class should leave with.

## title · 1 minute

- Say hello.

## figure · 3 minutes

**On the slide:** $x^2$

**Say:**

- Look at it.
- Ask: what is it?

**Expect:** "a line": answer: no.

**Expect:** "nothing": answer:
look again.

## take-away · 2 minutes

Read it out.
"""


@pytest.fixture
def write(tmp_path):
    """Write a chapter, and compose it."""

    def write(text=CHAPTER):
        path = tmp_path / "97_toy.md"
        path.write_text(text, "utf-8")
        chapter = sources.read(path)
        return compose.build(chapter, [chapter], ROOT)

    return write


def test_a_marked_cell_begins_a_slide_and_the_rest_is_skipped(write):
    found = slides.slides(write())
    assert [(slide.name, slide.heading, len(slide.cells)) for slide in found] == [
        ("title", "A toy chapter", 1),
        ("figure", "A figure", 2),
        ("take-away", "What to take away", 1),
    ]
    assert [cell.source.splitlines()[0] for cell in found[1].cells] == ["figure = 1", "more = 3"]


def test_the_notebook_has_jupyters_own_metadata(write):
    notebook = write()
    kinds = [cell.metadata["slideshow"]["slide_type"] for cell in notebook.cells]
    assert kinds == ["slide", "skip", "skip", "slide", "skip", "skip", "-", "slide", "skip"]
    (figure,) = [cell for cell in notebook.cells if cell.source == "figure = 1"]
    assert figure.metadata == {"slideshow": {"slide_type": "slide"}, "name": "figure"}


def test_a_chapter_without_marks_is_left_as_it_is(write):
    marks = (":slide: slide\n", ":slide: continue\n:show: both\n", '{"slide": "slide", "name": "take-away"}')
    text = CHAPTER
    for mark in marks:
        text = text.replace(mark, "")
    notebook = write(text)
    assert not any("slideshow" in cell.metadata for cell in notebook.cells)
    assert slides.slides(notebook) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            ":slide: continue",
            ":slide: sub",
            "97_toy.md:30: .*one of slide, continue, fragment, not 'sub'",
        ),
        (":show: both", ":show: all", "97_toy.md:30: .*one of output, code, both, not 'all'"),
        (":name: figure\n", "", "97_toy.md:16: .*needs a name of its own, for its notes; not None"),
        (
            ":name: figure\n",
            ":name: title\n",
            "97_toy.md:14: .*needs a name of its own, for its notes; not 'title'",
        ),
        (":name: figure\n", ":name: take-away\n", "two cells are named 'take-away'"),
        (":slide: slide\n", ":show: code\n", "97_toy.md:14: .*has no `slide:` mark"),
        ('"name": "take', '"show": "code", "name": "take', "`show:` is for a code cell"),
    ],
)
def test_a_mark_that_is_not_understood_is_refused_with_its_line(write, old, new, said):
    assert CHAPTER.count(old) == 1
    with pytest.raises(sources.ChapterError, match=said):
        write(CHAPTER.replace(old, new))


@pytest.fixture
def note(tmp_path):
    def note(text=NOTES):
        path = tmp_path / "97_toy.md"
        path.write_text(text, "utf-8")
        return speaker_notes.read(path)

    return note


def test_notes_are_read(note):
    found = note()
    assert (found.title, found.minutes, found.head) == (
        "97 A toy chapter",
        6,
        "What a class should leave with.",
    )
    title, figure, last = found.slides
    assert (title.name, title.minutes, title.say, title.on_slide) == ("title", 1, "- Say hello.", "")
    assert figure.on_slide == "$x^2$"
    assert figure.say == "- Look at it.\n- Ask: what is it?"
    assert figure.expect == ['"a line": answer: no.', '"nothing": answer:\nlook again.']
    assert last.say == "Read it out."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# 97 A", "# 98 A", ":1: notes begin with their title, '# 97 …'"),
        ("**Minutes:** 6", "", ":1: the head needs the sum"),
        ("**Minutes:** 6", "**Minutes:** 7", ":3: the slides' minutes add up to 6, not 7"),
        ("title · 1 minute", "title, 1 minute", ":7: a slide's heading looks like"),
        ("- Say hello.", "", ":7: the slide 'title' has no talking points"),
        ("**Say:**", "", ":11: the slide 'figure' has no talking points"),
        ("**Say:**", "**On the slide:**", ":15: .*stands once"),
        ("Read it out.", "Read it out.\n\n**On the slide:** late", ":29: .*stands once"),
        ('"a line": answer: no.', "", ":11: .*an empty"),
    ],
)
def test_notes_that_are_not_understood_are_refused_with_their_line(note, old, new, said):
    assert NOTES.count(old) == 1
    with pytest.raises(sources.ChapterError, match="chapters/teaching/97_toy.md" + said):
        note(NOTES.replace(old, new))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["title", "figure"], ":25: there is no slide 'take-away' among title, figure"),
        (["title", "figure", "extra", "take-away"], ":25: the slide 'extra' has no notes"),
        (
            ["figure", "title", "take-away"],
            ":7: here the notes of 'figure' are due, not those of 'title'",
        ),
    ],
)
def test_every_slide_has_notes_and_every_note_a_slide(note, names, said):
    speaker_notes.check(note(), ["title", "figure", "take-away"])
    with pytest.raises(sources.ChapterError, match=said):
        speaker_notes.check(note(), names)


@pytest.fixture(scope="module")
def course():
    return sources.read_all(ROOT)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "chapters" / "teaching").glob("*.md")), ids=lambda path: path.stem
)
def test_the_notes_of_a_chapter_and_its_slides_agree(path, course):
    (chapter,) = [chapter for chapter in course if chapter.path == path.stem]
    names = [slide.name for slide in slides.slides(compose.build(chapter, course, ROOT))]
    speaker_notes.check(speaker_notes.read(path), names)
