"""The prototype laboratory: what ProtoNet does with one episode, seen in a plane of its embedding space.

State: the embedding, the distance, where the characters come from, ways, shots, queries a class, the
episode's number and the example that is pointed at. What is computed stands in `episode`, the painter in
`picture`.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import nn

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.lab import controls
from metalib.lab.laboratory import Laboratory
from metalib.lab.prototypes.episode import (
    MAX_QUERIES,
    MAX_SHOTS,
    MAX_WAYS,
    PrototypeResult,
    deal,
    embed,
    judge,
)
from metalib.lab.prototypes.picture import PrototypePicture, distance_names
from metalib.lab.surface import KeyEvent, PointerEvent
from metalib.learners import ProtoNet


class PrototypeLaboratory(Laboratory):
    """The prototype laboratory: point at an example with the mouse or the arrow keys.

    Left and right go along a class, up and down from class to class, Page Up and Page Down to the previous
    and the next misjudged query; Enter draws a new episode.

    Args:
        embeddings: name -> encoder, or learner with one (`ProtoNet`, `NearestCentroid`), as it is now: it is
            copied. By default pixels, an untrained network, and the shipped ProtoNet and plain embedding.
        images: where the classes come from: an `ImageSet`, whose larger alphabets can then be chosen, or
            name -> `ImageSet`. By default the glyphs that the shipped weights have not been trained on.
        initial: initial values: embedding, distance, characters, ways, shots, queries (a class), draw,
            selected.

    Raises:
        ValueError: fewer than two classes, or than two drawings of each.
    """

    def __init__(
        self,
        embeddings: Mapping[str, nn.Module] | None = None,
        images: ImageSet | Mapping[str, ImageSet] | None = None,
        **initial: Any,
    ) -> None:
        encoders = {name: frozen(one) for name, one in (embeddings or shipped_embeddings()).items()}
        sets = image_sets(images)
        drawings = min(one.drawings for one in sets.values())
        classes = min(MAX_WAYS, *(one.classes for one in sets.values()))
        if classes < 2 or drawings < 2:
            raise ValueError(
                _(
                    "The laboratory needs at least two classes and two drawings of each; these images have "
                    "{classes} and {drawings}."
                ).format(classes=min(one.classes for one in sets.values()), drawings=drawings)
            )
        shots, queries = min(MAX_SHOTS, drawings - 1), min(MAX_QUERIES, drawings - 1)
        first = {
            **{"embedding": list(encoders)[-1 if embeddings else -2], "distance": "squared_euclidean"},
            **{"characters": next(iter(sets)), "ways": min(5, classes), "shots": 1},
            **{"queries": min(5, queries), "draw": 1, "selected": (0, 0)},
            **initial,
        }

        # Pointing, and another distance, need no new pass through the network.
        @functools.lru_cache(maxsize=16)
        def embedded(embedding: str, characters: str, *counts: int) -> tuple[Any, Any]:
            dealt = deal(sets[characters], *counts)
            return dealt, embed(encoders[embedding], dealt)

        def compute(
            embedding: str,
            distance: str,
            characters: str,
            ways: int,
            shots: int,
            queries: int,
            draw: int,
            selected: tuple[int, int],
        ) -> PrototypeResult:
            dealt, points = embedded(embedding, characters, ways, shots, queries, draw)
            return judge(dealt, points, embedding, distance, selected)

        hidden = controls.Hidden()
        hidden.value = tuple(first.pop("selected"))
        distances = {words: name for name, words in distance_names().items()}
        made = {
            "embedding": controls.choice(_("embedding"), list(encoders), first.pop("embedding")),
            "distance": controls.choice(_("distance"), distances, first.pop("distance")),
            "characters": controls.choice(_("characters"), list(sets), first.pop("characters")),
            "ways": controls.whole_slider(_("ways"), first.pop("ways"), 2, classes),
            "shots": controls.whole_slider(_("shots"), first.pop("shots"), 1, shots),
            "queries": controls.whole_slider(_("queries"), first.pop("queries"), 1, queries),
            "draw": controls.Counter(_("new episode"), _("no. {number}"), first.pop("draw")),
            "selected": hidden,
        }
        if first:
            raise TypeError(_("The prototype laboratory has no {name}.").format(name=", ".join(first)))
        label = _(
            "An episode in its embedding. Arrow keys point at an example, Page Down at the next misjudged "
            "query; Enter draws a new episode."
        )
        super().__init__(compute, PrototypePicture(), made, label=label)
        self.surface.hover = True
        self.surface.on_pointer(self._pointed)
        self.surface.on_key(self._pressed)

    def _pointed(self, event: PointerEvent) -> None:
        if event.kind == "leave":
            return
        selected = self.picture.example_at(self.result, event.x, event.y)
        if selected is not None and selected != self.result.selected:
            self.set(selected=selected)

    def _pressed(self, event: KeyEvent) -> None:
        (way, column), result = self.result.selected, self.result
        ways, shots, queries = *result.support.shape[:2], result.query.shape[1]
        sides = {"ArrowLeft": (0, -1), "ArrowRight": (0, 1), "ArrowUp": (-1, 0), "ArrowDown": (1, 0)}
        if event.key in sides:
            down, along = sides[event.key]
            moved = (way + down) % ways, (column + along + shots) % (shots + queries) - shots
            self.set(selected=moved)
        elif event.key == "Home":
            self.set(selected=(0, 0))
        elif event.key == "End":
            self.set(selected=(ways - 1, queries - 1))
        elif event.key in ("PageDown", "PageUp"):
            wrong = [(int(c), int(q)) for c, q in zip(*(~result.right).nonzero(), strict=True)]
            if event.key == "PageDown":
                found = [one for one in wrong if one > (way, column)] or wrong
                self.set(selected=found[0] if found else result.selected)
            else:
                found = [one for one in wrong if one < (way, column)] or wrong
                self.set(selected=found[-1] if found else result.selected)
        elif event.key in ("Enter", " "):
            self.set(draw=self.state["draw"] + 1)


def frozen(embedding: nn.Module) -> nn.Module:
    """A copy of an encoder, or of a learner's, in evaluation mode."""
    encoder = embedding.encoder if isinstance(embedding, ProtoNet) else embedding
    return copy.deepcopy(encoder).eval()


def shipped_embeddings() -> dict[str, nn.Module]:
    """Pixels, a network before training, and the same network trained in two ways; all on glyphs."""
    from metalib import weights  # only where it is needed: other laboratories bring their own

    return {
        _("pixels"): nn.Flatten(),
        _("untrained network"): weights.recipe("glyphs-protonet").build(),
        _("trained, ProtoNet"): weights.load("glyphs-protonet"),
        _("trained, plain classifier"): weights.load("glyphs-embedding"),
    }


def image_sets(images: ImageSet | Mapping[str, ImageSet] | None) -> dict[str, ImageSet]:
    """Name -> where classes are drawn from: of one set the whole, and each alphabet that is large enough."""
    if images is None:
        from metalib.data import glyphs

        images = glyphs("test", by="character")
    if isinstance(images, Mapping):
        return dict(images)
    counts = Counter(images.alphabets)
    chosen = {_("all"): images}
    for alphabet in sorted(name for name in counts if counts[name] >= MAX_WAYS):
        if len(counts) > 1:
            chosen[alphabet] = images.subset([a == alphabet for a in images.alphabets])
    return chosen
