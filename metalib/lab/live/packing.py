"""Numbers and bytes as text, for the data of a live laboratory."""

from __future__ import annotations

import base64

import numpy as np


def packed(content: bytes | np.ndarray) -> str:
    """Bytes in base64; an array of any shape row by row: uint8 as it is, other numbers as float32, the lowest
    byte first."""
    if isinstance(content, np.ndarray):
        content = content.astype(np.uint8 if content.dtype == np.uint8 else "<f4").tobytes()
    return base64.b64encode(content).decode()
