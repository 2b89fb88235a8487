"""Exercises as graded assignments: `python -m metalib assignment 03 --course FOLDER`, then nbgrader.

    assignment     writes a chapter's exercises as an assignment of an nbgrader course
    submission     judges what a student has handed in: `grade(cells, exercises, secret)`
    nbgrader       the step of nbgrader's autograder that does so, and writes marks and feedback

The judge is the one of the course, `Exercise.judge`, in two processes. A student's code runs in the *worker*,
which sends back what the answers gave, as text (`plain`); nothing of it ever runs where the marks are made.
So whatever it does to metalib there, it could at most send what the solution gives, and for that it has to
know the solution. Inputs are drawn under seeds that come from the course's secret (`seeds`): an answer that
was made to fit the numbers of the check fails.

What this does not do: it does not keep anybody from handing in the solution that metalib itself can show, and
it does not keep a student's code from reading files or the network with the rights of whoever grades. Marks
are for work done, not for an examination; grade strangers in a container, or under an account of its own.
"""

from metalib.grading.submission import grade

__all__ = ["grade"]
