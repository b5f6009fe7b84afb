# SPDX-License-Identifier: Apache-2.0
"""A watermark: an invisible number of 32 bits in the picture that survives in many copies.

A pattern of light and dark squares, one step of 255 of luma, tiles the picture; its signs spell the
number, and all of them turn over every two seconds. What stands still in a film cancels between one
slot of time and the next, which is most of a talking portrait, and the pattern remains; what moves
is left out. Some squares are the same in every mark and show where the tiles lie and how large they
are; half of them are blank, so that less of the picture is changed.

Sources: spread spectrum after Cox, Kilian, Leighton and Shamoon (1997), tiled and found by
correlation after Kalker, Depovere, Haitsma and Maes (JAWS, 1999). It is no protection against
somebody who knows it: this source shows how to remove it.
"""

from __future__ import annotations

import binascii
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Complex128, Float32, Int8, Int64

from pipeline import media

VERSION = "1"
SHORT = 360  # lines of the picture in which squares are measured and looked for
SQUARE, TILE = 8, 128  # their side and that of the tile, there
BITS, CHECK_BITS = 32, 16
# of the tile's 256 squares so many are the same in every mark, and so many are not blank
KNOWN, USED = 32, 128
IS_KNOWN, IS_BLANK = -1, -2
SLOT_SECONDS = 2
PARTS = 4  # pictures are averaged over so many parts of a slot
STILL = 3.0  # what changes by more from slot to slot moves
# standard deviations; by chance once in some ten thousand films, and then the check has to agree
LEAST_PEAK = 7.0
LONGEST_SECONDS = 60
# A copy's squares against ours, in steps of 0.75 %: from the middle third cut out upright to a
# letterbox.
SCALES = tuple(float(scale) for scale in np.geomspace(0.50, 1.35, 134))
Plane = Float32[np.ndarray, "height width"]
Tile = Float32[np.ndarray, "128 128"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWatermark:
    """A watermark that was read.

    `code` is its number as eight hexadecimal digits; `strength` is how far it stands out (standard
    deviations).
    """

    code: str
    strength: float


def compute_code(text: str, version: str) -> str:
    """Compute the number that marks a version.

    It is the first 32 bits of a digest of a studio's text and the version's name.

    >>> compute_code("Studio Nord", "v001")
    '6f289538'
    """
    return hashlib.sha256(f"{text}\n{version}".encode()).hexdigest()[: BITS // 4]


def draw_pattern(code: str, size: tuple[int, int]) -> Int8[np.ndarray, "height width"]:
    """Draw the steps of luma (-1, 0 or 1) that spell a code; `size` is (width, height)."""
    tile, (width, height) = _build_squares(code), size
    rows, columns = (_find_square(np.arange(side), min(size)) for side in (height, width))
    steps: Int8[np.ndarray, "height width"] = tile[np.ix_(rows, columns)]
    return steps


def write_pattern(path: Path, code: str, *, size: tuple[int, int], pixel_format: str) -> None:
    """Write the pattern and its opposite as two raw frames for ffmpeg's `grainmerge`."""
    bits = 10 if pixel_format.endswith("10le") else 8
    middle, step, kind = 1 << (bits - 1), 1 << (bits - 8), np.dtype("<u2" if bits > 8 else "u1")
    width, height = size
    chroma = np.full(
        2 * (width // 2) * (height if "422" in pixel_format else height // 2), middle, kind
    )
    steps = draw_pattern(code, size).astype(np.int64) * step
    with path.open("wb") as file:
        for sign in (1, -1):
            file.write((middle + sign * steps).astype(kind).tobytes())
            file.write(chroma.tobytes())


def count_slot_frames(rate: Fraction) -> int:
    """Count the frames for which a pattern stands."""
    return max(1, round(SLOT_SECONDS * rate))


def find_watermark(path: Path) -> FoundWatermark | None:
    """Look for a watermark in the first minute of a film; None when there is none to read.

    Raises ToolError, InputError.
    """
    info = media.probe(path)
    if info.video is None:
        return None
    scale = SHORT / min(info.video.width, info.video.height)
    size = (max(2, round(info.video.width * scale)), max(2, round(info.video.height * scale)))
    sums = _sum_changes(_average_parts(path, size, info.video.rate or Fraction(25)), size)
    if not any(plane.any() for plane in sums):
        return None  # shorter than two slots, or every place moves
    best = _find_strongest(sums, (1.0,))
    if best[0] < LEAST_PEAK:
        best = _find_strongest(sums, SCALES)
    return _read_code(*best) if best[0] >= LEAST_PEAK else None


def _find_strongest(sums: list[Plane], scales: Sequence[float]) -> tuple[float, Tile]:
    """Find the tile that stands out most, over all phases of the slots and all scales."""
    tiles = (_align_tile(plane, scale) for plane in _build_phases(sums) for scale in scales)
    return max(tiles, key=lambda tile: tile[0])


def _average_parts(path: Path, size: tuple[int, int], rate: Fraction) -> Iterator[Plane]:
    """Average the luma of a film over parts of a slot."""
    per_part = Fraction(SLOT_SECONDS, PARTS) * rate
    total, count, part = np.zeros(size[::-1], np.float32), 0, 0
    for number, frame in enumerate(
        media.read_frames(path, width=size[0], height=size[1], filters="format=gray")
    ):
        if number >= LONGEST_SECONDS * rate:
            break
        if number // per_part != part:
            yield total / max(count, 1)
            total, count, part = np.zeros(size[::-1], np.float32), 0, int(number // per_part)
        total += frame[..., 0]
        count += 1


def _sum_changes(parts: Iterator[Plane], size: tuple[int, int]) -> list[Plane]:
    """Sum the changes from each part of a slot to the same part of the next, where nothing moves.

    They are added up by place in two slots.
    """
    sums = [np.zeros(size[::-1], np.float32) for _ in range(2 * PARTS)]
    waiting = list[Plane]()
    for number, part in enumerate(parts):
        waiting.append(part)
        if len(waiting) > PARTS:
            change = part - waiting.pop(0)
            change[np.abs(change) > STILL] = 0
            sums[number % (2 * PARTS)] += change
    return [before - after for before, after in zip(sums[:PARTS], sums[PARTS:], strict=True)]


def _build_phases(sums: list[Plane]) -> Iterator[Plane]:
    """Build the pattern for a slot that begins at each part.

    Structure that is coarser than the squares is removed.
    """
    import cv2

    for phase in range(PARTS):
        plane = sum(
            (part if number >= phase else -part for number, part in enumerate(sums)),
            np.zeros_like(sums[0]),
        )
        yield plane - cv2.blur(plane, (4 * SQUARE, 4 * SQUARE))


def _align_tile(plane: Plane, scale: float) -> tuple[float, Tile]:
    """Measure how far the known squares stand out at a scale.

    The second result is the tile where they lie best, the right way up.
    """
    import cv2

    height, width = plane.shape
    if scale != 1:
        size = (max(TILE, round(width * scale)), max(TILE, round(height * scale)))
        plane = cv2.resize(
            plane, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
    height, width = (-(-side // TILE) * TILE for side in plane.shape)
    padded = np.zeros((height, width), np.float32)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    tile = padded.reshape(height // TILE, TILE, width // TILE, TILE).sum(axis=(0, 2))
    found = np.fft.irfft2(np.fft.rfft2(tile) * _correlate_known(), s=tile.shape)
    place = np.unravel_index(np.argmax(np.abs(found)), found.shape)
    peak = float(found[place])
    strength = abs(peak) / (float(found.std()) + 1e-9)
    return strength, np.sign(peak) * np.roll(tile, (-int(place[0]), -int(place[1])), axis=(0, 1))


def _read_code(strength: float, tile: Tile) -> FoundWatermark | None:
    """Read the number in a tile; None when its check does not agree."""
    squares = tile.reshape(TILE // SQUARE, SQUARE, TILE // SQUARE, SQUARE).sum(axis=(1, 3)).ravel()
    carriers, signs = _assign_carriers()
    votes = np.zeros(BITS + CHECK_BITS)
    np.add.at(votes, carriers[carriers >= 0], (squares * signs)[carriers >= 0])
    bits = "".join("1" if vote > 0 else "0" for vote in votes)
    number = int(bits[:BITS], 2)
    if int(bits[BITS:], 2) != _compute_check(number):
        return None
    return FoundWatermark(code=f"{number:0{BITS // 4}x}", strength=round(strength, 1))


@functools.cache
def _assign_carriers() -> tuple[Int64[np.ndarray, " squares"], Int64[np.ndarray, " squares"]]:
    """Assign to each square of the tile a bit (else `IS_KNOWN` or `IS_BLANK`) and a sign."""
    count = (TILE // SQUARE) ** 2
    random = np.random.Generator(np.random.PCG64(1997))
    order = random.permutation(count)
    carriers = np.full(count, IS_KNOWN, np.int64)
    carriers[order[KNOWN:USED]] = np.arange(USED - KNOWN) % (BITS + CHECK_BITS)
    carriers[order[USED:]] = IS_BLANK
    return carriers, random.choice(np.array([-1, 1]), count)


def _build_squares(code: str) -> Int8[np.ndarray, "rows columns"]:
    """Build the tile's squares for a code."""
    number = int(code, 16)
    spelled = [
        int(bit) * 2 - 1 for bit in f"{number:0{BITS}b}{_compute_check(number):0{CHECK_BITS}b}"
    ]
    bits = np.array([*spelled, 0, 1])  # the last two are what IS_BLANK and IS_KNOWN point at
    carriers, signs = _assign_carriers()
    side = TILE // SQUARE
    squares: Int8[np.ndarray, "rows columns"] = (
        (bits[carriers] * signs).reshape(side, side).astype(np.int8)
    )
    return squares


@functools.cache
def _correlate_known() -> Complex128[np.ndarray, "128 65"]:
    """Build the factor of a tile's spectrum that correlates it with the squares of every mark."""
    carriers, signs = _assign_carriers()
    side = TILE // SQUARE
    known = np.where(carriers == IS_KNOWN, signs, 0).reshape(side, side)
    spectrum: Complex128[np.ndarray, "128 65"] = np.conj(
        np.fft.rfft2(known.repeat(SQUARE, axis=0).repeat(SQUARE, axis=1))
    )
    return spectrum


def _find_square(places: Int64[np.ndarray, " places"], short: int) -> Int64[np.ndarray, " places"]:
    return (places * SHORT // (short * SQUARE)) % (TILE // SQUARE)


def _compute_check(number: int) -> int:
    return binascii.crc_hqx(number.to_bytes(BITS // 8, "big"), 0xFFFF)
