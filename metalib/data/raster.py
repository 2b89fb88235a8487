"""Polygons to small grey pictures, many at once, the same to the bit on every machine.

Each pixel is sampled at 4 x 4 points; its value is the share of them inside the polygon by the non-zero
winding rule. A scan line knows for each point how many edges, counted with their direction, cross to its
left. Only separate +, -, *, / and rounding in float64 decide where an edge crosses, and IEEE 754 fixes
those to the bit; the winding itself is counted in whole numbers.
"""

import numpy as np

SAMPLES = 4
BATCH = 512


def rasterise(points: np.ndarray, following: np.ndarray, first: np.ndarray, size: int) -> np.ndarray:
    """Pictures of N polygons: uint8 (N, size, size), ink = 255, paper = 0.

    points (P, 2) in pixels, x to the right and y downwards from the upper left corner; following (P,), the
    next point of the same closed contour; first (N + 1,), where each picture's points begin. What lies
    outside of the frame is cut off.
    """
    pictures = np.empty((len(first) - 1, size, size), np.uint8)
    for start in range(0, len(pictures), BATCH):
        stop = min(start + BATCH, len(pictures))
        inside = slice(first[start], first[stop])
        a = points[inside]
        b = points[following[inside]]
        owner = np.repeat(np.arange(stop - start), np.diff(first[start : stop + 1]))
        pictures[start:stop] = _rasterise_batch(a, b, owner, stop - start, size)
    return pictures


def _rasterise_batch(a: np.ndarray, b: np.ndarray, owner: np.ndarray, count: int, size: int) -> np.ndarray:
    """Edges from a (E, 2) to b (E, 2), each of picture `owner` (E,): uint8 (count, size, size)."""
    lines = size * SAMPLES
    # Sample i lies at (i + 1/2) / SAMPLES: in these units, at the whole numbers.
    ax, ay = a[:, 0] * SAMPLES - 0.5, a[:, 1] * SAMPLES - 0.5
    bx, by = b[:, 0] * SAMPLES - 0.5, b[:, 1] * SAMPLES - 0.5
    # A half-open interval of scan lines, so that a corner is counted once.
    top = np.clip(np.ceil(np.minimum(ay, by)), 0, lines).astype(np.int64)
    bottom = np.clip(np.ceil(np.maximum(ay, by)), 0, lines).astype(np.int64)
    crossings = bottom - top
    crossed = np.flatnonzero(crossings)
    crossings = crossings[crossed]
    ax, ay, bx, by = (v[crossed] for v in (ax, ay, bx, by))
    top, owner = top[crossed], owner[crossed]
    slope = (bx - ax) / (by - ay)
    direction = np.where(by > ay, 1, -1).astype(np.int8)

    edge = np.repeat(np.arange(len(crossed)), crossings)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(crossings) - crossings, crossings) + top[edge]
    x = ax[edge] + (line - ay[edge]) * slope[edge]
    column = np.clip(np.ceil(x), 0, lines).astype(np.int64)

    # One row of `change` per sample column, so that the walk to the right below is over long, contiguous
    # rows.
    change = np.zeros((lines + 1, count * lines), np.int8)
    np.add.at(change.reshape(-1), (column * count + owner[edge]) * lines + line, direction[edge])

    winding = np.zeros(count * lines, np.int8)
    covered = np.zeros((size, count * lines), np.uint8)
    for sample in range(lines):
        winding += change[sample]
        covered[sample // SAMPLES] += winding != 0
    covered = covered.reshape(size, count, size, SAMPLES).sum(3, dtype=np.int64)
    grey = (covered * 255 + SAMPLES * SAMPLES // 2) // (SAMPLES * SAMPLES)
    return grey.astype(np.uint8).transpose(1, 2, 0)
