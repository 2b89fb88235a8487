"""How the learning curves are measured and written down: `python -m metalib curves`."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metalib import weights
from metalib.curves.families import FAMILIES, Family, find
from metalib.curves.methods import SHIPPED, Method, Setting
from metalib.evaluation import Evaluation, evaluate
from metalib.i18n import _
from metalib.paths import check_writable, write_atomically

FILE = Path(__file__).with_name("curves.json")
VALIDATION_SEED, TEST_SEED = 10_000, 30_000


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a setting that explodes is none, see `tune`
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
    family = find(name)
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


def weights_digest(name: str) -> str:
    """The first figures of the SHA-256 of a shipped weight file."""
    return hashlib.sha256((weights.FOLDER / f"{name}.safetensors").read_bytes()).hexdigest()[:16]


def _kept(output: Path, names: Sequence[str], made: dict[str, str]) -> dict[str, Points]:
    """The curves in the file, where there is one, that this run may keep."""
    if not output.exists():
        return {}
    try:
        found = json.loads(output.read_text("utf-8"))
        curves, theirs = dict(found["curves"]), dict(found["weights"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(_("{path} is no file of curves; give another one.").format(path=output)) from error
    if theirs == made:
        return curves
    if not names:
        return {}
    others = sorted(curves.keys() - {*names})
    if others:
        raise ValueError(
            _(
                "{path} holds curves of other weights ({names}), and would no longer say so: measure all "
                "families, or give another file."
            ).format(path=output, names=", ".join(others))
        )
    return {}


def write(names: Sequence[str] = (), output: Path = FILE) -> Path:
    """Measure the families of these names (none: all) and write the file; the others keep their curves.

    Raises:
        CacheError: the file cannot be written.
        ValueError: no such family; or the file is none of ours, or its other curves were measured with other
            weights, which it would then no longer say.
    """
    for name in names:
        find(name)
    check_writable(output)
    made = {name: weights_digest(name) for name in SHIPPED if name in weights.names()}
    measured = _kept(output, names, made)
    for name in names or FAMILIES:
        tuned = FAMILIES[name].tuned
        known = {
            (key, point["shots"]): point["setting"]
            for key, points in measured.get(tuned, {}).items()
            for point in points
        }
        spared = name != tuned and known
        measured[name] = measure(name, (lambda *at, known=known: known[at]) if spared else None)
        content = {
            "command": "python -m metalib curves",
            "versions": {"torch": torch.__version__.split("+")[0], "python": platform.python_version()},
            "weights": made,
            "validation_seed": VALIDATION_SEED,
            "test_seed": TEST_SEED,
            "curves": measured,
        }
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write_atomically(output, text.encode())
    return output
