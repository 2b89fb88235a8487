"""The MAML meta-step: ours and the other libraries', in one run, as ratios.

    python -m benchmarks.meta_step

25 sine tasks, 10 shots, 10 queries, the network 1-40-40-1, second order; a step is the meta-loss and its
gradient with respect to θ, without an optimiser. Nobody is timed who computes something else.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.peers import BUILDERS, INSTALL, Step
from benchmarks.timing import interleaved, machine, print_table, times, times_faster
from metalib import SineTasks
from metalib.models import sine_net
from metalib.threads import FEW

TASKS, SHOTS, QUERIES, ALPHA = 25, 10, 10, 0.01
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
AIMS = (  # with one inner step, and with more
    ("metalib batched", "learn2learn", (20, 17)),
    ("metalib compiled", "learn2learn", (60, 60)),
    ("metalib compiled", "JAX jit", (0.85, 1)),
)
TOLERANCE = 1e-4  # of the largest entry; float32 in another order of summation differs by some 1e-6


def build(steps: int, names: Sequence[str], tasks: int = TASKS) -> tuple[dict[str, Step], dict[str, str]]:
    """The steps that can be built here, and for each other one the reason; same weights, same tasks."""
    model = sine_net(torch.Generator().manual_seed(1))
    batch = SineTasks(SHOTS, QUERIES).sample(tasks, torch.Generator().manual_seed(2))
    built, missing = {}, {}
    for name in names:
        try:
            built[name] = BUILDERS[name](model, batch, ALPHA, steps)
        except ImportError as reason:
            missing[name] = str(reason)
    return built, missing


def difference(ours: Step, theirs: Step) -> float:
    """The largest difference in meta-loss or meta-gradient, as a fraction of the largest entry of each array.

    Raises:
        ValueError: another number of parameters, or other shapes.
    """
    (loss, gradient), (their_loss, their_gradient) = ours(), theirs()
    worst = 0.0
    for a, b in zip([loss, *gradient], [their_loss, *their_gradient], strict=True):
        a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if a.shape != b.shape:
            raise ValueError(f"an array of shape {b.shape} where ours has {a.shape}")
        worst = max(worst, float(abs(a - b).max() / abs(a).max()))
    return worst


def compare(steps: int, names: Sequence[str], rounds: int, tasks: int = TASKS, clock: str = "wall") -> bool:
    """Build, check, warm up, time, print. False where a contestant computes something else."""
    print(f"\n{steps} inner step{'s' * (steps > 1)}, {tasks} tasks", flush=True)
    contestants, missing = build(steps, names, tasks)
    reference = build(steps, ["metalib batched"], tasks)[0]["metalib batched"]
    differences, refused = {}, []
    for name, step in list(contestants.items()):
        start = time.perf_counter()
        differences[name] = difference(reference, step)  # the first call: JAX and torch compile here
        first = time.perf_counter() - start
        if first > 2:
            print(f"{name}: the first call took {first:.0f} s")
        if not differences[name] < TOLERANCE:
            print(f"{name}: NOT TIMED, it differs from metalib by {differences[name]:.1e}")
            refused.append(name)
            del contestants[name]
    for step in contestants.values():
        for _warm in range(3):
            step()
    seconds = interleaved(contestants, rounds, clock=CLOCKS[clock])
    against = [name for name in ("plain loop", "learn2learn", "JAX jit") if name in contestants]
    rows = []
    for name in contestants:
        ratios = ["1" if name == other else times(times_faster(seconds, name, other)) for other in against]
        median = f"{1000 * statistics.median(seconds[name]):.2f}"
        rows.append([name, median, *ratios, f"{differences[name]:.0e}"])
    print_table(
        [
            "",
            "ms" if clock == "wall" else "ms of CPU",
            *(f"speed against {other}" for other in against),
            "difference",
        ],
        rows,
    )
    for name, reason in missing.items():
        print(f"{name}: not here ({reason}). {INSTALL.get(name, '')}")
    for name, other, aims in AIMS:
        if name in contestants and other in contestants:
            aim, ratio = aims[steps > 1], times_faster(seconds, name, other)
            verdict = "reached" if ratio >= aim else f"{100 * (1 - ratio / aim):.0f} % short"
            print(f"aim: {name} at least {aim} x the speed of {other}: {ratio:.2f} x, {verdict}")
    return not refused


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25, help="times each contestant has its turn")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 5], help="inner steps")
    parser.add_argument("--threads", type=int, default=FEW, help="threads of torch and of XLA")
    parser.add_argument("--tasks", type=int, default=TASKS, help="tasks in the batch")
    parser.add_argument("--only", nargs="+", choices=BUILDERS, default=list(BUILDERS), metavar="NAME")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: the processor's time, for a busy machine"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    print(machine())
    print(
        f"median of {options.rounds} interleaved rounds; difference: of meta-loss and meta-gradient to ours"
    )
    agreed = [
        compare(steps, options.only, options.rounds, options.tasks, options.clock) for steps in options.steps
    ]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())
