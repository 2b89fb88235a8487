"""What is known of the layers of a model: which shortcuts it allows. Whoever is not known gets none."""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from metalib.attention import Attention, Block, ContextTransformer, LinearAttention
from metalib.learners.base import batch_norms
from metalib.models import GramEmbedding

# Exact types throughout: a subclass may do something else.
ELEMENTWISE = frozenset(
    {
        nn.ReLU,
        nn.LeakyReLU,
        nn.ELU,
        nn.GELU,
        nn.SiLU,
        nn.Softplus,
        nn.Tanh,
        nn.Sigmoid,
        nn.Identity,
    }
)
"""Layers that treat every number alike need no task dimension: they run as they are."""

_IMAGE_LAYERS = ELEMENTWISE | {
    nn.Sequential,
    nn.Conv2d,
    nn.BatchNorm2d,
    nn.GroupNorm,
    nn.InstanceNorm2d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.Linear,
    nn.Dropout,
    nn.Dropout2d,
}
_EXAMPLE_LAYERS = _IMAGE_LAYERS | {
    nn.LayerNorm,
    nn.Embedding,
    GramEmbedding,
    nn.Conv1d,
    nn.InstanceNorm1d,
    nn.BatchNorm1d,
}

_SEQUENCE_LAYERS = _EXAMPLE_LAYERS | {nn.ModuleList, Attention, Block, ContextTransformer, LinearAttention}
"""An example of these is a whole sequence."""

_SUMS = (ELEMENTWISE | _EXAMPLE_LAYERS) - {
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.GroupNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.LayerNorm,
}

Leaves = list[tuple[str, nn.Module]]


def leaves(model: nn.Module) -> Leaves | None:
    """The layers of a plain sequence, one after the other, each with the prefix of its parameters' names.

    None where running them one by one would not be the model: it is no ``nn.Sequential``, somebody listens to
    it (hooks), or two places share a layer or a parameter.
    """
    if type(model) is not nn.Sequential or has_global_hooks():
        return None
    found: Leaves = []
    if not _collect(model, "", found):
        return None
    seen: set[int] = set()
    for _prefix, layer in found:
        for part in layer.modules() if vars(layer)["_modules"] else (layer,):
            for parameter in vars(part)["_parameters"].values():
                if parameter is not None and id(parameter) in seen:
                    return None
                seen.add(id(parameter))
    return found


def _collect(model: nn.Module, prefix: str, found: Leaves) -> bool:
    if is_watched(model):
        return False
    for name, layer in vars(model)["_modules"].items():  # named_children leaves out what comes twice
        if type(layer) is nn.Sequential:
            if not _collect(layer, f"{prefix}{name}.", found):
                return False
        else:
            found.append((f"{prefix}{name}.", layer))
    return True


def is_watched(layer: nn.Module) -> bool:
    """Whether a call of this very layer is more than its class's ``forward``: hooks, or a forward of its
    own."""
    own = vars(layer)
    return bool(
        own["_forward_hooks"]
        or own["_forward_pre_hooks"]
        or own["_backward_hooks"]
        or own["_backward_pre_hooks"]
        or "forward" in own
    )


def has_global_hooks() -> bool:
    """Whether somebody listens to every module there is."""
    return bool(torch_module._has_any_global_hook())


def has_hooks(model: nn.Module) -> bool:
    """Whether somebody listens to the model or to a part of it, in calls that should be those of one task."""
    return has_global_hooks() or any(map(is_watched, model.modules()))


def skips_layout(layers: Leaves) -> bool:
    """Whether all these layers work in any memory layout. (A ``view`` in a forward does not.)"""
    return all(type(layer) in _IMAGE_LAYERS and not is_watched(layer) for _prefix, layer in layers)


def ignores_layout(model: nn.Module) -> bool:
    """The same of a whole model."""
    return all(type(part) in _IMAGE_LAYERS and not is_watched(part) for part in model.modules())


def is_known(model: nn.Module) -> bool:
    """Whether every layer is one whose inside is known: no attention, nothing kept of what passes."""
    return all(type(part) in _EXAMPLE_LAYERS and not is_watched(part) for part in model.modules())


def only_sums(model: nn.Module) -> bool:
    """Whether no layer keeps statistics for its backward pass, as normalisation does.

    Where ``vmap`` stands around an inner ``torch.func.grad``, PyTorch takes those statistics for constants,
    and the second derivative is silently wrong.
    """
    return all(type(part) in _SUMS and not is_watched(part) for part in model.modules())


def judges_alone(model: nn.Module) -> bool:
    """Whether each example's output is known to depend on no other example, so that tasks may be mixed."""
    return not has_hooks(model) and all(
        type(part) in _SEQUENCE_LAYERS
        and not (type(part) is nn.Flatten and part.start_dim != 1)
        and not (isinstance(part, nn.modules.batchnorm._BatchNorm) and _uses_its_batch(part))
        for part in model.modules()
    )


def averages_over_batches(model: nn.Module) -> bool:
    """Whether a batch normalisation is just now learning its running statistics."""
    return any(norm.training and norm.running_mean is not None for norm in batch_norms(model))


def _uses_its_batch(norm: nn.Module) -> bool:
    return norm.training or norm.running_mean is None


def has_fast_path(model: nn.Module) -> bool:
    """Whether an attention layer may run as one operation that has no derivative: in evaluation mode, where
    vmap hides from it that it is to be differentiated."""
    kinds = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
    return any(isinstance(part, kinds) and not part.training for part in model.modules())


def is_compiled(model: nn.Module) -> bool:
    """Whether the model, or a part of it, is compiled already."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")  # not there before something was compiled
    made = dynamo.OptimizedModule if dynamo else ()
    return any(isinstance(part, made) or part._compiled_call_impl is not None for part in model.modules())


def is_script(model: nn.Module) -> bool:
    """Whether the model, or a part of it, is TorchScript."""
    return any(isinstance(part, torch.jit.ScriptModule) for part in model.modules())
