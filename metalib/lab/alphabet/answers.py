"""What each method answers to a query: a learner, several of different heads, and the nearest neighbour.

A support set, its labels and a query are arrays here; nothing knows of a board or a pad.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from metalib.data.omniglot import SIZE
from metalib.i18n import _
from metalib.lab.arguments import of_images
from metalib.learners import GradientLearner, Learner

PIXELS = "pixels"  # identifies the nearest neighbour among the methods


@dataclass(frozen=True, eq=False)
class MethodAnswer:
    """What one method says.

    probabilities: (ways,), over the classes on the board; (0,) where it cannot answer, `refusal` says why.
    nearest: the number of the support example that decided, where one alone did.
    """

    method: str
    probabilities: np.ndarray = field(default_factory=lambda: np.zeros(0))
    refusal: str = ""
    nearest: int | None = None

    @property
    def chosen(self) -> int | None:
        """The place of the most probable class, 0 … ways − 1."""
        return int(self.probabilities.argmax()) if len(self.probabilities) else None


class AlphabetMethod:
    """A learner, or several, of which the one with the smallest head that has room for the classes is asked.

    A learner that adapts by gradient steps is asked with `transductive=False`: the query comes alone, without
    other queries to share batch statistics with, and is normalised together with the support set.
    """

    def __init__(self, name: str, learners: Sequence[Learner]) -> None:
        if not learners:
            raise ValueError(_("There is no learner for {name!r}.").format(name=name))
        self.name = name
        self.learners = [(head(one), one_by_one(one)) for one in sorted(learners, key=head)]
        self.takes_steps = any(size for size, _learner in self.learners)
        # While a query is written, the support set is the same.
        self._adapted = lru_cache(maxsize=16)(adapted)

    def fitting(self, ways: int) -> Learner:
        """The learner to ask about so many classes. Raises ValueError where none has room for them."""
        for size, learner in self.learners:
            if not size or size >= ways:
                return learner
        raise ValueError(
            _(
                "Its head has {size} outputs: it tells {size} classes apart at most, and here are {ways}."
            ).format(size=self.learners[-1][0], ways=ways)
        )

    def answer(
        self, support: np.ndarray, labels: tuple[int, ...], query: np.ndarray, steps: int
    ) -> MethodAnswer:
        """What it says; see `answer`."""
        ways = len(set(labels))
        try:
            learner = self.fitting(ways)
        except ValueError as error:
            return MethodAnswer(self.name, refusal=str(error))
        with torch.no_grad():
            state = self._adapted(learner, support.tobytes(), labels, steps)
            logits = learner.predict(state, tensor(query[None])[None])
        # Of a head with more outputs than there are classes, those that have a class count.
        probabilities = logits[0, 0, :ways].double().softmax(dim=-1).numpy()
        if not np.isfinite(probabilities).all():
            return MethodAnswer(self.name, refusal=_("Its outputs are not finite: take fewer inner steps."))
        return MethodAnswer(self.name, probabilities)


def answer(
    methods: Iterable[AlphabetMethod],
    support: np.ndarray,
    labels: Sequence[int],
    query: np.ndarray,
    steps: int = 3,
) -> tuple[MethodAnswer, ...]:
    """What each method says to one query; the nearest neighbour in pixel space comes last.

    Args:
        methods: whom to ask.
        support: uint8 (S, 28, 28), ink = 255.
        labels: (S,), 0 … ways − 1, each at least once.
        query: uint8 (28, 28).
        steps: inner steps of a method that takes some.

    Raises:
        ValueError: no support example, or one class only.
    """
    labels = tuple(map(int, labels))
    if not labels:
        raise ValueError(
            _("There is nothing to compare the query with: draw or pick examples of two classes first.")
        )
    if len(set(labels)) == 1:
        raise ValueError(
            _("With one class only there is nothing to decide: draw or pick an example of a second class.")
        )
    given = [method.answer(support, labels, query, steps) for method in methods]
    return (*given, nearest_neighbour(support, labels, query))


def nearest_neighbour(support: np.ndarray, labels: Sequence[int], query: np.ndarray) -> MethodAnswer:
    """The class of the support picture that is nearest in pixel space.

    A nearest neighbour knows no probabilities; to have some beside the others', this is the softmax over
    classes of −d² to each class's nearest picture, pixels between 0 and 1: ProtoNet's formula, no network.
    """
    distances = np.square(support.astype(float) / 255 - query / 255).sum(axis=(1, 2))
    own = np.asarray(labels)
    least = np.array([distances[own == label].min() for label in range(own.max() + 1)])
    weights = np.exp(least.min() - least)
    return MethodAnswer(PIXELS, weights / weights.sum(), nearest=int(distances.argmin()))


def adapted(learner: Learner, support: bytes, labels: tuple[int, ...], steps: int) -> Any:
    """What a learner makes of a support set: the bytes of uint8 (S, 28, 28), labels 0 … ways − 1."""
    pictures = np.frombuffer(support, np.uint8).reshape(-1, SIZE, SIZE)
    options = {"steps": steps} if isinstance(learner, GradientLearner) else {}
    return learner.adapt(tensor(pictures)[None], torch.tensor(labels)[None], **options)


def head(learner: Learner) -> int:
    """How many outputs a learner's head has; 0 for one without a fixed head.

    Raises:
        ValueError: the learner does not take pictures of 28 x 28 grey pixels.
    """
    model = learner.model if isinstance(learner, GradientLearner) else getattr(learner, "encoder", None)
    if model is None:
        return 0
    outputs = of_images(type(learner).__name__, model, torch.zeros(2, 1, SIZE, SIZE))
    size = outputs.flatten(1).shape[-1]
    return size if isinstance(learner, GradientLearner) else 0


def one_by_one(learner: Learner) -> Learner:
    """The same learner, judging each query alone; the one given stays as it is."""
    learner = copy.deepcopy(learner).eval()
    if isinstance(learner, GradientLearner):
        learner.transductive = False
    return learner


def tensor(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W) as the learners' float32 (N, 1, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(pictures)).unsqueeze(1).float() / 255
