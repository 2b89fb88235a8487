"""Probes of chapter 5."""

import torch
import torch.nn.functional as F

from metalib.exercises.probes import N_, label, probe, with_gradient


@probe("05/one-line", context={"torch": torch, "F": F})
def probe_one_line(answers_of, draw):
    ways, shots, dimensions = draw.different(3, 3, 6)
    result = {}
    for spread in (0.5, 1.5):  # clouds that stand apart, and clouds that overlap
        centres = 1.5 * draw.normal(ways, 1, dimensions) + 2  # not around zero: products are no distances
        wide = spread * (0.5 + draw.uniform(ways, 1, 1))  # not all classes equally wide
        support = centres + wide * draw.normal(ways, shots, dimensions)
        queries = (centres + wide * draw.normal(ways, 8, dimensions)).flatten(0, 1)
        queries = queries[draw.order(len(queries))]
        name = label(N_("{ways} ways, {shots} shots, spread {spread}"), ways=ways, shots=shots, spread=spread)
        result[name] = answers_of(support, queries)
    return result


@probe("05/episode-loss", context={"torch": torch, "F": F})
def probe_episode_loss(episode_loss, draw):
    result = {}
    for _episode in range(2):
        ways, queries, dimensions = draw.different(3, 2, 6)
        prototypes = draw.normal(ways, dimensions)
        labels = torch.arange(ways).repeat_interleave(queries)[draw.order(ways * queries)]
        near = prototypes[labels] + 0.6 * draw.normal(ways * queries, dimensions)
        prototypes, near = prototypes.requires_grad_(), near.requires_grad_()
        name = label(N_("{ways} ways, {queries} queries a class"), ways=ways, queries=queries)
        result[name] = with_gradient(episode_loss(prototypes, near, labels), prototypes, near)
    return result


@probe("05/two-tests")
def probe_two_tests(two_tests, draw):
    """Three scripts of which some classes, all classes and no class were trained on, their classes mixed."""
    sizes = [draw.whole(2, 4) for _script in range(4)]
    classes = [
        (f"{script.lower()} {n}", script)
        for script, size in zip(("Latin", "Greek", "Lisu", "Ogham"), sizes, strict=True)
        for n in range(size)
    ]
    some = draw.whole(1, sizes[0] - 1)
    trained = {f"latin {n}" for n in range(some)} | {f"greek {n}" for n in range(sizes[1])}
    names, scripts = zip(*(classes[i] for i in draw.order(len(classes)).tolist()), strict=True)
    result = {}
    for title, seen in (
        (N_("two scripts trained on"), trained),
        (N_("a third script as well"), {*trained, "lisu 1"}),
    ):
        characters, new_scripts = two_tests(list(names), list(scripts), set(seen))
        result[title] = {
            N_("unseen characters"): characters,
            N_("unseen scripts"): new_scripts,
        }
    return result


@probe("05/nearest-neighbour", context={"torch": torch, "F": F})
def probe_neighbour(nearest_neighbour, draw):
    ways, each, dimensions = draw.whole(3, 4), draw.whole(2, 4), draw.whole(2, 4)
    centres = 3 * draw.normal(2 * ways, dimensions)  # two clouds a class
    labels = torch.arange(ways).repeat(2 * each)
    support = centres.repeat(each, 1) + 1.2 * draw.normal(len(labels), dimensions)
    query = centres.repeat(5, 1) + 1.5 * draw.normal(10 * ways, dimensions)
    mixed = draw.order(len(labels))
    answers = nearest_neighbour(support[mixed], labels[mixed], query)
    return {label(N_("{n} queries"), n=len(query)): answers}


def predictors(draw, query):
    """Learners' `predict` with the adapted part filled in: queries such as `query`, (n, 3), to logits."""
    n = len(query)
    matrix = draw.normal(3, draw.whole(2, 4))

    def linear(x):
        return x @ matrix.to(x)

    def of_itself(x):  # normalised, but each query by its own numbers
        return linear(F.layer_norm(x, (3,)))

    def rounding(x):  # another order of additions in a larger batch: nothing but rounding errors
        return linear(x) + 4e-6 * len(x)

    def centred(x):
        return linear(x - x.mean(dim=0))

    def scaled(x):  # the answers stay, the probabilities do not
        return linear(x) / (1 + x.square().mean())

    def last_looks_at_first(x):  # by their places
        seen = x.clone()
        if len(x) >= n:
            seen[n - 1] = seen[n - 1] + 0.5 * seen[0]
        return linear(seen)

    def looks(here, there):
        """The query with the number `here` looks at the one with the number `there`, where both are asked,
        whatever their places."""

        def is_query(x, number):
            return (x - query[number].to(x)).abs().amax(dim=-1, keepdim=True) < 1e-3  # (len(x), 1)

        def predict(x):
            met = is_query(x, here) & is_query(x, there).any()
            return linear(x + 0.5 * met * query[there].to(x))

        return predict

    def one_logit(x):  # only the last class's logit, and only a little
        logits = linear(x).clone()
        logits[:, -1] = logits[:, -1] + 0.02 * (x - x.mean(dim=0)).square().sum(dim=-1)
        return logits

    middle = draw.whole(2, n - 3)
    return {
        N_("each query by itself"): linear,
        N_("each by itself, normalised by its own numbers"): of_itself,
        N_("each by itself, but for rounding errors"): rounding,
        N_("queries minus their common mean"): centred,
        N_("logits divided by a common scale"): scaled,
        N_("only the last query looks at the first"): last_looks_at_first,
        N_("only the first query looks at the last"): looks(0, n - 1),
        N_("only the first query looks at the second"): looks(0, 1),
        N_("only the second query looks at the last"): looks(1, n - 1),
        N_("only the last query but one looks at the last"): looks(n - 2, n - 1),
        N_("only a query in the middle looks at the next"): looks(middle, middle + 1),
        N_("one logit has a little of the common mean"): one_logit,
    }


@probe("05/transductive", context={"torch": torch, "F": F}, slips_off=("one-minus",))
def probe_transductive(depends_on_others, draw):
    query = draw.normal(draw.whole(5, 8), 3) + 0.5
    return {
        name: depends_on_others(predict, query.clone()) for name, predict in predictors(draw, query).items()
    }
