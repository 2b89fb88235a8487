"""The distance laboratory: prototypes and a query in the plane, and what the softmax over distances says.

State: where the points are, how many classes there are, the distance, the temperature, and which class is the
true one. Result: the distances and p(y = c | x) of the query, its loss and gradient, and the same answer for
every place of the plane. The mathematics is in `metalib.lab.distances.math`, the painter in
`metalib.lab.distances.picture`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.distances.math import MAX_CLASSES, MIN_CLASSES, WINDOW, DistanceResult, classify
from metalib.lab.distances.picture import DistancePicture
from metalib.lab.laboratory import Laboratory
from metalib.lab.surface import KeyEvent, PointerEvent

PROTOTYPES = ((-2.0, 1.3), (1.7, 1.7), (0.4, -1.5), (-2.6, -1.4), (2.9, -0.7))
QUERY = (0.2, 0.5)
REACH = 26  # pixels of a 1000 pixel wide picture: how near the pointer must be to take hold of a point


class DistanceLaboratory(Laboratory):
    """The distance laboratory: drag the query and the prototypes, or choose one by its number (0 is the
    query) and move it by the arrow keys, with Shift in small steps. Home puts all points back.

    Args:
        initial: initial values: classes, distance ("squared_euclidean", "euclidean" or "cosine"),
            temperature, truth (the true class, 0 for none), query (x, y), prototypes (up to five (x, y)),
            selected (what the arrow keys move).
    """

    def __init__(self, **initial: Any) -> None:
        first = {
            **{"classes": 3, "distance": "squared_euclidean", "temperature": 1.0, "truth": 0},
            **{"query": QUERY, "prototypes": PROTOTYPES, "selected": 0},
            **initial,
        }
        unknown = [name for name in initial if name not in DISTANCE_STATE]
        if unknown:
            raise TypeError(_("The distance laboratory has no {name}.").format(name=", ".join(unknown)))
        hidden = {name: controls.Hidden() for name in ("query", "prototypes", "selected")}
        given = tuple(map(tuple, first["prototypes"]))
        hidden["prototypes"].value = given + PROTOTYPES[len(given) :]
        hidden["query"].value, hidden["selected"].value = tuple(first["query"]), first["selected"]
        kinds = {
            _("squared Euclidean"): "squared_euclidean",
            _("Euclidean"): "euclidean",
            _("cosine"): "cosine",
        }
        truths = {_("none"): 0, **{str(number): number for number in range(1, MAX_CLASSES + 1)}}
        made = {
            "distance": controls.choice(_("distance"), kinds, first["distance"]),
            "temperature": controls.log_slider(_("temperature"), first["temperature"], 0.01, 100.0),
            "classes": controls.whole_slider(_("classes"), first["classes"], MIN_CLASSES, MAX_CLASSES),
            "truth": controls.choice(_("true class"), truths, first["truth"]),
            **hidden,
        }
        self._held_by: tuple[int, float, float] | None = None  # the dragged point, and how far it was missed
        label = _("Distances. Drag a point, or choose it by 0 to 5 and move it by the arrow keys.")
        super().__init__(classify, DistancePicture(), made, label=label)
        self.surface.on_pointer(self._pointed)
        self.surface.on_key(self._pressed)

    def places(self) -> np.ndarray:
        """The query and the prototypes that are shown, (1 + classes, 2)."""
        return np.concatenate([self.result.query[None], self.result.prototypes])

    def move(self, number: int, x: float, y: float) -> DistanceResult:
        """Put the query (number 0) or a prototype (1, 2, …) at (x, y), or as near as the window allows."""
        left, right, bottom, top = WINDOW
        # Two decimals are what is shown; so the picture's numbers are those of the place that is named.
        place = (round(float(np.clip(x, left, right)), 2), round(float(np.clip(y, bottom, top)), 2))
        if number == 0:
            return self.set(query=place, selected=0)
        points = list(self.controls["prototypes"].value)
        points[number - 1] = place
        return self.set(prototypes=tuple(points), selected=number)

    def _pointed(self, event: PointerEvent) -> None:
        if event.kind == "down":
            self._held_by = self._taken(event)
        if self._held_by is None or event.kind not in ("down", "move", "up"):
            return
        if event.kind == "move" and not event.pressed:
            return
        number, dx, dy = self._held_by
        # "up" carries the last position, and takes the place of a move that was still waiting.
        x, y = self.picture.anywhere(event.x, event.y)
        self.move(number, x + dx, y + dy)
        if event.kind == "up":
            self._held_by = None

    def _taken(self, event: PointerEvent) -> tuple[int, float, float] | None:
        """Which point the pointer takes hold of, and how far from its middle. In the empty plane it calls the
        query; beside the plane it takes nothing."""
        there = self.picture.to_data(self.picture.plane, event.x, event.y)
        if there is None:
            return None
        pixels = self.picture.pixels_a_unit()
        away = self.places() - np.array(there)
        nearest = int(np.argmin(np.hypot(*away.T)))
        if np.hypot(*away[nearest]) * pixels > REACH:
            return 0, 0.0, 0.0
        return nearest, *away[nearest].tolist()

    def _pressed(self, event: KeyEvent) -> None:
        sides = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowDown": (0, -1), "ArrowUp": (0, 1)}
        chosen = self.result.selected
        if event.key in sides:
            x, y = self.places()[chosen] + (0.05 if event.shift else 0.25) * np.array(sides[event.key])
            self.move(chosen, x, y)
        elif event.key.isdigit() and int(event.key) <= self.result.classes:
            self.set(selected=int(event.key))
        elif event.key == "Home":
            self.set(query=QUERY, prototypes=PROTOTYPES)

    def set(self, **values: Any) -> DistanceResult:
        """As for every laboratory; where a class goes that the arrow keys moved, they move the query."""
        values = dict(values)
        if "prototypes" in values:
            given = tuple(map(tuple, values["prototypes"]))
            values["prototypes"] = given + self.controls["prototypes"].value[len(given) :]
        return super().set(**values)


DISTANCE_STATE = ("classes", "distance", "temperature", "truth", "query", "prototypes", "selected")
