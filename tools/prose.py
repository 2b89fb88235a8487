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
