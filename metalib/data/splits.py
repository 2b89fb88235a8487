"""Splits of an image set by class: whoever trains on a class never tests on it."""

from collections.abc import Collection, Sequence

import numpy as np
import torch

from metalib.data.images import ImageSet
from metalib.i18n import _

SPLITS = ("train", "validation", "test")


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError unless `value`, the argument called `name`, is one of `allowed`."""
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(
            _("{name} must be one of {choices}, but it is {value!r}.").format(
                name=name, choices=choices, value=value
            )
        )


def by_permutation(sizes: Sequence[int], split: str, seed: int) -> torch.Tensor:
    """The numbers of the classes of one split, in ascending order.

    All sum(sizes) classes are shuffled by `seed`; the first sizes[0] are for training, and so on.
    """
    order = np.argsort(np.random.RandomState(seed).random_sample(sum(sizes)), kind="stable")
    start, stop = np.cumsum([0, *sizes])[SPLITS.index(split) :][:2]
    return torch.from_numpy(np.sort(order[start:stop]))


def by_alphabet(images: ImageSet, wanted: Collection[str]) -> torch.Tensor:
    """The numbers of the classes of the wanted alphabets, in ascending order."""
    return torch.tensor([i for i, alphabet in enumerate(images.alphabets) if alphabet in wanted])


def chosen(images: ImageSet, split: str, indices: torch.Tensor, by: str) -> ImageSet:
    """The classes of one split, with a title that says which."""
    return images.subset(indices, title=f"{images.title}, {split} (by {by})")
