"""The prototype laboratory: what ProtoNet does with one episode, seen in a plane of its embedding space."""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from metalib import weights
from metalib.data import ImageSet, glyphs
from metalib.i18n import N_, _
from metalib.lab.arguments import named, of_kind
from metalib.lab.controls import choice, counter, hidden, point, whole, whole_slider
from metalib.lab.laboratory import Laboratory
from metalib.lab.parts import ARROWS, Keys, Touch, View
from metalib.lab.prototypes.episode import PrototypeResult, deal, embed, judge
from metalib.lab.prototypes.painter import COLOURS, HOW, PrototypePainter
from metalib.lab.surface import KeyEvent
from metalib.learners import DISTANCE_LABELS, ProtoNet

EMBEDDINGS = {
    "pixels": N_("pixels"),
    "untrained": N_("untrained network"),
    "protonet": N_("trained, ProtoNet"),
    "plain": N_("trained, plain classifier"),
}
ALL = {"all": N_("all")}
MAX_WAYS, MAX_SHOTS, MAX_QUERIES = len(COLOURS), 10, 8


def example(name: str, value: Any) -> tuple[int, int]:
    """A class and a column."""
    point(name, value)
    way, column = value
    return whole(name, way), whole(name, column)


@dataclass(frozen=True)
class PrototypeState:
    """One episode, how it is embedded and judged, and the example that is pointed at: `selected` is (class,
    column), where columns 0 … Q − 1 are queries and −K … −1 the support examples in front of them."""

    embedding: str = choice(N_("embedding"), EMBEDDINGS, "protonet")
    distance: str = choice(N_("distance"), DISTANCE_LABELS, "squared_euclidean")
    characters: str = choice(N_("characters"), ALL, "all")
    ways: int = whole_slider(N_("ways"), 5, 2, MAX_WAYS)
    shots: int = whole_slider(N_("shots"), 1, 1, MAX_SHOTS)
    queries: int = whole_slider(N_("queries"), 5, 1, MAX_QUERIES)
    draw: int = counter(N_("new episode"), N_("no. {number}"), 1)
    selected: tuple[int, int] = hidden((0, 0), example)

    @property
    def pointed(self) -> tuple[int, int]:
        """Class and number of the example that is pointed at, as a result has them: support first. It is
        brought back inside where there are no longer so many."""
        way, column = self.selected
        column = min(max(column, -self.shots), self.queries - 1)
        return min(max(way, 0), self.ways - 1), self.shots + column


class PrototypeLaboratory(Laboratory):
    """The prototype laboratory: point at an example with the mouse or the arrow keys.

    Left and right go along a class, up and down from class to class, Page Up and Page Down to the previous
    and the next misjudged query; Enter draws a new episode.

    Args:
        embeddings: name -> encoder, or learner with one (`ProtoNet`, `NearestCentroid`), as it is now: it is
            copied. By default pixels, an untrained network, and the shipped ProtoNet and plain embedding.
        images: where the classes come from: an `ImageSet`, whose larger alphabets can then be chosen, or
            name -> `ImageSet`. By default the glyphs that the shipped weights have not been trained on.
        initial: values of `PrototypeState` to begin with.

    Raises:
        ValueError: fewer than two classes, or than two drawings of each.
    """

    def __init__(
        self,
        embeddings: Mapping[str, nn.Module] | None = None,
        images: ImageSet | Mapping[str, ImageSet] | None = None,
        **initial: Any,
    ) -> None:
        given = shipped_embeddings() if embeddings is None else embeddings
        encoders = {
            name: copy.deepcopy(one.encoder if isinstance(one, ProtoNet) else one).eval()
            for name, one in named("embeddings", given, nn.Module).items()
        }
        sets = image_sets(images)
        classes = min(one.classes for one in sets.values())
        drawings = min(one.drawings for one in sets.values())
        if classes < 2 or drawings < 2:
            raise ValueError(
                _(
                    "The laboratory needs at least two classes and two drawings of each; these images have "
                    "{classes} and {drawings}."
                ).format(classes=classes, drawings=drawings)
            )

        @functools.lru_cache(maxsize=16)
        def embedded(state: PrototypeState) -> tuple[Tensor, tuple[str, ...], np.ndarray]:
            pictures, names = deal(sets[state.characters], state.ways, state.shots, state.queries, state.draw)
            return pictures, names, embed(encoders[state.embedding], pictures)

        def compute(state: PrototypeState) -> PrototypeResult:
            # Pointing, and another distance, need no new pass through the network.
            episode = embedded(replace(state, distance="", selected=(0, 0)))
            return judge(*episode, shots=state.shots, distance=state.distance)

        names = {name: EMBEDDINGS.get(name, name) for name in encoders}
        begin = {
            "embedding": list(encoders)[-1] if embeddings else "protonet",
            "characters": next(iter(sets)),
            "ways": min(5, classes),
            "queries": min(5, drawings - 1),
        }
        super().__init__(
            PrototypeState,
            compute,
            PrototypePainter(names),
            initial={**begin, **initial},
            allowed={
                "embedding": names,
                "characters": {name: ALL.get(name, name) for name in sets},
                "ways": (2, min(MAX_WAYS, classes)),
                "shots": (1, min(MAX_SHOTS, drawings - 1)),
                "queries": (1, min(MAX_QUERIES, drawings - 1)),
            },
            on=[Touch(pointed, hover=True), Keys(pressed)],
            label=_("An episode in its embedding.") + " " + _(HOW),
        )


def pointed(view: View, x: float, y: float) -> PrototypeState | None:
    """Select what the pointer is at."""
    selected = view.painter.example_at(view.state, view.result, x, y)
    return None if selected is None else replace(view.state, selected=selected)


def pressed(view: View, event: KeyEvent) -> PrototypeState | None:
    """Walk through the episode, or draw a new one."""
    state, wrong = view.state, view.result.misjudged
    way, number = state.pointed
    here = way, number - state.shots
    if event.key in ARROWS:
        along, up = ARROWS[event.key]
        number = (number + along) % (state.shots + state.queries)
        here = (way - up) % state.ways, number - state.shots
    elif event.key == "Home":
        here = (0, 0)
    elif event.key == "End":
        here = (state.ways - 1, state.queries - 1)
    elif event.key == "PageDown" and wrong:
        here = next((one for one in wrong if one > here), wrong[0])
    elif event.key == "PageUp" and wrong:
        here = next((one for one in reversed(wrong) if one < here), wrong[-1])
    elif event.key in ("Enter", " "):
        return replace(state, draw=state.draw + 1)
    return replace(state, selected=here)


def shipped_embeddings() -> dict[str, nn.Module]:
    """Pixels, a network before training, and the same network trained in two ways; all on glyphs."""
    return {
        "pixels": nn.Flatten(),
        "untrained": weights.recipe("glyphs-protonet").build(),
        "protonet": weights.load("glyphs-protonet"),
        "plain": weights.load("glyphs-embedding"),
    }


def image_sets(images: ImageSet | Mapping[str, ImageSet] | None) -> dict[str, ImageSet]:
    """Name -> where classes are drawn from: of one set the whole, and each alphabet that is large enough."""
    images = glyphs("test", by="character") if images is None else images
    if isinstance(images, Mapping):
        return named("images", images, ImageSet)
    counts = Counter(of_kind("images", images, ImageSet).alphabets)
    large = sorted(name for name in counts if counts[name] >= MAX_WAYS) if len(counts) > 1 else ()
    alphabets = {name: images.subset([one == name for one in images.alphabets]) for name in large}
    return {"all": images, **alphabets}
