"""Error against shots: with prior knowledge and without."""

from metalib.lab.learning_curves.laboratory import LOOKS

__all__ = ["LOOKS"]
