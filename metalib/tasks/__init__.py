"""Task distributions: objects with ``sample(n_tasks, generator) -> TaskBatch``."""

from metalib.tasks.batch import TaskBatch
from metalib.tasks.episodes import Episodes
from metalib.tasks.sine import SineTasks, Waves, sine

__all__ = ["Episodes", "SineTasks", "TaskBatch", "Waves", "sine"]
