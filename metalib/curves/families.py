"""The families of tasks on which learning curves are measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from metalib import data
from metalib.curves.methods import GLYPH_METHODS, SINE_METHODS, Method
from metalib.evaluation import TaskDistribution
from metalib.i18n import N_, _
from metalib.tasks import Episodes, SineTasks


@dataclass(frozen=True)
class Family:
    """A distribution of tasks, the numbers of shots to measure, and the methods.

    `tasks(split, shots)` gives validation or test tasks. `tuned` names the family on which the settings are
    chosen: nobody who meets a task from elsewhere has validation tasks from there.
    """

    label: str
    shots: tuple[int, ...]
    tasks: Callable[[str, int], TaskDistribution]
    methods: Mapping[str, Method]
    tuned: str
    n_validation: int
    n_test: int
    chunk: int
    """Tasks drawn at a time; the first chunk is what the tests measure again."""

    @property
    def name(self) -> str:
        """The label in the learner's language."""
        return _(self.label)


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


def of_waves(label: str, tasks: Callable[[str, int], TaskDistribution]) -> Family:
    """A family of sine waves: it takes 40 waves to choose a setting, and 200 to measure."""
    return Family(label, (1, 2, 3, 5, 7, 10, 20, 50, 100), tasks, SINE_METHODS, "sine", 40, 200, chunk=100)


def of_glyphs(label: str, tasks: Callable[[str, int], TaskDistribution]) -> Family:
    """A family of five-way glyph tasks: 20 to choose a setting, 100 to measure."""
    return Family(label, (1, 2, 3, 5, 10, 15), tasks, GLYPH_METHODS, "glyphs", 20, 100, chunk=20)


FAMILIES = {
    "sine": of_waves(N_("sine waves"), waves),
    "sine-elsewhere": of_waves(N_("sine waves, upside down"), waves_elsewhere),
    "glyphs": of_glyphs(N_("glyphs"), characters),
    "glyphs-elsewhere": of_glyphs(N_("glyphs, ink and paper swapped"), negatives),
}


def find(name: str) -> Family:
    """The family of that name, a key of ``FAMILIES``.

    Raises:
        ValueError: no such family.
    """
    if name not in FAMILIES:
        raise ValueError(
            _("There is no family {name!r}; there are {names}.").format(name=name, names=", ".join(FAMILIES))
        )
    return FAMILIES[name]
