"""Laboratories: live figures, each declared as a state, a pure function and a painter."""

from metalib.lab.adaptation import AdaptationLaboratory
from metalib.lab.alphabet import AlphabetLaboratory
from metalib.lab.distances import DistanceLaboratory
from metalib.lab.episode import EpisodeLaboratory
from metalib.lab.laboratory import Laboratory
from metalib.lab.landscape import LandscapeLaboratory
from metalib.lab.learning_curves import LearningCurvesLaboratory
from metalib.lab.meta_training import TrainingLaboratory
from metalib.lab.picture import Painter
from metalib.lab.prototypes import PrototypeLaboratory
from metalib.lab.sine import SineLaboratory
from metalib.lab.surface import KeyEvent, PointerEvent, Surface

__all__ = [
    "AdaptationLaboratory",
    "AlphabetLaboratory",
    "DistanceLaboratory",
    "EpisodeLaboratory",
    "KeyEvent",
    "Laboratory",
    "LandscapeLaboratory",
    "LearningCurvesLaboratory",
    "Painter",
    "PointerEvent",
    "PrototypeLaboratory",
    "SineLaboratory",
    "Surface",
    "TrainingLaboratory",
]
