"""The outer loop: a few trial steps on a copy, always on the same tasks."""

from __future__ import annotations

import math

import torch

from metalib.diagnosis.report import TrainingFindings
from metalib.diagnosis.trial import Trial, plain, seeded
from metalib.i18n import N_
from metalib.learners import Learner
from metalib.randomness import governed

STEPS = 5
NOTHING = 1e-4
"""A share of the meta-loss below which all steps together have changed nothing."""
MAKERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def rehearsed(trial: Trial, lr: float, optimiser: str) -> tuple[Learner, list[float]]:
    """A copy after some outer steps on the same tasks, and the meta-loss before each and after the last."""
    tasks = max(2, len(trial.batch) // 4)
    learner = plain(trial.learner).train()
    trained = [p for p in learner.parameters() if p.requires_grad]
    outer = MAKERS[optimiser](trained, lr=lr)
    losses = []
    for step in range(STEPS + 1):
        with governed(seeded()):
            outer.zero_grad(set_to_none=True)
            loss = learner.loss(trial.batch[:tasks])
            losses.append(float(loss.detach()))
            if step == STEPS or not (math.isfinite(losses[-1]) and loss.requires_grad):
                break
            loss.backward()
        outer.step()
    return learner.eval(), losses


def spread(trial: Trial) -> float:
    """By how much the meta-losses of single tasks differ."""
    trial.learner.train()
    with governed(seeded()), torch.no_grad():
        losses = torch.stack([trial.learner.loss(trial.batch[i : i + 1]) for i in range(4)])
    return float(losses.std())


def check_outer(losses: list[float], away: float, lr: float, optimiser: str, found: TrainingFindings) -> None:
    """Do such steps lower the meta-loss. `away`: by how much that of single tasks differs."""
    gaps = {"lr": lr, "n": STEPS, "before": losses[0], "after": losses[-1], "optimiser": optimiser}
    # The first steps of Adam are as long on a trained learner as on a new one, so a little harm is none.
    scale = max(abs(losses[0]) + away, 1e-12)
    ended = math.isfinite(losses[-1])
    grew = not ended or min(losses[1:]) >= losses[0]
    sentence = N_(
        "{n} steps of {optimiser} with lr = {lr:.3g} on the same tasks take the meta-loss from {before:.4g} "
        "to {after:.4g}."
    )
    if not ended or (grew and losses[-1] > losses[0] + 3 * scale):
        found.wrong("lr-large", sentence, N_("Take a smaller outer step."), **gaps)
    elif max(abs(loss - losses[0]) for loss in losses) < NOTHING * scale:
        found.suspicious(
            "lr-small", sentence, N_("Take a larger outer step, unless the training is at its end."), **gaps
        )
    elif grew and losses[-1] > losses[0] + scale:
        found.suspicious("lr-large", sentence, N_("Try a third of it."), **gaps)
    else:
        found.fine(sentence, **gaps)
