"""The exercises and the quiz of chapter 5, ProtoNet."""

import torch
import torch.nn.functional as F

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz

TITLE = "ProtoNet in three steps"


# --- 1: prototypes
def probe_prototypes(prototypes):
    generator = torch.Generator().manual_seed(1)
    embedded = torch.randn(6, 4, generator=generator)
    mixed = torch.tensor([2, 0, 1, 1, 0, 2])
    unequal = torch.tensor([1, 0, 1, 2, 1, 2])
    return {
        "two shots, labels mixed": prototypes(embedded.clone(), mixed),
        "one, three and two shots": prototypes(embedded.clone(), unequal),
    }


PROTOTYPES = Exercise(
    id="05/prototypes",
    title="prototypes without a loop",
    difficulty=1,
    minutes=10,
    name="class_means",
    statement=r"""
`embedded` has shape `(S, D)`, `labels` has shape `(S,)`: the label of each support example, 0 … ways − 1, in
any order, and not equally many of each. Return the prototypes, `(ways, D)`: row $c$ is the mean of the rows
of `embedded` whose label is $c$.

Do it with a matrix product, as the learner protocol does: `F.one_hot(labels)` has shape `(S, ways)`.
""",
    stub="""\
def class_means(embedded, labels):
    member = F.one_hot(labels).float()
    ...
""",
    solution="""\
def class_means(embedded, labels):
    member = F.one_hot(labels).float()
    counts = member.sum(dim=0)
    return member.T @ embedded / counts.unsqueeze(-1)
""",
    context={"torch": torch, "F": F},
    probe=probe_prototypes,
    hints=(
        "What is in row c of `member.T @ embedded`? Write it out for two classes and three examples.",
        "It is the *sum* of the examples of class c. By what must each row be divided?",
        "`member.sum(dim=0)` counts the examples of each class; `.unsqueeze(-1)` makes a column of it, so "
        "that it divides row by row.",
    ),
    wrong=(
        Wrong(
            " / counts.unsqueeze(-1)",
            "",
            "Those are sums, not means. A class with more examples would lie farther out, and far from its "
            "own examples.",
        ),
        Wrong(
            "counts.unsqueeze(-1)",
            "len(embedded)",
            "You divided by all S examples. Each class is a mean over its *own* examples only.",
        ),
        Wrong(
            "counts.unsqueeze(-1)",
            "(len(embedded) / member.shape[1])",
            "You divided every class by S / ways, as if all had equally many examples. Here they have not.",
        ),
        Wrong(
            code="""\
def class_means(embedded, labels):
    ways = int(labels.max()) + 1
    return embedded.view(ways, -1, embedded.shape[1]).mean(dim=1)
""",
            message="You cut the support set into equal pieces and took their means. That is right only if "
            "it lies class by class, equally many of each; look at the labels.",
        ),
        Wrong(
            code="""\
def class_means(embedded, labels):
    member = F.one_hot(labels).float()
    return F.normalize(member.T @ embedded, dim=-1)
""",
            message="These have the right directions but all have length 1. For the cosine that would do; "
            "the Euclidean distance asks where the mean *is*.",
        ),
    ),
    passed="It is the `adapt` of ProtoNet, and it works for any number of examples a class.",
)


# --- 2: the loss of an episode
def probe_episode_loss(episode_loss):
    generator = torch.Generator().manual_seed(2)
    result = {}
    for ways, queries in ((3, 4), (5, 2)):
        prototypes = torch.randn(ways, 6, generator=generator)
        labels = torch.arange(ways).repeat_interleave(queries)
        near = prototypes[labels] + 0.6 * torch.randn(ways * queries, 6, generator=generator)
        result[f"{ways} ways, {queries} queries a class"] = episode_loss(prototypes, near, labels)
    return result


EPISODE_LOSS = Exercise(
    id="05/episode-loss",
    title="the loss of an episode",
    difficulty=2,
    minutes=15,
    name="episode_loss",
    statement=r"""
Write ProtoNet's training loss for one episode. `prototypes` has shape `(ways, D)`, `queries` `(Q, D)`, both
are embeddings; `labels` `(Q,)` are the classes of the queries. Return a scalar: the mean over the queries of
the cross-entropy, where the logits are **minus the squared Euclidean distances**.

You may use `F.cross_entropy(logits, labels)`.
""",
    stub="""\
def episode_loss(prototypes, queries, labels):
    ...
""",
    solution="""\
def episode_loss(prototypes, queries, labels):
    difference = queries.unsqueeze(1) - prototypes.unsqueeze(0)
    distances = difference.square().sum(dim=-1)
    return F.cross_entropy(-distances, labels)
""",
    context={"torch": torch, "F": F},
    probe=probe_episode_loss,
    hints=(
        "First all differences, `(Q, ways, D)`: `queries.unsqueeze(1) - prototypes.unsqueeze(0)`.",
        "Square, and sum over the last dimension. Which sign must a logit have if near is to be likely?",
        "`F.cross_entropy` takes logits `(Q, ways)` and labels `(Q,)`, and means over the queries by itself.",
    ),
    wrong=(
        Wrong(
            "F.cross_entropy(-distances",
            "F.cross_entropy(distances",
            "The minus is missing: now the *farthest* prototype is the likeliest. Training would push every "
            "class away from its own prototype.",
        ),
        Wrong(
            "difference.square().sum(dim=-1)",
            "difference.square().sum(dim=-1).sqrt()",
            "You took the Euclidean distance, not its square. The same prototype is the nearest, but the "
            "loss and its gradient are others (chapter 6).",
        ),
        Wrong(
            "difference.square().sum(dim=-1)",
            "difference.square().mean(dim=-1)",
            "You averaged over the D dimensions in place of summing. That divides all logits by D: a "
            "temperature, which makes every answer less sure.",
        ),
        Wrong(
            "F.cross_entropy(-distances, labels)",
            'F.cross_entropy(-distances, labels, reduction="sum")',
            "You summed over the queries; the loss is their mean. With a sum, more queries would mean longer "
            "steps.",
        ),
        Wrong(
            "F.cross_entropy(-distances, labels)",
            "F.cross_entropy(torch.softmax(-distances, dim=-1), labels)",
            "`F.cross_entropy` has the softmax built in; you applied it twice. The loss then never gets near "
            "0, however good the embedding is.",
        ),
        Wrong(
            "F.cross_entropy(-distances, labels)",
            "distances[torch.arange(len(labels)), labels].mean()",
            "That is the mean distance to the *own* prototype. An embedding that maps everything to one "
            "point makes it 0: the other classes must be in the loss.",
        ),
    ),
    passed="Its gradient goes to the encoder through queries *and* prototypes.",
)


# --- 3: two honest test sets
def probe_two_tests(two_tests):
    names = ["a", "b", "c", "д", "ж", "α", "β", "ა", "ბ"]
    scripts = ["Latin"] * 3 + ["Cyrillic"] * 2 + ["Greek"] * 2 + ["Georgian"] * 2
    result = {}
    for title, trained in (
        ("trained on a, b, д", {"a", "b", "д"}),
        ("trained on c, α, β", {"c", "α", "β"}),
    ):
        characters, new_scripts = two_tests(list(names), list(scripts), set(trained))
        result[title] = {
            "unseen characters": [int(i) for i in characters],
            "unseen scripts": [int(i) for i in new_scripts],
        }
    return result


TWO_TESTS = Exercise(
    id="05/two-tests",
    title="two honest test sets",
    difficulty=2,
    minutes=10,
    name="two_tests",
    statement=r"""
`names` and `scripts` are lists: the name and the script of every class there is. `trained` is the set of the
names of the classes that a learner was trained on. Return two lists of indices, in ascending order:

1. the classes it has not seen, **of scripts that it has seen** (at least one class of them);
2. the classes **of scripts that it has not seen** at all.
""",
    stub="""\
def two_tests(names, scripts, trained):
    ...
    return characters, new_scripts
""",
    solution="""\
def two_tests(names, scripts, trained):
    seen = {script for name, script in zip(names, scripts) if name in trained}
    characters = [i for i in range(len(names)) if names[i] not in trained and scripts[i] in seen]
    new_scripts = [i for i in range(len(names)) if scripts[i] not in seen]
    return characters, new_scripts
""",
    probe=probe_two_tests,
    hints=(
        "Which scripts has it seen? Make a set of them first, from the classes whose name is in `trained`.",
        "The first list has two conditions: the name is not in `trained`, the script is in that set.",
    ),
    wrong=(
        Wrong(
            "names[i] not in trained and scripts[i] in seen",
            "scripts[i] in seen",
            "The first list still holds classes that it was trained on: a leak, and the figure would look "
            "splendid.",
        ),
        Wrong(
            "names[i] not in trained and scripts[i] in seen",
            "names[i] not in trained",
            "The first list mixes two questions: it holds unseen characters of seen *and* of unseen scripts. "
            "One figure for both answers neither.",
        ),
        Wrong(
            "return characters, new_scripts",
            "return new_scripts, characters",
            "The two lists are the other way round: first the unseen characters of seen scripts.",
        ),
        Wrong(
            "if scripts[i] not in seen]",
            "if names[i] not in trained]",
            "The second list holds unseen characters of scripts that it knows well. Nothing would be said "
            "about new scripts.",
        ),
        Wrong(
            "{script for name, script in zip(names, scripts) if name in trained}",
            "{script for script in scripts if all(s != script or n in trained "
            "for n, s in zip(names, scripts))}",
            "You counted a script as seen only if *all* its characters were trained on. One is enough for it "
            "to be no longer new.",
        ),
    ),
    passed="Two lists, two questions, two figures.",
)


# --- 4: nearest neighbour
def probe_neighbour(nearest_neighbour):
    generator = torch.Generator().manual_seed(6)
    centres = 3 * torch.randn(6, 3, generator=generator)  # two clouds a class
    labels = torch.tensor([2, 0, 1, 1, 0, 2]).repeat(3)
    support = centres.repeat(3, 1) + 1.2 * torch.randn(18, 3, generator=generator)
    query = centres.repeat(5, 1) + 1.5 * torch.randn(30, 3, generator=generator)
    return {"30 queries": nearest_neighbour(support, labels, query)}


NEAREST_NEIGHBOUR = Exercise(
    id="05/nearest-neighbour",
    title="the nearest neighbour",
    difficulty=2,
    minutes=10,
    name="nearest_neighbour",
    statement=r"""
For classes of more than one cloud there is an older method. Keep all support examples and give each query
**the label of the single support example that is nearest** (Euclidean distance).

`support` has shape `(S, D)`, `labels` `(S,)`, in any order, `query` `(Q, D)`. Return the labels of the
queries, `(Q,)`.
""",
    stub="""\
def nearest_neighbour(support, labels, query):
    ...
""",
    solution="""\
def nearest_neighbour(support, labels, query):
    distances = (query.unsqueeze(1) - support.unsqueeze(0)).square().sum(dim=-1)
    return labels[distances.argmin(dim=1)]
""",
    context={"torch": torch, "F": F},
    probe=probe_neighbour,
    hints=(
        "All distances at once, `(Q, S)`: as in step 2, with the support examples for prototypes.",
        "`argmin(dim=1)` gives the *number* of the nearest support example. What is its label?",
    ),
    wrong=(
        Wrong(
            "labels[distances.argmin(dim=1)]",
            "distances.argmin(dim=1)",
            "You returned the *number* of the nearest support example. Its label is `labels[number]`.",
        ),
        Wrong(
            "distances.argmin(dim=1)",
            "distances.argmax(dim=1)",
            "That is the *farthest* support example.",
        ),
        Wrong(
            code="""\
def nearest_neighbour(support, labels, query):
    prototypes = torch.stack([support[labels == c].mean(dim=0) for c in range(int(labels.max()) + 1)])
    return (query.unsqueeze(1) - prototypes.unsqueeze(0)).square().sum(dim=-1).argmin(dim=1)
""",
            message="That is the nearest *prototype*: ProtoNet. Here no means are taken.",
        ),
        Wrong(
            code="""\
def nearest_neighbour(support, labels, query):
    distances = (query.unsqueeze(1) - support.unsqueeze(0)).square().sum(dim=-1)
    each = torch.stack([distances[:, labels == c].mean(dim=1) for c in range(int(labels.max()) + 1)])
    return each.argmin(dim=0)
""",
            message="You compared the *mean* distance to the examples of each class. A class of two clouds "
            "loses by its far one; the nearest single example does not ask for it.",
        ),
        Wrong(
            ".square().sum(dim=-1)",
            ".abs().sum(dim=-1)",
            "You added absolute differences (the Manhattan distance). Now and then another example is the "
            "nearest by it.",
        ),
    ),
    passed="No assumption on the shape of a class. The price: every support example is kept, and one odd "
    "example speaks for its whole neighbourhood.",
)


# --- 5: transductive or not
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
        "each query by itself": alone,
        "each by itself, but for rounding errors": rounding,
        "queries minus their common mean": normalised,
        "logits divided by a common scale": scaled,
        "only the last query looks at another": last_looks_at_first,
    }


def probe_transductive(is_transductive):
    query = torch.randn(6, 3, generator=torch.Generator().manual_seed(4))
    return {name: is_transductive(predict, query.clone()) for name, predict in predictors().items()}


TRANSDUCTIVE = Exercise(
    id="05/transductive",
    title="catch a transductive learner",
    difficulty=3,
    minutes=15,
    name="depends_on_others",
    statement=r"""
Write a test that needs no look at the code. `predict(query)` maps queries of shape `(Q, 3)` to logits
`(Q, ways)`; `query` is a tensor of six queries. Return `True` if the logits of **any** query depend on the
*other* queries, else `False`.

Differences below `1e-4` are rounding errors and do not count.
""",
    stub="""\
def depends_on_others(predict, query):
    ...
""",
    solution="""\
def depends_on_others(predict, query):
    together = predict(query)
    alone = torch.cat([predict(query[i : i + 1]) for i in range(len(query))])
    return not torch.allclose(together, alone, atol=1e-4)
""",
    context={"torch": torch, "F": F},
    probe=probe_transductive,
    hints=(
        "If a query is answered by itself, what happens to its logits when all others are taken away?",
        "`predict(query[i : i + 1])` asks for one query alone (and keeps the dimension). Do it for each.",
        "Compare all logits, not just the answers, and allow a small difference: `torch.allclose(..., "
        "atol=1e-4)`.",
    ),
    wrong=(
        Wrong(
            "not torch.allclose(together, alone, atol=1e-4)",
            "not torch.equal(together.argmax(dim=-1), alone.argmax(dim=-1))",
            "You compared the answers only. A common scale changes every probability and no answer: it "
            "escapes you.",
        ),
        Wrong(
            "not torch.allclose(together, alone, atol=1e-4)",
            "not torch.equal(together, alone)",
            "You asked for equality to the last bit. A larger batch may add in another order, and rounding "
            "errors are no leak.",
        ),
        Wrong(
            code="""\
def depends_on_others(predict, query):
    together = predict(query)
    shuffled = predict(query.flip(0)).flip(0)
    return not torch.allclose(together, shuffled, atol=1e-4)
""",
            message="You changed the order of the queries. A mean over the batch, which is what batch "
            "normalisation uses, does not depend on the order: it escapes you.",
        ),
        Wrong(
            code="""\
def depends_on_others(predict, query):
    return not torch.allclose(predict(query)[:1], predict(query[:1]), atol=1e-4)
""",
            message="You tested the first query only. Another one may depend on its neighbours: test all.",
        ),
        Wrong(
            "not torch.allclose",
            "torch.allclose",
            "The other way round: if the logits are the same, they do *not* depend on the others.",
        ),
    ),
    passed="Run it on any learner before you believe its table.",
)

EXERCISES = (PROTOTYPES, EPISODE_LOSS, TWO_TESTS, NEAREST_NEIGHBOUR, TRANSDUCTIVE)

QUIZ = Quiz(
    "05/quiz",
    (
        Question(
            "Which parameters does ProtoNet's training change?",
            (
                Choice(
                    "The prototypes.",
                    "They are computed from the support set of each episode, and forgotten after it.",
                ),
                Choice(
                    "The embedding network.",
                    "Yes, and nothing else. Means, distances and the minimum have no parameters.",
                    correct=True,
                ),
                Choice(
                    "The embedding network and the distance.",
                    "The distance is fixed. One may say that the embedding *makes* the distance between "
                    "images; but ‖a − b‖² itself has nothing to learn.",
                ),
                Choice(
                    "A last layer with one output a class.",
                    "There is none: that is why ProtoNet does not care how many classes there are.",
                ),
            ),
        ),
        Question(
            "At test time a sixth class arrives, with three examples. What has to be done?",
            (
                Choice(
                    "Train again with six ways.",
                    "The number of ways is not built into the network, and no weight changes.",
                ),
                Choice(
                    "A few gradient steps on the three examples.",
                    "That is how MAML adapts. ProtoNet adapts without gradients.",
                ),
                Choice(
                    "Take the mean of their embeddings: one more prototype.",
                    "Yes. The other five prototypes stay as they are.",
                    correct=True,
                ),
                Choice(
                    "Nothing; the network knows all characters.",
                    "It knows no character at all. It needs the support set to know what the classes are.",
                ),
            ),
        ),
        Question(
            "You will have 5 classes in use. With how many ways would you train, and why?",
            (
                Choice(
                    "5: training should be like the test.",
                    "A good rule for the *shots*. For the ways, chapter and paper measured otherwise.",
                ),
                Choice(
                    "More, as many as are affordable: harder episodes teach more.",
                    "Yes. In an easy episode the right prototype is far ahead already, and there is little "
                    "gradient.",
                    correct=True,
                ),
                Choice(
                    "2: every problem is made of pairs.",
                    "Two random characters are nearly always easy to tell apart: the least to be learned.",
                ),
            ),
        ),
        Question(
            "Someone's ProtoNet loses 6 % when the queries are given one at a time. What is the likeliest "
            "reason?",
            (
                Choice(
                    "Chance: single queries have a wider interval.",
                    "The same queries are asked, only in other company. If each were answered by itself, "
                    "nothing at all would change.",
                ),
                Choice(
                    "Batch normalisation uses the statistics of the queries.",
                    "Yes: the network was left in training mode, or normalises by the batch on purpose. The "
                    "better figure was a transductive one.",
                    correct=True,
                ),
                Choice(
                    "The prototypes are means over too few examples.",
                    "The support set is the same in both cases, and so are the prototypes.",
                ),
            ),
        ),
        Question(
            "In the picture of an episode, a query lies in the blue region and is judged “orange”. How can "
            "that be?",
            (
                Choice(
                    "It is a bug: the nearest prototype decides.",
                    "It does decide, but in all dimensions of the embedding. The picture has two of them.",
                ),
                Choice(
                    "The regions belong to points *of the plane*; the query lies beside it.",
                    "Yes. A plane shows a part of the variance. What is not in it can make another prototype "
                    "the nearest.",
                    correct=True,
                ),
                Choice(
                    "The regions are drawn for the Euclidean distance, the answer uses its square.",
                    "Both have the same nearest prototype everywhere.",
                ),
            ),
        ),
    ),
)
