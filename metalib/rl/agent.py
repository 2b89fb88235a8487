"""What training and evaluation know of an agent, and how an agent is scored."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from metalib.evaluation import Evaluation, Samples, check_tasks, on_learners_device
from metalib.i18n import _
from metalib.learners.base import Trainable, evaluating
from metalib.tasks.batch import check_generator, check_positive


class Agent(Trainable):
    """Something that acts in T environments at once.

    ``loss`` trains it: `metalib.training.fit` and the shipped recipes need no more. What is random in there
    comes from torch's global generator, which the training governs. Its *value* should be minus the mean
    return, so that a history can be read; its gradient is what counts.
    """

    chunk = 100
    """How many environments `evaluate` holds in memory at a time."""

    @abstractmethod
    def returns(self, tasks: Any, generator: torch.Generator, *args: Any, **options: Any) -> Tensor:
        """The mean return of each of T environments, ``(T,)``.

        Args:
            tasks: what the task distribution gave: ``len(tasks)`` is T.
            generator: of all that is random, so that one seed means one course of events.
        """


def evaluate(
    agent: Agent,
    tasks: Samples,
    n_tasks: int,
    generator: torch.Generator,
    *,
    chunk: int | None = None,
    **options: Any,
) -> Evaluation:
    """Let an agent act in fresh environments: the return of each, without building a graph.

    Args:
        n_tasks: how many environments.
        generator: draws them. The noise has a generator of its own for each chunk, seeded from this one: the
            same seed gives the same environments, and the same noise, whatever the agent draws.
        chunk: environments held in memory at a time; ``None`` is ``agent.chunk``.
        **options: go to ``agent.returns``.

    Raises:
        TypeError: no agent, or nothing that draws environments.
        ValueError: counts below 1.
    """
    if not isinstance(agent, Agent):
        raise TypeError(_("agent must be a metalib.rl.Agent, not {kind}.").format(kind=type(agent).__name__))
    check_tasks(tasks)
    chunk = agent.chunk if chunk is None else chunk
    check_positive(n_tasks=n_tasks, chunk=chunk)
    check_generator(generator)
    values = []
    with evaluating(agent), torch.no_grad():
        for start in range(0, n_tasks, chunk):
            batch = on_learners_device(tasks.sample(min(chunk, n_tasks - start), generator), agent)
            noise = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
            values.append(agent.returns(batch, noise, **options).cpu().double())
    return Evaluation(torch.cat(values), "return")
