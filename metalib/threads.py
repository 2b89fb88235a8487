"""How many threads torch computes with: one for the small tensors of this course, more for images.

Torch's default is a thread for each processor that it counts. A network of 1,761 weights gains nothing by it.
Where another program runs too, or where a container may use less than it sees (a quota), every operation
waits for a thread whose turn it is not, and all takes many times as long: `python -m benchmarks.threads`.

    metalib.threads.settle()                 # the setup cell of every chapter: one thread from here on
    with metalib.threads.for_model(net):     # `fit` and `evaluate` do it: more for convolutions

Nothing here runs at import, and a number of threads that somebody has chosen stays: by OMP_NUM_THREADS (or
MKL_NUM_THREADS) in the environment, or by `torch.set_num_threads` before `settle` or after.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

FEW = 1
"""Threads for small tensors."""

ONE_THREAD = {name: str(FEW) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
"""What tests, builds and benchmarks put into the environment of their processes before torch is imported:
sums that do not depend on the number of processors, images included."""

_spare: int | None = None  # None: `settle` has changed nothing


def settle(spare: int = 1) -> None:
    """Let torch compute with one thread from here on, unless somebody has chosen how many.

    `spare`: processors that `for_model` leaves to other programs. With one of them the browser, or whatever
    else runs, stops no thread that the others would then wait for.
    """
    global _spare
    import torch

    if _spare is not None:
        _spare = spare
    elif not _chosen(torch.get_num_threads()):
        torch.set_num_threads(FEW)
        _spare = spare


@contextmanager
def for_model(model: nn.Module) -> Iterator[int]:
    """A context in which torch uses all processors but `settle`'s spare ones if the model has convolutions.

    It changes nothing where `settle` has not (a program that uses metalib as a library, a number of threads
    that somebody has chosen). Gives the number of threads; when it ends there are as many as before.
    """
    import torch

    before = torch.get_num_threads()
    ours = _spare is not None and before == FEW
    # A weight with more than two dimensions is a kernel that is used at every place of an image.
    if not ours or not any(weight.dim() > 2 for weight in model.parameters()):
        yield before
        return
    torch.set_num_threads(max(FEW, processors() - (_spare or 0)))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _chosen(count: int) -> bool:
    """Is this number of threads somebody's choice? Torch itself takes one a processor, or one for two where
    these share a core, and knows no quota."""
    if any(os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")):
        return True
    return count <= FEW or 2 * count < _allowed() or count > (os.cpu_count() or 1)


def processors(root: str | Path = "/") -> int:
    """How many processors this process may really use: those it may run on, or fewer where a container has a
    quota of processor time (of one and a half, one is used: two threads would wait for each other), or where
    JupyterHub says one in CPU_LIMIT, which also holds where the container shows nothing of it.

    `root`: where `proc` and `sys` lie.
    """
    quotas = [quota for quota in (*_quotas(Path(root)), _said()) if quota > 0]
    return max(1, min([_allowed(), *map(int, quotas)]))


def _allowed() -> int:
    """The processors that this process may run on (`taskset`, a container's cpuset)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """The quotas of this process's control groups and of all above them, in processors (Linux; see
    https://docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max", and cgroup-v1's "cpu.cfs_quota_us")."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        if line.count(":") < 2:
            continue
        _number, controllers, group = line.split(":", 2)
        # A container may see the name that its group has outside, and its own group as the top.
        parts = Path(group.strip().lstrip("/")).parts
        above = [Path(*parts[:depth]) for depth in range(len(parts) + 1)]
        if controllers == "":
            for place in above:
                yield _ratio(_text(root / "sys/fs/cgroup" / place / "cpu.max").split())
        elif "cpu" in controllers.split(","):
            for place in above:
                folder = root / "sys/fs/cgroup" / controllers / place
                if not folder.is_dir():
                    folder = root / "sys/fs/cgroup/cpu" / place
                yield _ratio(_text(folder / f"cpu.cfs_{what}_us") for what in ("quota", "period"))


def _said() -> float:
    """The processors that a JupyterHub grants this server (its spawner sets CPU_LIMIT); 0 where none does."""
    try:
        limit = float(os.environ.get("CPU_LIMIT", ""))
    except ValueError:
        return 0.0
    return limit if math.isfinite(limit) else 0.0


def _ratio(words: object) -> float:
    """Quota over period; 0 where there is no limit, or nothing that can be read."""
    try:
        quota, period = map(int, words)  # type: ignore[call-overload]
        return quota / period
    except (ValueError, ZeroDivisionError):  # "max", an empty file
        return 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
