"""The file of a checkpoint: what `torch.save` writes, sealed.

The comment of the zip archive, its last 64 bytes, is the SHA-256 of all before it. So one changed bit
anywhere is noticed before a single tensor is read, and `torch.load` still reads the file. The random states
that belong to a checkpoint are kept as plain numbers, without pickle.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalib.paths import write_atomically

SEAL = 64
"""Bytes of the seal: hexadecimal digits."""


class Damaged(ValueError):
    """A checkpoint that was cut short or altered, or is none."""


def write(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write the state whole or not at all. Raises CacheError where the file cannot be written."""

    def sealed(file) -> None:
        content = io.BytesIO()
        torch.save(dict(state), content)
        # A zip archive ends with the length of its comment, two bytes.
        body = content.getvalue()[:-2] + SEAL.to_bytes(2, "little")
        file.write(body + hashlib.sha256(body).hexdigest().encode())

    write_atomically(path, sealed)


def read(path: str | Path) -> dict[str, Any]:
    """The state that `write` wrote, its tensors on the processor, wherever they were.

    Raises:
        OSError: the file cannot be read.
        Damaged: it is not whole.
    """
    content = Path(path).read_bytes()
    body, seal = content[:-SEAL], content[-SEAL:]
    if hashlib.sha256(body).hexdigest().encode() != seal:
        raise Damaged
    try:
        # weights_only: tensors and plain containers, no code.
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # sealed, and still no checkpoint: another version's, or somebody's joke
        raise Damaged from error
    if not isinstance(state, dict):
        raise Damaged
    return state


def all_finite(state: Any) -> bool:
    """Whether all numbers in tensors and containers are finite."""
    if isinstance(state, Tensor):
        return not (state.is_floating_point() or state.is_complex()) or bool(torch.isfinite(state).all())
    if isinstance(state, Mapping):
        return all(map(all_finite, state.values()))
    if isinstance(state, list | tuple):
        return all(map(all_finite, state))
    return not isinstance(state, float) or math.isfinite(state)


def random_state(source: Any) -> Any:
    """The state of a random generator (torch's, NumPy's or Python's) in plain containers."""
    if isinstance(source, torch.Generator):
        return source.get_state()
    if isinstance(source, random.Random):
        version, numbers, gauss = source.getstate()
        return [version, list(numbers), gauss]
    if isinstance(source, np.random.RandomState):
        return _listed(source.get_state(legacy=False))
    return _listed(source.bit_generator.state)


def set_random_state(source: Any, state: Any) -> None:
    """Put back what `random_state` gave."""
    if isinstance(source, torch.Generator):
        source.set_state(state)
    elif isinstance(source, random.Random):
        version, numbers, gauss = state
        source.setstate((version, tuple(numbers), gauss))
    elif isinstance(source, np.random.RandomState):
        source.set_state(_arrayed(state))
    else:
        source.bit_generator.state = _arrayed(state)


def _listed(state: Any) -> Any:
    if isinstance(state, dict):
        return {name: _listed(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def _arrayed(state: Any) -> Any:
    if isinstance(state, dict):
        return {name: _arrayed(value) for name, value in state.items()}
    return np.asarray(state, np.uint64) if isinstance(state, list) else state
