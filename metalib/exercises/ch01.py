"""The exercises and the quiz of chapter 1, background."""

import math

import torch

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz

TITLE = "Background: why learn to learn"


# --- 1: the interval
def probe_interval(interval):
    generator = torch.Generator().manual_seed(1)
    return {
        "50 tasks": interval(torch.rand(50, generator=generator) * 3),
        "200 tasks": interval(torch.randn(200, generator=generator).square()),
    }


INTERVAL = Exercise(
    id="01/interval",
    title="how sure is a mean over tasks?",
    difficulty=1,
    minutes=8,
    name="interval",
    statement=r"""
`values` has shape `(n,)`: the error of one method on each of n test tasks. Return a pair: the mean, and the
half-width of its 95 % interval,

$$1.96\,\frac{s}{\sqrt n},$$

with $s$ the standard deviation of the values (the one that divides by $n - 1$, as `torch.std` does).
""",
    stub="""\
def interval(values):
    ...
""",
    solution="""\
def interval(values):
    mean = values.mean()
    half_width = 1.96 * values.std() / len(values) ** 0.5
    return mean, half_width
""",
    context={"torch": torch},
    probe=probe_interval,
    hints=(
        "How far do single tasks lie from each other? That is s. How far does the *mean* of n of them lie?",
        "A mean over four times as many tasks is twice as sure: divide by the square root of `len(values)`.",
        "`1.96 * values.std() / len(values) ** 0.5`",
    ),
    wrong=(
        Wrong(
            " / len(values) ** 0.5",
            "",
            "This says where 95 % of the *tasks* would lie, not how sure their mean is. The mean gets surer "
            "with more tasks: divide by √n.",
        ),
        Wrong(
            "len(values) ** 0.5",
            "len(values)",
            "You divided by n in place of √n: that claims far too much. Four times as many tasks make a mean "
            "twice as sure, not four times.",
        ),
        Wrong(
            "1.96 * ",
            "",
            "The factor 1.96 is missing: this is one standard error, an interval of about 68 %.",
        ),
        Wrong(
            "values.std()",
            "values.var()",
            "You took the variance, s². Its unit is the square of the error's; the interval needs s.",
        ),
        Wrong(
            "1.96 * values.std()",
            "2 * 1.96 * values.std()",
            "This is the whole width of the interval. What stands behind ± is half of it.",
        ),
        Wrong(
            "values.mean()",
            "values.median()",
            "You gave the median. The interval 1.96·s/√n belongs to the mean, and the two differ where a few "
            "tasks are very hard.",
        ),
    ),
    passed="`metalib.evaluate` prints this behind every ±. It is about other *tasks*. Another training run "
    "is another question.",
)


# --- 2: how many examples is it worth?
def probe_needed(needed):
    shots, error = [1, 2, 5, 10, 20, 50], [4.0, 3.0, 1.5, 0.8, 0.3, 0.1]
    return {
        "between two points": needed(shots, error, 1.4),
        "exactly at a point": needed(shots, error, 1.5),
        "reached at once": needed(shots, error, 9.0),
        "never reached: is it math.inf": needed(shots, error, 0.01) == math.inf,
    }


NEEDED = Exercise(
    id="01/examples-needed",
    title="how many examples is a prior worth?",
    difficulty=2,
    minutes=10,
    name="examples_needed",
    statement=r"""
Two learning curves are best compared *across*: how many examples does each method need for the same error?

`shots` and `errors` are lists of the same length, a learning curve with falling errors. Return the smallest
number in `shots` at which the error is **at most** `target`. If the curve never gets there we do not know
the number; we only know that it is larger than all we have measured. Return `math.inf` then.
""",
    stub="""\
def examples_needed(shots, errors, target):
    ...
""",
    solution="""\
def examples_needed(shots, errors, target):
    for number, error in zip(shots, errors):
        if error <= target:
            return number
    return math.inf
""",
    context={"math": math},
    probe=probe_needed,
    hints=(
        "Go through the points from the left. Where do you stop?",
        "`for number, error in zip(shots, errors):` and return at the first error that is at most the "
        "target. "
        "What is left when the loop ends?",
    ),
    wrong=(
        Wrong(
            "return math.inf",
            "return shots[-1]",
            "The curve never got there, and you gave the last number measured. That makes the slow method "
            "look as if it had succeeded.",
        ),
        Wrong("error <= target", "error < target", "*At most* the target: equal is good enough."),
        Wrong(
            "error <= target",
            "error >= target",
            "You stopped at the first point that is still *worse* than the target.",
        ),
        Wrong(
            code="""\
def examples_needed(shots, errors, target):
    nearest = min(range(len(shots)), key=lambda i: abs(errors[i] - target))
    return shots[nearest]
""",
            message="You took the point whose error is *nearest* to the target. It may lie above it, and it "
            "gives a number even where the curve never gets there.",
        ),
        Wrong(
            "return number",
            "return error",
            "You returned the error there. The question is the number of examples.",
        ),
    ),
    passed="Compare curves across as well as up and down: “a tenth of the examples” says more than “a "
    "smaller error”, as long as both are said for the same tasks.",
)


# --- 3: paired
def probe_paired(paired):
    generator = torch.Generator().manual_seed(3)
    hard = torch.rand(80, generator=generator) * 5
    first, second = (hard + 0.3 * torch.rand(80, generator=generator) + shift for shift in (0.2, 0.0))
    return {"two methods on 80 tasks": paired(first, second)}


PAIRED = Exercise(
    id="01/paired",
    title="two methods on the same tasks",
    difficulty=2,
    minutes=8,
    name="paired",
    statement=r"""
`first` and `second`, both of shape `(n,)`, are the errors of two methods on the **same** n tasks. Return the
mean of the difference `first - second` and the half-width of *its* 95 % interval, 1.96·s/√n.

Some tasks are hard for everybody. Whose standard deviation should s be, so that this does not matter?
""",
    stub="""\
def paired(first, second):
    ...
""",
    solution="""\
def paired(first, second):
    difference = first - second
    return difference.mean(), 1.96 * difference.std() / len(difference) ** 0.5
""",
    context={"torch": torch},
    probe=probe_paired,
    hints=(
        "Subtract first, task by task; then treat the differences like any other values.",
        "`difference = first - second`, and its own `.std()`.",
    ),
    wrong=(
        Wrong(
            "difference.std()",
            "(first.var() + second.var()) ** 0.5",
            "This is the interval for two *different* sets of tasks. On the same tasks much of the spread is "
            "common to both and cancels: take the standard deviation of the differences.",
        ),
        Wrong(
            "difference.std()",
            "(first.std() - second.std()).abs()",
            "Standard deviations do not subtract. Take that of the differences.",
        ),
        Wrong(
            "difference.std()",
            "(first.std() + second.std())",
            "You added the two intervals. That is what the eye does with two error bars, and it is far too "
            "wide here.",
        ),
        Wrong("first - second", "second - first", "The sign is turned round: `first - second` is asked."),
        Wrong(
            "difference.mean(), 1.96",
            "difference.abs().mean(), 1.96",
            "You took the mean of the *absolute* differences. It is never zero, not even for two methods "
            "that "
            "are equally good.",
        ),
    ),
    passed="Two intervals may overlap while the paired one excludes zero. `metalib.compare` does this.",
)

# --- 4: a fair comparison
LEAKS = Exercise(
    id="01/fair",
    title="which of these may not stand in the table?",
    difficulty=2,
    minutes=6,
    name="unfair",
    statement="""
You compare your method with a baseline on characters. Five decisions:

- **A** The inner step size of both methods is chosen, from the same list, on validation characters.
- **B** The number of inner steps at test is the one with the best accuracy on the test tasks.
- **C** Of the 20 drawings of every character, 15 are for meta-training and 5 for the test tasks.
- **D** Both methods are tested on the same 600 tasks, drawn from one seed.
- **E** Your method's step size is chosen from twenty values on validation characters; the baseline keeps its
  default.

Which of them make the comparison unfair, or let it know what it should not? Write their letters in the order
of the alphabet, such as `unfair = "AD"`.
""",
    stub="unfair = ...\n",
    solution='unfair = "BCE"\n',
    hints=(
        "A test task stands for a task that nobody has seen. Who has seen what, in each of the five?",
        "Two of the five are good practice. One is about *classes* that must be new, one about choosing "
        "on the "
        "test tasks, one about giving both the same chance.",
    ),
    wrong=(
        Wrong(
            "BCE",
            "BC",
            "Right so far, but look at E. Nothing leaks there, and still it is unfair: twenty attempts "
            "against "
            "one.",
        ),
        Wrong(
            "BCE",
            "CE",
            "Look at B again: a choice made on the test tasks has seen them, however small it is.",
        ),
        Wrong(
            "BCE",
            "BE",
            "Look at C again. The *drawings* are new, the *characters* are not: whoever has learned them in "
            "training need not learn them from the support set.",
        ),
        Wrong(
            "BCE",
            "BCDE",
            "D is good practice: the same tasks for both make the comparison paired, hence sharper. The "
            "methods learn nothing from each other.",
        ),
        Wrong("BCE", "ABCE", "A is as it should be: the same list for both, and validation characters."),
        Wrong("BCE", "C", "C is one of them. Two more are not right."),
        Wrong("BCE", "B", "B is one of them. Two more are not right."),
        Wrong("BCE", "AD", "The other way round: these two are good practice, the other three are not."),
    ),
    passed="All three have happened in published comparisons. E is the commonest, because it leaks nothing.",
)

EXERCISES = (INTERVAL, NEEDED, PAIRED, LEAKS)

QUIZ = Quiz(
    "01/quiz",
    (
        Question(
            "What is it that “learns to learn” has to get better at?",
            (
                Choice(
                    "The task it has been working on, with more examples of it.",
                    "That is learning. Every learner does it.",
                ),
                Choice(
                    "New tasks, with more tasks behind it.",
                    "Yes: with the number of tasks seen before, fewer examples of a new one suffice.",
                    correct=True,
                ),
                Choice(
                    "All tasks, with more parameters.",
                    "A larger model may help or not; that is no definition of learning to learn.",
                ),
            ),
        ),
        Question(
            "From scratch, on five points of a wave, validation chose hardly any training at all. Why?",
            (
                Choice(
                    "The network is too small for a sine wave.",
                    "With 100 points the very same network fits the waves well.",
                ),
                Choice(
                    "α was too small to get anywhere.",
                    "Larger α stood in the list too, and larger numbers of steps.",
                ),
                Choice(
                    "Five points leave so much open that fitting them does harm in between.",
                    "Yes: each further step fits the points better and the wave worse. Something must "
                    "say what "
                    "lies between them.",
                    correct=True,
                ),
            ),
        ),
        Question(
            "On waves the smoothest curve through the points overtakes MAML. What does that mean?",
            (
                Choice(
                    "MAML has been trained badly.",
                    "It reaches its published numbers (chapter 3). A good prior is simply not the only one.",
                ),
                Choice(
                    "“The curve is smooth” is a prior too, and with enough points it is worth as much.",
                    "Yes. Somebody has to know something beforehand: a person who writes it down, or a "
                    "learner "
                    "that has seen many tasks.",
                    correct=True,
                ),
                Choice(
                    "Meta-learning is never worth the trouble.",
                    "With few points it is far ahead, and for many problems nobody can write the prior down.",
                ),
            ),
        ),
        Question(
            "A paper says: method A 71 ± 2 %, method B 69 ± 2 %, both on the same 600 tasks. Is A better on "
            "these tasks?",
            (
                Choice(
                    "No, the intervals overlap.",
                    "They may overlap and A may still be better: both see the same hard tasks, and that "
                    "part of "
                    "the spread cancels.",
                ),
                Choice(
                    "Yes, 71 is more than 69.",
                    "On other tasks it might be the other way round. That is what an interval is for.",
                ),
                Choice(
                    "One cannot tell from this; the interval of the paired difference is needed.",
                    "Yes. And even that says nothing about another training run.",
                    correct=True,
                ),
            ),
        ),
        Question(
            "When is meta-learning a poor choice?",
            (
                Choice(
                    "When a new task comes with few examples.",
                    "That is where it is at its best, if there are many similar tasks to learn from.",
                ),
                Choice(
                    "When the new tasks are unlike those it was trained on.",
                    "Yes: the prior is then wrong, and with few examples nothing corrects it.",
                    correct=True,
                ),
                Choice(
                    "When there are very many tasks to train on.",
                    "The more the better: tasks are to meta-learning what examples are to learning.",
                ),
            ),
        ),
    ),
)
