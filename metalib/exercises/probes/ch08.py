"""Probes of chapter 8."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from metalib.exercises.probes import N_, Draw, forbid_autograd, label, probe


@probe("08/cosine-centroid", context={"torch": torch, "F": F})
def probe_cosine(cosine_answers, draw):
    """Classes whose vectors differ in length as well as in direction; in each, examples of unlike lengths."""
    ways, shots, dimensions = draw.different(3, 3, 6)
    result = {}
    for _time in range(2):
        lengths = torch.linspace(0.4, 3.0, ways)[draw.order(ways)]
        centres = draw.normal(ways, 1, dimensions) * lengths.view(-1, 1, 1)
        stretch = 0.2 + 2 * draw.uniform(ways, shots, 1)
        support = stretch * (centres + 0.6 * draw.normal(ways, shots, dimensions))
        queries = draw.normal(30, dimensions) * (0.3 + draw.uniform(30, 1))
        name = label(N_("{ways} ways, {shots} shots"), ways=ways, shots=shots)
        result[name] = cosine_answers(support, queries)
        ways, shots = shots, ways
    return result


@probe("08/by-hand", context={"torch": torch, "F": F})
def probe_gradient(gradient_by_hand, draw):
    """The last class has no example, so the number of ways can be read off W alone."""
    examples, dimensions, ways = draw.different(3, 3, 7)
    y = torch.cat([torch.arange(ways - 1), torch.randint(ways - 1, (examples,), generator=draw.generator)])
    z, W = draw.normal(len(y), dimensions), draw.normal(dimensions, ways)
    with forbid_autograd():
        return {
            N_("weights that are small"): gradient_by_hand(z, y, 0.1 * W, draw.number(2, 12)),
            N_("weights that are large"): gradient_by_hand(z, y, 2 * W, draw.number(0.1, 0.9)),
        }


def tasks_with_copies(draw: Draw) -> tuple[Tensor, Tensor]:
    """Seven tasks of drawings with white margins, in random order. Clean: none shared; one of another task's
    support; one with the same ink in other places; one that differs in a single pixel. Leaking: one query at
    another place; one at the same place; all queries."""
    support_n, query_n, side = draw.different(3, 4, 7)
    drawings = (16 * draw.uniform(7, support_n + query_n, 1, side, side)).round() / 16  # sums are exact
    drawings[..., 0, :] = 0.0  # the margin: equal pixels in all drawings
    support, query = drawings.split((support_n, query_n), dim=1)
    query = query.clone()
    place = draw.whole(0, query_n - 1)
    query[1, 0], query[6, 1] = support[0, 1], support[6, 1].flip(-1)
    query[2, place] = support[2, 0]
    query[2, place, 0, -1, -1] += 0.5
    query[3, place] = support[3, (place + 1) % support_n]
    query[4, 2] = support[4, 2]
    for q in range(query_n):
        query[5, q] = support[5, (q + 1) % support_n]
    order = draw.order(7)
    return support[order], query[order]


@probe("08/shares-drawings", context={"torch": torch}, edges=True)
def probe_shares(shares_drawings, draw):
    found = shares_drawings(*tasks_with_copies(draw))
    return {N_("seven tasks"): torch.tensor(found) if isinstance(found, list) else found}


@probe("08/each-class-once", context={"torch": torch})
def probe_class_mean(class_mean_accuracy, draw):
    """One class often, one rarely, and one in between never; the answers name the absent one too."""
    ways = draw.whole(4, 6)
    absent = draw.whole(1, ways - 2)
    sizes = [0 if c == absent else draw.whole(2, 5) for c in range(ways)]
    sizes[0] = draw.whole(12, 20)
    labels = torch.repeat_interleave(torch.arange(ways), torch.tensor(sizes))
    labels = labels[draw.order(len(labels))]
    wrong = draw.uniform(len(labels)) < torch.where(labels == 0, 0.2, 0.6)
    wrong[(labels == 0).nonzero()[0]], wrong[(labels == ways - 1).nonzero()[0]] = False, True
    guesses = (labels + torch.randint(1, ways, labels.shape, generator=draw.generator)) % ways
    answers = torch.where(wrong, guesses, labels)
    return {
        N_("unbalanced queries"): class_mean_accuracy(answers, labels),
        N_("all answers right"): class_mean_accuracy(labels, labels),
    }


def pilot(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """Accuracies of two learners on the same tasks, and a half-width for which the number of tasks is not
    nearly whole before it is rounded."""
    while True:
        tasks = draw.whole(12, 40)
        shared = 0.9 + 0.05 * draw.normal(tasks).double()
        first = shared + 0.02 * draw.normal(tasks)
        second = shared - 0.03 + draw.number(0.02, 0.04) * draw.normal(tasks)
        half_width = draw.number(0.004, 0.012)
        exact = (1.96 * (first - second).std().item() / half_width) ** 2
        if exact > 3 and 0.1 < exact % 1 < 0.9:
            return first, second, half_width


@probe("08/tasks-for-a-difference", context={"torch": torch, "math": math}, rtol=0)
def probe_tasks(tasks_for_difference, draw):
    result = {}
    for _pilot in range(3):
        first, second, half_width = pilot(draw)
        name = label(N_("a pilot of {tasks} tasks, ± {half_width}"), tasks=len(first), half_width=half_width)
        result[name] = tasks_for_difference(first, second, half_width)
    return result
