"""How fast episodes and sine tasks are drawn: ours, and the plain pipelines they replace, in one run.

    python -m benchmarks.sampler

Episodes: ``metalib.Episodes`` indexes all images of a batch at once; the plain pipeline is the usual one, a
``Dataset`` that opens PNG files with PIL, behind a ``DataLoader`` with 0 and with 2 worker processes. The
files have 28 x 28 pixels already, which spares it the resizing that real Omniglot needs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.timing import interleaved, machine, print_table, times, times_faster
from metalib import Episodes, SineTasks
from metalib.data import glyphs
from metalib.threads import FEW

SHOTS, QUERIES = 1, 15
TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


class EpisodeFiles(Dataset):
    """N-way episodes from ``folder/class/drawing.png``: item ``i`` is one episode, drawn with seed ``i``."""

    def __init__(self, folder: Path, classes: int, drawings: int, ways: int, rotations: bool, length: int):
        self.folder, self.ways, self.rotations, self.length = folder, ways, rotations, length
        self.classes, self.drawings = classes * (4 if rotations else 1), drawings

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        random = np.random.default_rng(index)
        classes = random.choice(self.classes, self.ways, replace=False)
        return self.episode(
            classes, [random.choice(self.drawings, SHOTS + QUERIES, replace=False) for _way in classes]
        )

    def episode(self, classes: Sequence[int], drawings: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """The chosen classes and drawings as support_x, support_y, query_x, query_y."""
        support, query, support_y, query_y = [], [], [], []
        for label, (chosen, numbers) in enumerate(zip(classes, drawings, strict=True)):
            base, turn = divmod(int(chosen), 4) if self.rotations else (int(chosen), 0)
            for place, number in enumerate(numbers):
                x = self.read(base, int(number), turn)
                (support if place < SHOTS else query).append(x)
                (support_y if place < SHOTS else query_y).append(label)
        return torch.stack(support), torch.tensor(support_y), torch.stack(query), torch.tensor(query_y)

    def read(self, base: int, number: int, turn: int) -> Tensor:
        """One drawing, ``(1, H, W)`` in [0, 1]."""
        with Image.open(self.folder / f"{base:04}" / f"{number:02}.png") as image:
            image = image.convert("L")
        if turn:
            image = image.transpose(TURNS[turn])
        return torch.from_numpy(np.array(image)).unsqueeze(0).float() / 255


def write_files(images: Tensor, folder: Path) -> None:
    """Images uint8 ``(classes, drawings, 1, H, W)`` as PNG files, a folder for each class."""
    for number, drawings in enumerate(images):
        (folder / f"{number:04}").mkdir()
        for place, drawing in enumerate(drawings):
            Image.fromarray(drawing[0].numpy()).save(folder / f"{number:04}" / f"{place:02}.png")


def sine_loop(n_tasks: int, random: np.random.Generator) -> tuple[Tensor, ...]:
    """The plain way to ``SineTasks(10, 10).sample``: one task after the other in NumPy, then stacked."""
    tasks = []
    for _task in range(n_tasks):
        amplitude, phase = random.uniform(0.1, 5.0), random.uniform(0.0, np.pi)
        support_x, query_x = random.uniform(-5, 5, (10, 1)), random.uniform(-5, 5, (10, 1))
        tasks.append(
            (support_x, amplitude * np.sin(support_x - phase), query_x, amplitude * np.sin(query_x - phase))
        )
    return tuple(torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*tasks, strict=True))


def episode_contestants(
    images: Tensor, folder: Path, ways: int, tasks: int, rotations: bool, workers: Sequence[int], batches: int
) -> dict[str, Callable[[], None]]:
    """Calls that draw ``batches`` batches of ``tasks`` episodes.

    Worker processes stay alive between calls and rest there: a turn is one whole pass through the loader.
    """
    episodes = Episodes(images, ways, SHOTS, QUERIES, rotations=rotations)
    generator = torch.Generator().manual_seed(0)

    def ours() -> None:
        for _batch in range(batches):
            episodes.sample(tasks, generator)

    def through(loader: DataLoader) -> Callable[[], None]:
        def call() -> None:
            for _batch in loader:
                pass

        return call

    contestants = {"ours": ours}
    for count in workers:
        files = EpisodeFiles(folder, *images.shape[:2], ways, rotations, length=tasks * batches)
        loader = DataLoader(files, batch_size=tasks, num_workers=count, persistent_workers=count > 0)
        contestants[f"{count} workers"] = through(loader)
    return contestants


def episode_table(
    images: Tensor, rounds: int, sizes: Sequence[int], ways: Sequence[int], workers: Sequence[int]
) -> None:
    """Print episodes per second for each setting."""
    plain = [f"{count} workers" for count in workers]
    print(f"\n1-shot, {QUERIES} queries, {images.shape[0]} classes of {images.shape[1]} drawings")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        write_files(images, Path(name))
        for way, tasks, rotations in product(ways, sizes, (False, True)):
            batches = -(-32 // tasks)  # at least 32 episodes a turn: a worker needs some to get going
            contestants = episode_contestants(images, Path(name), way, tasks, rotations, workers, batches)
            seconds = interleaved(contestants, rounds)
            rate = {key: batches * tasks / statistics.median(value) for key, value in seconds.items()}
            label = f"{way}-way, {tasks} tasks a batch{', rotations' * rotations}"
            ratios = [times(times_faster(seconds, "ours", other)) for other in plain]
            rows.append([label, f"{rate['ours']:.0f}", *(f"{rate[other]:.0f}" for other in plain), *ratios])
    header = ["episodes per second", "metalib.Episodes", *(f"PNG, {other}" for other in plain)]
    print_table([*header, *(f"against {other}" for other in plain)], rows)


def sine_table(rounds: int, sizes: Sequence[int]) -> None:
    """Print sine tasks per second."""
    tasks, generator, random = SineTasks(), torch.Generator().manual_seed(0), np.random.default_rng(0)
    rows = []
    for size in sizes:
        contestants = {
            "ours": lambda size=size: tasks.sample(size, generator),
            "loop": lambda size=size: sine_loop(size, random),
        }
        seconds = interleaved(contestants, rounds)
        rates = [f"{size / statistics.median(seconds[name]):.0f}" for name in contestants]
        rows.append([f"{size} tasks a batch", *rates, times(times_faster(seconds, "ours", "loop"))])
    print()
    print_table(["sine tasks per second", "metalib.SineTasks", "loop in NumPy", "against the loop"], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="times each contestant has its turn")
    parser.add_argument("--classes", type=int, default=400, help="classes of images, and folders of files")
    parser.add_argument("--random", action="store_true", help="random pixels in place of the glyphs")
    parser.add_argument("--ways", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1, 16, 32], help="episodes in a batch")
    parser.add_argument("--sines", type=int, nargs="+", default=[25, 1000], help="sine tasks in a batch")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="processes of the DataLoader")
    parser.add_argument("--threads", type=int, default=FEW, help="threads of torch")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    print(machine())
    print(f"median of {options.rounds} interleaved rounds")
    if options.random:
        generator = torch.Generator().manual_seed(0)
        shape = (options.classes, 20, 1, 28, 28)
        images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    else:
        images = glyphs().images[: options.classes].contiguous()
    sine_table(4 * options.rounds, options.sines)
    episode_table(images, options.rounds, options.tasks, options.ways, options.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
