"""ImageSet: pictures in memory, the same number of drawings of every class."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from metalib.i18n import _


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Drawings of characters (or of anything else), kept as bytes.

    images: uint8 (classes, drawings, C, H, W), ink = 255 and paper = 0; C is 1 (grey) or 3 (colour).
    names: one for each class. alphabets: the group of each class (alphabet, script, ...), repeats expected.
    title: what the set is, for captions. source: where it comes from, for programs, the same in every
    language and for every split: "glyphs", "omniglot", "folder", or "" for drawings of your own.
    Raises TypeError for another type of numbers, ValueError for another shape.
    """

    images: torch.Tensor
    names: tuple[str, ...]
    alphabets: tuple[str, ...]
    title: str = ""
    source: str = ""

    def __post_init__(self):
        if isinstance(self.images, np.ndarray) and self.images.dtype == np.uint8:
            object.__setattr__(self, "images", torch.from_numpy(self.images))
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "alphabets", tuple(self.alphabets))
        if getattr(self.images, "dtype", None) != torch.uint8:
            kind = getattr(self.images, "dtype", type(self.images).__name__)
            raise TypeError(
                _(
                    "images must be a tensor of bytes (torch.uint8, ink = 255, paper = 0), but these are "
                    "{kind}: multiply values between 0 and 1 by 255 and call .to(torch.uint8)."
                ).format(kind=kind)
            )
        shape = tuple(self.images.shape)
        if len(shape) != 5 or min(shape) < 1 or shape[2] not in (1, 3):
            raise ValueError(
                _(
                    "images must have the shape (classes, drawings, C, H, W) with at least one of each and "
                    "C = 1 or 3, but the shape is {shape}."
                ).format(shape=shape)
            )
        for field in ("names", "alphabets"):
            count = len(getattr(self, field))
            if count != shape[0]:
                raise ValueError(
                    _(
                        "{field} must give one entry for each of the {classes} classes, but gives {count}."
                    ).format(field=field, classes=shape[0], count=count)
                )

    def __len__(self) -> int:
        """The number of classes."""
        return self.classes

    @property
    def classes(self) -> int:
        return self.images.shape[0]

    @property
    def drawings(self) -> int:
        """The number of drawings of each class."""
        return self.images.shape[1]

    def subset(
        self, indices: Sequence[int] | torch.Tensor | np.ndarray, title: str | None = None
    ) -> "ImageSet":
        """The chosen classes, in the order of `indices`. Raises IndexError for a class that is not there."""
        indices = torch.as_tensor(indices)
        if indices.dtype == torch.bool:
            if tuple(indices.shape) != (self.classes,):
                raise IndexError(
                    _(
                        "a mask needs one entry for each of the {classes} classes, but has the shape {shape}."
                    ).format(classes=self.classes, shape=tuple(indices.shape))
                )
            indices = indices.nonzero()[:, 0]
        indices = indices.to(torch.int64).reshape(-1)
        wrong = indices[(indices < 0) | (indices >= self.classes)]
        if len(wrong):
            raise IndexError(
                _(
                    "there are {classes} classes, numbered from 0 to {last}, but class {index} was asked for."
                ).format(classes=self.classes, last=self.classes - 1, index=int(wrong[0]))
            )
        return replace(
            self,
            images=self.images[indices],
            names=tuple(self.names[i] for i in indices.tolist()),
            alphabets=tuple(self.alphabets[i] for i in indices.tolist()),
            title=self.title if title is None else title,
        )

    def __repr__(self) -> str:
        classes, drawings, *size = self.images.shape
        groups = len(set(self.alphabets))
        where = f" in {groups} alphabets" if groups > 1 else ""
        return f"ImageSet({self.title!r}: {classes} classes{where}, {drawings} drawings, {size})"


def grey(pictures: Tensor) -> Tensor:
    """Pictures to look at: uint8 (..., C, H, W) without their colours, the mean of the channels rounded down,
    uint8 (..., H, W)."""
    return pictures.sum(dim=-3).div(pictures.shape[-3], rounding_mode="floor").to(torch.uint8)
