"""Task distributions: objects with ``sample(n_tasks, generator) -> TaskBatch``."""

from metalib.tasks.batch import TaskBatch
from metalib.tasks.changed import Changed
from metalib.tasks.episodes import Episodes
from metalib.tasks.fits import Fits
from metalib.tasks.gaussian_process import GaussianProcessTasks
from metalib.tasks.linear import LinearTasks
from metalib.tasks.sine import SineTasks, Waves, sine
from metalib.tasks.unbalanced import Unbalanced
from metalib.tasks.unlabelled import UNLABELLED, PartlyLabelled

__all__ = [
    "UNLABELLED",
    "Changed",
    "Episodes",
    "Fits",
    "GaussianProcessTasks",
    "LinearTasks",
    "PartlyLabelled",
    "SineTasks",
    "TaskBatch",
    "Unbalanced",
    "Waves",
    "sine",
]
