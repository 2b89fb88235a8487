"""What a laboratory is built from, checked first: one sentence in place of an error from deep inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from metalib.i18n import _
from metalib.learners.base import evaluating


def of_kind(name: str, value: Any, kind: type | tuple[type, ...]) -> Any:
    """The argument itself. Raises TypeError where it is of none of these kinds."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise TypeError(
            _("{name} must be of the kind {kind}, not {value!r}.").format(
                name=name, kind=" / ".join(one.__name__ for one in kinds), value=value
            )
        )
    return value


def named(name: str, given: Any, kind: type | tuple[type, ...]) -> dict[str, Any]:
    """An argument that maps names to things of a kind.

    Raises:
        TypeError: no mapping, or something of another kind in it.
        ValueError: nothing in it.
    """
    of_kind(name, given, Mapping)
    if not given:
        raise ValueError(_("{name} must name at least one.").format(name=name))
    return {key: of_kind(f"{name}[{key!r}]", value, kind) for key, value in given.items()}


def of_images(name: str, model: nn.Module, images: Tensor) -> Tensor:
    """What a model says of images (N, C, H, W), in evaluation mode and without a graph.

    Raises:
        ValueError: it cannot read images of this shape.
    """
    try:
        with torch.no_grad(), evaluating(model):
            return model(images)
    except RuntimeError as error:
        raise ValueError(
            _("{name} cannot read images of the shape {shape}: {reason}").format(
                name=name, shape=tuple(images.shape[1:]), reason=str(error).splitlines()[0]
            )
        ) from error
