"""How long the adaptation laboratory takes from a moved control to the new picture, in the kernel.

    python -m benchmarks.adaptation [--moves 40] [--images omniglot]

For each control it makes `moves` moves at 5 ways and 1 shot, then some on larger tasks, and prints the median
and the 95th percentile in milliseconds, whole and by part: adapt (the way on one task), draw (result to
pixels), encode (pixels to PNG). The aim at 5 ways and 1 shot is 100 ms. "Processor" leaves out what other
programs did meanwhile. The average over tasks follows while the kernel is idle: the last lines say how many
milliseconds it takes a task, and for how long at a time nothing else can be answered.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.timing import print_table
from metalib import data
from metalib.lab.adaptation.average import Averages
from metalib.lab.adaptation.laboratory import CHUNK
from metalib.lab.adaptation.picture import AdaptationPicture
from metalib.lab.adaptation.start import shipped_weights, start_point
from metalib.lab.adaptation.task import AdaptationResult, adaptation
from metalib.lab.picture import encode_png
from metalib.models import conv4

STATE = {"alpha": 0.4, "steps": 3, "shots": 1, "ways": 5, "transductive": True, "draw": 0}
MOVES = {
    "α": lambda t: {"alpha": 10 ** (-3 + 4 * t)},
    "inner steps": lambda t: {"steps": round(10 * t)},
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


def move(start, images, picture: AdaptationPicture, state: dict, clock: Callable[[], float]) -> np.ndarray:
    """Seconds by `clock` for each part of one move, and for all."""
    times = [clock()]
    result = adaptation(start, images, **state)
    times.append(clock())
    pixels = picture.pixels(result)
    times.append(clock())
    encode_png(pixels)
    times.append(clock())
    return np.array([*np.diff(times), times[-1] - times[0]])


def row(name: str, start, images, picture: AdaptationPicture, states: list[dict]) -> list[str]:
    """One line of the table: wall clock by part, then the processor's time for all."""
    wall, processor = (
        1e3 * np.array([move(start, images, picture, state, clock) for state in states])
        for clock in (time.perf_counter, time.process_time)
    )
    columns = [*wall.T, processor[:, -1]]
    return [name, *(f"{np.median(one):.0f} / {np.percentile(one, 95):.0f}" for one in columns)]


def step_move(start, images, picture: AdaptationPicture, moves: int) -> list[str]:
    """The line for "step shown": nothing is adapted anew."""
    result = adaptation(start, images, **STATE)
    spent = {"wall": [], "processor": []}
    for number in range(moves):
        shown = AdaptationResult(**{**vars(result), "step": number % 4})
        began = (time.perf_counter(), time.process_time())
        pixels = picture.pixels(shown)
        drawn = time.perf_counter()
        encode_png(pixels)
        ended = (time.perf_counter(), time.process_time())
        spent["wall"].append([0, drawn - began[0], ended[0] - drawn, ended[0] - began[0]])
        spent["processor"].append(ended[1] - began[1])
    columns = [*(1e3 * np.array(spent["wall"])).T, 1e3 * np.array(spent["processor"])]
    return ["step shown", *(f"{np.median(one):.0f} / {np.percentile(one, 95):.0f}" for one in columns)]


def background(start, images) -> str:
    """The average in the background, at 5 ways and 1 shot."""
    averages, settings = Averages({"start": start}, images, 20), {**STATE, "start": "start"}
    settings.pop("draw")
    held, more, began = [], True, time.process_time()
    while more:
        since = time.perf_counter()
        more = averages.work(CHUNK, **settings)
        held.append(1e3 * (time.perf_counter() - since))
    spent = 1e3 * (time.process_time() - began) / 20
    piece = np.percentile(held, 95)
    return f"average: {spent:.0f} ms of the processor a task, in pieces of {piece:.0f} ms (95 %)"


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--images", choices=("glyphs", "omniglot"), default="glyphs")
    options = parser.parse_args(arguments)
    moves = options.moves
    torch.set_num_threads(1)
    images = getattr(data, options.images)("test", by="character")
    first, given = next(iter(shipped_weights(options.images).items()))
    wide = conv4(64, norm="batch-statistics", downsample="stride", ways=20)
    starts = {first: given, "64 channels, 20 outputs": wide}
    head = ["adapt", "draw", "encode", "together", "processor: together"]
    for name, one in starts.items():
        start, picture = start_point(name, one, images), AdaptationPicture()
        picture.png(adaptation(start, images, **STATE))
        along = [number / max(1, moves - 1) for number in range(moves)]
        rows = [
            row(control, start, images, picture, [{**STATE, **at(t)} for t in along])
            for control, at in MOVES.items()
        ]
        rows.append(step_move(start, images, picture, moves))
        if start.outputs >= 20:
            few = range(max(2, moves // 10))
            rows += [
                row(task, start, images, picture, [{**STATE, **change, "draw": n} for n in few])
                for task, change in LARGER.items()
            ]
        print(f"\n{name}: {moves} moves a control; median / 95th percentile in ms")
        print_table(["5 ways, 1 shot, 3 steps", *head], rows)
        print(background(start, images))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
