"""What the cost laboratory computes: counted bytes, measured seconds, and the lines that predict them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from metalib.i18n import N_
from metalib.lab.controls import choice, counter, whole_slider
from metalib.learners import MAML, ImplicitMAML, Learner
from metalib.models import count_parameters, peak_memory, sine_net
from metalib.tasks import SineTasks

STEPS = (1, 2, 4, 8, 16, 32, 64)
WIDTHS = {20: "20", 40: "40", 80: "80", 160: "160"}
SEGMENTS = {"root": "√T", "1": "1", "2": "2", "4": "4", "8": "8", "16": "16", "64": "64"}
SHOWN = {"memory": N_("memory (counted)"), "time": N_("time (measured here)")}
WAYS = ("second", "checkpointed", "implicit", "first")
ALPHA, PULL = 0.01, 1.0
REPEATS = 3  # of a measured time the shortest counts
BYTES = 4  # of a number


@dataclass(frozen=True)
class CostState:
    """Of which inner loop the cost is shown, and which cost."""

    steps: int = choice(N_("inner steps"), {steps: str(steps) for steps in STEPS}, 16)
    width: int = choice(N_("network width"), WIDTHS, 40)
    tasks: int = whole_slider(N_("tasks"), 4, 1, 8)
    segment: str = choice(N_("segment"), SEGMENTS, "root")
    shown: str = choice(N_("shown"), SHOWN, "memory")
    draw: int = counter(N_("measure again"), N_("no. {number}"))


class CostResult(NamedTuple):
    """Each way's cost at `STEPS`, (7,): what was measured, and what is predicted; not a number where it is
    not known yet. `copy` is the bytes of one θ′ for each task, `segment` the steps of a segment at each."""

    measured: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]
    copy: int
    segment: np.ndarray

    @property
    def is_done(self) -> bool:
        """Whether everything has been measured."""
        return all(np.isfinite(values).all() for values in self.measured.values())


def segment_of(segment: str, steps: int) -> int:
    """How many of so many steps a segment has."""
    return min(steps, math.ceil(math.sqrt(steps)) if segment == "root" else int(segment))


def learner_of(way: str, width: int, steps: int, segment: str) -> Learner:
    """What takes the meta-gradient in this way, on an untrained sine network."""
    model = sine_net(width=width)
    if way == "implicit":
        return ImplicitMAML(model, ALPHA, steps, pull=PULL)
    checkpoint = segment_of(segment, steps) if way == "checkpointed" else False
    return MAML(model, ALPHA, steps, first_order=way == "first", checkpoint=checkpoint)


def meta_step(way: str, width: int, tasks: int, steps: int, segment: str) -> Callable[[], None]:
    """One meta-gradient, as something to be called."""
    learner = learner_of(way, width, steps, segment)
    batch = SineTasks(shots=10, queries=10).sample(tasks, torch.Generator().manual_seed(0))

    def work() -> None:
        learner.zero_grad()
        learner.loss(batch).backward()

    return work


class Meter:
    """Measures, one cost after the other, and remembers. What others are predicted from comes first."""

    FIRST = (("second", 4), ("second", 8), ("checkpointed", 4), ("implicit", 4), ("first", 4))

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], float] = {}

    def key(self, state: CostState, way: str, steps: int, segment: str | None = None) -> tuple[Any, ...]:
        """What decides a cost: the segment matters to one way only, the draw to times only."""
        kept = (segment or state.segment) if way == "checkpointed" else ""
        again = state.draw if state.shown == "time" else 0
        return state.shown, way, state.width, state.tasks, steps, kept, again

    def wanted(self, state: CostState) -> list[tuple[Any, ...]]:
        """All that a state's picture needs, in the order in which it is measured."""
        first = [self.key(state, way, steps, "root") for way, steps in self.FIRST]
        if state.shown == "time":
            first += [self.key(state, way, steps) for way in WAYS for steps in (4, 8)]
        rest = [self.key(state, way, steps) for steps in STEPS for way in WAYS]
        return list(dict.fromkeys(first + rest))

    def work(self, state: CostState, seconds: float = math.inf, up_to: int = STEPS[-1]) -> bool:
        """Measure for about so many seconds, loops of at most so many steps; returns whether there is more to
        measure."""
        began = time.perf_counter()
        missing = [key for key in self.wanted(state) if key not in self._known and key[4] <= up_to]
        for number, key in enumerate(missing, 1):
            self._known[key] = self.measure(*key[:6])
            if time.perf_counter() - began > seconds:
                return number < len(missing)
        return False

    def measure(self, shown: str, way: str, width: int, tasks: int, steps: int, segment: str) -> float:
        """Bytes, or seconds."""
        work = meta_step(way, width, tasks, steps, segment)
        work()  # what the first time takes longer for, or keeps
        if shown == "memory":
            return float(peak_memory(work)[0])
        taken = []
        for _repeat in range(REPEATS):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
        return min(taken)

    def compute(self, state: CostState) -> CostResult:
        """What is known by now."""

        def known(way: str, steps: int, segment: str | None = None) -> float:
            return self._known.get(self.key(state, way, steps, segment), math.nan)

        copy = BYTES * state.tasks * count_parameters(sine_net(width=state.width))
        segment = np.array([segment_of(state.segment, steps) for steps in STEPS])
        measured = {way: np.array([known(way, steps) for steps in STEPS]) for way in WAYS}
        grid, predicted = np.array(STEPS), {}
        if state.shown == "time":  # every way takes each step some fixed number of times
            for way, values in measured.items():
                at4, at8 = values[STEPS.index(4)], values[STEPS.index(8)]
                predicted[way] = np.clip(at4 + (at8 - at4) / 4 * (grid - 4), 1e-9, None)
            return CostResult(measured, predicted, copy, segment)
        record = (known("second", 8) - known("second", 4)) / 4  # of one step
        predicted["second"] = known("second", 4) + record * (grid - 4)
        # The points that are kept and one segment's record; what else there is, is read off at 4 steps.
        kept = np.ceil(grid / segment) * copy + segment * record
        predicted["checkpointed"] = known("checkpointed", 4, "root") + kept - 2 * copy - 2 * record
        for way in ("implicit", "first"):
            predicted[way] = np.full(len(STEPS), known(way, 4))
        return CostResult(measured, predicted, copy, segment)
