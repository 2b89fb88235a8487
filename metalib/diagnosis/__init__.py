"""Why does it not learn? A learner and its tasks are tried out, and what is wrong is named."""

from metalib.diagnosis.check import check_training
from metalib.diagnosis.report import FAULTS, TrainingReport

__all__ = ["FAULTS", "TrainingReport", "check_training"]
