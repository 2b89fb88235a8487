"""Run one model with different weights for each task, all tasks at once.

Whatever way a model takes here, the result is that of a plain loop over tasks. Shortcuts are for layers that
are known (``layers``); any other model goes through ``torch.func.vmap``; what that cannot take, through the
loop itself.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from metalib.i18n import _
from metalib.learners import layers
from metalib.learners.swapped import plainly, running_with, swapped


def forward(model: nn.Module, fast: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The model's output for T tasks, each with its own weights.

    The model's own parameters and mode stay as they are, and its buffers: every task finds them so, and what
    a task writes into them is dropped.

    Args:
        model: any module that maps a batch ``(N, ...)`` to ``(N, ...)``.
        fast: ``{parameter name: (T, ...)}``. A parameter not named here is shared: the model's own.
        x: ``(T, N, ...)``.

    Returns:
        ``(T, N, ...)``.

    Warns:
        UserWarning: once, where the tasks have to run one after the other.

    Raises:
        TypeError, ValueError: the model's output is not one tensor ``(N, ...)``.
    """
    if torch.compiler.is_compiling():  # what is compiled was looked at before: see `can_be_traced`
        return _traced(model, fast, x)
    parts = layers.leaves(model)
    if parts is None:
        return _whole(model, fast, x)
    # A single task of images needs no vmap, which costs about as much again: what a laboratory waits for.
    if len(x) == 1 and _are_images(x) and layers.skips_layout(parts):
        with swapped(model, {name: value[0] for name, value in fast.items()}):
            return _checked(model, model(_channels_last(x[0])), x.shape[1:2]).unsqueeze(0)
    examples = x.shape[:2]
    for prefix, layer in parts:
        x = _layer(layer, fast, prefix, x)
    return _checked(model, x, examples)


def shared(model: nn.Module, x: Tensor) -> Tensor:
    """The output of a model with its own weights for T tasks, ``(T, N, ...)`` both: each task by itself.

    Only batch normalisation that is learning its running statistics sees all tasks of the batch together, as
    it does in the published training of prototypical networks.
    """
    if layers.judges_alone(model) or (layers.averages_over_batches(model) and not layers.has_hooks(model)):
        return together(model, x)
    return _whole(model, {}, x)


def together(model: nn.Module, x: Tensor) -> Tensor:
    """The output of a model that takes the examples of all tasks for one batch, ``(T, N, ...)`` both."""
    flat = plainly(model, x.flatten(0, 1))
    _checked(model, flat, x.flatten(0, 1).shape[:1])
    return flat.unflatten(0, x.shape[:2])


def _layer(layer: nn.Module, fast: Mapping[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    if type(layer) in layers.ELEMENTWISE and not layers.is_watched(layer):
        return layer(x)
    # vmap can run any layer, this one too; but its bookkeeping costs more than the small matrix product.
    if type(layer) is nn.Linear and not layers.is_watched(layer) and _multiplies(layer, fast, prefix, x):
        return torch.baddbmm(fast[f"{prefix}bias"].unsqueeze(1), x, fast[f"{prefix}weight"].mT)
    return _whole(layer, _own(fast, prefix), x)


def _multiplies(layer: nn.Module, fast: Mapping[str, Tensor], prefix: str, x: Tensor) -> bool:
    """Whether a linear layer with all its weights given is one batched product of x, ``(T, N, inputs)``.

    (A product that does not fit goes the other way, where PyTorch names the shapes.)
    """
    weight = fast.get(f"{prefix}weight")
    return (
        weight is not None
        and f"{prefix}bias" in fast
        and not vars(layer)["_modules"]
        and x.dim() == 3
        and x.shape[-1] == weight.shape[-1]
        and x.dtype == weight.dtype
    )


def _own(fast: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those of the parameters that belong to the layer, under the names that it has for them."""
    return {name.removeprefix(prefix): value for name, value in fast.items() if name.startswith(prefix)}


# --- a whole model: by vmap, or by a loop
_Mode = tuple[bool, bool]
_can: WeakKeyDictionary[nn.Module, dict[_Mode, str | None]] = WeakKeyDictionary()
_told: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()
_memory = threading.Lock()


def _whole(model: nn.Module, own: Mapping[str, Tensor], x: Tensor) -> Tensor:
    mode = (model.training, torch.is_grad_enabled())
    with _memory:
        known = dict(_can.get(model, {}))
    reason = _needs_a_loop(model) or known.get(mode)
    if reason is None:
        random = None if mode in known else random_states(x)
        try:
            out = _vmapped(model, own, x)
        except Exception:
            # Not for vmap, or wrong by itself? The loop tells: what fails there too is wrong by itself.
            if random:
                restore(random)
            reason, out = _refused(), None
        if out is not None:
            _remember(model, mode, None)
            return _checked(model, out, x.shape[:2])
    out = _loop(model, own, x)
    _remember(model, mode, reason)
    if len(x) > 1:
        _say_once(
            model,
            _("{model} runs one task after the other, which is slower: {reason}.").format(
                model=type(model).__name__, reason=reason
            ),
        )
    return _checked(model, out, x.shape[:2])


def _refused() -> str:
    return _(
        "its forward does what PyTorch cannot do for several tasks at once, such as .item(), an `if` on the "
        "value of a tensor, or a recurrent cell"
    )


def _needs_a_loop(model: nn.Module) -> str | None:
    """Why the model must see one task at a time, where that is known before."""
    if layers.has_hooks(model):
        return _("it has hooks, which expect the tensors of one task")
    if layers.has_fast_path(model):
        return _("attention in evaluation mode takes a path without derivatives")
    return None


def _vmapped(model: nn.Module, own: Mapping[str, Tensor], x: Tensor) -> Any:
    def one(weights: dict[str, Tensor], inputs: Tensor) -> Any:
        with running_with(model, weights) as buffers:
            out = model(inputs)
        _mention(model, buffers)
        return out

    def known(weights: dict[str, Tensor], inputs: Tensor) -> Any:
        with swapped(model, weights):
            return model(inputs)

    if layers.is_known(model):
        return vmap(known, randomness="different")(dict(own), x)
    with _exact_attention(), _exact_recurrence(model, own):
        return vmap(one, randomness="different")(dict(own), x)


def _loop(model: nn.Module, own: Mapping[str, Tensor], x: Tensor) -> Any:
    outputs = []
    with _exact_attention(), _exact_recurrence(model, own):
        for task in range(len(x)):
            with running_with(model, {name: value[task] for name, value in own.items()}) as buffers:
                outputs.append(_checked(model, model(x[task]), x.shape[1:2]))
            _mention(model, buffers)
    return torch.stack(outputs)


_switches = threading.RLock()


@contextmanager
def _exact_attention() -> Iterator[None]:
    """Attention by the kernel that can be differentiated twice; the quick ones have one derivative only.

    The switches are those of the whole process, so one thread at a time has them.
    """
    if not torch.is_grad_enabled():
        yield
        return
    with _switches, sdpa_kernel(SDPBackend.MATH):
        yield


@contextmanager
def _exact_recurrence(model: nn.Module, own: Mapping[str, Tensor]) -> Iterator[None]:
    """Recurrent layers that are adapting without cuDNN, whose version on a GPU has one derivative only, and
    none in evaluation mode. One thread at a time, as above."""
    cudnn = torch.backends.cudnn
    if not own or not torch.is_grad_enabled() or not any(isinstance(m, nn.RNNBase) for m in model.modules()):
        yield
        return
    with (
        _switches,
        cudnn.flags(False, cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic, cudnn.allow_tf32),
    ):
        yield


def _checked(model: nn.Module, out: Any, examples: torch.Size) -> Tensor:
    """The output, which must be one tensor with an entry for each example."""
    if not isinstance(out, Tensor):
        raise TypeError(
            _(
                "{model} gives a {kind}; a learner needs one tensor (N, ...) for N examples. Wrap it in a "
                "module that returns the right part."
            ).format(model=type(model).__name__, kind=type(out).__name__)
        )
    if out.shape[: len(examples)] != examples:
        raise ValueError(
            _(
                "{model} gives the shape {shape} for {examples} examples; the first dimension must be the "
                "example."
            ).format(
                model=type(model).__name__, shape=tuple(out.shape[len(examples) - 1 :]), examples=examples[-1]
            )
        )
    return out


def _mention(model: nn.Module, buffers: Any) -> None:
    if buffers.changed():
        _say_once(
            model,
            _(
                "{model} changes its buffers as it runs. Each task starts from the buffers as they are, "
                "and what it writes there is dropped."
            ).format(model=type(model).__name__),
        )


def _remember(model: nn.Module, mode: _Mode, reason: str | None) -> None:
    with _memory:
        _can.setdefault(model, {})[mode] = reason


def _say_once(model: nn.Module, sentence: str) -> None:
    with _memory:
        told = _told.setdefault(model, set())
        if sentence in told:
            return
        told.add(sentence)
    warnings.warn(sentence, stacklevel=2)


RandomStates = list[tuple[Callable[[], Tensor], Callable[[Tensor], None], Tensor]]


def random_states(x: Tensor) -> RandomStates:
    """The states of the global random numbers that a model may draw where x is."""
    sources: list[tuple[Callable[[], Tensor], Callable[[Tensor], None]]]
    sources = [(torch.get_rng_state, torch.set_rng_state)]
    if x.is_cuda:
        sources.append((torch.cuda.get_rng_state, torch.cuda.set_rng_state))
    return [(get, put, get()) for get, put in sources]


def have_moved(states: RandomStates) -> bool:
    """Whether random numbers have been drawn since."""
    return any(not torch.equal(get(), state) for get, _put, state in states)


def restore(states: RandomStates) -> None:
    """The random numbers as they were."""
    for _get, put, state in states:
        put(state)


def is_transformed(tensors: Iterable[Tensor]) -> bool:
    """Whether somebody differentiates, or runs over a batch, by ``torch.func``."""
    return any(torch._C._functorch.is_functorch_wrapped_tensor(tensor) for tensor in tensors)


# --- compiled
def can_be_traced(model: nn.Module) -> bool:
    """Whether what `torch.compile` makes of the model is the model: nothing has two names, nobody listens."""
    names = [id(p) for _name, p in model.named_parameters(remove_duplicate=False)]
    parts = [id(part) for _name, part in model.named_modules(remove_duplicate=False)]
    return len({*names, *parts}) == len(names) + len(parts) and not layers.has_hooks(model)


def _traced(model: nn.Module, fast: Mapping[str, Tensor], x: Tensor) -> Tensor:
    def one(weights: dict[str, Tensor], inputs: Tensor) -> Tensor:
        # Copies of the buffers: what is written there is dropped.
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        return functional_call(model, weights | buffers, (inputs,))

    if len(x) == 1:
        return one({name: value[0] for name, value in fast.items()}, x[0]).unsqueeze(0)
    return vmap(one, randomness="different")(dict(fast), x)


# --- what passes a model together
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
    return max(1, PASS_NUMBERS // max(1, sum(part[0].numel() for part in inputs)))


def _are_images(x: Tensor) -> bool:
    """Whether x is ``(T, N, C, H, W)``, and run as it is: what is compiled has a way of its own."""
    return x.dim() == 5 and not torch.compiler.is_compiling()


def _channels_last(images: Tensor) -> Tensor:
    """``(N, C, H, W)`` in the layout in which processors convolve fastest; the numbers are the same."""
    if images.stride(1) == 1:
        return images
    # With one channel both layouts are one to .contiguous(), but not to the convolution.
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


# --- what a learner may be made of
def check_model(model: object) -> nn.Module:
    """Refuse what is no model, or one whose calls cannot be followed.

    Raises:
        TypeError: not a module.
        ValueError: compiled already, TorchScript, or with parameters that have no shape yet or came out of
            ``inference_mode``.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(_("model must be a torch.nn.Module, not {kind}.").format(kind=type(model).__name__))
    if layers.is_compiled(model) or layers.is_script(model):
        raise ValueError(
            _(
                "The model is compiled already, and keeps to the weights that it was compiled with. Give the "
                "plain module; MAML(..., compile=True) compiles what can be."
            )
        )
    parameters = list(model.parameters())
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in parameters):
        raise ValueError(
            _("The model has lazy layers without a shape yet: run it on an example once, before it is given.")
        )
    if any(p.is_inference() for p in parameters):
        raise ValueError(
            _("The model was made in torch.inference_mode(), so it cannot learn: make it outside.")
        )
    return model


def check_batchable(model: nn.Module) -> None:
    """Refuse what would mix tasks or change the model while it adapts.

    Raises:
        TypeError: not a module.
        ValueError: see :func:`check_model` and :func:`check_statistics`; or a model without parameters.
    """
    check_model(model)
    check_statistics(model)
    if not any(True for _p in model.parameters()):
        raise ValueError(_("The model has no parameters, so there is nothing to adapt."))


def check_statistics(model: nn.Module) -> None:
    """Refuse normalisation that is learning running statistics just now. In evaluation mode it uses those
    that it has, as a pretrained part does that stays as it is.

    Raises:
        ValueError: there is one.
    """
    if torch.compiler.is_compiling():  # what is compiled was looked at before
        return
    norms = (m for m in model.modules() if isinstance(m, nn.modules.batchnorm._NormBase))
    if any(norm.training and norm.track_running_stats for norm in norms):
        raise ValueError(
            _(
                "The model's batch normalisation tracks running statistics, which the tasks of a batch "
                "would overwrite for each other. Make it with track_running_stats=False, or use group "
                "normalisation. In a pretrained part that is to stay as it is, keep it in evaluation mode, "
                "with a train() of its own that changes nothing."
            )
        )
