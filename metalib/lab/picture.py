"""Painters: from a result to a picture, in full or fast.

A laboratory shows the same axes again and again, and only a few lines move. `Painter.png` therefore paints
what stands still once, keeps its pixels, and for each result puts them back and paints only what moves on
top. `Painter.full` paints everything; a test compares the two pixel for pixel.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from metalib import look
from metalib.lab.png import encode_png
from metalib.lab.words import Words

MOVING = 10  # zorder of what moves: above all that stands still


class Layer(Artist):
    """Artists that stand still for a while, such as contours; they lie below all that moves.

    To change them takes no painting of the axes, whose ticks and labels take longer than all the rest.
    """

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.parts: list[Artist] = []
        self.changed = True
        self.set_zorder(MOVING / 2)
        axes.add_artist(self)

    def put(self, parts: list[Artist]) -> None:
        """Show these, which stand on the axes already, in place of those before; the first is the lowest."""
        for part in self.parts:
            if part.axes is not None:  # else it went with another, as a contour's labels do
                part.remove()
        for part in parts:
            part.set_animated(True)  # the axes leave them to this layer
        self.parts, self.changed = parts, True

    def draw(self, renderer: Any) -> None:
        for part in self.parts:
            part.draw(renderer)


class Painter:
    """Shows (state, result). A subclass says what stands still, what moves, and what it says in words.

        class Dots(Painter):
            width, height = 600, 400                  # pixels at 100 dots an inch
            def build(self, figure):                  # once: axes, labels, limits
                axes = figure.subplots()
                self.dots, = axes.plot([], [], "o", animated=True)
            def update(self, state, result):          # for every result: new data
                self.dots.set_data(*result)
            def words(self, state, result):           # titles, legends, remarks: text beside it
                return Words([Panel(0, 1, f"{state.count} dots")])
            def describe(self, state, result):        # for who cannot see it: what only the picture shows
                return f"They lie at {result}."

    What moves is `animated`, in matplotlib's word, and lies above what stands still (it gets `MOVING` as its
    zorder where it has less). What changes now and then, and takes long, is a `Layer` between the two. When
    `update` has to change something else that stands still, it calls `self.renew()`.
    """

    width = look.WIDTH
    height = 420
    fold = 1.0
    """Where the picture may be cut, 0 … 1 from the left: in a narrow column, such as a telephone's, the right
    part then stands below the left one. 1: nowhere."""

    def __init__(self) -> None:
        self._resolution = 1.0
        self._canvas: FigureCanvasAgg | None = None
        self._moving: list[Artist] = []
        self._layers: list[Layer] = []
        self._grounds: list[np.ndarray] = []  # what stands still: without layers, with the first, with two …

    def build(self, figure: Figure) -> None:
        """Put the axes and all artists on an empty figure, `animated` those that `update` changes."""
        raise NotImplementedError

    def update(self, state: Any, result: Any) -> None:
        """Give the moving artists the data of `result`."""
        raise NotImplementedError

    def describe(self, state: Any, result: Any) -> str:
        """What a reader who cannot see the picture needs to know besides the controls and the `words`, which
        stand in front of it in the text alternative."""
        raise NotImplementedError

    def words(self, state: Any, result: Any) -> Words:
        """What stands beside the picture as text: titles, legends with their numbers, a remark."""
        return Words()

    def renew(self) -> None:
        """Paint everything next time: something that stands still has changed."""
        self._grounds = []

    @property
    def ground(self) -> np.ndarray:
        """What stands still, as `pixels` gives the whole: the same array until something of it changes."""
        if not self._grounds:
            raise RuntimeError("No picture has been painted yet.")
        return self._grounds[-1]

    @property
    def resolution(self) -> float:
        """Pixels drawn for each of `width` and `height`: 1, or up to 2 for fine screens."""
        return self._resolution

    @resolution.setter
    def resolution(self, value: float) -> None:
        self._resolution = min(2.0, max(1.0, float(value)))
        if self._canvas is not None:
            self._canvas.figure.dpi = look.DPI * self._resolution
        self.renew()

    def full(self, state: Any, result: Any) -> Figure:
        """The whole picture as a fresh figure of its own, painted the plain way."""
        twin = copy.copy(self)  # `build` keeps its artists on the painter: the twin's are not ours
        with look.style():
            canvas = twin._start(animated=False)
            twin.update(state, result)
            canvas.draw()
        return canvas.figure

    def pixels(self, state: Any, result: Any) -> np.ndarray:
        """The picture as uint8 (height, width, 4), by the fast road; valid until the next call."""
        if self._canvas is None:
            with look.style():
                self._canvas = self._start(animated=True)
        canvas = self._canvas
        self.update(state, result)
        if not self._grounds:
            with look.style():
                canvas.draw()
            self._grounds = [np.array(canvas.buffer_rgba())]
        pixels, renderer = np.asarray(canvas.buffer_rgba()), canvas.get_renderer()
        for number, layer in enumerate(self._layers):
            if layer.changed or len(self._grounds) == number + 1:
                del self._grounds[number + 1 :]
                pixels[:] = self._grounds[number]
                layer.draw(renderer)
                layer.changed = False
                self._grounds.append(pixels.copy())
        pixels[:] = self.ground
        for artist in self._moving:
            artist.draw(renderer)
        return pixels

    def png(self, state: Any, result: Any) -> bytes:
        """The picture as a PNG file, by the fast road."""
        return encode_png(self.pixels(state, result))

    def to_data(
        self, axes: Axes, x: float, y: float, *, anywhere: bool = False
    ) -> tuple[float, float] | None:
        """Data coordinates of a point of the picture (0..1 from left and top). Outside the axes it is None,
        or with `anywhere` what the axes would have there."""
        width, height = axes.figure.bbox.size
        point = (x * width, (1 - y) * height)
        if not anywhere and not axes.bbox.contains(*point):
            return None
        horizontal, vertical = axes.transData.inverted().transform(point)
        return float(horizontal), float(vertical)

    def _start(self, animated: bool) -> FigureCanvasAgg:
        size = (self.width / look.DPI, self.height / look.DPI)
        figure = Figure(figsize=size, dpi=look.DPI * self._resolution)
        canvas = FigureCanvasAgg(figure)
        self.build(figure)
        self._moving, self._layers = [], []
        # In the order of a full draw: from low to high, and what was made first first.
        for axes in figure.axes:
            layers = [artist for artist in axes.get_children() if isinstance(artist, Layer)]
            for layer in layers:
                layer.set_animated(animated)
            self._layers += layers
            moving = [a for a in axes.get_children() if a.get_animated() and a not in layers]
            for artist in moving:
                artist.set_zorder(max(MOVING, artist.get_zorder()))
                artist.set_animated(animated)
            self._moving += sorted(moving, key=Artist.get_zorder)
        self.renew()
        return canvas
