"""Probes of chapter 9."""

from typing import Any

import torch
import torch.nn.functional as F

from metalib.exercises.probes import N_, label, probe


@probe("09/own-statistics", context={"torch": torch, "F": F}, atol=1e-4)
def probe_own_statistics(normalised, draw):
    result: dict[str, Any] = {}
    for _task in range(2):
        n, m, channels, height, width = draw.different(5, 2, 7)
        x = draw.normal(n, channels, height, width)
        # Images differ in brightness and channels in size: no other way of averaging is the same.
        bright = 2 * draw.normal(m, channels, 1, 1)
        reference = 3 + draw.uniform(channels, 1, 1, low=0.5, high=2) * (
            draw.normal(m, channels, height, width) + bright
        )
        scale, offset = draw.uniform(channels, low=0.5, high=2), draw.normal(channels)
        name = label(N_("{n} images, {channels} channels"), n=n, channels=channels)
        result[name] = normalised(x, reference, scale, offset)
    result[N_("another eps")] = normalised(x, 0.1 * reference, scale, offset, draw.number(0.2, 0.5))
    return result


@probe("09/gap-closed", context={"torch": torch})
def probe_gap_closed(gap_closed, draw):
    result: dict[str, Any] = {}
    for _task in range(2):
        n = draw.whole(6, 40)
        low = 0.4 + 0.2 * draw.uniform(n)
        high = low + 0.1 + 0.3 * draw.uniform(n)
        method = low + draw.number(0.1, 0.3) + 0.1 * draw.normal(n)
        result[label(N_("{n} tasks"), n=n)] = gap_closed(low, method, high)
    return result


@probe("09/bayes-line", context={"torch": torch})
def probe_bayes_line(bayes_logits, draw):
    result = {}
    for _task in range(2):
        ways, queries, grams = draw.different(3, 3, 9)
        counts = torch.stack([draw.uniform(grams, high=draw.number(2, 6)).floor() for _class in range(ways)])
        counts[:, 0] = torch.arange(ways)  # classes of different sizes, and an n-gram that one of them lacks
        asked = draw.uniform(queries, grams, high=3.0).floor()
        asked[:, 0] = 2  # an n-gram that occurs twice
        name = label(N_("{ways} classes, {queries} queries"), ways=ways, queries=queries)
        result[name] = bayes_logits(counts, asked, draw.number(0.1, 0.9))
    return result


@probe("09/two-opinions", context={"torch": torch})
def probe_two_opinions(together, draw):
    ways, queries = draw.different(2, 3, 7)
    first, second = 2 * draw.normal(queries, ways), 2 * draw.normal(queries, ways)
    first[:, 0] += 3  # logits need not be centred
    large = 100 + 3 * draw.normal(queries, ways)
    return {
        N_("two opinions"): together(first, second),
        N_("logits of a hundred"): together(large, second - 200),
    }
