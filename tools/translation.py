"""A translated chapter: its own prose around the English chapter's code; CONTRIBUTING.md is the guide."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import re
import tokenize
from dataclasses import replace
from pathlib import Path

import yaml
from nbformat.v4 import new_code_cell
from sources import Chapter, ChapterError, key, read, sections, tags

from metalib.exercises import course
from metalib.exercises.translation import program

WORDS = "words"  # the tag of the list whose replacements hold in every cell


def translated(chapter: Chapter, english: Chapter) -> Chapter:
    """The chapter with the English code in place of the cells' names, and the rest of the English header.

    Raises:
        ChapterError: the cells are not the English ones in their order, a replacement fits nothing, or the
            program would be another one.
    """
    originals = _originals(english)
    _same_cells(chapter, english, set(originals))
    common = {}
    for cell in chapter.cells:
        if WORDS in tags(cell):
            common |= _pairs(chapter, "the list of words", cell.source)
    cells, unused = [], set(common)
    for cell in chapter.cells:
        if cell.cell_type == "markdown" or {"exercise", "quiz"} & set(tags(cell)):
            cells.append(cell)
        elif WORDS not in tags(cell):
            original = originals[key(cell)]
            source, used = _replaced(chapter, cell, original.source, common)
            unused -= used
            cells.append(new_code_cell(source, metadata=original.metadata))
    for old in sorted(unused):
        chapter.refuse(f"no English cell has the string or comment {old!r} from the list of words")
    return replace(chapter, cells=cells, header={**english.header, **chapter.header})


def _originals(english: Chapter) -> dict:
    """The English code cells by name."""
    found = {}
    for cell in english.cells:
        if cell.cell_type == "code":
            if not key(cell):
                english.refuse(f"to be translated, this cell needs a `:name:`: {cell.source[:60]!r}")
            found[key(cell)] = cell
    return found


def _same_cells(chapter: Chapter, english: Chapter, known: set[str]) -> None:
    """Refuse a translation whose sections have not the cells of the English ones, in their order."""
    ours, theirs = sections(chapter.cells), sections(english.cells)
    if len(ours) != len(theirs):
        chapter.refuse(f"it has {len(ours) - 1} sections (##), and the English chapter has {len(theirs) - 1}")
    for our, their in zip(ours, theirs, strict=True):
        named = [cell for cell in our.cells if WORDS not in tags(cell)]
        for cell in named:
            if not key(cell):
                chapter.refuse(
                    f"name a cell by `:name:`; a translation has no code of its own: {cell.source!r}"
                )
        names = [key(cell) for cell in named]
        for name in names:
            if name not in known:
                near = ", ".join(difflib.get_close_matches(str(name), known, n=3, cutoff=0))
                chapter.refuse(f"the English chapter has no cell {name!r}. The nearest: {near}")
        wanted = [key(cell) for cell in their.cells]
        if names != wanted:
            where = f"the section {our.heading!r}" if our.heading else "the beginning"
            chapter.refuse(
                f"{where} must have the cells of the English one, in their order: "
                f"{', '.join(wanted) or 'none'}; it has {', '.join(names) or 'none'}"
            )


# Replacing strings and comments


def _pairs(chapter: Chapter, where: str, text: str) -> dict[str, str]:
    """The replacements in a cell's body: lines `- old` and below them lines `+ new`."""
    pairs: list[tuple[list[str], list[str]]] = []
    for line in filter(str.strip, text.splitlines()):
        sign, rest = line[:2].strip(), line[2:]
        if sign == "-" and (not pairs or pairs[-1][1]):
            pairs.append(([rest], []))
        elif sign == "-":
            pairs[-1][0].append(rest)
        elif sign == "+" and pairs:
            pairs[-1][1].append(rest)
        else:
            chapter.refuse(f"in {where}, {line!r} is neither `- old` nor, below one, `+ new`")
    found = {"\n".join(old): "\n".join(new) for old, new in pairs if new}
    if len(found) < len(pairs):
        chapter.refuse(f"in {where}, something is there twice, or has no `+ new` below it")
    return found


def _replaced(chapter: Chapter, cell, source: str, common: dict[str, str]) -> tuple[str, set[str]]:
    """The English `source` with the cell's own replacements and the common ones, and which of these fit."""
    where = f"the cell {key(cell)!r}"
    own = _pairs(chapter, where, cell.source)
    try:
        spans = literals(source)
    except (SyntaxError, tokenize.TokenError) as error:
        chapter.refuse(f"{where} is not plain Python in the English chapter ({error})")
    there = {source[start:end] for start, end in spans}
    for old in own:
        if old not in there:
            near = "".join(f" The nearest: {text}" for text in difflib.get_close_matches(old, there, n=1))
            chapter.refuse(f"in {where}, {old!r} is no string or comment of the English cell.{near}")
    words, result = {**common, **own}, source
    for start, end in reversed(spans):
        result = result[:start] + words.get(source[start:end], source[start:end]) + result[end:]
    if result != source and program(source) is None:
        chapter.refuse(f"{where} is not plain Python in the English chapter: it has to stay as it is")
    if program(result) != program(source):
        chapter.refuse(f"in {where}, a replacement changes more than strings and comments:\n{result}\n")
    return result, there & set(common)


def literals(source: str) -> list[tuple[int, int]]:
    """Where the string literals and comments of a program begin and end, in order."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found, depth, opened = [], 0, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if kind == "FSTRING_START":  # from Python 3.12 on an f-string comes in pieces
            depth, opened = depth + 1, opened if depth else start
        elif kind == "FSTRING_END":
            depth -= 1
            if depth == 0:
                found.append((opened, end))
        elif kind in ("STRING", "COMMENT") and depth == 0:
            found.append((start, end))
    return found


# Which state of the English text is translated


def digests(english: Chapter) -> dict[str, str]:
    """A short digest of every section, by heading, and of every exercise, prediction and quiz, by id.

    Line breaks and indentation do not count.
    """
    texts = {"(header)": " ".join([english.header["title"], *english.header["goals"]])}
    texts |= {section.heading or "(beginning)": section.text for section in sections(english.cells)}
    known = course.chapters_in("en").get(english.number)
    texts |= {item.id: item.words for item in ((*known.items, *known.predictions) if known else ())}
    return {
        heading: hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]
        for heading, text in texts.items()
    }


def stale(chapter: Chapter, english: Chapter) -> list[str]:
    """What has changed in English since it was translated: one line each."""
    now, then = digests(english), chapter.header["translates"]
    changed = [h for h in now if h in then and now[h] != then[h]]
    return [
        *(f"{chapter.path}: {heading!r} has changed" for heading in changed),
        *(f"{chapter.path}: {heading!r} is new" for heading in now if heading not in then),
        *(f"{chapter.path}: {heading!r} is no longer there" for heading in then if heading not in now),
    ]


def mark_translated(root: Path, name: str) -> Path:
    """Write into the header of the translation `name` ("zh/03_maml", "zh/03") that it is up to date."""
    source = root / "chapters" / "source"
    language, _, start = name.partition("/")
    files = sorted((source / language).glob(f"{start}*.md")) if start else []
    if len(files) != 1:
        raise ChapterError(f"There is no translation {name!r} in chapters/source.")
    found = {json.dumps(h, ensure_ascii=False): d for h, d in digests(read(source / files[0].name)).items()}
    block = "translates:\n" + "".join(f'  {heading}: "{digest}"\n' for heading, digest in found.items())
    text = files[0].read_text("utf-8")
    parts = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    if not parts or not isinstance(yaml.safe_load(parts[1]), dict):
        raise ChapterError(f"{name}.md: it does not begin with a header between two lines `---`.")
    header = re.sub(r"^translates:.*\n(?:[ #].*\n)*", "", parts[1], flags=re.MULTILINE)
    files[0].write_text(f"---\n{header}{block}---\n{text[parts.end() :]}", "utf-8", newline="\n")
    return files[0]
