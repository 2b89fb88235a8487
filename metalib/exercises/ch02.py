"""The exercises and the quiz of chapter 2, core concepts."""

import math

import torch

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz

TITLE = "Tasks, episodes, and three families of learners"


# --- 1: an episode by hand
def probe_draw_episode(draw_episode):
    """What is true of twenty episodes, whatever numbers were drawn: "drawing" d of class c is 100 c + d."""
    images = 100 * torch.arange(6).unsqueeze(1) + torch.arange(8)
    generator = torch.Generator().manual_seed(0)
    facts = {
        "the shapes": None,
        "different classes in an episode": set(),
        "drawings in both support and query": set(),
        "labels of the support set": set(),
        "labels of the query set": set(),
        "a label means one class, in support and query alike": set(),
        "label 0 means the same class in all episodes": None,
        "labels follow the order of the classes in all episodes": None,
        "every drawing of a class can be in a support set": None,
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


EPISODE = Exercise(
    id="02/episode",
    title="draw an episode",
    difficulty=2,
    minutes=15,
    name="draw_episode",
    statement=r"""
Write the sampler of one N-way K-shot episode. `images` has shape `(classes, drawings, ...)`. Return four
tensors: `support_x` of shape `(ways * shots, ...)`, `support_y` `(ways * shots,)`, `query_x`
`(ways * queries, ...)` and `query_y` `(ways * queries,)`; the labels are 0 … ways − 1. `queries` is the
number of query drawings *a class*.

- No class twice in an episode, and no drawing in both sets.
- A class gets its label anew in every episode, at random.
- Every class and every drawing can be drawn.

All chance comes from `generator`. The check looks at these rules, not at which episode you draw.
""",
    stub="""\
def draw_episode(images, ways, shots, queries, generator):
    classes = ...
    ...
""",
    solution="""\
def draw_episode(images, ways, shots, queries, generator):
    classes = torch.randperm(images.shape[0], generator=generator)[:ways]
    support, query = [], []
    for c in classes:
        order = torch.randperm(images.shape[1], generator=generator)
        support.append(images[c, order[:shots]])
        query.append(images[c, order[shots : shots + queries]])
    labels = torch.arange(ways)
    support_y, query_y = labels.repeat_interleave(shots), labels.repeat_interleave(queries)
    return torch.cat(support), support_y, torch.cat(query), query_y
""",
    context={"torch": torch},
    probe=probe_draw_episode,
    hints=(
        "`torch.randperm(n, generator=generator)[:k]` draws k *different* numbers below n, in random order.",
        "If the classes come in random order, label i can simply be the i-th of them.",
        "Shuffle the drawings of a class once: the first `shots` go to the support set, the next `queries` "
        "to the query set. `labels.repeat_interleave(shots)` writes each label `shots` times.",
    ),
    wrong=(
        Wrong(
            "torch.randperm(images.shape[0], generator=generator)[:ways]",
            "torch.randint(images.shape[0], (ways,), generator=generator)",
            "`randint` can draw a class twice. Then two labels mean the same character, and no learner can "
            "tell them apart.",
        ),
        Wrong(
            code="""\
def draw_episode(images, ways, shots, queries, generator):
    classes = torch.randperm(images.shape[0], generator=generator)[:ways]
    support, query = [], []
    for c in classes:
        support.append(images[c, torch.randperm(images.shape[1], generator=generator)[:shots]])
        query.append(images[c, torch.randperm(images.shape[1], generator=generator)[:queries]])
    labels = torch.arange(ways)
    support_y, query_y = labels.repeat_interleave(shots), labels.repeat_interleave(queries)
    return torch.cat(support), support_y, torch.cat(query), query_y
""",
            message="Support and query drawings were drawn one independently of the other, so a drawing can "
            "be in both: the learner has seen the exam paper. Shuffle once and cut.",
        ),
        Wrong(
            "classes = torch.randperm(images.shape[0], generator=generator)[:ways]",
            "classes = torch.randperm(images.shape[0], generator=generator)[:ways].sort().values",
            "The classes are in sorted order, so a small label means a class that comes early in the data "
            "set. That gives something away before the support set is read: the order must be random.",
        ),
        Wrong(
            "classes = torch.randperm(images.shape[0], generator=generator)[:ways]",
            "classes = torch.arange(ways)",
            "These are the same classes, with the same labels, in every episode: one task again and again. "
            "A learner could remember it and ignore the support set.",
        ),
        Wrong(
            "order = torch.randperm(images.shape[1], generator=generator)",
            "order = torch.arange(images.shape[1])",
            "The support set always has the first drawings of a class. Drawings are drawn at random too.",
        ),
        Wrong(
            code="""\
def draw_episode(images, ways, shots, queries, generator):
    classes = torch.randperm(images.shape[0], generator=generator)[:ways]
    support, query = [], []
    for c in classes:
        order = torch.randperm(images.shape[1], generator=generator)
        support.append(images[c, order[:shots]])
        query.append(images[c, order[shots : shots + queries]])
    labels = torch.arange(ways)
    support_y, query_y = labels.repeat(shots), labels.repeat(queries)
    return torch.cat(support), support_y, torch.cat(query), query_y
""",
            message="The drawings lie class by class, 0 0 1 1 2 2, but your labels run 0 1 2 0 1 2: most "
            "drawings got another class's label. That is `repeat`; you want `repeat_interleave`.",
        ),
    ),
    passed="You have written what `metalib.Episodes` does. (It draws many episodes at once.)",
)


# --- 2: one example more
def probe_add_example(add_example):
    generator = torch.Generator().manual_seed(0)
    encoded = torch.randn(6, 4, generator=generator)
    description, result = torch.zeros(4), {}
    for n in range(len(encoded)):
        description = add_example(description.clone(), n, encoded[n].clone())
        result[f"after {n + 1} example{'s' if n else ''}"] = description
    return result


ONE_MORE = Exercise(
    id="02/one-more-example",
    title="one example more",
    difficulty=1,
    minutes=10,
    name="add_example",
    statement=r"""
A neural process describes a task by the *mean* of its encoded examples. Suppose that the examples come one
after the other, and that nobody wants to keep the old ones.

`description` is the mean of `n` encoded examples, of shape `(R,)`; `encoded` is one more, of the same shape.
Return the mean of all `n + 1`. For `n = 0` the old description must play no part.
""",
    stub="""\
def add_example(description, n, encoded):
    ...
""",
    solution="""\
def add_example(description, n, encoded):
    return description + (encoded - description) / (n + 1)
""",
    context={"torch": torch},
    probe=probe_add_example,
    hints=(
        "The sum of the old ones is `n * description`. What is the new sum, and how many are there now?",
        "The new mean is (n · description + encoded) / (n + 1).",
    ),
    wrong=(
        Wrong(
            "description + (encoded - description) / (n + 1)",
            "(description + encoded) / 2",
            "The newest example now weighs as much as all old ones together, so the order matters: the last "
            "example of a support set would count most.",
        ),
        Wrong(
            "description + (encoded - description) / (n + 1)",
            "description + encoded",
            "That is a sum. It grows with every example, and a decoder trained with ten shots has never seen "
            "descriptions as large as those of a hundred.",
        ),
        Wrong(
            "description + (encoded - description) / (n + 1)",
            "description + encoded / (n + 1)",
            "The old mean has to give way a little: it now stands for n of n + 1 examples.",
        ),
        Wrong(
            "description + (encoded - description) / (n + 1)",
            "torch.maximum(description, encoded)",
            "That is a maximum. It is independent of the order too, and some set networks use it, but it is "
            "not the mean.",
        ),
    ),
    passed="The description of a task can be kept up to date at the same small cost for every example, and "
    "the order plays no part.",
)


# --- 3: the interval
def results(seed, tasks=30, queries=15, edge=0.0):
    """Right and wrong answers, bool (tasks, queries), with tasks of different difficulty."""
    generator = torch.Generator().manual_seed(seed)
    chance = 0.35 + 0.6 * torch.rand(tasks, 1, generator=generator) + edge
    return torch.rand(tasks, queries, generator=generator) < chance


def probe_interval(interval):
    return {
        "30 tasks of 15 queries": interval(results(0)),
        "8 tasks of 5 queries": interval(results(1, 8, 5)),
    }


INTERVAL = Exercise(
    id="02/interval",
    title="accuracy and its interval",
    difficulty=2,
    minutes=10,
    name="accuracy_interval",
    statement=r"""
`right` is a tensor of `bool`s of shape `(T, Q)`: which of the Q queries of each of T test tasks were answered
correctly. Return the mean accuracy and half the 95 % interval **over tasks**, two numbers between 0 and 1:
$1.96\, s / \sqrt T$, where $s$ is the standard deviation (with T − 1 in the denominator) of the T tasks'
accuracies.
""",
    stub="""\
def accuracy_interval(right):
    ...
    return mean, half_width
""",
    solution="""\
def accuracy_interval(right):
    accuracies = right.double().mean(dim=1)
    half_width = 1.96 * accuracies.std() / len(accuracies) ** 0.5
    return accuracies.mean().item(), half_width.item()
""",
    context={"torch": torch, "math": math},
    probe=probe_interval,
    hints=(
        "First one accuracy for each task: a mean over the queries.",
        "`.std()` of a tensor divides by T − 1. Then 1.96 times that, over the square root of T.",
    ),
    wrong=(
        Wrong(
            code="""\
def accuracy_interval(right):
    each = right.double().flatten()
    half_width = 1.96 * each.std() / len(each) ** 0.5
    return each.mean().item(), half_width.item()
""",
            message="You counted every *query* as an independent trial. Queries of one task stand or fall "
            "together, because the task is easy or hard: it is the tasks that were drawn independently.",
        ),
        Wrong(
            " / len(accuracies) ** 0.5",
            "",
            "That is the spread of single tasks, not of their mean: √T is missing. It would not shrink with "
            "more tasks.",
        ),
        Wrong(
            "len(accuracies) ** 0.5",
            "len(accuracies)",
            "You divided by T; the standard deviation of a mean falls with the *square root* of T.",
        ),
        Wrong(
            "accuracies.std()",
            "accuracies.std(unbiased=False)",
            "Your standard deviation has T in the denominator. With T − 1 it is a little larger: the mean "
            "was estimated from the same T numbers, and they lie closer to it than to the true one.",
        ),
        Wrong(
            "1.96 * accuracies.std()",
            "accuracies.std()",
            "That is one standard deviation of the mean, an interval of about 68 %. For 95 % it takes 1.96.",
        ),
        Wrong(
            "1.96 * accuracies.std() / len(accuracies) ** 0.5",
            "2 * 1.96 * accuracies.std() / len(accuracies) ** 0.5",
            "That is the whole width. What stands after the ± is half of it.",
        ),
    ),
    passed="It is how `metalib.evaluate` makes its ±.",
)


# --- 4: paired
def probe_paired(paired):
    generator = torch.Generator().manual_seed(3)
    hard = torch.rand(40, generator=generator, dtype=torch.float64)
    noise = 0.1 * torch.randn(2, 40, generator=generator, dtype=torch.float64)
    return {
        "40 tasks": paired(hard + noise[0], hard + noise[1] + 0.05),
        "the first 10 of them": paired((hard + noise[0])[:10], (hard + noise[1] + 0.05)[:10]),
    }


PAIRED = Exercise(
    id="02/paired",
    title="the paired difference",
    difficulty=2,
    minutes=10,
    name="paired_difference",
    statement=r"""
`first` and `second` have shape `(T,)`: the scores of two learners **on the same T tasks**. Return the mean of
first − second, and half its 95 % interval, as two Python numbers.

**Predict** before you write: will this interval be narrower or wider than the one you get from the two
learners' own intervals?
""",
    stub="""\
def paired_difference(first, second):
    ...
    return mean, half_width
""",
    solution="""\
def paired_difference(first, second):
    difference = first - second
    half_width = 1.96 * difference.std() / len(difference) ** 0.5
    return difference.mean().item(), half_width.item()
""",
    context={"torch": torch, "math": math},
    probe=probe_paired,
    hints=(
        "One difference for each task comes first. After that it is the interval of the exercise before.",
        "`difference = first - second`, then 1.96 · s / √T of that.",
    ),
    wrong=(
        Wrong(
            "difference.std()",
            "(first.var() + second.var()) ** 0.5",
            "You combined the two learners' own spreads, as if they had been tested on different tasks. That "
            "some tasks are hard for both counts twice there; in the difference it cancels.",
        ),
        Wrong(
            "difference = first - second",
            "difference = (first - second).abs()",
            "You averaged absolute differences. They are positive even if neither learner is better.",
        ),
        Wrong(
            "difference = first - second",
            "difference = second - first",
            "The sign is the other way round: first minus second.",
        ),
        Wrong(
            " / len(difference) ** 0.5",
            "",
            "That is the spread of single differences; √T is missing.",
        ),
        Wrong(
            "1.96 * difference.std() / len(difference) ** 0.5",
            "1.96 * (first.std() - second.std()).abs() / len(difference) ** 0.5",
            "The spread of a difference is not the difference of the spreads.",
        ),
    ),
    passed="Same tasks for all, then the interval of the difference: it costs nothing and often is several "
    "times narrower.",
)


# --- 5: the posterior predictive
def probe_coin(predict_heads):
    cases = ((0, 0), (1, 1), (0, 1), (2, 3), (9, 10), (50, 100))
    return {f"{heads} heads in {n} tosses": predict_heads(heads, n) for heads, n in cases}


COIN = Exercise(
    id="02/coin",
    title="the best possible learner of coins",
    difficulty=3,
    minutes=15,
    name="predict_heads",
    statement=r"""
Each task is a coin. Its probability of heads, $\tau$, is drawn evenly from 0 to 1; the support set is `n`
tosses, `heads` of which were heads; the one query is the next toss. A model-based learner has been
meta-trained on such coins, to the very end.

Which probability of heads does it give? Work out the posterior predictive

$$p(\text{heads} \mid S) = \int_0^1 \tau\; p(\tau \mid S)\, d\tau , \qquad
p(\tau \mid S) \propto \tau^{h} (1 - \tau)^{n - h}$$

(You will need $\int_0^1 \tau^a (1-\tau)^b\, d\tau = \frac{a!\, b!}{(a+b+1)!}$.)
""",
    stub="""\
def predict_heads(heads, n):
    ...
""",
    solution="""\
def predict_heads(heads, n):
    return (heads + 1) / (n + 2)
""",
    context={"math": math},
    probe=probe_coin,
    hints=(
        "Without any toss, what would you say? And after a thousand tosses, 700 of them heads?",
        "Divide two of these integrals: the one with τ^(h+1)·(1−τ)^(n−h) by the one with τ^h·(1−τ)^(n−h).",
        "The factorials cancel but for (h + 1) above and (n + 2) below.",
    ),
    wrong=(
        Wrong(
            "(heads + 1) / (n + 2)",
            "heads / n if n else 0.5",
            "That is the frequency so far, with 0.5 for a start. After one head it is certain of heads for "
            "ever, and its log-loss is infinite when tails comes. It ignores what is known of coins: p(τ).",
        ),
        Wrong(
            "(heads + 1) / (n + 2)",
            "heads / n",
            "That is the frequency so far. Before the first toss it is 0/0, yet there is an answer: p(τ) is "
            "known, and you have not used it.",
        ),
        Wrong(
            "(heads + 1) / (n + 2)",
            "0.5",
            "That is the prior: right before the first toss, and deaf to the support set after it.",
        ),
        Wrong(
            "(heads + 1) / (n + 2)",
            "(heads + 1) / (n + 1)",
            "Heads and tails must together make 1; yours make more. One imagined toss of *each* kind gives "
            "n + 2 below.",
        ),
        Wrong(
            "(heads + 1) / (n + 2)",
            "(heads + 0.5) / (n + 1)",
            "That would be right for another distribution over tasks (Jeffreys' prior, in which most coins "
            "are strongly biased). Here τ is drawn *evenly*.",
        ),
        Wrong(
            "(heads + 1) / (n + 2)",
            "(n - heads + 1) / (n + 2)",
            "That is the probability of tails.",
        ),
    ),
    passed="It is Laplace's rule of succession. It needs no gradient step at test time: all that a network "
    "has to learn is this function of the support set.",
)

EXERCISES = (EPISODE, ONE_MORE, INTERVAL, PAIRED, COIN)

QUIZ = Quiz(
    "02/quiz",
    (
        Question(
            "A 20-way 5-shot task with 15 queries a class: how many examples has its support set?",
            (
                Choice("5", "That is the number of support examples of *one* class."),
                Choice("100", "Yes: ways × shots = 20 × 5.", correct=True),
                Choice("400", "20 × (5 + 15) is support and query together."),
                Choice("300", "20 × 15 is the query set."),
            ),
        ),
        Question(
            "A colleague meta-trains and meta-tests on the same characters, but on different drawings of "
            "them. What has been measured?",
            (
                Choice(
                    "How well new tasks are learned.",
                    "The test tasks are made of known classes; nothing about them has to be learned anew.",
                ),
                Choice(
                    "How well new drawings of known characters are recognised.",
                    "Yes: that is ordinary generalisation. Meta-testing needs new *classes*.",
                    correct=True,
                ),
                Choice(
                    "Nothing at all.",
                    "It does measure something, as an ordinary classifier's test does. Only not what was "
                    "claimed.",
                ),
            ),
        ),
        Question(
            "You see only what `adapt` returns: a tensor of shape (T, ways, 64), the same however many shots "
            "there were. Which learner is it most likely?",
            (
                Choice(
                    "ProtoNet: one average a class.",
                    "Yes. And a CNP that encodes class by class would look the same: the families touch.",
                    correct=True,
                ),
                Choice(
                    "MAML.",
                    "MAML returns a whole set of network weights for each task, a dictionary of tensors.",
                ),
                Choice(
                    "The matching learner.",
                    "It keeps every support example, so its tensor grows with the shots.",
                ),
            ),
        ),
        Question(
            "Two learners have accuracies 92.0 ± 1.5 % and 90.5 ± 1.5 % on the same 300 tasks; the paired "
            "difference is 1.5 ± 0.6. What follows?",
            (
                Choice(
                    "Nothing: the two intervals overlap.",
                    "They contain the spread that both share because some tasks are hard. The difference "
                    "does not.",
                ),
                Choice(
                    "On tasks like these the first is better, as trained.",
                    "Yes: the interval of the difference excludes 0. Whether it would be after another "
                    "training run is a different question.",
                    correct=True,
                ),
                Choice(
                    "The first one's *method* is better.",
                    "One training run of each was compared, not methods. Another seed, network or budget may "
                    "turn it round.",
                ),
            ),
        ),
        Question(
            "What does it mean, precisely, that a model-based learner “learns the distribution over tasks”?",
            (
                Choice(
                    "It can draw new tasks from p(τ).",
                    "It has no such thing in it: it maps a support set and a query to an answer.",
                ),
                Choice(
                    "It stores the training tasks and looks for the most similar one.",
                    "Nothing is stored but weights, and infinitely many tasks would not fit.",
                ),
                Choice(
                    "Its answers approach those of someone who knows p(τ) and updates it on the support set.",
                    "Yes: the posterior predictive distribution is the minimum of the expected query "
                    "log-loss.",
                    correct=True,
                ),
                Choice(
                    "It works on every task.",
                    "On the contrary: on waves upside down it was worse than a flat line.",
                ),
            ),
        ),
    ),
)
