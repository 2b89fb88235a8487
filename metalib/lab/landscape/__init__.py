"""The loss landscape of two parameters: MAML's objective, its optimum, and where each method goes."""

from metalib.lab.landscape.laboratory import LandscapeLaboratory

__all__ = ["LandscapeLaboratory"]
