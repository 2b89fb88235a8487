"""Trained weights that ship with metalib: safetensors (no pickle), each with a card of how it was made."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from metalib.evaluation import Evaluation
from metalib.i18n import _
from metalib.learners import Learner
from metalib.paths import write_atomically
from metalib.weights.recipes import FOLDER, TEST_SEED, Recipe

__all__ = ["FOLDER", "TEST_SEED", "Recipe", "card", "load", "names", "recipe", "save"]


def names() -> list[str]:
    """The names of the shipped weight files."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def card(name: str | Path) -> dict[str, Any]:
    """The card of a weight file: recipe, command, seed, versions and measured results.

    Raises:
        FileNotFoundError: no such weights.
    """
    return json.loads(_find(name, ".json").read_text(encoding="utf-8"))


def recipe(name: str | Path) -> Recipe:
    """The recipe that made a weight file, from its card."""
    described = dict(card(name)["recipe"])
    return Recipe(**{**described, "evaluation": tuple(described["evaluation"])})


def load(name: str | Path) -> Learner:
    """The learner with its trained meta-parameters, in evaluation mode.

    Args:
        name: of shipped weights, see ``names()``; or the path of a ``.safetensors`` file that ``python -m
            metalib train`` wrote.

    Raises:
        FileNotFoundError: no such weights.
        ValueError: the file is damaged or belongs to another recipe.
    """
    learner = recipe(name).build()
    path = _find(name, ".safetensors")
    try:
        learner.load_state_dict(safetensors.torch.load_file(path))
    except Exception as error:
        raise ValueError(
            _("{path} does not hold the weights that its card describes: {reason}").format(
                path=path.name, reason=str(error).splitlines()[0]
            )
        ) from error
    return learner.eval()


def save(
    folder: Path,
    made: Recipe,
    learner: Learner,
    results: list[tuple[str, Evaluation]],
    *,
    command: str,
    iterations: int,
    seconds: float,
) -> Path:
    """Write ``NAME.safetensors`` and its card ``NAME.json`` into ``folder``; returns the weights' path."""
    import metalib

    described = {key: value for key, value in vars(made).items() if value is not None}
    content = {
        "name": made.name,
        "title": made.title,
        "command": command,
        "iterations": iterations,
        "seconds": round(seconds),
        "versions": {
            "metalib": metalib.__version__,
            "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(),
        },
        "parameters": sum(value.numel() for value in learner.state_dict().values()),
        "results": [
            {
                "label": label,
                "metric": result.metric,
                "mean": round(result.mean, 5),
                "half_width": round(result.half_width, 5),
                "n_tasks": result.n,
            }
            for label, result in results
        ],
        "recipe": described,
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in learner.state_dict().items()}
    path = write_atomically(folder / f"{made.name}.safetensors", safetensors.torch.save(weights))
    write_atomically(
        folder / f"{made.name}.json", (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    )
    return path


def _find(name: str | Path, suffix: str) -> Path:
    shipped = FOLDER / f"{name}{suffix}"
    path = shipped if shipped.exists() else Path(name).with_suffix(suffix)
    if not path.is_file():
        raise FileNotFoundError(
            _(
                "There are no weights {name!r}. The shipped ones are {names}; or give the path of a "
                ".safetensors file."
            ).format(name=str(name), names=", ".join(names()))
        )
    return path
