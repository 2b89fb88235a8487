"""A control group whose processes share one processor, as on Binder: Linux, and a right that root has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PERIOD = 100_000  # microseconds; a quota of as many is one processor


@contextmanager
def one_processor(root: Path = Path("/sys/fs/cgroup")) -> Iterator[list[str]]:
    """A context that gives what to put before a command so that its quota is one processor.

    Raises OSError where this machine makes no such group: no Linux, no right, no controller.
    """
    second = (root / "cgroup.controllers").exists()
    group = (root if second else root / "cpu") / f"twin-{os.getpid()}"
    group.mkdir()
    try:
        if second:
            (group / "cpu.max").write_text(f"{PERIOD} {PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(PERIOD))
        yield ["sh", "-c", f'echo $$ > {group / "cgroup.procs"} && exec "$@"', "sh"]
    finally:
        group.rmdir()
