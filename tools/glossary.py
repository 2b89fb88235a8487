"""The glossary: chapters/source/glossary.toml, its table, and the links from a term's first use in a chapter.

The builder links the first place in a chapter's running text where a term stands: not in headings, code,
mathematics, tables or links. CONTRIBUTING.md says how a term is written, and how a link is moved or left out.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from prose import FIXED, UNLINKED, rewrite
from sources import Chapter, ChapterError

FILE = "glossary.toml"
MARK = "```{glossary}\n```"  # stands for the table of all terms, in one chapter
HEAD = "| English | 中文 | pīnyīn | what it means | chapter |\n|---|---|---|---|---|"
_WRITTEN = re.compile(r"\{term\}`([^`<]+?)(?:\s*<([^`>]+)>)?`")


@dataclass(frozen=True)
class Term:
    """One entry. `words` and `zh_words` are what is linked by itself; given none of them, nothing is."""

    name: str
    zh: str
    pinyin: str
    says: str
    chapter: str
    words: list[str]
    zh_words: list[str]
    zh_says: str = ""

    @property
    def anchor(self) -> str:
        return "term-" + re.sub("[^a-z0-9]+", "-", self.name.lower().replace("²", "2")).strip("-")

    def title(self, language: str) -> str:
        """What a link shows under the pointer."""
        if language == "zh":
            return f"{self.name}：{self.zh_says or self.says}"
        return f"{' '.join(filter(None, [self.zh, self.pinyin]))}: {self.says}"


def terms(root: Path) -> dict[str, Term]:
    """The glossary by term; empty where there is no file.

    Raises:
        ChapterError: the file is not TOML, or an entry is incomplete or there twice.
    """
    path = root / "chapters" / "source" / FILE
    return _parsed(path.read_text("utf-8")) if path.exists() else {}


@lru_cache(maxsize=4)
def _parsed(text: str) -> dict[str, Term]:
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ChapterError(f"{FILE}: {error}.") from error
    found: dict[str, Term] = {}
    owner: dict[str, str] = {}
    for name, entry in entries.items():
        where = f"{FILE}:{text[: text.index(name)].count(chr(10)) + 1}: {name}"
        for key in ("zh", "pinyin", "says", "chapter"):
            if not isinstance(entry.get(key), str) or (not entry[key] and key != "pinyin"):
                raise ChapterError(f"{where}: {key!r} is missing.")
        if unknown := entry.keys() - {"zh", "pinyin", "says", "zh_says", "chapter", "words", "zh_words"}:
            raise ChapterError(f"{where}: {', '.join(sorted(unknown))} is not a key of an entry.")
        if re.search(r'["|$<>\n`]', entry["says"] + entry.get("zh_says", "")):
            raise ChapterError(f"{where}: 'says' is one plain sentence, without any of \" | $ < > `.")
        given = {"words": [name], "zh_words": [entry["zh"]], **entry}
        found[name] = Term(name=name, **given)
        for word in {*given["words"], *given["zh_words"]}:
            if owner.setdefault(word, name) != name:
                raise ChapterError(f"{where}: {word!r} belongs to {owner[word]!r} already.")
    return found


def table(root: Path, chapters: list[Chapter], seen_from: str = "en") -> str:
    """All terms, in the order of the alphabet, each with the anchor that its links lead to."""
    files = {chapter.number: chapter.file(seen_from) for chapter in chapters if chapter.language == "en"}
    rows = [HEAD]
    for term in sorted(terms(root).values(), key=lambda each: each.name.lower()):
        chapter = f"[{term.chapter}]({files[term.chapter]})" if term.chapter in files else term.chapter
        name = f'<a id="{term.anchor}"></a>**{term.name}**'
        rows.append(f"| {name} | {term.zh} | {term.pinyin} | {term.says} | {chapter} |")
    return "\n".join(rows)


@lru_cache(maxsize=8)
def finder(words: tuple[str, ...]) -> re.Pattern:
    """Finds any of these words, the longest first, English ones with a plural's ending too."""
    parts = []
    for word in sorted(words, key=len, reverse=True):
        if not word.isascii() and not re.search("[A-Za-z]", word):
            parts.append(re.escape(word))
            continue
        # At the beginning of a sentence the first letter may be large; a line may end inside of a term.
        first = f"[{word[0].upper()}{word[0]}]" if word[0].islower() else re.escape(word[0])
        rest = r"\s+".join(re.escape(part) for part in word[1:].split(" "))
        parts.append(rf"(?<![A-Za-z0-9_-]){first}{rest}(?:s|es)?(?![A-Za-z0-9_-])")
    return re.compile("|".join(parts) or "(?!)")


@dataclass
class Glossary:
    """Writes a chapter's links to the glossary. `home`: the file with its table, if there is one."""

    chapter: Chapter
    root: Path
    home: str | None
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        known = terms(self.root)
        for name in self.chapter.header["unlinked"]:
            if name not in known:
                self.chapter.refuse(f"its 'unlinked' has {name!r}, which is no term of {FILE}", at=name)
        written = [
            self._named(match).name
            for cell in self.chapter.cells
            if cell.cell_type == "markdown"
            for match in _WRITTEN.finditer(cell.source)
        ]
        self.done |= {*self.chapter.header["unlinked"], *written}
        self.owner = {word: term for term in known.values() for word in self._words(term)}
        self.pattern = finder(tuple(self.owner))

    def _words(self, term: Term) -> list[str]:
        return [*term.zh_words, *term.words] if self.chapter.language == "zh" else term.words

    def _named(self, match: re.Match) -> Term:
        """The term that a role names: {term}`supports <support set>`, {term}`support set`."""
        name, known = (match[2] or match[1]).strip(), terms(self.root)
        if name not in known:
            self.chapter.refuse(f"{FILE} has no term {name!r}", at=match[0])
        return known[name]

    def write(self, text: str) -> str:
        """The text with its links: those that are written, and those of terms not met before."""
        text = rewrite(text, UNLINKED, lambda piece: self.pattern.sub(self._first, piece))
        return FIXED.sub(self._fixed, text)

    def _fixed(self, match: re.Match) -> str:
        role = _WRITTEN.fullmatch(match[0])
        return self._link(self._named(role), role[1].strip()) if role else match[0]

    def _first(self, match: re.Match) -> str:
        term = self._meant(" ".join(match[0].split()))
        if term.name in self.done:
            return match[0]
        self.done.add(term.name)
        return self._link(term, match[0])

    def _meant(self, found: str) -> Term:
        """Whose word was found, perhaps in the plural or with a large first letter."""
        for word in (found, found[0].lower() + found[1:]):
            for ending in ("", "s", "es"):
                if term := self.owner.get(word.removesuffix(ending)):
                    return term
        raise AssertionError(found)

    def _link(self, term: Term, text: str) -> str:
        if not self.home:
            return text
        return f'[{text}]({self.home}#{term.anchor} "{term.title(self.chapter.language)}")'
