"""Players of Bernoulli bandits that people have thought out. All they keep is counts of what an arm paid."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metalib.i18n import _


class CountingPlayer:
    """Pulls an arm with the largest score; among equal ones it draws. A subclass gives the scores.

    `successes` and `failures` (n, K) count what each arm has paid, `pull` the pulls so far.
    """

    def start(self, n: int, arms: int, pulls: int) -> None:
        self.successes = torch.zeros(n, arms)
        self.failures = torch.zeros(n, arms)
        self.pull, self.pulls = 0, pulls

    def scores(self, generator: torch.Generator) -> Tensor:
        """How much the player would like to pull each arm now, (n, K)."""
        raise NotImplementedError

    def choose(self, generator: torch.Generator) -> Tensor:
        return one_of_the_largest(self.scores(generator), generator)

    def observe(self, chosen: Tensor, rewards: Tensor) -> None:
        rows = torch.arange(len(chosen))
        self.successes[rows, chosen] += rewards
        self.failures[rows, chosen] += 1 - rewards
        self.pull += 1

    @property
    def tried(self) -> Tensor:
        """How often each arm was pulled, (n, K)."""
        return self.successes + self.failures

    @property
    def means(self) -> Tensor:
        """The expected chance of each arm, (n, K), when all chances are equally likely beforehand: the mean
        of Beta(1 + successes, 1 + failures)."""
        return (self.successes + 1) / (self.tried + 2)


class RandomPlayer(CountingPlayer):
    """Every arm is as good as any other."""

    def scores(self, generator: torch.Generator) -> Tensor:
        return torch.zeros_like(self.successes)


class Greedy(CountingPlayer):
    """The arm with the largest expected chance; an arm never tried counts as 1/2.

    Args:
        epsilon: how often a random arm is taken instead.
    """

    def __init__(self, epsilon: float = 0.0) -> None:
        if not 0 <= epsilon <= 1:
            raise ValueError(_("epsilon must lie between 0 and 1; {value} does not.").format(value=epsilon))
        self.epsilon = epsilon

    def scores(self, generator: torch.Generator) -> Tensor:
        if not self.epsilon:
            return self.means
        astray = torch.rand(len(self.means), 1, generator=generator) < self.epsilon
        return torch.where(astray, 0.0, self.means)


class UCB1(CountingPlayer):
    """The largest mean reward plus √(c · ln t / n_a): optimism about what is little known.

    With c = 2 it is UCB1 (Auer, Cesa-Bianchi and Fischer 2002, "Finite-time analysis of the multiarmed bandit
    problem", figure 1), whose guarantee holds for every bandit; on few pulls a smaller c explores less and
    earns more. Each arm is tried once first.

    Args:
        c: how much the width of the interval counts.
    """

    def __init__(self, c: float = 2.0) -> None:
        if not 0 <= c < math.inf:
            raise ValueError(_("c must be a finite number of at least 0, not {value}.").format(value=c))
        self.c = c

    def scores(self, generator: torch.Generator) -> Tensor:
        index = self.successes / self.tried + (self.c * math.log(max(self.pull, 1)) / self.tried).sqrt()
        return torch.where(self.tried == 0, math.inf, index)


class Thompson(CountingPlayer):
    """The arm that is best in a world drawn from what is known: chance_a ~ Beta(1 + successes, 1 + failures)
    (Thompson 1933, "On the likelihood that one unknown probability exceeds another")."""

    def scores(self, generator: torch.Generator) -> Tensor:
        return beta(self.successes + 1, self.failures + 1, generator)


def beta(a: Tensor, b: Tensor, generator: torch.Generator) -> Tensor:
    """One draw from Beta(a, b) for each element: X / (X + Y) with X ~ Gamma(a) and Y ~ Gamma(b)."""
    x, y = (torch._standard_gamma(shape, generator=generator) for shape in (a, b))
    return x / (x + y)


def one_of_the_largest(scores: Tensor, generator: torch.Generator) -> Tensor:
    """In each row the place of a largest score, (n,); among several each is as likely."""
    largest = scores == scores.max(dim=1, keepdim=True).values
    return (largest * torch.rand(scores.shape, generator=generator).clamp(min=1e-6)).argmax(dim=1)
