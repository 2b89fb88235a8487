"""MAML in PyTorch, by hand: a loop over tasks, a loop over steps."""

import torch
import torch.nn.functional as F
from torch.func import functional_call


def adapt(model, x, y, alpha, steps, first_order=False):
    fast = dict(model.named_parameters())
    for _step in range(steps):
        loss = F.mse_loss(functional_call(model, fast, (x,)), y)
        gradient = torch.autograd.grad(loss, list(fast.values()), create_graph=not first_order)
        moved = zip(fast.items(), gradient, strict=True)
        fast = {name: weight - alpha * g for (name, weight), g in moved}
    return fast


def meta_step(model, tasks, alpha, steps, first_order=False):
    losses, fast_weights = [], []
    for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
        fast = adapt(model, support_x, support_y, alpha, steps, first_order)
        losses.append(F.mse_loss(functional_call(model, fast, (query_x,)), query_y))
        fast_weights.append(fast.values())
    loss = torch.stack(losses).mean()
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    return loss, gradient, list(zip(*fast_weights, strict=True))
