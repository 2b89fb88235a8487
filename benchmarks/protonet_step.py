"""How many episodes a second ProtoNet trains on, from the sampler to the gradient: ours, and the plain road.

    python -m benchmarks.protonet_step

The plain road is the usual one: a ``DataLoader`` without workers over PNG files (see ``sampler``), the
encoder in PyTorch's default memory layout, float32, one episode after the other. Ours takes the batch of
episodes at once, in the layout in which processors convolve fastest; then also with the encoder in bfloat16
(``ProtoNet(mixed_precision=True)``). ``float32, same episodes`` feeds our sampler's episodes to the plain
step, so that the gain of the sampler and of the step can be told apart.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.sampler import QUERIES, SHOTS, EpisodeFiles, write_files
from benchmarks.timing import interleaved, machine, print_table, times, times_faster
from metalib import Episodes, ProtoNet, TaskBatch
from metalib.data import glyphs
from metalib.models import conv4
from metalib.threads import FEW


def plain_loss(encoder: nn.Module, batch: TaskBatch) -> Tensor:
    """ProtoNet's loss written the plain way: a loop over episodes, and in it one over classes."""
    losses = []
    for support_x, support_y, query_x, query_y in zip(*batch, strict=True):
        support, query = encoder(support_x), encoder(query_x)
        prototypes = torch.stack([support[support_y == label].mean(0) for label in support_y.unique()])
        losses.append(F.cross_entropy(-torch.cdist(query, prototypes).square(), query_y))
    return torch.stack(losses).mean()


def contestants(
    images: Tensor, folder: Path, ways: int, tasks: int, channels: int
) -> dict[str, Callable[[], object]]:
    """Calls that draw ``tasks`` episodes and compute the gradient of their mean loss."""
    episodes = Episodes(images, ways, SHOTS, QUERIES)
    generator = torch.Generator().manual_seed(0)
    files = EpisodeFiles(folder, *images.shape[:2], ways, False, length=10**9)
    loader = iter(torch.utils.data.DataLoader(files, batch_size=tasks))
    plain = conv4(channels)
    exact = ProtoNet(conv4(channels))
    mixed = ProtoNet(conv4(channels), mixed_precision=True)
    return {
        "PNG, float32": lambda: plain_loss(plain, TaskBatch(*next(loader))).backward(),
        "float32, same episodes": lambda: plain_loss(plain, episodes.sample(tasks, generator)).backward(),
        "ours": lambda: exact.loss(episodes.sample(tasks, generator)).backward(),
        "ours, bfloat16": lambda: mixed.loss(episodes.sample(tasks, generator)).backward(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="times each contestant has its turn")
    parser.add_argument("--classes", type=int, default=200, help="classes of images, and folders of files")
    parser.add_argument("--ways", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--tasks", type=int, default=4, help="episodes in a batch")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--threads", type=int, default=FEW, help="threads of torch")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    print(machine())
    print(f"median of {options.rounds} interleaved rounds; {SHOTS} shot, {QUERIES} queries")
    images = glyphs().images[: options.classes].contiguous()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        write_files(images, Path(name))
        for ways in options.ways:
            calls = contestants(images, Path(name), ways, options.tasks, options.channels)
            seconds = interleaved(calls, options.rounds)
            for row, values in seconds.items():
                rate = options.tasks / statistics.median(values)
                against = times(times_faster(seconds, row, "PNG, float32"))
                rows.append([f"{ways}-way: {row}", f"{rate:.1f}", against])
    print_table(["episodes per second, sampler to gradient", "", "against PNG, float32"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
