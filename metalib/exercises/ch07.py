"""The exercises and the quiz of chapter 7, a whole project on Omniglot."""

import math

import torch

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz
from metalib.learners import ProtoNet
from metalib.tasks import TaskBatch

TITLE = "A whole project on Omniglot"


# --- 1: leaks between two splits
def image_set(names, ink, drawings=3):
    """A small image set: class i's drawings are all different, unless `ink` says otherwise.

    Imported here, not above: the data modules are only needed by this exercise.
    """
    from metalib.data import ImageSet

    images = torch.zeros(len(names), drawings, 1, 4, 4, dtype=torch.uint8)
    for c, base in enumerate(ink):
        for d in range(drawings):
            images[c, d, 0, 0, :2] = torch.tensor([base, d], dtype=torch.uint8)
    return ImageSet(images, tuple(names), tuple(name.split("/")[0] for name in names))


def probe_find_leaks(find_leaks):
    train = image_set(
        ["Greek/character01", "Greek/character02", "Latin/character01", "N_Ko/character05"], range(4)
    )
    clean = image_set(["Tifinagh/character01", "Tifinagh/character02"], (10, 11))
    alphabet = image_set(
        ["Greek/character03", "Greek/character04", "Latin/character02", "Tifinagh/character01"],
        (10, 11, 12, 13),
    )
    shared = image_set(["Latin/character01", "Tifinagh/character02", "Greek/character02"], (10, 11, 12))
    copied = image_set(["Tifinagh/character01", "Tifinagh/character02", "Tifinagh/character03"], (10, 3, 12))
    copied.images[2, 0] = train.images[0, 2]  # one drawing, at another place than in training
    copied.images[0, 1] = copied.images[0, 0]  # twice within the test set: no leak from training
    return {
        "nothing shared": find_leaks(train, clean),
        "alphabets shared": find_leaks(train, alphabet),
        "classes shared": find_leaks(train, shared),
        "drawings shared": find_leaks(train, copied),
    }


LEAKS = Exercise(
    id="07/find-leaks",
    title="find the leaks",
    difficulty=2,
    minutes=15,
    name="find_leaks",
    statement=r"""
You are given two image sets, `train` and `test`. Each has `names` (one for each class, such as
`"Greek/character03"`), `alphabets` (one for each class) and `images` (uint8, `(classes, drawings, 1, H, W)`).

Return three whole numbers:

1. how many *classes* of `test` are in `train` too,
2. how many *alphabets* (each counted once) are in both,
3. how many *drawings* of `test` are pixel by pixel the same as some drawing of `train`, of whatever class.

A drawing's bytes, `images[c, d].numpy().tobytes()`, can be kept in a `set`.
""",
    stub="""\
def find_leaks(train, test):
    ...
    return classes, alphabets, drawings
""",
    solution="""\
def find_leaks(train, test):
    classes = len(set(train.names) & set(test.names))
    alphabets = len(set(train.alphabets) & set(test.alphabets))
    known = {drawing.numpy().tobytes() for drawing in train.images.flatten(0, 1)}
    drawings = sum(drawing.numpy().tobytes() in known for drawing in test.images.flatten(0, 1))
    return classes, alphabets, drawings
""",
    context={"torch": torch},
    probe=probe_find_leaks,
    hints=(
        "`set(a) & set(b)` holds what is in both.",
        "Collect the bytes of *all* training drawings in one set, then go through all test drawings.",
        "`images.flatten(0, 1)` has the shape (classes · drawings, 1, H, W): one drawing after the other.",
    ),
    wrong=(
        Wrong(
            "len(set(train.names) & set(test.names))",
            'len({n.split("/")[1] for n in train.names} & {n.split("/")[1] for n in test.names})',
            "You compared `character01` without its alphabet. Every alphabet has a `character01`; they are "
            "different classes.",
        ),
        Wrong(
            "len(set(train.alphabets) & set(test.alphabets))",
            "sum(a in train.alphabets for a in test.alphabets)",
            "You counted the *classes* of `test` whose alphabet is known. Each alphabet counts once.",
        ),
        Wrong(
            "sum(drawing.numpy().tobytes() in known for drawing in test.images.flatten(0, 1))",
            "len(known & {drawing.numpy().tobytes() for drawing in test.images[:, 0]})",
            "You looked at the first drawing of each test class only. Any of them can be a copy.",
        ),
        Wrong(
            code="""\
def find_leaks(train, test):
    classes = len(set(train.names) & set(test.names))
    alphabets = len(set(train.alphabets) & set(test.alphabets))
    n = min(len(train.names), len(test.names))
    drawings = int((train.images[:n] == test.images[:n]).flatten(2).all(dim=2).sum())
    return classes, alphabets, drawings
""",
            message="You compared each test drawing with the training drawing at the *same place*. A copy "
            "can be "
            "in another class and at another place.",
        ),
        Wrong(
            code="""\
def find_leaks(train, test):
    classes = len(set(train.names) & set(test.names))
    alphabets = len(set(train.alphabets) & set(test.alphabets))
    seen = [drawing.numpy().tobytes() for images in (train, test) for drawing in images.images.flatten(0, 1)]
    return classes, alphabets, len(seen) - len(set(seen))
""",
            message="You also counted drawings that occur twice *within* one of the sets. That is worth "
            "knowing, but "
            "it is no leak from training to test.",
        ),
    ),
    passed="Run it on the splits of this chapter: `find_leaks(train, test)`. It takes a second, and every "
    "data "
    "set that you ever split deserves it.",
)


# --- 2: an episode within one alphabet
def probe_alphabet_episode(draw):
    """What is true of many episodes, whatever was drawn. Five alphabets; one has too few characters."""
    alphabets = ("A",) * 4 + ("B",) * 2 + ("C",) * 12 + ("D",) * 3 + ("A",) * 1
    generator = torch.Generator().manual_seed(0)
    facts = {
        "shapes": set(),
        "different classes in an episode": set(),
        "alphabets in an episode": set(),
        "different drawings of a class": set(),
        "drawings outside of 0 … 9": False,
    }
    used, firsts, ordered, seen = {name: 0 for name in "ABCD"}, set(), True, set()
    for _episode in range(90):
        classes, drawings = draw(alphabets, 10, 3, 2, 4, generator)
        facts["shapes"].add((tuple(classes.shape), tuple(drawings.shape)))
        facts["different classes in an episode"].add(len(set(classes.tolist())))
        names = {alphabets[c] for c in classes.tolist()}
        facts["alphabets in an episode"].add(len(names))
        facts["different drawings of a class"] |= {len(set(row)) for row in drawings.tolist()}
        facts["drawings outside of 0 … 9"] |= bool(((drawings < 0) | (drawings > 9)).any())
        for name in names:
            used[name] += 1
        ordered &= classes.tolist() == sorted(classes.tolist())
        seen |= set(classes.tolist())
        firsts |= set(drawings[:, 0].tolist())
    told = {
        name: sorted(map(str, fact)) if isinstance(fact, set) else str(fact) for name, fact in facts.items()
    }
    return told | {
        "an alphabet with too few characters is used": str(used["B"] > 0),
        "one alphabet comes far more often than the others": str(max(used.values()) > 42),
        "classes always in ascending order": str(ordered),
        "all characters of the alphabets can come": str(seen == set(range(len(alphabets))) - {4, 5}),
        "every drawing can be a support drawing": str(len(firsts) == 10),
    }


ONE_ALPHABET = Exercise(
    id="07/one-alphabet",
    title="an episode from one alphabet",
    difficulty=3,
    minutes=20,
    name="draw_from_one_alphabet",
    statement=r"""
Telling a Greek letter from a Tifinagh one is easy. The problem that we set out with was *one* script. Write
the sampler of one episode whose classes all come from the same alphabet.

`alphabets[c]` is the alphabet of class c; every class has `drawings` drawings. Return two tensors of whole
numbers: `classes`, of shape `(ways,)`, and `chosen`, of shape `(ways, shots + queries)`, the drawings of
each.

- First an alphabet is drawn, **each with the same chance**, from those that have at least `ways` characters.
- Then `ways` different characters of it, in random order, and for each `shots + queries` different drawings.

All chance comes from `generator`. The check looks at these rules, not at which episode you draw.
""",
    stub="""\
def draw_from_one_alphabet(alphabets, drawings, ways, shots, queries, generator):
    ...
    return classes, chosen
""",
    solution="""\
def draw_from_one_alphabet(alphabets, drawings, ways, shots, queries, generator):
    large = sorted({a for a in alphabets if alphabets.count(a) >= ways})
    alphabet = large[torch.randint(len(large), (), generator=generator)]
    members = torch.tensor([c for c, a in enumerate(alphabets) if a == alphabet])
    classes = members[torch.randperm(len(members), generator=generator)[:ways]]
    orders = [torch.randperm(drawings, generator=generator) for _ in range(ways)]
    chosen = torch.stack(orders)[:, : shots + queries]
    return classes, chosen
""",
    context={"torch": torch},
    probe=probe_alphabet_episode,
    hints=(
        "Make a list of the alphabets that are large enough, each once. `alphabets.count(a)` counts. (Use "
        "`sorted`, so that the list has the same order in every Python.)",
        "`torch.randint(n, (), generator=generator)` draws one number below n.",
        "`torch.randperm(n, generator=generator)[:k]` draws k different numbers in random order: once for "
        "the "
        "characters, and once for each character's drawings.",
    ),
    wrong=(
        Wrong(
            "large[torch.randint(len(large), (), generator=generator)]",
            "[a for a in alphabets if a in large][torch.randint(sum(a in large for a in alphabets), (), "
            "generator=generator)]",
            "You drew a *character* and took its alphabet, so large alphabets come more often than small "
            "ones. "
            "Each alphabet is to have the same chance.",
        ),
        Wrong(
            " if alphabets.count(a) >= ways",
            "",
            "Alphabets with too few characters are used too: then an episode has fewer classes than ways.",
        ),
        Wrong(
            "members[torch.randperm(len(members), generator=generator)[:ways]]",
            "members[torch.randint(len(members), (ways,), generator=generator)]",
            "`randint` can draw a character twice. Then two labels mean the same class.",
        ),
        Wrong(
            "members = torch.tensor([c for c, a in enumerate(alphabets) if a == alphabet])",
            "members = torch.arange(len(alphabets))",
            "The characters come from all alphabets. Keep those of the drawn one.",
        ),
        Wrong(
            "torch.randperm(len(members), generator=generator)[:ways]]",
            "torch.randperm(len(members), generator=generator)[:ways].sort().values]",
            "The classes are always in ascending order, so a label gives something away: the order must be "
            "random.",
        ),
        Wrong(
            "members[torch.randperm(len(members), generator=generator)[:ways]]",
            "members[:ways][torch.randperm(ways, generator=generator)]",
            "These are always the first characters of an alphabet. All of them must be able to come.",
        ),
        Wrong(
            "torch.stack(orders)[:, : shots + queries]",
            "torch.randint(drawings, (ways, shots + queries), generator=generator)",
            "A drawing can come twice, so the same one can be in the support set and in the query set.",
        ),
    ),
    passed="`metalib.Episodes(...).gather` takes what you return (with a task dimension in front). "
    "Evaluate the "
    "shipped ProtoNet on 100 such validation episodes: how much harder is one alphabet than a mixture?",
)


# --- 3: an evaluation with its interval
def hard_and_easy(tasks, ways, shots, queries, seed):
    """Two-pixel "images" of classes that lie close together in some tasks and far apart in others."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.linspace(0.3, 3.0, tasks).view(-1, 1, 1)
    centres = spread * torch.randn(tasks, ways, 2, generator=generator)

    def draw(n):
        x = centres.repeat_interleave(n, dim=1) + torch.randn(tasks, ways * n, 2, generator=generator)
        return x, torch.arange(ways).repeat_interleave(n).expand(tasks, -1).clone()

    return TaskBatch(*draw(shots), *draw(queries))


def probe_evaluate(evaluate_on):
    learner = ProtoNet(torch.nn.Flatten())
    return {
        "12 tasks, 4-way 2-shot": evaluate_on(learner, hard_and_easy(12, 4, 2, 6, 0)),
        "5 tasks, 3-way 1-shot": evaluate_on(learner, hard_and_easy(5, 3, 1, 4, 1)),
    }


EVALUATE = Exercise(
    id="07/evaluate",
    title="evaluate a learner",
    difficulty=2,
    minutes=15,
    name="evaluate_on",
    statement=r"""
`batch` has T tasks: `support_x`, `support_y`, `query_x`, `query_y`, each with the task as its first
dimension; labels have the shape `(T, …)`. `learner.adapt(support_x, support_y)` adapts to all tasks at once,
and `learner.predict(adapted, query_x)` gives logits of shape `(T, Q, ways)`.

Return two Python numbers: the mean **query accuracy** over tasks, between 0 and 1, and half its 95 % interval
over tasks, $1.96\, s/\sqrt T$, with s the standard deviation of the tasks' accuracies (T − 1 in its
denominator).
""",
    stub="""\
def evaluate_on(learner, batch):
    ...
    return mean, half_width
""",
    solution="""\
def evaluate_on(learner, batch):
    with torch.no_grad():
        adapted = learner.adapt(batch.support_x, batch.support_y)
        answers = learner.predict(adapted, batch.query_x).argmax(dim=-1)
    accuracies = (answers == batch.query_y).double().mean(dim=1)
    half_width = 1.96 * accuracies.std() / len(accuracies) ** 0.5
    return accuracies.mean().item(), half_width.item()
""",
    context={"torch": torch, "math": math},
    probe=probe_evaluate,
    hints=(
        "Adapt on the support set, predict the query set, and take the largest logit: `.argmax(dim=-1)`.",
        "One accuracy a task first: the mean over the queries, `dim=1`.",
        "Then `.std()` of these T numbers, times 1.96, over the square root of T.",
    ),
    wrong=(
        Wrong(
            "learner.adapt(batch.support_x, batch.support_y)",
            "learner.adapt(batch.query_x, batch.query_y)",
            "The learner adapted to the *query* set with its labels: it has seen the exam paper. The "
            "number is "
            "too good to be true.",
        ),
        Wrong(
            code="""\
def evaluate_on(learner, batch):
    with torch.no_grad():
        adapted = learner.adapt(batch.support_x, batch.support_y)
        answers = learner.predict(adapted, batch.support_x).argmax(dim=-1)
    accuracies = (answers == batch.support_y).double().mean(dim=1)
    half_width = 1.96 * accuracies.std() / len(accuracies) ** 0.5
    return accuracies.mean().item(), half_width.item()
""",
            message="That is the accuracy on the *support* set, which the learner was shown. It is judged "
            "on the "
            "query set.",
        ),
        Wrong(
            code="""\
def evaluate_on(learner, batch):
    with torch.no_grad():
        adapted = learner.adapt(batch.support_x, batch.support_y)
        answers = learner.predict(adapted, batch.query_x).argmax(dim=-1)
    right = (answers == batch.query_y).double().flatten()
    half_width = 1.96 * right.std() / len(right) ** 0.5
    return right.mean().item(), half_width.item()
""",
            message="The mean is right; the interval counts every *query* as an independent trial. The "
            "queries of a "
            "task stand or fall together, so it is the tasks that count.",
        ),
        Wrong(
            " / len(accuracies) ** 0.5",
            "",
            "That is the spread of single tasks. Their mean is surer: √T is missing.",
        ),
        Wrong(
            "half_width = 1.96 * accuracies.std()",
            "half_width = accuracies.std()",
            "That is one standard deviation of the mean, an interval of about 68 %. For 95 % it takes 1.96.",
        ),
        Wrong(
            "accuracies.std()",
            "accuracies.std(unbiased=False)",
            "Your standard deviation divides by T. With T − 1 it is a little larger, as it should be: the "
            "mean was "
            "estimated from the same numbers.",
        ),
    ),
    passed="That is `metalib.evaluate`, but for drawing the tasks.",
)


# --- 4: choose α
class Judge:
    """Accuracies of a learner for each α, on validation and on test tasks; it remembers what was asked."""

    def __init__(self, validation, test):
        self.tables, self.asked = {"validation": validation, "test": test}, []

    def __call__(self, alpha, tasks):
        self.asked.append((tasks, alpha))
        return self.tables[tasks][alpha]


def probe_choose(choose_alpha):
    result = {}
    for name, validation, test in (
        ("validation and test disagree", (0.61, 0.80, 0.86, 0.70), (0.60, 0.88, 0.84, 0.69)),
        ("the first α is the best", (0.90, 0.80, 0.60, 0.20), (0.85, 0.86, 0.61, 0.20)),
        ("the largest α is the best", (0.20, 0.50, 0.60, 0.71), (0.25, 0.55, 0.66, 0.64)),
    ):
        alphas = (0.01, 0.1, 0.4, 1.0)
        judge = Judge(dict(zip(alphas, validation, strict=True)), dict(zip(alphas, test, strict=True)))
        chosen, reported = choose_alpha(list(alphas), judge)
        tests = [alpha for tasks, alpha in judge.asked if tasks == "test"]
        result[name] = {
            "the chosen α": chosen,
            "the reported accuracy": reported,
            "questions to the test tasks": len(tests),
            "different α tried on validation tasks": len(
                {alpha for tasks, alpha in judge.asked if tasks == "validation"}
            ),
        }
    return result


CHOOSE = Exercise(
    id="07/choose-alpha",
    title="choose α, then test once",
    difficulty=1,
    minutes=10,
    name="choose_alpha",
    statement=r"""
`accuracy(alpha, "validation")` gives the accuracy of a trained MAML with the inner step size `alpha` on the
validation tasks; `accuracy(alpha, "test")` on the test tasks.

Choose α from the list `alphas` and return two things: the chosen α, and the accuracy that you would
**report** for it. Keep the protocol of this chapter; the check counts how often you ask for test results.
""",
    stub="""\
def choose_alpha(alphas, accuracy):
    ...
    return chosen, reported
""",
    solution="""\
def choose_alpha(alphas, accuracy):
    chosen = max(alphas, key=lambda alpha: accuracy(alpha, "validation"))
    reported = accuracy(chosen, "test")
    return chosen, reported
""",
    probe=probe_choose,
    hints=(
        "Which tasks may be asked as often as you like?",
        "`max(alphas, key=...)` returns the element of the list for which the key is largest.",
        "What is reported is measured on tasks that had no part in the choice, and measured once.",
    ),
    wrong=(
        Wrong(
            'accuracy(alpha, "validation")',
            'accuracy(alpha, "test")',
            "You chose α *on the test tasks*. The best of several test results is too good on average: "
            "part of it "
            "is luck on just these tasks.",
        ),
        Wrong(
            'accuracy(chosen, "test")',
            'accuracy(chosen, "validation")',
            "You report the accuracy on the very tasks that α was chosen on: the best of several, so it "
            "flatters. "
            "Report the test accuracy of the chosen α.",
        ),
        Wrong(
            code="""\
def choose_alpha(alphas, accuracy):
    on_validation = {alpha: accuracy(alpha, "validation") for alpha in alphas}
    on_test = {alpha: accuracy(alpha, "test") for alpha in alphas}
    chosen = max(alphas, key=on_validation.get)
    return chosen, on_test[chosen]
""",
            message="The answer is right, but you looked at the test accuracy of *every* α. Whoever sees "
            "them will be "
            "tempted. Ask once, for the chosen one.",
        ),
        Wrong(
            code="""\
def choose_alpha(alphas, accuracy):
    chosen = max(alphas, key=lambda alpha: accuracy(alpha, "validation"))
    reported = max(accuracy(alpha, "test") for alpha in alphas)
    return chosen, reported
""",
            message="The accuracy that you report belongs to another α: it is the best of all *test* "
            "results.",
        ),
        Wrong(
            "max(alphas, key",
            "min(alphas, key",
            "You took the α with the *smallest* validation accuracy. For a loss that would be right.",
        ),
        Wrong(
            'max(alphas, key=lambda alpha: accuracy(alpha, "validation"))',
            "max(alphas)",
            "That is the largest α, not the best one. Nobody has asked the validation tasks.",
        ),
    ),
    passed="Try it: for α = 0.1, 0.2, 0.4 and 0.8 evaluate the chapter's MAML on `validation_tasks` "
    "(`maml.alpha` "
    "can be set).",
)


# --- 5: how many tasks
def probe_tasks_needed(tasks_needed):
    return {
        "spread 0.1, ± 0.02": tasks_needed(0.1, 0.02),
        "spread 0.085, ± 0.01": tasks_needed(0.085, 0.01),
        "spread 0.012, ± 0.001": tasks_needed(0.012, 0.001),
        "spread 0.05, ± 0.049": tasks_needed(0.05, 0.049),
    }


HOW_MANY = Exercise(
    id="07/how-many-tasks",
    title="how many test tasks?",
    difficulty=1,
    minutes=5,
    name="tasks_needed",
    statement=r"""
From a short trial you know the standard deviation s of single tasks' accuracies, `spread`. You want a 95 %
interval of ± `half_width` over tasks. How many tasks do you need at least? Return a whole number (`int`).

**Predict** first: for half the half-width, how many times as many tasks?
""",
    stub="""\
def tasks_needed(spread, half_width):
    ...
""",
    solution="""\
def tasks_needed(spread, half_width):
    return math.ceil((1.96 * spread / half_width) ** 2)
""",
    context={"torch": torch, "math": math},
    probe=probe_tasks_needed,
    rtol=0,
    hints=(
        "Solve half_width = 1.96 · spread / √n for n.",
        "Round *up*: with fewer tasks the interval would be wider than you want. `math.ceil` does it.",
    ),
    wrong=(
        Wrong(
            "math.ceil((1.96 * spread / half_width) ** 2)",
            "math.ceil(1.96 * spread / half_width)",
            "That is √n. The half-width falls with the *square root* of the number of tasks.",
        ),
        Wrong(
            "1.96 * spread",
            "spread",
            "You left out 1.96: with so few tasks the interval would hold 68 % only.",
        ),
        Wrong(
            "1.96 * spread / half_width",
            "2 * 1.96 * spread / half_width",
            "You took `half_width` for the width of the whole interval. It is what stands after the ±.",
        ),
        Wrong(
            "math.ceil(",
            "math.floor(",
            "You rounded down: with one task fewer than needed the interval is a little too wide.",
        ),
    ),
    passed="Four times the tasks for half the half-width. That is why ± 0.1 % takes a night and ± 1 % a "
    "minute.",
)

EXERCISES = (LEAKS, ONE_ALPHABET, EVALUATE, CHOOSE, HOW_MANY)

QUIZ = Quiz(
    "07/quiz",
    (
        Question(
            "Omniglot's characters were shuffled and dealt out to training and test. Which of these is true?",
            (
                Choice(
                    "Nothing leaks: no character is on both sides.",
                    "No *class* is. But nearly every alphabet is on both sides, with its style and the "
                    "hands of those who drew it.",
                ),
                Choice(
                    "Alphabets are on both sides, so it says little about a script never met.",
                    "Yes. It is a sound test for new *characters*, and the usual one. For new scripts one "
                    "splits "
                    "by alphabet.",
                    correct=True,
                ),
                Choice(
                    "The test result is worthless.",
                    "It answers another question, that of new characters of known scripts. One must say "
                    "which.",
                ),
            ),
        ),
        Question(
            "You tried ten values of α and report the best of the ten *test* accuracies, with its "
            "interval. What "
            "is wrong?",
            (
                Choice(
                    "Nothing: the interval covers it.",
                    "The interval is right for *one* α named beforehand. The best of ten is lucky on "
                    "average, and "
                    "the interval does not know that there were ten.",
                ),
                Choice(
                    "Ten values are too few.",
                    "More values make it worse: the more are tried, the luckier the best one.",
                ),
                Choice(
                    "The test tasks took part in the choice, so the number is too good on average.",
                    "Yes. Choose on validation tasks, and ask the test tasks once.",
                    correct=True,
                ),
            ),
        ),
        Question(
            "A: 98.4 ± 0.1 %. B: 98.7 ± 0.1 %. Each was trained once; the ± are 95 % intervals over 1000 "
            "test tasks. "
            "Over three seeds such runs vary with a standard deviation of 0.3 % points. Is method B better?",
            (
                Choice(
                    "Yes: the intervals do not overlap.",
                    "These two *networks* do differ on such tasks. Whether the *methods* do, nobody knows: "
                    "another "
                    "seed moves each by as much as they lie apart.",
                ),
                Choice(
                    "It has not been shown: the seeds' spread is as large as the difference.",
                    "Yes. The interval sees chance in the test tasks, not in the training.",
                    correct=True,
                ),
                Choice(
                    "No: A is as good as B.",
                    "That has not been shown either. More seeds of both would tell.",
                ),
            ),
        ),
        Question(
            "Beside a published MAML result stands your ProtoNet result, a little lower. Which difference in "
            "protocol may have helped *MAML*?",
            (
                Choice(
                    "Its queries are normalised together, in one batch.",
                    "Yes: transductive batch normalisation tells something about the other queries. "
                    "Answered one "
                    "by one, MAML would lose some of it.",
                    correct=True,
                ),
                Choice(
                    "It was trained with 5 ways and ProtoNet with 60.",
                    "This helps ProtoNet: more ways in training make its training harder and the result "
                    "better.",
                ),
                Choice(
                    "It was tested on more tasks.",
                    "More tasks make an interval narrower. They do not make the mean higher.",
                ),
            ),
        ),
        Question(
            "A learner answers 1000 queries with a confidence of 90 % each, and 800 answers are right. "
            "What does "
            "dividing its logits by a temperature T > 1 do?",
            (
                Choice(
                    "It makes more answers right.",
                    "The order of the logits stays, so no answer changes.",
                ),
                Choice(
                    "It lowers the confidence; 800 answers stay right.",
                    "Yes. It was too sure, and with the right T, chosen on validation tasks, it says about "
                    "80 %.",
                    correct=True,
                ),
                Choice(
                    "It raises the confidence.",
                    "T > 1 brings the logits closer together, and so the probabilities. T < 1 does the "
                    "opposite.",
                ),
            ),
        ),
    ),
)
