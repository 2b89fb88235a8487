"""What each method of the alphabet laboratory answers to a query.

A support set, its labels and a query are arrays here; nothing knows of a board or a pad.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from metalib.data.omniglot import SIZE
from metalib.i18n import _
from metalib.learners import GradientLearner, Learner

PIXELS = "pixels"  # the name of the nearest neighbour among the answers

Adapt = Callable[[Learner, np.ndarray, tuple[int, ...], int], Any]


@dataclass(frozen=True, eq=False)
class Answer:
    """What one method says.

    probabilities: (ways,), over the classes on the board; None where it cannot answer, `refusal` says why.
    nearest: the number of the support example that decided, where one alone did.
    """

    name: str
    probabilities: np.ndarray | None = None
    refusal: str = ""
    nearest: int | None = None

    @property
    def chosen(self) -> int | None:
        """The place of the most probable class, 0 … ways − 1."""
        return None if self.probabilities is None else int(self.probabilities.argmax())


class Candidates:
    """One method of the laboratory: a learner, or several, of which the one with the smallest head that has
    room for the classes is asked.

    A learner that adapts by gradient steps is asked with `transductive=False`: the query comes alone, without
    other queries to share batch statistics with, and is normalised together with the support set.
    """

    def __init__(self, name: str, learners: Sequence[Learner]) -> None:
        if not learners:
            raise ValueError(_("There is no learner for {name!r}.").format(name=name))
        self.name = name
        self.learners = sorted(((outputs(one) or 0, n, one) for n, one in enumerate(learners)))
        self.learners = [(size, one_by_one(learner)) for size, _n, learner in self.learners]

    @property
    def takes_steps(self) -> bool:
        """Does the method adapt by inner steps."""
        return any(size for size, _learner in self.learners)

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


def outputs(learner: Learner) -> int | None:
    """How many outputs a learner's head has; None for one without a fixed head.

    Raises:
        ValueError: the learner does not take pictures of 28 x 28 grey pixels.
    """
    model = learner.model if isinstance(learner, GradientLearner) else getattr(learner, "encoder", None)
    if model is None:
        return None
    try:
        with torch.no_grad():
            found = model.eval()(torch.zeros(2, 1, SIZE, SIZE)).flatten(1).shape[-1]
    except RuntimeError as error:
        raise ValueError(
            _("{kind} does not take pictures of {size} × {size} grey pixels: {reason}").format(
                kind=type(learner).__name__, size=SIZE, reason=str(error).splitlines()[0]
            )
        ) from error
    return found if isinstance(learner, GradientLearner) else None


def one_by_one(learner: Learner) -> Learner:
    """The same learner, judging each query alone; the one given stays as it is."""
    if isinstance(learner, GradientLearner):
        learner = copy.copy(learner)  # shares the parameters
        learner.transductive = False
    return learner.eval()


def adapt(learner: Learner, support: np.ndarray, labels: tuple[int, ...], steps: int) -> Any:
    """What the learner makes of the support set, uint8 (S, 28, 28) with labels 0 … ways − 1."""
    options = {"steps": steps} if isinstance(learner, GradientLearner) else {}
    with torch.no_grad():
        return learner.adapt(tensor(support)[None], torch.tensor(labels)[None], **options)


def remembering(size: int = 16) -> Adapt:
    """`adapt` with a memory: while a query is drawn, the support set stays the same."""

    @lru_cache(maxsize=size)
    def known(learner: Learner, support: bytes, labels: tuple[int, ...], steps: int) -> Any:
        return adapt(learner, np.frombuffer(support, np.uint8).reshape(-1, SIZE, SIZE), labels, steps)

    return lambda learner, support, labels, steps: known(learner, support.tobytes(), labels, steps)


def answer(
    methods: Iterable[Candidates],
    support: np.ndarray,
    labels: Sequence[int],
    query: np.ndarray,
    steps: int = 3,
    adapt: Adapt = adapt,
) -> tuple[Answer, ...]:
    """What each method says to one query; the nearest neighbour in pixel space comes last.

    Args:
        methods: the learners to ask.
        support: uint8 (S, 28, 28), ink = 255.
        labels: (S,), 0 … ways − 1, each at least once.
        query: uint8 (28, 28).
        steps: inner steps of a learner that takes some.
        adapt: how a learner adapts, see `remembering`.

    Raises:
        ValueError: no support example, or one class only.
    """
    labels = tuple(int(label) for label in labels)
    ways = len(set(labels))
    if not ways:
        raise ValueError(
            _("There is nothing to compare the query with: draw or pick examples of two classes first.")
        )
    if ways == 1:
        raise ValueError(
            _("With one class only there is nothing to decide: draw or pick an example of a second class.")
        )
    given = []
    for method in methods:
        try:
            learner = method.fitting(ways)
        except ValueError as error:
            given.append(Answer(method.name, refusal=str(error)))
            continue
        with torch.no_grad():
            logits = learner.predict(adapt(learner, support, labels, steps), tensor(query[None])[None])
        # Of a head with more outputs than there are classes, those that have a class count.
        probabilities = logits[0, 0, :ways].double().softmax(dim=-1).numpy()
        if np.isfinite(probabilities).all():
            given.append(Answer(method.name, probabilities))
        else:
            given.append(
                Answer(method.name, refusal=_("Its outputs are not finite: take fewer inner steps."))
            )
    return (*given, nearest_neighbour(support, labels, query))


def nearest_neighbour(support: np.ndarray, labels: Sequence[int], query: np.ndarray) -> Answer:
    """The class of the support picture that is nearest in pixel space.

    A nearest neighbour knows no probabilities; to have some beside the others', this is the softmax over
    classes of −d² to each class's nearest picture, pixels between 0 and 1: ProtoNet's formula, no network.
    """
    distances = np.square(support.astype(float) / 255 - query / 255).sum(axis=(1, 2))
    labels = np.asarray(labels)
    least = np.array([distances[labels == label].min() for label in range(labels.max() + 1)])
    weights = np.exp(least.min() - least)
    return Answer(PIXELS, weights / weights.sum(), nearest=int(distances.argmin()))


def tensor(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W) as the learners' float32 (N, 1, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(pictures)).unsqueeze(1).float() / 255


def gathered(
    learners: Mapping[str, Any], load: Callable[[Any], Learner]
) -> tuple[list[Candidates], dict[str, str]]:
    """The methods of a mapping label -> learner, weight name, or several of these; and what each is made of.

    Raises:
        ValueError: no learners, or one that is not for pictures like these.
    """
    methods, made_of = [], {}
    for name, given in learners.items():
        several = given if isinstance(given, list | tuple) else [given]
        methods.append(Candidates(name, [one if isinstance(one, Learner) else load(one) for one in several]))
        made_of[name] = ", ".join(one if isinstance(one, str) else type(one).__name__ for one in several)
    if not methods:
        raise ValueError(
            _("There must be a learner at least, as in learners={'ProtoNet': 'glyphs-protonet'}.")
        )
    return methods, made_of
