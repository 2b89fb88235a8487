"""The warm-up exercise and the quiz of chapter 0."""

from metalib.exercises.exercise import Exercise, Wrong
from metalib.exercises.quiz import Choice, Question, Quiz

TITLE = "Start here"

WARM_UP = Exercise(
    id="00/warm-up",
    title="warm-up",
    difficulty=1,
    minutes=2,
    name="mean_loss",
    statement="""
Losses of several tasks come as a list of numbers. Return their mean. Then run the cell below.

Try a wrong answer first, for example the sum, and see what the check says.
""",
    stub="""\
def mean_loss(losses):
    return ...
""",
    solution="""\
def mean_loss(losses):
    return sum(losses) / len(losses)
""",
    probe=lambda mean_loss: {"[1, 2, 6]": mean_loss([1, 2, 6]), "[0.5, 0.25]": mean_loss([0.5, 0.25])},
    hints=("Add them up, and divide by how many there are.", "`sum(losses) / len(losses)`"),
    wrong=(
        Wrong(" / len(losses)", "", "This is the sum. Divide it by the number of losses."),
        Wrong("sum(losses) / len(losses)", "max(losses)", "This is the largest loss, not the mean."),
        Wrong(
            "sum(losses) / len(losses)",
            "sorted(losses)[len(losses) // 2]",
            "This is the median, the one in the middle. The mean is the sum divided by the number.",
        ),
    ),
    passed="That is how it works. The board below has noticed.",
)

EXERCISES = (WARM_UP,)

QUIZ = Quiz(
    "00/quiz",
    (
        Question(
            "In the laboratory, why did the MAML start need only one step?",
            (
                Choice(
                    "It had seen this very wave before.",
                    "It had not: the wave is new. It had seen millions of *other* waves.",
                ),
                Choice(
                    "It started where one step leads far for waves like these.",
                    "Yes. Practising on other waves has found that place.",
                    correct=True,
                ),
                Choice(
                    "It is a bigger network.",
                    "It is the same network; only the numbers in it are different at the start.",
                ),
            ),
        ),
    ),
)
