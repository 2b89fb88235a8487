"""Adaptation curves on images: the accuracy step by step, on one task and on average."""
