"""Probes of chapter 11."""

import copy
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from metalib.exercises.probes import (
    N_,
    BrokenRule,
    Draw,
    chance_from,
    label,
    probe,
    require,
    with_gradient,
)

FOUR_TENSORS = N_("Return four tensors: `support_x, support_y, query_x, query_y`.")
SHAPES = N_("The shapes must be `(n_tasks, shots, 1)` twice, and then `(n_tasks, queries, 1)` twice.")
UNTOUCHED = N_("The model's own parameters have changed: it must come out as it went in.")
OVERWRITTEN = N_(
    "The query loss cannot be differentiated any more: weights that it was computed from were overwritten "
    "afterwards. Put nothing into the model, and there is nothing to put back."
)
A_LIST = N_("Return a list of tensors, one for each parameter.")
NO_GRAD_LEFT = N_("Something was left in `.grad` of the model's parameters: differentiate the copy's.")


class Curved(nn.Module):
    """A network of two layers whose second derivatives are nowhere zero; its parts have names with dots."""

    def __init__(self, inputs: int, width: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(inputs, width), nn.Linear(width, outputs, bias=False)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(x)))


def network_and_task(draw: Draw) -> tuple[Curved, list[Tensor]]:
    """A network, and (support_x, support_y, query_x, query_y) with sizes that are all different."""
    inputs, width, outputs, shots, queries = draw.different(5, 2, 7)
    model = Curved(inputs, width, outputs, draw.generator)
    sizes = ((shots, inputs), (shots, outputs), (queries, inputs), (queries, outputs))
    return model, [draw.normal(*size) for size in sizes]


@probe("11/repair", context={"torch": torch, "F": F, "functional_call": functional_call}, atol=1e-5)
def probe_meta_loss(meta_loss_of, draw):
    result = {}
    for steps in (1, draw.whole(2, 3)):
        model, task = network_and_task(draw)
        before = [p.detach().clone() for p in model.parameters()]
        loss = meta_loss_of(model, *task, draw.number(0.1, 0.4), steps)
        kept = all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
        require(kept, UNTOUCHED)
        name = label(N_("the meta-loss with steps = {steps}"), steps=steps)
        try:
            result[name] = with_gradient(loss, *model.parameters())
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            raise BrokenRule(OVERWRITTEN) from error
    return result


@probe("11/all-tasks", context={"torch": torch, "vmap": vmap, "functional_call": functional_call}, atol=1e-4)
def probe_all_tasks(predict_all, draw):
    """Calls of the model are counted: a loop over tasks makes one a task."""
    result = {}
    for _time in range(2):
        model, _task = network_and_task(draw)
        tasks, examples = draw.different(2, 3, 7)
        inputs = model.body.in_features
        fast = {
            name: draw.normal(tasks, *value.shape).requires_grad_()
            for name, value in model.named_parameters()
        }
        x = draw.normal(tasks, examples, inputs)
        calls: list[int] = []
        model.register_forward_pre_hook(lambda *_given, calls=calls: calls.append(1))
        predictions = predict_all(model, fast, x)
        require(len(calls) <= 1, N_("The model was called several times: no loop over tasks."))
        name = label(N_("{tasks} tasks of {examples} examples"), tasks=tasks, examples=examples)
        result[name] = with_gradient(predictions, *fast.values())
    return result


@probe("11/first-order", context={"torch": torch, "F": F, "copy": copy})
def probe_first_order(first_order_gradient, draw):
    result = {}
    for steps in (1, draw.whole(2, 4)):
        model, task = network_and_task(draw)
        before = [p.detach().clone() for p in model.parameters()]
        gradient = first_order_gradient(model, tuple(task), draw.number(0.1, 0.4), steps)
        kept = all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
        require(kept, UNTOUCHED)
        require(all(p.grad is None for p in model.parameters()), NO_GRAD_LEFT)
        some = isinstance(gradient, Iterable) and not isinstance(gradient, Tensor | dict | str)
        require(gradient is None or some, A_LIST)
        result[label(N_("the meta-gradient with steps = {steps}"), steps=steps)] = list(gradient)
    return result


BATCHES, TASKS_A_BATCH = 60, 10


@probe("11/table", context={"torch": torch})
def probe_table(sample_tasks, draw):
    """What is true of 600 tasks, whatever came out. Five tasks, rows mixed: one too small, one just large
    enough, one with many rows; names that are no row numbers.

    A right answer misses one of these facts with a chance below one in a million.
    """
    few = draw.whole(1, 2)  # two apart: whoever asks for twice the larger one misses two tasks, not one
    shots, queries = draw.one_of(((few, few + 2), (few + 2, few)))
    need = shots + queries
    sizes = {40: need, 7: need + 1, 23: need + 3, 11: need - 1, 58: 8 * need}
    names = torch.tensor([name for name, size in sizes.items() for _row in range(size)])
    task = names[draw.order(len(names))]
    x = (draw.order(len(task)) + 1.0) / 8  # no two alike, and exact
    y = 1000.0 - 3 * x - task
    generator = torch.Generator().manual_seed(draw.whole(0, 10_000))

    def batch(source: torch.Generator) -> list[Tensor]:
        found = sample_tasks(task.clone(), x.clone(), y.clone(), shots, queries, TASKS_A_BATCH, source)
        ok = isinstance(found, tuple | list) and len(found) == 4
        require(ok and all(isinstance(part, Tensor) for part in found), FOUR_TENSORS)
        return list(found)

    expected = [(TASKS_A_BATCH, n, 1) for n in (shots, shots, queries, queries)]
    require([tuple(part.shape) for part in chance_from(generator, batch)] == expected, SHAPES)
    seen = Seen()
    for _batch in range(BATCHES):
        seen.add(batch(generator), task, x, y)
    often = [seen.times.get(name, 0) for name in sizes if sizes[name] >= need]
    rich = int((task == 58).sum())
    return {
        N_("a task with too few rows comes"): str(seen.times.get(11, 0) > 0),
        N_("a task with just enough rows comes"): str(often[0] > 0),
        N_("every task with more rows comes"): str(min(often[1:]) > 0),
        N_("one task comes far more often than the others"): str(max(often) > 0.42 * sum(often)),
        N_("the rows of a task belong to one task"): str(seen.pure),
        N_("an x keeps its y"): str(seen.fitting),
        N_("a row comes twice in a task"): str(seen.twice),
        N_("the support rows of a large task vary"): str(len(seen.support.get(58, ())) > rich / 2),
        N_("the query rows of a large task vary"): str(len(seen.query.get(58, ())) > rich / 2),
        N_("other rows come together each time"): str(len(seen.together) > 0.75 * seen.times.get(58, 0)),
        N_("a batch holds several tasks"): str(seen.several),
        N_("every batch holds other tasks"): str(len(seen.orders) > BATCHES / 2),
        N_("a query row can stand before a support row in the table"): str(seen.before),
    }


class Seen:
    """What has come in all batches."""

    def __init__(self) -> None:
        self.times: dict[int, int] = {}
        self.support: dict[int, set[int]] = {}
        self.query: dict[int, set[int]] = {}
        self.together: set[frozenset[int]] = set()  # the rows of the large task, 58, each time it came
        self.orders: set[tuple[int, ...]] = set()  # the tasks of each batch
        self.pure, self.fitting, self.twice, self.several, self.before = True, True, False, False, False

    def add(self, batch: list[Tensor], task: Tensor, x: Tensor, y: Tensor) -> None:
        support_x, support_y, query_x, query_y = (part.double().squeeze(-1) for part in batch)
        xs, ys = torch.cat([support_x, query_x], dim=1), torch.cat([support_y, query_y], dim=1)
        away = (xs.unsqueeze(-1) - x.double()).abs()  # (T, S + Q, R)
        if away.amin(dim=-1).max() > 1e-3:
            raise BrokenRule(N_("An x came back that is not in the table: return the values as they are."))
        rows = away.argmin(dim=-1)
        self.fitting &= bool(((y.double()[rows] - ys).abs() < 1e-2).all())
        named, shots = task[rows], support_x.shape[1]
        self.before |= bool((rows[:, shots:].amin(dim=1) < rows[:, :shots].amax(dim=1)).any())
        self.several |= len(named.unique()) > 1
        self.orders.add(tuple(named[:, 0].tolist()))
        for picked, names in zip(rows, named, strict=True):
            name = int(names[0])
            self.pure &= bool((names == name).all())
            self.twice |= len(picked.unique()) < len(picked)
            self.times[name] = self.times.get(name, 0) + 1
            self.support.setdefault(name, set()).update(picked[:shots].tolist())
            self.query.setdefault(name, set()).update(picked[shots:].tolist())
            if name == 58:
                self.together.add(frozenset(picked.tolist()))
