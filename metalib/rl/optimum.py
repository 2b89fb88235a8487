"""The best that anybody can do on a small bandit: exact, by dynamic programming over what can be known.

Who does not know the chances knows the counts: how often each arm has paid and has not. If all chances are
equally likely beforehand, an arm with s successes and f failures pays next with probability
(s + 1)/(s + f + 2). So the counts are the states of an ordinary decision problem whose every probability is
known, and backward induction solves it (Bellman 1956, "A problem in the sequential design of experiments").
That is the *Bayes optimum*: no player's mean over such bandits is larger.
"""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np
import torch
from torch import Tensor

from metalib.i18n import _
from metalib.rl.players import CountingPlayer
from metalib.tasks.batch import check_positive

MOST = 2_000_000
"""States that are still solved in a few seconds and in a few hundred megabytes."""


def states_of(arms: int, pulls: int) -> int:
    """How many states there are with at most so many pulls.

    A state is 2K counts and, as one more, the pulls that are left: whole numbers that add up to T. Of these
    there are C(T + 2K, 2K): 184,756 for 5 arms and 10 pulls.
    """
    return comb(pulls + 2 * arms, 2 * arms)


class BayesOptimum:
    """Values and best arms of all states.

    Args:
        arms, pulls: K and T.

    Raises:
        ValueError: there are too many states.
    """

    def __init__(self, arms: int = 5, pulls: int = 10) -> None:
        check_positive(arms=arms, pulls=pulls)
        self.arms, self.pulls, self.states = arms, pulls, states_of(arms, pulls)
        if self.states > MOST:
            raise ValueError(
                _("{arms} arms and {pulls} pulls have {states:,} states; {most:,} are the most.").format(
                    arms=arms, pulls=pulls, states=self.states, most=MOST
                )
            )

    @cached_property
    def tables(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each number of pulls done, 0 … T − 1: the states' keys in rising order, (N,), and the value of
        each arm in each of them, (N, K)."""
        tables, values, keys = [], np.zeros(comb(self.pulls + 2 * self.arms - 1, self.pulls)), None
        for done in reversed(range(self.pulls)):
            after = self._keys(counts_of(2 * self.arms, done + 1)) if keys is None else keys
            counts = counts_of(2 * self.arms, done)  # (N, 2K): successes of all arms, then failures
            keys = self._keys(counts)
            worth = np.empty((len(counts), self.arms))
            for arm in range(self.arms):
                s, f = counts[:, arm], counts[:, self.arms + arm]
                p = (s + 1) / (s + f + 2)
                won, lost = (
                    values[np.searchsorted(after, keys + self._unit(place))]
                    for place in (arm, self.arms + arm)
                )
                worth[:, arm] = p * (1 + won) + (1 - p) * lost
            values = worth.max(axis=1)
            tables.append((keys, worth))
        return tables[::-1]

    @property
    def value(self) -> float:
        """The expected total reward of the best play, from the start."""
        return float(self.tables[0][1].max())

    def worth(self, successes: Tensor, failures: Tensor) -> Tensor:
        """What is to be expected from each arm now and the best play after it, (n, K), in n games that have
        all made the same number of pulls; successes and failures (n, K)."""
        counts = torch.cat([successes, failures], dim=1).long().numpy()
        done = {int(total) for total in counts.sum(axis=1)}
        if len(done) != 1 or not max(done) < self.pulls:
            raise ValueError(
                _("All games must have made the same number of pulls, below {n}.").format(n=self.pulls)
            )
        keys, worth = self.tables[done.pop()]
        return torch.from_numpy(worth[np.searchsorted(keys, self._keys(counts))])

    def _keys(self, counts: np.ndarray) -> np.ndarray:
        """Counts (N, 2K) as one whole number each: digits to the base T + 1, the first the largest."""
        return counts @ np.array([self._unit(place) for place in range(2 * self.arms)])

    def _unit(self, place: int) -> int:
        return (self.pulls + 1) ** (2 * self.arms - 1 - place)


def counts_of(places: int, total: int) -> np.ndarray:
    """All ways to write `total` as so many counts, (C(total + places − 1, places − 1), places), rising.

    Bars between stars: `places` − 1 bars among `total` stars cut them into counts.
    """
    wide = total + places - 1
    bars = np.array(list(combinations(range(wide), places - 1)), dtype=np.int64).reshape(-1, places - 1)
    edges = np.concatenate([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), wide)], axis=1)
    return np.diff(edges, axis=1) - 1


class BayesPlayer(CountingPlayer):
    """Plays the best arm of every state; its games may have no more arms or pulls than were solved.

    Args:
        optimum: what was solved.
    """

    def __init__(self, optimum: BayesOptimum) -> None:
        self.optimum = optimum

    def start(self, n: int, arms: int, pulls: int) -> None:
        if (arms, pulls) != (self.optimum.arms, self.optimum.pulls):
            raise ValueError(
                _("This player knows {arms} arms and {pulls} pulls only.").format(
                    arms=self.optimum.arms, pulls=self.optimum.pulls
                )
            )
        super().start(n, arms, pulls)

    def scores(self, generator: torch.Generator) -> Tensor:
        # Equal arms differ by their rounding errors: they are as good as each other.
        return self.optimum.worth(self.successes, self.failures).round(decimals=9)
