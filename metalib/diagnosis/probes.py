"""What the tasks themselves show, without any learner: the simplest methods, and how far they come."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metalib.tasks import TaskBatch

MOST = 24
"""Examples of a task that a probe looks at."""
NEIGHBOURS = 3
WIDEST = 200
"""Features up to which a linear function is tried."""
CODES = 256


def features(x: Tensor) -> Tensor:
    """Inputs ``(T, N, ...)`` as vectors ``(T, N, F)`` whose distances mean something: small pictures, counts
    of characters, or the numbers themselves, each in units of its spread."""
    if not x.is_floating_point():
        return F.one_hot(x.long().flatten(2) % CODES, CODES).sum(dim=2).float()
    x = x.detach().float()
    if x.dim() == 5 and min(x.shape[-2:]) >= 24:
        x = F.avg_pool2d(x.flatten(0, 1), x.shape[-1] // 12).unflatten(0, x.shape[:2])
    x = x.flatten(2)
    spread = x.flatten(0, 1).std(dim=0)
    if x.shape[-1] <= WIDEST:  # of pictures, a pixel that is nearly always white says no more than others
        return x / spread.clamp(min=1e-6 * float(spread.max().clamp(min=1e-12)))
    return x / spread.square().mean().sqrt().clamp(min=1e-12)


def classifies(batch: TaskBatch) -> bool:
    """Whether the targets are one label an example."""
    return not batch.support_y.is_floating_point() and batch.support_y.dim() == 2


def has_own_labels(batch: TaskBatch) -> bool:
    """Whether each task has labels 0 … ways − 1 of its own, each with a support example."""
    ways = int(torch.cat([batch.support_y, batch.query_y], dim=1).max()) + 1
    return all(len(set(y[y >= 0].tolist())) == ways for y in batch.support_y)


def strided(x: Tensor, most: int) -> Tensor:
    """At most so many entries of the second dimension, evenly chosen: examples often lie class by class."""
    if x.shape[1] <= most:
        return x
    return x[:, torch.linspace(0, x.shape[1] - 1, most).round().long()]


@dataclass(frozen=True)
class Margin:
    """Values of single tasks against a number, or the differences of pairs against 0."""

    values: Tensor
    against: float = 0.0

    @property
    def mean(self) -> float:
        return self.values.mean().item()

    @property
    def deviations(self) -> float:
        """How many standard errors of the mean it lies above."""
        gap = self.mean - self.against
        error = self.values.std().item() / math.sqrt(len(self.values)) if len(self.values) > 1 else math.inf
        return 0.0 if gap == 0 else gap / max(error, 1e-9 * abs(gap))


# --- one function for all tasks
def memory(batch: TaskBatch) -> Margin:
    """Labels foretold from the examples of *other* tasks: the share of hits in each task, against chance."""
    x, y, task = _pooled(batch)
    ways = int(y.max()) + 1
    counts = torch.bincount(y, minlength=ways).float() / len(y)
    hits = torch.empty(len(y))
    for part in torch.arange(len(y)).split(512):
        away = torch.cdist(x[part], x).masked_fill_(task[part].unsqueeze(1) == task, math.inf)
        hits[part] = (y[away.argmin(dim=1)] == y[part]).float()
    rates = torch.stack([hits[task == number].mean() for number in task.unique()])
    return Margin(rates, float(counts.square().sum()))


def explained(batch: TaskBatch) -> float:
    """The share of the variance of all targets that a single function of the input explains: the mean of the
    nearest examples of other tasks, or a linear function fitted on half of the tasks."""
    x, y, task = _pooled(batch)
    y = y.reshape(len(y), -1).double()
    total = (y - y.mean(dim=0)).square().mean()
    if not total > 0:
        return 0.0
    guess = torch.empty_like(y)
    for part in torch.arange(len(y)).split(512):
        away = torch.cdist(x[part], x).masked_fill_(task[part].unsqueeze(1) == task, math.inf)
        guess[part] = y[away.topk(NEIGHBOURS, largest=False).indices].mean(dim=1)
    shares = [1 - (y - guess).square().mean() / total]
    if x.shape[1] <= WIDEST:
        half = task < task.max() / 2
        guess = _ridge(x[half].double(), y[half], x[~half].double())
        shares.append(1 - (y[~half] - guess).square().mean() / total)
    return float(max(shares))


def _pooled(batch: TaskBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Examples of all tasks as one set: features (M, F), targets (M, ...), and the number of the task."""
    x = strided(features(torch.cat([batch.support_x, batch.query_x], dim=1)), MOST)
    y = strided(torch.cat([batch.support_y, batch.query_y], dim=1), MOST)
    task = torch.arange(len(x)).unsqueeze(1).expand(y.shape[:2]).flatten()
    x, y = x.flatten(0, 1), y.detach().flatten(0, 1)
    if y.is_floating_point():
        return x, y, task
    known = y >= 0
    return x[known], y[known], task[known]


def _ridge(x: Tensor, y: Tensor, at: Tensor, strength: float = 1e-2) -> Tensor:
    """A linear function with an offset, fitted to (x, y) and taken at other points; batched in front."""
    centre, mean = x.mean(dim=-2, keepdim=True), y.mean(dim=-2, keepdim=True)
    shifted = x - centre
    scale = shifted.square().mean(dim=(-2, -1), keepdim=True) * x.shape[-2]
    eye = torch.eye(x.shape[-1], dtype=x.dtype)
    weights = torch.linalg.solve(shifted.mT @ shifted + strength * scale * eye, shifted.mT @ (y - mean))
    return mean + (at - centre) @ weights


# --- what a support set tells of its queries
def neighbours(batch: TaskBatch) -> tuple[Tensor, Tensor]:
    """For each query the label of its nearest support example, and its own, ``(T, Q)`` both."""
    queries = strided(batch.query_y, 2 * MOST)
    both = features(torch.cat([batch.support_x, strided(batch.query_x, 2 * MOST)], dim=1))
    support, query = both.split([batch.support_x.shape[1], queries.shape[1]], dim=1)
    away = torch.cdist(query, support)
    away.masked_fill_((batch.support_y < 0).unsqueeze(1), math.inf)
    return batch.support_y.gather(1, away.argmin(dim=2)), queries


def renamed(guess: Tensor, truth: Tensor) -> Tensor:
    """How many answers would be right, as a share in each task, if the labels were given other names: a
    matching of guessed with true labels, the most frequent pairs first."""
    found = []
    for one, other in zip(guess, truth, strict=True):
        ways = int(max(one.max(), other.max())) + 1
        pairs = torch.bincount(one * ways + other, minlength=ways * ways).view(ways, ways).float()
        hits = 0.0
        for _n in range(ways):
            best = int(pairs.argmax())
            hits += float(pairs.view(-1)[best])
            pairs[best // ways], pairs[:, best % ways] = -1, -1
        found.append(hits / len(one))
    return torch.tensor(found)


def own_and_foreign(batch: TaskBatch) -> tuple[Tensor, Tensor]:
    """Squared errors ``(T,)`` of the better of two simple methods that read the support set of the task, and
    of the same method with the support set of another task."""
    both = features(torch.cat([batch.support_x, batch.query_x], dim=1)).double()
    sx, qx = both.split([batch.support_x.shape[1], batch.query_x.shape[1]], dim=1)
    sy, qy = (y.detach().flatten(2).double() for y in (_vectors(batch.support_y), _vectors(batch.query_y)))

    def errors(guess: Tensor) -> Tensor:
        return (guess - qy).square().mean(dim=(1, 2))

    def nearest(x: Tensor, y: Tensor) -> Tensor:
        rows = torch.cdist(qx, x).argmin(dim=2).unsqueeze(-1).expand(-1, -1, y.shape[-1])
        return errors(y.gather(1, rows))

    def linear(x: Tensor, y: Tensor) -> Tensor:
        return errors(_ridge(x, y, qx, 0.1))

    methods = [nearest, linear] if sx.shape[-1] <= WIDEST else [nearest]
    pairs = [(method(sx, sy), method(sx.roll(1, 0), sy.roll(1, 0))) for method in methods]
    return max(pairs, key=lambda pair: Margin(pair[1] - pair[0]).deviations)


def _vectors(y: Tensor) -> Tensor:
    return y.unsqueeze(-1) if y.dim() == 2 else y
