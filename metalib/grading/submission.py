"""Judge what a student has handed in. Their code runs in a process of its own; the verdict is made here."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from metalib.exercises import Exercise, Outcome, get
from metalib.exercises.cells import defines
from metalib.exercises.running import Observed
from metalib.grading import plain, workshop
from metalib.grading.seeds import seeded
from metalib.i18n import _, language

SECONDS = 30.0  # for one cell, or for trying one answer
MOST_BYTES = 50_000_000  # of what an answer did, as text


def grade(
    cells: Sequence[str], exercises: Sequence[str], secret: str = "", seconds: float = SECONDS
) -> dict[str, Outcome]:
    """What the judge says of each exercise in a notebook.

    Args:
        cells: the code cells, in order, those of the checks left out. They are run in a fresh process with
            the names that the chapter gives its exercises; a cell that stops with an error, does not end or
            ends the process counts as not there, and the rest goes on.
        exercises: the ids, e.g. "03/inner-step".
        secret: what the inputs are drawn from. The same secret gives the same marks.
        seconds: how long each cell may take, and each answer to be tried.

    Raises:
        ValueError: there is no such exercise.
    """
    asked = {id: seeded(_exercise(id), secret) for id in exercises}
    outcomes: dict[str, Outcome] = {}
    left_out: dict[int, str] = {}  # cells that would not end, and the reason
    while len(outcomes) < len(asked):
        left = [exercise for id, exercise in asked.items() if id not in outcomes]
        run = {number: cell for number, cell in enumerate(cells) if number not in left_out}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            last, reason = workshop.run(_job(run, left), Path(folder), seconds)
            failed = {**_failed(Path(folder)), **left_out}
            for exercise in left:
                if (seen := _read(Path(folder), exercise)) is not None:
                    outcomes[exercise.id] = _verdict(exercise, seen)
        what, _space, which = last.partition(" ")
        if what == "cell" and which.isdigit() and int(which) in run:
            left_out[int(which)] = reason  # begin anew without it
        elif what == "exercise" and which in asked and which not in outcomes:
            outcomes[which] = Outcome("rejected", _stopped(asked[which], reason))
        else:  # done; or it never began, or its words are not the worker's
            for exercise in left:
                outcomes.setdefault(exercise.id, _missing(exercise, cells, failed))
    return {id: outcomes[id] for id in asked}


def _exercise(id: str) -> Exercise:
    exercise = get(id)
    if not isinstance(exercise, Exercise):
        raise ValueError(_("{id!r} is a quiz; only exercises are graded.").format(id=id))
    return exercise


def _job(cells: dict[int, str], asked: list[Exercise]) -> dict:
    return {
        "cells": list(cells.items()),
        "exercises": [(exercise.id, exercise.seeds) for exercise in asked],
        "language": language(),
    }


def _read(folder: Path, exercise: Exercise) -> Observed | None:
    """What the worker wrote of an answer; None where it wrote nothing that can be read."""
    path = plain.file(folder, exercise.id)
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return None
        seen = plain.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if seen.untouched or (exercise.is_function and not seen.callable):
        return seen
    return seen if len(seen.results) == len(exercise.rounds) else None


def _failed(folder: Path) -> dict[int, str]:
    """The cells that stopped with an error, and the error."""
    try:
        said = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
        return {int(number): str(reason) for number, reason in said.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _verdict(exercise: Exercise, seen: Observed) -> Outcome:
    try:
        return exercise.verdict(seen)
    except Exception as error:  # results that no probe gives: they are not the worker's
        return Outcome("rejected", _stopped(exercise, type(error).__name__))


# What is said where there is nothing to judge


def _stopped(exercise: Exercise, reason: str) -> str:
    return _("`{name}` could not be tried: {reason}.").format(name=exercise.name, reason=reason)


def _missing(exercise: Exercise, cells: Sequence[str], failed: dict[int, str]) -> Outcome:
    for number in sorted(failed, reverse=True):
        if number < len(cells) and defines(cells[number], exercise.name):
            said = _("There is no `{name}`, because its cell stopped: {reason}.")
            return Outcome("rejected", said.format(name=exercise.name, reason=failed[number]))
    return Outcome("not attempted", _("There is no `{name}` in the notebook.").format(name=exercise.name))
