"""Probes of chapter 2."""

import math
from typing import Any

import torch

from metalib.exercises.probes import N_, label, probe


@probe("02/episode", context={"torch": torch})
def probe_draw_episode(draw_episode):
    """What is true of forty episodes, whatever numbers were drawn: "drawing" d of class c is 100 c + d."""
    images = 100 * torch.arange(6).unsqueeze(1) + torch.arange(8)
    generator = torch.Generator().manual_seed(0)
    facts: dict[str, Any] = {
        N_("the shapes"): None,
        N_("different classes in an episode"): set(),
        N_("drawings in both support and query"): set(),
        N_("labels of the support set"): set(),
        N_("labels of the query set"): set(),
        N_("a label means one class, in support and query alike"): set(),
        N_("label 0 means the same class in all episodes"): None,
        N_("labels follow the order of the classes in all episodes"): None,
        N_("every drawing of a class can be in a support set"): None,
    }
    first, in_order, seen = set(), True, set()
    for _episode in range(40):
        support_x, support_y, query_x, query_y = draw_episode(images.clone(), 3, 2, 3, generator)
        facts["the shapes"] = [tuple(part.shape) for part in (support_x, support_y, query_x, query_y)]
        pairs = [(int(x) // 100, int(y)) for x, y in zip(support_x, support_y, strict=True)]
        asked = [(int(x) // 100, int(y)) for x, y in zip(query_x, query_y, strict=True)]
        facts["different classes in an episode"].add(len({c for c, _y in pairs}))
        common = set(support_x.tolist()) & set(query_x.tolist())
        facts["drawings in both support and query"].add(bool(common))
        facts["labels of the support set"].add(tuple(sorted(y for _c, y in pairs)))
        facts["labels of the query set"].add(tuple(sorted(y for _c, y in asked)))
        meaning = set(pairs) | set(asked)
        facts["a label means one class, in support and query alike"].add(
            len(meaning) == len({c for c, _y in meaning}) == len({y for _c, y in meaning})
        )
        first |= {c for c, y in meaning if y == 0}
        ordered = [c for c, _y in sorted(meaning, key=lambda pair: pair[1])]
        in_order = in_order and ordered == sorted(ordered)
        seen |= {int(x) % 100 for x in support_x}
    facts["label 0 means the same class in all episodes"] = len(first) == 1
    facts["labels follow the order of the classes in all episodes"] = in_order
    facts["every drawing of a class can be in a support set"] = len(seen) == 8
    return {
        name: sorted(map(str, fact)) if isinstance(fact, set) else str(fact) for name, fact in facts.items()
    }


@probe("02/one-more-example", context={"torch": torch})
def probe_add_example(add_example):
    generator = torch.Generator().manual_seed(0)
    encoded = torch.randn(6, 4, generator=generator)
    description, result = torch.zeros(4), {}
    for n in range(len(encoded)):
        description = add_example(description.clone(), n, encoded[n].clone())
        many = label(N_("after {n} examples"), n=n + 1)
        result[many if n else N_("after 1 example")] = description
    return result


def results(seed, tasks=30, queries=15, edge=0.0):
    """Right and wrong answers, bool (tasks, queries), with tasks of different difficulty."""
    generator = torch.Generator().manual_seed(seed)
    chance = 0.35 + 0.6 * torch.rand(tasks, 1, generator=generator) + edge
    return torch.rand(tasks, queries, generator=generator) < chance


@probe("02/interval", context={"torch": torch, "math": math})
def probe_interval(interval):
    return {
        N_("30 tasks of 15 queries"): interval(results(0)),
        N_("8 tasks of 5 queries"): interval(results(1, 8, 5)),
    }


@probe("02/paired", context={"torch": torch, "math": math})
def probe_paired(paired):
    generator = torch.Generator().manual_seed(3)
    hard = torch.rand(40, generator=generator, dtype=torch.float64)
    noise = 0.1 * torch.randn(2, 40, generator=generator, dtype=torch.float64)
    return {
        N_("40 tasks"): paired(hard + noise[0], hard + noise[1] + 0.05),
        N_("the first 10 of them"): paired((hard + noise[0])[:10], (hard + noise[1] + 0.05)[:10]),
    }


@probe("02/coin", context={"math": math})
def probe_coin(predict_heads):
    cases = ((0, 0), (1, 1), (0, 1), (2, 3), (9, 10), (50, 100))
    return {
        label(N_("{heads} heads in {n} tosses"), heads=heads, n=n): predict_heads(heads, n)
        for heads, n in cases
    }
