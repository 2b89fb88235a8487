"""Run one model with different weights for each task, all tasks at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from metalib.i18n import _
from metalib.learners.base import batch_norms

# Layers that treat every number alike need no task dimension: they run as they are.
_ELEMENTWISE = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Softplus,
    nn.Tanh,
    nn.Sigmoid,
    nn.Identity,
)


def forward(model: nn.Module, fast: Mapping[str, Tensor], x: Tensor, prefix: str = "") -> Tensor:
    """The model's output for T tasks, each with its own weights.

    Args:
        model: any module that maps a batch ``(N, ...)`` to ``(N, ...)``.
        fast: ``{parameter name: (T, ...)}``. A parameter not named here is shared: the model's own.
        x: ``(T, N, ...)``.
        prefix: the part of the names in ``fast`` that leads to ``model``.

    Returns:
        ``(T, N, ...)``.

    Raises:
        RuntimeError: the model cannot be run for several tasks at once; the message says what to change.
    """
    # A single task of images needs no vmap, which costs about as much again: what a laboratory waits for.
    if len(x) == 1 and _are_images(x):
        weights = {name: value[0] for name, value in _own(fast, prefix).items()}
        return functional_call(model, weights, (_channels_last(x[0]),)).unsqueeze(0)
    if type(model) is nn.Sequential:
        for name, layer in model.named_children():
            x = forward(layer, fast, x, f"{prefix}{name}.")
        return x
    if isinstance(model, _ELEMENTWISE):
        return model(x)
    own = _own(fast, prefix)
    # vmap can run any layer, this one too; but its bookkeeping costs more than the small matrix product.
    if type(model) is nn.Linear and own.keys() == {"weight", "bias"}:
        return torch.baddbmm(own["bias"].unsqueeze(1), x, own["weight"].mT)
    return _vmapped(model, own, x)


def _own(fast: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those of the parameters that belong to the layer, under the names that it has for them."""
    return {name.removeprefix(prefix): value for name, value in fast.items() if name.startswith(prefix)}


PASS_NUMBERS = 2**16
"""Input numbers that go through a model at once on a processor. With more the activations leave its cache."""


def tasks_at_once(*inputs: Tensor) -> int:
    """How many tasks had better pass a model together, given all that goes in, ``(T, N, ...)`` each.

    On a processor images go one by one: a grouped convolution gains nothing there, and the activations of a
    single task stay in the cache (5-way tasks of Omniglot, 80 drawings each, take half the time that they
    take fifty at a time). Of anything else as many as ``PASS_NUMBERS`` allows. On a GPU, and compiled, all.
    """
    first = inputs[0]
    if first.device.type != "cpu" or torch.compiler.is_compiling():
        return max(1, len(first))
    if _are_images(first):
        return 1
    return max(1, PASS_NUMBERS // sum(part[0].numel() for part in inputs))


def _are_images(x: Tensor) -> bool:
    """Whether x is ``(T, N, C, H, W)``, and run as it is: what is compiled has a way of its own."""
    return x.dim() == 5 and not torch.compiler.is_compiling()


def _channels_last(images: Tensor) -> Tensor:
    """``(N, C, H, W)`` in the layout in which processors convolve fastest; the numbers are the same."""
    if images.stride(1) == 1:
        return images
    # With one channel both layouts are one to .contiguous(), but not to the convolution.
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def _vmapped(model: nn.Module, own: dict[str, Tensor], x: Tensor) -> Tensor:
    run = vmap(lambda weights, inputs: functional_call(model, weights, (inputs,)), randomness="different")
    if torch.compiler.is_compiling():  # which follows no handler of errors
        return run(own, x)
    try:
        return run(own, x)
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        raise RuntimeError(
            _(
                "{model} cannot be run for a batch of tasks at once. Write its forward without .item(), "
                "without `if` on the value of a tensor, and without changing a buffer in place. PyTorch says"
                ": {reason}"
            ).format(model=type(model).__name__, reason=str(error).splitlines()[0])
        ) from error


def check_batchable(model: nn.Module) -> None:
    """Refuse what would mix tasks or change the model while it adapts.

    Raises:
        TypeError: not a module.
        ValueError: batch normalisation that tracks running statistics, or a model without parameters.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(_("model must be a torch.nn.Module, not {kind}.").format(kind=type(model).__name__))
    if any(m.track_running_stats for m in batch_norms(model)):
        raise ValueError(
            _(
                "The model's batch normalisation tracks running statistics, which the tasks of a batch "
                "would overwrite for each other. Make it with track_running_stats=False, or use group "
                "normalisation."
            )
        )
    if not any(True for _p in model.parameters()):
        raise ValueError(_("The model has no parameters, so there is nothing to adapt."))
