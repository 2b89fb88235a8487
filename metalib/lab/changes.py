"""What a picture changes of another, as runs of one colour: quick to find, to send and to put into place.

A laboratory's next picture differs from what stands still in a few lines. As a PNG file it takes some
milliseconds to encode and as many to decode; its changes take a fraction of one at both ends.

The bytes are, for n runs and all little-endian: where each begins, counted in pixels from the top left, row
by row (n × uint32); its colour, red first (n × 4 × uint8); its length (n × uint16).
"""

from __future__ import annotations

import numpy as np

RUN = 10
"""Bytes of a run."""

LONGEST = 2**16 - 1


def encode_changes(pixels: np.ndarray, ground: np.ndarray, limit: int) -> bytes | None:
    """What must be put on `ground` to make it `pixels`; both uint8 (height, width, 4), of the same shape.

    None where that takes more than `limit` bytes, or a run is too long.
    """
    new, old = _flat(pixels), _flat(ground)
    changed = new != old
    # A run begins where the colour changes, and where what has changed begins or ends.
    begins = np.empty(new.size, bool)
    begins[:1] = True
    np.not_equal(new[1:], new[:-1], out=begins[1:])
    begins[1:] |= changed[1:] != changed[:-1]
    starts = np.flatnonzero(begins)
    kept = changed[starts]
    if RUN * np.count_nonzero(kept) > limit:
        return None
    lengths = np.diff(starts, append=new.size)[kept]
    if lengths.size and lengths.max() > LONGEST:
        return None
    starts = starts[kept]
    return starts.astype("<u4").tobytes() + new[starts].tobytes() + lengths.astype("<u2").tobytes()


def apply_changes(ground: np.ndarray, changes: bytes) -> np.ndarray:
    """The picture that `encode_changes` was given."""
    number = len(changes) // RUN
    starts = np.frombuffer(changes, "<u4", number)
    colours = np.frombuffer(changes, np.uint32, number, 4 * number)
    lengths = np.frombuffer(changes, "<u2", number, 8 * number).astype(np.int64)
    picture = ground.copy()
    # The place of each pixel: its run's beginning, and how far on it is.
    on = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    _flat(picture)[np.repeat(starts, lengths) + on] = np.repeat(colours, lengths)
    return picture


def _flat(pixels: np.ndarray) -> np.ndarray:
    """One number a pixel, of the same memory."""
    return pixels.view(np.uint32).reshape(-1)
