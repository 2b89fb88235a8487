"""MAML with TorchOpt: steps on the model itself, and its state put back by reference."""

import torch
import torch.nn.functional as F
import torchopt
from torchopt.base import EmptyState, GradientTransformation


def cut(gradients, state, *, params=None, inplace=True):  # first order: constants
    return torchopt.pytree.tree_map(torch.Tensor.detach, gradients), state


def meta_step(model, tasks, alpha, steps, first_order=False):
    theta = list(model.parameters())  # the steps put other tensors in their places
    step = torchopt.sgd(lr=alpha)
    if first_order:
        constant = GradientTransformation(init=lambda params: EmptyState(), update=cut)
        step = torchopt.chain(constant, step)
    inner = torchopt.MetaOptimizer(model, step)
    start = torchopt.extract_state_dict(model, by="reference")
    inner_start = torchopt.extract_state_dict(inner, by="reference")
    losses, fast_weights = [], []
    for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
        for _step in range(steps):
            inner.step(F.mse_loss(model(support_x), support_y))
        losses.append(F.mse_loss(model(query_x), query_y))
        fast_weights.append(list(model.parameters()))
        torchopt.recover_state_dict(model, start)
        torchopt.recover_state_dict(inner, inner_start)
    loss = torch.stack(losses).mean()
    return loss, torch.autograd.grad(loss, theta), list(zip(*fast_weights, strict=True))
