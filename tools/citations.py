"""Citations: from chapters/source/references.bib into the prose. CONTRIBUTING.md says how one is written.

In prose `@finn2017maml` reads *Finn et al. (2017)* and `[@finn2017maml, section 5.1]` reads *(Finn et al.,
2017, section 5.1)*: the syntax of Pandoc and of MyST. A list entry that begins with `[@finn2017maml]` begins
with the whole reference. Short citations lead to the bibliography as soon as a chapter has one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prose import FIXED, rewrite
from pybtex.database import Entry, Person, parse_string
from pybtex.exceptions import PybtexError
from sources import Chapter, ChapterError

FILE = "references.bib"
MARK = "```{bibliography}\n```"  # stands for the list of all references, in one chapter
KEY = re.compile(r"[a-z]+\d{4}[a-z0-9]+")
# What an entry must have beside author, title and year; and one identifier of IDENTIFIERS.
NEEDED = {
    "article": ("journal", "volume"),
    "inproceedings": ("booktitle",),
    "misc": (),
    "book": ("publisher",),
    "mastersthesis": ("type", "school"),
}
IDENTIFIERS = ("doi", "eprint", "url", "isbn")
KNOWN = {"title", "year", "eprint", "archiveprefix", "number", "pages", "edition", "editor", *IDENTIFIERS}
KNOWN |= {field for fields in NEEDED.values() for field in fields}
MANY = 12  # of more authors than these the first is named

_LIST_ENTRY = re.compile(r"^(?P<dash>[ ]*- )\[@(?P<key>[\w-]+)\](?=\s|$)", re.MULTILINE)
_CITATION = re.compile(r"\[(?P<group>[^\]\[]*@[^\]\[]*)\]|(?<![\w.@])@(?P<key>[A-Za-z][\w-]*)")
_ONE = re.compile(r"(?P<before>[^@]*)@(?P<key>[\w-]+)(?P<after>[^@]*)")


@dataclass(frozen=True)
class Reference:
    """One entry of references.bib."""

    key: str
    entry: Entry

    @property
    def authors(self) -> list[Person]:
        return self.entry.persons.get("author") or self.entry.persons["editor"]

    @property
    def title(self) -> str:
        return self["title"]

    @property
    def anchor(self) -> str:
        return f"ref-{self.key}"

    def __getitem__(self, field: str) -> str:
        """A field's text, without braces (which keep BibTeX from changing its case), or an empty one."""
        text = re.sub(r"[{}]", "", self.entry.fields.get(field, ""))
        return " ".join(text.replace("--", "–").split())

    def short(self, language: str = "en") -> str:
        """*Finn et al.*, *Ravi and Larochelle*, *Thompson*."""
        names = [family(person) for person in self.authors]
        if len(names) > 2:
            return f"{names[0]} 等人" if language == "zh" else f"{names[0]} et al."
        return (" 和 " if language == "zh" else " and ").join(names)

    def full(self) -> str:
        """The whole reference, in Markdown."""
        names = [f"{initials(person)} {family(person)}".strip() for person in self.authors]
        who = ", ".join(names) if len(names) <= MANY else f"{names[0]} and {len(names) - 1} others"
        if "author" not in self.entry.persons:
            who += " (editors)"
        stop = "" if self.title[-1] in "?!" else "."
        return f"{who}: *{self.title}*{stop} {self._where()}."

    def _where(self) -> str:
        year, kind = self["year"], self.entry.type
        if kind == "misc":
            return f"{self._identifier()}, {year}"
        if kind == "article":
            number = f"({self['number']})" if self["number"] else ""
            pages = f", {self['pages']}" if self["pages"] else ""
            place = f"{self['journal']} {self['volume']}{number}{pages}, {year}"
        elif kind == "inproceedings":
            # A conference by its usual short name, which stands behind its whole one: (ICML).
            short = re.search(r"\((.+)\)$", self["booktitle"])
            place = f"{short[1] if short else self['booktitle']} {year}"
        elif kind == "book":
            edition = f"{self['edition']} edition, " if self["edition"] else ""
            place = f"{self['publisher']}, {edition}{year}"
        else:
            place = f"{self['type']}, {self['school']}, {year}"
        return ". ".join(filter(None, [place, self._identifier()]))

    def _identifier(self) -> str:
        if eprint := self["eprint"]:
            return f"[arXiv:{eprint}](https://arxiv.org/abs/{eprint})"
        if doi := self["doi"]:
            return f"[doi:{doi}](https://doi.org/{doi.replace('(', '%28').replace(')', '%29')})"
        if url := self["url"]:
            return f"[{url.split('/')[2].removeprefix('www.')}]({url})"
        return f"ISBN {self['isbn']}"

    def faults(self) -> list[str]:
        """What is wrong with the entry."""
        kind = self.entry.type
        if kind not in NEEDED:
            return [f"an entry is one of {', '.join(NEEDED)}, not {kind!r}"]
        said = [f"{field!r} is missing" for field in ("title", "year", *NEEDED[kind]) if not self[field]]
        said += [f"{field!r} is not a field we know" for field in self.entry.fields if field not in KNOWN]
        if not any(self[field] for field in IDENTIFIERS):
            said.append(f"it needs an identifier: one of {', '.join(IDENTIFIERS)}")
        people = self.entry.persons.get("author") or self.entry.persons.get("editor", [])
        if not people or any("others" in person.last_names or not initials(person) for person in people):
            return [*said, "every author needs a name and a first name, and 'and others' is none"]
        start = letters(family(people[0])) + self["year"]
        if not KEY.fullmatch(self.key) or not self.key.startswith(start):
            said.append(f"its key must be {start!r} and one word, like finn2017maml")
        return said


def family(person: Person) -> str:
    return " ".join([*person.prelast_names, *person.last_names])


def initials(person: Person) -> str:
    """ "Wei-Yu" -> "W.-Y.", "Timothy P." -> "T. P."."""
    given = [*person.first_names, *person.middle_names]
    return " ".join("-".join(f"{part[0]}." for part in name.split("-")) for name in given)


def letters(name: str) -> str:
    """ "Müller-von Oswald" -> "mullervonoswald"."""
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", name).lower())


def references(root: Path) -> dict[str, Reference]:
    """The entries of references.bib by key; none where there is no such file.

    Raises:
        ChapterError: the file is not BibTeX, or an entry is not complete; with the line.
    """
    path = root / "chapters" / "source" / FILE
    return _parsed(path.read_text("utf-8")) if path.exists() else {}


@lru_cache(maxsize=4)
def _parsed(text: str) -> dict[str, Reference]:
    try:
        entries = parse_string(text, "bibtex").entries
    except PybtexError as error:
        raise ChapterError(f"{FILE}: {error}") from error
    found = {key: Reference(key, entry) for key, entry in entries.items()}
    for key, reference in found.items():
        if said := reference.faults():
            line = text[: text.index(f"{{{key},")].count("\n") + 1
            raise ChapterError(f"{FILE}:{line}: {key}: {'; '.join(said)}.")
    return found


def bibliography(root: Path) -> str:
    """All references, by author, each with the anchor that citations lead to."""
    known = references(root).values()
    ordered = sorted(known, key=lambda each: (letters(family(each.authors[0])), each["year"], each.key))
    return "\n".join(f'- <a id="{each.anchor}"></a>{each.full()}' for each in ordered)


def keys(text: str) -> list[str]:
    """What a piece of prose cites, in order."""
    found = []

    def note(piece: str) -> str:
        for match in _CITATION.finditer(piece):
            found.extend(
                [match["key"]] if match["key"] else [one["key"] for one in _ONE.finditer(match["group"])]
            )
        return piece

    rewrite(text, FIXED, note)
    return found


@dataclass(frozen=True)
class Citations:
    """Writes a chapter's citations out. `home`: the file with the bibliography, if there is one."""

    chapter: Chapter
    root: Path
    home: str | None

    def write(self, text: str) -> str:
        return rewrite(text, FIXED, self._piece)

    def _piece(self, text: str) -> str:
        text = _LIST_ENTRY.sub(lambda m: m["dash"] + self._known(m["key"]).full(), text)
        # An address that the whole reference brought is a link: leave it.
        return rewrite(text, FIXED, lambda piece: _CITATION.sub(self._citation, piece))

    def _known(self, key: str) -> Reference:
        found = references(self.root)
        if key not in found:
            self.chapter.refuse(f"{FILE} has no entry {key!r}", at=f"@{key}")
        return found[key]

    def _citation(self, match: re.Match) -> str:
        chinese = self.chapter.language == "zh"
        if match["key"]:
            reference = self._known(match["key"])
            form = "{}（{}）" if chinese else "{} ({})"
            return self._link(
                reference, form.format(reference.short(self.chapter.language), reference["year"])
            )
        parts = []
        for part in re.split("[;；]", match["group"]):
            one = _ONE.fullmatch(part.strip())
            if not one:
                self.chapter.refuse(
                    f"[{match['group']}] is not a citation: each part has one @key", at=match[0]
                )
            reference = self._known(one["key"])
            text = f"{reference.short(self.chapter.language)}{'，' if chinese else ', '}{reference['year']}"
            parts.append(one["before"] + self._link(reference, text) + one["after"])
        return f"（{'；'.join(parts)}）" if chinese else f"({'; '.join(parts)})"

    def _link(self, reference: Reference, text: str) -> str:
        if not self.home:
            return text
        title = reference.title.replace('"', "&quot;")
        return f'[{text}]({self.home}#{reference.anchor} "{title}")'
