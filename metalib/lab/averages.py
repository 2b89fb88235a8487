"""Laboratories whose curves are means over tasks: means, work on them in idle time, the walk along them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metalib.evaluation import half_interval
from metalib.lab.laboratory import Laboratory, Part
from metalib.lab.parts import Drag, Idle, Keys, View
from metalib.lab.surface import KeyEvent


@dataclass(frozen=True, eq=False)
class Average:
    """What was measured on each of n tasks: `values` (n, ...)."""

    values: np.ndarray

    @property
    def n(self) -> int:
        """The number of tasks."""
        return len(self.values)

    @property
    def mean(self) -> np.ndarray:
        """(...); not a number where a task's is not, or where there is no task."""
        return self.values.mean(axis=0) if self.n else np.full(self.values.shape[1:], np.nan)

    @property
    def half_width(self) -> np.ndarray:
        """(...): half the 95 % interval over tasks, 1.96 · s / √n; not a number for fewer than two."""
        if self.n < 2:
            return np.full(self.values.shape[1:], np.nan)
        return half_interval(self.values.std(axis=0, ddof=1), self.n)


class AveragingLaboratory(Laboratory):
    """A laboratory whose averages are worked out while the kernel is idle: `_idle` is among its parts."""

    _idle: Idle

    def finish(self) -> Any:
        """Work out all tasks of the present averages now; returns the result."""
        return self._idle.finish(self)

    @property
    def is_averaging(self) -> bool:
        """Is it working on the averages in the background."""
        return self._idle.is_running


def walk_along(
    place: Callable[[View], int],
    at: Callable[[View, int], Any],
    last: Callable[[View], int],
    otherwise: Callable[[View, str], Any] = lambda view, key: None,
) -> list[Part]:
    """The parts by which a learner walks along curves over the whole numbers 0 … last: by dragging, by the
    arrows, Home and End. Enter and the space bar draw the next task (the state's `draw`).

    Args:
        place: the number that is shown.
        at: (view, number) -> the state that shows it. Beyond the ends the number is that of the end.
        last: the last number.
        otherwise: (view, key) -> the state for another key, or None.
    """

    def to(view: View, wanted: int | None) -> Any:
        return None if wanted is None else at(view, min(max(wanted, 0), last(view)))

    def below(view: View, x: float, y: float) -> int | None:
        point = view.painter.to_data(view.painter.axes, x, y)
        return None if point is None else round(point[0])

    def pressed(view: View, event: KeyEvent) -> Any:
        here = place(view)
        places = {"ArrowLeft": here - 1, "ArrowRight": here + 1, "Home": 0, "End": last(view)}
        if event.key in ("Enter", " "):
            return replace(view.state, draw=view.state.draw + 1)
        return to(view, places[event.key]) if event.key in places else otherwise(view, event.key)

    return [Drag(below, lambda view, held, x, y: to(view, below(view, x, y))), Keys(pressed)]
