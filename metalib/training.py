"""Meta-training: one loop for every learner, that can be stopped and taken up without losing a step."""

from __future__ import annotations

import copy
import hashlib
import math
import re
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from metalib import checkpoint as files, threads
from metalib.description import Description, differences
from metalib.evaluation import (
    Evaluation,
    Samples,
    TaskDistribution,
    check_tasks,
    evaluate,
    on_learners_device,
)
from metalib.history import History
from metalib.i18n import _
from metalib.learners import Learner
from metalib.learners.base import Trainable, check_learner
from metalib.paths import check_writable
from metalib.randomness import governed
from metalib.tasks.batch import check_generator, check_whole
from metalib.team import ALONE, Team

FORMAT = 1
"""Of the checkpoints; raise with every change that an older metalib could not read."""


@dataclass
class Training:
    """A training run that moves one meta-iteration at a time; ``fit`` and the live laboratory both drive it.

    A meta-iteration draws ``meta_batch`` tasks, and takes one optimiser step on ``learner.loss``. The
    generator alone decides: global random numbers (a model's dropout, a task distribution that calls
    ``numpy.random``) follow from its state while a step is taken, and are as before afterwards.

    Args:
        learner: what to train, a learner or an agent (`metalib.rl`); it is changed in place.
        tasks: where the tasks come from.
        generator: draws them, and everything else that is random. Its state goes into the checkpoint.
        meta_batch: tasks a meta-iteration.
        lr: the outer step size β.
        optimiser: ``"adam"`` or ``"sgd"``.
        halve_every: halve β every so many iterations; ``None`` keeps it.
        validation: tasks to score every ``validate_every`` iterations, always the same ``validation_tasks``
            ones.
        about: what else must be the same where a checkpoint is gone on from, such as a recipe's seed.
        team: the processes that share out each meta-batch; see :mod:`metalib.team`. The first of them scores
            the validation tasks.

    Raises:
        TypeError: something is of another kind.
        ValueError: counts below 1, a β that is not positive, or a learner with nothing to train.
    """

    learner: Trainable
    tasks: Samples
    generator: torch.Generator
    meta_batch: int = 25
    lr: float = 1e-3
    optimiser: str = "adam"
    halve_every: int | None = None
    validation: TaskDistribution | None = None
    validate_every: int = 100
    validation_tasks: int = 100
    history: History = field(default_factory=History)
    about: Mapping[str, Any] = field(default_factory=dict)
    team: Team = ALONE

    def __post_init__(self) -> None:
        check_learner(self.learner, Trainable)
        check_tasks(self.tasks)
        if self.validation is not None:
            check_learner(self.learner)  # agents are not scored by `evaluate`
            check_tasks(self.validation, "validation")
        for name in ("meta_batch", "halve_every", "validate_every", "validation_tasks"):
            if name != "halve_every" or self.halve_every is not None:
                setattr(self, name, check_whole(name, getattr(self, name), 1))
        check_generator(self.generator)
        self.lr = check_rate(self.lr)
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
        self._trained = trained
        self._described = self._description()
        self._changes_said = ""

    def _description(self) -> Description:
        """What decides the numbers of this training, but for its generator's state."""
        settings = {name: getattr(self, name) for name in ("meta_batch", "lr", "optimiser", "halve_every")}
        watched = (
            {}
            if self.validation is None
            else {n: getattr(self, n) for n in ("validation", "validate_every", "validation_tasks")}
        )
        generator = f"of device {self.generator.device.type}"
        return Description(
            learner=self.learner, tasks=self.tasks, **settings, generator=generator, **self.about, **watched
        )

    @property
    def iteration(self) -> int:
        """Meta-iterations done."""
        return len(self.history.loss)

    def step(self) -> float:
        """One meta-iteration; returns its meta-loss.

        Raises:
            FloatingPointError: the meta-loss is not finite. The meta-parameters keep their last good values.
            NotImplementedError: the learner needs a second derivative that PyTorch does not have.
        """
        began = time.perf_counter()
        self.learner.train()
        self.learner.at_iteration(self.iteration)
        with governed(self.generator, self._trained[0].device):
            drawn = self.team.part(self.tasks.sample(self.meta_batch, self.generator))
            self._optimiser.zero_grad(set_to_none=True)
            self.team.check(self.learner)
            loss = None
            if self.team.rank:  # other tasks, other random numbers of the model's
                torch.manual_seed(torch.initial_seed() + self.team.rank)
            if self.team.size == 1 or len(drawn):
                loss = self.learner.loss(on_learners_device(drawn, self.learner))
                _differentiate(loss)
        share = 1.0 if self.team.size == 1 else len(drawn) / self.meta_batch
        value = self.team.add_up(self._trained, loss, share)
        # Infinite slopes of a finite loss would make the parameters useless as well.
        slopes = sum(p.grad.sum() for p in self._trained if p.grad is not None)
        if not (math.isfinite(value) and math.isfinite(float(slopes))):
            raise FloatingPointError(
                _(
                    "The meta-loss became {value} in iteration {iteration}. Train with a smaller alpha or a "
                    "smaller lr."
                ).format(value=value, iteration=self.iteration + 1)
                if not math.isfinite(value)
                else _(
                    "The slope of the meta-loss became infinite in iteration {iteration}. Train with a "
                    "smaller alpha or a smaller lr."
                ).format(iteration=self.iteration + 1)
            )
        if self.halve_every:
            self._optimiser.param_groups[0]["lr"] = self.lr * 0.5 ** (self.iteration // self.halve_every)
        self._optimiser.step()
        self.history.loss.append(value)
        if self.validation is not None and self.team.leads and self.iteration % self.validate_every == 0:
            self.history.add_validation(self.iteration, self._validate(self.validation_tasks))
        self.history.seconds += time.perf_counter() - began
        return value

    def _validate(self, n_tasks: int) -> Evaluation:
        # A generator of its own: how often we look must not change what is trained.
        generator = torch.Generator().manual_seed(0)
        assert self.validation is not None and isinstance(self.learner, Learner)
        states = {where: files.random_state(source) for where, source in self._described.sources.items()}
        try:
            with governed(generator, self._trained[0].device):
                return evaluate(self.learner, self.validation, n_tasks, generator)
        finally:
            for where, state in states.items():
                files.set_random_state(self._described.sources[where], state)

    def rehearse(self) -> None:
        """Score one validation task now, so that a mistake there is not found after hours of training."""
        if self.validation is not None and self.team.leads:
            self._validate(1)

    def check_team(self) -> None:
        """Refuse a team whose processes would not train the same, from the same weights on.

        Raises:
            ValueError: something differs; the message says what.
        """
        if self.team.size > 1:
            weights = hashlib.sha256()
            for value in self.learner.state_dict().values():
                weights.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
            self.team.check_same(
                {**self._described.settings, **self._where(), "weights": weights.hexdigest()[:12]}
            )

    def save(self, path: str | Path) -> None:
        """Write everything needed to go on from here, whole or not at all: the states of the learner, of the
        optimiser and of all that is random, the history, and a description of what made them."""
        if (changed := differences(self._described.settings, self._description().settings)) and (
            changed != self._changes_said
        ):
            self._changes_said = changed
            warnings.warn(
                _(
                    "Something has changed since this training began that a checkpoint does not hold "
                    "({changes}): whoever goes on from it begins with the first of these values."
                ).format(changes=changed),
                stacklevel=2,
            )
        sources = self._described.sources.items()
        state = {
            "format": FORMAT,
            "made": self._described.settings,
            "where": self._where(),
            "learner": self.learner.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "random": {where: files.random_state(source) for where, source in sources},
            "history": self.history.state_dict(),
        }
        files.write(path, state)

    def load(self, path: str | Path) -> None:
        """Go on from what ``save`` wrote: the next step is the one that would have come next.

        All is checked before anything changes, and a failure changes nothing. A checkpoint from a GPU can be
        gone on from without one; a warning then says that the numbers will differ in their last figures.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is damaged, or belongs to another training; the message says what differs.
        """
        try:
            state = files.read(path)
            if state.get("format") != FORMAT or state.keys() != {*_PARTS}:
                raise ValueError(_("another version of metalib wrote it"))
            if changed := differences(state["made"], self._described.settings):
                raise ValueError(changed)
            if not files.all_finite([state["learner"], state["optimiser"], state["history"]]):
                raise ValueError(_("it holds numbers that are not finite"))
            self._check_learner(state["learner"])
            history = History.from_state_dict(state["history"])
        except OSError:
            raise
        except files.Damaged as error:
            raise ValueError(_refused(path, _("it was cut short or altered"))) from error
        except Exception as error:
            raise ValueError(_refused(path, str(error))) from error
        before = copy.deepcopy((self.learner.state_dict(), self._optimiser.state_dict()))
        sources = {"": self.generator, **self._described.sources}
        states = {where: files.random_state(source) for where, source in sources.items()}
        try:
            self.learner.load_state_dict(state["learner"])
            self._optimiser.load_state_dict(state["optimiser"])
            for where, given in {"": state["generator"], **state["random"]}.items():
                files.set_random_state(sources[where], given)
        except BaseException as error:
            self.learner.load_state_dict(before[0])
            self._optimiser.load_state_dict(before[1])
            for where, given in states.items():
                files.set_random_state(sources[where], given)
            if not isinstance(error, Exception):
                raise
            raise ValueError(_refused(path, type(error).__name__)) from error
        self.history = history
        if moved := differences({"processes": "1", **state["where"]}, self._where()):
            warnings.warn(
                _(
                    "This training began elsewhere ({changes}): from here on its numbers differ in their "
                    "last figures from those of a run without a stop."
                ).format(changes=moved),
                stacklevel=2,
            )

    def _where(self) -> dict[str, str]:
        """What changes the last figures and no more."""
        return {
            "device": self._trained[0].device.type,
            "torch": torch.__version__.split("+")[0],
            "processes": str(self.team.size),
        }

    def _check_learner(self, state: Mapping[str, Any]) -> None:
        own = self.learner.state_dict()
        if own.keys() != state.keys():
            raise ValueError(_("its parameters have other names"))
        for name, value in own.items():
            there = getattr(state[name], "shape", None), getattr(state[name], "dtype", None)
            if isinstance(value, torch.Tensor) and there != (value.shape, value.dtype):
                raise ValueError(_("its {name} is of another shape").format(name=name))


_PARTS = ("format", "made", "where", "learner", "optimiser", "generator", "random", "history")


def _differentiate(loss: Tensor) -> None:
    """Raises NotImplementedError where PyTorch cannot differentiate an inner gradient once more."""
    try:
        loss.backward()
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        if not re.search(
            "derivative for .* not implemented|differentiate twice|double backward", reason, re.I
        ):
            raise
        raise NotImplementedError(
            _(
                "An operation of the model has no second derivative in PyTorch ({reason}). Build that part "
                "of other operations, or train with first_order=True."
            ).format(reason=reason.rstrip("."))
        ) from error


def _refused(path: str | Path, reason: str) -> str:
    return _(
        "{path} is not a checkpoint of this training: {reason}. Go on with the settings that it was made "
        "with, or give another file."
    ).format(path=path, reason=reason)


def check_rate(lr: float) -> float:
    """The outer step size β as a float.

    Raises:
        TypeError: not a number.
        ValueError: not positive, infinite or not a number (NaN).
    """
    if isinstance(lr, bool) or not isinstance(lr, Real):
        raise TypeError(_("lr must be a number, not {value!r}.").format(value=lr))
    if not (0 < lr < math.inf):
        raise ValueError(_("lr must be a finite positive number, not {value}.").format(value=lr))
    return float(lr)


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
    the same as without the stop. Another call, with another learner, other tasks or other settings, is
    refused, and the message names what differs.

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
    iterations = check_whole("iterations", iterations, 1)
    checkpoint_every = check_whole("checkpoint_every", checkpoint_every, 1)
    team = training.team
    if checkpoint is not None and team.leads:
        check_writable(checkpoint)
        if Path(checkpoint).exists():
            training.load(checkpoint)
    if (content := team.shared_file(checkpoint)) is not None and not team.leads:
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / "checkpoint"
            here.write_bytes(content)
            training.load(here)
    training.check_team()
    if training.iteration > iterations:
        raise ValueError(
            _(
                "{done} meta-iterations are done already, more than the {asked} asked for: ask for more, or "
                "begin anew."
            ).format(done=training.iteration, asked=iterations)
        )
    training.rehearse()
    training.history.interrupted = False
    with (
        threads.for_model(training.learner),
        interrupt_flag() as interrupted,
        tqdm(
            total=iterations,
            initial=training.iteration,
            disable=not (progress and team.leads),
            desc=_("meta-training"),
            mininterval=0.3,
        ) as bar,
    ):
        for iteration in training_steps(training, iterations):
            bar.update()
            if iteration % 20 == 0:
                bar.set_postfix_str(training.history.summary(), refresh=False)
            if checkpoint is not None and team.leads and iteration % checkpoint_every == 0:
                training.save(checkpoint)
            if team.any(interrupted.is_set()):
                training.history.interrupted = True
                break
    if checkpoint is not None and team.leads:
        training.save(checkpoint)
    return training.history


@contextmanager
def interrupt_flag() -> Iterator[threading.Event]:
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
