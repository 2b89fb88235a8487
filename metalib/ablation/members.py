"""The trained members of an ablation, and what they score."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from metalib.ablation.variants import FOLDER, Ablation
from metalib.evaluation import evaluate
from metalib.i18n import _
from metalib.learners import Learner
from metalib.weights import TEST_SEED


@cache
def card(name: str) -> dict[str, Any]:
    """The card of a shipped ablation: command, versions, recipe, and what every member scored."""
    Ablation.read(name)
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@cache
def _weights(name: str) -> dict[str, Tensor]:
    content = (FOLDER / f"{name}.safetensors").read_bytes()
    if hashlib.sha256(content).hexdigest() != card(name)["digest"]["weights"]:
        raise ValueError(
            _("{path} does not hold the weights that its card describes.").format(path=f"{name}.safetensors")
        )
    return safetensors.torch.load(content)


def exploded(name: str, variant: str) -> dict[int, int]:
    """The seeds from which the training of a variant exploded, with the meta-iteration where it did."""
    ends = {seed: card(name)["members"][f"{variant}/{seed}"] for seed in Ablation.read(name).seeds}
    return {seed: entry["exploded"] for seed, entry in ends.items() if "exploded" in entry}


def learner(name: str, variant: str, seed: int) -> Learner:
    """One trained member, in evaluation mode.

    Raises:
        ValueError: no such ablation, variant or seed; or the file was altered.
    """
    made, begin = Ablation.read(name), f"{variant}/{seed}/"
    built = made.recipe(variant, seed).build()
    values = {
        key.removeprefix(begin): value for key, value in _weights(name).items() if key.startswith(begin)
    }
    if seed in made.seeds and seed in exploded(name, variant):
        raise ValueError(
            _("There is no trained {variant} from seed {seed}: it exploded in meta-iteration {at}.").format(
                variant=variant, seed=seed, at=exploded(name, variant)[seed]
            )
        )
    if not values:
        raise ValueError(
            _("{variant} was trained from the seeds {seeds}, not from {seed}.").format(
                variant=variant, seeds=", ".join(map(str, made.seeds)), seed=seed
            )
        )
    built.load_state_dict(values)
    return built.eval()


def scores(name: str, variant: str, label: str, n_tasks: int | None = None) -> Tensor:
    """What the members of a variant score, ``(seeds, n)``: the losses, or the accuracies, on the same n test
    tasks. A seed from which the training exploded has no row.

    Args:
        label: of one of the recipe's evaluations.
        n_tasks: test tasks instead of the recipe's number.

    Raises:
        ValueError: no such ablation, variant or evaluation.
    """
    made = Ablation.read(name)
    found = {entry["label"]: entry for entry in made.base["evaluation"]}
    if label not in found:
        raise ValueError(
            _("The ablation {name} has no evaluation {label!r}; it has {names}.").format(
                name=name, label=label, names=", ".join(found)
            )
        )
    entry = found[label]
    tasks = made.recipe(variant, made.seeds[0]).distribution("test", **entry.get("tasks", {}))
    count = entry["n_tasks"] if n_tasks is None else n_tasks
    rows = torch.empty(0, count, dtype=torch.float64)
    for seed in made.seeds:
        if seed not in exploded(name, variant):
            generator = torch.Generator().manual_seed(TEST_SEED)
            trained = learner(name, variant, seed)
            result = evaluate(trained, tasks, count, generator, **entry.get("adapt", {}))
            rows = torch.cat([rows, result.values.unsqueeze(0)])
    return rows
