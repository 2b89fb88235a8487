"""Processes that train together: each takes a part of every meta-batch, and all take the same step.

What `torchrun` starts, on one machine or on several, and what `python -m metalib train --processes` starts
itself, is told apart by nothing but the environment: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from metalib.description import differences
from metalib.i18n import _
from metalib.learners.layers import averages_over_batches
from metalib.tasks import TaskBatch

PATIENCE = timedelta(days=2)
"""How long a process waits for the others: the first one scores validation tasks, and writes, alone."""


class TeamBroken(RuntimeError):
    """Another process of the team has ended."""


class Team:
    """This process among those that train together; alone where there is no other.

    Every process draws the *whole* meta-batch, from the same seed, and keeps its part: so all know which
    tasks there are, none is drawn twice, and the generator's state is that of a single process. The gradients
    of the parts' mean losses are added with the parts' sizes as weights, which is the gradient of the whole
    but for rounding. Parts may be unequal, and empty.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        """Whether this is the process that shows, scores and writes."""
        return self.rank == 0

    def part(self, batch: Any) -> TaskBatch:
        """Its tasks: every ``size``-th of the batch.

        Raises:
            TypeError: the batch cannot be shared out.
        """
        if self.size == 1:
            return batch
        if not isinstance(batch, TaskBatch):
            raise TypeError(
                _(
                    "Only a metalib.TaskBatch can be shared out among processes, not {kind}: train with a "
                    "single one."
                ).format(kind=type(batch).__name__)
            )
        return batch[self.rank :: self.size]

    def check(self, learner: nn.Module) -> None:
        """Refuse what would not be the same in parts.

        Raises:
            ValueError: batch normalisation that learns its running statistics from the whole meta-batch.
        """
        if self.size > 1 and averages_over_batches(learner):
            raise ValueError(
                _(
                    "The model's batch normalisation learns its statistics from the whole meta-batch, which "
                    "no process sees: train with a single one, or without running statistics."
                )
            )

    def add_up(self, parameters: Sequence[Tensor], loss: Tensor | None, weight: float) -> float:
        """The mean loss of the whole batch; the parameters' gradients become those of it.

        Args:
            parameters: with the gradients of this process's part.
            loss: the mean loss of its part; None where the part is empty.
            weight: the share of the batch that its part is.
        """
        if self.size == 1:
            assert loss is not None
            return loss.item()
        there = [p.grad is not None for p in parameters]
        value = 0.0 if loss is None else loss.item()
        numbers = torch.tensor([weight * value, *map(float, there)], dtype=torch.float64)
        self._sum(numbers)
        for kind in {p.dtype for p in parameters}:  # gradients of one kind travel as one
            alike = [p for p in parameters if p.dtype == kind]
            slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in alike]
            flat = torch.cat([weight * slope.flatten() for slope in slopes]).cpu()
            self._sum(flat)
            for p, total in zip(alike, flat.split([p.numel() for p in alike]), strict=True):
                p.grad = total.view_as(p).to(p.device, copy=True)
        for p, count in zip(parameters, numbers[1:].tolist(), strict=True):
            if not count:  # what no task uses has no gradient, as in a single process
                p.grad = None
        return float(numbers[0])

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process; all get the same answer at the same time."""
        if self.size == 1:
            return flag
        count = torch.tensor([float(flag)])
        self._sum(count)
        return bool(count)

    def shared_file(self, path: str | Path | None) -> bytes | None:
        """What the file of the first process holds, in every process; None where it has none."""
        if self.size == 1 or path is None:
            return None
        found = [Path(path).read_bytes() if self.leads and Path(path).exists() else None]
        with _together():
            dist.broadcast_object_list(found)
        return found[0]

    def check_same(self, settings: dict[str, str]) -> None:
        """Refuse a team whose processes would not train the same.

        Raises:
            ValueError: something differs from the first process; the message says what.
        """
        if self.size == 1:
            return
        found: list[Any] = [None] * self.size
        with _together():
            dist.all_gather_object(found, settings)
        for rank, other in enumerate(found):
            if changed := differences(found[0], other):
                raise ValueError(
                    _("Process {rank} does not train what the first one trains: {changes}.").format(
                        rank=rank, changes=changed
                    )
                )

    def _sum(self, numbers: Tensor) -> None:
        with _together():
            dist.all_reduce(numbers)


ALONE = Team()


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TeamBroken(_("Another process of this training has ended.")) from error


@contextmanager
def joined() -> Iterator[Team]:
    """The team that the environment speaks of, until the block ends; a process alone where it speaks of none.

    Raises:
        ValueError: the team does not come together.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if not dist.is_available():
        raise ValueError(_("This torch was built without torch.distributed: train with a single process."))
    try:
        # What is reduced is small and lies on the processor: gloo does for every device.
        dist.init_process_group("gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(_("The processes did not come together: {reason}.").format(reason=reason)) from error
    try:
        yield Team(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def own_device(device: str) -> str:
    """The device of this process: of several GPUs on a machine each process takes another."""
    if device != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
