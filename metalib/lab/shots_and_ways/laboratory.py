"""The shots-and-ways laboratory: five methods on identical tasks, and leaks that can be switched on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metalib import data, weights
from metalib.data import ImageSet
from metalib.i18n import _
from metalib.lab.arguments import of_kind
from metalib.lab.averages import AveragingLaboratory, walk_along
from metalib.lab.parts import Idle, View
from metalib.lab.shots_and_ways.bench import BATCH, Bench
from metalib.lab.shots_and_ways.painter import ShotsAndWaysPainter
from metalib.lab.shots_and_ways.state import METHODS, QUERIES, ShotsAndWaysState
from metalib.tasks.batch import check_whole

AT_FIRST = 20
"""Tasks of each mean before the laboratory is shown."""


class ShotsAndWaysLaboratory(AveragingLaboratory):
    """The shots-and-ways laboratory with its controls.

    Click on the curves, or press ← and →, to move along them; ↑ and ↓ choose whose answers are seen, Enter
    draws a new episode. The first tasks of each mean are worked out at once, the others while the kernel is
    idle; `finish()` waits for them.

    Args:
        images: characters that the shipped weights were not trained on; by default the glyphs of the test
            split by character.
        training: the classes they were trained on; by default those of the same source.
        tasks: how many tasks each mean has in the end (MAML's a fifth).
        initial: values of `ShotsAndWaysState` to begin with.

    Raises:
        ValueError, TypeError: images with fewer than two classes or too few drawings, or an unknown initial
            value.
    """

    def __init__(
        self,
        images: ImageSet | None = None,
        training: ImageSet | None = None,
        *,
        tasks: int = 200,
        **initial: Any,
    ) -> None:
        check_whole("tasks", tasks, BATCH)
        images = data.glyphs("test") if images is None else images
        of_kind("images", images, ImageSet)
        source = "omniglot" if images.source == "omniglot" else "glyphs"
        if training is None:
            training = getattr(data, source)("train")
        of_kind("training", training, ImageSet)
        if min(images.classes, training.classes) < 2 or min(images.drawings, training.drawings) <= QUERIES:
            raise ValueError(
                _("The laboratory needs at least two classes and {need} drawings of each.").format(
                    need=QUERIES + 1
                )
            )
        protonet, plain = (weights.load(f"{source}-{name}").encoder for name in ("protonet", "embedding"))
        maml: Any = weights.load(f"{source}-maml")
        bench = Bench(images, training, protonet, plain, maml, tasks)

        def follow(before: ShotsAndWaysState, after: ShotsAndWaysState) -> ShotsAndWaysState:
            return replace(after, shots=min(after.shots, bench.most_shots(after.leak)))

        self._idle = Idle(bench.work, lambda result: result.is_done)
        begin = {**{"ways": min(5, bench.most_ways)}, **initial}
        super().__init__(
            ShotsAndWaysState,
            bench.compute,
            ShotsAndWaysPainter(),
            initial=begin,
            allowed={
                "ways": (2, bench.most_ways),
                "shots": lambda state: (1, bench.most_shots(state.leak)),
            },
            follow=follow,
            on=[
                *walk_along(place, setting, lambda view: len(view.result.x) - 1, other_method),
                self._idle,
            ],
            label=_("An episode, and accuracy along shots or ways. The arrow keys move along the curves."),
        )
        while bench.work(self.state, goal=min(AT_FIRST, tasks)):
            pass
        self.refresh()


def place(view: View) -> int:
    """Which point of the curves is shown, from the left."""
    return view.result.x.index(getattr(view.state, view.state.along))


def setting(view: View, number: int) -> ShotsAndWaysState:
    """The setting of this point of the curves."""
    return replace(view.state, **{view.state.along: view.result.x[number]})


def other_method(view: View, key: str) -> ShotsAndWaysState | None:
    """↑ and ↓ choose whose answers are seen."""
    if key not in ("ArrowUp", "ArrowDown"):
        return None
    names, turn = list(METHODS), 1 if key == "ArrowDown" else -1
    return replace(view.state, method=names[(names.index(view.state.method) + turn) % len(names)])
