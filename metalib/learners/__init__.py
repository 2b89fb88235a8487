"""Learners: ``adapt`` to the support set, ``predict`` on the query set, ``loss`` to train by."""

from metalib.learners.annealed import AnnealedMAML
from metalib.learners.base import Learner
from metalib.learners.gradient import MAML, FastWeights, FromScratch, GradientLearner, JointTraining, Reptile
from metalib.learners.guarded import Guarded
from metalib.learners.implicit import ImplicitMAML
from metalib.learners.in_context import InContext
from metalib.learners.linear import PoolPosterior, RidgeRegression
from metalib.learners.logistic import LogisticRegression
from metalib.learners.losses import task_losses
from metalib.learners.metric import DISTANCE_LABELS, DISTANCES, NearestCentroid, ProtoNet
from metalib.learners.neural_process import NeuralProcess, neural_process_net
from metalib.learners.ngrams import NGramBayes, NGramCentroid
from metalib.learners.optimiser import CoordinateRule, LearnedOptimiser
from metalib.learners.smooth import SmoothCurve
from metalib.learners.transfer import FineTuning
from metalib.learners.unlabelled import Restandardised, SoftKMeans, restandardised

__all__ = [
    "AnnealedMAML",
    "CoordinateRule",
    "DISTANCES",
    "DISTANCE_LABELS",
    "FastWeights",
    "FineTuning",
    "FromScratch",
    "GradientLearner",
    "Guarded",
    "ImplicitMAML",
    "InContext",
    "JointTraining",
    "LearnedOptimiser",
    "Learner",
    "LogisticRegression",
    "MAML",
    "NGramBayes",
    "NGramCentroid",
    "NearestCentroid",
    "NeuralProcess",
    "PoolPosterior",
    "ProtoNet",
    "Reptile",
    "Restandardised",
    "RidgeRegression",
    "SmoothCurve",
    "SoftKMeans",
    "neural_process_net",
    "restandardised",
    "task_losses",
]
