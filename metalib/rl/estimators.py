"""Policy gradients from trajectories, and surrogates that stay right when they are differentiated twice.

Shapes: T tasks, N trajectories of each, H actions of each.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def rewards_to_go(rewards: Tensor, discount: float = 1.0) -> Tensor:
    """What each action can still be thanked for: Gₜ = rₜ + γ Gₜ₊₁, (..., H) both."""
    found, following = [], torch.zeros_like(rewards[..., 0])
    for reward in reversed(rewards.unbind(dim=-1)):
        following = reward + discount * following
        found.append(following)
    return torch.stack(found[::-1], dim=-1)


def features(states: Tensor) -> Tensor:
    """Of the linear baseline (Duan et al. 2016, *Benchmarking*): s, s², t, t², t³ and 1, with t in hundreds.

    ``(T, N, H, S)`` to ``(T, N, H, 2 S + 4)``.
    """
    time = torch.arange(states.shape[2], device=states.device, dtype=states.dtype) / 100
    time = time[:, None].expand(*states.shape[:3], 1)
    return torch.cat([states, states**2, time, time**2, time**3, torch.ones_like(time)], dim=-1)


def baseline(states: Tensor, targets: Tensor, ridge: float = 1e-5) -> Tensor:
    """What return the linear baseline expects, ``(T, N, H)``, fitted to ``targets`` ``(T, N, H)`` for each
    task by itself.

    It is fitted to the very trajectories that it is subtracted from, as in the authors' code. So it depends a
    little on each action, and the gradient has a little bias.
    """
    x = features(states).flatten(1, 2).double()  # (T, N·H, F)
    y = targets.flatten(1).unsqueeze(-1).double()
    inner = x.mT @ x + ridge * torch.eye(x.shape[-1], device=x.device, dtype=x.dtype)
    return (x @ torch.linalg.solve(inner, x.mT @ y)).view_as(targets).to(targets.dtype)


def advantages(states: Tensor, rewards: Tensor, discount: float = 1.0, *, one_scale: bool = False) -> Tensor:
    """Rewards to go less the baseline, brought to mean 0 and deviation 1 for each task: ``(T, N, H)``.

    With ``one_scale`` the deviation is that of all tasks together: a task in which more is at stake keeps its
    greater weight in a mean over tasks.
    """
    to_go = rewards_to_go(rewards, discount)
    left = to_go - baseline(states, to_go)
    left = left - left.mean(dim=(1, 2), keepdim=True)
    spread = left.square().mean(dim=(0, 1, 2) if one_scale else (1, 2), keepdim=True).sqrt()
    return left / (spread + 1e-8)


def magic_box(x: Tensor) -> Tensor:
    """1, whose derivative is that of x: exp(x − ⊥x) (Foerster et al. 2018). Its n-th derivatives are those of
    the likelihood ratio, so what it multiplies is differentiated as an expectation is."""
    return (x - x.detach()).exp()


def plain(log_probabilities: Tensor, advantages: Tensor) -> Tensor:
    """Σₜ log π(aₜ|sₜ) Aₜ. Its first derivative is the policy gradient; its *second* is not that of the
    expected return: that the trajectories themselves come from the policy is forgotten."""
    return (log_probabilities * advantages).sum(dim=-1)


def local(log_probabilities: Tensor, advantages: Tensor) -> Tensor:
    """Σₜ (π/⊥π)(aₜ|sₜ) Aₜ, the low variance curvature of Rothfuss et al. 2019, section 5: of the products of
    scores it keeps those of an action with itself."""
    return (magic_box(log_probabilities) * advantages).sum(dim=-1)


def dice(log_probabilities: Tensor, advantages: Tensor) -> Tensor:
    """Loaded DiCE (Farquhar et al. 2019, equation 9; with λ = 1 and no baseline it is DiCE of Foerster et
    al. 2018): the magic box of all actions up to t, less that of all before, times Aₜ. All derivatives are
    right in expectation, where the advantages are."""
    so_far = log_probabilities.cumsum(dim=-1)
    return ((magic_box(so_far) - magic_box(so_far - log_probabilities)) * advantages).sum(dim=-1)


ESTIMATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"dice": dice, "local": local, "plain": plain}
"""Surrogates: (log-probabilities (..., H), advantages (..., H)) -> (...), one number a trajectory."""
