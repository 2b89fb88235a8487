"""A batch of tasks: what every task distribution gives and every learner takes."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from metalib.i18n import _


@dataclass(frozen=True, eq=False)
class TaskBatch:
    """Support and query sets of T tasks. The first dimension of every tensor is the task.

    Args:
        support_x: ``(T, S, ...)`` the inputs a learner adapts to.
        support_y: ``(T, S, ...)`` their targets: floating for regression, ``int64`` labels ``(T, S)`` for
            classification.
        query_x: ``(T, Q, ...)`` the inputs it is then judged on.
        query_y: ``(T, Q, ...)`` their targets, of the same kind as ``support_y``.

    Iterating gives the four tensors in this order; ``batch[i:j]`` is a batch of fewer tasks.

    Raises:
        TypeError: something is not a tensor, or support and query differ in dtype.
        ValueError: the first two dimensions do not fit together.
    """

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor

    def __post_init__(self) -> None:
        for name in ("support_x", "support_y", "query_x", "query_y"):
            value = getattr(self, name)
            if not isinstance(value, Tensor):
                raise TypeError(
                    _("{name} must be a torch.Tensor, not {kind}.").format(
                        name=name, kind=type(value).__name__
                    )
                )
            if value.dim() < 2:
                raise ValueError(
                    _(
                        "{name} needs at least two dimensions, (tasks, examples, ...), but has shape {shape}."
                    ).format(name=name, shape=tuple(value.shape))
                )
        counts = {len(tensor) for tensor in self}
        if len(counts) > 1:
            raise ValueError(
                _(
                    "All four tensors must hold the same number of tasks; the first dimensions are {counts}."
                ).format(counts=[len(tensor) for tensor in self])
            )
        for x, y, part in (
            (self.support_x, self.support_y, "support"),
            (self.query_x, self.query_y, "query"),
        ):
            if x.shape[1] != y.shape[1]:
                raise ValueError(
                    _("The {part} set has {x} inputs but {y} targets a task.").format(
                        part=part, x=x.shape[1], y=y.shape[1]
                    )
                )
        for part in ("x", "y"):
            support, query = getattr(self, f"support_{part}"), getattr(self, f"query_{part}")
            if support.dtype != query.dtype:
                raise TypeError(
                    _(
                        "support_{part} is {support} but query_{part} is {query}; they must be the same."
                    ).format(part=part, support=support.dtype, query=query.dtype)
                )
            if support.shape[2:] != query.shape[2:]:
                raise ValueError(
                    _(
                        "One example of support_{part} has shape {support}, one of query_{part} {query}."
                    ).format(part=part, support=tuple(support.shape[2:]), query=tuple(query.shape[2:]))
                )

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.support_x, self.support_y, self.query_x, self.query_y))

    def __len__(self) -> int:
        """The number of tasks T."""
        return len(self.support_x)

    def __getitem__(self, tasks: slice) -> TaskBatch:
        if not isinstance(tasks, slice):
            raise TypeError(
                _("A TaskBatch is cut with a slice, such as batch[0:1], so that the task dimension stays.")
            )
        return TaskBatch(*(tensor[tasks] for tensor in self))

    def to(self, device: torch.device | str) -> TaskBatch:
        """The same tasks on another device."""
        return TaskBatch(*(tensor.to(device) for tensor in self))

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{n}={tuple(t.shape)}"
            for n, t in zip(("support_x", "support_y", "query_x", "query_y"), self, strict=True)
        )
        return f"TaskBatch({len(self)} tasks: {shapes})"


def check_whole(name: str, value: int, least: int) -> int:
    """A whole number of any type (Python's, NumPy's) as Python's own.

    Raises:
        TypeError: not a whole number.
        ValueError: smaller than ``least``.
    """
    try:
        # bool() is asked first: True would be 1, and of NumPy's numbers only its bool has no index.
        whole = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None:
        raise TypeError(_("{name} must be a whole number, not {value!r}.").format(name=name, value=value))
    if whole < least:
        raise ValueError(
            _("{name} must be at least {least}, not {value}.").format(name=name, least=least, value=value)
        )
    return whole


def check_positive(**counts: int) -> None:
    """Refuse a count that is not a whole number of at least 1, naming it.

    Raises:
        TypeError: not a whole number.
        ValueError: smaller than 1.
    """
    for name, value in counts.items():
        check_whole(name, value, 1)


def check_generator(generator: torch.Generator) -> None:
    """Refuse anything but a ``torch.Generator``: randomness is always explicit.

    Raises:
        TypeError: not a generator.
    """
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            _(
                "generator must be a torch.Generator, for example torch.Generator().manual_seed(0), not "
                "{value!r}."
            ).format(value=generator)
        )
