"""One thread or two, on a quiet machine and beside another busy program.

    python -m benchmarks.threads [--rounds 10]

For each number of busy neighbours it prints milliseconds of a meta-gradient of MAML on 25 sine tasks, of
ProtoNet's gradient on four episodes of glyphs, and of adapting to one task as the sine laboratory does: with
one thread and with as many as torch would take by itself, in turns. A gain above 1 speaks for one thread.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from statistics import median

import torch

from benchmarks.timing import interleaved, machine, print_table, times, times_faster
from metalib import MAML, Episodes, ProtoNet, SineTasks, TaskBatch, threads
from metalib.data import glyphs
from metalib.models import conv4, sine_net

NEIGHBOUR = [sys.executable, "-c", "while True: pass"]


def works(channels: int) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""

    def gradient(learner: ProtoNet | MAML, batch: TaskBatch) -> Callable[[], object]:
        return lambda: torch.autograd.grad(learner.loss(batch), list(learner.parameters()))

    sines = SineTasks().sample(25, torch.Generator().manual_seed(0))
    episodes = Episodes(glyphs("train"), ways=5, shots=1, queries=15)
    maml = {steps: MAML(sine_net(), steps=steps) for steps in (1, 5)}
    return {
        "MAML on sines, 1 step": gradient(maml[1], sines),
        "MAML on sines, 5 steps": gradient(maml[5], sines),
        "adapt to one sine, 5 steps": lambda: maml[5].adapt(sines.support_x[:1], sines.support_y[:1]),
        "ProtoNet on glyphs": gradient(
            ProtoNet(conv4(channels=channels)), episodes.sample(4, torch.Generator().manual_seed(0))
        ),
    }


def with_threads(count: int, work: Callable[[], object]) -> Callable[[], object]:
    """The work on so many threads."""

    def call() -> object:
        torch.set_num_threads(count)
        return work()

    return call


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1, 2], help="busy programs")
    parser.add_argument("--channels", type=int, default=32, help="of ProtoNet's network")
    options = parser.parse_args(arguments)
    many = max(2, torch.get_num_threads())
    print(f"{machine()}; {threads.processors()} processors may be used")
    rows = []
    for neighbours in options.neighbours:
        beside = [subprocess.Popen(NEIGHBOUR) for _neighbour in range(neighbours)]
        try:
            for name, work in works(options.channels).items():
                contestants = {f"{count}": with_threads(count, work) for count in (threads.FEW, many)}
                seconds = interleaved(contestants, options.rounds)
                cells = [f"{1e3 * median(taken):.1f}" for taken in seconds.values()]
                gain = times(times_faster(seconds, f"{threads.FEW}", f"{many}"))
                rows.append([f"{name}, {neighbours} busy beside it", *cells, gain])
        finally:
            for process in beside:
                process.kill()
                process.wait()
    print_table(["milliseconds", "1 thread", f"{many} threads", "gain of one"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
