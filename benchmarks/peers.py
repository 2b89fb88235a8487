"""The same MAML meta-step, written as each library's own documentation writes it.

A *builder* takes ``(model, batch, alpha, steps)`` and returns the step: a call that gives the meta-loss and
the meta-gradient, one array for each parameter of the model and in its order. The weights and tasks are put
where the library wants them before, so that a step is only the step. A builder raises ImportError where its
library is missing; ``INSTALL`` says how to get it. README.md has the lines in full.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import os
import warnings
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.loop import maml_loss
from metalib import MAML, TaskBatch
from metalib.compiler import find_compiler

Step = Callable[[], tuple[object, Sequence[object]]]
Builder = Callable[[nn.Module, TaskBatch, float, int], Step]


def loop(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """A plain Python loop over tasks."""
    model = copy.deepcopy(model)
    return _step(model, lambda: maml_loss(model, batch, alpha, steps))


def batched(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """metalib.MAML: all tasks at once."""
    learner = MAML(copy.deepcopy(model), alpha, steps)
    return _step(learner.model, lambda: learner.loss(batch))


def compiled(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """metalib.MAML(compile=True)."""
    if not find_compiler():
        raise ImportError("no C++ compiler")
    learner = MAML(copy.deepcopy(model), alpha, steps, compile=True)
    return _step(learner.model, lambda: learner.loss(batch))


def learn2learn(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """``l2l.algorithms.MAML``: ``clone`` for each task, then ``adapt``."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # old gym and torchvision, which it imports and this does not use
        import learn2learn as l2l

    maml = l2l.algorithms.MAML(copy.deepcopy(model), lr=alpha, first_order=False)

    def loss() -> torch.Tensor:
        total = 0.0
        for support_x, support_y, query_x, query_y in zip(*batch, strict=True):
            learner = maml.clone()
            for _inner in range(steps):
                learner.adapt(F.mse_loss(learner(support_x), support_y))
            total = total + F.mse_loss(learner(query_x), query_y)
        return total / len(batch)

    return _step(maml.module, loss)


def higher(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """``higher.innerloop_ctx`` around plain SGD, with the gradient going through to the first weights."""
    import higher as library

    model = copy.deepcopy(model)
    inner = torch.optim.SGD(model.parameters(), lr=alpha)

    def loss() -> torch.Tensor:
        total = 0.0
        for support_x, support_y, query_x, query_y in zip(*batch, strict=True):
            with library.innerloop_ctx(model, inner, copy_initial_weights=False) as (learner, optimiser):
                for _inner in range(steps):
                    optimiser.step(F.mse_loss(learner(support_x), support_y))
                total = total + F.mse_loss(learner(query_x), query_y)
        return total / len(batch)

    return _step(model, loss)


def torchopt(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """``torchopt.MetaSGD``: steps on the model itself, and its state recovered for the next task."""
    import torchopt as library

    model = copy.deepcopy(model)
    theta = list(model.parameters())  # the steps put other tensors in their places
    inner = library.MetaSGD(model, lr=alpha)
    start = library.extract_state_dict(model, by="reference")
    inner_start = library.extract_state_dict(inner, by="reference")

    def loss() -> torch.Tensor:
        total = 0.0
        for support_x, support_y, query_x, query_y in zip(*batch, strict=True):
            for _inner in range(steps):
                inner.step(F.mse_loss(model(support_x), support_y))
            total = total + F.mse_loss(model(query_x), query_y)
            library.recover_state_dict(model, start)
            library.recover_state_dict(inner, inner_start)
        return total / len(batch)

    return _step(model, loss, theta)


def jax(model: nn.Module, batch: TaskBatch, alpha: float, steps: int) -> Step:
    """JAX: ``grad`` inside ``vmap`` inside ``jit``, for a ReLU network of linear layers."""
    threads = torch.get_num_threads()  # XLA reads these once, when its CPU client starts
    os.environ.setdefault("NPROC", str(threads))
    if threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    logging.getLogger("jax").setLevel(logging.ERROR)
    import jax as library
    import jax.numpy as jnp

    theta = [jnp.asarray(p.detach().numpy()) for p in model.parameters()]
    tasks = [jnp.asarray(tensor.numpy()) for tensor in batch]

    def mse(weights, x, y):
        for index in range(0, len(weights), 2):
            x = (jnp.maximum(x, 0) if index else x) @ weights[index].T + weights[index + 1]
        return jnp.mean((x - y) ** 2)

    def query_loss(weights, support_x, support_y, query_x, query_y):
        for _inner in range(steps):
            gradient = library.grad(mse)(weights, support_x, support_y)
            weights = [w - alpha * g for w, g in zip(weights, gradient, strict=True)]
        return mse(weights, query_x, query_y)

    def meta_loss(weights, *tasks):
        return jnp.mean(library.vmap(query_loss, in_axes=(None, 0, 0, 0, 0))(weights, *tasks))

    step = library.jit(library.value_and_grad(meta_loss))
    return lambda: library.block_until_ready(step(theta, *tasks))


def _step(model: nn.Module, loss: Callable[[], torch.Tensor], theta: list | None = None) -> Step:
    theta = list(model.parameters()) if theta is None else theta

    def step() -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        value = loss()
        return value.detach(), torch.autograd.grad(value, theta)

    return step


BUILDERS: dict[str, Builder] = {
    "metalib loop": loop,
    "metalib batched": batched,
    "metalib compiled": compiled,
    "learn2learn": learn2learn,
    "higher": higher,
    "TorchOpt": torchopt,
    "JAX jit": jax,
}

INSTALL = {
    "metalib compiled": "needs a C++ compiler (Debian: apt install g++; macOS: xcode-select --install).",
    "learn2learn": "its Cython files must be regenerated: see benchmarks/README.md, 'The peers'.",
    "higher": "pip install --no-deps higher==0.2.1",
    "TorchOpt": "pip install --no-deps torchopt==0.7.3 && pip install optree graphviz",
    "JAX jit": "pip install jax",
}
