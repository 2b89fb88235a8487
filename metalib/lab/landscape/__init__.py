"""What MAML"s objective looks like, and where each method would go."""

from metalib.lab.landscape.laboratory import LandscapeLaboratory

__all__ = ["LandscapeLaboratory"]
