"""What an ablation compares: a recipe, and the options of its learner that each variant changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metalib.i18n import _
from metalib.weights import Recipe

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Variant:
    """A label, and the options that the learner has on top of the recipe's."""

    label: str
    learner: Mapping[str, Any]


@dataclass(frozen=True)
class Ablation:
    """Variants of one recipe, to be trained from the same seeds on the same tasks.

    Two members with one seed begin with the same weights and are shown the same training tasks in the same
    order: what is between them is the variant.
    """

    name: str
    title: str
    seeds: tuple[int, ...]
    variants: Mapping[str, Variant]
    """By name; the first is the one that the others are compared with."""
    base: Mapping[str, Any]
    """The sections of the recipe."""

    @classmethod
    def read(cls, name: str) -> Ablation:
        """The shipped ablation of that name.

        Raises:
            ValueError: no such ablation.
        """
        if name not in cls.shipped():
            raise ValueError(
                _("There is no ablation {name!r}; there are {names}.").format(
                    name=name, names=", ".join(cls.shipped())
                )
            )
        found = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        variants = {key: Variant(**options) for key, options in found["variants"].items()}
        return cls(name, found["title"], tuple(found["seeds"]), variants, found["recipe"])

    @classmethod
    def shipped(cls) -> list[str]:
        """The names of the ablations that metalib ships."""
        return sorted(path.stem for path in FOLDER.glob("*.toml"))

    def members(self) -> list[tuple[str, int]]:
        """Every variant with every seed."""
        return [(variant, seed) for seed in self.seeds for variant in self.variants]

    def recipe(self, variant: str, seed: int) -> Recipe:
        """The recipe of one member.

        Raises:
            ValueError: no such variant.
        """
        if variant not in self.variants:
            raise ValueError(
                _("The ablation {name} has no variant {variant!r}; it has {names}.").format(
                    name=self.name, variant=variant, names=", ".join(self.variants)
                )
            )
        changed = self.variants[variant]
        sections = {
            **self.base,
            "learner": {**self.base["learner"], **changed.learner},
            "evaluation": tuple(self.base["evaluation"]),
        }
        return Recipe(
            name=f"{self.name}-{variant}", title=f"{self.title}: {changed.label}", seed=seed, **sections
        )
