"""The painter of the alphabet laboratory: a row for each class, a column for each method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import repeat

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from metalib import look
from metalib.data.alphabet import MAX_CLASSES, MAX_EXAMPLES, Alphabet, Drawing
from metalib.data.omniglot import SIZE
from metalib.i18n import _, ngettext
from metalib.lab.alphabet.answers import PIXELS, MethodAnswer
from metalib.lab.alphabet.moves import QUERY, AlphabetResult, AlphabetState, moved
from metalib.lab.panels import Sheet
from metalib.lab.picture import Painter
from metalib.lab.words import Panel, Words

COLOURS = (look.BLUE, look.VERMILION, look.PURPLE, look.ORANGE)
TOP, HIGH = 80, 286  # of the rows, in pixels
TILES, BARS = 62, 354  # where the examples and the methods' columns begin
QUERY_TILE = 4, 68  # top and size, of the winners' tiles as well
NO_ANSWERS = repeat(None)
GAP, SHARE = 14, 82  # pixels between two columns, and for the percentage behind the longest bar


class AlphabetPainter(Painter):
    """Left: the query and the examples. Then for each method its probabilities, in the same rows.

    Args:
        methods: label -> whether it takes inner steps; the nearest neighbour comes behind them.
    """

    height = 370

    def __init__(self, methods: Mapping[str, bool]) -> None:
        super().__init__()
        self.methods = {**methods, PIXELS: False}
        self.column = (self.width - BARS - 8) / len(self.methods)

    def build(self, figure: Figure) -> None:
        sheet = Sheet(figure, self.width, self.height)
        self.lefts = [BARS + number * self.column for number in range(len(self.methods))]
        for left in self.lefts:
            line = sheet.line(moves=False, color=look.LIGHT_GREY, linewidth=1.5)
            line.set_data([left - GAP, left - GAP], [4, TOP + HIGH])
        self.examples, self.query, self.ghost = sheet.tiles(), sheet.tiles(), sheet.tiles()
        self.winners = [sheet.tiles() for _method in self.methods]
        colours = [COLOURS[number % len(COLOURS)] for number in range(len(self.methods) - 1)] + [look.GREY]
        self.bars = [sheet.bars(facecolor=colour) for colour in colours]
        self.shares = [[sheet.text(0, 0) for _row in range(MAX_CLASSES)] for _method in self.methods]
        bold: look.Style = {"ha": "right", "fontsize": look.TEXT, "fontweight": "bold"}
        self.numbers = [sheet.text(50, 0, str(label), **bold) for label in range(1, MAX_CLASSES + 1)]
        self.pen = sheet.text(4, 0, "✎", fontsize=look.TITLE)
        self.around = sheet.frame(edgecolor=look.BLUE, linewidth=3.0)
        self.slot = sheet.frame(edgecolor=look.GREY, linewidth=1.4, linestyle=(0, (4, 2)))
        self.asked = sheet.frame()

    @staticmethod
    def pitch(state: AlphabetState) -> float:
        """From one row to the next, and from one example to the next, in pixels."""
        return min(54.0, HIGH / max(len(state.rows), 1))

    def middle(self, state: AlphabetState, label: int) -> float:
        """The height of a class's row, in pixels from the top."""
        return TOP + (state.rows.index(label) + 0.5) * self.pitch(state)

    def tile(self, state: AlphabetState, label: int, column: int) -> tuple[float, float, float]:
        """Where an example is: its left and upper edge and its size, in pixels."""
        pitch = self.pitch(state)
        size = pitch * 30 / 32
        return TILES + column * pitch + pitch / 32, self.middle(state, label) - size / 2, size

    def touched(self, state: AlphabetState, x: float, y: float) -> AlphabetState | None:
        """Whoever touches an example points at it; a row, or the query, is written for. x, y: 0 … 1."""
        x, y = x * self.width, y * self.height
        if y < TOP - 4:
            return moved(state, target=QUERY) if x < BARS - GAP else None
        row = int((y - TOP) / self.pitch(state))
        if not 0 <= row < len(state.rows):
            return None
        label, column = state.rows[row], (x - TILES) / self.pitch(state)
        if 0 <= column < len(state.alphabet.of_class(label)):
            return replace(state, cursor=state.alphabet.first(label) + int(column))
        return moved(state, target=label)

    def update(self, state: AlphabetState, result: AlphabetResult) -> None:
        self._examples(state)
        for label, number in enumerate(self.numbers, 1):
            number.set_visible(label in state.rows)
            if label in state.rows:
                number.set_y(self.middle(state, label))

        # The next example of the class that is written for: a ghost of what is on the pad.
        count, written = len(state.alphabet.of_class(state.target)), state.target != QUERY
        self.pen.set_visible(written)
        self.slot.set_visible(written and count < MAX_EXAMPLES)
        self.ghost.set_visible(False)
        if written:
            self.pen.set_y(self.middle(state, state.target))
            x, y, size = self.tile(state, state.target, count)
            self.slot.set_bounds(x, y, size, size)
            put(self.ghost, result.pending if count < MAX_EXAMPLES else None, x, y, size)
        self.around.set_visible(state.cursor is not None)
        if state.cursor is not None:
            x, y, size = self.tile(state, *state.alphabet.place(state.cursor))
            self.around.set_bounds(x, y, size, size)

        query, (top, size) = state.alphabet.query, QUERY_TILE
        put(self.query, query, TILES, top, size)
        self.asked.set_bounds(TILES, top, size, size)
        self.asked.set_linestyle("-" if query else (0, (4, 2)))
        self.asked.set_linewidth(3.0 if state.target == QUERY else 1.4)
        self.asked.set_edgecolor(look.BLUE if state.target == QUERY else look.GREY)
        for number, answer in zip(range(len(self.methods)), result.answers or NO_ANSWERS, strict=False):
            self._column(number, state, answer)

    def _examples(self, state: AlphabetState) -> None:
        """All examples as one image: a grey line around each, nothing where there is none."""
        side, rows, pitch = SIZE + 4, max(len(state.rows), 1), self.pitch(state)
        sheet = np.full((rows, side, MAX_EXAMPLES, side), 255, np.uint8)
        for row, label in enumerate(state.rows):
            for column, drawing in enumerate(state.alphabet.of_class(label)):
                sheet[row, 1:-1, column, 1:-1] = 225
                sheet[row, 2:-2, column, 2:-2] = 255 - drawing.picture
        self.examples.set_data(sheet.reshape(-1, MAX_EXAMPLES * side))
        self.examples.set_extent((TILES, TILES + MAX_EXAMPLES * pitch, TOP + rows * pitch, TOP))

    def _column(self, number: int, state: AlphabetState, answer: MethodAnswer | None) -> None:
        """One method: a bar and its percentage for each class, and above them whom the query is taken for."""
        left, shares, alphabet = self.lefts[number], self.shares[number], state.alphabet
        answer = answer or MethodAnswer("")
        best, probabilities = answer.chosen, answer.probabilities
        middles = np.array([self.middle(state, label) for label in alphabet.classes[: len(probabilities)]])
        thick = min(0.6 * self.pitch(state), 24)
        lengths = np.maximum((self.column - GAP - SHARE) * probabilities, 1.5)
        self.bars[number].put(left, middles + thick / 2, lengths, thick)
        for way, text in enumerate(shares):
            text.set_visible(way < len(probabilities) and probabilities[way] >= 0.005)
            if text.get_visible():
                text.set(x=left + lengths[way] + 6, y=middles[way], text=percent(probabilities[way]))
                text.set_fontweight("bold" if way == best else "normal")
        winner = None
        if best is not None:
            first = alphabet.first(alphabet.classes[best])
            winner = alphabet.examples[first if answer.nearest is None else answer.nearest][1]
        put(self.winners[number], winner, left, *QUERY_TILE)

    def words(self, state: AlphabetState, result: AlphabetResult) -> Words:
        asked = _("seen in 28 × 28 pixels") if state.alphabet.query else _("none yet")
        panels = [Panel(TILES / self.width, (BARS - GAP) / self.width, _("the query"), note=asked)]
        for left, name, answer in zip(self.lefts, self.methods, result.answers or NO_ANSWERS, strict=False):
            ends = left / self.width, (left + self.column - GAP) / self.width
            panels.append(Panel(*ends, self._title(name, state), note=verdict(state, answer)))
        return Words(panels, " ".join(self._remarks(state, result)))

    def _title(self, method: str, state: AlphabetState) -> str:
        """The heading of a method: what the caller called it, and its steps where it takes some."""
        name = _("nearest pixels") if method == PIXELS else method
        if not self.methods[method]:
            return name
        steps = ngettext("{n} step", "{n} steps", state.steps).format(n=state.steps)
        return _("{name}, {steps}").format(name=name, steps=steps)

    def _remarks(self, state: AlphabetState, result: AlphabetResult) -> Iterable[str]:
        """Sentences below the picture."""
        if state.target == QUERY:
            yield _("The query: it is answered as you draw.")
            if state.alphabet.is_picked:
                yield _("These come from the data set; “start again” makes room for your own.")
        else:
            yield _("For class {n}: draw, then add it (Enter); or use a drawing of the data set.").format(
                n=state.target
            )
        if result.problem:
            yield result.problem
            return
        yield from (refusal(answer) for answer in result.answers if answer.refusal)
        if result.answers:
            if alone := ", ".join(name for name, takes_steps in self.methods.items() if takes_steps):
                yield _(
                    "{name} sees each query alone, beside the support set: it is not transductive."
                ).format(name=alone)
            yield _("Pixels: softmax of −d².")

    def describe(self, state: AlphabetState, result: AlphabetResult) -> str:
        alphabet, query = state.alphabet, state.alphabet.query
        words = [self._examples_in_words(alphabet)]
        if state.cursor is not None:
            label, column = alphabet.place(state.cursor)
            words.append(_("You point at example {n} of class {label}.").format(n=column + 1, label=label))
        source = query and (query.source or _("drawn"))
        words.append(_("Query: {source}.").format(source=source) if query else _("There is no query."))
        words += [result.problem] if result.problem else []
        return " ".join([*words, *(self._answer_in_words(state, answer) for answer in result.answers)])

    @staticmethod
    def _examples_in_words(alphabet: Alphabet) -> str:
        if not alphabet.examples:
            return _("The board is empty.")
        drawn = {
            label: _("; ").join(drawing.source or _("drawn") for drawing in alphabet.of_class(label))
            for label in alphabet.classes
        }
        said = ", ".join(
            _("class {label}: {drawings}").format(label=label, drawings=drawings)
            for label, drawings in drawn.items()
        )
        return _("Examples: {said}.").format(said=said)

    def _answer_in_words(self, state: AlphabetState, answer: MethodAnswer) -> str:
        name = self._title(answer.method, state)
        if answer.chosen is None:
            return refusal(answer, name)
        classes = state.alphabet.classes
        shares = ", ".join(
            _("{label}: {share}").format(label=label, share=percent(share))
            for label, share in zip(classes, answer.probabilities, strict=True)
        )
        return _("{name}: class {label} ({shares}).").format(
            name=name, label=classes[answer.chosen], shares=shares
        )


def put(image: AxesImage, drawing: Drawing | None, x: float, y: float, size: float) -> None:
    """Show a drawing as a tile, or nothing. In pixels."""
    image.set_visible(drawing is not None)
    if drawing is not None:
        look.show_drawings(image, drawing.picture[None, None], x, y, size)


def verdict(state: AlphabetState, answer: MethodAnswer | None) -> str:
    """What stands below the heading of a method."""
    if answer is None:
        return "–"
    if answer.chosen is None:
        return _("no answer")
    label, share = state.alphabet.classes[answer.chosen], percent(answer.probabilities[answer.chosen])
    return _("class {label}: {share}").format(label=label, share=share)


def refusal(answer: MethodAnswer, name: str = "") -> str:
    """Why a method gives no answer."""
    return _("{name} gives no answer: {why}").format(name=name or answer.method, why=answer.refusal)


def percent(share: float) -> str:
    """A probability in whole per cent; what is not quite nothing or everything does not pose as it."""
    if 0.995 <= share < 1 - 1e-9:
        return _("> 99 %")
    if 1e-9 < share < 0.005:
        return _("< 1 %")
    return _("{share:.0f} %").format(share=100 * share)
