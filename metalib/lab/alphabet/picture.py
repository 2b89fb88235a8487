"""The painter of the alphabet laboratory: a row for each class, a column for each method."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from metalib import look
from metalib.data.omniglot import SIZE
from metalib.i18n import _, ngettext
from metalib.lab.alphabet.board import MAX_CLASSES, MAX_EXAMPLES, QUERY, Board
from metalib.lab.alphabet.rules import PIXELS
from metalib.lab.picture import Picture

COLOURS = (look.BLUE, look.VERMILION, look.PURPLE, look.ORANGE)


class AlphabetPicture(Picture):
    """Left: the query and the examples. Then for each method its probabilities, in the same rows."""

    height = 466
    top, high = 126, 306  # of the rows, in pixels
    tiles, bars = 62, 354  # where the examples and the methods' columns begin

    def __init__(self, methods: Iterable[str], takes_steps: Iterable[str] = ()) -> None:
        super().__init__()
        self.methods, self.takes_steps = (*methods, PIXELS), set(takes_steps)
        self.column = (self.width - self.bars - 8) / len(self.methods)

    def build(self, figure: Figure) -> Iterable[Artist]:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        grey = {"cmap": "gray", "vmin": 0, "vmax": 255, "aspect": "auto", "interpolation": "bilinear"}
        methods = range(len(self.methods))
        made = [axes.imshow(np.full((2, 2), 255), **grey) for _image in range(3 + len(methods))]
        self.sheet, self.query, self.ghost, *self.winners = made
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))  # pixels, from the top left
        for number in methods:
            x = self.bars + number * self.column - 14
            axes.plot([x, x], [14, self.top + self.high], color=look.LIGHT_GREY, linewidth=1.5)

        def text(x: float, y: float, words: str = "", **style: Any) -> Artist:
            return axes.text(x, y, words, **{"fontsize": look.TEXT, "va": "center", **style})

        def frame(**style: Any) -> Rectangle:
            return axes.add_patch(Rectangle((0, 0), 1, 1, fill=False, **style))

        bold = {"fontweight": "bold"}
        small = {"fontsize": look.SMALL}
        self.titles = [text(self._x(number), 26, **bold) for number in methods]
        headings = [_("nearest pixels") if name == PIXELS else name for name in self.methods]
        look.fit(self.titles, headings, self.column - 20)
        self.verdicts = [text(self._x(number), 52, va="top", linespacing=1.3, **small) for number in methods]
        self.asked = text(self.tiles + 104, 26, _("query"), fontsize=look.TITLE, **bold)
        self.help = text(self.tiles + 104, 42, va="top", linespacing=1.3, **small)
        note = _("Pixels: softmax of −d².")
        if self.takes_steps:
            alone = _("{name} sees each query alone, beside the support set: it is not transductive.")
            note = f"{alone.format(name=', '.join(sorted(self.takes_steps)))} {note}"
        text(self.tiles, self.height - 16, note, color="#444444", **small)
        rows = range(MAX_CLASSES)
        self.numbers = [text(50, 0, ha="right", **bold) for _row in rows]
        self.pen = text(3, 0, "✎", fontsize=look.TITLE)
        self.empty = text(self.tiles + 4, self.top + 24, va="top", linespacing=1.5, **small)
        self.rectangles = [[self._bar(axes, number) for _row in rows] for number in methods]
        self.shares = [[text(0, 0, **small) for _row in rows] for _method in methods]
        self.around = frame(edgecolor=look.BLUE, linewidth=3.0)
        self.dashes = frame(edgecolor=look.GREY, linewidth=1.4, linestyle=(0, (4, 2)))
        self.focus = frame(edgecolor=look.GREY, linewidth=1.4)
        self.standing = self.examples = None  # what was drawn last, to draw anew only what has changed
        moving = [*made, *self.verdicts, self.around, self.dashes, self.focus]
        return [*moving, *(one for column in (*self.rectangles, *self.shares) for one in column)]

    def _x(self, method: int) -> float:
        return self.bars + method * self.column

    def _bar(self, axes: Any, method: int) -> Rectangle:
        colour = look.GREY if method == len(self.methods) - 1 else COLOURS[method % len(COLOURS)]
        return axes.add_patch(Rectangle((0, 0), 1, 1, facecolor=colour, edgecolor="none"))

    def pitch(self, result: Board) -> float:
        """From one row to the next, and from one example to the next, in pixels."""
        return min(54.0, self.high / max(len(result.rows), 1))

    def tile(self, result: Board, row: int, column: int) -> tuple[float, float, float]:
        """Where an example is: its left and upper edge and its size, in pixels."""
        pitch = self.pitch(result)
        return self.tiles + (column + 1 / 32) * pitch, self.top + (row + 1 / 32) * pitch, pitch * 30 / 32

    def at(self, result: Board, x: float, y: float) -> tuple[str, int] | None:
        """What is at (x, y), 0..1 from left and top: ("example", its number), ("class", 1 … 10),
        ("query", 0), or None."""
        x, y = x * self.width, y * self.height
        if y < self.top - 4:
            return ("query", QUERY) if x < self.bars - 14 else None
        row = int((y - self.top) / self.pitch(result))
        if not 0 <= row < len(result.rows):
            return None
        label, column = result.rows[row], (x - self.tiles) / self.pitch(result)
        if 0 <= column < len(result.alphabet.of_class(label)):
            return "example", self._first(result, label) + int(column)
        return "class", label

    @staticmethod
    def _first(result: Board, label: int) -> int:
        return sum(1 for one, _drawing in result.alphabet.examples if one < label)

    def update(self, result: Board) -> None:
        alphabet = result.alphabet
        empty = not alphabet.examples and not result.pending
        standing = (result.rows, result.target, alphabet.query is None, empty)
        if self.standing != standing:
            self.standing = standing
            self._standing(result)
            self.redraw()
        if self.examples != (alphabet.examples, result.rows):
            self.examples = (alphabet.examples, result.rows)
            self._sheet(result)

        # The next example of the class that is drawn for: a ghost of what is on the pad.
        drawn_for = result.rows.index(result.target) if result.target in result.rows else None
        count = len(alphabet.of_class(result.target))
        open_slot = drawn_for is not None and count < MAX_EXAMPLES
        x, y, size = self.tile(result, drawn_for or 0, count)
        self.dashes.set_visible(open_slot)
        self.dashes.set_bounds(x, y, size, size)
        self.ghost.set_visible(open_slot and result.pending is not None)
        if self.ghost.get_visible():
            look.show_drawings(self.ghost, result.pending.picture[None, None], x, y, size)
        self.around.set_visible(result.cursor is not None)
        if result.cursor is not None:
            label = alphabet.examples[result.cursor][0]
            across = result.cursor - self._first(result, label)
            x, y, size = self.tile(result, result.rows.index(label), across)
            self.around.set_bounds(x, y, size, size)

        self.query.set_visible(alphabet.query is not None)
        if alphabet.query is not None:
            look.show_drawings(self.query, alphabet.query.picture[None, None], self.tiles, 14, 92)
        self.focus.set_bounds(self.tiles, 14, 92, 92)
        self.focus.set_linestyle("-" if alphabet.query else (0, (4, 2)))
        self.focus.set_linewidth(3.0 if result.target == QUERY else 1.4)
        self.focus.set_edgecolor(look.BLUE if result.target == QUERY else look.GREY)
        for number, name in enumerate(self.methods):
            self._column(result, number, name)

    def _standing(self, result: Board) -> None:
        """What changes with the classes and the target, but not while somebody draws."""
        height, alphabet = self.pitch(result), result.alphabet
        for row, number in enumerate(self.numbers):
            number.set_text(str(result.rows[row]) if row < len(result.rows) else "")
            number.set_y(self.top + (row + 0.5) * height)
        self.pen.set_visible(result.target in result.rows)
        if self.pen.get_visible():
            self.pen.set_y(self.top + (result.rows.index(result.target) + 0.5) * height)
        self.help.set_text(
            _("as the learners see\nit: 28 × 28 pixels")
            if alphabet.query
            else _("none yet: choose\nit and draw")
        )
        self.empty.set_text(
            ""
            if alphabet.examples or result.pending
            else _("Draw a character on the pad,\nor pick one from the data set.")
        )

    def _sheet(self, result: Board) -> None:
        """All examples as one image: a grey line around each, nothing where there is none."""
        side, rows = SIZE + 4, result.rows
        sheet = np.full((max(len(rows), 1), side, MAX_EXAMPLES, side), 255, np.uint8)
        for row, label in enumerate(rows):
            for column, drawing in enumerate(result.alphabet.of_class(label)):
                sheet[row, 1:-1, column, 1:-1] = 225
                sheet[row, 2:-2, column, 2:-2] = 255 - drawing.picture
        self.sheet.set_data(sheet.reshape(-1, MAX_EXAMPLES * side))
        pitch = self.pitch(result)
        right, bottom = self.tiles + MAX_EXAMPLES * pitch, self.top + max(len(rows), 1) * pitch
        self.sheet.set_extent((self.tiles, right, bottom, self.top))

    def _column(self, result: Board, number: int, name: str) -> None:
        """One method: its title, its verdict, and a bar for each class."""
        answer = result.answers[number] if result.answers else None
        alphabet, height, x = result.alphabet, self.pitch(result), self._x(number)
        room = self.column - 14 - 82  # for the longest bar: its percentage stands behind it
        best = None if answer is None else answer.chosen
        probabilities = () if answer is None or answer.probabilities is None else answer.probabilities
        rows = [result.rows.index(label) for label in alphabet.classes]
        for way, (bar, share) in enumerate(zip(self.rectangles[number], self.shares[number], strict=True)):
            bar.set_visible(way < len(probabilities))
            share.set_visible(bar.get_visible() and probabilities[way] >= 0.005)
            if not bar.get_visible():
                continue
            middle = self.top + (rows[way] + 0.5) * height
            thick, long = min(0.6 * height, 24), max(room * float(probabilities[way]), 1.5)
            bar.set_bounds(x, middle - thick / 2, long, thick)
            share.set_position((x + long + 6, middle))
            share.set_text(percent(probabilities[way]))
            share.set_fontweight("bold" if way == best else "normal")
        self.winners[number].set_visible(best is not None)
        if best is None:
            words = answer.refusal if answer is not None else ""
            # So wide that nothing runs into the next column, at about 8.6 pixels a letter.
            self.verdicts[number].set_text(textwrap.fill(words, int((self.column - 20) / 8.6)))
            return
        label = alphabet.classes[best]
        nearest = (
            alphabet.of_class(label)[0] if answer.nearest is None else alphabet.examples[answer.nearest][1]
        )
        look.show_drawings(self.winners[number], nearest.picture[None, None], x + self.column - 88, 42, 64)
        lines = [_("class {label}").format(label=label), percent(probabilities[best])]
        if name in self.takes_steps:
            lines.append(ngettext("{n} step", "{n} steps", result.steps).format(n=result.steps))
        self.verdicts[number].set_text("\n".join(lines))

    def describe(self, result: Board) -> str:
        alphabet = result.alphabet
        words = [_("The board is empty.")]
        if alphabet.examples:
            said = ", ".join(
                _("class {label}: {drawings}").format(
                    label=label,
                    drawings="; ".join(drawing.source or _("drawn") for drawing in alphabet.of_class(label)),
                )
                for label in alphabet.classes
            )
            words = [_("Examples: {said}.").format(said=said)]
        if result.cursor is not None:
            label = alphabet.examples[result.cursor][0]
            nth = result.cursor - self._first(result, label) + 1
            words.append(_("You point at example {n} of class {label}.").format(n=nth, label=label))
        drawn_for = _("the query") if result.target == QUERY else _("class {n}").format(n=result.target)
        words.append(_("You draw for {target}.").format(target=drawn_for))
        if alphabet.query is None:
            return " ".join([*words, _("There is no query.")])
        words.append(_("Query: {source}.").format(source=alphabet.query.source or _("drawn")))
        words += [result.problem] if result.problem else []
        for answer in result.answers:
            name = _("The nearest neighbour in pixels") if answer.name == PIXELS else answer.name
            if answer.name in self.takes_steps:
                name = _("{name}, steps: {steps},").format(name=name, steps=result.steps)
            if answer.chosen is None:
                words.append(_("{name} gives no answer: {why}").format(name=name, why=answer.refusal))
                continue
            shares = ", ".join(
                _("{label}: {share}").format(label=label, share=percent(share))
                for label, share in zip(alphabet.classes, answer.probabilities, strict=True)
            )
            words.append(
                _("{name} says class {label} ({shares}).").format(
                    name=name, label=alphabet.classes[answer.chosen], shares=shares
                )
            )
        return " ".join(words)


def percent(share: float) -> str:
    """A probability in whole per cent; what is not quite nothing or everything does not pose as it."""
    if 0.995 <= share < 1 - 1e-9:
        return _("> 99 %")
    if 1e-9 < share < 0.005:
        return _("< 1 %")
    return _("{share:.0f} %").format(share=100 * share)
