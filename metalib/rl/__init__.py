"""Reinforcement learning: environments, agents that learn to learn in them, and what bounds them.

Everything is batched: the first dimension of every tensor is the task, the second the trajectory (or pull).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from metalib.i18n import _
from metalib.rl.agent import Agent, evaluate
from metalib.rl.bandits import Bandits, BernoulliBandits, Played, Player, bandits_of, play
from metalib.rl.gittins import Gittins
from metalib.rl.maml import PolicyJoint, PolicyLearner, PolicyMAML, Stage, learning_curve
from metalib.rl.navigation import Navigation, NavigationTasks
from metalib.rl.optimum import BayesOptimum, BayesPlayer
from metalib.rl.players import UCB1, Greedy, RandomPlayer, Thompson
from metalib.rl.policy import GaussianPolicy, Trajectories
from metalib.rl.rl2 import RL2, RecurrentPolicy

if TYPE_CHECKING:
    from metalib.rl.gymnasium_env import NavigationEnv as NavigationEnv

__all__ = [
    "Agent",
    "Bandits",
    "BayesOptimum",
    "BayesPlayer",
    "BernoulliBandits",
    "GaussianPolicy",
    "Gittins",
    "Greedy",
    "Navigation",
    "NavigationEnv",
    "NavigationTasks",
    "Played",
    "Player",
    "PolicyJoint",
    "PolicyLearner",
    "PolicyMAML",
    "RL2",
    "RandomPlayer",
    "RecurrentPolicy",
    "Stage",
    "Thompson",
    "Trajectories",
    "UCB1",
    "bandits_of",
    "evaluate",
    "learning_curve",
    "play",
]


def __getattr__(name: str) -> Any:
    if name == "NavigationEnv":  # it alone needs Gymnasium
        try:
            return import_module("metalib.rl.gymnasium_env").NavigationEnv
        except ImportError as error:
            raise ImportError(
                _(
                    "NavigationEnv is an environment of Gymnasium, which is missing here: pip install "
                    "gymnasium"
                )
            ) from error
    raise AttributeError(f"module 'metalib.rl' has no attribute {name!r}")
