"""Laboratories: live figures, each a pure function, a painter and a thin view."""

from metalib.lab import controls, look
from metalib.lab.episode import EpisodeLaboratory
from metalib.lab.laboratory import Laboratory
from metalib.lab.landscape import LandscapeLaboratory
from metalib.lab.learning_curves import LearningCurvesLaboratory
from metalib.lab.picture import Picture
from metalib.lab.sine import SineLaboratory
from metalib.lab.surface import KeyEvent, PointerEvent, Surface
from metalib.lab.training import TrainingLaboratory

__all__ = [
    "EpisodeLaboratory",
    "KeyEvent",
    "Laboratory",
    "LandscapeLaboratory",
    "LearningCurvesLaboratory",
    "Picture",
    "PointerEvent",
    "SineLaboratory",
    "Surface",
    "TrainingLaboratory",
    "controls",
    "look",
]
