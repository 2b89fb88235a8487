"""Recipes: everything that makes one weight file, in one readable TOML file.

A recipe names the learner, its model, the task distribution, the training and the evaluations; ``python -m
metalib train`` turns it into ``NAME.safetensors`` and ``NAME.json``, the card. Those of the shipped weights
lie beside this file.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from metalib import attention, data, learners, models, rl
from metalib.evaluation import Evaluation, Samples, evaluate
from metalib.i18n import _
from metalib.learners.base import Trainable
from metalib.tasks import Episodes, Fits, LinearTasks, SineTasks
from metalib.tasks.batch import check_positive, check_whole
from metalib.team import ALONE, Team
from metalib.training import Training

FOLDER = Path(__file__).parent
TEST_SEED = 20_000
"""Test tasks are drawn from this seed, whatever the training seed: all are judged on the same ones."""


def optimiser_of_nets(rule: nn.Module, width: int = 16, **options: Any) -> Trainable:
    """A rule that trains networks 1-width-1 of tanh units."""
    return learners.LearnedOptimiser(rule, models.tanh_net(width=width), **options)


def fits_of_sines(shots: int, inputs: Sequence[float], factor: float = 1.0) -> Fits:
    """Sine waves to be fitted at so many points, times a factor."""
    low, high = inputs
    return Fits(SineTasks(shots, 1, inputs=(low, high)), factor)


LEARNERS: dict[str, Callable[..., Trainable]] = {
    name: getattr(learners, name)
    for name in (
        "MAML",
        "ImplicitMAML",
        "AnnealedMAML",
        "Reptile",
        "JointTraining",
        "ProtoNet",
        "NearestCentroid",
        "NeuralProcess",
        "InContext",
    )
}
LEARNERS |= {"PolicyMAML": rl.PolicyMAML, "PolicyJoint": rl.PolicyJoint, "RL2": rl.RL2}
LEARNERS["LearnedOptimiser"] = optimiser_of_nets
MODELS: dict[str, Callable[..., nn.Module]] = {
    "sine_net": models.sine_net,
    "conv4": models.conv4,
    "word_net": models.word_net,
    "neural_process_net": learners.neural_process_net,
    "linear_attention": attention.LinearAttention,
    "context_transformer": attention.ContextTransformer,
    "coordinate_rule": learners.CoordinateRule,
    "gaussian_policy": rl.GaussianPolicy,
    "recurrent_policy": rl.RecurrentPolicy,
}
TASKS: dict[str, Callable[..., Samples]] = {
    "sine": SineTasks,
    "fits-of-sines": fits_of_sines,
    "episodes": Episodes,
    "linear": LinearTasks,
    "navigation": rl.NavigationTasks,
    "bandits": rl.BernoulliBandits,
}
IMAGES: dict[str, Callable[..., data.ImageSet | data.WordSet]] = {
    "glyphs": data.glyphs,
    "omniglot": data.omniglot,
    "words": data.words,
}


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
            sections = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            if not isinstance(sections.get("evaluation"), list):
                raise ValueError(_("it needs sections [[evaluation]]"))
            recipe = cls(name=path.stem, **{**sections, "evaluation": tuple(sections["evaluation"])})
            recipe.check()
        except KeyError as error:
            raise ValueError(
                _("{path} is not a valid recipe: {name} is missing").format(path=path.name, name=error)
            ) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                _("{path} is not a valid recipe: {reason}").format(path=path.name, reason=error)
            ) from error
        return recipe

    def check(self) -> None:
        """Find every mistake that can be found without the images: names, kinds, numbers.

        Raises:
            KeyError: something is missing.
            TypeError, ValueError: something is unknown or of the wrong kind.
        """
        check_seed(self.seed)
        for name in ("learner", "model", "tasks", "training", *(["images"] if self.images else [])):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(_("{name} must be a section of its own, [{name}]").format(name=name))
        learner = self.build()
        for changes in (self.training.get("tasks", {}), self.training.get("validation", {})):
            self._check_tasks(changes)
        check_positive(iterations=self.training["iterations"])
        own = {field.name for field in fields(Training)} - {
            "learner",
            "generator",
            "history",
            "about",
            "team",
        }
        _refuse_unknown("training", self.training, {*own, "iterations", "compile"})
        if self.images is not None:
            self._check_images({})
        for entry in self.evaluation:
            _refuse_unknown("evaluation", entry, {"label", "images", "tasks", "adapt", "n_tasks"})
            if not isinstance(entry["label"], str):
                raise TypeError(_("label must be a text, not {value!r}").format(value=entry["label"]))
            check_positive(n_tasks=entry["n_tasks"])
            self._check_tasks(entry.get("tasks", {}))
            if "images" in entry:
                self._check_images(entry["images"])
            scored = learner.returns if isinstance(learner, rl.Agent) else learner.adapt
            inspect.signature(scored).bind(None, None, **entry.get("adapt", {}))

    def _check_images(self, changes: Mapping[str, Any]) -> None:
        if self.images is None:
            raise ValueError(_("an evaluation changes [images], but there is no such section"))
        _bind(IMAGES, {"split": "test", **self.images, **changes})

    def _check_tasks(self, changes: Mapping[str, Any]) -> None:
        section = {**self.tasks, **changes}
        if _maker(TASKS, section) is not Episodes:
            self.distribution("test", **changes)
            return
        if self.images is None:
            raise ValueError(_("episodes need a section [images] that says of what"))
        _bind(TASKS, section, None)
        numbers = {name: section[name] for name in ("ways", "shots", "queries") if name in section}
        check_positive(**numbers)

    def rehearse(self, learner: Any) -> None:
        """Score one task of each evaluation: whatever would fail after the training fails now.

        Raises:
            ValueError: one of them cannot be done; the message names it.
        """
        for entry in self.evaluation:
            try:
                self._score(learner, self._tested(entry), entry, 1)
            except (TypeError, ValueError, RuntimeError) as error:
                raise ValueError(
                    _("The evaluation {label!r} of {name} cannot be done: {reason}").format(
                        label=entry["label"], name=self.name, reason=error
                    )
                ) from error

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe from another seed, under a name that says so."""
        return replace(self, seed=check_seed(seed), name=f"{self.name}-seed{seed}")

    def build(self, **options: Any) -> Any:
        """The untrained learner or agent; ``options`` go to it on top of the recipe's (``compile=True``)."""
        generator = torch.Generator().manual_seed(self.seed)
        model = _make(MODELS, self.model, generator=generator)
        return _make(LEARNERS, self.learner, model, **options)

    def distribution(self, split: str, images: Mapping[str, Any] | None = None, /, **changes: Any) -> Any:
        """The tasks of one split, ``"train"``, ``"validation"`` or ``"test"``.

        ``changes`` replace single options of the tasks (``shots=5``), ``images`` those of the images.
        """
        section = {**self.tasks, **changes}
        if _maker(TASKS, section) is not Episodes:
            return _make(TASKS, section)
        if self.images is None:
            raise ValueError(_("episodes need a section [images] that says of what"))
        return _make(TASKS, section, _make(IMAGES, {"split": split, **self.images, **(images or {})}))

    def _tested(self, entry: Mapping[str, Any]) -> Any:
        """What one evaluation draws its tasks from."""
        return self.distribution("test", entry.get("images"), **entry.get("tasks", {}))

    def trainer(self, learner: Trainable, team: Team = ALONE) -> Training:
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
        generator = torch.Generator().manual_seed(self.seed + 1)
        about = {"recipe": self.name, "seed": self.seed}
        return Training(learner, tasks, generator, **options, about=about, team=team)

    def evaluations(self, learner: Any, n_tasks: int | None = None) -> list[tuple[str, Evaluation]]:
        """Score the learner on each of the recipe's evaluations: ``(label, result)`` for each.

        ``n_tasks`` replaces the number of tasks.
        """
        results = []
        learner.eval()
        for entry in self.evaluation:
            judged, tasks = learner, self._tested(entry)
            if (
                isinstance(learner, learners.ProtoNet)
                and isinstance(tasks, Episodes)
                and not learner.is_transductive
            ):
                judged, tasks = learner.embed_once(tasks)
            count = entry["n_tasks"] if n_tasks is None else n_tasks
            results.append((entry["label"], self._score(judged, tasks, entry, count)))
        return results

    def _score(self, learner: Any, tasks: Any, entry: Mapping[str, Any], n_tasks: int) -> Evaluation:
        """One evaluation. Its ``adapt`` are options of ``Learner.adapt``, or of ``Agent.returns``."""
        score = rl.evaluate if isinstance(learner, rl.Agent) else evaluate
        generator = torch.Generator().manual_seed(TEST_SEED)
        return score(learner, tasks, n_tasks, generator, **entry.get("adapt", {}))


def check_seed(seed: int) -> int:
    """A seed that every generator takes: a whole number from 0 to 2⁶³ − 2.

    Raises:
        TypeError, ValueError: it is none.
    """
    whole = check_whole("seed", seed, 0)
    if whole >= 2**63 - 1:
        raise ValueError(_("seed must be smaller than 2⁶³ − 1, not {value}.").format(value=whole))
    return whole


def _refuse_unknown(section: str, given: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(given.keys() - known):
        raise ValueError(
            _("[{section}] has no {unknown}; it knows {known}").format(
                section=section, unknown=", ".join(unknown), known=", ".join(sorted(known))
            )
        )


def _maker(makers: Mapping[str, Callable[..., Any]], section: Mapping[str, Any]) -> Callable[..., Any]:
    if not isinstance(section, Mapping):
        raise TypeError(_("{value!r} must be a section").format(value=section))
    kind = section["kind"]
    if kind not in makers:
        raise ValueError(
            _("unknown kind {kind!r}; known are {names}").format(kind=kind, names=", ".join(makers))
        )
    return makers[kind]


def _options(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != "kind"}


def _make(
    makers: Mapping[str, Callable[..., Any]], section: Mapping[str, Any], *args: Any, **extra: Any
) -> Any:
    return _maker(makers, section)(*args, **_options(section), **extra)


def _bind(
    makers: Mapping[str, Callable[..., Any]], section: Mapping[str, Any], *args: Any, **extra: Any
) -> None:
    """Whether `_make` would take the names of the options; raises TypeError where it would not."""
    inspect.signature(_maker(makers, section)).bind(*args, **_options(section), **extra)
