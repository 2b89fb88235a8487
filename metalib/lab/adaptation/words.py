"""What the adaptation laboratory says in words: the texts in its picture, and the text in its place."""

from __future__ import annotations

import math

import numpy as np

from metalib import look
from metalib.i18n import _
from metalib.lab.adaptation.task import AdaptationResult

ROWS = 6  # queries that are shown, at most


def count(result: AdaptationResult) -> str:
    """How many queries of the task are right."""
    total, rate = len(result.task.truth), result.task.query_accuracy[result.step]
    if not math.isfinite(rate):
        return _("outputs are no numbers")
    return _("{n} of {total} queries right").format(n=round(rate * total), total=total)


def losses(result: AdaptationResult) -> str:
    """The one task's losses at the step shown."""
    task = result.task
    support, query = (look.number(loss[result.step]) for loss in (task.support_loss, task.query_loss))
    return _("loss on support {support}, on query {query}").format(support=support, query=query)


def origin(result: AdaptationResult) -> str:
    """How the start was trained, and whether its head is larger than the task."""
    start = result.start
    if start.alpha is None:
        text = _("this start was not trained")
    else:
        text = _("trained with α = {alpha:.2g}, steps: {steps}").format(alpha=start.alpha, steps=start.steps)
    if result.ways < start.outputs:
        text += "; " + _("{n} of {total} outputs unused").format(
            n=start.outputs - result.ways, total=start.outputs
        )
    return text


def statistics(result: AdaptationResult) -> str:
    """What the batch normalisation sees."""
    if not result.has_batch_statistics:
        return _("no batch statistics: each query by itself")
    if result.transductive:
        return _("transductive: all {n} queries normalised together").format(n=len(result.task.truth))
    return _("each query normalised with the support set only")


def describe(result: AdaptationResult) -> str:
    task, step, rows = result.task, result.step, shown(result)
    text = _(
        "Task {draw}, {ways}-way, shots: {shots}; weights: {name}; α = {alpha:.2g}. Step {step} of "
        "{steps}: {count}; {losses}; {origin}; {statistics}. "
    ).format(
        draw=result.draw,
        ways=result.ways,
        shots=result.shots,
        name=result.start.name,
        alpha=result.alpha,
        step=step,
        steps=result.steps,
        count=count(result),
        losses=losses(result),
        origin=origin(result),
        statistics=statistics(result),
    )
    told = []
    for row in rows:
        values = task.probabilities[step, row]
        truth, chosen = task.truth[row], int(values.argmax())
        if not np.isfinite(values).all():
            told.append(_("{name}: no numbers").format(name=task.names[truth]))
        elif chosen == truth:
            told.append(_("{name}: right, {p:.2f}").format(name=task.names[truth], p=values[truth]))
        else:
            told.append(
                _("{name}: wrong, {p:.2f}, taken for {other}, {q:.2f}").format(
                    name=task.names[truth], p=values[truth], other=task.names[chosen], q=values[chosen]
                )
            )
    text += _("Probability of the true class of the queries shown: {told}. ").format(told="; ".join(told))
    if result.average.n:
        mean, half = 100 * result.average.mean, 100 * result.average.half_width
        by_step = "; ".join(
            _("{step}: {support}, {query}").format(
                step=i, support=plus_minus(*support), query=plus_minus(*query)
            )
            for i, (support, query) in enumerate(
                zip(zip(mean[0], half[0], strict=True), zip(mean[1], half[1], strict=True), strict=True)
            )
        )
        text += _("Mean accuracy of {n} tasks on support and query after each step: {by_step}. ").format(
            n=result.average.n, by_step=by_step
        )
    return text + _("Chance is {chance}.").format(chance=per_cent(1 / result.ways))


def remark(result: AdaptationResult) -> str:
    loss, exploded = result.task.support_loss, result.exploded
    if exploded is None:
        return ""
    text = _(
        "α = {alpha:.2g} is too large for this start: the support loss went from {first} to {last} after "
        "step {step}, where guessing has {guess}."
    ).format(
        alpha=result.alpha,
        first=look.number(loss[0]),
        last=look.number(loss[exploded]),
        step=exploded,
        guess=look.number(math.log(result.ways)),
    )
    bad = np.flatnonzero(~np.isfinite(result.task.query_accuracy))
    if len(bad):
        text += " " + _("From step {step} on the outputs are no numbers; nothing is drawn there.").format(
            step=bad[0]
        )
    return text


def shown(result: AdaptationResult) -> np.ndarray:
    """The queries that are shown: of each class as many, in the order of the classes, `ROWS` at most."""
    ways, total = result.ways, len(result.task.truth)
    each = max(1, total // ways)  # where there are fewer queries than classes: of the first ones
    return np.arange(total).reshape(-1, each)[:, : max(1, ROWS // ways)].flatten()[:ROWS]


def per_cent(rate: float) -> str:
    """A fraction as 93.8 % or 20 %."""
    return f"{100 * rate:.3g} %" if math.isfinite(rate) else "–"


def plus_minus(mean: float, half_width: float) -> str:
    """An average in per cent with its interval where it has one: 93.8 ± 1.2 %."""
    if not math.isfinite(mean):
        return "–"
    return f"{mean:.1f} ± {half_width:.1f} %" if math.isfinite(half_width) else f"{mean:.1f} %"
