"""MAML with higher: an ordinary optimiser whose steps can be differentiated."""

import higher
import torch
import torch.nn.functional as F


def cut(gradients):  # first order: the inner gradients become constants, the path to θ stays
    return [gradient.detach() for gradient in gradients]


def meta_step(model, tasks, alpha, steps, first_order=False):
    sgd = torch.optim.SGD(model.parameters(), lr=alpha)
    losses, fast_weights = [], []
    for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
        with higher.innerloop_ctx(model, sgd, copy_initial_weights=False) as (learner, inner):
            for _step in range(steps):
                error = F.mse_loss(learner(support_x), support_y)
                inner.step(error, grad_callback=cut if first_order else None)
            losses.append(F.mse_loss(learner(query_x), query_y))
            fast_weights.append(list(learner.parameters()))
    loss = torch.stack(losses).mean()
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    return loss, gradient, list(zip(*fast_weights, strict=True))
