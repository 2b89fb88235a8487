"""Search in Chinese: every pair of neighbouring characters is a word, in the index and in the question.

So a word is found whatever stands around it, and no dictionary has to know it. Sphinx's own way looks words
up in jieba's dictionary for the index, but takes the question as it stands: half of the words find nothing.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

RUN = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+")


class Pairs(SearchEnglish):
    """English words as English, Chinese ones as pairs of characters."""

    lang = "zh"
    js_splitter_code = r"""
var splitQuery = (query) =>
  (query.match(/[\u3400-\u9fff]+|[^\P{L}\u3400-\u9fff]+|[\p{N}_]+/gu) ?? []).flatMap((run) =>
    /^[\u3400-\u9fff]{3,}$/.test(run)
      ? Array.from({ length: run.length - 1 }, (_, at) => run.slice(at, at + 2))
      : [run],
  );
"""

    def split(self, input: str) -> list[str]:
        return [word for run in RUN.findall(input) for word in pairs(run)]

    def word_filter(self, word: str) -> bool:
        return bool(re.match(r"[\u3400-\u9fff]", word)) or super().word_filter(word)


def pairs(run: str) -> list[str]:
    """A run of Chinese characters as its pairs of neighbours; anything else as it is."""
    if not re.match(r"[\u3400-\u9fff]{3}", run):
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_search_language(Pairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
