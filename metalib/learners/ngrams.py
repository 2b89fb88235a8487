"""Learners that count: n-grams of characters, without anything trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.base import Learner

_BITS = 21
"""Every Unicode code point has at most 21 bits, so three of them fit into one whole number of 64."""


class Grams(NamedTuple):
    """What the words of T support sets hold: the V different n-grams of all of them, and how often each class
    has each."""

    known: Tensor
    """``(V,)`` int64, in ascending order."""
    counts: Tensor
    """``(T, ways, V)``, or what has been made of the counts."""

    def of(self, grams: Tensor) -> Tensor:
        """Each class's count of the n-grams ``(T, Q, G)`` of query words: ``(T, ways, Q, G)``, 0 for one
        that no support word has."""
        tasks, ways, different = self.counts.shape
        if not different:  # no support word has any
            return torch.zeros(tasks, ways, *grams.shape[1:], device=grams.device)
        place = torch.searchsorted(self.known, grams).clamp(max=different - 1)
        index = place.flatten(1).unsqueeze(1).expand(tasks, ways, -1)
        counts = self.counts.gather(2, index).unflatten(2, grams.shape[1:])
        return counts * (self.known[place] == grams).unsqueeze(1)


class NGramBayes(Learner):
    """Naive Bayes on the n-grams of a word: no network, no training.

    Each class is a bag of n-grams, p(g | c) = (count of g in c + a) / (count of all in c + a·V), where V is
    the number of different n-grams of that length in the task's support words, and one for all that are in
    none (Manning, Raghavan and Schütze 2008, section 13.2; there a = 1). The logit of a class is the sum of
    log p(g | c) over the n-grams of the query word; those of length n count ``weights[n]`` times.

    ``log_smoothing`` and ``weights``, one number for each length, are parameters: ``metalib.fit`` can learn
    them, and nothing else.

    Args:
        orders: the lengths n, different ones of 1, 2 and 3.
        smoothing: a, a positive number.
    """

    def __init__(self, orders: Sequence[int] = (1, 2, 3), smoothing: float = 0.2):
        super().__init__()
        self.orders = check_orders(orders)
        if not smoothing > 0:
            raise ValueError(_("smoothing must be positive, not {value}.").format(value=smoothing))
        self.log_smoothing = nn.Parameter(torch.full((len(self.orders),), smoothing).log())
        self.weights = nn.Parameter(torch.ones(len(self.orders)))

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Grams:
        """Count: for T tasks, words ``(T, S, L)`` and labels ``(T, S)``."""
        return count_grams(ngrams(support_x, self.orders), support_y)

    def predict(self, adapted: Grams, query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``."""
        length = length_of(adapted.known)
        logits = torch.zeros(())
        for order, log_smoothing, weight in zip(self.orders, self.log_smoothing, self.weights, strict=True):
            own, a = adapted.counts[:, :, length == order], log_smoothing.exp()  # (T, ways, V of this length)
            different = (own.sum(dim=1) > 0).sum(dim=-1) + 1  # (T,)
            total = own.sum(dim=-1) + a * different.unsqueeze(-1)  # (T, ways)
            grams = ngrams(query_x, (order,))
            counted = Grams(adapted.known[length == order], own).of(grams)  # (T, ways, Q, G)
            chance = (counted + a).log() - total.log()[..., None, None]
            logits = logits + weight * (chance * (grams > 0).unsqueeze(1)).sum(dim=-1).mT
        return logits

    @property
    def is_transductive(self) -> bool:
        return False


class NGramCentroid(Learner):
    """The nearest centroid of n-gram counts by cosine: no network, no training.

    A word is the vector of its n-gram counts, scaled to length 1; a class's centroid is the mean of its
    support words (Cavnar and Trenkle 1994 compare ranks of n-grams instead). The logit is the cosine of query
    word and centroid.

    Args:
        orders: the lengths n, different ones of 1, 2 and 3.
    """

    def __init__(self, orders: Sequence[int] = (1, 2, 3)):
        super().__init__()
        self.orders = check_orders(orders)

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Grams:
        """The centroids of T tasks, scaled to length 1."""
        grams = ngrams(support_x, self.orders)
        known, sums = count_grams(grams, support_y, 1 / norms(grams))
        return Grams(known, F.normalize(sums, dim=-1))

    def predict(self, adapted: Grams, query_x: Tensor) -> Tensor:
        """Logits ``(T, Q, ways)``, between 0 and 1."""
        grams = ngrams(query_x, self.orders)
        return (adapted.of(grams).sum(dim=-1) / norms(grams).unsqueeze(1)).mT

    @property
    def is_transductive(self) -> bool:
        return False


def check_orders(orders: Sequence[int]) -> tuple[int, ...]:
    """Lengths of n-grams.

    Raises:
        ValueError: they are not different ones of 1, 2 and 3.
    """
    given = tuple(orders)
    if not given or len(set(given)) < len(given) or not set(given) <= {1, 2, 3}:
        raise ValueError(_("orders must be different ones of 1, 2 and 3, not {value}.").format(value=given))
    return given


def ngrams(words: Tensor, orders: Sequence[int]) -> Tensor:
    """The n-grams of words ``(..., L)``, each as one whole number, ``(..., G)``; 0 stands for none.

    The marks of start and end belong to a word's n-grams for n > 1.

    Raises:
        ValueError: words are whole numbers, but these are not.
    """
    if words.is_floating_point():
        raise ValueError(_("N-grams are counted in words, rows of whole numbers, not in floating ones."))
    found = []
    for order in orders:
        grams = words.unfold(-1, order, 1)  # (..., L − n + 1, n)
        code = torch.zeros_like(grams[..., 0])
        for character in grams.unbind(dim=-1):
            code = (code << _BITS) + character
        least = 4 if order == 1 else 1  # 2 and 3 are the marks
        found.append(code.masked_fill((grams < least).any(dim=-1), 0))
    return torch.cat(found, dim=-1)


def length_of(grams: Tensor) -> Tensor:
    """How long each n-gram is: 1, 2 or 3."""
    return 1 + (grams >> _BITS > 0).long() + (grams >> 2 * _BITS > 0).long()


def count_grams(grams: Tensor, labels: Tensor, weights: Tensor | None = None) -> Grams:
    """How often each class has each n-gram: ``(T, S, G)`` and labels ``(T, S)``. A word counts for as much as
    its weight says, ``(T, S)``; None: 1."""
    tasks, ways = len(labels), int(labels.max()) + 1
    known, place = grams.unique(return_inverse=True)
    task = torch.arange(tasks, device=grams.device).unsqueeze(1)
    index = ((task * ways + labels) * len(known)).unsqueeze(-1) + place  # (T, S, G)
    each = torch.ones(labels.shape, device=grams.device) if weights is None else weights
    counts = torch.zeros(tasks * ways * len(known), device=grams.device)
    counts.index_add_(0, index.flatten(), each.unsqueeze(-1).expand(grams.shape).flatten())
    counts = counts.view(tasks, ways, -1)
    real = known > 0
    return Grams(known[real], counts[..., real])


def norms(grams: Tensor) -> Tensor:
    """The length of each word's vector of counts, ``(..., G)`` to ``(...)``: the root of the sum of squared
    counts, which is the number of pairs of equal n-grams."""
    equal = (grams.unsqueeze(-1) == grams.unsqueeze(-2)) & (grams > 0).unsqueeze(-1)
    return equal.sum(dim=(-2, -1)).clamp(min=1).sqrt()
