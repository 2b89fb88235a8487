"""metalib: the tested helper package of the course *Learning to Learn*.

    task distribution ──sample──▶ TaskBatch ──▶ learner.adapt(support) ──▶ learner.predict(query) ──▶ loss,
    accuracy

Everything works on a batch of tasks at once: the first dimension of every tensor is the task.
"""

from metalib import data, models
from metalib.evaluation import Evaluation, compare, evaluate
from metalib.history import History
from metalib.learners import MAML, FromScratch, JointTraining, Learner, NearestCentroid, ProtoNet, Reptile
from metalib.tasks import Episodes, SineTasks, TaskBatch
from metalib.training import Training, fit

__version__ = "0.1.0"

__all__ = [
    "Episodes",
    "Evaluation",
    "FromScratch",
    "History",
    "JointTraining",
    "Learner",
    "MAML",
    "NearestCentroid",
    "ProtoNet",
    "Reptile",
    "SineTasks",
    "TaskBatch",
    "Training",
    "compare",
    "data",
    "evaluate",
    "fit",
    "models",
]
