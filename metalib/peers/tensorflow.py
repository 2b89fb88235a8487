"""MAML in TensorFlow: a tape inside a tape, vectorised over tasks, compiled by tf.function."""

import tensorflow as tf


def prepare(model, tasks):
    return [tf.constant(w.detach().numpy()) for w in model.parameters()], [
        tf.constant(part.numpy()) for part in tasks
    ]


def network(weights, x):
    for index in range(0, len(weights), 2):
        x = (tf.nn.relu(x) if index else x) @ tf.transpose(weights[index]) + weights[index + 1]
    return x


def mse(weights, x, y):
    return tf.reduce_mean((network(weights, x) - y) ** 2)


def adapt(weights, x, y, alpha, steps, first_order=False):
    for _step in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = mse(weights, x, y)
        gradient = tape.gradient(loss, weights)
        if first_order:
            gradient = [tf.stop_gradient(g) for g in gradient]
        weights = [w - alpha * g for w, g in zip(weights, gradient, strict=True)]
    return weights


@tf.function
def meta_step(weights, tasks, alpha, steps, first_order=False):
    def one_task(task):
        support_x, support_y, query_x, query_y = task
        fast = adapt(weights, support_x, support_y, alpha, steps, first_order)
        return mse(fast, query_x, query_y), fast

    with tf.GradientTape() as tape:
        tape.watch(weights)
        losses, fast = tf.vectorized_map(one_task, tasks)
        loss = tf.reduce_mean(losses)
    return loss, tape.gradient(loss, weights), fast
