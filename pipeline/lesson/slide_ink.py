# SPDX-License-Identifier: Apache-2.0
"""Find what looks like text in a picture of a slide, and whether the picture reaches its edges.

Cells full of fine strokes count as text, which errs on the side of too much.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int16

from pipeline.lesson.layouts import Rect
from pipeline.lesson.slide_page import SlidePicture

# share of the border's pixels that differ visibly from their neighbours where a picture reaches the
# edges
FULL_BLEED = 0.25
VISIBLE = 6  # of 255: a difference between neighbours that is no gradient
INK_CELL = 45  # cells in the height
# of 255, and of a cell's pixels: strokes as strong and as many as letters have
INK_STROKE, INK_SHARE = 28, 0.06


def find_ink(pixels: SlidePicture) -> list[Rect]:
    """Find what looks like text in a picture.

    These are cells with many strong strokes, joined along each row of cells.
    """
    height, width = pixels.shape[:2]
    cell = max(4, height // INK_CELL)
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell))
    padded[:height, :width] = _measure_strokes(pixels) > INK_STROKE
    full = padded.reshape(rows, cell, columns, cell).mean(axis=(1, 3)) > INK_SHARE
    return [
        Rect(
            first * cell,
            row * cell,
            min((last - first) * cell, width - first * cell),
            min(cell, height - row * cell),
        )
        for row in range(rows)
        for first, last in _find_runs(full[row])
    ]


def is_full_bleed(pixels: SlidePicture) -> bool:
    """Say whether a picture reaches the edges: its border is textured, not paper or a gradient."""
    border = np.concatenate([pixels[2], pixels[-3], pixels[:, 2], pixels[:, -3]]).astype(np.int16)
    different = np.abs(np.diff(border, axis=0)).max(axis=1) >= VISIBLE
    return float(different.mean()) > FULL_BLEED


def _measure_strokes(pixels: SlidePicture) -> Int16[np.ndarray, "height width"]:
    """Measure the largest step to the next pixel, across or down, of any of the three colours.

    So yellow on white and red on blue are found too, which hardly differ in lightness.
    """
    colours = pixels.astype(np.int16)
    across = np.abs(np.diff(colours, axis=1, append=colours[:, -1:]))
    down = np.abs(np.diff(colours, axis=0, append=colours[-1:]))
    largest: Int16[np.ndarray, "height width"] = np.maximum(across, down).max(axis=2)
    return largest


def _find_runs(full: np.ndarray) -> Iterator[tuple[int, int]]:
    """Find the first and one past the last of each run.

    Runs with one empty cell between them count as one, like the words of a line.
    """
    closed = full | (np.roll(full, 1) & np.roll(full, -1))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(np.int8), [0]])))
    yield from ((int(first), int(last)) for first, last in edges.reshape(-1, 2))
