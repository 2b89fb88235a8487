"""Take hold of the adapted curve, and the cause follows: along the gradient of its height, through the inner
steps.

The height f(x; θ′) at the hand depends on θ, on α and on the support points, since θ′ is what the inner steps
make of them. Its gradient with respect to one of these says which small change lifts the curve most.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from metalib.lab.sine.compute import moved_by, task_of
from metalib.lab.sine.state import ALPHAS, EXPLODED, HEIGHTS, INPUTS, SineState
from metalib.learners import MAML

NEAR = 0.005  # heights: a quarter of a pixel
CLOSE = 0.06  # more than a pixel: a larger gap is said
RISE = 1.0  # heights a step at most: so the way hardly depends on how quickly the pointer moves
REACH = 1.0  # length of a step at most: of θ, of ln α, of a point's way
STEPS = 20
POSITIONS = 40  # of α's slider, a power of ten
TRIED = (1, 1 / 2, 1 / 4)  # of a step
LEAPS = 3  # steps that bring the curve no nearer, at most: where a ReLU switches at a support point, it jumps


@dataclass(frozen=True)
class Height:
    """The curve's height at the hand, and its gradient; `largest` is the largest support loss on the way.

    theta (P,): all parameters one after the other; alpha: a number; points (S, 2): by x and by y.
    """

    value: float
    largest: float
    theta: np.ndarray
    alpha: float
    points: np.ndarray


def exact(model: nn.Module) -> nn.Module:
    """A copy in float64, in which gradients and small changes lose nothing; in its own precision where it
    cannot compute in another."""
    double = copy.deepcopy(model).double()
    try:
        with torch.no_grad():
            double(torch.zeros(2, 1, dtype=torch.float64))
    except RuntimeError:
        return copy.deepcopy(model)
    return double


def height(model: nn.Module, state: SineState, wanted: str = "") -> Height:
    """The height at `state.hand` after the inner steps, with the gradient of one cause (by default of all).

    What is not wanted, or does not count, is 0.
    """
    learner = MAML(model)
    dtype = next(model.parameters()).dtype
    task = task_of(state)
    x, y = (part.to(dtype).requires_grad_() for part in (task.support_x, task.support_y))
    for which, *place in state.moved_shots:  # not rounded to float32
        x.data[0, which], y.data[0, which] = place
    alpha = torch.tensor(state.alpha, dtype=dtype, requires_grad=True)
    at = torch.full((1, 1, 1), state.hand, dtype=dtype)
    with torch.enable_grad():
        theta = moved_by(state.shift, {name: value.detach() for name, value in learner.start(x, y).items()})
        begin = {name: value.clone().requires_grad_() for name, value in theta.items()}
        fast: Mapping[str, Tensor] = begin
        losses = []
        for step in range(state.steps + 1):
            losses.append((learner.predict(fast, x.detach()) - y).square().mean().item())  # type: ignore[arg-type]
            if step < state.steps:
                fast = learner.stepped(fast, dict.fromkeys(fast, alpha), x, y, True)
        top = learner.predict(fast, at).sum()  # type: ignore[arg-type]
        causes = {"theta": tuple(begin.values()), "alpha": (alpha,), "point": (x, y)}
        asked = [leaf for name, leaves in causes.items() if wanted in ("", name) for leaf in leaves]
        found = torch.autograd.grad(top, asked, allow_unused=True, materialize_grads=True)
    known = {id(leaf): part.detach().double().flatten() for leaf, part in zip(asked, found, strict=True)}
    gradient = [
        known.get(id(leaf), torch.zeros(leaf.numel())) for leaves in causes.values() for leaf in leaves
    ]
    return Height(
        value=top.item(),
        largest=max(losses) if all(map(math.isfinite, losses)) else math.inf,
        theta=torch.cat(gradient[:-3]).numpy(),
        alpha=gradient[-3].item(),
        points=torch.stack(gradient[-2:], dim=1).numpy(),
    )


def responsible(model: nn.Module, state: SineState) -> int | None:
    """The support point that moves the curve most at the hand, before anything is pulled; None where none
    does."""
    moves = np.linalg.norm(height(model, state.put_back(), "point").points, axis=1)
    return int(np.argmax(moves)) if np.isfinite(moves).all() and moves.max() > 0 else None


@dataclass(frozen=True)
class Reins:
    """How one cause is moved: its numbers now, their limits, and the state with other numbers."""

    numbers: np.ndarray
    low: np.ndarray
    high: np.ndarray
    answer: Callable[[Height, np.ndarray], np.ndarray]
    """(height, numbers) -> the height's gradient with respect to them."""
    put: Callable[[np.ndarray], SineState]


def reins(model: nn.Module, state: SineState, now: Height) -> Reins | None:
    """Those of `state.cause`; None where there is nothing to move."""
    if state.cause == "theta":
        shift = np.array(state.shift) if state.shift else np.zeros(len(now.theta))
        far = np.full(len(shift), np.inf)
        return Reins(
            shift, -far, far, lambda at, _: at.theta, lambda to: replace(state, shift=tuple(to.tolist()))
        )
    if state.cause == "alpha":  # on the slider's scale: by factors
        before = state.alpha if state.alpha_before is None else state.alpha_before
        return Reins(
            np.log([state.alpha]),
            np.log(ALPHAS[:1]),
            np.log(ALPHAS[1:]),
            lambda at, to: np.exp(to) * at.alpha,
            lambda to: replace(
                state,
                alpha=float(f"{min(max(math.exp(to[0]), ALPHAS[0]), ALPHAS[1]):.6g}"),
                alpha_before=before,
            ),
        )
    which = responsible(model, state)
    if which is None:
        return None
    others = tuple(point for point in state.points if point[0] != which)
    task = task_of(state)
    place = [task.support_x[0, which].item(), task.support_y[0, which].item()]
    return Reins(
        np.array(next((point[1:] for point in state.points if point[0] == which), place)),
        np.array([INPUTS[0], HEIGHTS[0]]),
        np.array([INPUTS[1], HEIGHTS[1]]),
        lambda at, _: at.points[which],
        lambda to: replace(state, points=tuple(sorted((*others, (which, *to.tolist()))))),
    )


def pull(model: nn.Module, state: SineState, to: float) -> SineState:
    """The state in which the cause has moved so that the curve has the height `to` at the hand, or as near as
    it comes: each step, along the gradient, is the shortest that would do if the height were linear.

    `model` is `exact`. The state is given back as it is where there is no curve to hold.
    """
    begun = state = state.let_go()
    now = height(model, state, state.cause)
    if not now.largest <= EXPLODED:
        return state

    def stay(stuck: str) -> SineState:
        # Where a ReLU switches at a support point the curve jumps, and some heights lie in between.
        return state if abs(to - now.value) <= CLOSE else replace(state, asked=to, stuck=stuck)

    if abs(to - now.value) <= NEAR:
        return state
    if state.steps == 0 and state.cause != "theta":
        return stay("steps")
    by = reins(model, state, now)
    if by is None:
        return stay("flat")
    numbers, leaps, nearest = by.numbers, LEAPS if state.cause != "alpha" else 0, (state, now)
    stuck = "short"
    for _step in range(STEPS):
        gap = to - now.value
        if abs(gap) <= NEAR:
            break
        answer = by.answer(now, numbers)
        wanted = math.copysign(1, gap) * answer
        blocked = ((wanted > 0) & (numbers >= by.high)) | ((wanted < 0) & (numbers <= by.low))
        answer = np.where(blocked, 0.0, answer)
        square = float(answer @ answer)
        if not 1e-18 < square < math.inf:
            stuck = "limit" if blocked.any() else "flat"
            break
        step = math.copysign(min(abs(gap), RISE), gap) / square * answer
        step *= min(1.0, REACH / float(np.linalg.norm(step)))
        tries = []
        for share in TRIED:
            tried = np.clip(numbers + share * step, by.low, by.high)
            there = by.put(tried)
            then = height(model, there, state.cause)
            tries.append((tried, there, then))
            if then.largest <= EXPLODED and abs(to - then.value) < abs(gap):
                break
        else:
            if not (leaps and tries[0][2].largest <= EXPLODED):
                stuck = "short" if then.largest <= EXPLODED else "exploded"
                break
            leaps -= 1  # over the place where the curve jumps, and on from there
            tries = tries[:1]
        numbers, state, now = tries[-1]
        if abs(to - now.value) < abs(to - nearest[1].value):
            nearest = state, now
    state, now = nearest
    return on_slider(model, begun, stay(stuck)) if state.cause == "alpha" else stay(stuck)


def on_slider(model: nn.Module, begun: SineState, state: SineState) -> SineState:
    """α where its slider has a position: a browser would move it there, and tell so as if a hand had."""
    if state.alpha == begun.alpha:
        return state
    near = POSITIONS * math.log10(state.alpha)
    for position in (round(near), math.floor(near)):
        there = replace(state, alpha=float(f"{10 ** (position / POSITIONS):.6g}"))
        if there.alpha == begun.alpha:
            return replace(begun, asked=state.asked, stuck=state.stuck)
        if height(model, there, "alpha").largest <= EXPLODED:
            return there
    return replace(begun, asked=state.asked, stuck=state.stuck)
