"""The process in which a student's code runs. `workshop` starts it, watches it and ends it.

It reads jobs from its input, a line of JSON each. On Linux it does none itself: with metalib imported it
forks a process for each job, which knows nothing of other jobs and has no way back but the files of its
folder:

    steps                   what it is about to do: `cell 2`, `exercise 03/inner-step`, at the end `done`
    cells.json              the cells that stopped with an error
    03-inner-step.json      what an answer did (`plain`)

Elsewhere, where forking is not safe, it does one job and ends.
"""

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from metalib import exercises, threads
from metalib.exercises import Exercise
from metalib.exercises.course import names
from metalib.exercises.running import Observed, Raised
from metalib.grading import plain
from metalib.i18n import use_language
from metalib.paths import write_atomically

MEMORY = 4 * 2**30  # bytes for a student's data, where the system holds a process to it (Linux)
FORKS = sys.platform == "linux"


def main() -> None:
    """Take jobs until there are no more."""
    for line in sys.stdin:
        job = json.loads(line)
        if not FORKS:
            print(f"begun {os.getpid()}", flush=True)
            return work(job)
        _warm_up([id for id, _seeds in job["exercises"]])
        pid = os.fork()
        if pid == 0:
            try:
                work(job)
            finally:  # nothing of a student's goes on in here, whatever was raised
                os._exit(0)
        print(f"begun {pid}", flush=True)
        os.waitpid(pid, 0)
        print("ended", flush=True)


_warm: set[str] = set()


def _warm_up(ids: list[str]) -> None:
    """Let torch import what it imports at a first use (a second or two for torch.func) before the clock runs,
    and once for a whole class."""
    for id in set(ids) - _warm:
        exercise = _seeded(id, [0])
        exercise.results(exercise.build(exercise.solution_text))
        _warm.add(id)


def work(job: dict) -> None:
    """Run the cells, then try the answers."""
    if FORKS:
        os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    _limit_memory()
    folder = Path(job["folder"])
    os.chdir(folder / "home")
    os.environ.update(METALIB_PROGRESS=os.getcwd(), IPYTHONDIR=os.getcwd(), MPLBACKEND="agg")

    def say(step: str) -> None:
        with (folder / "steps").open("a", encoding="utf-8") as file:
            file.write(step + "\n")

    use_language(job["language"])
    threads.settle()
    asked = [_seeded(*exercise) for exercise in job["exercises"]]
    shell = _shell()
    for chapter in sorted({exercise.id[:2] for exercise in asked}):
        shell.user_ns.update(names(chapter))
    failed: dict[str, str] = {}
    for number, source in job["cells"]:
        say(f"cell {number}")
        if reason := _run(shell, source):
            failed[str(number)] = reason
    write_atomically(folder / "cells.json", json.dumps(failed).encode())
    for exercise in asked:
        say(f"exercise {exercise.id}")
        if exercise.name in shell.user_ns:
            seen = _observe(exercise, shell.user_ns[exercise.name])
            write_atomically(plain.file(folder, exercise.id), plain.dumps(seen).encode())
    say("done")


def _seeded(id: str, seeds: list[int]) -> Exercise:
    exercise = exercises.get(id)
    assert isinstance(exercise, Exercise)
    return replace(exercise, seeds=tuple(seeds))


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell.instance(config=config)


def _run(shell: Any, source: str) -> str | None:
    """Run a cell as a notebook would; the error with which it ended, in a line."""
    try:
        result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as raised:  # whatever gets past IPython
        error = raised
    return None if error is None else re.sub(r"\(<[^>]*>, ", "(", _raised(error).reason)


def _observe(exercise: Exercise, answer: Any) -> Observed:
    try:
        return exercise.observe(answer)
    except BaseException as error:  # SystemExit, KeyboardInterrupt, a metalib that was tampered with
        results = (_raised(error),) * len(exercise.rounds)
        return Observed("", callable(answer), False, False, results)


def _raised(error: BaseException) -> Raised:
    """An exception that would end a program, such as SystemExit, is one like others here."""
    if isinstance(error, Exception):
        return Raised(error)
    return Raised(type(type(error).__name__, (Exception,), {})(*error.args))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
