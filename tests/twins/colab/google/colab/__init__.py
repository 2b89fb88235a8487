"""A stand-in for the package that Colab's kernels have imported, as far as this course can meet it.

What the real one does in Google's pages it only notes, in `asked`.
"""

asked: list[tuple[str, str]] = []
