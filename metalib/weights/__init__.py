"""Trained weights that ship with metalib: safetensors (no pickle), each with a card of how it was made."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from metalib.evaluation import Evaluation
from metalib.i18n import _
from metalib.learners.base import Trainable
from metalib.paths import write_atomically
from metalib.weights.recipes import FOLDER, TEST_SEED, Recipe

__all__ = ["FOLDER", "TEST_SEED", "Recipe", "card", "load", "names", "recipe", "save"]


def names() -> list[str]:
    """The names of the shipped weight files."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def card(name: str | Path) -> dict[str, Any]:
    """The card of a weight file: recipe, command, seed, versions, measured results, and digests.

    Raises:
        FileNotFoundError: no such weights.
        ValueError: the card is damaged: not as it was written.
    """
    path = _find(name, ".json")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        sound = found["digest"]["card"] == _card_digest(found)
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise ValueError(
            _("{path} was altered or cut short: it is not the card that was written.").format(path=path.name)
        )
    return found


def recipe(name: str | Path) -> Recipe:
    """The recipe that made a weight file, from its card."""
    described = dict(card(name)["recipe"])
    return Recipe(**{**described, "evaluation": tuple(described["evaluation"])})


def load(name: str | Path) -> Any:
    """The learner (or agent) with its trained meta-parameters, in evaluation mode.

    Args:
        name: of shipped weights, see ``names()``; or the path of a ``.safetensors`` file that ``python -m
            metalib train`` wrote.

    Raises:
        FileNotFoundError: no such weights.
        ValueError: the file is damaged or belongs to another recipe.
    """
    found = card(name)
    learner = recipe(name).build()
    path = _find(name, ".safetensors")
    content = path.read_bytes()
    try:
        if _digest(content) != found["digest"]["weights"]:
            raise ValueError(_("the file was altered, cut short, or made by another training"))
        values = safetensors.torch.load(content)
        if not all(torch.isfinite(value).all() for value in values.values()):
            raise ValueError(_("it holds numbers that are not finite"))
        learner.load_state_dict(values)
    except Exception as error:
        raise ValueError(
            _("{path} does not hold the weights that its card describes: {reason}").format(
                path=path.name, reason=str(error).splitlines()[0]
            )
        ) from error
    return learner.eval()


def with_digests(card: dict[str, Any], weights: bytes) -> dict[str, Any]:
    """The card with a field ``digest``: the SHA-256 of the weight file, and of all else on the card."""
    described = {**card, "digest": {"weights": _digest(weights)}}
    described["digest"]["card"] = _card_digest(described)
    return described


def written(card: dict[str, Any]) -> bytes:
    """The card as it stands in its file."""
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()


def _card_digest(card: dict[str, Any]) -> str:
    """Of all that the card says but this digest itself, whatever its layout."""
    said = {**card, "digest": card["digest"]["weights"]}
    return _digest(json.dumps(said, sort_keys=True, ensure_ascii=False).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def save(
    folder: Path,
    made: Recipe,
    learner: Trainable,
    results: list[tuple[str, Evaluation]],
    *,
    command: str,
    iterations: int,
    seconds: float,
) -> Path:
    """Write ``NAME.safetensors`` and its card ``NAME.json`` into ``folder``; returns the weights' path.

    Raises:
        CacheError: the folder cannot be written; `paths_of` names the files, to look before the training.
    """
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
        "device": next(learner.parameters()).device.type,
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
    file = safetensors.torch.save(weights)
    path, beside = paths_of(folder, made)
    write_atomically(path, file)
    write_atomically(beside, written(with_digests(content, file)))
    return path


def paths_of(folder: Path, made: Recipe) -> tuple[Path, Path]:
    """Where `save` puts the weights and their card."""
    return folder / f"{made.name}.safetensors", folder / f"{made.name}.json"


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
