"""How long the adaptation laboratory takes from a moved control to the new picture, in the kernel.

    python -m benchmarks.adaptation [--moves 40] [--images omniglot]

For each control it makes `moves` moves at 5 ways and 1 shot, then some on larger tasks, and prints the median
and the 95th percentile in milliseconds, whole and by part: adapt (the way on one task), paint (result to
pixels), encode (pixels to PNG). The aim at 5 ways and 1 shot is 100 ms. "Processor" leaves out what other
programs did meanwhile. The average over tasks follows while the kernel is idle: the last lines say how many
milliseconds it takes a task, and for how long at a time nothing else can be answered.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.timing import print_table
from metalib import data, threads
from metalib.lab.adaptation.painter import AdaptationPainter
from metalib.lab.adaptation.start import shipped_weights, start_point
from metalib.lab.adaptation.task import Adaptations, AdaptationState
from metalib.lab.parts import CHUNK
from metalib.lab.png import encode_png
from metalib.models import conv4

Clock = Callable[[], float]
STATE = AdaptationState(start="start", alpha=0.4, step=0, draw=0)
MOVES = {
    "α": lambda t: {"alpha": 10 ** (-3 + 4 * t)},
    "inner steps": lambda t: {"steps": round(10 * t), "step": round(10 * t)},
    "new task": lambda t: {"draw": round(1000 * t)},
    "shots": lambda t: {"shots": 1 + round(4 * t)},
    "ways": lambda t: {"ways": 2 + round(3 * t)},
    "each query alone, new task": lambda t: {"draw": round(1000 * t), "transductive": False},
}
LARGER = {
    "20 ways, 1 shot": {"ways": 20},
    "20 ways, 5 shots": {"ways": 20, "shots": 5},
    "20 ways, 5 shots, alone": {"ways": 20, "shots": 5, "transductive": False},
}


def move(found: Adaptations, painter: AdaptationPainter, state: AdaptationState, clock: Clock) -> np.ndarray:
    """Seconds by `clock` for each part of one move, and for all."""
    times = [clock()]
    result = found.compute(state)
    times.append(clock())
    pixels = painter.pixels(state, result)
    times.append(clock())
    encode_png(pixels)
    times.append(clock())
    return np.array([*np.diff(times), times[-1] - times[0]])


def row(name: str, given: Callable[[], Adaptations], painter: AdaptationPainter, states: list) -> list[str]:
    """One line of the table: wall clock by part, then the processor's time for all."""
    wall, processor = (
        1e3 * np.array([move(given(), painter, state, clock) for state in states])
        for clock in (time.perf_counter, time.process_time)
    )
    columns = [*wall.T, processor[:, -1]]
    return [name, *(f"{np.median(one):.0f} / {np.percentile(one, 95):.0f}" for one in columns)]


def background(found: Adaptations) -> str:
    """The average in the background, at 5 ways and 1 shot."""
    held, more, began = [], True, time.process_time()
    while more:
        since = time.perf_counter()
        more = found.work(STATE, CHUNK)
        held.append(1e3 * (time.perf_counter() - since))
    spent = 1e3 * (time.process_time() - began) / found.tasks
    piece = np.percentile(held, 95)
    return f"average: {spent:.0f} ms of the processor a task, in pieces of {piece:.0f} ms (95 %)"


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--images", choices=("glyphs", "omniglot"), default="glyphs")
    options = parser.parse_args(arguments)
    moves = options.moves
    threads.settle()
    images = getattr(data, options.images)("test", by="character")
    first, given = next(iter(shipped_weights(options.images).items()))
    wide = conv4(64, norm="batch-statistics", downsample="stride", ways=20)
    head = ["adapt", "paint", "encode", "together", "processor: together"]
    for name, one in {first: given, "64 channels, 20 outputs": wide}.items():
        starts = {"start": start_point(name, one, images)}
        painter = AdaptationPainter(starts, 20)

        def fresh(starts=starts) -> Adaptations:
            return Adaptations(starts, images, tasks=20)  # one that knows no way yet

        known = fresh()
        painter.png(STATE, known.compute(STATE))
        along = [number / max(1, moves - 1) for number in range(moves)]
        rows = [
            row(control, fresh, painter, [replace(STATE, **at(t)) for t in along])
            for control, at in MOVES.items()
        ]
        steps = [replace(STATE, step=number % 4) for number in range(moves)]
        rows.append(row("step shown", lambda known=known: known, painter, steps))
        if starts["start"].outputs >= 20:
            few = range(max(2, moves // 10))
            rows += [
                row(task, fresh, painter, [replace(STATE, **change, draw=1 + n) for n in few])
                for task, change in LARGER.items()
            ]
        print(f"\n{name}: {moves} moves a control; median / 95th percentile in ms")
        print_table(["5 ways, 1 shot, 3 steps", *head], rows)
        print(background(fresh()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
