"""Probes of chapter 5."""

import torch
import torch.nn.functional as F

from metalib.exercises.probes import N_, label, probe


@probe("05/prototypes", context={"torch": torch, "F": F})
def probe_prototypes(prototypes):
    generator = torch.Generator().manual_seed(1)
    embedded = torch.randn(6, 4, generator=generator)
    mixed = torch.tensor([2, 0, 1, 1, 0, 2])
    unequal = torch.tensor([1, 0, 1, 2, 1, 2])
    return {
        N_("two shots, labels mixed"): prototypes(embedded.clone(), mixed),
        N_("one, three and two shots"): prototypes(embedded.clone(), unequal),
    }


@probe("05/episode-loss", context={"torch": torch, "F": F})
def probe_episode_loss(episode_loss):
    generator = torch.Generator().manual_seed(2)
    result = {}
    for ways, queries in ((3, 4), (5, 2)):
        prototypes = torch.randn(ways, 6, generator=generator)
        labels = torch.arange(ways).repeat_interleave(queries)
        near = prototypes[labels] + 0.6 * torch.randn(ways * queries, 6, generator=generator)
        result[label(N_("{ways} ways, {queries} queries a class"), ways=ways, queries=queries)] = (
            episode_loss(prototypes, near, labels)
        )
    return result


@probe("05/two-tests")
def probe_two_tests(two_tests):
    names = ["a", "b", "c", "д", "ж", "α", "β", "ა", "ბ"]
    scripts = ["Latin"] * 3 + ["Cyrillic"] * 2 + ["Greek"] * 2 + ["Georgian"] * 2
    result = {}
    for title, trained in (
        (N_("trained on a, b, д"), {"a", "b", "д"}),
        (N_("trained on c, α, β"), {"c", "α", "β"}),
    ):
        characters, new_scripts = two_tests(list(names), list(scripts), set(trained))
        result[title] = {
            N_("unseen characters"): [int(i) for i in characters],
            N_("unseen scripts"): [int(i) for i in new_scripts],
        }
    return result


@probe("05/nearest-neighbour", context={"torch": torch, "F": F})
def probe_neighbour(nearest_neighbour):
    generator = torch.Generator().manual_seed(6)
    centres = 3 * torch.randn(6, 3, generator=generator)  # two clouds a class
    labels = torch.tensor([2, 0, 1, 1, 0, 2]).repeat(3)
    support = centres.repeat(3, 1) + 1.2 * torch.randn(18, 3, generator=generator)
    query = centres.repeat(5, 1) + 1.5 * torch.randn(30, 3, generator=generator)
    return {N_("30 queries"): nearest_neighbour(support, labels, query)}


def predictors():
    """Learners' `predict` with the adapted part filled in: queries (Q, 3) to logits (Q, 2)."""
    weight = torch.tensor([[0.7, -0.2], [0.1, 0.9], [-0.4, 0.3]])

    def alone(x):
        return x @ weight

    def rounding(x):  # another order of additions in a larger batch: nothing but rounding errors
        return x @ weight + 1e-8 * len(x)

    def normalised(x):
        return (x - x.mean(dim=0)) @ weight

    def scaled(x):  # the answers stay, the probabilities do not
        return x @ weight / (1 + x.square().mean())

    def last_looks_at_first(x):
        seen = x.clone()
        seen[-1] = seen[-1] + 0.5 * seen[0] * (len(x) > 1)
        return seen @ weight

    return {
        N_("each query by itself"): alone,
        N_("each by itself, but for rounding errors"): rounding,
        N_("queries minus their common mean"): normalised,
        N_("logits divided by a common scale"): scaled,
        N_("only the last query looks at another"): last_looks_at_first,
    }


@probe("05/transductive", context={"torch": torch, "F": F})
def probe_transductive(is_transductive):
    query = torch.randn(6, 3, generator=torch.Generator().manual_seed(4))
    return {name: is_transductive(predict, query.clone()) for name, predict in predictors().items()}
