"""Learning curves: the error on new tasks against the number of examples, for several ways to learn.

`python -m metalib.curves` measures them and writes `metalib/curves.json`, which the chapter and the
laboratory show; a test measures some of its points again. Every method has the same chance: its settings are
chosen for each number of shots on *validation* tasks, from a list that stands here, and its error is then
measured once on *test* tasks, the same ones for all methods.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metalib import data, weights
from metalib.curve_methods import GLYPH_METHODS, SHIPPED, SINE_METHODS, Method, Setting
from metalib.evaluation import Evaluation, TaskDistribution, evaluate
from metalib.i18n import _
from metalib.paths import write_atomically
from metalib.tasks import Episodes, SineTasks

FILE = Path(__file__).with_name("curves.json")
VALIDATION_SEED, TEST_SEED = 10_000, 30_000


@dataclass(frozen=True)
class Family:
    """A distribution of tasks, the numbers of shots to measure, and the methods.

    `tasks(split, shots)` gives validation or test tasks. `tuned` names the family on which the settings are
    chosen: nobody who meets a task from elsewhere has validation tasks from there.
    """

    name: str
    shots: tuple[int, ...]
    tasks: Callable[[str, int], TaskDistribution]
    methods: Mapping[str, Method]
    tuned: str
    n_validation: int
    n_test: int
    chunk: int
    """Tasks drawn at a time; the first chunk is what the tests measure again."""


def waves(split: str, shots: int) -> SineTasks:
    """The waves of training; validation and test waves differ by their seed."""
    return SineTasks(shots, 100)


def waves_elsewhere(split: str, shots: int) -> SineTasks:
    """As high as those of training, but upside down: phases from π to 2π."""
    return SineTasks(shots, 100, phases=(math.pi, 2 * math.pi))


@cache
def pictures(split: str) -> Tensor:
    """The glyphs of one split of the characters, uint8 (classes, 20, 1, 28, 28)."""
    return data.glyphs(split).images


def characters(split: str, shots: int) -> Episodes:
    """Five characters of the split."""
    return Episodes(pictures(split), ways=5, shots=shots, queries=5)


def negatives(split: str, shots: int) -> Episodes:
    """The same, white on black: ink and paper swapped."""
    return Episodes(255 - pictures(split), ways=5, shots=shots, queries=5)


_SINE = {"shots": (1, 2, 3, 5, 7, 10, 20, 50, 100), "methods": SINE_METHODS, "tuned": "sine"}
_SINE |= {"n_validation": 40, "n_test": 200, "chunk": 100}
_GLYPHS = {"shots": (1, 2, 3, 5, 10, 15), "methods": GLYPH_METHODS, "tuned": "glyphs"}
_GLYPHS |= {"n_validation": 20, "n_test": 100, "chunk": 20}
FAMILIES = {
    "sine": Family(_("sine waves"), tasks=waves, **_SINE),
    "sine-elsewhere": Family(_("sine waves, upside down"), tasks=waves_elsewhere, **_SINE),
    "glyphs": Family(_("glyphs"), tasks=characters, **_GLYPHS),
    "glyphs-elsewhere": Family(_("glyphs, ink and paper swapped"), tasks=negatives, **_GLYPHS),
}


def errors(result: Evaluation) -> Tensor:
    """Each task's error (n,): the mean squared error, or the wrong answers in per cent."""
    return 100 * (1 - result.values) if result.metric == "accuracy" else result.values


def score(
    family: Family, method: Method, split: str, shots: int, setting: Setting, n_tasks: int
) -> Evaluation:
    """The error of one method on `n_tasks` tasks of a split, always the same ones."""
    seed = {"validation": VALIDATION_SEED, "test": TEST_SEED}[split]
    generator = torch.Generator().manual_seed(seed)
    learner, tasks = method.learner(setting), family.tasks(split, shots)
    result = evaluate(learner, tasks, n_tasks, generator, chunk=family.chunk)
    return Evaluation(errors(result), "error")


def tune(family: Family, method: Method, shots: int) -> Setting:
    """The setting with the smallest mean error on validation tasks; one that diverged is none."""
    if len(method.settings) == 1:
        return method.settings[0]

    def validation_error(setting: Setting) -> float:
        mean = score(family, method, "validation", shots, setting, family.n_validation).mean
        return mean if math.isfinite(mean) else math.inf

    return min(method.settings, key=validation_error)


Points = dict[str, list[dict[str, Any]]]


def measure(name: str, settings: Callable[[str, int], Setting] | None = None) -> Points:
    """All curves of one family: method -> a point for each number of shots; `settings` spares the tuning."""
    family: Family = FAMILIES[name]
    found: Points = {}
    for key, method in family.methods.items():
        found[key] = []
        for shots in family.shots:
            setting = settings(key, shots) if settings else tune(FAMILIES[family.tuned], method, shots)
            result = score(family, method, "test", shots, setting, family.n_test)
            point = {
                "mean": round(result.mean, 6),
                "half_width": round(result.half_width, 6),
                "first_tasks": round(result.values[: family.chunk].mean().item(), 6),
            }
            found[key].append({"shots": shots, "setting": setting, **point})
            print(f"{name:16} {key:8} {shots:3} shots {result.mean:9.4f} ± {result.half_width:.4f} {setting}")
    return found


@dataclass(frozen=True)
class Curve:
    """One measured curve: P points, lists in the order of the shots."""

    name: str
    shots: list[int]
    mean: list[float]
    half_width: list[float]
    settings: list[Setting]
    n_tasks: int

    def at(self, shots: int) -> tuple[float, float]:
        """Mean and half-width at one of the measured numbers of shots."""
        place = self.shots.index(shots)
        return self.mean[place], self.half_width[place]


@cache
def card() -> dict[str, Any]:
    """The whole measured file: command, versions, digests of the weights, seeds, and the curves."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def load(family: str) -> dict[str, Curve]:
    """The measured curves of a family by method.

    Raises:
        ValueError: no such family.
    """
    if family not in FAMILIES:
        raise ValueError(
            _("There is no family {name!r}; there are {names}.").format(
                name=family, names=", ".join(FAMILIES)
            )
        )
    described = FAMILIES[family]
    return {
        key: Curve(
            described.methods[key].name,
            *([point[part] for point in points] for part in ("shots", "mean", "half_width", "setting")),
            described.n_test,
        )
        for key, points in card()["curves"][family].items()
    }


def digest(name: str) -> str:
    """The first figures of the SHA-256 of a shipped weight file."""
    return hashlib.sha256((weights.FOLDER / f"{name}.safetensors").read_bytes()).hexdigest()[:16]


def main(arguments: list[str] | None = None) -> None:
    """Measure and write the file; families that are not named keep their curves."""
    parser = argparse.ArgumentParser(prog="python -m metalib.curves", description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="only these: " + ", ".join(FAMILIES))
    parser.add_argument("--output", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"there is no family {unknown.pop()!r}")
    measured = json.loads(options.output.read_text("utf-8"))["curves"] if options.output.exists() else {}
    for name in options.families or FAMILIES:
        tuned = FAMILIES[name].tuned
        known = {
            (key, point["shots"]): point["setting"]
            for key, points in measured.get(tuned, {}).items()
            for point in points
        }
        spared = name != tuned and known
        measured[name] = measure(name, (lambda *at, known=known: known[at]) if spared else None)
        content = {
            "command": "python -m metalib.curves",
            "versions": {"torch": torch.__version__.split("+")[0], "python": platform.python_version()},
            "weights": {name: digest(name) for name in SHIPPED if name in weights.names()},
            "validation_seed": VALIDATION_SEED,
            "test_seed": TEST_SEED,
            "curves": measured,
        }
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write_atomically(options.output, text.encode())


if __name__ == "__main__":
    main()
