"""MAML with metalib: all tasks at once, any nn.Module."""

import torch

from metalib import MAML
from metalib.learners.losses import task_losses


def meta_step(model, tasks, alpha, steps, first_order=False):
    learner = MAML(model, alpha, steps, first_order=first_order)
    fast = learner.adapt(tasks.support_x, tasks.support_y)
    loss = task_losses(learner.predict(fast, tasks.query_x), tasks.query_y).mean()
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    return loss, gradient, list(fast.values())
