"""The painter of the adaptation laboratory, and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import _
from metalib.lab.adaptation.start import Start
from metalib.lab.adaptation.task import MAX_STEPS, AdaptationResult, AdaptationState, TaskPath
from metalib.lab.panels import QUERY_LINE, SUPPORT_LINE, BandedCurve, Sheet, StepCurves, line
from metalib.lab.picture import MOVING, Painter
from metalib.lab.words import Entry, Panel, Words
from metalib.learners.base import uses_batch_statistics

ROWS = 6  # queries that are shown, at most
DOTTED: look.Style = {"color": look.BLACK, "linestyle": (0, (1, 1.5)), "linewidth": 1.2}
THIS_TASK: look.Style = {**DOTTED, "marker": "x", "markersize": 7, "markeredgewidth": 1.8}
CHANCE: look.Style = {"color": look.BLACK, "linestyle": ":", "linewidth": 1.8}
SQUARE: look.Style = {"color": look.BLACK, "marker": "s", "markersize": 12, "linestyle": "none"}
TRUE_CLASS: look.Style = {**SQUARE, "markerfacecolor": "none", "markeredgewidth": 1.8}


class AdaptationPainter(Painter):
    """Left: one task at one step, a column for each class and a row for each query. Right: the accuracies."""

    height = 400
    fold = 0.585
    left, first, last = 24, 100, 500  # in pixels: of the query images, of the columns
    head, top, bottom = 4, 100, 396  # in pixels from the top: of the support images, of the rows
    tall = 88  # of the support images

    def __init__(self, starts: Mapping[str, Start], tasks: int) -> None:
        super().__init__()
        self.starts, self.tasks = starts, tasks

    def build(self, figure: Figure) -> None:
        sheet = Sheet(figure, self.width, self.height)
        self.support, self.query = sheet.tiles(), sheet.tiles()
        self.cells, self.others = sheet.bars(facecolors="#f0f0f0"), sheet.bars(facecolors=look.GREY)
        self.right = sheet.bars(facecolors=look.BLUE)
        self.wrong = sheet.bars(facecolors="white", edgecolors=look.VERMILION, hatch="////", linewidths=2)
        self.frames = sheet.bars(facecolors="none", edgecolors=look.BLACK, linewidths=1.8)
        self.verdicts = [sheet.text(self.last + 8, 0, fontweight="bold") for _row in range(ROWS)]
        sheet.text(self.left, self.head + self.tall / 2, _("support"), moves=False)
        self.axes = axes = figure.add_axes((0.668, 0.14, 0.317, 0.84))
        axes.set(xlim=(-0.4, MAX_STEPS + 0.4), ylim=(-3, 105))
        axes.set(xlabel=_("inner step"), ylabel=_("accuracy in %"))
        axes.set_xticks(range(0, MAX_STEPS + 1, 2))
        axes.set_yticks(range(0, 101, 20))
        self.cursor = line(axes, color=look.GREY, linewidth=6, alpha=0.35, solid_capstyle="butt")
        self.chance, self.own = line(axes, **CHANCE), line(axes, **THIS_TASK)
        self.curves = [
            BandedCurve(axes, 0.22, **style, zorder=MOVING + 1) for style in (SUPPORT_LINE, QUERY_LINE)
        ]

    def update(self, state: AdaptationState, result: AdaptationResult) -> None:
        self.update_support(result.task.support)
        self.update_rows(result.task, state.step)
        steps, average = np.arange(state.steps + 1), result.average
        for curve, mean, half in zip(self.curves, 100 * average.mean, 100 * average.half_width, strict=True):
            curve.update(steps, mean, mean - half, mean + half)
        self.own.set_data(steps, 100 * result.task.accuracy)
        self.chance.set_data([-0.4, MAX_STEPS + 0.4], [100 / state.ways] * 2)
        self.cursor.set_data([state.step] * 2, [-3, 105])

    def update_support(self, support: np.ndarray) -> None:
        """The support images, those of a class in its column, as large as they can be."""
        ways, shots, height, width = support.shape
        wide = (self.last - self.first) / ways
        sizes = {n: min(wide / n, self.tall / math.ceil(shots / n), 84) for n in range(1, shots + 1)}
        across = max(sizes, key=lambda n: sizes[n])
        size, down = sizes[across] - 1, math.ceil(shots / across)
        # A sheet whose pixels are those of the images, each with a grey line around it.
        column = round(wide / size * (width + 2))
        margin = (column - across * (width + 2)) // 2
        sheet = np.full((down * (height + 2), ways * column), 255, np.uint8)
        for label in range(ways):
            for shot, drawing in enumerate(support[label]):
                y, x = shot // across * (height + 2), label * column + margin + shot % across * (width + 2)
                sheet[y : y + height + 2, x : x + width + 2] = 225
                sheet[y + 1 : y + height + 1, x + 1 : x + width + 1] = 255 - drawing
        self.support.set_data(sheet)
        bottom = self.head + self.tall
        self.support.set_extent((self.first, self.last, bottom, bottom - down * size))

    def update_rows(self, task: TaskPath, step: int) -> None:
        """The query images with a bar for each class's probability, framed where it is the true class."""
        rows = shown(task)
        p, truth = task.probabilities[step][rows], task.truth[rows]
        count, ways = p.shape
        finite = np.isfinite(p).all(axis=1, keepdims=True)
        high, wide = min(70.0, (self.bottom - self.top) / count), (self.last - self.first) / ways
        look.show_drawings(self.query, task.query[rows][:, None], self.left, self.top, high)
        columns, gap = np.arange(ways), min(4.0, 0.1 * wide)
        x, y = self.first + wide * columns + gap / 2, self.top + high * (np.arange(count)[:, None] + 1.0)
        cell = (x, y - 2, wide - gap, high - 5)
        bar = (x + 0.12 * wide, y - 3, 0.76 * wide - gap, (high - 9) * np.nan_to_num(p))
        is_truth = columns == truth[:, None]
        is_chosen = (columns == p.argmax(axis=1)[:, None]) & finite
        self.cells.put(*cell)
        self.frames.put(*cell, is_truth)
        self.others.put(*bar, ~is_chosen & finite)
        self.right.put(*bar, is_chosen & is_truth)
        self.wrong.put(*bar, is_chosen & ~is_truth)
        for row, verdict in enumerate(self.verdicts):
            verdict.set_text("")
            if row < count:
                right = bool(is_chosen[row, truth[row]])
                value = f"{p[row, truth[row]]:.2f}" if finite[row] else "–"
                verdict.set(text=f"{'✓' if right else '✗'} {value}", y=self.top + (row + 0.5) * high)
                verdict.set_color(look.DARK_GREEN if right else look.VERMILION)

    def words(self, state: AdaptationState, result: AdaptationResult) -> Words:
        count, loss, origin, normalised = self.facts(state, result)
        when = _("before any step")
        if state.step:
            when = _("after step {step} of {steps}").format(step=state.step, steps=state.steps)
        marks = Entry(_("true class; ✓ or ✗: its probability"), TRUE_CLASS)
        legend = [Entry(loss), Entry(origin), marks, Entry(normalised)]
        title = _("one task, {when}: {count}").format(when=when, count=count)
        task = Panel(self.left / self.width, 0.59, title, legend)

        support, query = StepCurves.legend(*result.average.told(state.step))
        own = _("queries of this task {rate}").format(rate=per_cent(result.task.accuracy[state.step]))
        chance = _("chance {rate}").format(rate=per_cent(1 / state.ways))
        n = result.average.n
        title = _("mean of {n} tasks, 95 % band") if n == self.tasks else _("mean of {n} of {goal} tasks")
        legend = [support, query, Entry(own, THIS_TASK), Entry(chance, CHANCE)]
        average = Panel(0.6, 1.0, title.format(n=n, goal=self.tasks), legend)
        return Words((task, average), explosion(state, result.task))

    def facts(self, state: AdaptationState, result: AdaptationResult) -> tuple[str, str, str, str]:
        """How many queries are right, the losses, how the start was trained and whether its head is larger
        than the task, and what is normalised."""
        task, start, step = result.task, self.starts[state.start], state.step
        total, right = len(task.truth), _("outputs are no numbers")
        if math.isfinite(task.accuracy[step]):
            right = _("{n} of {total} queries right").format(
                n=round(task.accuracy[step] * total), total=total
            )
        loss = _("loss on support {support}, on query {query}").format(
            support=look.number(task.support_loss[step]), query=look.number(task.query_loss[step])
        )
        origin, unused = _("this start was not trained"), start.outputs - state.ways
        if start.alpha is not None:
            trained = _("trained with α = {alpha:.2g}, steps: {steps}")
            origin = trained.format(alpha=start.alpha, steps=start.steps)
        if unused:
            origin += "; " + _("{n} of {total} outputs unused").format(n=unused, total=start.outputs)
        if not uses_batch_statistics(start.model):
            normalised = _("no batch statistics: each query by itself")
        elif state.transductive:
            normalised = _("transductive: all {n} queries normalised together").format(n=total)
        else:
            normalised = _("each query normalised with the support set only")
        return right, loss, origin, normalised

    def describe(self, state: AdaptationState, result: AdaptationResult) -> str:
        told = _("; ").join(verdict(result.task, state.step, row) for row in shown(result.task))
        text = _("Probability of the true class of the queries shown: {told}.").format(told=told)
        if result.average.n:
            told_by_step = map(result.average.told, range(state.steps + 1))
            text += " " + StepCurves.describe(*zip(*told_by_step, strict=True))
        return text


def shown(task: TaskPath) -> np.ndarray:
    """The queries that are shown: of each class as many, in the order of the classes, `ROWS` at most."""
    ways, total = len(task.names), len(task.truth)
    each = max(1, total // ways)  # where there are fewer queries than classes: of the first ones
    return np.arange(total).reshape(-1, each)[:, : max(1, ROWS // ways)].flatten()[:ROWS]


def verdict(task: TaskPath, step: int, row: int) -> str:
    """What is said of one query."""
    p, truth = task.probabilities[step, row], task.truth[row]
    name, other = task.names[truth], task.names[p.argmax()]
    if not np.isfinite(p).all():
        return _("{name}: no numbers").format(name=name)
    if p.argmax() == truth:
        return _("{name}: right, {p:.2f}").format(name=name, p=p[truth])
    return _("{name}: wrong, {p:.2f}, taken for {other}, {q:.2f}").format(
        name=name, p=p[truth], other=other, q=p.max()
    )


def explosion(state: AdaptationState, task: TaskPath) -> str:
    """A sentence where α was too large, else nothing."""
    if task.exploded is None:
        return ""
    text = _(
        "α = {alpha:.2g} is too large for this start: the support loss went from {first} to {last} after "
        "step {step}, where guessing has {guess}."
    ).format(
        alpha=state.alpha,
        first=look.number(task.support_loss[0]),
        last=look.number(task.support_loss[task.exploded]),
        step=task.exploded,
        guess=look.number(math.log(state.ways)),
    )
    bad = np.flatnonzero(~np.isfinite(task.accuracy))
    if len(bad):
        more = _("From step {step} on the outputs are no numbers; nothing is shown there.")
        text += " " + more.format(step=bad[0])
    return text


def per_cent(rate: float) -> str:
    """A fraction as 93.8 % or 20 %."""
    return _("{value} %").format(value=f"{100 * rate:.3g}") if math.isfinite(rate) else "–"
