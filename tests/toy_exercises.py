"""A small chapter's exercises for the tests of the framework and of the builder."""

import torch

from metalib.exercises import Choice, Exercise, Question, Quiz, Wrong

TITLE = "A toy chapter"


def probe(inner_step):
    generator = torch.Generator().manual_seed(0)
    theta, gradient = torch.randn(3, 1, generator=generator), torch.randn(3, 1, generator=generator)
    return inner_step(theta, gradient, 0.1)


UPHILL = "You went uphill: the gradient points where the loss grows."
FUNCTION = dict(
    id="97/inner-step",
    title="The inner step",
    statement="Write $\\theta' = \\theta - \\alpha \\nabla L$.",
    difficulty=1,
    minutes=5,
    name="inner_step",
    stub="def inner_step(theta, gradient, alpha):\n    return ...\n",
    solution="def inner_step(theta, gradient, alpha):\n    return theta - alpha * gradient\n",
    hints=("Which way is downhill?", "Subtract."),
    probe=probe,
    context={"torch": torch},
    wrong=(
        Wrong("theta - alpha", "theta + alpha", UPHILL),
        Wrong("alpha * gradient", "gradient", "α is missing."),
        Wrong("theta - alpha", "-alpha", "That is the change alone."),
        Wrong(
            code="def inner_step(t, g, a):\n    return torch.sub(t, g, step=a)\n",
            message="No `step`: `alpha`.",
        ),
    ),
)
VALUE = dict(
    id="97/largest-alpha",
    title="The largest α",
    statement="For $L = 5\\theta^2$?",
    difficulty=2,
    minutes=5,
    name="largest_alpha",
    stub="largest_alpha = ...\n",
    solution="largest_alpha = 0.2\n",
    hints=("θ′ = (1 − 10α) θ",),
    rtol=0.01,
    wrong=(
        Wrong("0.2", "0.1", "There the step lands in the minimum."),
        Wrong("0.2", "0.4", "The second derivative is 10, not 5."),
        Wrong("0.2", "2.0", "Divide by the second derivative."),
    ),
)
EXERCISES = (Exercise(**FUNCTION), Exercise(**VALUE))
QUIZ = Quiz(
    "97/quiz",
    (
        Question(
            "Whose loss does the *outer* step differentiate?",
            (
                Choice("The query set's, at θ′ < θ & `x`.", "What counts is unseen points.", correct=True),
                Choice("The support set's.", "That is the *inner* step."),
                Choice("Both.", "Only one."),
            ),
        ),
        Question("Two?", (Choice("Yes", "No."), Choice("No", "Yes.", correct=True))),
    ),
)
