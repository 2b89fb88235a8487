"""Learners: ``adapt`` to the support set, ``predict`` on the query set, ``loss`` to train by."""

from metalib.learners.base import Learner
from metalib.learners.gradient import MAML, FastWeights, FromScratch, GradientLearner, JointTraining, Reptile
from metalib.learners.losses import task_losses
from metalib.learners.metric import NearestCentroid, ProtoNet

__all__ = [
    "FastWeights",
    "FromScratch",
    "GradientLearner",
    "JointTraining",
    "Learner",
    "MAML",
    "NearestCentroid",
    "ProtoNet",
    "Reptile",
    "task_losses",
]
