"""Bernoulli bandits: arms that pay 1 with a chance of their own and 0 otherwise, and the game played on them.

A player meets a bandit that it has never seen, and pulls T times. It sees which arm it took and what it got,
nothing else. A good player explores first and then stays with the best arm: it learns within the game.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from metalib.evaluation import Evaluation
from metalib.i18n import _
from metalib.tasks.batch import check_generator, check_positive


@dataclass(frozen=True, eq=False)
class Bandits:
    """n bandits of K arms, and all that T pulls can bring.

    What an arm pays at its k-th pull is fixed from the start, whoever pulls it and when. So players
    are compared on the same bandits *and* the same luck: much of the spread between two of them cancels.

    Args:
        chances: (n, K), each arm's chance of a 1.
        rewards: (n, K, T), what its k-th pull pays, 0 or 1.
    """

    chances: Tensor
    rewards: Tensor

    def __post_init__(self) -> None:
        if self.chances.dim() != 2 or self.rewards.shape[:2] != self.chances.shape or self.rewards.dim() != 3:
            raise ValueError(
                _(
                    "chances must be (n, arms) and rewards (n, arms, pulls), not {chances} and {rewards}."
                ).format(chances=tuple(self.chances.shape), rewards=tuple(self.rewards.shape))
            )

    def __len__(self) -> int:
        """The number of bandits n."""
        return len(self.chances)

    def __getitem__(self, which: slice) -> Bandits:
        return Bandits(self.chances[which], self.rewards[which])

    @property
    def arms(self) -> int:
        """K."""
        return self.chances.shape[1]

    @property
    def pulls(self) -> int:
        """T."""
        return self.rewards.shape[2]

    def to(self, device: torch.device | str) -> Bandits:
        """The same bandits on another device."""
        return Bandits(self.chances.to(device), self.rewards.to(device))


@dataclass(frozen=True)
class BernoulliBandits:
    """Bandits whose arms' chances are uniform in [0, 1] (Duan et al. 2016, section 3.1).

    Args:
        arms: of each bandit, K.
        pulls: in each game, T.
    """

    arms: int = 5
    pulls: int = 100

    def __post_init__(self) -> None:
        check_positive(arms=self.arms, pulls=self.pulls)

    def sample(self, n_tasks: int, generator: torch.Generator) -> Bandits:
        """``n_tasks`` fresh bandits."""
        check_positive(n_tasks=n_tasks)
        check_generator(generator)
        chances = torch.rand(n_tasks, self.arms, generator=generator)
        return bandits_of(chances, self.pulls, generator)


def bandits_of(chances: Tensor, pulls: int, generator: torch.Generator) -> Bandits:
    """Bandits with these chances (n, K) and fresh luck for so many pulls."""
    luck = torch.rand(*chances.shape, pulls, generator=generator)
    return Bandits(chances, (luck < chances.unsqueeze(-1)).float())


class Player(Protocol):
    """Who plays n games at once. `start` forgets everything that came before."""

    def start(self, n: int, arms: int, pulls: int) -> None:
        """n fresh games of so many pulls."""

    def choose(self, generator: torch.Generator) -> Tensor:
        """The arm to pull now in each game, (n,)."""

    def observe(self, chosen: Tensor, rewards: Tensor) -> None:
        """The arms that were pulled, (n,), and what they paid, (n,)."""


@dataclass(frozen=True, eq=False)
class Played:
    """What came of n games of T pulls.

    Args:
        bandits: those that were played on.
        chosen: (n, T), the arm of each pull.
        rewards: (n, T), what it paid.
    """

    bandits: Bandits
    chosen: Tensor
    rewards: Tensor

    @property
    def regret(self) -> Tensor:
        """(n, T): how much smaller the chosen arm's chance was than the best one's; never negative."""
        chances = self.bandits.chances
        return chances.max(dim=1, keepdim=True).values - chances.gather(1, self.chosen)

    @property
    def total(self) -> Evaluation:
        """The total reward of each game, with mean and interval."""
        return Evaluation(self.rewards.sum(dim=1).double(), "return")

    @property
    def share_of_best(self) -> Tensor:
        """(T,): the fraction of games in which the pull went to the best arm."""
        best = self.bandits.chances.argmax(dim=1, keepdim=True)
        return (self.chosen == best).double().mean(dim=0)


@torch.no_grad()
def play(player: Player, bandits: Bandits, generator: torch.Generator) -> Played:
    """Let a player play every bandit to its end.

    The generator is for the player's own random choices; what the arms pay stands in the bandits.

    Raises:
        ValueError: the player named an arm that there is not.
    """
    check_generator(generator)
    bandits = bandits.to("cpu")  # the game is here, wherever a player's network is
    n, rows = len(bandits), torch.arange(len(bandits))
    pulled = torch.zeros(n, bandits.arms, dtype=torch.long)  # how often each arm was pulled
    chosen = torch.empty(n, bandits.pulls, dtype=torch.long)
    rewards = torch.empty(n, bandits.pulls)
    player.start(n, bandits.arms, bandits.pulls)
    for pull in range(bandits.pulls):
        arm = player.choose(generator).cpu()
        if arm.shape != (n,) or arm.min() < 0 or arm.max() >= bandits.arms:
            raise ValueError(
                _("choose must give {n} arms, each from 0 to {last}.").format(n=n, last=bandits.arms - 1)
            )
        reward = bandits.rewards[rows, arm, pulled[rows, arm]]
        pulled[rows, arm] += 1
        chosen[:, pull], rewards[:, pull] = arm, reward
        player.observe(arm, reward)
    return Played(bandits, chosen, rewards)
