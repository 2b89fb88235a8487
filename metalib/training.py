"""Meta-training: one loop for every learner, that can be stopped and taken up without losing a step."""

from __future__ import annotations

import copy
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tqdm.auto import tqdm

from metalib.evaluation import TaskDistribution, evaluate, on_learners_device
from metalib.history import History
from metalib.i18n import _
from metalib.learners import Learner
from metalib.paths import write_atomically
from metalib.tasks.batch import check_generator, check_positive


@dataclass
class Training:
    """A training run that moves one meta-iteration at a time; ``fit`` and the live laboratory both drive it.

    A meta-iteration draws ``meta_batch`` tasks, and takes one optimiser step on ``learner.loss``.

    Args:
        learner: what to train; it is changed in place.
        tasks: where the tasks come from.
        generator: draws them, and everything else that is random. Its state goes into the checkpoint.
        meta_batch: tasks a meta-iteration.
        lr: the outer step size β.
        optimiser: ``"adam"`` or ``"sgd"``.
        halve_every: halve β every so many iterations; ``None`` keeps it.
        validation: tasks to score every ``validate_every`` iterations, always the same ``validation_tasks``
            ones.

    Raises:
        ValueError: counts below 1, a β that is not positive, or a learner with nothing to train.
    """

    learner: Learner
    tasks: TaskDistribution
    generator: torch.Generator
    meta_batch: int = 25
    lr: float = 1e-3
    optimiser: str = "adam"
    halve_every: int | None = None
    validation: TaskDistribution | None = None
    validate_every: int = 100
    validation_tasks: int = 100
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        check_positive(
            meta_batch=self.meta_batch,
            validate_every=self.validate_every,
            validation_tasks=self.validation_tasks,
        )
        check_generator(self.generator)
        if not (0 < self.lr < float("inf")):
            raise ValueError(_("lr must be a finite positive number, not {value}.").format(value=self.lr))
        trained = [parameter for parameter in self.learner.parameters() if parameter.requires_grad]
        if not trained:
            raise ValueError(
                _("{learner} has no meta-parameters, so there is nothing to train.").format(
                    learner=type(self.learner).__name__
                )
            )
        makers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
        if self.optimiser not in makers:
            raise ValueError(
                _("optimiser must be 'adam' or 'sgd', not {value!r}.").format(value=self.optimiser)
            )
        self._optimiser = makers[self.optimiser](trained, lr=self.lr)

    @property
    def iteration(self) -> int:
        """Meta-iterations done."""
        return len(self.history.loss)

    def step(self) -> float:
        """One meta-iteration; returns its meta-loss.

        Raises:
            FloatingPointError: the meta-loss is not finite. The meta-parameters keep their last good values.
        """
        self.learner.train()
        batch = on_learners_device(self.tasks.sample(self.meta_batch, self.generator), self.learner)
        self._optimiser.zero_grad(set_to_none=True)
        loss = self.learner.loss(batch)
        value = loss.item()
        if not value < float("inf"):
            raise FloatingPointError(
                _(
                    "The meta-loss became {value} in iteration {iteration}. Train with a smaller alpha or a "
                    "smaller lr."
                ).format(value=value, iteration=self.iteration + 1)
            )
        loss.backward()
        if self.halve_every:
            self._optimiser.param_groups[0]["lr"] = self.lr * 0.5 ** (self.iteration // self.halve_every)
        self._optimiser.step()
        self.history.loss.append(value)
        if self.validation is not None and self.iteration % self.validate_every == 0:
            # A generator of its own: how often we look must not change what is trained.
            score = evaluate(
                self.learner, self.validation, self.validation_tasks, torch.Generator().manual_seed(0)
            )
            self.history.add_validation(self.iteration, score)
        return value

    def save(self, path: str | Path) -> None:
        """Write everything needed to go on from here, whole or not at all."""
        state = {
            "learner": self.learner.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "history": self.history.state_dict(),
        }
        write_atomically(path, lambda file: torch.save(state, file))

    def load(self, path: str | Path) -> None:
        """Go on from what ``save`` wrote: the next step is the one that would have come next.

        Raises:
            ValueError: the file is not a checkpoint of this training.
        """
        before = copy.deepcopy(self.learner.state_dict())
        try:
            state = torch.load(path, weights_only=True)  # weights_only: tensors and plain containers, no code
            self.learner.load_state_dict(state["learner"])
            self._optimiser.load_state_dict(state["optimiser"])
            self.generator.set_state(state["generator"])
            self.history = History.from_state_dict(state["history"])
        except OSError:
            raise
        except Exception as error:
            self.learner.load_state_dict(before)
            raise ValueError(
                _("{path} is not a checkpoint of this training ({kind}).").format(
                    path=path, kind=type(error).__name__
                )
            ) from error


def training_steps(training: Training, iterations: int) -> Iterator[int]:
    """Train up to ``iterations`` meta-iterations in all, yielding their number after each."""
    while training.iteration < iterations:
        training.step()
        yield training.iteration


def fit(
    learner: Learner,
    tasks: TaskDistribution,
    iterations: int,
    generator: torch.Generator,
    *,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    progress: bool = True,
    **options,
) -> History:
    """Meta-train ``learner`` in place for ``iterations`` meta-iterations.

    Interrupting it (the notebook's stop button, Ctrl-C) ends it after the running meta-iteration, with the
    learner as trained so far. With a ``checkpoint`` the same call goes on where it stopped, and the result is
    the same as without the stop.

    Args:
        learner, tasks, generator: see :class:`Training`, also for the further options.
        iterations: meta-iterations in all, those in the checkpoint included.
        checkpoint: a file to go on from if it exists, written every ``checkpoint_every`` iterations and at
            the end.
        progress: show a progress bar.

    Returns:
        the history of this run: ``loss`` for each iteration, validation scores, ``interrupted``; it plots
            itself.
    """
    return run(
        Training(learner, tasks, generator, **options),
        iterations,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )


def run(
    training: Training,
    iterations: int,
    *,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    progress: bool = True,
) -> History:
    """Drive a :class:`Training` to ``iterations`` meta-iterations in all; for the rest see :func:`fit`."""
    check_positive(iterations=iterations, checkpoint_every=checkpoint_every)
    if checkpoint is not None and Path(checkpoint).exists():
        training.load(checkpoint)
    training.history.interrupted = False
    with (
        _interrupt_flag() as interrupted,
        tqdm(
            total=iterations,
            initial=training.iteration,
            disable=not progress,
            desc=_("meta-training"),
            mininterval=0.3,
        ) as bar,
    ):
        for iteration in training_steps(training, iterations):
            bar.update()
            if iteration % 20 == 0:
                bar.set_postfix_str(training.history.summary(), refresh=False)
            if checkpoint is not None and iteration % checkpoint_every == 0:
                training.save(checkpoint)
            if interrupted.is_set():
                training.history.interrupted = True
                break
    if checkpoint is not None:
        training.save(checkpoint)
    return training.history


@contextmanager
def _interrupt_flag() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a flag, so that no iteration is cut in half; a second one interrupts."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread receives signals
        return
    before = signal.getsignal(signal.SIGINT)

    def remember(_number, _frame) -> None:
        flag.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, remember)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
