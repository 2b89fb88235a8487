"""Laboratories: live figures, each a pure function, a painter and a thin view."""

from metalib.lab import controls, look
from metalib.lab.laboratory import Laboratory
from metalib.lab.picture import Picture
from metalib.lab.sine import SineLaboratory
from metalib.lab.surface import KeyEvent, PointerEvent, Surface
from metalib.lab.training import TrainingLaboratory

__all__ = [
    "KeyEvent",
    "Laboratory",
    "Picture",
    "PointerEvent",
    "SineLaboratory",
    "Surface",
    "TrainingLaboratory",
    "controls",
    "look",
]
