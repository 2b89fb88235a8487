"""Adaptation curves on images: the accuracy step by step, on one task and on average."""

from metalib.lab.adaptation.laboratory import AdaptationLaboratory

__all__ = ["AdaptationLaboratory"]
