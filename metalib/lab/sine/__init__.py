"""The sine laboratory: adapt to one sine wave from a few points, and see what each part does.

Tasks and network are those of Finn et al. 2017, section 5.1.
"""

from metalib.lab.sine.compute import SineResult, adapt_sine
from metalib.lab.sine.laboratory import SineLaboratory
from metalib.lab.sine.painter import SinePainter, WaveCurves, explosion, losses_in_words
from metalib.lab.sine.state import EXPLODED, MAX_SHOTS, MAX_STEPS, QUERIES, SineState

__all__ = [
    "EXPLODED",
    "MAX_SHOTS",
    "MAX_STEPS",
    "QUERIES",
    "SineLaboratory",
    "SinePainter",
    "SineResult",
    "SineState",
    "WaveCurves",
    "adapt_sine",
    "explosion",
    "losses_in_words",
]
