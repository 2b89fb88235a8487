"""How long from a drag to the picture in the loss-landscape laboratory, in the kernel.

    python -m benchmarks.landscape

A hand notices a delay of about 100 ms. The browser's part (decoding the picture) comes on top.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

from benchmarks.timing import print_table
from metalib.lab import LandscapeLaboratory
from metalib.tasks.landscapes import LANDSCAPES

DRAGS = 200


def drags(laboratory: LandscapeLaboratory, clock: Callable[[], float]) -> list[float]:
    """Milliseconds by `clock` from each of many pointer moves to its encoded picture."""
    result = []
    laboratory.surface.pointer("down", 0.1, 0.5, pressed=True)
    for i in range(DRAGS):
        x, y = 0.1 + 0.35 * i / DRAGS, 0.5 + 0.3 * math.sin(i)
        began = clock()
        laboratory.surface.pointer("move", x, y, pressed=True)
        result.append(1000 * (clock() - began))
    return result


def main() -> None:
    rows = []
    for name in LANDSCAPES:
        for resolution in (1.0, 2.0):
            laboratory = LandscapeLaboratory(landscape=name)
            laboratory.surface.resolution = resolution
            values = []
            for clock in (time.perf_counter, time.process_time):  # the second leaves out what others did
                measured = drags(laboratory, clock)
                values += [statistics.median(measured), statistics.quantiles(measured, n=20)[-1]]
            rows.append([name, f"{resolution:g}", *(f"{value:.0f}" for value in values)])
    print_table(["landscape, ms", "resolution", "median", "95 %", "processor: median", "95 %"], rows)


if __name__ == "__main__":
    main()
