"""Laboratories: live figures, each declared as a state, a pure function and a painter."""

from metalib.lab.adaptation.laboratory import AdaptationLaboratory
from metalib.lab.alphabet.laboratory import AlphabetLaboratory
from metalib.lab.bandit.laboratory import BanditLaboratory
from metalib.lab.cost.laboratory import CostLaboratory
from metalib.lab.distances.laboratory import DistanceLaboratory
from metalib.lab.episode.laboratory import EpisodeLaboratory
from metalib.lab.in_context.laboratory import InContextLaboratory
from metalib.lab.laboratory import Laboratory
from metalib.lab.landscape.laboratory import LandscapeLaboratory
from metalib.lab.learning_curves.laboratory import LearningCurvesLaboratory
from metalib.lab.meta_training import TrainingLaboratory
from metalib.lab.navigation.laboratory import NavigationLaboratory
from metalib.lab.picture import Painter
from metalib.lab.prototypes.laboratory import PrototypeLaboratory
from metalib.lab.shift.laboratory import ShiftLaboratory
from metalib.lab.shots_and_ways.laboratory import ShotsAndWaysLaboratory
from metalib.lab.sine import SineLaboratory
from metalib.lab.surface import KeyEvent, PointerEvent, Surface

__all__ = [
    "AdaptationLaboratory",
    "AlphabetLaboratory",
    "BanditLaboratory",
    "CostLaboratory",
    "DistanceLaboratory",
    "EpisodeLaboratory",
    "InContextLaboratory",
    "KeyEvent",
    "Laboratory",
    "LandscapeLaboratory",
    "LearningCurvesLaboratory",
    "NavigationLaboratory",
    "Painter",
    "PointerEvent",
    "PrototypeLaboratory",
    "ShiftLaboratory",
    "ShotsAndWaysLaboratory",
    "SineLaboratory",
    "Surface",
    "TrainingLaboratory",
]
