"""Reinforcement learning: environments, agents that learn to learn in them, and what bounds them.

Everything is batched: the first dimension of every tensor is the task, the second the trajectory (or pull).
"""

from metalib.rl.agent import Agent, evaluate

__all__ = ["Agent", "evaluate"]
