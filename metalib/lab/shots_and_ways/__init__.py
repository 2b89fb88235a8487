"""Accuracy against shots and ways, with and without a leak, and the episode in which it lies."""
