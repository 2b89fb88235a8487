"""metalib: the tested helper package of the course *Learning to Learn*.

    task distribution ──sample──▶ TaskBatch ──▶ learner.adapt(support) ──▶ learner.predict(query) ──▶ loss

Everything works on a batch of tasks at once: the first dimension of every tensor is the task.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "1.1.0.dev0"

# Where each public name lives. They are imported when first used, so that `python -m metalib doctor` can
# still say what is wrong where torch itself is missing.
_HOME = {
    "metalib.tasks": ("Changed", "Episodes", "PartlyLabelled", "SineTasks", "TaskBatch"),
    "metalib.learners": (
        "FineTuning",
        "FromScratch",
        "ImplicitMAML",
        "JointTraining",
        "Learner",
        "LogisticRegression",
        "MAML",
        "NGramBayes",
        "NGramCentroid",
        "NearestCentroid",
        "NeuralProcess",
        "ProtoNet",
        "Reptile",
        "Restandardised",
        "SoftKMeans",
    ),
    "metalib.training": ("Training", "fit"),
    "metalib.evaluation": ("Evaluation", "compare", "evaluate"),
    "metalib.history": ("History",),
    "metalib.protocol": ("check_protocol",),
    "metalib.diagnosis": ("check_training",),
    "metalib.i18n": ("use_language",),
}
_MODULES = ("data", "graph", "lab", "look", "models", "rl", "threads", "timeline", "weights")
_NAMES = {name: module for module, names in _HOME.items() for name in names}

if TYPE_CHECKING:  # the same names for editors and type checkers, which run nothing; a test compares
    from metalib import (
        data as data,
        graph as graph,
        lab as lab,
        look as look,
        models as models,
        rl as rl,
        threads as threads,
        timeline as timeline,
        weights as weights,
    )
    from metalib.diagnosis import check_training as check_training
    from metalib.evaluation import Evaluation as Evaluation, compare as compare, evaluate as evaluate
    from metalib.history import History as History
    from metalib.i18n import use_language as use_language
    from metalib.learners import (
        MAML as MAML,
        FineTuning as FineTuning,
        FromScratch as FromScratch,
        ImplicitMAML as ImplicitMAML,
        JointTraining as JointTraining,
        Learner as Learner,
        LogisticRegression as LogisticRegression,
        NearestCentroid as NearestCentroid,
        NeuralProcess as NeuralProcess,
        NGramBayes as NGramBayes,
        NGramCentroid as NGramCentroid,
        ProtoNet as ProtoNet,
        Reptile as Reptile,
        Restandardised as Restandardised,
        SoftKMeans as SoftKMeans,
    )
    from metalib.protocol import check_protocol as check_protocol
    from metalib.tasks import (
        Changed as Changed,
        Episodes as Episodes,
        PartlyLabelled as PartlyLabelled,
        SineTasks as SineTasks,
        TaskBatch as TaskBatch,
    )
    from metalib.training import Training as Training, fit as fit

__all__ = sorted([*_NAMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = import_module(f"metalib.{name}")
    else:
        raise AttributeError(f"module 'metalib' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
