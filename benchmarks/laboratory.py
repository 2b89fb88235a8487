"""How long a laboratory takes from a moved control to the new picture, in the kernel.

    python benchmarks/laboratory.py [--moves 200]

For each control it makes `moves` moves over the control's range and prints the median and the 95th percentile
in milliseconds, whole and by part: adapt (state to result), paint (result to pixels), encode (pixels to PNG).
The aim on a quiet machine is a 95th percentile of 33 ms. The last lines compare with a full painting and with
Pillow's encoder, and say how large the pictures are.
"""

import argparse
import io
import time
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from metalib import threads
from metalib.lab.png import encode_png
from metalib.lab.sine import SinePainter, SineState, adapt_sine
from metalib.models import sine_net

VALUES = {"alpha": 0.01, "steps": 5, "shots": 10, "amplitude": 2.5, "phase": 1.0, "draw": 0}
RANGES = {
    "alpha": lambda t: 10 ** (-4 + 4 * t),
    "steps": lambda t: round(10 * t),
    "shots": lambda t: 1 + round(19 * t),
    "amplitude": lambda t: 0.1 + 4.9 * t,
    "phase": lambda t: 3.14 * t,
    "draw": lambda t: round(1000 * t),
    "steps=10, alpha": lambda t: 10 ** (-4 + 2 * t),
}


def move(model, painter, state):
    """Seconds for each part of one move, and the bytes of the picture."""
    times = [time.perf_counter()]
    result = adapt_sine(model, state)
    times.append(time.perf_counter())
    pixels = painter.pixels(state, result)
    times.append(time.perf_counter())
    png = encode_png(pixels)
    times.append(time.perf_counter())
    return [*np.diff(times), times[-1] - times[0]], len(png)


def row(name, milliseconds):
    """One printed line: median / 95th percentile of each column."""
    cells = (f"{np.median(column):6.1f} /{np.percentile(column, 95):6.1f}" for column in milliseconds.T)
    print(f"{name:18}" + "  ".join(cells))


def seconds(function, times=20):
    """The median time of a call."""
    taken = []
    for _call in range(times):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=200)
    moves = parser.parse_args().moves
    threads.settle()
    model, painter, sizes = sine_net(), SinePainter(), []
    state = SineState("mine", **VALUES)
    painter.png(state, adapt_sine(model, state))
    print(f"{moves} moves a control, {torch.get_num_threads()} threads; median / 95th percentile in ms")
    print(f"{'control':18}" + "  ".join(f"{part:^14}" for part in ("adapt", "paint", "encode", "together")))
    everything = []
    for name, along in RANGES.items():
        fixed = replace(state, steps=10) if name.startswith("steps=10") else state
        measured = [
            move(model, painter, replace(fixed, **{name.split()[-1]: along(number / (moves - 1))}))
            for number in range(moves)
        ]
        times = 1e3 * np.array([entry[0] for entry in measured])
        sizes += [entry[1] for entry in measured]
        everything.append(times)
        row(name, times)
    row("all", np.concatenate(everything))

    result = adapt_sine(model, state)
    figure, pixels = painter.full(state, result), painter.pixels(state, result).copy()
    full, fast = seconds(figure.canvas.draw), seconds(lambda: painter.pixels(state, result))
    print(f"paint: {1e3 * fast:.1f} ms, in full {1e3 * full:.1f} ms: {full / fast:.1f} times")
    pillow = seconds(
        lambda: Image.fromarray(pixels).convert("RGB").save(io.BytesIO(), "png", compress_level=1)
    )
    own = seconds(lambda: encode_png(pixels))
    print(f"encode: {1e3 * own:.1f} ms, Pillow at level 1 {1e3 * pillow:.1f} ms: {pillow / own:.1f} times")
    print(f"a picture has {np.median(sizes) / 1024:.0f} kB (median)")


if __name__ == "__main__":
    main()
