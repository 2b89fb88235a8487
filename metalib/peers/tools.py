"""The tools: how each is called, found and imported quietly, and how its module is asked.

Each tool has a module here that computes one MAML step as the library's own documentation writes it:
`meta_step(model, tasks, alpha, steps, first_order)` gives the meta-loss, the meta-gradient (an array for each
parameter) and the fast weights (for each parameter what each task has made of it). Where the library has
arrays of its own, `prepare(model, tasks)` brings weights and tasks there first.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import metalib
from metalib.i18n import _
from metalib.tasks import TaskBatch

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    """One meta-step in one form, float64: P parameters, T tasks.

    `loss`: the meta-loss. `gradient`: P tensors of the parameters' shapes. `fast`: P tensors `(T, *shape)`.
    """

    loss: float
    gradient: list[Tensor]
    fast: list[Tensor]


@dataclass(frozen=True)
class Tool:
    """A tool: `key` names its module here, `library` is what that imports, `package` what pip installs."""

    key: str
    title: str
    library: str
    package: str

    def here(self) -> bool:
        """Whether the library is installed; it is not imported."""
        return util.find_spec(self.library) is not None

    def version(self) -> str:
        """The version that is installed."""
        if self.library == "metalib":
            return metalib.__version__
        names = metadata.packages_distributions().get(self.library, [self.package])
        return metadata.version(names[0]).split("+")[0]

    def load(self) -> ModuleType:
        """Its module, imported now; the library says nothing and takes as many threads as torch.

        Raises:
            ImportError: the library is not here, or cannot be imported.
        """
        if not self.here():
            raise ImportError(f"No module named {self.library!r}", name=self.library)
        with quiet():
            try:
                module = import_module(f"metalib.peers.{self.key}")
            except ImportError:
                raise
            except Exception as error:  # an old torchvision beside a new torch raises a RuntimeError, for one
                raise ImportError(f"{self.library} cannot be imported here: {error}") from error
            if self.library == "tensorflow":
                _few_threads(module.tf)
        return module

    def step(
        self, model: nn.Module, tasks: TaskBatch, alpha: float, steps: int, first_order: bool = False
    ) -> Callable[[], tuple[Any, Any, Any]]:
        """A call without arguments that computes the meta-step, and has its numbers when it returns.

        The weights and tasks are put where the library wants them before, so that a call is only the step.
        The model is a copy: nobody's buffers or gradients are touched.

        Raises:
            ImportError: the library is not here.
            ValueError: TensorFlow and JAX, whose modules write the network out, got another one than linear
                layers with ReLU between them.
        """
        module = self.load()
        given: tuple[Any, ...] = copy.deepcopy(model), tasks
        if hasattr(module, "prepare"):
            _refuse_other_networks(self, model)
            with quiet():
                given = module.prepare(*given)

        def step() -> tuple[Any, Any, Any]:
            loss, gradient, fast = module.meta_step(*given, alpha, steps, first_order)
            # As NumPy's arrays, for which JAX has to have computed: it answers earlier.
            return _array(loss), [_array(each) for each in gradient], fast

        return step

    def answer(
        self, model: nn.Module, tasks: TaskBatch, alpha: float, steps: int, first_order: bool = False
    ) -> Answer:
        """The meta-step in the form that all share. Raises as `step` does."""
        with quiet():
            loss, gradient, fast = self.step(model, tasks, alpha, steps, first_order)()
        stacked = [np.stack([_array(weights) for weights in tasks_of]) for tasks_of in fast]
        return Answer(float(loss), [_double(g) for g in gradient], [_double(f) for f in stacked])


TOOLS = {
    tool.key: tool
    for tool in (
        Tool("pytorch", "PyTorch, by hand", "torch", "torch"),
        Tool("ours", "metalib", "metalib", "metalib"),
        Tool("learn2learn", "learn2learn", "learn2learn", "learn2learn"),
        Tool("higher", "higher", "higher", "higher"),
        Tool("torchopt", "TorchOpt", "torchopt", "torchopt"),
        Tool("tensorflow", "TensorFlow", "tensorflow", "tensorflow-cpu"),
        Tool("jax", "JAX", "jax", "jax"),
    )
}
"""Every tool by its key; the first two come with the course."""

OURS = ("pytorch", "ours")


def find(key: str) -> Tool:
    """The tool of that name, a key of ``TOOLS``.

    Raises:
        ValueError: no such tool.
    """
    if key not in TOOLS:
        known = ", ".join(TOOLS)
        raise ValueError(_("There is no tool {key!r}. There are: {known}.").format(key=key, known=known))
    return TOOLS[key]


def peers_here() -> list[str]:
    """The keys of the tools beyond the course's own that are installed."""
    return [key for key, tool in TOOLS.items() if key not in OURS and tool.here()]


@contextlib.contextmanager
def quiet():
    """A context in which the libraries are silent, compute in few threads and on the processor.

    What is set in the environment stays as somebody has set it; it is read when a library is first imported.
    """
    threads = torch.get_num_threads()
    wanted = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",  # or TensorFlow's C++ part says at length that they are on
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",  # float32 stays float32; without it JAX has no float64 at all
        "NPROC": str(threads),  # XLA reads both once
    }
    if threads == 1:
        wanted["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    for name in ("jax", "tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # learn2learn imports an old gym and an old torchvision, which complain on import and are not used here.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _few_threads(tensorflow: Any) -> None:
    threading = tensorflow.config.threading
    with contextlib.suppress(RuntimeError):  # it has computed already: somebody else's choice stays
        threading.set_intra_op_parallelism_threads(torch.get_num_threads())
        threading.set_inter_op_parallelism_threads(1)


def _refuse_other_networks(tool: Tool, model: nn.Module) -> None:
    layers = list(model.children()) or [model]
    kinds = [type(layer) for layer in layers]
    if kinds != [nn.ReLU if place % 2 else nn.Linear for place in range(len(kinds))] or any(
        layer.bias is None for layer in layers[::2]
    ):
        sentence = _(
            "The module for {tool} writes its network out: linear layers with biases and ReLU between them. "
            "This one is another: {layers}."
        )
        named = ", ".join(kind.__name__ for kind in kinds)
        raise ValueError(sentence.format(tool=tool.title, layers=named))


def _array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _double(value: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(value, dtype=np.float64))
