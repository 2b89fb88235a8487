"""The parts of a chapter's Markdown: what is running text, and what a link must not be put into."""

from __future__ import annotations

import re
from collections.abc import Callable

# Code, the role {term}, mathematics, links, HTML and bare addresses.
_FIXED = r"""
    ^[ ]*```.*?^[ ]*```[^\n]*$
  | \{term\}`[^`]+`
  | (?P<ticks>`+).+?(?P=ticks)
  | \$\$.+?\$\$
  | (?<!\\)\$(?:(?!\n\n)[^$])+\$
  | !?\[[^\]]*\]\([^)]*\)
  | <[/!a-zA-Z][^>]*>
  | https?://\S+
"""
# Headings, rows of tables, whole entries of a reading list, citations.
_UNLINKED = r"""
  | ^\#{1,6}[ ].*?$
  | ^[ ]*\|.*?$
  | ^-[ ]\[@[^\]]*\].*?(?=\n-[ ]|\n\n|\Z)
  | \[[^\]\[]*@[^\]]*\]
  | @[a-z]+\d{4}\w*
"""
_FLAGS = re.VERBOSE | re.MULTILINE | re.DOTALL
FIXED = re.compile(_FIXED, _FLAGS)
_LINK = r"\[[^\]]*\]\([^)]*\)"
# What is emphasised, perhaps with links; code and mathematics, in which asterisks are none.
_EMPHASIS = re.compile(
    rf"""
    (?<![*\\])(?P<stars>\*{{1,3}})(?P<inside>(?![\s*])(?:{_LINK}|(?!\n\n)[^*`$])+?)(?P=stars)(?!\*)
  | {_FIXED}
""",
    _FLAGS,
)
UNLINKED = re.compile(_FIXED + _UNLINKED, _FLAGS)


def rewrite(text: str, fixed: re.Pattern, change: Callable[[str], str]) -> str:
    """The text with `change` applied to each piece that lies between two matches of `fixed`."""
    pieces, at = [], 0
    for found in fixed.finditer(text):
        pieces += [change(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*pieces, change(text[at:])])


def running(text: str) -> str:
    """Only the running text: without code, mathematics, links and HTML."""
    return FIXED.sub(" ", text)


def emphasis_inside_links(text: str) -> str:
    """`个**[词](…)**` as `个[**词**](…)`: asterisks between a letter and a bracket are shown, not obeyed.

    That is CommonMark's rule (left- and right-flanking runs), made for languages with spaces between words:
    where there are none, the links that the builder puts into emphasised words would break the emphasis.
    """
    return _EMPHASIS.sub(_inside_links, text)


def _inside_links(found: re.Match) -> str:
    inside, stars = found["inside"], found["stars"]
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    broken = inside and (inside[0] == "[" and before.isalnum() or inside[-1] == ")" and after.isalnum())
    if not broken:
        return found[0]
    parts = rf"(?P<link>\[)(?P<text>[^\]]*)(?P<end>\]\([^)]*\))|(?P<plain>(?:(?!{_LINK}).)+)"
    return re.sub(parts, lambda part: _emphasised(part, stars), inside, flags=re.DOTALL)


def _emphasised(part: re.Match, stars: str) -> str:
    if part["link"]:
        return f"[{stars}{part['text']}{stars}{part['end']}"
    words = part["plain"].strip()  # a space inside of the asterisks would be a mistake of the same kind
    return part["plain"].replace(words, f"{stars}{words}{stars}") if words else part["plain"]
