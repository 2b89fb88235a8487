"""The networks of chapter 5, as it trains them: a page in the browser has no kernel to do that.

`python -m metalib.lab.prototypes.networks` trains both in half a minute and writes `networks.safetensors`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from metalib.data import ImageSet, glyphs
from metalib.learners import NearestCentroid, ProtoNet
from metalib.models import conv4
from metalib.tasks import Episodes
from metalib.training import fit

FILE = Path(__file__).with_name("networks.safetensors")


def encoder() -> nn.Module:
    """The chapter's network before training: (N, 1, 28, 28) to (N, 128)."""
    return conv4(32, downsample="stride")


def of_seen_scripts(split: str) -> ImageSet:
    """Characters of this split of the scripts that are trained on."""
    seen, images = set(glyphs("train", by="script").alphabets), glyphs(split, by="character")
    return images.subset([script in seen for script in images.alphabets])


def train() -> dict[str, nn.Module]:
    """The ProtoNet's encoder and the plain classifier's, as in chapter 5."""
    images = of_seen_scripts("train")
    learners = {"protonet": ProtoNet(encoder()), "plain": NearestCentroid(encoder(), 128, images.classes)}
    tasks = {
        "protonet": Episodes(images, ways=20, shots=1, queries=5),
        "plain": Episodes(images, ways=60, shots=1, queries=1, global_labels=True),
    }
    for name, learner in learners.items():
        seed = torch.Generator().manual_seed(10)
        fit(learner, tasks[name], 500, seed, meta_batch=1, lr=2e-3, progress=False)
    return {name: learner.encoder.eval() for name, learner in learners.items()}


def load() -> dict[str, nn.Module]:
    """What `train` gave, from the file."""
    kept = load_file(FILE)
    made = {}
    for name in ("protonet", "plain"):
        made[name] = encoder().eval()
        made[name].load_state_dict(
            {key.removeprefix(f"{name}."): value for key, value in kept.items() if key.startswith(f"{name}.")}
        )
    return made


def numbers(network: nn.Module) -> Tensor:
    """A network's numbers one behind the other, float32: of each block the filters, their biases, and what
    normalisation by kept averages is: a factor and a term for each channel."""
    convolutions = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    parts = []
    for convolution, norm in zip(convolutions, norms, strict=True):
        filters, kept = convolution.state_dict(), norm.state_dict()
        scale = kept["weight"] / (kept["running_var"] + norm.eps).sqrt()
        parts += [filters["weight"], filters["bias"], scale, kept["bias"] - kept["running_mean"] * scale]
    return torch.cat([part.contiguous().flatten() for part in parts])


def save() -> None:
    """Train, and write the file."""
    trained = train().items()
    values = {f"{name}.{key}": v for name, one in trained for key, v in one.state_dict().items()}
    save_file({key: value.contiguous() for key, value in values.items()}, FILE)


if __name__ == "__main__":
    save()
