"""N-way K-shot episodes over any set of images, or of words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from metalib.i18n import _
from metalib.tasks.batch import TaskBatch, check_generator, check_positive, check_whole

if TYPE_CHECKING:
    from metalib.data import ImageSet, WordSet


class Episodes:
    """N-way K-shot classification tasks (Vinyals et al. 2016, section 2.2) over a set of images, or of words.

    Each task draws ``ways`` different classes, gives them the labels 0 … ways − 1 in random order, and draws
    ``shots + queries`` different drawings of each: no class twice in a task, no drawing in both support and
    query. Examples lie class by class: example ``i`` of the support set has label ``i // shots``.

    Args:
        images: ``(classes, drawings, C, H, W)`` of dtype uint8, or an ``ImageSet``. Kept as uint8. Or a
            ``WordSet``, whose words are what is said of drawings here: ``(classes, words, L)`` of dtype
            int64. Its classes need not have equally many.
        ways: classes a task (N).
        shots: support drawings a class (K).
        queries: query drawings a class.
        rotations: turn every class by 0°, 90°, 180° and 270° into four classes (Santoro et al. 2016). Class
            ``c`` of the enlarged set is class ``c // 4`` of the images turned by ``c % 4`` quarter turns.
        global_labels: label by class instead, 0 … classes − 1, the same in every task: ordinary
            classification, for the plain-embedding baseline. No task can be *adapted* to with such labels.

    Raises:
        TypeError: the images are neither uint8 tensors nor words.
        ValueError: fewer classes than ways, fewer drawings of some class than shots + queries, wrong
            dimensions, or words to be turned.
    """

    def __init__(
        self,
        images: Tensor | ImageSet | WordSet,
        ways: int = 5,
        shots: int = 1,
        queries: int = 15,
        rotations: bool = False,
        global_labels: bool = False,
    ):
        self._image_set = None if isinstance(images, Tensor) else images
        self.counts: Tensor | None = getattr(images, "counts", None)
        """How many drawings each class has, ``(classes,)``; None: all of them."""
        images = getattr(images, "tokens", getattr(images, "images", images))
        if not isinstance(images, Tensor) or images.dtype != (
            torch.uint8 if self.counts is None else torch.int64
        ):
            raise TypeError(
                _("images must be a tensor of dtype torch.uint8, not {kind}.").format(
                    kind=images.dtype if isinstance(images, Tensor) else type(images).__name__
                )
            )
        if self.counts is None and images.dim() != 5:
            raise ValueError(
                _(
                    "images must have the dimensions (classes, drawings, C, H, W); the shape given is "
                    "{shape}."
                ).format(shape=tuple(images.shape))
            )
        if rotations and self.counts is not None:
            raise ValueError(_("Words cannot be turned: rotations are for images."))
        if rotations and images.shape[-1] != images.shape[-2]:
            raise ValueError(
                _("Rotations need square images; these are {height} × {width}.").format(
                    height=images.shape[-2], width=images.shape[-1]
                )
            )
        self.images, self.classes = images, images.shape[0] * (4 if rotations else 1)
        self.rotations, self.global_labels = rotations, global_labels
        self._size(ways, shots, queries)

    @property
    def image_set(self) -> ImageSet | None:
        """The image set that was given, with the names of its classes; None for a tensor, for words, and for
        mapped episodes."""
        known: Any = self._image_set
        return known if getattr(known, "images", None) is self.images else None

    def sized(
        self, ways: int | None = None, shots: int | None = None, queries: int | None = None
    ) -> Episodes:
        """Episodes of another size over the same drawings, mapped ones too; None leaves a number as it is.

        Raises:
            ValueError: as ``Episodes(…)`` does.
        """
        made = copy.copy(self)
        given = ((ways, self.ways), (shots, self.shots), (queries, self.queries))
        made._size(*(old if new is None else new for new, old in given))
        return made

    def _size(self, ways: int, shots: int, queries: int) -> None:
        ways, shots, queries = (
            check_whole(name, value, 1)
            for name, value in (("ways", ways), ("shots", shots), ("queries", queries))
        )
        classes = self.classes
        drawings = self.images.shape[1] if self.counts is None else int(self.counts.min())
        if ways > classes:
            raise ValueError(
                _("{ways} ways need at least {ways} classes, but there are {classes}.").format(
                    ways=ways, classes=classes
                )
            )
        if shots + queries > drawings:
            raise ValueError(
                _(
                    "{shots} shots + {queries} queries need {need} drawings a class, but there are "
                    "{drawings}."
                ).format(shots=shots, queries=queries, need=shots + queries, drawings=drawings)
            )
        self.ways, self.shots, self.queries = ways, shots, queries

    def mapped(self, function: Callable[[Tensor], Tensor], chunk: int = 500) -> Episodes:
        """The same episodes, with ``function(x)`` in place of each drawing ``x``, computed once for each.

        Evaluating many episodes of few drawings is quick where what a learner does to one drawing depends on
        no other.

        Args:
            function: takes ``(N, C, H, W)`` float32 in [0, 1], or words ``(N, L)`` (of mapped episodes: their
                values), and gives ``(N, ...)``.
            chunk: drawings given to it at a time.
        """
        images = self.images
        if self.rotations:
            turned = [torch.rot90(images, quarter, dims=(-2, -1)) for quarter in range(4)]
            images = torch.stack(turned, dim=1).flatten(0, 1)
        with torch.no_grad():
            values = [function(inputs(part)) for part in images.flatten(0, 1).split(chunk)]
        made = copy.copy(self)
        made.images, made.rotations = torch.cat(values).unflatten(0, images.shape[:2]), False
        return made

    def sample(self, n_tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw a batch: x is ``(T, ways·shots, C, H, W)`` float32 in [0, 1], or ``(T, ways·shots, L)`` int64;
        y is ``(T, ways·shots)`` int64; queries alike."""
        return self.gather(*self.draw(n_tasks, generator))

    def draw(self, n_tasks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Choose without looking at a pixel: class indices ``(T, ways)`` and drawing indices ``(T, ways,
        shots + queries)``."""
        check_positive(n_tasks=n_tasks)
        check_generator(generator)
        classes = draw_distinct((n_tasks,), self.classes, self.ways, generator)
        each = self.shots + self.queries
        if self.counts is None:
            return classes, draw_distinct((n_tasks, self.ways), self.images.shape[1], each, generator)
        return classes, draw_from_each(self.counts[classes], each, generator)

    def pictures(self, classes: Tensor, drawings: Tensor) -> Tensor:
        """The drawings that ``draw`` chose, as bytes to look at: ``(T, ways, shots + queries, C, H, W)``,
        support before query, turned where there are rotations. (Of mapped episodes: the mapped values.)"""
        classes, drawings = classes.to(self.images.device), drawings.to(self.images.device)
        base, turns = (classes // 4, classes % 4) if self.rotations else (classes, None)
        picked = self.images[base.unsqueeze(-1), drawings]  # (T, ways, shots + queries, C, H, W), still uint8
        if turns is not None:
            for quarter in (1, 2, 3):  # each class on its own, never the whole task
                chosen = turns == quarter
                picked[chosen] = torch.rot90(picked[chosen], quarter, dims=(-2, -1))
        return picked

    def gather(self, classes: Tensor, drawings: Tensor) -> TaskBatch:
        """The batch that ``draw`` chose."""
        picked = inputs(self.pictures(classes, drawings))
        classes = classes.to(picked.device)
        labels = (
            classes
            if self.global_labels
            else torch.arange(self.ways, device=picked.device).expand_as(classes)
        )
        support, query = picked.split((self.shots, self.queries), dim=2)
        return TaskBatch(
            support.flatten(1, 2),
            labels.repeat_interleave(self.shots, dim=1),
            query.flatten(1, 2),
            labels.repeat_interleave(self.queries, dim=1),
        )


def inputs(drawings: Tensor) -> Tensor:
    """Drawings as a learner sees them: bytes as numbers in [0, 1]; anything else, words, as it is."""
    return drawings.float().div_(255) if drawings.dtype == torch.uint8 else drawings


def draw_from_each(populations: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """``count`` different numbers below each of the ``populations`` ``(...)``, in random order: int64
    ``(..., count)``."""
    most = int(populations.max())
    keys = torch.rand(*populations.shape, most, generator=generator, device=generator.device)
    there = torch.arange(most, device=keys.device) < populations.to(keys.device).unsqueeze(-1)
    return keys.masked_fill(~there, 1.0).argsort(dim=-1)[..., :count]  # a key is below 1


def draw_distinct(shape: tuple[int, ...], population: int, count: int, generator: torch.Generator) -> Tensor:
    """``count`` different numbers below ``population`` in random order, independently for each entry of
    ``shape``.

    Returns int64 ``(*shape, count)``.
    """
    device = generator.device
    if count * count <= population:
        # Few from many: draw with replacement, and draw the rows with a repeat again (less than once more on
        # average). Nothing of size ``population`` is made for a row.
        rows = torch.Size(shape).numel()
        drawn = torch.randint(population, (rows, count), generator=generator, device=device)
        while True:
            ordered = drawn.sort(dim=1).values
            repeated = (ordered[:, 1:] == ordered[:, :-1]).any(dim=1)
            if not repeated.any():
                return drawn.view(*shape, count)
            drawn[repeated] = torch.randint(
                population, (int(repeated.sum()), count), generator=generator, device=device
            )
    return torch.rand(*shape, population, generator=generator, device=device).argsort(dim=-1)[..., :count]
