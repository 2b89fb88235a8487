"""Laboratories: live figures, each a pure function, a painter and a thin view."""

from metalib.lab import controls
from metalib.lab.adaptation import AdaptationLaboratory
from metalib.lab.alphabet import AlphabetLaboratory
from metalib.lab.distances import DistanceLaboratory
from metalib.lab.episode import EpisodeLaboratory
from metalib.lab.laboratory import Laboratory
from metalib.lab.landscape import LandscapeLaboratory
from metalib.lab.learning_curves import LearningCurvesLaboratory
from metalib.lab.picture import Picture
from metalib.lab.prototypes import PrototypeLaboratory
from metalib.lab.sine import SineLaboratory
from metalib.lab.surface import KeyEvent, PointerEvent, Surface
from metalib.lab.training import TrainingLaboratory

__all__ = [
    "AdaptationLaboratory",
    "AlphabetLaboratory",
    "DistanceLaboratory",
    "EpisodeLaboratory",
    "KeyEvent",
    "Laboratory",
    "LandscapeLaboratory",
    "LearningCurvesLaboratory",
    "Picture",
    "PointerEvent",
    "PrototypeLaboratory",
    "SineLaboratory",
    "Surface",
    "TrainingLaboratory",
    "controls",
]
