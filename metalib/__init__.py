"""metalib: the tested helper package of the course *Learning to Learn*.

    task distribution ──sample──▶ TaskBatch ──▶ learner.adapt(support) ──▶ learner.predict(query) ──▶ loss

Everything works on a batch of tasks at once: the first dimension of every tensor is the task.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. They are imported when first used, so that `python -m metalib doctor` can
# still say what is wrong where torch itself is missing.
_HOME = {
    "metalib.tasks": ("Episodes", "SineTasks", "TaskBatch"),
    "metalib.learners": (
        "FromScratch",
        "JointTraining",
        "Learner",
        "MAML",
        "NearestCentroid",
        "NeuralProcess",
        "ProtoNet",
        "Reptile",
    ),
    "metalib.training": ("Training", "fit"),
    "metalib.evaluation": ("Evaluation", "compare", "evaluate"),
    "metalib.history": ("History",),
    "metalib.i18n": ("use_language",),
}
_MODULES = ("data", "lab", "look", "models", "timeline", "weights")
_NAMES = {name: module for module, names in _HOME.items() for name in names}

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
