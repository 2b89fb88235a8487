"""The rules of the episode laboratory: deal an episode, let a learner answer it, keep the score.

Both players get the same support set and the same queries. Neither is told the truth before the last query is
answered: a query whose label is known would be one more support example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from metalib.data import ImageSet
from metalib.i18n import _
from metalib.learners import Learner
from metalib.tasks import Episodes

MAX_WAYS, MAX_SHOTS, MAX_QUERIES = 9, 5, 3  # so many ways because each class has one key, 1 to 9
EVERY_SCRIPT = ""

Key = tuple[str, int, int, int, int]  # script, ways, shots, queries a class, number: which episode it is


@dataclass(frozen=True, eq=False)
class Dealt:
    """An episode and the learner's answers. N ways, K shots, Q queries in all; labels are 0 … N − 1."""

    key: Key
    support: np.ndarray  # uint8 (N, K, H, W), ink = 255
    query: np.ndarray  # uint8 (Q, H, W), in the order in which they are asked
    truth: tuple[int, ...]  # (Q,)
    machine: tuple[int, ...]  # (Q,), the learner's answers
    names: tuple[str, ...]  # (N,), the characters


@dataclass(frozen=True)
class Answer:
    """One answer of the player, beside the learner's and the truth."""

    episode: Key
    yours: int
    machine: int
    truth: int


@dataclass(frozen=True)
class Score:
    """Right answers in the episodes played to the end: `yours` and `machine` of `n` queries."""

    n: int
    yours: int
    machine: int


@dataclass(frozen=True, eq=False)
class EpisodeResult:
    """What the laboratory shows: the episode, the answers to it so far, and the score since the start."""

    dealt: Dealt
    yours: tuple[int, ...]
    cursor: int | None  # the class that Enter would answer; None when the episode is over
    score: Score

    @property
    def is_over(self) -> bool:
        """Are all queries answered."""
        return len(self.yours) == len(self.dealt.truth)


@torch.no_grad()
def deal(
    images: ImageSet, learner: Learner, script: str, ways: int, shots: int, queries: int, draw: int
) -> Dealt:
    """Draw an episode from the characters of `script` and let `learner` answer it.

    Args:
        images: characters that the learner was not trained on.
        script: one of `images.alphabets`, or "" for all of them.
        ways, shots, queries: classes, support drawings a class, query drawings a class.
        draw: the episode's number; the same number gives the same episode.

    Raises:
        ValueError: an unknown script, or one with too few characters or drawings; see `metalib.Episodes`.
    """
    if script != EVERY_SCRIPT:
        if script not in images.alphabets:
            raise ValueError(_("There are no characters of the script {script!r}.").format(script=script))
        images = images.subset([i for i, name in enumerate(images.alphabets) if name == script])
    generator = torch.Generator().manual_seed(draw)
    episodes = Episodes(images, ways, shots, queries)
    classes, drawings = episodes.draw(1, generator)
    batch = episodes.gather(classes, drawings)
    # Queries come class by class: asked in that order, they would give themselves away.
    order = torch.randperm(ways * queries, generator=generator)
    learner.eval()
    scores = learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
    support, query = (
        (255 * part[0].mean(dim=1)).round().to(torch.uint8) for part in (batch.support_x, batch.query_x)
    )
    return Dealt(
        key=(script, ways, shots, queries, draw),
        support=support.unflatten(0, (ways, shots)).numpy(),
        query=query[order].numpy(),
        truth=tuple(batch.query_y[0, order].tolist()),
        machine=tuple(scores.argmax(dim=-1)[0, order].tolist()),
        names=tuple(images.names[i] for i in classes[0].tolist()),
    )


def play(dealt: Dealt, answers: Iterable[Answer] = (), cursor: int = 0) -> EpisodeResult:
    """What to show when `answers` have been given, to this episode and to others.

    Only episodes answered to the end are counted: a score that moved with every answer would tell the truth.
    """
    answers = tuple(answers)
    given = Counter(answer.episode for answer in answers)
    counted = [a for a in answers if given[a.episode] == a.episode[1] * a.episode[3]]
    yours = tuple(answer.yours for answer in answers if answer.episode == dealt.key)
    return EpisodeResult(
        dealt=dealt,
        yours=yours,
        cursor=None if len(yours) == len(dealt.truth) else min(max(cursor, 0), len(dealt.names) - 1),
        score=Score(
            n=len(counted),
            yours=sum(answer.yours == answer.truth for answer in counted),
            machine=sum(answer.machine == answer.truth for answer in counted),
        ),
    )
