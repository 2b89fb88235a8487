"""Every laboratory: milliseconds from a moved control to the encoded picture, in the kernel.

    python -m benchmarks.laboratories [--rounds 10] [--baseline FOLDER]

With the folder of an older checkout it measures both in turns, in one run, and prints the ratio: what a
change of the mechanism costs or gains. Each tree runs in a process of its own. Times are those of the
processor (other programs' are left out); median and 95th percentile of all moves.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

from metalib.threads import ONE_THREAD

HERE = Path(__file__).resolve()
MOVES = 12  # a turn

# Laboratory, control -> from t in 0 … 1 to the values that are set; words that both old and new trees know.
PLANS = {
    ("SineLaboratory", "α"): lambda t: {"alpha": 10 ** (-4 + 2.5 * t), "steps": 5},
    ("SineLaboratory", "phase"): lambda t: {"phase": 3.14 * t},
    ("LandscapeLaboratory", "drag θ"): lambda t: {"theta": (2 * t - 1, math.sin(9 * t))},
    ("LandscapeLaboratory", "α"): lambda t: {"alpha": 10 ** (-2 + 2 * t)},
    ("EpisodeLaboratory", "cursor"): lambda t: {"cursor": round(100 * t) % 5},
    ("EpisodeLaboratory", "new episode"): lambda t: {"draw": 1 + round(1000 * t)},
    ("DistanceLaboratory", "drag the query"): lambda t: {"query": (4 * t - 2, math.sin(9 * t))},
    ("DistanceLaboratory", "temperature"): lambda t: {"temperature": 10 ** (-2 + 4 * t)},
    ("PrototypeLaboratory", "point"): lambda t: {"selected": (round(100 * t) % 5, 0)},
    ("PrototypeLaboratory", "new episode"): lambda t: {"draw": 1 + round(1000 * t)},
    ("LearningCurvesLaboratory", "shots"): lambda t: {"shots": (1, 2, 3, 5, 10)[round(100 * t) % 5]},
    ("LearningCurvesLaboratory", "new task"): lambda t: {"draw": round(1000 * t)},
    ("AdaptationLaboratory", "step shown"): lambda t: {"step": round(100 * t) % 4},
    ("AdaptationLaboratory", "new task"): lambda t: {"draw": round(1000 * t)},
    ("AdaptationLaboratory", "α"): lambda t: {"alpha": 10 ** (-2 + 2 * t)},
    ("ShiftLaboratory", "strength"): lambda t: {"strength": round(100 * t) % 11, "method": "tuned"},
    ("BanditLaboratory", "pull"): lambda t: {"chosen": (0, 1, 2, 3, 4) * round(1 + 5 * t)},
    ("BanditLaboratory", "new bandit"): lambda t: {"draw": round(1000 * t)},
    ("NavigationLaboratory", "drag the goal"): lambda t: {"goal": (t - 0.5, 0.5 * math.sin(9 * t))},
    ("NavigationLaboratory", "inner steps"): lambda t: {"steps": round(100 * t) % 6},
    ("ShotsAndWaysLaboratory", "shots"): lambda t: {"shots": 1 + round(100 * t) % 10, "leak": "none"},
    ("ShotsAndWaysLaboratory", "new episode"): lambda t: {"draw": 1 + round(1000 * t)},
    ("ShotsAndWaysLaboratory", "leak"): lambda t: {
        "shots": 1,
        "leak": ("none", "support", "twice")[round(100 * t) % 3],
    },
    ("InContextLaboratory", "drag a point"): lambda t: {"points": ((4 * t - 2, math.sin(9 * t)),)},
    ("InContextLaboratory", "new line"): lambda t: {"draw": 1 + round(1000 * t)},
    ("CostLaboratory", "inner steps"): lambda t: {"steps": 2 ** (round(100 * t) % 7)},
    ("AlphabetLaboratory", "inner steps"): lambda t: {"steps": round(100 * t) % 6},
}


def worker() -> None:
    """Answer each line on standard input, the number of a plan and a round, with its times as JSON."""
    from metalib import lab as laboratories

    made: dict[str, object] = {}
    plans = list(PLANS.items())
    for line in sys.stdin:
        number, turn = json.loads(line)
        (name, _control), plan = plans[number]
        if name not in made:
            made[name] = getattr(laboratories, name)()
        taken = []
        for move in range(MOVES + 1):
            values = plan(((move + 0.37 * turn) * 0.618) % 1)
            began = time.process_time()
            made[name].set(**values)
            taken.append(1000 * (time.process_time() - began))
        print(json.dumps(taken[1:]), flush=True)  # the first brings the data back into the caches


def start(tree: Path) -> subprocess.Popen:
    """A worker on the metalib of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(tree), **ONE_THREAD}
    return subprocess.Popen(
        [sys.executable, str(HERE), "--worker"],
        env=environment,
        cwd=tree,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def ask(process: subprocess.Popen, number: int, turn: int) -> list[float]:
    """One turn's milliseconds."""
    process.stdin.write(json.dumps([number, turn]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--baseline", type=Path, help="an older checkout to compare with")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker()

    from statistics import median, quantiles

    trees = ([options.baseline.resolve()] if options.baseline else []) + [HERE.parents[1]]
    processes = [start(tree) for tree in trees]
    print(f"{'laboratory':26}{'control':18}" + ("  before: ms, 95 %  " if options.baseline else "")
          + "     now: ms, 95 %" + ("   ratio" if options.baseline else ""))  # fmt: skip
    for number, (name, control) in enumerate(PLANS):
        times: list[list[float]] = [[] for _tree in trees]
        for turn in range(options.rounds):
            for measured, process in zip(times, processes, strict=True):
                measured += ask(process, number, turn)
        cells = "".join(f"{median(t):10.1f} {quantiles(t, n=20)[-1]:8.1f}" for t in times)
        ratio = f"{median(times[-1]) / median(times[0]):8.2f}" if options.baseline else ""
        print(f"{name.removesuffix('Laboratory'):26}{control:18}{cells}{ratio}", flush=True)
    for process in processes:
        process.terminate()


if __name__ == "__main__":
    main()
