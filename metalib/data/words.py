"""Words of many languages, in their own scripts: names of territories, of languages, of months and weekdays.

From Unicode CLDR, collected by ``tools/words.py`` into ``words.json.xz``; Unicode's licence lies beside it in
``UNICODE-LICENSE.txt``. A word that two languages write alike is in neither list: no word has two right
answers.

A word is a row of whole numbers, one a character: its Unicode code points between the code points START and
END, then zeros. So no character is unknown, whatever the script.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metalib.data.splits import SPLITS, by_permutation, check_choice
from metalib.i18n import _

FILE = Path(__file__).with_name("words.json.xz")
KINDS = {
    "territories": "names of territories",
    "languages": "names of languages",
    "calendar": "names of months and weekdays",
}
PADDING, START, END = 0, 2, 3
"""Code points that no word has: nothing, and Unicode's own "start of text" and "end of text"."""
LENGTH = 24
"""Numbers a word: at most 22 characters between START and END."""
SEED = 20230711
FAMILIES_IN_TRAINING = ("Indo-European", "Niger–Congo", "Creole", "Constructed")
"""Of the languages in Latin script these families are split by language; all others are held out whole."""
HELD_OUT = ("other-family", "other-script")


@dataclass(frozen=True, eq=False)
class WordSet:
    """Words of several languages, to draw episodes from: a language is a class, a word is a drawing.

    tokens: int64 (languages, words, 24), as `encode` makes them. counts: int64 (languages,), how many words
    each has; the rows after them are zeros. names: of the languages, in English. families and scripts: one
    for each language. title: what the set is, for captions.
    """

    tokens: Tensor
    counts: Tensor
    names: tuple[str, ...]
    families: tuple[str, ...]
    scripts: tuple[str, ...]
    title: str = ""

    def __len__(self) -> int:
        """The number of languages."""
        return len(self.tokens)

    @property
    def classes(self) -> int:
        return len(self.tokens)

    def words(self, language: int) -> list[str]:
        """The words of one language."""
        return [decode(row) for row in self.tokens[language, : int(self.counts[language])]]

    def subset(self, indices: Iterable[int], title: str | None = None) -> WordSet:
        """The chosen languages, in the order of `indices`."""
        chosen = [int(index) for index in indices]
        return replace(
            self,
            tokens=self.tokens[chosen],
            counts=self.counts[chosen],
            names=tuple(self.names[i] for i in chosen),
            families=tuple(self.families[i] for i in chosen),
            scripts=tuple(self.scripts[i] for i in chosen),
            title=self.title if title is None else title,
        )

    def __repr__(self) -> str:
        scripts, families = len(set(self.scripts)), len(set(self.families))
        return (
            f"WordSet({self.title!r}: {len(self)} languages of {families} families in {scripts} "
            f"{'script' if scripts == 1 else 'scripts'}, {int(self.counts.sum())} words)"
        )


def words(of: str = "territories", split: str = "all", script: str | None = None) -> WordSet:
    """Words of one kind in up to two hundred languages.

    of: "territories", "languages" (their names) or "calendar" (months and weekdays).
    split: "train", "validation" and "test" are languages in Latin script of the families in
    `FAMILIES_IN_TRAINING`, by a fixed permutation 60 %, 10 % and 30 %; a language is in the same split
    whatever `of` is. "other-family" is all other languages in Latin script, "other-script" those in any other
    script. "all" is everything. script: only languages in this script.

    Raises ValueError for anything else, and for a script in which there is no language of that split.
    """
    check_choice("of", of, tuple(KINDS))
    check_choice("split", split, (*SPLITS, *HELD_OUT, "all"))
    everything = _languages()
    wanted = [
        code
        for code, entry in everything.items()
        if of in entry and split in ("all", _splits()[code]) and script in (None, entry["script"])
    ]
    if not wanted:
        check_choice("script", str(script), sorted({entry["script"] for entry in everything.values()}))
        raise ValueError(
            _("there is no language in the script {script} in the split {split!r}.").format(
                script=script, split=split
            )
        )
    chosen = [everything[code] for code in wanted]
    tokens = torch.zeros(len(chosen), max(len(entry[of]) for entry in chosen), LENGTH, dtype=torch.int64)
    for row, entry in zip(tokens, chosen, strict=True):
        row[: len(entry[of])] = encode(entry[of])
    return WordSet(
        tokens,
        torch.tensor([len(entry[of]) for entry in chosen]),
        names=tuple(entry["name"] for entry in chosen),
        families=tuple(entry["family"] for entry in chosen),
        scripts=tuple(entry["script"] for entry in chosen),
        title=f"{KINDS[of]}, {split}",
    )


def encode(texts: Sequence[str]) -> Tensor:
    """Texts as code points: int64 (words, 24). Raises ValueError for a text of more than 22 characters."""
    rows = []
    for text in texts:
        if len(text) > LENGTH - 2:
            raise ValueError(
                _("a word has at most {most} characters, but {text!r} has {length}.").format(
                    most=LENGTH - 2, text=text, length=len(text)
                )
            )
        rows.append([START, *map(ord, text), END] + [PADDING] * (LENGTH - 2 - len(text)))
    return torch.tensor(rows)


def decode(tokens: Tensor) -> str:
    """The text of one word, (24,)."""
    return "".join(chr(code) for code in tokens.tolist() if code not in (PADDING, START, END))


@cache
def _languages() -> dict[str, dict[str, Any]]:
    """Code -> name, family, script and the words of each kind, as in the file."""
    return json.loads(lzma.decompress(FILE.read_bytes()))["languages"]


@cache
def _splits() -> dict[str, str]:
    """Code -> split."""
    found = {
        code: "other-script" if entry["script"] != "Latin" else "other-family"
        for code, entry in _languages().items()
    }
    shuffled = [
        code
        for code, entry in _languages().items()
        if entry["script"] == "Latin" and entry["family"] in FAMILIES_IN_TRAINING
    ]
    train, validation = len(shuffled) * 6 // 10, len(shuffled) // 10
    sizes = (train, validation, len(shuffled) - train - validation)
    for split in SPLITS:
        found.update((shuffled[i], split) for i in by_permutation(sizes, split, SEED).tolist())
    return found
