"""The classic leaks of few-shot experiments, each planted on purpose in ordinary episodes.

A leak lets the learner, or the experimenter, see what a test must hide. Here they are what a slip in a
sampler makes of `Episodes`, so that one can measure how much accuracy each invents, and test what finds them:
`metalib.check_protocol`. Those that lie in the procedure are in `metalib.protocol.routines`.

Each draws the classes and drawings of the clean episodes and then spoils them: the same seed gives the same
tasks but for the leak, so that a difference of accuracies is one of pairs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import Tensor

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_whole
from metalib.tasks.episodes import Episodes


class Leaky(ABC):
    """Episodes with something wrong in what they choose.

    Args:
        episodes: the clean ones; mapped ones too (`Episodes.mapped`).

    Raises:
        TypeError: no `Episodes`.
    """

    def __init__(self, episodes: Episodes) -> None:
        if not isinstance(episodes, Episodes):
            raise TypeError(
                _("episodes must be metalib.Episodes, not {kind}.").format(kind=type(episodes).__name__)
            )
        self.episodes = episodes

    @abstractmethod
    def spoiled(self, classes: Tensor, drawings: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the slip makes of a choice: classes ``(T, ways)`` and drawings ``(T, ways, shots + queries)``,
        support before query."""

    def draw(self, n_tasks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Choose as `Episodes.draw` does, and spoil the choice."""
        return self.spoiled(*self.episodes.draw(n_tasks, generator), generator)

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw a batch, shaped as that of the clean episodes."""
        return self.episodes.gather(*self.draw(n_tasks, generator))


class SupportInQuery(Leaky):
    """Drawings of the support set come again in the query set: the first `count` queries of each class are
    its first `count` support drawings.

    It happens where support and query are drawn one after the other from the same list. Whoever remembers the
    support set has these answers for nothing.

    Raises:
        ValueError: fewer shots or queries than `count`.
    """

    def __init__(self, episodes: Episodes, count: int = 1) -> None:
        super().__init__(episodes)
        self.count = check_whole("count", count, 1)
        most = min(episodes.shots, episodes.queries)
        if self.count > most:
            raise ValueError(
                _(
                    "count must be at most {most}, the smaller of {shots} shots and {queries} queries, not "
                    "{count}."
                ).format(most=most, shots=episodes.shots, queries=episodes.queries, count=self.count)
            )

    def spoiled(self, classes: Tensor, drawings: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        shots, drawings = self.episodes.shots, drawings.clone()
        drawings[..., shots : shots + self.count] = drawings[..., : self.count]
        return classes, drawings


class ClassTwice(Leaky):
    """In a `share` of the tasks the labels 0 and 1 stand for the same class, with other drawings of it.

    It happens where classes are drawn with replacement. No learner can tell the two labels apart, so this
    one *hides* accuracy: it makes the test harder than it says.

    Raises:
        ValueError: a share outside 0 … 1, a single way, or too few drawings for two labels.
    """

    def __init__(self, episodes: Episodes, share: float = 1.0) -> None:
        super().__init__(episodes)
        if not 0 <= share <= 1:
            raise ValueError(_("share must lie between 0 and 1; {share} does not.").format(share=share))
        need, there = 2 * (episodes.shots + episodes.queries), episodes.images.shape[1]
        if episodes.counts is not None:  # of words: as many as the smallest class has
            there = int(episodes.counts.min())
        if episodes.ways < 2 or need > there:
            raise ValueError(
                _(
                    "A class that comes twice needs 2 ways and {need} drawings of it; there are {ways} and "
                    "{there}."
                ).format(need=need, ways=episodes.ways, there=there)
            )
        self.share = share

    def spoiled(self, classes: Tensor, drawings: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        classes, drawings = classes.clone(), drawings.clone()
        # A generator of its own: the tasks drawn after these are still those of the clean episodes.
        generator = generator.clone_state()
        twice = torch.rand(len(classes), generator=generator, device=generator.device) < self.share
        # A random order of all drawings in which those of label 0 come last.
        order = torch.rand(
            len(classes), self.episodes.images.shape[1], generator=generator, device=generator.device
        )
        if self.episodes.counts is not None:  # what a class does not have comes after all
            order += 3.0 * (torch.arange(order.shape[1]) >= self.episodes.counts[classes[:, :1]])
        others = order.scatter_(1, drawings[:, 0], 2.0).argsort(dim=1)[:, : drawings.shape[-1]]
        classes[twice, 1], drawings[twice, 1] = classes[twice, 0], others[twice]
        return classes, drawings


class SortedLabels(Leaky):
    """Labels go by the number of the class: of a task's classes, the one with the smallest number is label 0.

    It happens where the drawn classes are sorted, or taken in the order of their folders. A learner that is
    *trained* so can know something of the label before it has seen the support set; one that met random
    labels in training has nothing from it.
    """

    def spoiled(self, classes: Tensor, drawings: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        classes, order = classes.sort(dim=1)
        return classes, drawings.gather(1, order.unsqueeze(-1).expand_as(drawings))


def joined(*sets: ImageSet) -> ImageSet:
    """The classes of several image sets in one.

    `joined(test, train.subset(range(20)))` is a test set with 20 classes of the training; `joined(train,
    validation)` is what a learner is retrained on once its settings are chosen.

    Raises:
        ValueError: none, or sets with another number or size of drawings.
    """
    shapes = {tuple(one.images.shape[1:]) for one in sets}
    if len(shapes) != 1:
        raise ValueError(
            _(
                "Image sets are joined if their drawings have one shape (drawings, C, H, W), not {shapes}."
            ).format(shapes=sorted(shapes))
        )
    sources = {one.source for one in sets}
    return replace(
        sets[0],
        images=torch.cat([one.images for one in sets]),
        names=tuple(name for one in sets for name in one.names),
        alphabets=tuple(name for one in sets for name in one.alphabets),
        title=" + ".join(one.title for one in sets),
        source=sources.pop() if len(sources) == 1 else "",
    )
