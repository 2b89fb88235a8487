"""Start a command in several processes of this machine, see it to its end, and leave none behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import IO

from metalib.i18n import _
from metalib.threads import processors

BROKEN = 3
"""The status of a process that ends because another one has ended."""
GRACE = 10.0
"""Seconds in which the others may end by themselves."""
OURS = "METALIB_LAUNCHED"
LOOPBACK = {"linux": "lo", "darwin": "lo0"}


def is_launched() -> bool:
    """Whether this process is one of several already: started by this module, or by `torchrun`."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def run(arguments: Sequence[str], processes: int) -> int:
    """``python -m metalib`` with these arguments in several processes; returns the exit status of the whole.

    Only the first speaks. What another one says is shown where the first has not said the reason. An
    interrupt is handed on to all; where one of them fails, the others are ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = [open(os.path.join(folder, str(rank)), "w+b") for rank in range(processes)]
        team: list[subprocess.Popen] = []

        def hand_on(number: int, _frame: FrameType | None) -> None:
            for process in team:
                if process.poll() is None:
                    process.send_signal(number)

        before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            port = _free_port()
            for rank in range(processes):
                team.append(_start(arguments, rank, processes, port, None if rank == 0 else said[rank]))
            status = _watch(team)
            if status == BROKEN:
                _tell(team, said)
                return 1
            return status
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            _end(team)
            for file in said:
                file.close()


def _start(
    arguments: Sequence[str], rank: int, processes: int, port: int, quiet: IO[bytes] | None
) -> subprocess.Popen:
    threads = str(max(1, processors() // processes))
    environment = {
        "OMP_NUM_THREADS": threads,
        **({"GLOO_SOCKET_IFNAME": LOOPBACK[sys.platform]} if sys.platform in LOOPBACK else {}),
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        OURS: "1",
    }
    if quiet is not None:  # what we read must not be in a code page of Windows
        environment["PYTHONIOENCODING"] = "utf-8"
    # In a session of its own a process gets Ctrl-C once, from here, and not a second time from the terminal.
    return subprocess.Popen(
        [sys.executable, "-m", "metalib", *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=None if quiet is None else subprocess.DEVNULL,
        stderr=quiet,
        start_new_session=sys.platform != "win32",
    )


def _watch(team: list[subprocess.Popen]) -> int:
    """Wait until all have ended, or one has failed and the others had their time; the first failure's status,
    where it says the reason."""
    failed_at = None
    while True:
        states = [process.poll() for process in team]
        failures = [state for state in states if state]
        if None not in states:
            break
        if failures:
            failed_at = failed_at or time.monotonic()
            if time.monotonic() - failed_at > GRACE:
                break
        time.sleep(0.05)
    if 130 in failures:
        return 130
    first = team[0].poll()
    if first in (None, BROKEN) and failures:
        return BROKEN
    status = first or (BROKEN if failures else 0)
    return status if status >= 0 else 128 - status  # ended by a signal


def _tell(team: list[subprocess.Popen], said: Sequence[IO[bytes]]) -> None:
    """What those say that failed by themselves."""
    for rank, (process, file) in enumerate(zip(team, said, strict=True)):
        status = process.poll()
        if rank and status not in (None, 0, BROKEN):
            file.seek(0)
            words = file.read().decode("utf-8", "replace").strip()
            reason = words or _("it ended with the status {status}").format(status=status)
            print(_("Process {rank}: {reason}").format(rank=rank, reason=reason), file=sys.stderr)


def _end(team: list[subprocess.Popen]) -> None:
    for process in team:
        if process.poll() is None:
            process.terminate()
    for process in team:
        try:
            process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def end_with_parent() -> None:
    """Where this module started the process: end it when the one that did is gone, however it went. Then
    nobody holds the other end of its input."""
    if OURS not in os.environ:
        return

    def wait() -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:
            return
        os._exit(BROKEN)

    threading.Thread(target=wait, daemon=True).start()
