"""Exercises, predictions and quizzes: what a chapter asks, checks and explains, and the learner's progress.

    from metalib import exercises

    exercise = exercises.get("03/inner-step")
    exercise.check(inner_step)          # passed, not attempted, or what went wrong
    exercise.hint()                     # a hint; exercise.hint(2) for the next
    exercise.solution()
    exercises.predict("03/between", figure)     # a question; its answer opens after a guess
    exercises.get("03/quiz")            # a quiz shows itself
    exercises.board()                   # the learner's progress;  exercises.reset() forgets it
    exercises.download()                # progress as a file;  exercises.resume() takes it up elsewhere

Adding an exercise takes a section of `content/en/03_maml.md` (the format: `reader`) and a probe of a few
lines in `probes/ch03.py` (what it may do: `probes`); a new chapter takes a file of each, found by its name.
Tests run every solution and every wrong answer (`validation`). A translation is a file of the same name in
`content/zh/`: the same headings, no code.
"""

from metalib.exercises.board import board
from metalib.exercises.course import all, chapters, get, names, quizzes
from metalib.exercises.exercise import Exercise, Outcome, Wrong
from metalib.exercises.parcel import download
from metalib.exercises.prediction import Prediction, predict
from metalib.exercises.progress import reset
from metalib.exercises.question import Choice, Choose, Number, Order, Question
from metalib.exercises.quiz import Quiz
from metalib.exercises.travel import resume

__all__ = [
    "Choice", "Choose", "Exercise", "Number", "Order", "Outcome", "Prediction", "Question", "Quiz", "Wrong",
    "all", "board", "chapters", "download", "get", "names", "predict", "quizzes", "reset", "resume",
]  # fmt: skip
