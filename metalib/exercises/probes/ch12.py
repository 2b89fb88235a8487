"""Probes of chapter 12."""

import torch

from metalib.exercises.probes import N_, label, probe, require, with_gradient


@probe("12/annealed-loss", context={"torch": torch})
def probe_annealed_loss(annealed_loss, draw):
    """Numbers of steps and tasks that are never alike; in between and at both ends."""
    result = {}
    for t in (draw.number(0.2, 0.8), 0.0, 1.0):
        steps, tasks = draw.different(2, 3, 8)
        losses = draw.uniform(steps, tasks).requires_grad_()
        name = label(N_("{steps} steps, {tasks} tasks, t = {t}"), steps=steps, tasks=tasks, t=round(t, 2))
        result[name] = with_gradient(annealed_loss(losses, t), losses)
    return result
