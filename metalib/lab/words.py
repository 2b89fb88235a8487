"""What a laboratory says beside its picture: titles, legends with their numbers, and a remark.

In a notebook it is text, so it can be read at every size, in every script, and aloud. Where no kernel runs,
`with_words` writes the same on top of the still picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from metalib import look
from metalib.i18n import _
from metalib.lab.png import encode_png

DASHES = {"-": (), "solid": (), "--": (3.7, 1.6), ":": (1.0, 1.65), "-.": (6.4, 1.6, 1.0, 1.6)}
HEAD, LINE = 26, 22  # pixels of a title and of a line of a legend, in the still picture
LARGEST = 13  # points: a larger marker is shown so in a legend


@dataclass(frozen=True)
class Entry:
    """A text of a legend, and the look (matplotlib's names) of the line or marker that it explains."""

    text: str
    look: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Panel:
    """The words above the part of the picture from `left` to `right` (0 … 1): a title and a legend."""

    left: float = 0.0
    right: float = 1.0
    title: str = ""
    legend: Sequence[Entry] = ()
    note: str = ""
    """A sentence below the legend."""


@dataclass(frozen=True)
class Words:
    """All words of one picture: panels from left to right, side by side, and a remark below the picture."""

    panels: Sequence[Panel] = ()
    remark: str = ""
    hint: str = ""
    """What can be done with the picture, said behind the remark; a recording leaves it out."""

    @property
    def below(self) -> str:
        """All that stands below the picture."""
        return " ".join(filter(None, (self.remark, self.hint)))


def as_json(words: Words) -> list[dict[str, Any]]:
    """The panels as plain lists and dicts, for the browser; it makes text of them, never HTML."""
    return [
        {
            "left": round(panel.left, 4),
            "right": round(panel.right, 4),
            "title": panel.title,
            "note": panel.note,
            "legend": [{"text": entry.text, "mark": mark_of(entry.look)} for entry in panel.legend],
        }
        for panel in words.panels
    ]


def all_in_words(settings: Iterable[str], words: Words, shows: str) -> str:
    """A picture's text alternative: how the controls are set, the words above it, what it shows itself."""
    lists = [settings]
    for panel in words.panels:
        lists += [(panel.title, *(entry.text for entry in panel.legend)), (panel.note,)]
    said = (_("; ").join(filter(None, texts)).rstrip(".。") for texts in lists)
    return " ".join([*(_("{text}.").format(text=one) for one in said if one), shows])


def mark_of(style: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The look of a line in the browser's terms: colours, dashes in pixels, a marker's name and size."""
    if style is None:
        return None
    line = Line2D([], [], **style)
    width, dash = line.get_linewidth(), style.get("linestyle", "-")
    marker = str(line.get_marker())
    return {
        "color": to_hex(line.get_color()),
        "width": 0 if dash in ("none", "None", "") else round(width, 2),
        "dash": [round(part * width, 2) for part in (DASHES[dash] if isinstance(dash, str) else dash[1])]
        if dash not in ("none", "None", "")
        else [],
        "marker": "" if marker in ("None", "none", "") else marker,
        "face": _colour(line.get_markerfacecolor()),
        "edge": _colour(line.get_markeredgecolor()),
        "edgeWidth": round(line.get_markeredgewidth(), 2),
        "size": round(min(line.get_markersize(), LARGEST), 2),
    }


def _colour(colour: Any) -> str:
    return "none" if isinstance(colour, str) and colour == "none" else to_hex(colour)


def with_words(pixels: np.ndarray, words: Words) -> bytes:
    """A PNG file of the picture, uint8 (height, width, 4), with its words written above and below it."""
    parts = [pixels]
    if words.panels:
        parts.insert(0, _band(words.panels, pixels.shape[1]))
    if words.below:
        parts.append(_band([Panel(0.01, 0.99, note=words.below)], pixels.shape[1]))
    return encode_png(np.concatenate(parts))


def _band(panels: Sequence[Panel], width: int) -> np.ndarray:
    """Panels side by side, uint8 (as high as they need, width, 4)."""
    scale = width / look.WIDTH
    figure = Figure(figsize=(look.WIDTH / look.DPI, 4), dpi=look.DPI * scale)
    canvas = FigureCanvasAgg(figure)
    with look.style():
        below = max(_write(figure, panel) for panel in panels)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[: round((below + 8) * scale)]


def _write(figure: Figure, panel: Panel) -> float:
    """Write one panel from the top down; returns how far down it reaches, in pixels."""
    width, height = look.WIDTH, figure.get_figheight() * look.DPI
    left, right, down = panel.left * width, panel.right * width, 6.0

    def write(text: str, x: float, **style: Any) -> float:
        # Names are a learner's: a $ in them is no beginning of mathematics.
        style = {"fontsize": look.SMALL, "va": "top", "parse_math": False, **style}
        return wide(figure.text(x / width, 1 - down / height, text, **style))

    def wide(made: Text) -> float:
        return made.get_window_extent().width * look.DPI / figure.dpi

    def fits(line: str, **style: Any) -> bool:
        made = figure.text(0, 0, line, **{"fontsize": look.SMALL, "parse_math": False, **style})
        long = wide(made)
        made.remove()
        return long <= right - left

    bold: look.Style = {"fontsize": look.TITLE, "fontweight": _weight(panel.title)}
    for line in _lines(panel.title, partial(fits, **bold)):
        write(line, left, **bold)
        down += HEAD
    across = left
    for entry in panel.legend:
        start = across + (36 if entry.look else 0)
        long = write(entry.text, start)
        if start + long > right and across > left:  # it does not fit here any more: on the next line
            figure.texts[-1].remove()
            across, down = left, down + LINE
            start = across + (36 if entry.look else 0)
            long = write(entry.text, start)
        if entry.look:
            y = 1 - (down + 9) / height
            x = [(across + part) / width for part in (0, 15, 30)]
            mark = Line2D(x, [y] * 3, markevery=[1], **entry.look)
            figure.add_artist(mark)
            mark.set_markersize(min(mark.get_markersize(), LARGEST))
        across = start + long + 18
    if panel.legend:
        down += LINE
    for line in _lines(panel.note, fits):
        write(line, left)
        down += LINE
    return down


def _weight(title: str) -> str:
    """Bold; but a title in Chinese, whose font has one weight, would be bold in its Latin half only."""
    return "normal" if re.search(r"[\u2e80-\uffef]", title) else "bold"


def _lines(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` in lines that fit, broken between words, or behind any character of a script without spaces.

    Its full stops, commas and closing brackets never begin a line.
    """
    lines = [""] if text else []
    closing = "，。：；！？、）》"
    for piece in re.findall(rf"[\u3000-\uffef][{closing}]*\s*|[^\s\u3000-\uffef]+[{closing}]*\s*", text):
        if lines[-1] and not fits(lines[-1] + piece.rstrip()):
            lines.append("")
        lines[-1] += piece
    return lines
