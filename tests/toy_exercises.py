"""A small chapter's exercises, for the tests of the framework and of the builder."""

from pathlib import Path

from metalib.exercises import course, probes

TOY = Path(__file__).parent / "toy"
CONTENT = TOY / "content"
probes.__path__.append(str(TOY / "probes"))  # chapter 97's are found there
CHAPTER = course.load(CONTENT / "en" / "97_toy.md")
FUNCTION, VALUE = CHAPTER.exercises
UPHILL = "You went uphill: the gradient points where the loss grows."
QUIZ = CHAPTER.quiz
