"""Recordings: what a page without a kernel shows of a laboratory that has no live edition for pages.

One or two controls tell the laboratory's story; every position of them is set on the real laboratory, and its
picture, its words, its text alternative and its remark are kept. The site shows them with `recorded.js`.

    tape = record("ShiftLaboratory", ("en", "zh"))
    tape.pages["en"]["positions"][3]["words"]

What a laboratory says of mouse and keys (`Words.hint`) is left out. A picture is what stands still, and above
it what this position changes (elsewhere transparent): WebP files, lossless but for the number of colours.
What moves has no texts, so the languages share it.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image

from metalib import lab, learners, models, tasks, training
from metalib.i18n import N_, _, speaking
from metalib.lab.controls import OneOf
from metalib.lab.laboratory import Laboratory

COLOURS = 96  # of a picture's moving part


@dataclass(frozen=True)
class Recording:
    """What is recorded of a laboratory.

    moved: control -> its values, in order; every combination is a position. fixed: other controls' values.
    make: gives the laboratory, by default the class of `metalib.lab` with its own defaults. prepare: what
    is done with it before anything is recorded. note: what differs from the chapter's.
    """

    moved: Mapping[str, Sequence[Any]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    make: Callable[[], Laboratory] | None = None
    prepare: Callable[[Any], object] = lambda laboratory: None
    note: str = ""

    @property
    def positions(self) -> list[dict[str, Any]]:
        """The values of the moved controls at each position; the last control goes fastest."""
        return [
            dict(zip(self.moved, values, strict=True)) for values in itertools.product(*self.moved.values())
        ]


def training_laboratory() -> Laboratory:
    """The laboratory of chapter 3's training."""
    waves = tasks.SineTasks(shots=10, queries=10)
    maml = learners.MAML(models.sine_net(), alpha=0.01, steps=1)
    begun = training.Training(maml, waves, torch.Generator().manual_seed(0), meta_batch=25, lr=1e-3)
    return lab.TrainingLaboratory(begun, iterations=3000, steps=5)


FEWER_TASKS = N_("Its means are over fewer tasks than the notebook's, so they differ a little from those.")
OWN_GLYPHS = N_("It is recorded with the course's own glyphs; the chapter's cell may use other images.")

RECORDINGS: Mapping[str, Recording] = {
    "LearningCurvesLaboratory": Recording(
        {"family": ("sine", "sine-elsewhere", "glyphs"), "shots": (1, 2, 3, 5, 7, 10, 15, 20, 50, 100)}
    ),
    "TrainingLaboratory": Recording(
        {"position": (*range(0, 40, 2), *range(40, 137, 4), 137)},  # 96: meta-iteration 500; 137: 1500
        make=training_laboratory,
        prepare=lambda laboratory: laboratory.train(1500),
    ),
    "AdaptationLaboratory": Recording(
        {"start": ("maml", "untrained"), "step": tuple(range(11))},
        fixed={"steps": 10},
        note=OWN_GLYPHS,
    ),
    "ShotsAndWaysLaboratory": Recording(
        {"leak": ("none", "support", "twice", "sorted", "overlap", "statistics"), "shots": (1, 2, 3, 5)},
        make=lambda: lab.ShotsAndWaysLaboratory(tasks=40),  # of its 200, which take a minute
        note=FEWER_TASKS,
    ),
    "ShiftLaboratory": Recording(
        {"kind": ("noise", "rotation"), "strength": tuple(range(11))},
        make=lambda: lab.ShiftLaboratory(tasks=20),  # of its 40
        note=FEWER_TASKS,
    ),
    "NavigationLaboratory": Recording({"start": ("random", "joint", "maml"), "steps": tuple(range(6))}),
    "CostLaboratory": Recording({"width": (20, 40, 80, 160), "steps": (1, 2, 4, 8, 16, 32, 64)}),
    "InContextLaboratory": Recording(
        {
            "network": ("lines", "lines-pool-256", "lines-pool-64", "lines-pool-16", "lines-pool-4"),
            "shots": tuple(range(1, 12)),
        }
    ),
}
"""By the name of the laboratory's class. Where a human plays (episode, bandit) nothing can be recorded."""


@dataclass(frozen=True)
class Tape:
    """A recording: `pages[language]` is plain JSON, `pictures` are the files it names, one after the other.

    A page: {"width", "height", "fold": of the picture; "controls": [{"name", "label", "kind": "range" or
    "choice", "told": how each value is said, "values", "begin": the number of the first one shown}];
    "positions": in the order of `Recording.positions`, each {"ground", "moving": [where its file begins, its
    bytes], "alt", "words", "remark"}}.
    """

    pages: dict[str, dict[str, Any]]
    pictures: bytes


@dataclass
class _Shelf:
    """Files, each kept once."""

    files: bytearray = field(default_factory=bytearray)
    places: dict[bytes, list[int]] = field(default_factory=dict)

    def put(self, pixels: np.ndarray) -> list[int]:
        """Where the file of an RGBA picture lies: first byte, and how many."""
        key = pixels.tobytes()
        if key not in self.places:
            file = webp(pixels)
            self.places[key] = [len(self.files), len(file)]
            self.files += file
        return self.places[key]


def record(name: str, languages: Iterable[str], positions: Sequence[int] | None = None) -> Tape:
    """Set the laboratory to every position and keep what it shows, in each language.

    Args:
        name: of the laboratory's class, one of `RECORDINGS`.
        positions: the numbers of those that are wanted; by default all.
    """
    recording, shelf = RECORDINGS[name], _Shelf()
    made: dict[str, Laboratory] = {}
    pages: dict[str, dict[str, Any]] = {}
    for code in languages:
        with speaking(code):
            made[code] = one = recording.make() if recording.make else getattr(lab, name)()
    first, *others = made.values()
    recording.prepare(first)
    for one in others:  # what one has worked out is there for all
        one.compute = first.compute
    for code, one in made.items():
        with speaking(code):
            pages[code] = {
                **_picture(one),
                "controls": _controls(one, recording, first.state),
                "positions": [],
            }
    for number, values in enumerate(recording.positions):
        if positions is not None and number not in positions:
            continue
        first.set(**recording.fixed, **values)
        if finish := getattr(first, "finish", None):
            finish()
        for code, one in made.items():
            with speaking(code):
                one.set(**recording.fixed, **values)
                pages[code]["positions"].append(_position(one, shelf))
    for one in made.values():
        one.close()
    return Tape(pages, bytes(shelf.files))


def _picture(one: Laboratory) -> dict[str, Any]:
    return {name: getattr(one.painter, name) for name in ("width", "height", "fold")}


def _controls(one: Laboratory, recording: Recording, state: Any) -> list[dict[str, Any]]:
    """The moved controls as a page shows them. Numbers are moved along, anything else is chosen."""
    found = []
    for name, values in recording.moved.items():
        control = one.declared[name]
        if isinstance(control, OneOf) and isinstance(values[0], str):
            kind, told = "choice", [_(control.options[value]) for value in values]
        else:
            kind, told = "range", [control.told(value) for value in values]
        said = {"name": name, "label": _(control.label), "kind": kind, "told": told}
        found.append({**said, "values": list(values), "begin": _nearest(values, getattr(state, name))})
    return found


def _nearest(values: Sequence[Any], value: Any) -> int:
    """Which of the values a control begins with: its own where that is there, else the last number below."""
    if value in values:
        return values.index(value)
    return max((at for at, one in enumerate(values) if not isinstance(one, str) and one <= value), default=0)


def _position(one: Laboratory, shelf: _Shelf) -> dict[str, Any]:
    pixels = one.painter.pixels(one.state, one.result).copy()
    ground = one.painter.ground
    moving = np.where((pixels != ground).any(axis=2, keepdims=True), pixels, np.uint8(0))
    words = one.painter.words(one.state, one.result)
    return {
        "ground": shelf.put(ground),
        "moving": shelf.put(moving),
        "alt": one.surface.alt,
        "words": one.surface.words,
        "remark": words.remark,
    }


def webp(rgba: np.ndarray) -> bytes:
    """A WebP file of a picture, uint8 (height, width, 4), whose pixels are opaque or not there at all; in at
    most `COLOURS` colours."""
    there = rgba[..., 3] > 0
    few = rgba.copy()
    if there.any():
        row = Image.fromarray(rgba[there][None, :, :3])
        few[there, :3] = np.asarray(row.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB"))[0]
    file = io.BytesIO()
    Image.fromarray(few).save(file, "WEBP", lossless=True, quality=80, method=4)
    return file.getvalue()
