"""What the shots-and-ways laboratory computes: methods on identical tasks, clean and leaky, and one episode.

Tasks come in batches of `BATCH`, each from a seed of its own: all methods see the same ones, and so does each
leak that spoils tasks of the same classes. What stands on an encoder embeds each drawing once. Scores are
kept, and grow in idle time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from metalib.data import ImageSet
from metalib.data.images import grey
from metalib.lab.averages import Average
from metalib.lab.shots_and_ways.state import (
    GRID,
    MAX_SHOTS,
    MAX_WAYS,
    METHODS,
    QUERIES,
    Cell,
    Here,
    MethodCurve,
    ShotsAndWaysResult,
    ShotsAndWaysState,
)
from metalib.learners import GradientLearner, Learner, LogisticRegression, ProtoNet
from metalib.learners.base import batch_norms, evaluating
from metalib.protocol.routines import with_query_statistics
from metalib.tasks import Episodes, TaskBatch, leaks
from metalib.tasks.leaks import Leaky

CLASSES = 100
"""Of an image set, at most: so the embedding takes about a second."""
BATCH, AT_ONCE = 10, 200
"""Tasks, and drawings, that are worked on in one piece."""
FIRST_TASK = 2_000_000
MAML_STEPS = 3


class Bench:
    """All methods on tasks of `images`; `training` are the classes they have been trained on.

    Args:
        protonet, plain: encoders; `plain` is that of an ordinary classifier.
        maml: a gradient learner with outputs for some ways.
        goal: tasks of each mean, once all is done.
    """

    def __init__(
        self,
        images: ImageSet,
        training: ImageSet,
        protonet: nn.Module,
        plain: nn.Module,
        maml: GradientLearner,
        goal: int,
    ) -> None:
        self.sets = {"test": some(images), "training": some(training)}
        self.outputs, self.goal = maml_outputs(maml, images), goal
        self.drawings = min(one.drawings for one in self.sets.values())
        self._maml = maml
        self.learners: dict[str, Any] = {
            "pixels": ProtoNet(nn.Flatten()),
            "centroid": ProtoNet(plain, "cosine").eval(),
            "logistic": LogisticRegression(plain).eval(),
            "protonet": ProtoNet(protonet).eval(),
        }
        self._values: dict[Cell, list[Tensor]] = {}
        self._embedded: dict[tuple[str, str], Episodes] = {}
        self._embedding: dict[tuple[str, str], Iterator[None]] = {}
        self._together = cache(with_query_statistics)
        self._masked = cache(self._mask)

    # --- what can be done
    def can(self, cell: Cell) -> bool:
        """Is there such a task, and can the method do it."""
        return cell.shots <= self.most_shots(cell.leak) and (
            cell.method != "maml" or cell.ways <= self.outputs
        )

    def most_shots(self, leak: str) -> int:
        """The most shots of a task: a class that comes twice needs twice the drawings."""
        there = self.drawings // 2 if leak == "twice" else self.drawings
        return min(MAX_SHOTS, there - QUERIES)

    def cells(self, state: ShotsAndWaysState) -> list[Cell]:
        """All means that a state shows: those of the setting itself first, and the clean one of each."""
        sizes = [(state.ways, state.shots)]
        for x in self.grid(state):
            sizes.append((state.ways, x) if state.along == "shots" else (x, state.shots))
        made = [
            Cell(method, leak, *size)
            for size in dict.fromkeys(sizes)
            for leak in dict.fromkeys((state.leak, "none"))
            for method in METHODS
        ]
        return [cell for cell in made if self.can(cell)]

    def grid(self, state: ShotsAndWaysState) -> tuple[int, ...]:
        """Where the curves have points: fixed ones, and the present setting."""
        most = self.most_shots(state.leak) if state.along == "shots" else self.most_ways
        fixed = [x for x in GRID[state.along] if x <= most]
        return tuple(sorted({*fixed, getattr(state, state.along)}))

    @property
    def most_ways(self) -> int:
        """The most ways of a task."""
        return min(MAX_WAYS, *(one.classes for one in self.sets.values()))

    def goal_of(self, cell: Cell) -> int:
        """How many tasks a mean shall have; MAML, which has no features to keep, a fifth."""
        return self.goal if cell.method != "maml" else max(BATCH, self.goal // 5)

    # --- the work
    def work(self, state: ShotsAndWaysState, seconds: float = math.inf, goal: float = math.inf) -> bool:
        """Go on for so many seconds with what the state shows, few tasks of all before many of some; returns
        whether there is more to do (up to `goal` tasks)."""
        end, cells, target = time.perf_counter() + seconds, self.cells(state), BATCH
        while True:
            waiting = [c for c in cells if self.count(c) < min(target, goal, self.goal_of(c))]
            for cell in waiting:
                if not self.advance(cell):
                    return True  # an embedding is on its way: one piece at a time
                if time.perf_counter() > end:
                    return True
            if not waiting and target >= min(self.goal, goal):
                return False
            if not waiting:
                target *= 2

    def count(self, cell: Cell) -> int:
        """The tasks that a mean has."""
        return BATCH * len(self._values.get(cell, ()))

    def advance(self, cell: Cell) -> bool:
        """One batch more, once what it needs is embedded; returns whether it is that batch."""
        embedding = self.embedding(cell)
        if embedding is not None and embedding not in self._embedded:
            way = self._embedding.setdefault(embedding, self._embed(embedding))
            next(way, None)
            return False
        found = self._values.setdefault(cell, [])
        learner, tasks = self.setting(cell)
        found.append(scores(learner, tasks.sample(BATCH, seeded(FIRST_TASK + len(found))), cell.ways))
        return True

    def embedding(self, cell: Cell) -> tuple[str, str] | None:
        """Which drawings, by whose encoder, must be embedded for it; None where pixels are needed."""
        if cell.method == "maml" or (cell.leak == "statistics" and cell.method != "pixels"):
            return None
        encoder = "centroid" if cell.method == "logistic" else cell.method
        return ("training" if cell.leak == "overlap" else "test"), encoder

    def _embed(self, key: tuple[str, str]) -> Iterator[None]:
        images, learner = self.sets[key[0]], self.learners[key[1]]
        parts = []
        with torch.no_grad():
            for part in images.images.flatten(0, 1).split(AT_ONCE):
                parts.append(learner.embed(part.float().div(255).unsqueeze(0))[0])
                yield
        ready = iter(parts)
        self._embedded[key] = Episodes(images, 2, 1, 1).mapped(lambda _x: next(ready), AT_ONCE)

    def setting(self, cell: Cell) -> tuple[Learner, Any]:
        """The learner, and the tasks as it sees them: embedded, where that has been done."""
        key = self.embedding(cell)
        which = "training" if cell.leak == "overlap" else "test"
        learner: Learner = self._masked(cell.ways) if cell.method == "maml" else self.learners[cell.method]
        if key in self._embedded:
            learner, episodes = self.learners[cell.method].over(nn.Identity()), self._embedded[key]
        else:
            episodes = Episodes(self.sets[which], 2, 1, 1)
            if cell.leak == "statistics" and cell.method != "maml" and batch_norms(learner):
                learner = self._together(learner)
        return learner, leaky(cell.leak, episodes.sized(cell.ways, cell.shots, QUERIES))

    def _mask(self, ways: int) -> GradientLearner:
        """MAML for tasks of fewer ways than it has outputs: the others take no part."""

        def loss(logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
            return nn.functional.cross_entropy(logits[:, :ways], labels, **options)

        adapted = self._maml.adapted_names
        return GradientLearner(
            self._maml.model, self._maml.alpha, MAML_STEPS, loss_fn=loss, adapts=adapted.__contains__
        ).eval()

    # --- what is shown
    def compute(self, state: ShotsAndWaysState) -> ShotsAndWaysResult:
        """The episode, and the curves as far as they are known."""
        x = self.grid(state)
        curves, here = {}, {}
        for method in METHODS:
            sizes = [(state.ways, n) if state.along == "shots" else (n, state.shots) for n in x]
            leaking = [self.values(Cell(method, state.leak, *size)) for size in sizes]
            clean = [self.values(Cell(method, "none", *size)) for size in sizes]
            curves[method] = MethodCurve(
                np.array([mean(one) for one in leaking]),
                np.array([half(one) for one in leaking]),
                np.array([mean(one) for one in clean]),
            )
            here[method] = self.at(Cell(method, state.leak, state.ways, state.shots))
        done = all(self.count(cell) >= self.goal_of(cell) for cell in self.cells(state))
        return ShotsAndWaysResult(*self.episode(state), x, curves, here, done)

    def values(self, cell: Cell) -> np.ndarray:
        """The accuracies that are known (n,)."""
        return torch.cat([torch.empty(0), *self._values.get(cell, ())]).numpy()

    def at(self, cell: Cell) -> Here:
        """A mean, and what the leak adds to the clean one: in pairs, where they are the same tasks."""
        one, other = self.values(cell), self.values(replace(cell, leak="none"))
        n = min(len(one), len(other))
        added = mean(one) - mean(other)
        if cell.leak == "overlap":  # other classes: no pairs
            spread = math.hypot(half(one), half(other))
        else:
            added, spread = mean(one[:n] - other[:n]), half(one[:n] - other[:n])
        return Here(mean(one), half(one), len(one), added, spread)

    def episode(
        self, state: ShotsAndWaysState
    ) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], np.ndarray | None]:
        """Pictures, class numbers, names, and which queries the method answers right, if it can."""
        cell = Cell(state.method, state.leak, state.ways, state.shots)
        images = self.sets["training" if state.leak == "overlap" else "test"]
        tasks: Any = leaky(state.leak, Episodes(images, state.ways, state.shots, QUERIES))
        classes, drawings = tasks.draw(1, seeded(state.draw))
        pictures = getattr(tasks, "episodes", tasks).pictures(classes, drawings)[0]
        right = None
        if self.can(cell):
            learner, seen = self.setting(cell)
            batch = getattr(seen, "episodes", seen).gather(classes, drawings)
            right = answers(learner, batch, state.ways).numpy().reshape(state.ways, QUERIES)
        names = tuple(images.names[i] for i in classes[0].tolist())
        return grey(pictures).numpy(), classes[0].numpy(), names, right


def leaky(leak: str, episodes: Episodes) -> Episodes | Leaky:
    """The tasks with this leak in them, where it is one of the tasks."""
    makers: dict[str, Callable[[Episodes], Leaky]] = {
        "support": leaks.SupportInQuery,
        "twice": leaks.ClassTwice,
        "sorted": leaks.SortedLabels,
    }
    return makers[leak](episodes) if leak in makers else episodes


def some(images: ImageSet) -> ImageSet:
    """The set, or `CLASSES` of it, evenly spread."""
    if images.classes <= CLASSES:
        return images
    return images.subset(torch.linspace(0, images.classes - 1, CLASSES).long())


def maml_outputs(maml: GradientLearner, images: ImageSet) -> int:
    """How many ways the learner's network can tell apart."""
    with torch.no_grad(), evaluating(maml):
        return maml.model(torch.zeros(2, *images.images.shape[2:])).shape[-1]


def answers(learner: Learner, batch: TaskBatch, ways: int) -> Tensor:
    """Which queries are answered right, (T, Q)."""
    with evaluating(learner), torch.no_grad():
        logits = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    return logits[..., :ways].argmax(dim=-1) == batch.query_y


def scores(learner: Learner, batch: TaskBatch, ways: int) -> Tensor:
    """The accuracy of each task, (T,)."""
    return answers(learner, batch, ways).float().mean(dim=1)


def seeded(seed: int) -> torch.Generator:
    """Random numbers from this seed."""
    return torch.Generator().manual_seed(seed)


def mean(values: np.ndarray) -> float:
    """Not a number where there are none."""
    return float(Average(values).mean)


def half(values: np.ndarray) -> float:
    """Half the 95 % interval of their mean; not a number for fewer than two."""
    return float(Average(values).half_width)
