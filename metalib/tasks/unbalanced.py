"""Episodes whose classes have different numbers of examples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_whole
from metalib.tasks.episodes import Episodes


class Unbalanced:
    """Episodes with so many shots and queries of each label, the same numbers in every task.

    They are the tasks of `episodes` with examples left out: the same seed gives the same classes, of each the
    same first shots and queries, whatever the numbers. So balanced and unbalanced tasks can be compared in
    pairs. Which class gets the label with few shots is random, as always.

    Args:
        episodes: where classes and drawings come from; mapped ones too. Their own shots and queries must be
            at least the largest numbers here.
        shots: support examples of each label, ``ways`` numbers or one for all; None leaves them as they are.
        queries: of the query set, alike.

    Raises:
        TypeError: no `Episodes`, or numbers that are not whole.
        ValueError: not one number for each way, a number below 1, or above that of `episodes`.
    """

    def __init__(
        self,
        episodes: Episodes,
        shots: int | Sequence[int] | None = None,
        queries: int | Sequence[int] | None = None,
    ) -> None:
        if not isinstance(episodes, Episodes):
            raise TypeError(
                _("episodes must be metalib.Episodes, not {kind}.").format(kind=type(episodes).__name__)
            )
        self.episodes, self.ways = episodes, episodes.ways
        self.shots = for_each_label("shots", shots, episodes.ways, episodes.shots)
        self.queries = for_each_label("queries", queries, episodes.ways, episodes.queries)

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw a batch: S = the sum of all shots, Q = the sum of all queries, class by class."""
        batch = self.episodes.sample(n_tasks, generator)
        support = kept(self.shots, self.episodes.shots).to(batch.support_x.device)
        query = kept(self.queries, self.episodes.queries).to(batch.query_x.device)
        return TaskBatch(
            batch.support_x[:, support],
            batch.support_y[:, support],
            batch.query_x[:, query],
            batch.query_y[:, query],
        )


def for_each_label(name: str, counts: int | Sequence[int] | None, ways: int, most: int) -> tuple[int, ...]:
    """One whole number from 1 to `most` for each label.

    Raises:
        TypeError, ValueError: see `Unbalanced`.
    """
    given = tuple(counts) if isinstance(counts, Sequence) else (most if counts is None else counts,) * ways
    if len(given) != ways:
        raise ValueError(
            _("{name} must be one number for each of the {ways} ways, not {count} numbers.").format(
                name=name, ways=ways, count=len(given)
            )
        )
    checked = tuple(check_whole(name, count, 1) for count in given)
    if max(checked) > most:
        raise ValueError(
            _("{name} must be at most the {most} of the episodes, not {count}.").format(
                name=name, most=most, count=max(checked)
            )
        )
    return checked


def kept(counts: tuple[int, ...], of: int) -> Tensor:
    """The places of the first `counts[label]` examples of each label where there are `of` for each."""
    return torch.cat([label * of + torch.arange(count) for label, count in enumerate(counts)])
