"""The rules of the episode laboratory: deal an episode, let a learner answer it, keep the score.

Both players get the same support set and the same queries. Neither is told the truth before the last query is
answered: a query whose label is known would be one more support example.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from metalib.data import ImageSet
from metalib.data.images import grey
from metalib.evaluation import half_interval
from metalib.i18n import N_, _
from metalib.lab.controls import choice, counter, hidden, hidden_number, made_of, whole, whole_slider
from metalib.learners import Learner
from metalib.learners.base import evaluating
from metalib.tasks import Episodes

MAX_WAYS, MAX_SHOTS, MAX_QUERIES = 9, 5, 3  # so many ways because each class has one key, 1 to 9
EVERY_SCRIPT = ""


class EpisodeKey(NamedTuple):
    """Which episode it is; `queries` are those of one class, `number` seeds the draw."""

    script: str
    ways: int
    shots: int
    queries: int
    number: int

    @property
    def setting(self) -> tuple[str, int, int]:
        """What a score is of: script, ways and shots."""
        return self.script, self.ways, self.shots


class Given(NamedTuple):
    """One answer of the player, beside the learner's and the truth."""

    episode: EpisodeKey
    yours: int
    machine: int
    truth: int


@dataclass(frozen=True)
class EpisodeState:
    """An episode, the answers given so far in this one and in others, and the class that is pointed at."""

    ways: int = whole_slider(N_("ways"), 5, 2, MAX_WAYS)
    shots: int = whole_slider(N_("shots"), 1, 1, MAX_SHOTS)
    queries: int = whole_slider(N_("queries"), 1, 1, MAX_QUERIES)
    script: str = choice(N_("script"), {}, EVERY_SCRIPT)
    draw: int = counter(N_("new episode"), N_("no. {number}"), 1)
    answers: tuple[Given, ...] = hidden((), made_of(Given, many=True))
    cursor: int = hidden_number(0, 0, MAX_WAYS - 1)

    @property
    def episode(self) -> EpisodeKey:
        """Which one is played."""
        return EpisodeKey(self.script, self.ways, self.shots, self.queries, self.draw)

    @property
    def pointed(self) -> int:
        """The class that Enter would answer: `cursor`, or the nearest where there are fewer classes now."""
        return min(max(self.cursor, 0), self.ways - 1)


class DealtEpisode(NamedTuple):
    """An episode and the learner's answers. N ways, K shots, Q queries in all; labels are 0 … N − 1."""

    support: np.ndarray  # uint8 (N, K, H, W), ink = 255
    query: np.ndarray  # uint8 (Q, H, W), in the order in which they are asked
    truth: tuple[int, ...]  # (Q,)
    machine: tuple[int, ...]  # (Q,), the learner's answers
    names: tuple[str, ...]  # (N,), the characters


class Score(NamedTuple):
    """Right answers in the episodes of one setting played to the end: `yours` and `machine` of `n` queries.

    `ahead` is the mean over these episodes of your share of right answers minus the learner's, and
    `half_width` half its 95 % interval: infinite for one episode, of which no spread can be seen.
    """

    n: int = 0
    yours: int = 0
    machine: int = 0
    episodes: int = 0
    ahead: float = 0.0
    half_width: float = math.inf


class EpisodeResult(NamedTuple):
    """The episode, the player's answers to it so far, and the score of its setting."""

    dealt: DealtEpisode
    yours: tuple[int, ...]
    score: Score

    @property
    def is_over(self) -> bool:
        """Are all queries answered."""
        return len(self.yours) == len(self.dealt.truth)


@torch.no_grad()
def deal(images: ImageSet, learner: Learner, which: EpisodeKey) -> DealtEpisode:
    """Draw an episode and let `learner` answer it; the same key gives the same episode.

    Raises:
        ValueError: too few characters or drawings; see `metalib.Episodes`.
    """
    if which.script != EVERY_SCRIPT:
        images = images.subset([i for i, name in enumerate(images.alphabets) if name == which.script])
    generator = torch.Generator().manual_seed(which.number)
    episodes = Episodes(images, which.ways, which.shots, which.queries)
    classes, drawings = episodes.draw(1, generator)
    batch = episodes.gather(classes, drawings)
    # Queries come class by class: asked in that order, they would give themselves away.
    order = torch.randperm(which.ways * which.queries, generator=generator)
    with evaluating(learner):
        scores = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    shown = grey(episodes.pictures(classes, drawings)[0])
    return DealtEpisode(
        support=shown[:, : which.shots].numpy(),
        query=shown[:, which.shots :].flatten(0, 1)[order].numpy(),
        truth=tuple(batch.query_y[0, order].tolist()),
        machine=tuple(scores.argmax(dim=-1)[0, order].tolist()),
        names=tuple(images.names[i] for i in classes[0].tolist()),
    )


def play(dealt: DealtEpisode, state: EpisodeState) -> EpisodeResult:
    """How far the dealt episode is, and the score of its setting."""
    here = tuple(one.yours for one in state.answers if one.episode == state.episode)
    return EpisodeResult(dealt, here, scored(state))


def scored(state: EpisodeState) -> Score:
    """The score of episodes with this script, so many ways and so many shots: other settings are other games.

    Only episodes answered to the end are counted: a score that moved with every answer would tell the truth.
    """
    played: dict[EpisodeKey, list[Given]] = defaultdict(list)
    for one in state.answers:
        played[one.episode].append(one)
    counted = [
        given
        for key, given in played.items()
        if key.setting == state.episode.setting and len(given) == key.ways * key.queries
    ]
    if not counted:
        return Score()
    yours = [sum(one.yours == one.truth for one in given) for given in counted]
    machine = [sum(one.machine == one.truth for one in given) for given in counted]
    sizes = np.array([len(given) for given in counted])
    ahead = (np.array(yours) - np.array(machine)) / sizes
    n = len(counted)
    half = half_interval(float(ahead.std(ddof=1)), n) if n > 1 else math.inf
    return Score(int(sizes.sum()), sum(yours), sum(machine), n, float(ahead.mean()), half)


def answered(state: EpisodeState, result: EpisodeResult, label: int) -> EpisodeState:
    """The state once the present query is said to be of class `label`; the same where the episode is over.

    Raises:
        TypeError: the label is no whole number.
        ValueError: there is no such class.
    """
    label = whole("label", label)
    if result.is_over:
        return state
    if not 0 <= label < state.ways:
        raise ValueError(
            _("There are the classes 1 to {ways}, but no {label}.").format(ways=state.ways, label=label + 1)
        )
    now = len(result.yours)
    given = Given(state.episode, label, result.dealt.machine[now], result.dealt.truth[now])
    return replace(state, answers=(*state.answers, given), cursor=label)


def started_again(state: EpisodeState) -> EpisodeState:
    """The state with all scores forgotten, at the next episode: the truth of this one may be known."""
    return replace(state, answers=(), draw=state.draw + 1, cursor=0)
