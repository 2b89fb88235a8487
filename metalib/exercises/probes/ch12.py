"""Probes of chapter 12."""

import math

import torch

from metalib.exercises.probes import N_, label, probe, require, watch, with_gradient


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


@probe("12/best-segment", context={"math": math, "torch": torch}, edges=True)
def probe_best_segment(best_segment, draw):
    """Loops of all lengths, records below and above one copy; one where several segments need the same."""
    result = {}
    for steps, record in (
        (draw.whole(20, 60), draw.number(0.3, 0.9)),
        (draw.whole(60, 150), draw.number(1.5, 4.0)),
        (draw.whole(5, 9), draw.number(0.1, 0.3)),
        (2, 1.0),
        (draw.one_of([6, 12]), 1.0),
    ):
        name = label(N_("{steps} steps, a record of {record}"), steps=steps, record=round(record, 2))
        result[name] = best_segment(steps, record)
    return result


@probe("12/cka-by-features", context={"torch": torch})
def probe_cka(cka_by_features, draw):
    """Examples by far more than features; descriptions that share something, and scaled ones."""
    result = {}
    for kind in (N_("descriptions that share something"), N_("one description and itself, scaled")):
        p, q = draw.different(2, 3, 8)
        n = draw.whole(60, 90)
        shared = draw.normal(n, 2)
        x = draw.normal(n, p) + shared @ draw.normal(2, p)
        y = draw.normal(n, q) + shared @ draw.normal(2, q) if kind.startswith("descr") else 1.7 * x
        x, y = x - x.mean(dim=0), y - y.mean(dim=0)
        with watch() as seen:
            found = cka_by_features(x, y)
        require(seen.largest <= max(x.numel(), y.numel()), N_("That makes a table of examples × examples."))
        result[kind] = found
    return result


@probe("12/noisy-step", context={"torch": torch})
def probe_noisy_step(noisy_best_step, draw):
    result = {}
    for name, noise in {N_("with noise"): draw.number(0.3, 2.0), N_("without noise"): 0.0}.items():
        inputs, examples = draw.different(2, 2, 12)
        square = draw.number(0.3, 2.0)
        fourth = square**2 * draw.number(1.5, 3.0)  # never less than square²
        found = noisy_best_step(inputs, examples, square, fourth, noise)
        require(isinstance(found, tuple | list) and len(found) == 2, N_("Return a pair: η and the loss."))
        result[name] = tuple(found)
    return result
