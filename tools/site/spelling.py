"""Check the spelling of the built site's English pages, in British English.

    python tools/site/spelling.py           build/site; says which words are unknown, and where
    python tools/site/spelling.py DIR       another site

Enchant looks words up in the system's British dictionary (Debian: libenchant-2-2 and hunspell-en-gb; its
wheels for Windows and macOS have one). words.txt beside this file has the course's own words; names of
authors stand in references.bib. Code, formulas and other languages are left alone.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from bs4 import BeautifulSoup

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OWN = HERE / "words.txt"
REFERENCES = ROOT / "chapters" / "source" / "references.bib"
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
ADDRESS = re.compile(r"\S*(?:://|@|\w\.\w|\w/\w|\w_\w|\\)\S*")  # no words of a language
NOT_PROSE = "code, pre, math, script, style, svg, canvas, .headerlink, [lang]:not([lang^=en])"


def words_of(html: str) -> list[str]:
    """The words of a page's text, with those of its pictures' text alternatives."""
    page = BeautifulSoup(html, "html.parser")
    article = page.find("article") or page
    for part in article.select(NOT_PROSE):
        part.replace_with(" … ")
    texts = [article.get_text(" "), *(picture.get("alt", "") for picture in article.find_all("img"))]
    return [word for text in texts for word in WORD.findall(ADDRESS.sub(" ", text))]


def known_words() -> set[str]:
    """The course's own words, and those of its references: names, places, titles."""
    own = (line.partition("#")[0].strip() for line in OWN.read_text("utf-8").splitlines())
    return {*filter(None, own), *WORD.findall(REFERENCES.read_text("utf-8"))}


def unknown(site: Path) -> dict[str, list[str]]:
    """The words that are in no dictionary, and the pages that have them.

    Raises:
        ImportError: Enchant, or its British dictionary, is not installed.
    """
    import enchant

    if not enchant.dict_exists("en_GB"):
        raise ImportError("Enchant has no British dictionary: install hunspell-en-gb.")
    dictionary, own = enchant.Dict("en_GB"), known_words()
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(site.glob("*.html")):
        for word in sorted(set(words_of(file.read_text("utf-8")))):
            plain = re.sub(r"['’]s?$", "", word).replace("’", "'")
            if plain.isascii() and not ({plain, plain.lower()} & own or dictionary.check(plain)):
                found[word].append(file.name)
    return dict(found)


def main(arguments: list[str]) -> int:
    site = Path(arguments[0]) if arguments else ROOT / "build" / "site"
    try:
        found = unknown(site)
    except ImportError as error:
        print(f"The spelling cannot be checked: {error}", file=sys.stderr)
        return 2
    for word, places in found.items():
        print(f"{word}: in {', '.join(places)}")
    if found:
        print(f"{len(found)} unknown words: mend them, or add what is right to {OWN.relative_to(ROOT)}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
