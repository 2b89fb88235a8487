"""Learning curves: the error on new tasks against the number of examples, for several ways to learn.

`python -m metalib curves` measures them and writes `curves.json` beside this file, which the chapter and the
laboratory show; a test measures some of its points again. Every method has the same chance: its settings are
chosen for each number of shots on *validation* tasks, from a list that stands in `methods`, and its error is
then measured once on *test* tasks, the same ones for all methods.
"""

from metalib.curves.families import FAMILIES, Family, find
from metalib.curves.measure import score
from metalib.curves.measured import Curve, card, load
from metalib.curves.methods import Method, Setting
from metalib.curves.shown import LOOKS, plot, table

__all__ = [
    "FAMILIES", "LOOKS", "Curve", "Family", "Method", "Setting", "card", "find", "load", "plot", "score",
    "table",
]  # fmt: skip
