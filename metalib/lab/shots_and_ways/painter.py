"""The painter of the shots-and-ways laboratory, and what it says."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import N_, _
from metalib.lab.panels import BandedCurve, Sheet, line
from metalib.lab.picture import MOVING, Painter
from metalib.lab.shots_and_ways.state import (
    ALONG,
    LEAKS,
    MAX_WAYS,
    METHODS,
    Here,
    ShotsAndWaysResult,
    ShotsAndWaysState,
)
from metalib.lab.words import Entry, Panel, Words

LINES = {
    "pixels": (look.GREY, "-."),
    "centroid": (look.ORANGE, "--"),
    "logistic": (look.GREEN, (0, (5, 1))),
    "protonet": (look.BLUE, "-"),
    "maml": (look.PURPLE, (0, (3, 1, 1, 1))),
}
STYLES: dict[str, look.Style] = {
    name: {"color": colour, "linestyle": dash, "marker": marker, "markersize": 7, "linewidth": 2.2}
    for (name, (colour, dash)), marker in zip(LINES.items(), look.MARKERS, strict=False)
}
CLEAN: look.Style = {"linestyle": (0, (1, 1.5)), "linewidth": 1.6}
WRONG: look.Style = {
    "marker": "x",
    "color": look.VERMILION,
    "markersize": 11,
    "markeredgewidth": 2.4,
    "linestyle": "none",
}
LEAK: look.Style = {
    "marker": "s",
    "color": look.BLACK,
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgewidth": 2.6,
    "linestyle": "none",
}
HOW = N_(
    "Click on the curves or press ← → to move along them, ↑ ↓ for another method; Enter draws a new episode."
)
TOLD = {
    "none": N_("Nothing leaks. The bands are 95 % intervals over tasks."),
    "support": N_(
        "The first query of each class is its first support image again. Whoever remembers it has one answer "
        "in five for nothing: that is most where the others are hard."
    ),
    "twice": N_(
        "Labels 1 and 2 are the same class. Nobody can tell them apart, so this leak takes accuracy away: "
        "with few ways most."
    ),
    "sorted": N_(
        "Labels are in the order of the class numbers, written beside the rows. These methods met random "
        "labels in training, so they have nothing from it; one that is trained so would."
    ),
    "overlap": N_(
        "The test is made of classes that the encoders, and MAML, were trained on. Pixels learned nothing of "
        "them: what they gain or lose says only that these are other classes."
    ),
    "statistics": N_(
        "Batch normalisation takes the mean and the spread of the query set, so each answer depends on the "
        "other queries. MAML does so always. Pixels have no such layer."
    ),
}


class ShotsAndWaysPainter(Painter):
    """Left: the episode, a row for each class, support before queries. Right: the curves."""

    height = 400
    fold = 0.51
    left, top, wide, high, gap = 40, 6, 460, 386, 14  # of the episode, in pixels

    def build(self, figure: Figure) -> None:
        self.sheet = sheet = Sheet(figure, self.width, self.height)
        self.tiles = [(sheet.tiles(), sheet.tiles()) for _block in range(2)]
        self.frames = sheet.bars(facecolors="none", edgecolors=look.BLACK, linewidths=2.6)
        self.wrong = sheet.line(**WRONG)
        self.numbers = [sheet.text(self.left - 5, 0, ha="right") for _way in range(MAX_WAYS)]
        self.axes = axes = figure.add_axes((0.585, 0.135, 0.4, 0.845))
        self.low, self.along = 0.0, ""
        axes.set(ylim=(0, 101), ylabel=_("accuracy in %"), xlim=(0, 1))
        self.cursor = line(axes, color=look.GREY, linewidth=8, alpha=0.3, solid_capstyle="butt")
        self.clean = [
            line(axes, **{**CLEAN, "color": style["color"]}, zorder=MOVING + 1) for style in STYLES.values()
        ]
        self.curves = {
            name: BandedCurve(axes, 0.2, **style, zorder=MOVING + 2) for name, style in STYLES.items()
        }

    def places(self, state: ShotsAndWaysState, queries: int) -> tuple[float, np.ndarray, np.ndarray]:
        """The size of a drawing in pixels, and where the rows of the classes begin, (N,) each: in one block
        of rows or in two, whichever shows them larger."""
        best = (0.0, 1, state.ways)
        for blocks in (1, 2):
            rows = math.ceil(state.ways / blocks)
            room = self.wide / blocks - blocks * self.gap
            best = max(best, (min(room / (state.shots + queries), self.high / rows, 62), -blocks, rows))
        size, _blocks, rows = best
        block, row = np.divmod(np.arange(state.ways), rows)
        return size, self.left + block * (self.wide + self.gap) / 2, self.top + row * size

    def update(self, state: ShotsAndWaysState, result: ShotsAndWaysResult) -> None:
        self.update_episode(state, result)
        self.update_axes(state, result)
        place = np.arange(len(result.x))
        for curve, (name, found) in zip(self.clean, result.curves.items(), strict=True):
            percent, band = 100 * found.mean, 100 * np.nan_to_num(found.half)
            self.curves[name].update(place, percent, percent - band, np.minimum(percent + band, 100.5))
            shown = found.clean if state.leak != "none" else np.full(len(place), np.nan)
            curve.set_data(place, 100 * shown)
        here = result.x.index(getattr(state, state.along))
        self.cursor.set_data([here, here], [self.low, 101])

    def update_episode(self, state: ShotsAndWaysState, result: ShotsAndWaysResult) -> None:
        """Support and queries, the leak framed, wrong answers crossed out."""
        queries = result.pictures.shape[1] - state.shots
        size, x, y = self.places(state, queries)
        second = x + state.shots * size + self.gap
        firsts = [0] if x[0] == x[-1] else [0, int((x == x[0]).sum())]
        for block, (support, query) in enumerate(self.tiles):
            mine = result.pictures[x == x[firsts[block]]] if block < len(firsts) else result.pictures[:0]
            for tiles, part, left in (
                (support, mine[:, : state.shots], x),
                (query, mine[:, state.shots :], second),
            ):
                tiles.set_visible(len(mine) > 0)
                if len(mine):
                    look.show_drawings(tiles, part, left[firsts[block]], self.top, size)
        width = second[0] + queries * size - x[0]
        heights = np.array([size * (x == x[first]).sum() for first in firsts])
        frames = {
            "support": (np.stack([x, second]), y + size, size, size),
            "twice": (x[0], self.top + 2 * size, width, 2 * size),
            "overlap": (x[firsts], self.top + heights, width, heights),
            "statistics": (second[firsts], self.top + heights, queries * size, heights),
        }
        self.frames.put(*frames.get(state.leak, (0, 0, 0, 0)), state.leak in frames)
        way, column = np.zeros((2, 0), int) if result.right is None else (~result.right).nonzero()
        self.wrong.set_data(second[way] + (column + 0.5) * size, y[way] + 0.5 * size)
        self.wrong.set_markersize(min(11, 0.4 * size))
        for place, number in enumerate(self.numbers):
            number.set_text("")
            if state.leak == "sorted" and place < state.ways:
                number.set(text=str(result.numbers[place]), x=x[place] - 5, y=y[place] + 0.5 * size)

    def update_axes(self, state: ShotsAndWaysState, result: ShotsAndWaysResult) -> None:
        """The axes stand still but where the points are others, or a curve would leave them below."""
        known = [c.mean - np.nan_to_num(c.half) for c in result.curves.values()]
        known += [c.clean for c in result.curves.values()]
        least = np.nanmin(np.concatenate([*known, [1.0]]))
        low = max(0.0, 10 * math.floor(10 * least) - 2)
        if (low, (state.along, result.x)) != (self.low, self.along):
            self.low, self.along = low, (state.along, result.x)  # type: ignore[assignment]
            self.axes.set(ylim=(low, 101), xlim=(-0.4, len(result.x) - 0.6), xlabel=_(ALONG[state.along]))
            self.axes.set_xticks(range(len(result.x)), [str(x) for x in result.x])
            self.renew()

    def words(self, state: ShotsAndWaysState, result: ShotsAndWaysResult) -> Words:
        marks = [Entry(_("wrong: {method}").format(method=_(METHODS[state.method])), WRONG)]
        if state.leak not in ("none", "sorted"):
            marks.append(Entry(_("the leak: {leak}").format(leak=_(LEAKS[state.leak])), LEAK))
        if result.right is None:
            said = _("too many ways for this method")
        else:
            said = _("{right} of {asked} right").format(
                right=int(result.right.sum()), asked=result.right.size
            )
        title = _("{ways}-way {shots}-shot episode: {said}").format(
            ways=state.ways, shots=state.shots, said=said
        )
        left = Panel(self.left / self.width, 0.53, title, marks)
        title = _("mean of {n} tasks, {ways}-way {shots}-shot").format(
            n=result.n, ways=state.ways, shots=state.shots
        )
        legend = [
            Entry(
                _("{method} {value}").format(method=_(METHODS[name]), value=told(one, state.leak)),
                STYLES[name],
            )
            for name, one in result.here.items()
        ]
        if state.leak != "none":
            legend.append(Entry(_("without the leak; + is what it adds"), {**CLEAN, "color": look.BLACK}))
        right = Panel(0.54, 1.0, title, legend)
        return Words((left, right), _(TOLD[state.leak]), _(HOW))

    def describe(self, state: ShotsAndWaysState, result: ShotsAndWaysResult) -> str:
        def points(name: str) -> str:
            both = zip(result.x, result.curves[name].mean, strict=True)
            return ", ".join(f"{x}: {100 * value:.1f}" for x, value in both if not math.isnan(value))

        curves = _("; ").join(
            _("{method}: {points}").format(method=_(METHODS[name]), points=points(name) or "–")
            for name in result.curves
        )
        return _("The classes are {classes}. Accuracy in % along {along}: {curves}.").format(
            classes=", ".join(f"{n}: {name}" for n, name in enumerate(result.names, 1)),
            along=_(ALONG[state.along]),
            curves=curves,
        )


def told(one: Here, leak: str) -> str:
    """A mean with its interval, and what the leak adds to it."""
    if math.isnan(one.mean):
        return "–"
    said = _("{mean:.1f} ± {half:.1f} %").format(mean=100 * one.mean, half=100 * one.half)
    if leak == "none" or math.isnan(one.added):
        return said
    added = f"{100 * one.added + 0.0:+.1f}".replace("-", "−").replace("+0.0", "±0").replace("−0.0", "±0")
    return _("{value}, {added} ± {half:.1f}").format(value=said, added=added, half=100 * one.added_half)
