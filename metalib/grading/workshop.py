"""Start the worker, give it jobs, and end what does not end."""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from metalib.i18n import _

STARTING = 120.0  # seconds for a worker to import torch, on a busy machine
PAUSE = 0.02  # seconds between two looks at what a job is doing
MOST_BYTES = 1_000_000  # of steps


def run(job: dict, folder: Path, seconds: float) -> tuple[str, str]:
    """Do one job in `folder`. Returns the step it took last, and why it took no other.

    Args:
        seconds: how long each step may take.
    """
    (folder / "home").mkdir()
    worker = _worker()
    most = seconds * (len(job["cells"]) + len(job["exercises"]) + 1)  # however often it claims another step
    try:
        pid = worker.begin({**job, "folder": str(folder)})
    except EOFError:
        return "", _("it ended the process")
    began = stepped = time.monotonic()
    last = ""
    while True:
        ended = worker.ended(PAUSE)
        now = time.monotonic()
        if (step := _last_step(folder)) != last:
            last, stepped = step, now
        if ended or last == "done":
            worker.finish(pid)
            return last, _("it ended the process")
        if now - stepped > seconds or now - began > most:
            worker.finish(pid)
            return last, _("it did not end within {seconds:.0f} seconds").format(seconds=seconds)


def _last_step(folder: Path) -> str:
    path = folder / "steps"
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return ""
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return lines[-2][:200] if len(lines) > 1 else ""  # the last line that is whole


class Worker:
    """A process that runs `metalib.grading.worker`."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "metalib.grading.worker"]
        pipes: dict = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, encoding="utf-8", **pipes)
        assert self.process.stdin and self.process.stdout
        self.input: IO[str] = self.process.stdin
        self.said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()

    def _listen(self, output: IO[str]) -> None:
        for line in output:
            self.said.put(line.strip())
        self.said.put("")

    def begin(self, job: dict) -> int:
        """Hand over a job; the number of the process that does it. EOFError where the worker has ended."""
        try:
            self.input.write(json.dumps(job) + "\n")
            self.input.flush()
            word, _space, pid = self.said.get(timeout=STARTING).partition(" ")
        except (OSError, queue.Empty):
            word = ""
        if word != "begun":
            self.end()
            raise EOFError
        return int(pid)

    def ended(self, patience: float) -> bool:
        """Whether the job's process ends within so many seconds."""
        try:
            self.said.get(timeout=patience)
            self.said.put("ended")  # for `finish`
            return True
        except queue.Empty:
            return False

    def finish(self, pid: int) -> None:
        """End the job's process and what it has started; the worker is then ready for the next, or it is
        done."""
        if pid == self.process.pid:
            return self.end()
        _kill_all(pid)
        try:
            if self.said.get(timeout=STARTING) == "ended":
                return None
        except queue.Empty:
            pass
        return self.end()

    def end(self) -> None:
        """No more jobs."""
        self.process.kill()
        self.process.wait()


def _kill_all(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:  # it has ended by itself, with all that it started
        pass


_running: list[Worker] = []


def _worker() -> Worker:
    """The worker that is there, or a new one."""
    if not _running or _running[0].process.poll() is not None:
        _running[:] = [Worker()]
    return _running[0]


@atexit.register
def _close() -> None:
    for worker in _running:
        worker.end()
