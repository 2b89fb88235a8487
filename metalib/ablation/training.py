"""Train the members of an ablation, and write them into one file: `python -m metalib ablation NAME`."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from metalib import weights
from metalib.ablation.variants import Ablation
from metalib.paths import check_writable, write_atomically
from metalib.training import run


def train(
    name: str,
    folder: Path,
    *,
    iterations: int | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Train every member that the folder does not hold yet; returns the weights' path, None if interrupted.

    The file is written after each member, so the same call goes on where an earlier one stopped.

    Args:
        name: a shipped ablation, a key of ``Ablation.shipped()``.
        folder: where ``NAME.safetensors`` and ``NAME.json`` are written.
        iterations: meta-iterations instead of the recipe's.

    Raises:
        CacheError: the folder cannot be written.
        ValueError: no such ablation; or the files in the folder were made with other settings.
    """
    import metalib

    made = Ablation.read(name)
    iterations = made.base["training"]["iterations"] if iterations is None else iterations
    path, beside = folder / f"{name}.safetensors", folder / f"{name}.json"
    check_writable(path, beside)
    command = f"python -m metalib ablation {name}"
    if iterations != made.base["training"]["iterations"]:
        command += f" --iterations {iterations}"
    head = {
        "name": name,
        "title": made.title,
        "command": command,
        "iterations": iterations,
        "versions": {
            "metalib": metalib.__version__,
            "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(),
        },
        "recipe": json.loads(json.dumps(made.base)),
    }
    content: dict[str, Any] = {**head, "members": {}}
    values: dict[str, Tensor] = {}
    if path.exists() and beside.exists():
        found = json.loads(beside.read_text(encoding="utf-8"))
        if any(found.get(key) != head[key] for key in head):
            raise ValueError(f"{path} was made with other settings or versions; give another folder.")
        content, values = found, safetensors.torch.load(path.read_bytes())
    for variant, seed in made.members():
        member = f"{variant}/{seed}"
        learner_settings = dict(made.recipe(variant, seed).learner)
        if content["members"].get(member, {}).get("learner") == learner_settings:
            continue
        recipe = made.recipe(variant, seed)
        learner = recipe.build()
        training = recipe.trainer(learner)
        entry: dict[str, Any] = {"learner": learner_settings}
        try:
            history = run(training, iterations, progress=progress)
        except FloatingPointError as error:
            # That it explodes is a result as well.
            entry["exploded"] = training.iteration + 1
            say(f"{member}: {error}")
        else:
            if history.interrupted:
                return None
            results = recipe.evaluations(learner)
            entry["results"] = {
                label: {"mean": round(r.mean, 5), "half_width": round(r.half_width, 5), "n_tasks": r.n}
                for label, r in results
            }
            values |= {f"{member}/{key}": value.contiguous() for key, value in learner.state_dict().items()}
            say(f"{member}: " + ", ".join(f"{label} {result}" for label, result in results))
        content["members"][member] = {**entry, "seconds": round(training.history.seconds)}
        file = safetensors.torch.save(values)
        write_atomically(path, file)
        write_atomically(beside, weights.written(weights.with_digests(content, file)))
    return path
