"""Prototypes and a query in the plane: the distance, the temperature and p(y = c | x)."""

from metalib.lab.distances.laboratory import DistanceLaboratory

__all__ = ["DistanceLaboratory"]
