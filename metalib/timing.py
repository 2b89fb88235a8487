"""Time several programs side by side on a machine that also does other things."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch

SLOT_SECONDS = 0.05  # a fast contestant is called again until its turn has lasted so long


def interleaved(
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    slot: float = SLOT_SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds per call of each contestant in each round; the rounds go A B C, A B C, ….

    Whatever else the machine does then falls on all alike. A turn is one call that is not timed (it brings
    the contestant's data back into the caches) and then timed calls until ``slot`` seconds are over, at least
    one. Garbage is collected between turns, so that nobody pays for the garbage of the one before.

    ``clock``: ``time.process_time`` counts the processor's time of all threads of this process, and not the
    waiting for other programs; not for contestants that start processes of their own.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    gc.freeze()  # what is imported stays: to look through it between all turns would take longer than they
    try:
        for _round in range(rounds):
            for name, call in contestants.items():
                gc.collect()
                call()
                calls, start, now = 0, clock(), 0.0
                while calls == 0 or now - start < slot:
                    call()
                    calls, now = calls + 1, clock()
                seconds[name].append((now - start) / calls)
    finally:
        gc.unfreeze()
    return seconds


def times_faster(seconds: Mapping[str, Sequence[float]], name: str, than: str) -> float:
    """How many times as fast ``name`` is: the median over rounds of the two times of the *same* round."""
    pairs = zip(seconds[than], seconds[name], strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], text: bool = False) -> str:
    """A Markdown table with aligned columns: the first to the left, the others right, or left for `text`."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        aligned = enumerate(zip(row, widths, strict=True))
        cells = [cell.ljust(w) if place in left else cell.rjust(w) for place, (cell, w) in aligned]
        return "| " + " | ".join(cells) + " |"

    left = range(len(header)) if text else (0,)
    rules = ["-" * w if place in left else "-" * (w - 1) + ":" for place, w in enumerate(widths)]
    return "\n".join([line(header), "| " + " | ".join(rules) + " |", *map(line, rows)])


def times(ratio: float) -> str:
    """A ratio with two digits that mean something: 0.42 x, 3.1 x, 18 x."""
    return f"{ratio:.2f} x" if ratio < 1 else f"{ratio:.1f} x" if ratio < 10 else f"{ratio:.0f} x"


def machine() -> str:
    """What the figures were measured on, in words."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} CPU cores{load}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
    )
