"""Probes of chapter 2."""

import math
from collections import defaultdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metalib.exercises.probes import N_, chance_from, label, probe, require, watch

EPISODES = 60  # so many that none of what is possible stays out by chance: see below


@probe("02/episode", context={"torch": torch})
def probe_draw_episode(draw_episode, draw):
    """The rules, on sixty episodes, whatever numbers were drawn.

    The chance that a right answer breaks one in sixty episodes is below 10⁻⁷: a class stays out of an episode
    with 4/7 at most, a drawing out of a support set (the same for all classes, at worst) with 5/7.
    """
    classes, drawings = draw.whole(6, 7), draw.whole(6, 7)
    ways, (shots, queries) = draw.whole(3, 4), draw.different(2, 2, 3)
    size = draw.one_of([(), (3,), (1, 2, 3), (2, 4)])
    # No two drawings are alike in any pixel.
    pixels = draw.order(classes * drawings).float().view(classes, drawings, *[1] * len(size))
    pixels = pixels + 0.5 * torch.rand(classes, drawings, *size, generator=draw.generator)
    generator = torch.Generator().manual_seed(draw.whole(0, 10**6))

    def episode(chance: torch.Generator) -> Any:
        return draw_episode(pixels.clone(), ways, shots, queries, chance)

    drawn = [chance_from(generator, episode), *(episode(generator) for _ in range(EPISODES - 1))]
    for each in drawn:
        require(
            isinstance(each, tuple | list) and len(each) == 4 and all(isinstance(x, Tensor) for x in each),
            N_("Return four tensors: `support_x, support_y, query_x, query_y`."),
        )
    shapes = {tuple(tuple(part.shape) for part in each) for each in drawn}
    if len(shapes) > 1 or [len(part) for part in drawn[0]] != [ways * shots] * 2 + [ways * queries] * 2:
        return {N_("the shapes"): sorted(shapes)}
    if (drawn[0][0].shape[1:], drawn[0][2].shape[1:]) != (size, size) or drawn[0][1].ndim + drawn[0][
        3
    ].ndim > 2:
        return {N_("the shapes"): sorted(shapes)}
    support, query = [], []  # of each episode: (class, drawing, label) of each example
    for support_x, support_y, query_x, query_y in drawn:
        support.append(examples(pixels, support_x, support_y))
        query.append(examples(pixels, query_x, query_y))
    for some, count in ((support, shots), (query, queries)):
        for rows in some:
            seen = sorted(y for _c, _d, y in rows)
            require(
                seen == [y for y in range(ways) for _ in range(count)],
                N_(
                    "Every label 0 … ways − 1 must stand beside `shots` support and `queries` query drawings."
                ),
            )
    one_episode(support, query, ways)
    many_episodes(support, query, classes, drawings)
    return {N_("the shapes"): sorted(shapes)}


def examples(pixels: Tensor, x: Tensor, y: Tensor) -> list[tuple[int, int, int]]:
    """What x and y are: (class, drawing, label) of each."""
    require(
        not (y.is_floating_point() or y.is_complex() or y.dtype == torch.bool),
        N_("Labels are whole numbers, a tensor of dtype `torch.int64`; yours are not."),
    )
    known = pixels.double().reshape(pixels.shape[0] * pixels.shape[1], -1)
    same = (x.double().reshape(len(x), 1, -1) - known).abs().amax(dim=-1) < 1e-3  # (N, all drawings)
    require(
        bool(same.any(dim=1).all()), N_("A drawing came back changed: return those of `images` as they are.")
    )
    places = same.int().argmax(dim=1).tolist()
    return [(*divmod(place, pixels.shape[1]), label) for place, label in zip(places, y.tolist(), strict=True)]


def one_episode(support: list, query: list, ways: int) -> None:
    """The rules that hold within each episode."""
    for rows, asked in zip(support, query, strict=True):
        meant: list[dict[int, set]] = [defaultdict(set) for _set in (rows, asked)]  # label -> its classes
        for meaning, some in zip(meant, (rows, asked), strict=True):
            for c, _d, y in some:
                meaning[y].add(c)
            apart = all(len(classes) == 1 for classes in meaning.values())
            require(apart, N_("In one set a label stands beside drawings of different classes."))
        for meaning in meant:
            require(
                len(set.union(*meaning.values())) == ways,
                N_("A class came twice in one episode, under two labels."),
            )
        require(
            meant[0] == meant[1],
            N_("A label means one class in the support set and another in the query set."),
        )
        used = [{(c, d) for c, d, _y in some} for some in (rows, asked)]
        require(not used[0] & used[1], N_("A drawing was in both sets, support and query."))
        twice = len(used[0]) < len(rows) or len(used[1]) < len(asked)
        require(not twice, N_("A drawing came twice in one set."))


def many_episodes(support: list, query: list, classes: int, drawings: int) -> None:
    """The rules that only many episodes show."""
    labels = defaultdict(set)  # class -> the labels that it had
    orders = set()
    for rows in support:
        for c, _d, y in rows:
            labels[c].add(y)
        by_label = [c for c, _y in sorted({(c, y) for c, _d, y in rows}, key=lambda pair: pair[1])]
        orders.add((by_label == sorted(by_label)) - (by_label == sorted(by_label, reverse=True)))
    if len(labels) < classes:
        fixed = all(len(own) == 1 for own in labels.values())
        require(not fixed, N_("A label stands for the same class in every episode."))
        require(orders not in ({1}, {-1}), N_("The labels follow the order of the classes in every episode."))
        require(False, N_("Some classes never come."))
    require(orders not in ({1}, {-1}), N_("The labels follow the order of the classes in every episode."))
    require(
        all(len(own) > 1 for own in labels.values()),
        N_("A class has the same label whenever it comes: deal the labels anew, at random."),
    )
    for some, text in (
        (support, N_("Some drawings are never in a support set.")),
        (query, N_("Some drawings are never in a query set.")),
    ):
        require(len({d for rows in some for _c, d, _y in rows}) == drawings, text)


@probe("02/one-more-example", context={"torch": torch})
def probe_add_example(add_example, draw):
    numbers = draw.whole(3, 6)
    description, n = draw.normal(numbers), draw.whole(2, 9)
    result = {
        N_("the first example, whatever stood there before"): add_example(
            draw.normal(numbers), 0, draw.normal(numbers)
        )
    }
    for _example in range(3):
        description = torch.as_tensor(description).clone()  # an answer may give a NumPy array
        description = add_example(description, n, draw.normal(numbers))
        n += 1
        result[label(N_("after {n} examples"), n=n)] = description
    return result


@probe("02/all-prototypes", context={"torch": torch, "F": F})
def probe_prototypes(prototypes, draw):
    """Few classes and many: a loop takes more operations for many."""
    result, operations = {}, []
    for ways in (draw.whole(3, 5), draw.whole(8, 12)):
        labels = torch.cat(
            [torch.arange(ways), torch.randint(ways, (2 * ways + 3,), generator=draw.generator)]
        )
        labels = labels[draw.order(len(labels))]
        embeddings, one_hot = draw.normal(len(labels), 6), F.one_hot(labels, ways).float()
        with watch() as seen:
            found = prototypes(embeddings, one_hot)
        result[label(N_("{n} classes"), n=ways)] = found
        operations.append(seen.operations.total())
    require(
        operations[0] == operations[1],
        N_("More classes take more operations: there is a loop, and this works without one."),
    )
    return result


@probe("02/paired", context={"torch": torch, "math": math})
def probe_paired(paired, draw):
    n = draw.whole(25, 40)
    hard = draw.uniform(n).double()
    first, second = hard + 0.1 * draw.normal(2, n).double()
    second = second + draw.number(0.02, 0.08)
    few = draw.whole(6, 12)
    return {
        label(N_("{n} tasks"), n=n): paired(first, second),
        label(N_("the first {n} of them"), n=few): paired(first[:few].clone(), second[:few].clone()),
    }


@probe("02/coin", context={"math": math})
def probe_coin(predict_heads, draw):
    cases = [(0, 0), (1, 1), (0, 1)]
    for low, high in ((3, 9), (10, 30), (60, 200)):
        n = draw.whole(low, high)
        cases.append((draw.whole(0, n), n))
    return {
        label(N_("{heads} heads in {n} tosses"), heads=heads, n=n): predict_heads(heads, n)
        for heads, n in dict.fromkeys(cases)
    }
