"""A drawn alphabet as a small file that can be read by eye.

    {"format": "metalib alphabet", "version": 1,
     "examples": [{"class": 1, "strokes": [[[0.2, 0.3], [0.8, 0.3]]]},
                  {"class": 2, "pixels": "AAAA…", "source": "Greek/character07, drawing 3"}],
     "query": {"strokes": [[[0.2, 0.3], [0.8, 0.3]]]}}

A drawing has either `strokes`, lists of points (x, y) in widths of the pad from its upper left corner, or
`pixels`, 28 · 28 bytes row by row with ink = 255, in base64. `class` is 1 … 10, with 1 … 5 examples each;
`query` may be null. All of it is checked on reading; nothing in the file is ever run.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from metalib.data.alphabet import Alphabet, Drawing
from metalib.data.omniglot import SIZE
from metalib.i18n import _
from metalib.paths import expanded, write_atomically

FORMAT, VERSION = "metalib alphabet", 1
LARGEST = 2_000_000  # bytes; a full board of long strokes has about a tenth
MOST_POINTS = 20_000  # of one drawing
LONGEST = 200  # bytes of a name: systems hold 255, and an unfinished file's is longer
FORBIDDEN = '<>:"|?*\\\0'  # in names, on some system


def write(alphabet: Alphabet, path: str | Path, known: Alphabet | None = None) -> Path:
    """Save the alphabet, whole or not at all; returns the path. Without the suffix ".json" it gets it.

    Args:
        known: what this path was known to hold, and may lose. Another alphabet stays.

    Raises:
        ValueError: there is nothing to save; a name that not every system can hold, or no folder; or another
            file of that name is there, an alphabet that is not the known one, or none at all.
        CacheError: the folder cannot be written.
    """
    path = named(path)
    if not path.parent.is_dir():
        raise ValueError(
            _("There is no folder {folder}: make it first, or choose another one.").format(folder=path.parent)
        )
    if not alphabet.examples and alphabet.query is None:
        raise ValueError(_("The board is empty: there is nothing to save."))
    if path.exists():
        try:
            there = read(path)
        except (OSError, ValueError):
            raise ValueError(
                _(
                    "{path} is there already and is not a saved alphabet: it stays; choose another name."
                ).format(path=path)
            ) from None
        if there not in (known, alphabet):
            raise ValueError(
                _("{path} holds another alphabet: it stays; load it first, or choose another name.").format(
                    path=path
                )
            )
    content = {
        "format": FORMAT,
        "version": VERSION,
        "examples": [{"class": label, **_written(drawing)} for label, drawing in alphabet.examples],
        "query": alphabet.query and _written(alphabet.query),
    }
    return write_atomically(path, (json.dumps(content, ensure_ascii=False) + "\n").encode())


def read(path: str | Path) -> Alphabet:
    """The alphabet of a file that `write` made.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a name that no file can have; too large, cut short, or not an alphabet; the message says
            which.
    """
    path, given = named(path), expanded(str(path).strip())
    path = given if given.is_file() else path
    if not path.is_file():
        raise FileNotFoundError(_("There is no file {path}.").format(path=path))
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(
            _("{path} has {size} bytes; a saved alphabet has {most} at most.").format(
                path=path, size=size, most=LARGEST
            )
        )
    try:
        return parse(path.read_bytes())
    except ValueError as error:
        raise ValueError(
            _("{path} is not a saved alphabet: {reason}").format(path=path, reason=error)
        ) from error


def named(path: str | Path) -> Path:
    """The path of an alphabet's file, with its suffix. Raises ValueError for a name that not every system can
    hold: an alphabet is passed on to other people."""
    text = str(path).strip()
    path = expanded(text)
    name = path.name
    if not text or not name.strip(" ."):
        raise ValueError(_("A file needs a name, such as my_alphabet.json."))
    if not name.lower().endswith(".json"):
        path, name = path.with_name(f"{name}.json"), f"{name}.json"
    if len(name.encode()) > LONGEST:
        raise ValueError(
            _("The name of the file is too long: {n} bytes, and {most} is the most.").format(
                n=len(name.encode()), most=LONGEST
            )
        )
    if strange := sorted({sign for sign in name if sign in FORBIDDEN or not sign.isprintable()}):
        raise ValueError(
            _("The name of a file cannot hold {signs}.").format(signs=" ".join(map(repr, strange)))
        )
    return path


def parse(content: bytes) -> Alphabet:
    """The alphabet that is written in `content`. Raises ValueError, in half a sentence."""
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ValueError(_("it is not JSON, or it was cut short.")) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(_('its "format" is not "{format}".').format(format=FORMAT))
    if data.get("version") != VERSION:
        raise ValueError(
            _("it is of version {found!r}, and this metalib reads version {ours}.").format(
                found=data.get("version"), ours=VERSION
            )
        )
    examples, query = data.get("examples"), data.get("query")
    if not isinstance(examples, list) or not all(isinstance(one, dict) for one in examples):
        raise ValueError(_('its "examples" are not a list of drawings.'))
    alphabet = Alphabet(query=None if query is None else _drawing(query, _("the query")))
    for number, example in enumerate(examples, 1):
        alphabet = alphabet.add(example.get("class"), _drawing(example, _("example {n}").format(n=number)))
    return alphabet


def _written(drawing: Drawing) -> dict[str, Any]:
    if drawing.strokes:
        return {"strokes": drawing.strokes}
    return {"pixels": base64.b64encode(drawing.pixels).decode("ascii"), "source": drawing.source}


def _drawing(data: Any, name: str) -> Drawing:
    try:
        if data.get("strokes"):
            strokes = data["strokes"]
            if sum(len(stroke) for stroke in strokes) > MOST_POINTS:
                raise ValueError
            return Drawing.of(strokes)
        pixels = base64.b64decode(data["pixels"], validate=True)
        source = data.get("source", "")
        if len(pixels) != SIZE * SIZE or not isinstance(source, str) or len(source) > 200:
            raise ValueError
        return Drawing(pixels, source=source)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            _("{name} has neither good strokes nor {size} × {size} pixels.").format(name=name, size=SIZE)
        ) from None
