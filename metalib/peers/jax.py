"""MAML in JAX: grad inside vmap inside grad inside jit."""

from functools import partial

import jax
import jax.numpy as jnp


def prepare(model, tasks):
    return [jnp.asarray(w.detach().numpy()) for w in model.parameters()], [
        jnp.asarray(part.numpy()) for part in tasks
    ]


def network(weights, x):
    for index in range(0, len(weights), 2):
        x = (jax.nn.relu(x) if index else x) @ weights[index].T + weights[index + 1]
    return x


def mse(weights, x, y):
    return jnp.mean((network(weights, x) - y) ** 2)


def adapt(weights, x, y, alpha, steps, first_order=False):
    for _step in range(steps):
        gradient = jax.grad(mse)(weights, x, y)
        if first_order:
            gradient = jax.lax.stop_gradient(gradient)
        weights = [w - alpha * g for w, g in zip(weights, gradient, strict=True)]
    return weights


@partial(jax.jit, static_argnames=("alpha", "steps", "first_order"))
def meta_step(weights, tasks, alpha, steps, first_order=False):
    def one_task(weights, support_x, support_y, query_x, query_y):
        fast = adapt(weights, support_x, support_y, alpha, steps, first_order)
        return mse(fast, query_x, query_y), fast

    def meta_loss(weights):
        losses, fast = jax.vmap(one_task, in_axes=(None, 0, 0, 0, 0))(weights, *tasks)
        return jnp.mean(losses), fast

    (loss, fast), gradient = jax.value_and_grad(meta_loss, has_aux=True)(weights)
    return loss, gradient, fast
