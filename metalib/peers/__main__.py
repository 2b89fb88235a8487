"""The comparison and the traps in a terminal: ``python -m metalib.peers``.

python -m metalib.peers --steps 1 5     measure what is here and show it
python -m metalib.peers --store FILE    with every tool here: everything that a chapter shows without them
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from metalib import console, threads
from metalib.peers import TOOLS, TRAPS, compare, trap
from metalib.peers.comparison import ROUNDS, STORED_STEPS, about, name_of, to_store


def main(arguments: Sequence[str] | None = None) -> int:
    console.speak_plainly()
    parser = argparse.ArgumentParser(prog="python -m metalib.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=list(STORED_STEPS), help="inner steps")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="times each tool has its turn")
    parser.add_argument("--store", type=Path, metavar="FILE", help="write all that a chapter shows")
    options = parser.parse_args(arguments)
    threads.settle()
    missing = [tool.title for tool in TOOLS.values() if not tool.here()]
    if missing:
        print(f"Not here: {', '.join(missing)}. `make peers` installs them.\n")
    if options.store:
        if missing:
            return 1
        _store(options.store, options.rounds)
        return 0
    for steps in options.steps:
        print(compare(steps, rounds=options.rounds, measure=True), "\n", flush=True)
    for name in TRAPS:
        print(f"{name}\n{trap(name)}\n", flush=True)
    return 0


def _store(file: Path, rounds: int) -> None:
    comparisons = {}
    for steps, first_order, double in product(STORED_STEPS, (False, True), (False, True)):
        found = compare(steps, first_order, double=double, rounds=rounds, measure=True)
        comparisons[name_of(steps, first_order, double)] = to_store(found)
        print(found, "\n", flush=True)
    traps = {name: trap(name).output for name in TRAPS}
    content = {"command": "python -m metalib.peers --store", "about": about()}
    text = json.dumps(content | {"comparisons": comparisons, "traps": traps}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
