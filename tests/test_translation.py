"""Translated chapters, on tiny ones in a temporary folder: English code, other words; what is refused."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from metalib import exercises, i18n

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import sources  # noqa: E402
import translation  # noqa: E402
from notebooks import text_of  # noqa: E402

import chapters  # noqa: E402

HEADER = "---\ntitle: {title}\nminutes: 10\nseconds: 5\nbefore: [{before}]\ngoals:\n- see it\n---\n\n"
ENGLISH = (
    HEADER.format(title="An English chapter", before="01_after, 96_none")
    + """\
A beginning.

## One: words

```{code-cell}
:name: numbers
:tags: [nbval-check-output]

words = {"mean": 0.5}                                   # what is known
print(f"{words['mean']:.2f} of {len(words)}", "support")
```

Prose.

```bash
## no heading
```

## Two

```{code-cell}
:name: last

print("support")  # the set
```

```{code-cell}
:tags: [exercise]

00/warm-up
```

```{code-cell}
:tags: [quiz]

00/quiz
```
"""
)
CHINESE = """\
---
title: 中文章
goals:
- 看见它
---

开头。

```{code-cell}
:tags: [words]

- "support"
+ "支持集"
```

## 一

```{code-cell}
:name: numbers

- # what is known
+ # 已知的
- f"{words['mean']:.2f} of {len(words)}"
+ f"{len(words)} 个之中的 {words['mean']:.2f}"
```

正文。

## 二

```{code-cell}
:name: last
```

```{code-cell}
:tags: [exercise]

00/warm-up
```

```{code-cell}
:tags: [quiz]

00/quiz
```
"""
QUIZ = "```{code-cell}\n:tags: [quiz]\n\n00/quiz\n```\n"
AFTER = HEADER.format(title="What comes after", before="") + "## End\n\n```{code-cell}\n1 + 1\n```\n"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of the chapter 00_toy in two languages and 01_after in English; 00 alone has exercises."""
    source = tmp_path / "chapters" / "source"
    (source / "zh").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nversion = "1.2.0"\nurls.Repository = "https://github.com/owner/repo"\n'
    )
    (source / "00_toy.md").write_text(ENGLISH, "utf-8")
    (source / "zh" / "00_toy.md").write_text(CHINESE, "utf-8")
    (source / "01_after.md").write_text(AFTER, "utf-8")
    only = {"00": replace(exercises.chapters()["00"], predictions=())}  # the toy chapter asks none
    monkeypatch.setattr(exercises, "chapters", lambda: only)
    return tmp_path


def edit(course, old, new, name="zh/00_toy"):
    path = course / "chapters" / "source" / f"{name}.md"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def composed(course, name="zh/00_toy"):
    return chapters.compose(course, sources.read_all(course), [name])[name]


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def code_of(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


# What comes out


def test_the_english_code_with_other_words(course):
    numbers, last = code_of(composed(course))[1:3]
    assert numbers == (
        "words = {\"mean\": 0.5}                                   # 已知的\n"
        "print(f\"{len(words)} 个之中的 {words['mean']:.2f}\", \"支持集\")"
    )  # fmt: skip
    assert last == 'print("支持集")  # the set'
    cells = composed(course).cells
    assert [cell.metadata for cell in cells if cell.source == numbers] == [{"tags": ["nbval-check-output"]}]


def test_a_cells_own_word_goes_before_the_common_one(course):
    edit(course, ":name: last\n", ':name: last\n\n- "support"\n+ "支持点"\n')
    numbers, last = code_of(composed(course))[1:3]
    assert '"支持集"' in numbers and '"支持点"' in last


def test_title_setup_and_links_are_in_the_language(course):
    cells = by_id(composed(course))
    title = cells["title"].source
    assert title.startswith("# 中文章\n")
    assert "labpath=chapters%2Fzh%2F00_toy.ipynb" in title and "blob/v1.2.0/chapters/zh/00_toy.ipynb" in title
    assert "\n\n[English](../00_toy.ipynb)\n\n" in title
    assert "**学完本章，你将能够**\n\n- 看见它\n" in title
    after = "[01 What comes after](../01_after.ipynb)（英文）"
    assert f"\n\n阅读约 10 分钟，运行约 5 秒。先读：{after}, 96_none。" in title
    heading, _blank, advice = cells["next-chapter"].source.split("\n")
    assert heading == f"**下一章：**{after}" and advice.startswith("打开它之前，请先关闭本章的内核：")
    assert cells["setup"].source.startswith("# 请先运行这个单元格")
    assert cells["setup"].source.endswith('更快\n\nmetalib.use_language("zh")')
    assert "title" in cells and "## no heading" not in "".join(cell.source for cell in cells.values())


def test_the_english_chapter_links_to_its_translation_and_is_else_the_same(course):
    title = by_id(composed(course, "00_toy"))["title"].source
    assert "\n\n[中文](zh/00_toy.ipynb)\n\n" in title
    before = composed(course, "00_toy")
    (course / "chapters" / "source" / "zh" / "00_toy.md").unlink()
    after = composed(course, "00_toy")
    assert "中文" not in by_id(after)["title"].source and "use_language" not in by_id(after)["setup"].source
    assert before.cells[1:] == after.cells[1:]


def test_a_translated_next_chapter_is_linked_in_the_language(course):
    edit(course, "```{code-cell}\n1", "```{code-cell}\n:name: sum\n\n1", name="01_after")
    text = "---\ntitle: 之后\ngoals: [加]\n---\n\n## 尾\n\n```{code-cell}\n:name: sum\n```\n"
    (course / "chapters" / "source" / "zh" / "01_after.md").write_text(text, "utf-8")
    cells = by_id(composed(course))
    assert cells["next-chapter"].source.startswith("**下一章：**[01 之后](01_after.ipynb)\n\n")
    assert "先读：[01 之后](01_after.ipynb), 96_none" in cells["title"].source


def test_exercises_are_asked_for_in_the_chapters_language(course, monkeypatch):
    spoken, get = [], exercises.get
    monkeypatch.setattr(exercises, "get", lambda id: spoken.append(i18n.language()) or get(id))
    composed(course)
    assert spoken == ["zh", "zh"] and i18n.language() == "en"
    composed(course, "00_toy")
    assert spoken == ["zh", "zh", "en", "en"]


# What is refused


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "title: 中文章\n",
            "title: 中文章\nminutes: 3\n",
            "unknown key 'minutes'; known: title, goals",
        ),
        (":name: last", ":name: lost", "the English chapter has no cell 'lost'. The nearest: last"),
        (QUIZ, "", "the section '二' must have the cells of the English one, in their order: last"),
        ("```{code-cell}\n:name: last\n```\n", "", "it has 00/warm-up, 00/quiz"),
        (QUIZ, f"```{{code-cell}}\n:name: numbers\n```\n{QUIZ}", "two cells are named 'numbers'"),
        (QUIZ, f"{QUIZ}\n{QUIZ}", "it has last, 00/warm-up, 00/quiz, 00/quiz"),
        (QUIZ, f"```{{code-cell}}\n1 + 1\n```\n{QUIZ}", "a translation has no code of its own: '1 + 1'"),
        ("## 二", "### 二", "it has 1 sections (##), and the English chapter has 2"),
        (
            "- # what is known",
            "- # what is",
            "is no string or comment of the English cell. The nearest: #",
        ),
        ("- # what is known", "- words", "'words' is no string or comment of the English cell"),
        ('- "support"', '- "query"', "no English cell has the string or comment '\"query\"'"),
        ("+ # 已知的", "# 已知的", "'# 已知的' is neither `- old` nor, below one, `+ new`"),
        (
            "+ f\"{len(words)} 个之中的 {words['mean']:.2f}\"\n",
            "",
            "is there twice, or has no `+ new` below it",
        ),
        ("+ # 已知的", "+ # 已知的\n+ words = {}", "changes more than strings and comments"),
        ("个之中的 {words['mean']:.2f}", "个", "changes more than strings and comments"),
        (
            "{words['mean']:.2f}\"\n```",
            "{words['mean']:.3f}\"\n```",
            "changes more than strings and comments",
        ),
        ('+ "支持集"', '+ "支持集" + x', "changes more than strings and comments"),
        ('+ "支持集"', '+ "支持集', "changes more than strings and comments"),
        ("开头。", "# 开头", "a second title"),
    ],
)
def test_a_translation_with_a_mistake_is_refused(course, old, new, said):
    edit(course, old, new)
    with pytest.raises(sources.ChapterError, match=re.escape(said)) as error:
        composed(course)
    assert str(error.value).startswith("zh/00_toy.md: ")


def test_a_cell_with_a_line_that_is_no_python_stays_as_it_is(course):
    """Of such a cell nobody can say that a replacement changes only words."""
    english = course / "chapters" / "source" / "00_toy.md"
    text = english.read_text("utf-8")
    english.write_text(text.replace('print("support")', '%pip list\nprint("support")'), "utf-8")
    with pytest.raises(sources.ChapterError, match="'last' is not plain Python in the English chapter"):
        composed(course)


def test_cells_in_another_order_are_refused(course):
    last = "```{code-cell}\n:name: last\n```\n"
    edit(course, last, "")
    edit(course, QUIZ, QUIZ + last)
    with pytest.raises(sources.ChapterError, match="it has 00/warm-up, 00/quiz, last"):
        composed(course)


def test_an_english_chapter_that_cannot_be_translated_says_why(course):
    edit(course, ":name: last\n", "", name="00_toy")
    with pytest.raises(sources.ChapterError, match="^00_toy.md: to be translated, this cell needs"):
        composed(course)
    edit(course, "```{code-cell}\n\nprint", "```{code-cell}\n:name: Last!\n\nprint", name="00_toy")
    with pytest.raises(sources.ChapterError, match="^00_toy.md: a cell's name must look like five-points"):
        composed(course)


def test_a_translation_of_no_chapter_and_an_unknown_language_are_refused(course):
    folder = course / "chapters" / "source"
    (folder / "zh" / "00_toy.md").rename(folder / "zh" / "02_other.md")
    with pytest.raises(sources.ChapterError, match="^zh/02_other.md: there is no English chapter"):
        composed(course, "zh/02_other")
    (folder / "zh").rename(folder / "fr")
    with pytest.raises(sources.ChapterError, match="^fr/02_other.md: .* or no catalogue, for 'fr'"):
        composed(course, "fr/02_other")


# Strings, comments, programs


def test_where_strings_and_comments_are():
    source = 'a = "x" + f"{b["c"]} {d!r:>{w}}"  # é "no string"\nprint(\'y\' "z")\n"""two\nlines"""\n'
    if sys.version_info < (3, 12):
        source = source.replace('b["c"]', "b['c']")
    found = [source[start:end] for start, end in translation.literals(source)]
    literal = source[source.index('f"') : source.index("  #")]
    assert found == ['"x"', literal, '# é "no string"', "'y'", '"z"', '"""two\nlines"""']


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("f('a')  # b", "f('c')", True),
        ("f('a' 'b')", "f('a')", True),
        ("f(f'{x} of {y}')", "f(f'{y}: {x}')", True),
        ("f(f'{x} of {y}')", "f(f'{x} of {x}')", False),
        ("f(f'{x:.2f}')", "f(f'{x:.3f}')", False),
        ("f(f'{x!r}')", "f(f'{x}')", False),
        ("""f(f"{x['a']}")""", """f(f"{x['b']}")""", True),
        ("f(f'{x}')", "f('{x}')", False),
        ("f('a', 1)", "f('a', 2)", False),
        ("f(b'a')", "f(b'b')", False),
        ("f('a')", "f('a', 'b')", False),
    ],
)
def test_what_counts_as_the_same_program(a, b, same):
    assert (translation.program(a) == translation.program(b)) is same


# Following the English text


def test_what_has_changed_since_is_listed_by_heading(course, capsys):
    assert chapters.main(["--stale"], root=course) == 1
    assert "zh/00_toy: 'One: words' is new" in capsys.readouterr().out
    assert chapters.main(["--translated", "zh/00"], root=course) == 0
    assert chapters.main(["--stale"], root=course) == 0
    capsys.readouterr()
    notebook = composed(course)  # the header's new part is read, and changes nothing else

    edit(course, "A beginning.", "A  \nbeginning.", name="00_toy")
    edit(course, "Prose.", "Prose, changed.", name="00_toy")
    edit(course, "- see it", "- see it all", name="00_toy")
    edit(course, "## Two", "## Three", name="00_toy")
    assert chapters.main(["--stale"], root=course) == 1
    assert capsys.readouterr().out.splitlines() == [
        "zh/00_toy: '(header)' has changed",
        "zh/00_toy: 'One: words' has changed",
        "zh/00_toy: 'Three' is new",
        "zh/00_toy: 'Two' is no longer there",
    ]
    assert chapters.main(["--translated", "zh/00_toy"], root=course) == 0
    assert chapters.main(["--stale"], root=course) == 0
    text = (course / "chapters" / "source" / "zh" / "00_toy.md").read_text("utf-8")
    assert text.count("translates:") == 1 and text.endswith(CHINESE.split("---\n", 2)[2])
    assert code_of(composed(course)) == code_of(notebook)


def test_code_that_has_changed_makes_its_section_stale(course, capsys):
    chapters.main(["--translated", "zh/00"], root=course)
    edit(course, "0.5", "0.6", name="00_toy")
    capsys.readouterr()
    assert chapters.main(["--stale"], root=course) == 1
    assert capsys.readouterr().out == "zh/00_toy: 'One: words' has changed\n"


def test_an_exercise_that_says_something_else_is_stale(course, capsys, monkeypatch):
    chapters.main(["--translated", "zh/00"], root=course)
    toy = exercises.course.chapters_in("en")["00"]  # its predictions are marked too
    hints = ("Another.", *toy.exercises[0].hints[1:])
    changed = replace(toy, exercises=(replace(toy.exercises[0], hints=hints),))
    monkeypatch.setattr(exercises.course, "chapters_in", lambda code: {"00": changed})
    capsys.readouterr()
    assert chapters.main(["--stale"], root=course) == 1
    assert capsys.readouterr().out == "zh/00_toy: '00/warm-up' has changed\n"


def test_only_a_translation_can_be_marked(course, capsys):
    for name in ("zh/55", "00_toy", "zh"):
        assert chapters.main(["--translated", name], root=course) == 1
        assert "There is no translation" in capsys.readouterr().err


# The whole road


@pytest.mark.slow
def test_both_editions_are_built_run_and_listed(course, capsys):
    assert chapters.main([], root=course) == 0
    assert chapters.main(["--check"], root=course) == 0
    notebook = nbformat.read(course / "chapters" / "zh" / "00_toy.ipynb", as_version=4)
    said = [text_of(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert said[1:3] == ["1 个之中的 0.50 支持集\n", "支持集\n"]
    table = (course / "chapters" / "README.md").read_text("utf-8")
    assert re.search(
        r"\n\n## 中文版\n\n.*\n.*\n\| \[00 中文章\]\(zh/00_toy.ipynb\) \| 10 \| \d+ \| \d+ \| 1 \|\n$", table
    )
    assert chapters.main(["--no-run", "zh"], root=course) == 0
    assert "outputs kept" in capsys.readouterr().out
    (course / "chapters" / "source" / "zh" / "00_toy.md").unlink()
    assert chapters.check(course, []) == [
        "chapters/00_toy.ipynb is not what its source says",
        "chapters/zh/00_toy.ipynb has no source",
        "chapters/README.md is not up to date",
    ]
