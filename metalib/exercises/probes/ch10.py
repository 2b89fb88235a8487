"""Probes of chapter 10."""

import torch

from metalib.exercises.probes import N_, label, probe, require, with_gradient


@probe("10/rewards-to-go", context={"torch": torch})
def probe_rewards_to_go(rewards_to_go, draw):
    n, horizon = draw.different(2, 2, 7)
    rewards = draw.normal(n, horizon)
    return {f"γ = {discount}": rewards_to_go(rewards.clone(), discount)
            for discount in (draw.number(0.5, 0.95), draw.number(0.2, 0.5))}  # fmt: skip


@probe("10/dice", context={"torch": torch})
def probe_dice(surrogate, draw):
    n, horizon = draw.different(2, 2, 6)
    size = draw.whole(2, 4)
    way, rewards = draw.normal(n, horizon, size), draw.normal(n, horizon)
    theta = draw.normal(size).requires_grad_()
    log_pi = torch.nn.functional.logsigmoid(way @ theta)
    value = surrogate(log_pi, rewards)
    require(isinstance(value, torch.Tensor) and value.dim() == 0, N_("Return a tensor with a single number."))
    if not value.requires_grad:
        return {N_("value"): value, N_("first derivative"): torch.zeros(size)}
    (slope,) = torch.autograd.grad(value, theta, create_graph=True)
    result = {N_("value"): value, N_("first derivative"): slope}
    if slope.requires_grad:
        rows = [torch.autograd.grad(one, theta, retain_graph=True)[0] for one in slope]
        result[N_("second derivative")] = torch.stack(rows)
    return result


@probe("10/adapt", context={"torch": torch})
def probe_adapt(adapt, draw):
    size, steps = draw.whole(2, 4), draw.whole(2, 4)
    noise, shape = draw.normal(10, size), draw.normal(size, size)
    theta, alpha = draw.normal(size).requires_grad_(), draw.number(0.05, 0.3)
    result = {}
    for count in (1, steps):
        calls = 0

        def sample(at):
            nonlocal calls
            calls += 1
            return at.detach() + noise[min(calls, 9)].to(at)

        def objective(at, played):
            return torch.sin(shape.to(at) @ at).sum() + (at * played).tanh().sum()

        result[label(N_("{steps} steps"), steps=count)] = with_gradient(
            adapt(theta, sample, objective, alpha, count), theta
        )
    return result


@probe("10/ucb-index", context={"torch": torch})
def probe_ucb_index(ucb_index, draw):
    n, arms = draw.different(2, 2, 6)
    pulled = (1 + 8 * draw.uniform(n, arms)).floor()
    spare = pulled.sum(dim=1)
    pulled[:, 0] += spare.max() - spare  # all games have made the same number of pulls
    paid = (pulled * draw.uniform(n, arms)).round()
    result = {}
    for c in (draw.number(0.1, 0.6), draw.number(1.2, 3.0)):
        result[label(N_("{n} games, {arms} arms, c = {c}"), n=n, arms=arms, c=c)] = ucb_index(
            paid.clone(), pulled.clone(), c
        )
    return result


@probe("10/worth-of-a-look", context={"torch": torch})
def probe_worth_of_a_look(worth_of_a_look, draw):
    result: dict[object, object] = {}
    for arms in draw.different(2, 2, 6):
        s, f = ((6 * draw.uniform(arms)).floor() for _outcome in range(2))
        result[label(N_("{arms} arms"), arms=arms)] = worth_of_a_look(s, f)
    close = torch.tensor([1.0, 2.0, 0.0, 4.0])[draw.order(4)]  # here a look can change the choice
    result[N_("arms that are nearly alike")] = worth_of_a_look(close, close.clone())
    return result
