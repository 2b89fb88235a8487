"""Every benchmark, one after the other: ``python -m benchmarks``.

Each alone, with options of its own: ``python -m benchmarks.sampler --help``.
"""

import subprocess
import sys
from pathlib import Path

PROGRAMS = (
    "threads",
    "meta_step",
    "sampler",
    "protonet_step",
    "laboratory",
    "laboratories",
    "landscape",
    "adaptation",
)


def main() -> int:
    """Run each in a process of its own, so that none inherits the threads or the memory of the one before."""
    root = Path(__file__).resolve().parents[1]
    failed = []
    for name in PROGRAMS:
        print(f"\n=== {name} ===", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=root).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
