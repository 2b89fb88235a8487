"""What the bandit laboratory computes: your pulls and the rivals' on one bandit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from metalib import weights
from metalib.i18n import N_, _
from metalib.lab.controls import choice, counter, hidden
from metalib.rl.bandits import Bandits, BernoulliBandits, Player, play
from metalib.rl.players import UCB1, Thompson

ARMS = 5
LENGTHS = {10: "10", 20: "20", 30: "30", 50: "50", 100: "100"}
SHOWN = {"reward": N_("reward so far"), "regret": N_("regret (gives arms away)")}
YOU = "you"
RIVALS = ("RL²", "Thompson", "UCB1")
EXPLORES = 0.1
"""UCB1's c: on games as short as these it earns more than the textbook's 2."""


def pulls_made(name: str, value: Any) -> tuple[int, ...]:
    """Arms, each from 0 to ARMS − 1. Raises where one is none."""
    arms = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    if all(isinstance(arm, int) and not isinstance(arm, bool) and 0 <= arm < ARMS for arm in arms):
        return arms
    raise ValueError(
        _("{name} must be arms from 0 to {last}, not {value!r}.").format(
            name=name, last=ARMS - 1, value=value
        )
    )


@dataclass(frozen=True)
class BanditState:
    """Which bandit, how long the game is, what the curve shows, and the arms that you have pulled."""

    pulls: int = choice(N_("pulls"), LENGTHS, 30)
    shown: str = choice(N_("curve"), SHOWN, "reward")
    draw: int = counter(N_("new bandit"), N_("bandit {number}"))
    chosen: tuple[int, ...] = hidden((), pulls_made)


class Course(NamedTuple):
    """How one player's game went, pull by pull: arms (t,), rewards (t,), and the regret of each pull (t,)."""

    chosen: np.ndarray
    rewards: np.ndarray
    regret: np.ndarray

    def summed(self, shown: str, upto: int) -> np.ndarray:
        """The reward or the regret of the first 0, 1, … `upto` pulls, (upto + 1,)."""
        values = self.rewards if shown == "reward" else self.regret
        return np.concatenate([[0.0], values[:upto].cumsum()])


class BanditResult(NamedTuple):
    """The game so far.

    `courses`: by player, yours first; the rivals' go to the end of the game. `paid` and `pulled` (ARMS,)
    count your pulls; `chances` (ARMS,) are the truth.
    """

    courses: dict[str, Course]
    paid: np.ndarray
    pulled: np.ndarray
    chances: np.ndarray
    is_over: bool

    @property
    def made(self) -> int:
        """How many pulls you have made."""
        return len(self.courses[YOU].chosen)


@lru_cache(maxsize=8)
def dealt(draw: int, pulls: int) -> tuple[Bandits, dict[str, Course]]:
    """One bandit, and the rivals' whole games on it."""
    bandits = BernoulliBandits(ARMS, pulls).sample(1, torch.Generator().manual_seed(draw))
    players: tuple[Player, ...] = (rl2(), Thompson(), UCB1(EXPLORES))
    courses = {}
    for number, (name, player) in enumerate(zip(RIVALS, players, strict=True)):
        # Each has random numbers of its own: who draws more changes nothing for the others.
        played = play(player, bandits, torch.Generator().manual_seed(len(RIVALS) * draw + number))
        courses[name] = Course(*(part[0].numpy() for part in (played.chosen, played.rewards, played.regret)))
    return bandits, courses


@lru_cache(maxsize=1)
def rl2() -> Any:
    """The shipped RL²."""
    return weights.load("bandit-rl2")


def game(state: BanditState) -> BanditResult:
    """Your pulls on this bandit, beside the rivals'."""
    bandits, rivals = dealt(state.draw, state.pulls)
    chances, pays = bandits.chances[0].numpy(), bandits.rewards[0].numpy()
    chosen = np.array(state.chosen[: state.pulls], dtype=int)
    pulled, rewards = np.zeros(ARMS, dtype=int), np.empty(len(chosen))
    for pull, arm in enumerate(chosen):
        rewards[pull] = pays[arm, pulled[arm]]
        pulled[arm] += 1
    paid = np.bincount(chosen, rewards, ARMS).astype(int)
    yours = Course(chosen, rewards, chances.max() - chances[chosen])
    return BanditResult({YOU: yours, **rivals}, paid, pulled, chances, len(chosen) == state.pulls)


def pulled(state: BanditState, arm: int, times: int = 1) -> BanditState | None:
    """The state after pulling an arm, 0 … ARMS − 1; None where the game is over or there is no such arm."""
    left = state.pulls - len(state.chosen)
    if not (0 <= arm < ARMS and left > 0):
        return None
    return replace(state, chosen=(*state.chosen, *[arm] * min(times, left)))


def begun_again(before: BanditState, after: BanditState) -> BanditState:
    """Another bandit or another length is a new game."""
    same = (before.draw, before.pulls) == (after.draw, after.pulls)
    return after if same else replace(after, chosen=())
