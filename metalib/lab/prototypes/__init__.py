"""An episode in the plane of its embedding: support, prototypes, queries, regions."""

from metalib.lab.prototypes.laboratory import PrototypeLaboratory

__all__ = ["PrototypeLaboratory"]
