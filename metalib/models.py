"""The networks of the course, and what they cost."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from metalib.i18n import _

Model = TypeVar("Model", bound=nn.Module)
Result = TypeVar("Result")


def sine_net(generator: torch.Generator | None = None, width: int = 40) -> nn.Sequential:
    """The sine network 1-40-40-1 with ReLU (Finn et al. 2017, section 5.1): ``(N, 1)`` to ``(N, 1)``.

    Args:
        generator: where the initial weights come from; ``None`` uses seed 0.
        width: units in each hidden layer.
    """
    model = nn.Sequential(
        nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    )
    return initialise(model, generator)


def tanh_net(generator: torch.Generator | None = None, width: int = 16) -> nn.Sequential:
    """One hidden layer of tanh units: ``(N, 1)`` to ``(N, 1)``.

    Args:
        generator: where the initial weights come from; ``None`` uses seed 0.
        width: its units.
    """
    return initialise(nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1)), generator)


def conv4(
    channels: int = 64,
    in_channels: int = 1,
    *,
    norm: str | None = "batch",
    downsample: str = "pool",
    ways: int | None = None,
    size: int = 28,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Four blocks of 3 × 3 convolution, normalisation and ReLU.

    It takes ``(N, in_channels, size, size)`` to the embeddings ``(N, D)``, or to ``(N, ways)``.

    The network of Vinyals et al. 2016 and Snell et al. 2017 (``downsample="pool"``), or with strides (Finn et
    al. 2017, appendix A.1). With 28 × 28 pixels the embedding has ``D = channels`` (pool) or
    ``4 · channels`` (stride) numbers.

    Args:
        norm: ``"batch"`` keeps running statistics (ProtoNet, the plain classifier); ``"batch-statistics"``
            always uses those of the batch at hand, which per-task weights need (MAML); ``"group"`` (8 groups)
            and ``None`` look at no other example.
        downsample: ``"pool"``, 2 × 2 max-pooling, or ``"stride"``, strided convolutions.
        ways: adds a linear layer with so many outputs.
        generator: where the initial weights come from; ``None`` uses seed 0.

    Raises:
        ValueError: an unknown ``norm`` or ``downsample``.
    """
    norms = {
        "batch": nn.BatchNorm2d,
        "batch-statistics": lambda c: nn.BatchNorm2d(c, track_running_stats=False),
        "group": lambda c: nn.GroupNorm(8, c),
        None: lambda c: nn.Identity(),
    }
    if norm not in norms or downsample not in ("pool", "stride"):
        raise ValueError(
            _(
                "norm must be one of {norms} and downsample 'pool' or 'stride'; given: {norm!r}, "
                "{downsample!r}."
            ).format(norms=list(norms), norm=norm, downsample=downsample)
        )
    layers: list[nn.Module] = []
    for block in range(4):
        layers += [
            nn.Conv2d(
                channels if block else in_channels,
                channels,
                3,
                stride=2 if downsample == "stride" else 1,
                padding=1,
            ),
            norms[norm](channels),
            nn.ReLU(),
        ]
        layers += [nn.MaxPool2d(2)] if downsample == "pool" else []
        size = size // 2 if downsample == "pool" else (size + 1) // 2
    layers.append(nn.Flatten())
    if ways is not None:
        layers.append(nn.Linear(channels * size * size, ways))
    return initialise(nn.Sequential(*layers), generator)


class GramEmbedding(nn.Module):
    """Words ``(N, L)``, code points with zeros at the end, to ``(N, features)``: the sum of the embeddings of
    their n-grams over the root of how many there are (compare Bojanowski et al. 2017, section 3.2).

    An n-gram is hashed into one of ``buckets`` rows of the table: none is unknown, and some share a row.

    Args:
        features: numbers an embedding.
        buckets: rows of the table.
        orders: the lengths n.
    """

    def __init__(self, features: int = 64, buckets: int = 1024, orders: Sequence[int] = (1, 2, 3)):
        super().__init__()
        self.table = nn.Embedding(buckets, features)
        self.orders = tuple(orders)

    def forward(self, words: Tensor) -> Tensor:
        rows, there = [], []
        for order in self.orders:
            grams = words.unfold(-1, order, 1)  # (N, L − n + 1, n)
            code = torch.full_like(grams[..., 0], order)
            for character in grams.unbind(dim=-1):
                code = (code * 1_000_003 + character) % 2_147_483_647
            rows.append(code % self.table.num_embeddings)
            there.append(grams[..., -1] != 0)  # zeros stand at the end only
        present = torch.cat(there, dim=-1).to(self.table.weight.dtype)  # (N, n-grams)
        vectors = self.table(torch.cat(rows, dim=-1)) * present.unsqueeze(-1)
        return vectors.sum(dim=-2) / present.sum(dim=-1, keepdim=True).clamp(min=1).sqrt()


def word_net(
    features: int = 64,
    buckets: int = 1024,
    orders: Sequence[int] = (1, 2, 3),
    *,
    ways: int | None = None,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """The character model: words ``(N, L)`` to embeddings ``(N, features)``, or to ``(N, ways)``.

    Args:
        features, buckets, orders: see :class:`GramEmbedding`.
        ways: adds a linear layer with so many outputs.
        generator: where the initial weights come from; ``None`` uses seed 0.
    """
    layers: list[nn.Module] = [GramEmbedding(features, buckets, orders)]
    if ways is not None:
        layers.append(nn.Linear(features, ways))
    return initialise(nn.Sequential(*layers), generator)


def initialise(model: Model, generator: torch.Generator | None = None) -> Model:
    """Draw a model's linear, convolutional and embedding layers anew from ``generator`` (``None``: seed 0);
    returns it.

    PyTorch's own rule, weights and biases even in ±1/√fan_in, but not from the global random numbers, and
    drawn in float32 whatever the default dtype: a model is the same whatever ran before it.
    """
    generator = generator or torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
                bound = layer.weight[0].numel() ** -0.5  # of an embedding: rows about 0.6 long
                for parameter in layer.parameters():
                    drawn = torch.empty(parameter.shape, dtype=torch.float32, device=generator.device)
                    parameter.copy_(drawn.uniform_(-bound, bound, generator=generator))
    return model


def count_parameters(model: nn.Module) -> int:
    """How many numbers a model's parameters hold."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiplications(work: Callable[[], Result]) -> tuple[int, Result]:
    """How many multiplications the matrix products and convolutions in ``work()`` take, its backward passes
    included, and what it returns. Work that is done elementwise is not counted."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    # PyTorch's own FlopCounterMode also listens to every module, and a model that is listened to runs its
    # tasks one after the other.
    class Counter(TorchDispatchMode):
        total = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **kwargs or {})
            if (count := flop_registry.get(func.overloadpacket)) is not None:
                self.total += count(*args, **kwargs or {}, out_val=made)
            return made

    with Counter() as counter:
        result = work()
    return counter.total // 2, result  # the registry counts an addition with each multiplication


def peak_memory(work: Callable[[], Result]) -> tuple[int, Result]:
    """How many bytes the tensors made in ``work()`` hold at most at one time, its backward passes included,
    and what it returns.

    Every tensor counts from the operation that makes it until it is let go: what autograd keeps for later, θ′
    and what a step needs for a moment. So the count is the same at every run and on every machine. What was
    there before does not count, nor what an operation needs inside itself.
    """
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Peak(TorchDispatchMode):
        now = most = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **kwargs or {})
            for tensor in (made,) if isinstance(made, Tensor) else tree_leaves(made):
                if isinstance(tensor, Tensor) and id(tensor.untyped_storage()) not in known:
                    self.count(tensor.untyped_storage(), tree_leaves((args, kwargs)))
            return made

        def count(self, storage: torch.UntypedStorage, given: list[Any]) -> None:
            if any(isinstance(t, Tensor) and t.untyped_storage() is storage for t in given):
                return  # a view of what was there before, or changed in place
            known.add(id(storage))
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.gone, id(storage), storage.nbytes())

        def gone(self, key: int, size: int) -> None:
            known.discard(key)
            self.now -= size

    known: set[int] = set()
    collects = gc.isenabled()
    gc.disable()  # it comes when it likes, and would let go of tensors at another moment each time
    try:
        with Peak():
            torch.zeros(1)  # the first such mode of a process holds a tensor longer
        with Peak() as peak:
            result = work()
    finally:
        if collects:
            gc.enable()
    return peak.most, result
