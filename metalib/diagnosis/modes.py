"""What a learner does besides learning: random numbers, statistics, modes, traces that adapting leaves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metalib.diagnosis.adaptation import moved
from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.trial import SEED, Trial, seeded
from metalib.findings import listed
from metalib.i18n import N_
from metalib.learners.base import batch_norms, evaluating
from metalib.randomness import governed

MEASURED = 50
"""Batches after which running statistics ought to be those of the data."""


def training_loss(trial: Trial, tasks: int = 2, seed: int = SEED) -> float:
    """The meta-loss of the first tasks as training sees it."""
    trial.learner.train()
    with governed(seeded(seed)), torch.no_grad():
        return float(trial.learner.loss(trial.batch[:tasks]))


def check_modes(trial: Trial, found: TrainingFindings) -> None:
    """Everything here."""
    check_randomness(trial, found)
    check_statistics(trial, found)
    check_traces(trial, found)


def check_randomness(trial: Trial, found: TrainingFindings) -> None:
    """Does the same loss come twice, and the same answer; unless `check_traces` will say why not."""
    before = {name: value.clone() for name, value in kept(trial, False).items()}
    one, two = (training_loss(trial, seed=SEED + n) if trial.trains else 0.0 for n in range(2))
    if any(not torch.equal(before[name], value) for name, value in kept(trial, False).items()):
        trial.learner.load_state_dict({**trial.learner.state_dict(), **before})
        return
    if abs(one - two) > 1e-5 * (abs(one) + abs(two)):
        dropout = [
            name
            for name, part in trial.learner.named_modules()
            if isinstance(part, nn.modules.dropout._DropoutNd) and part.p > 0
        ]
        found.suspicious(
            "random",
            N_(
                "in training the same tasks have the loss {one:.4g} and then {two:.4g}: something draws "
                "random numbers ({names})."
            ),
            N_(
                "Dropout in an inner loop gives support and query different networks, and each inner "
                "gradient is noisy. Leave it out first; regularise by more tasks."
            ),
            one=one,
            two=two,
            names=listed(dropout) or "forward",
        )
    with evaluating(trial.learner), torch.no_grad():
        said = []
        for n in range(2):
            with governed(seeded(SEED + n)):
                batch = trial.batch[:2]
                fast = trial.learner.adapt(batch.support_x, batch.support_y)
                said.append(trial.learner.predict(fast, batch.query_x))
    if all(bool(one.isfinite().all()) for one in said) and moved(*said) > 1e-4:
        found.wrong(
            "random",
            N_("in evaluation mode the learner answers the same query differently every time."),
            N_("`F.dropout` needs `training=self.training`; a module of its own, `nn.Dropout`, sees to it."),
        )


def check_statistics(trial: Trial, found: TrainingFindings) -> None:
    """Batch normalisation: whose statistics."""
    norms = batch_norms(trial.learner)
    trial.learner.train()
    stuck = [
        name
        for name, part in trial.learner.named_modules()
        if not part.training
        and isinstance(part, (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd))
    ]
    if stuck and trial.trains:
        found.suspicious(
            "modes",
            N_("in training mode {names} stay in evaluation mode."),
            N_("The learner's `train()` must reach all its parts, unless a backbone is frozen on purpose."),
            names=listed(stuck),
        )
    tracked = [norm for norm in norms if norm.running_mean is not None]
    if not norms:
        return
    if trial.learner.is_transductive:
        found.fine(
            N_("Batch normalisation uses the statistics of the queries at hand (transductive): say so.")
        )
    seen = [norm.num_batches_tracked for norm in tracked if norm.num_batches_tracked is not None]
    if not (seen and trial.trains and trial.labels) or int(min(seen)) < MEASURED:
        return
    loss = training_loss(trial, 4)
    with governed(seeded()), evaluating(trial.learner), torch.no_grad():
        tested = float(trial.learner.loss(trial.batch[:4]))
    gaps = {"train": loss, "eval": tested}
    if not tested < 2 * loss + 0.5:
        found.suspicious(
            "running-statistics",
            N_(
                "the loss is {train:.3g} with the statistics of the batch and {eval:.3g} with the running "
                "ones."
            ),
            N_("Are they those of these data? Train on in training mode, or measure them anew."),
            **gaps,
        )
    else:
        found.fine(
            N_("Running statistics fit: loss {train:.3g} in training mode, {eval:.3g} without."), **gaps
        )


def check_traces(trial: Trial, found: TrainingFindings) -> None:
    """Is the learner, after it has adapted, what it was; in training but for running statistics."""
    batch, learner = trial.batch[:2], trial.learner
    changed: list[str] = []
    for mode in (False, True):
        learner.train(mode)
        before = {name: value.clone() for name, value in kept(trial, not mode).items()}
        with governed(seeded()), torch.enable_grad() if mode else torch.no_grad():
            learner.predict(learner.adapt(batch.support_x, batch.support_y), batch.query_x)
        after = kept(trial, not mode)
        changed += [name for name in before if not torch.equal(before[name], after[name])]
        learner.load_state_dict({**learner.state_dict(), **before})
    if changed := list(dict.fromkeys(changed)):
        found.wrong(
            "adapt-changes-learner",
            N_("after it has adapted, the learner itself is another one: {names} have changed."),
            N_(
                "Write the step as θ′ = θ − α∇L, into new tensors; an optimiser, or `-=` on θ, changes the "
                "start."
            ),
            names=listed(changed),
        )
    else:
        found.fine(N_("Adapting leaves the learner as it was."))


def kept(trial: Trial, buffers: bool) -> dict[str, Tensor]:
    """Parameters, and where asked for buffers too, by name."""
    state = dict(trial.learner.named_parameters())
    whole = trial.learner.state_dict()
    return {name: value.detach() for name, value in whole.items() if buffers or name in state}
