"""Global random numbers, for as long as something runs, from one generator's state alone."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.random import mtrand

_SPARE = np.random.MT19937(0)


@contextmanager
def governed(generator: torch.Generator, device: torch.device | str = "cpu") -> Iterator[None]:
    """Let dropout, and whatever else takes torch's, NumPy's or Python's global random numbers, follow from
    the state of ``generator``, which is not moved on by it. Afterwards the global states are as they were.

    Args:
        device: also that device's generator, where it has one of its own.
    """
    seed = hashlib.sha256(generator.get_state().numpy().tobytes()).digest()
    apart = getattr(torch, torch.device(device).type, None) if torch.device(device).type != "cpu" else None
    here, there, python = torch.get_rng_state(), apart and apart.get_rng_state(), random.getstate()
    numpy = mtrand.get_bit_generator()
    try:
        torch.default_generator.manual_seed(int.from_bytes(seed[:7], "little"))
        if apart:
            apart.manual_seed(int.from_bytes(seed[7:14], "little"))
        random.seed(int.from_bytes(seed[14:21], "little"))
        # NumPy's own generator is changed for another one: to read and write its state takes far longer.
        mtrand.set_bit_generator(np.random.MT19937(0) if numpy is _SPARE else _SPARE)
        np.random.seed(int.from_bytes(seed[21:25], "little"))
        yield
    finally:
        torch.set_rng_state(here)
        if apart:
            apart.set_rng_state(there)
        random.setstate(python)
        mtrand.set_bit_generator(numpy)
