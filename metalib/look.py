"""One look for all figures: colours, line styles and sizes.

Colours are Okabe and Ito's palette, which stays distinct for colour-blind eyes; line styles and markers
differ as well, so nothing is told by colour alone. Font sizes are for the last row of a lecture hall: a
figure is drawn 1000 pixels wide at 100 dots an inch, and no text is smaller than 12 points.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.image import AxesImage
from matplotlib.rcsetup import cycler
from matplotlib.text import Text

from metalib import notebook
from metalib.i18n import _

# Okabe & Ito, "Color Universal Design", 2008.
BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
YELLOW, BLUE, VERMILION, PURPLE = "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
DARK_GREEN = "#00694d"  # GREEN for text, which needs more contrast than lines
GREY, LIGHT_GREY = "#767676", "#d9d9d9"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

Style = dict[str, Any]  # the look of a line, a marker or a text, in matplotlib's names

# What each part of a task looks like, in every chapter.
TARGET: Style = {"color": BLACK, "linestyle": (0, (2, 1.4)), "linewidth": 2.0}
BEFORE: Style = {"color": GREY, "linestyle": "--", "linewidth": 2.2}
AFTER: Style = {"color": BLUE, "linestyle": "-", "linewidth": 3.2}
SUPPORT: Style = {
    "color": VERMILION,
    "marker": "o",
    "markersize": 10,
    "linestyle": "none",
    "markeredgecolor": "white",
    "markeredgewidth": 1.0,
}
QUERY: Style = {
    "color": GREEN,
    "marker": "s",
    "markersize": 7,
    "linestyle": "none",
    "markerfacecolor": "white",
    "markeredgecolor": GREEN,
    "markeredgewidth": 1.8,
}
STEPS = LinearSegmentedColormap.from_list(
    "steps", ["#c6dff0", "#7db6dc", BLUE]
)  # light to dark: early to late

WIDTH, DPI = 1000, 100  # pixels of a full-width picture, and its dots an inch
SMALL, TEXT, TITLE = 12, 13, 14  # points

# DejaVu Sans draws what it has, in English and in formulas; the other what it has not, in Chinese.
# tools/font.py makes it and gives it this name.
FONTS = ["DejaVu Sans", "Noto Sans SC metalib"]

_STYLE: dict[Any, object] = {
    "font.family": FONTS,
    "font.size": TEXT,
    "axes.titlesize": TITLE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 1.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.unicode_minus": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 2.4,
    "lines.markersize": 8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def style():
    """A context in which new axes and text have the course's look: `with look.style(): ...`.

    Nothing outside the `with` changes.
    """
    _make_fonts_known()
    return matplotlib.rc_context(_STYLE)


@cache
def _make_fonts_known() -> None:
    for path in sorted((Path(__file__).parent / "fonts").glob("*.otf")):
        fontManager.addfont(path)
        # The same face for bold text; without this entry matplotlib would log that it found no bold one.
        fontManager.ttflist.append(replace(fontManager.ttflist[-1], weight=700))


class CourseFigure(Figure):
    """A matplotlib figure in the course's look that displays itself, with `alt` as its text alternative.

    It belongs to no pyplot state: no backend is chosen, and nothing has to be closed.
    """

    alt = ""

    def add_subplot(self, *args, **kwargs) -> Axes:
        with style():
            return super().add_subplot(*args, **kwargs)

    def draw(self, renderer) -> None:
        with style():  # ticks are made when they are first drawn
            for text in self.findobj(Text):  # written outside a `with style()`: in the same fonts
                if text.get_fontfamily() in (["sans-serif"], ["DejaVu Sans"]):
                    text.set_fontfamily(FONTS)
            super().draw(renderer)

    def _repr_mimebundle_(self, **kwargs: object) -> notebook.Bundle:
        notebook.by_bundle_alone(CourseFigure)
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        words = self.alt or _("A figure with {n} axes.").format(n=len(self.axes))
        return notebook.bundle(words, notebook.picture(buffer.getvalue(), words))


def figure(width: float = 8.0, height: float = 4.0, alt: str = "") -> CourseFigure:
    """An empty figure for a chapter's own plots, in inches, with the text alternative `alt`."""
    made = CourseFigure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(made)
    made.alt = alt
    return made


def legend(where: Axes | Figure, **options: Any) -> None:
    """A frameless legend in one row, where no curve can hide behind it: above the axes, or above all axes of
    a figure, which share what the first of them shows."""
    place = {
        "ncols": 6,
        "borderaxespad": 0.2,
        "handlelength": 1.8,
        "columnspacing": 1.2,
        "handletextpad": 0.5,
    }
    with style():
        if isinstance(where, Axes):
            where.legend(**{**place, "loc": "lower left", "bbox_to_anchor": (0.0, 1.0), **options})
        else:
            handles, labels = where.axes[0].get_legend_handles_labels()
            where.legend(handles, labels, **{**place, "loc": "outside upper left", **options})


def band(axes: Axes, x: Any, mean: Any, std: Any, style: Style, label: str = "") -> None:
    """A predicted normal distribution over x: its mean as a line in `style`, named `label`, and around it a
    band of ± 2 standard deviations between thin lines. Each is a tensor or an array of N numbers, in any
    shape."""
    x, mean, std = (np.asarray(part).reshape(-1) for part in (x, mean, std))
    edges = mean - 2 * std, mean + 2 * std
    axes.plot(x, mean, label=label, **style)
    axes.fill_between(x, *edges, color=style["color"], alpha=0.15, linewidth=0)
    for edge in edges:
        axes.plot(x, edge, **{**style, "linewidth": 1.2})


def show_drawings(image: AxesImage, drawings: np.ndarray, x: float, y: float, size: float) -> None:
    """Show drawings, uint8 (rows, columns, H, W) with ink = 255, as black on white tiles `size` pixels wide,
    the first with its top left corner at (x, y)."""
    rows, columns, height, width = drawings.shape
    sheet = np.full((rows, height + 2, columns, width + 2), 225, np.uint8)  # a grey line around each
    sheet[:, 1:-1, :, 1:-1] = 255 - drawings.swapaxes(1, 2)
    image.set_data(sheet.reshape(rows * (height + 2), columns * (width + 2)))
    image.set_extent((x, x + columns * size, y + rows * size, y))


def sheet(axes: Axes, drawings: Any, title: str = "") -> None:
    """Show drawings in axes without ticks: uint8 (rows, columns, 1, H, W), ink = 255, array or tensor."""
    drawings = np.asarray(drawings)
    show_drawings(axes.imshow(np.zeros((1, 1)), cmap="gray", vmin=0, vmax=255), drawings[:, :, 0], 0, 0, 1)
    with style():
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=SMALL, fontweight="normal", loc="left")
    axes.grid(False)
    axes.spines[:].set_visible(False)


class Table:
    """Rows under a heading: a table in a notebook, columns of letters elsewhere.

    `heading` and each of `rows` have as many cells, text or numbers; the first column stands left, the others
    right.
    """

    def __init__(self, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self.heading, self.rows = tuple(heading), [tuple(map(str, row)) for row in rows]

    def _repr_markdown_(self) -> str:
        line = "|:--" + "|--:" * (len(self.heading) - 1) + "|"
        heading, *rows = ("| " + " | ".join(row) + " |" for row in (self.heading, *self.rows))
        return "\n".join([heading, line, *rows])

    def __repr__(self) -> str:
        rows = [self.heading, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.heading))]
        lines = (
            f"{row[0]:{widths[0]}}  "
            + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)


def table(columns: Mapping[str, Mapping[str, object]], corner: str = "", form: str = "") -> Table:
    """A table of columns with the same rows, {column: {row: value}}; values are shown in the format `form`.

    >>> table({"a": {"x": 0.5, "y": 1}, "b": {"x": 2, "y": 3}}, form=".1f").rows
    [('x', '0.5', '2.0'), ('y', '1.0', '3.0')]
    """
    names = next(iter(columns.values()))
    rows = [[name, *(format(column[name], form) for column in columns.values())] for name in names]
    return Table([corner, *columns], rows)


def fit(texts: Sequence[Text], words: Sequence[str], room: float) -> None:
    """Write `words` into `texts`, all in the largest of the three sizes in which each is at most `room`
    pixels wide; what is too long even then ends in an ellipsis."""
    for size in (TITLE, TEXT, SMALL):
        for text, said in zip(texts, words, strict=True):
            text.set(text=said, fontsize=size)
        if all(text.get_window_extent(dpi=DPI).width <= room for text in texts):
            return
    for text, said in zip(texts, words, strict=True):
        while len(said) > 1 and text.get_window_extent(dpi=DPI).width > room:
            said = said[:-1].rstrip()
            text.set_text(said + "…")


def number(value: float) -> str:
    """A loss as a learner reads it: 0.0123, 2.41, 36.2, 4.1e+09, or ∞."""
    if math.isnan(value) or math.isinf(value):
        return "∞"
    if 0.001 <= abs(value) < 1000:
        return f"{value:#.3g}".rstrip(".")
    return f"{value:.1e}"


def point(place: np.ndarray | Sequence[float]) -> str:
    """A point as a learner reads it: (0.40, −1.20)."""
    return f"({signed(place[0])}, {signed(place[1])})"


def signed(value: float) -> str:
    """Two decimals with a true minus sign; a dash where there is no number."""
    return "–" if np.isnan(value) else f"{round(float(value), 2) + 0.0:.2f}".replace("-", "−")
