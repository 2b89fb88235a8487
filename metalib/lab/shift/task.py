"""What the shift laboratory computes: episodes along a dial of growing shift, and four ways to answer them.

Shapes: N ways, K shots, Q queries a class; accuracies are fractions, one for each of the `STRENGTHS`.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from metalib.data import SHIFTS, ImageSet, Shift
from metalib.data.images import grey
from metalib.i18n import N_
from metalib.lab.averages import Average
from metalib.lab.controls import choice, counter, whole_slider
from metalib.learners import FineTuning, ProtoNet, restandardised
from metalib.tasks import Episodes, TaskBatch

WAYS, QUERIES, MAX_SHOTS = 5, 4, 10
STRENGTHS = np.arange(11)  # tenths of the dial
FIRST_TASK = 2_000_000  # the averages' tasks are drawn from this seed on; the shown ones have their own
UNLABELLED = 200  # drawings on which the statistics of a domain are measured
KEPT = 12  # averages, of the settings used last
TUNED: dict[str, Any] = {
    "alpha": 0.01,
    "steps": 10,
    "temperature": 10.0,
}  # chosen on validation classes; see chapter 9

WHERE = {"query": N_("the queries only: a gap"), "both": N_("support and queries")}
METHODS = {
    "pixels": N_("pixels"),
    "frozen": N_("ProtoNet as it is"),
    "statistics": N_("its statistics measured anew"),
    "tuned": N_("all its weights fine-tuned"),
}


@dataclass(frozen=True)
class ShiftState:
    """Where the dial stands, what is shifted, who answers, and the episode that is shown."""

    kind: str = choice(N_("shift"), SHIFTS, "noise")
    strength: int = whole_slider(N_("strength"), 5, 0, int(STRENGTHS[-1]))
    where: str = choice(N_("shifted are"), WHERE, "query")
    method: str = choice(N_("method"), METHODS, "frozen")
    shots: int = whole_slider(N_("shots"), 5, 1, MAX_SHOTS)
    draw: int = counter(N_("new episode"), N_("no. {number}"), 1)


class DialAverage(Average):
    """Accuracies of n tasks for each method along the dial: `values` (n, methods, strengths)."""

    def of(self, method: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and half the 95 % interval along the dial, (strengths,) both."""
        which = list(METHODS).index(method)
        return self.mean[which], self.half_width[which]


class ShiftResult(NamedTuple):
    """One episode at the place of the dial, and averages over others along it."""

    support: np.ndarray  # uint8 (N, K, H, W), ink = 255
    query: np.ndarray  # uint8 (N, Q, H, W)
    right: np.ndarray  # bool (N, Q): which queries the method judges right
    averages: DialAverage


class OnTheWay(NamedTuple):
    """Averages on their way: values (methods, strengths) of the finished tasks, and who works on the next."""

    rows: list[np.ndarray]
    way: Iterator[None]


class Dial:
    """Episodes of `images` along the dial, and how `encoder` fares on them; averages have `tasks` tasks.

    unlabelled: drawings of other classes, on which the statistics of a domain are measured.
    """

    def __init__(self, encoder: nn.Module, images: ImageSet, unlabelled: ImageSet, tasks: int) -> None:
        self.images, self.tasks = images, tasks
        self.encoder = encoder.eval()
        flat = unlabelled.images.flatten(0, 1)
        self.unlabelled = flat[:: max(1, len(flat) // UNLABELLED)][:UNLABELLED].float() / 255
        self.pixels, self.frozen = ProtoNet(nn.Flatten()), ProtoNet(self.encoder)
        self.tuned = FineTuning(self.encoder, adapts="all", **TUNED)
        self._domain = functools.lru_cache(maxsize=len(SHIFTS) * len(STRENGTHS))(self._measured)
        self._shown = functools.lru_cache(maxsize=32)(self._answered)
        self._known: dict[ShiftState, OnTheWay] = {}

    def compute(self, state: ShiftState) -> ShiftResult:
        """The episode that is shown, and the averages as far as `work` has come."""
        shown = self._shown(state)
        rows = self._averages(state).rows
        values = np.array(rows).reshape(len(rows), len(METHODS), len(STRENGTHS))
        return ShiftResult(*shown, DialAverage(values))

    def work(self, state: ShiftState, seconds: float = math.inf, tasks: int | None = None) -> bool:
        """Go on with the averages for so many seconds, but one place of the dial at least, up to so many
        tasks; whether there is more."""
        found, end = self._averages(state), time.perf_counter() + seconds
        wanted = self.tasks if tasks is None else min(tasks, self.tasks)
        try:
            while len(found.rows) < wanted:
                next(found.way)
                if time.perf_counter() > end:
                    break
        except BaseException:  # an interrupted way cannot go on: begin anew
            self._known.clear()
            raise
        return len(found.rows) < self.tasks

    def task(self, shots: int, seed: int) -> TaskBatch:
        """One task as it was drawn. With one shot more, the queries and the other shots are the same."""
        most = min(MAX_SHOTS, self.images.drawings - QUERIES)
        episodes = Episodes(self.images, WAYS, most, QUERIES)
        x, y, query_x, query_y = episodes.sample(1, torch.Generator().manual_seed(seed))
        x, y = (part.unflatten(1, (WAYS, most))[:, :, :shots].flatten(1, 2) for part in (x, y))
        return TaskBatch(x, y, query_x, query_y)

    def logits(self, method: str, state: ShiftState, batch: TaskBatch) -> Tensor:
        """What a method answers to one task that is shifted already: (Q·N, N)."""
        x, y, query_x, _query_y = batch
        if method == "statistics":
            # Each domain with its own: the support set may lie in the old one.
            new = ProtoNet(self._domain(state.kind, state.strength))
            old = new if state.where == "both" else self.frozen
            return new.predict(old.adapt(x, y), query_x)[0]
        learner = {"pixels": self.pixels, "frozen": self.frozen, "tuned": self.tuned}[method]
        return learner.predict(learner.adapt(x, y), query_x)[0]

    def _measured(self, kind: str, strength: int) -> nn.Module:
        """The encoder with the statistics of a domain."""
        return restandardised(self.encoder, Shift(kind, strength / 10)(self.unlabelled))

    def _averages(self, state: ShiftState) -> OnTheWay:
        key = replace(state, strength=0, method="frozen", draw=0)
        found = self._known.pop(key, None)
        if found is None:
            rows: list[np.ndarray] = []
            found = OnTheWay(rows, self._walk(key, rows))
        self._known[key] = found  # the newest is last
        if len(self._known) > KEPT:
            self._known.pop(next(iter(self._known)))
        return found

    def _walk(self, state: ShiftState, rows: list[np.ndarray]) -> Iterator[None]:
        """Add a row for each of the averages' tasks; stops after every place of the dial."""
        for number in range(self.tasks):
            batch = self.task(state.shots, FIRST_TASK + number)
            values = np.zeros((len(METHODS), len(STRENGTHS)))
            for strength in STRENGTHS:
                place = replace(state, strength=int(strength))
                with torch.no_grad():
                    moved = shifted(batch, place)
                    for row, method in enumerate(METHODS):
                        answer = self.logits(method, place, moved).argmax(dim=-1)
                        values[row, strength] = (answer == batch.query_y[0]).double().mean().item()
                if strength == STRENGTHS[-1]:
                    rows.append(values)
                yield

    @torch.no_grad()
    def _answered(self, state: ShiftState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        batch = shifted(self.task(state.shots, state.draw), state)
        answer = self.logits(state.method, state, batch).argmax(dim=-1)
        right = (answer == batch.query_y[0]).view(WAYS, -1).numpy()
        support, query = (
            grey((255 * x[0]).round().to(torch.uint8)).unflatten(0, (WAYS, -1)).numpy()
            for x in (batch.support_x, batch.query_x)
        )
        return support, query, right


def shifted(batch: TaskBatch, state: ShiftState) -> TaskBatch:
    """A task at the place of the dial."""
    shift = Shift(state.kind, state.strength / 10)
    x, y, query_x, query_y = batch
    return TaskBatch(shift(x) if state.where == "both" else x, y, shift(query_x), query_y)
