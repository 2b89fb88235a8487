"""MAML with policy gradients, and joint training beside it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from metalib.evaluation import Evaluation
from metalib.i18n import _
from metalib.learners.gradient import check_alpha, check_steps
from metalib.rl.agent import Agent
from metalib.rl.estimators import ESTIMATORS, advantages, plain
from metalib.rl.navigation import Navigation, NavigationTasks
from metalib.rl.policy import GaussianPolicy, Trajectories, Weights, log_probabilities, play, weights_of
from metalib.tasks.batch import check_whole


class Stage(NamedTuple):
    """T policies after some inner steps, and what they did."""

    weights: Weights
    played: Trajectories


class PolicyLearner(Agent):
    """A policy that adapts by REINFORCE: θ′ ← θ′ + α ∇J(θ′), each step with fresh trajectories of θ′.

    J is a mean over trajectories and over actions, of advantages that are standardised for each task (Duan et
    al. 2016): the size of a step is that of α, whatever the rewards' unit. `PolicyMAML` and `PolicyJoint`
    differ in ``loss``: in how the starting point θ is trained.

    Args:
        policy: the starting point θ.
        alpha: α of the first step, a finite number ≥ 0.
        later_alpha: α of all further steps; ``None`` is α / 2, as in the paper's evaluation.
        steps: inner steps a task.
        trajectories: of each task, for each step.
        discount: γ of the rewards to go.
        estimator: of `metalib.rl.estimators.ESTIMATORS`: how the inner objective is differentiated.

    Raises:
        TypeError, ValueError: an argument outside these limits.
    """

    def __init__(
        self,
        policy: GaussianPolicy,
        alpha: float = 0.15,
        steps: int = 1,
        *,
        later_alpha: float | None = None,
        trajectories: int = 20,
        discount: float = 1.0,
        estimator: str = "dice",
    ) -> None:
        super().__init__()
        self.policy, self.alpha, self.steps = policy, check_alpha(alpha), check_steps(steps)
        self.later_alpha = self.alpha / 2 if later_alpha is None else check_alpha(later_alpha)
        self.trajectories = check_whole("trajectories", trajectories, 2)
        if not 0 < discount <= 1:
            raise ValueError(
                _("discount must lie above 0 and at most at 1, not {value}.").format(value=discount)
            )
        if estimator not in ESTIMATORS:
            raise ValueError(
                _("estimator must be one of {names}, not {value!r}.").format(
                    names=", ".join(ESTIMATORS), value=estimator
                )
            )
        self.discount, self.estimator = discount, estimator

    chunk = 25  # a task's step holds a hundred numbers for each of 2000 actions

    def act(self, weights: Weights, tasks: Navigation, generator: torch.Generator | None) -> Trajectories:
        """Fresh trajectories; without a generator their noise is torch's global one."""
        shape = (len(tasks), self.trajectories, tasks.horizon, 2)
        noise = torch.randn(shape, generator=generator).to(tasks.goals)
        return play(weights, tasks, noise)

    def improve(self, weights: Weights, played: Trajectories, alpha: float) -> Weights:
        """One inner step, from trajectories that were played with *these* weights."""
        keep = torch.is_grad_enabled()  # for the meta-gradient
        with torch.enable_grad():
            if not keep:
                weights = {name: value.detach().requires_grad_() for name, value in weights.items()}
            chances = log_probabilities(weights, played)
            gains = ESTIMATORS[self.estimator](chances, self.advantages(played))
            objective = gains.mean(dim=1).sum() / played.rewards.shape[-1]  # a sum over tasks: each its own
            slopes = torch.autograd.grad(objective, list(weights.values()), create_graph=keep)
        return {n: v + alpha * slope for (n, v), slope in zip(weights.items(), slopes, strict=True)}

    def advantages(self, played: Trajectories) -> Tensor:
        """Of every action, ``(T, N, H)``."""
        return advantages(played.states, played.rewards, self.discount)

    def adapt_path(
        self, tasks: Navigation, generator: torch.Generator | None = None, steps: int | None = None
    ) -> list[Stage]:
        """Every point of the way: ``steps + 1`` stages, the first before any step. The trajectories of a
        stage are those that the next step learns from."""
        weights: Weights = weights_of(self.policy, len(tasks))
        way = [Stage(weights, self.act(weights, tasks, generator))]
        for done in range(self.steps if steps is None else check_steps(steps)):
            weights = self.improve(*way[-1], self.later_alpha if done else self.alpha)
            way.append(Stage(weights, self.act(weights, tasks, generator)))
        return way

    def returns(self, tasks: Navigation, generator: torch.Generator, steps: int | None = None) -> Tensor:
        """The mean return of each task after ``steps`` inner steps (``None``: ``self.steps``), ``(T,)``."""
        return self.adapt_path(tasks, generator, steps)[-1].played.returns

    def _loss_of(self, stage: Stage) -> Tensor:
        """Minus the mean return, with the policy gradient for gradient."""
        chances, played = log_probabilities(*stage), stage.played
        gains = plain(
            chances, advantages(played.states, played.rewards, self.discount, one_scale=True)
        ).mean()
        gains = gains / stage.played.rewards.shape[-1]
        return gains.detach() - gains - stage.played.returns.mean()


def learning_curve(
    learner: PolicyLearner, tasks: NavigationTasks, n_tasks: int, generator: torch.Generator, steps: int
) -> list[Evaluation]:
    """The return after 0, 1, … ``steps`` inner steps on the same fresh tasks: what `evaluate` gives for each,
    on one way instead of many."""
    parts = []
    with torch.no_grad():
        for start in range(0, n_tasks, learner.chunk):
            batch = tasks.sample(min(learner.chunk, n_tasks - start), generator)
            noise = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
            way = learner.adapt_path(batch, noise, steps)
            parts.append(torch.stack([stage.played.returns for stage in way]).double())
    return [Evaluation(values, "return") for values in torch.cat(parts, dim=1)]


class PolicyMAML(PolicyLearner):
    """MAML for reinforcement learning (Finn et al. 2017, algorithm 3): the starting point from which `steps`
    policy gradient steps lead far.

    The outer loss is differentiated through the inner steps, whose second derivatives need an estimator that
    knows of the sampling: ``"dice"``. The outer step is plain (Adam by `metalib.fit`), where the paper takes
    TRPO.
    """

    def loss(self, tasks: Navigation) -> Tensor:
        return self._loss_of(self.adapt_path(tasks)[-1])


class PolicyJoint(PolicyLearner):
    """Joint training: one policy for all tasks, trained without any adaptation."""

    def loss(self, tasks: Navigation) -> Tensor:
        return self._loss_of(self.adapt_path(tasks, steps=0)[-1])
