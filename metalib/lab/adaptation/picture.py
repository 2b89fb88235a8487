"""The painter of the adaptation laboratory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from metalib import look
from metalib.i18n import _
from metalib.lab.adaptation.task import AdaptationResult
from metalib.lab.adaptation.words import (
    ROWS,
    count,
    describe,
    losses,
    origin,
    per_cent,
    plus_minus,
    remark,
    shown,
    statistics,
)
from metalib.lab.picture import Picture

MAX_STEPS = 10


class AdaptationPicture(Picture):
    """Left: one task at one step, a column for each class and a row for each query. Right: the accuracies."""

    height = 540
    left, first, last = 24, 100, 500  # in pixels: of the query images, of the columns
    head, top, bottom = 62, 172, 468  # in pixels from the top: of the support images, of the rows
    tall = 100  # of the support images

    def build(self, figure: Figure) -> Iterable[Artist]:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        images = {"cmap": "gray", "vmin": 0, "vmax": 255, "aspect": "auto", "interpolation": "bilinear"}
        self.support, self.query = (axes.imshow(np.full((2, 2), 255), **images) for _part in range(2))
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))  # pixels, from the top left
        styles = {
            "cells": {"facecolors": "#f0f0f0"},
            "others": {"facecolors": look.GREY},
            "right": {"facecolors": look.BLUE},
            "wrong": {"facecolors": "white", "edgecolors": look.VERMILION, "hatch": "////", "linewidths": 2},
            "frames": {"facecolors": "none", "edgecolors": look.BLACK, "linewidths": 1.8},
        }
        self.bars = {
            name: axes.add_collection(PolyCollection([], **{"linewidths": 0, **style}), autolim=False)
            for name, style in styles.items()
        }

        def text(x: float, y: float, words: str = "", **style: Any) -> Artist:
            return axes.text(x, y, words, **{"fontsize": look.SMALL, "va": "center", **style})

        bold = {"fontsize": look.TITLE, "fontweight": "bold"}
        text(self.left, 24, _("one task,"), **bold)
        text(self.left, self.head + self.tall / 2, _("support"))
        text(self.left, 494, _("frame: the true class; ✓ or ✗: its probability"))
        self.settings = text(self.left, 517)
        self.title, self.counts = text(self.left + 108, 24, **bold), text(self.last + 74, 24, ha="right")
        self.losses = text(440, 494)
        self.verdicts = [text(self.last + 8, 0, fontweight="bold") for _row in range(ROWS)]
        right = figure.add_axes((0.668, 0.215, 0.317, 0.565))
        moving = [self.support, self.query, *self.bars.values(), self.title, self.counts]
        return [*moving, self.losses, *self.verdicts, *self.build_curves(right)]

    def build_curves(self, axes: Axes) -> list[Artist]:
        """The right half; returns what moves."""
        self.axes = axes
        axes.set(xlim=(-0.4, MAX_STEPS + 0.4), ylim=(-3, 105))
        axes.set(xlabel=_("inner step"), ylabel=_("accuracy in %"))
        axes.set_xticks(range(0, MAX_STEPS + 1, 2))
        axes.set_yticks(range(0, 101, 20))
        (self.cursor,) = axes.plot([], [], color=look.GREY, linewidth=6, alpha=0.35, solid_capstyle="butt")
        plain = {"linewidth": 0, "alpha": 0.22}
        self.bands = [
            axes.add_collection(PolyCollection([], facecolors=colour, **plain), autolim=False)
            for colour in (look.VERMILION, look.GREEN)
        ]
        (self.chance,) = axes.plot([], [], color=look.BLACK, linestyle=":", linewidth=1.8)
        own = {"color": look.BLACK, "linestyle": (0, (1, 1.5)), "linewidth": 1.2, "marker": "x"}
        own = {**own, "markersize": 7, "markeredgewidth": 1.8}
        (self.own,) = axes.plot([], [], **own)
        styles = (
            {**look.SUPPORT, "markersize": 8, "linestyle": "-", "linewidth": 2.2},
            {**look.QUERY, "linestyle": "--", "linewidth": 2.2},
        )
        self.lines = [axes.plot([], [], **style)[0] for style in styles]
        # The legend is made by hand above the axes, because the numbers stand in it.
        at = {"transform": axes.transAxes, "fontsize": look.SMALL, "va": "center"}
        title = {**at, "fontsize": look.TITLE, "fontweight": "bold"}
        axes.text(-0.185, 1.311, _("mean, with 95 % band"), **title)
        self.tasks = axes.text(1.0, 1.311, "", ha="right", **at)
        self.values, dotted = [], {"color": look.BLACK, "linestyle": ":", "linewidth": 1.8}
        for x, y, words, place_, style in (
            (-0.165, 1.175, _("support"), 0.115, {**styles[0], "linestyle": "none"}),
            (-0.165, 1.075, _("query"), 0.115, {**styles[1], "linestyle": "none"}),
            (0.56, 1.175, _("this task"), 0.85, {**own, "linestyle": "none"}),
            (0.56, 1.075, _("chance"), 0.85, dotted),
        ):
            ends = [x - 0.025, x + 0.025] if style is dotted else [x]
            axes.plot(ends, [y] * len(ends), transform=axes.transAxes, clip_on=False, **style)
            axes.text(x + 0.04, y, words, **at)
            self.values.append(axes.text(place_, y, "", **at))
        # `lines` over the cursor and the bands.
        return [self.cursor, *self.bands, self.chance, self.own, *self.lines, self.tasks, *self.values]

    def update(self, result: AdaptationResult) -> None:
        self.title.set_text(
            _("after step {step} of {steps}").format(step=result.step, steps=result.steps)
            if result.step
            else _("before any step")
        )
        self.counts.set_text(count(result))
        self.losses.set_text(losses(result))
        settings = f"{origin(result)}  ·  {statistics(result)}"
        if settings != self.settings.get_text():
            self.settings.set_text(settings)  # stands still: it is long, and changes seldom
            self.redraw()
        self.update_support(result.task.support)
        self.update_rows(result)
        self.update_curves(result)

    def describe(self, result: AdaptationResult) -> str:
        return describe(result)

    def remark(self, result: AdaptationResult) -> str:
        return remark(result)

    def update_support(self, support: np.ndarray) -> None:
        """The support images, those of a class in its column, as large as they can be."""
        ways, shots, height, width = support.shape
        wide = (self.last - self.first) / ways
        sizes = {n: min(wide / n, self.tall / math.ceil(shots / n), 84) for n in range(1, shots + 1)}
        across = max(sizes, key=sizes.get)
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

    def update_rows(self, result: AdaptationResult) -> None:
        """The query images with a bar for each class's probability, framed where it is the true class."""
        task, rows = result.task, shown(result)
        probabilities = task.probabilities[result.step][rows]
        ways, finite = result.ways, np.isfinite(probabilities).all(axis=1)
        high = min(70.0, (self.bottom - self.top) / len(rows))
        wide = (self.last - self.first) / ways
        look.show_drawings(self.query, task.query[rows][:, None], self.left, self.top, high)
        x = self.first + wide * np.arange(ways)[None, :] + np.zeros((len(rows), 1))
        y = self.top + high * (np.arange(len(rows))[:, None] + 1.0) + np.zeros((1, ways))
        gap = min(4.0, 0.1 * wide)
        cells = rectangles(x + gap / 2, y - 2, wide - gap, high - 5)
        heights = (high - 9) * np.nan_to_num(probabilities)
        bars = rectangles(x + gap / 2 + 0.12 * wide, y - 3, 0.76 * wide - gap, heights)
        truth, chosen = task.truth[rows], probabilities.argmax(axis=1)
        columns = np.arange(ways)[None, :]
        is_truth, is_chosen = columns == truth[:, None], (columns == chosen[:, None]) & finite[:, None]
        for name, which, shapes in (
            ("cells", ~is_truth | is_truth, cells),
            ("others", ~is_chosen & finite[:, None], bars),
            ("right", is_chosen & is_truth, bars),
            ("wrong", is_chosen & ~is_truth, bars),
            ("frames", is_truth, cells),
        ):
            self.bars[name].set_verts(shapes[which])
        for row, verdict in enumerate(self.verdicts):
            verdict.set_text("")
            if row < len(rows):
                right = bool(finite[row] and chosen[row] == truth[row])
                p = f"{probabilities[row, truth[row]]:.2f}" if finite[row] else "–"
                verdict.set_text(f"{'✓' if right else '✗'} {p}")
                verdict.set_color(look.DARK_GREEN if right else look.VERMILION)
                verdict.set_y(self.top + (row + 0.5) * high)

    def update_curves(self, result: AdaptationResult) -> None:
        """The accuracies of the average with their bands, and of the one task, against the step."""
        average, task, step = result.average, result.task, result.step
        steps = np.arange(result.steps + 1)
        mean, half = 100 * average.mean, 100 * average.half_width
        for line, band, values, width in zip(self.lines, self.bands, mean, half, strict=True):
            line.set_data(steps, values)
            drawn = np.isfinite(values) & np.isfinite(width)
            there, low, high = steps[drawn], (values - width)[drawn], (values + width)[drawn]
            outline = np.concatenate(
                [np.stack([there, low], axis=-1), np.stack([there, high], axis=-1)[::-1]]
            )
            band.set_verts([outline] if drawn.any() else [])
        self.own.set_data(steps, 100 * task.query_accuracy)
        self.chance.set_data([-0.4, MAX_STEPS + 0.4], [100 / result.ways] * 2)
        self.cursor.set_data([step, step], [-3, 105])
        self.tasks.set_text(
            _("{n} tasks").format(n=average.n)
            if average.n >= result.goal
            else _("{n} of {goal} tasks").format(n=average.n, goal=result.goal)
        )
        words = (
            plus_minus(mean[0, step], half[0, step]),
            plus_minus(mean[1, step], half[1, step]),
            per_cent(task.query_accuracy[step]),
            per_cent(1 / result.ways),
        )
        for text, value in zip(self.values, words, strict=True):
            text.set_text(value)


def rectangles(left: Any, bottom: Any, width: Any, height: Any) -> np.ndarray:
    """Corners (..., 4, 2) of rectangles; y runs downwards, so `bottom` is the larger."""
    left, bottom, width, height = np.broadcast_arrays(left, bottom, width, height)
    x = np.stack([left, left + width, left + width, left], axis=-1)
    y = np.stack([bottom, bottom, bottom - height, bottom - height], axis=-1)
    return np.stack([x, y], axis=-1)
