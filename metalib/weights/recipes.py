"""Recipes: everything that makes one weight file, in one readable TOML file.

A recipe names the learner, its model, the task distribution, the training and the evaluations; ``python -m
metalib train`` turns it into ``NAME.safetensors`` and ``NAME.json``, the card. Those of the shipped weights
lie beside this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from metalib import data, learners, models
from metalib.evaluation import Evaluation, TaskDistribution, evaluate
from metalib.i18n import _
from metalib.learners import Learner
from metalib.tasks import Episodes, SineTasks
from metalib.training import Training

FOLDER = Path(__file__).parent
TEST_SEED = 20_000
"""Test tasks are drawn from this seed, whatever the training seed: all are judged on the same ones."""

LEARNERS: dict[str, Callable[..., Learner]] = {
    name: getattr(learners, name)
    for name in ("MAML", "Reptile", "JointTraining", "ProtoNet", "NearestCentroid", "NeuralProcess")
}
MODELS: dict[str, Callable[..., nn.Module]] = {
    "sine_net": models.sine_net,
    "conv4": models.conv4,
    "neural_process_net": learners.neural_process_net,
}
IMAGES: dict[str, Callable[..., data.ImageSet]] = {"glyphs": data.glyphs, "omniglot": data.omniglot}


@dataclass(frozen=True)
class Recipe:
    """One recipe: its sections are the TOML's own tables, each a ``kind`` and options of what that names."""

    name: str
    title: str
    seed: int
    learner: Mapping[str, Any]
    model: Mapping[str, Any]
    tasks: Mapping[str, Any]
    training: Mapping[str, Any]
    evaluation: tuple[Mapping[str, Any], ...]
    images: Mapping[str, Any] | None = None

    @classmethod
    def shipped(cls) -> list[str]:
        """The names of the recipes that metalib ships; not each has its weights here."""
        return sorted(path.stem for path in FOLDER.glob("*.toml"))

    @classmethod
    def read(cls, source: str | Path) -> Recipe:
        """The recipe of that name among the shipped ones, or the one in that file.

        Raises:
            FileNotFoundError: there is neither; the message lists the names.
            ValueError: the file is not a recipe.
        """
        path = FOLDER / f"{source}.toml"
        if not path.exists():
            path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(
                _(
                    "There is no recipe {source!r}. The shipped ones are {names}; or give the path of a "
                    "TOML file."
                ).format(source=str(source), names=", ".join(cls.shipped()))
            )
        try:
            sections = tomllib.loads(path.read_text(encoding="utf-8"))
            recipe = cls(name=path.stem, **{**sections, "evaluation": tuple(sections["evaluation"])})
            recipe.build()
        except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
            raise ValueError(
                _("{path} is not a valid recipe: {reason}").format(path=path.name, reason=error)
            ) from error
        return recipe

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe from another seed, under a name that says so."""
        return replace(self, seed=seed, name=f"{self.name}-seed{seed}")

    def build(self, **options: Any) -> Learner:
        """The untrained learner; ``options`` go to it on top of the recipe's (``compile=True``)."""
        generator = torch.Generator().manual_seed(self.seed)
        model = _make(MODELS, self.model, generator=generator)
        return _make(LEARNERS, self.learner, model, **options)

    def distribution(self, split: str, **changes: Any) -> TaskDistribution:
        """The tasks of one split, ``"train"``, ``"validation"`` or ``"test"``.

        ``changes`` replace single options (``shots=5``).
        """
        options = {**self.tasks, **changes}
        kind = options.pop("kind")
        if kind == "sine":
            return SineTasks(**options)
        if self.images is None:
            raise ValueError("episodes need a section [images] that says of what.")
        images = _make(IMAGES, self.images, split=split)
        return Episodes(images, **options)

    def trainer(self, learner: Learner) -> Training:
        """The training run of this recipe, at its start.

        In its section, ``tasks`` and ``validation`` are changes to the recipe's tasks, as for an evaluation;
        ``iterations`` and ``compile`` are for whoever runs it.
        """
        elsewhere = ("iterations", "compile", "tasks")
        options = {name: value for name, value in self.training.items() if name not in elsewhere}
        if "validation" in options:
            options["validation"] = self.distribution("validation", **options["validation"])
        tasks = self.distribution("train", **self.training.get("tasks", {}))
        # Another stream than the one that initialises the model, so that neither depends on how much the
        # other draws.
        return Training(learner, tasks, torch.Generator().manual_seed(self.seed + 1), **options)

    def evaluations(self, learner: Learner, n_tasks: int | None = None) -> list[tuple[str, Evaluation]]:
        """Score the learner on each of the recipe's evaluations: ``(label, result)`` for each.

        ``n_tasks`` replaces the number of tasks.
        """
        results = []
        learner.eval()
        for entry in self.evaluation:
            judged, tasks = learner, self.distribution("test", **entry.get("tasks", {}))
            if (
                isinstance(learner, learners.ProtoNet)
                and isinstance(tasks, Episodes)
                and not learner.is_transductive
            ):
                judged, tasks = learner.embed_once(tasks)
            generator = torch.Generator().manual_seed(TEST_SEED)
            count = n_tasks or entry["n_tasks"]
            score = evaluate(judged, tasks, count, generator, **entry.get("adapt", {}))
            results.append((entry["label"], score))
        return results


def _make(
    makers: Mapping[str, Callable[..., Any]], section: Mapping[str, Any], *args: Any, **extra: Any
) -> Any:
    options = dict(section)
    kind = options.pop("kind")
    if kind not in makers:
        raise ValueError(f"unknown kind {kind!r}; known are {', '.join(makers)}")
    return makers[kind](*args, **options, **extra)
