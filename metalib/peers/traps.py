"""What bit people who used these tools, in a few lines each that anyone can run.

The body of each function is what is shown and run; what it prints is stored in stored.json, for where the
tool is not installed. Sources: higher issue 129; learn2learn 0.2.0's `RandomClassRotation`,
`omniglot_tasksets` and `clone_module`.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import torch

from metalib.i18n import _
from metalib.peers.comparison import card
from metalib.peers.tools import TOOLS, quiet


def higher_first_order() -> None:
    import higher
    import torch

    def meta_gradient(**options):
        w = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(w.weight, 1.0)
        sgd = torch.optim.SGD(w.parameters(), lr=0.1)
        callback = options.pop("grad_callback", None)
        with higher.innerloop_ctx(w, sgd, copy_initial_weights=False, **options) as (fast, inner):
            inner.step((fast(torch.ones(1, 1)) - 3).square().sum(), grad_callback=callback)
            loss = (fast(torch.ones(1, 1)) - 4).square().sum()
        (gradient,) = torch.autograd.grad(loss, [w.weight], allow_unused=True)
        return gradient if gradient is None else round(gradient.item(), 4)

    def cut(gradients):
        return [gradient.detach() for gradient in gradients]

    print("second order:              ", meta_gradient())
    print("track_higher_grads=False:  ", meta_gradient(track_higher_grads=False))
    print("first order, by a callback:", meta_gradient(grad_callback=cut))


def learn2learn_rotation() -> None:
    import random

    import learn2learn as l2l
    import torch

    random.seed(0)
    drawing = torch.zeros(1, 28, 28)
    drawing[0, :4] = 1.0  # ink at the top: after a turn it shows where the top went
    drawings, classes = drawing.repeat(20, 1, 1, 1), torch.arange(20)
    data = l2l.data.MetaDataset(torch.utils.data.TensorDataset(drawings, classes))
    turn = l2l.vision.transforms.RandomClassRotation(data, [0.0, 90.0, 180.0, 270.0])
    for task in range(4):
        items = [l2l.data.DataDescription(5 * task + way) for way in range(5)]
        tops = []
        for item in turn(items):
            image, _label = item.transforms[-1](data[item.index])
            edges = image[0, 0], image[0, :, 0], image[0, -1], image[0, :, -1]
            names = "top", "left", "bottom", "right"
            tops += [name for name, edge in zip(names, edges, strict=True) if edge.min() > 0]
        print(f"task {task}, five classes, the ink is now at:", *tops)


def learn2learn_leak() -> None:
    import random
    from unittest import mock

    import learn2learn as l2l
    import torch

    class FakeOmniglot(torch.utils.data.Dataset):
        def __init__(self, **options):
            pass

        def __len__(self):
            return 1623 * 20

        def __getitem__(self, index):  # every pixel says the class
            return torch.full((1, 2, 2), float(index // 20)), index // 20

    random.seed(0)
    # Nothing is downloaded: the benchmark gets the fake in place of the data.
    with mock.patch.object(l2l.vision.datasets, "FullOmniglot", FakeOmniglot):
        tasksets = l2l.vision.benchmarks.get_tasksets("omniglot", 5, 2, 5, 2, root="")
    train, test = set(tasksets.train.dataset.labels), set(tasksets.test.dataset.labels)
    seen = {int(x[0, 0, 0]) for _task in range(200) for x in tasksets.test.sample()[0]}
    both = len(train & test)
    print(f"the split: {len(train)} training classes, {len(test)} test classes, {both} in both")
    print(f"200 test tasks show {len(seen)} classes, of them {len(seen & train)} training classes")


def batch_norm() -> None:
    import copy

    import torch
    from torch import nn
    from torch.func import functional_call

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    task = torch.randn(10, 2) + 5.0  # a task far from the origin
    theta = {name: weight.clone() for name, weight in model.named_parameters()}
    mean = dict(model.named_buffers())["1.running_mean"]  # the model's own memory

    def clone(module):  # parameters cloned, buffers shared
        twin = copy.copy(module)
        twin._parameters = {name: p.clone() for name, p in module._parameters.items()}
        twin._modules = {name: clone(child) for name, child in module._modules.items()}
        return twin

    print("at the start            ", mean.numpy().round(2))
    functional_call(model, theta, (task,))
    print("after functional_call   ", mean.numpy().round(2))
    clone(model)(task)
    print("after a clone's forward ", mean.numpy().round(2))
    own = {name: buffer.clone() for name, buffer in model.named_buffers()}
    functional_call(model, {**theta, **own}, (task,))
    print("with buffers of its own ", mean.numpy().round(2))


def learn2learn_batch_norm() -> None:
    import learn2learn as l2l
    import torch
    from torch import nn

    torch.manual_seed(0)
    maml = l2l.algorithms.MAML(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), lr=0.01)
    print("the meta-model at the start   ", maml.module[1].running_mean.numpy().round(2))
    maml.clone()(torch.randn(10, 2) + 5.0)
    print("after one look by a clone     ", maml.module[1].running_mean.numpy().round(2))


def state_dict() -> None:
    import copy

    import torch
    from torch import nn
    from torch.func import functional_call

    x, y = torch.tensor([[1.0]]), torch.tensor([[3.0]])
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)

    def loss(weights):
        return (functional_call(model, weights, (x,)) - y).square().sum()

    inner = loss({"weight": model.weight})
    (gradient,) = torch.autograd.grad(inner, model.weight, create_graph=True)
    fast = {"weight": model.weight - 0.1 * gradient}
    meta = torch.autograd.grad(loss(fast), model.weight)[0].item()
    print(f"θ′ in the graph:              θ′ = {fast['weight'].item():.2f}, dL/dθ = {meta:.2f}")

    saved, alias = copy.deepcopy(model.state_dict()), model.state_dict()
    model.load_state_dict(fast)  # its value is copied, the step behind it is not
    meta = torch.autograd.grad(loss({"weight": model.weight}), model.weight)[0].item()
    print(f"θ′ by load_state_dict:        θ′ = {model.weight.item():.2f}, dL/dθ = {meta:.2f}")

    model.load_state_dict(alias)  # "restored" from what was not copied: the model's own memory
    print(f"restored without a copy:      θ  = {model.weight.item():.2f}")
    model.load_state_dict(saved)
    print(f"restored from a deep copy:    θ  = {model.weight.item():.2f}")


@dataclass(frozen=True, repr=False)
class Trap:
    """A trap: its lines, what they print, and whether they were run here. It shows all three."""

    name: str
    lines: str
    output: str
    measured: bool

    def __repr__(self) -> str:
        return f"{self.output}\n\n{self.note()}"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.lines}\n```\n```text\n{self.output}\n```\n{self.note()}"

    def note(self) -> str:
        """Whether this was run here, in a sentence."""
        if self.measured:
            return _("Run here.")
        about = card()["about"]
        return _("Stored: run on {date}, {machine}.").format(date=about["date"], machine=about["machine"])


_ALL: dict[str, tuple[Callable[[], None], str]] = {
    "higher-first-order": (higher_first_order, "higher"),
    "learn2learn-rotation": (learn2learn_rotation, "learn2learn"),
    "learn2learn-leak": (learn2learn_leak, "learn2learn"),
    "learn2learn-batch-norm": (learn2learn_batch_norm, "learn2learn"),
    "batch-norm": (batch_norm, "pytorch"),
    "state-dict": (state_dict, "pytorch"),
}
TRAPS = tuple(_ALL)
"""The names of the traps."""


def trap(name: str) -> Trap:
    """Run a trap, or show what it printed where its tool is not installed.

    Raises:
        ValueError: no such trap.
    """
    if name not in _ALL:
        raise ValueError(
            _("There is no trap {name!r}. There are: {known}.").format(name=name, known=", ".join(TRAPS))
        )
    function, key = _ALL[name]
    source = inspect.getsource(function)
    lines = textwrap.dedent("\n".join(source.splitlines()[1:])).strip()
    try:
        TOOLS[key].load()
    except ImportError:
        return Trap(name, lines, card()["traps"][name], measured=False)
    said = io.StringIO()
    with quiet(), contextlib.redirect_stdout(said), torch.random.fork_rng(devices=[]):
        state = random.getstate()
        function()
        random.setstate(state)
    return Trap(name, lines, said.getvalue().rstrip(), measured=True)
