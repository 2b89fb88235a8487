"""MAML with learn2learn: clone the model for each task, then adapt the clone."""

import learn2learn as l2l
import torch
import torch.nn.functional as F


def meta_step(model, tasks, alpha, steps, first_order=False):
    maml = l2l.algorithms.MAML(model, lr=alpha, first_order=first_order)
    losses, fast_weights = [], []
    for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
        learner = maml.clone()
        for _step in range(steps):
            learner.adapt(F.mse_loss(learner(support_x), support_y))
        losses.append(F.mse_loss(learner(query_x), query_y))
        fast_weights.append(list(learner.parameters()))
    loss = torch.stack(losses).mean()
    gradient = torch.autograd.grad(loss, list(maml.parameters()))
    return loss, gradient, list(zip(*fast_weights, strict=True))
