"""Learners: ``adapt`` to the support set, ``predict`` on the query set, ``loss`` to train by."""

from metalib.learners.base import Learner
from metalib.learners.gradient import MAML, FastWeights, FromScratch, GradientLearner, JointTraining, Reptile
from metalib.learners.guarded import Guarded
from metalib.learners.logistic import LogisticRegression
from metalib.learners.losses import task_losses
from metalib.learners.metric import DISTANCE_LABELS, DISTANCES, NearestCentroid, ProtoNet
from metalib.learners.neural_process import NeuralProcess, neural_process_net
from metalib.learners.smooth import SmoothCurve

__all__ = [
    "DISTANCES",
    "DISTANCE_LABELS",
    "FastWeights",
    "FromScratch",
    "GradientLearner",
    "Guarded",
    "JointTraining",
    "Learner",
    "LogisticRegression",
    "MAML",
    "NearestCentroid",
    "NeuralProcess",
    "ProtoNet",
    "Reptile",
    "SmoothCurve",
    "neural_process_net",
    "task_losses",
]
