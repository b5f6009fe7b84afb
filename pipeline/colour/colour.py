# SPDX-License-Identifier: Apache-2.0
"""Colour arithmetic: transfer curves, Lab, CIEDE2000, colour transfer and `.cube` files.

The arithmetic is colour-science's, but for the decoding of sRGB, which follows the standard's edge.
`.cube` files are read and written here, because the library accepts damaged ones. This module knows
no media and no faces. All arrays end in an axis of three channels. `rgb` means gamma-encoded R'G'B'
with BT.709/sRGB primaries and a D65 white, in [0, 1].

Sources: IEC 61966-2-1 (sRGB), CIE 15:2004 (Lab), Sharma, Wu and Dalal 2005 (CIEDE2000), Reinhard et
al. 2001, Pitie and Kokaram 2007 (linear Monge-Kantorovich), Adobe Cube LUT Specification 1.0.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from manifests.atomic_write import atomic_write

Colours = Float64[np.ndarray, "*shape 3"]
Values = Float64[np.ndarray, "*shape"]
Matrix = Float64[np.ndarray, "3 3"]
Vector = Float64[np.ndarray, "3"]
Mapping = Callable[[Colours], Colours]

LUMA = np.array([0.2126, 0.7152, 0.0722])
XYZ_OF_RGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
RGB_OF_XYZ = np.linalg.inv(XYZ_OF_RGB)
WHITE = XYZ_OF_RGB.sum(axis=1)  # so that rgb (1, 1, 1) is exactly L* = 100, a* = b* = 0
CUBE_POINTS = 33
MOST_POINTS, MOST_POINTS_1D = 129, 65536  # a side of a 3D table; of a 1D one as the format allows
LARGEST_CUBE = 96 << 20  # bytes; 129 points a side with nine digits are 64 MB
WHITE_XY = WHITE[:2] / WHITE.sum()


def srgb_to_linear(rgb: Values) -> Values:
    """Convert sRGB-encoded values to linear light (IEC 61966-2-1).

    The library moves the edge at 0.04045 by 6e-8, which is 2e-9 in light and 2e-6 in Lab.

    >>> float(srgb_to_linear(np.array(0.5)).round(6))
    0.214041
    """
    curve = ((np.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(rgb <= 0.04045, rgb / 12.92, curve)


def linear_to_srgb(light: Values) -> Values:
    """Convert linear light to sRGB-encoded values; negative light stays on the straight part."""
    rgb: Values = _import_library().models.eotf_inverse_sRGB(light)
    return rgb


def rgb_to_lab(rgb: Colours) -> Colours:
    """Convert sRGB-encoded colours to CIE L*a*b* (D65).

    >>> rgb_to_lab(np.array([1.0, 0.0, 0.0])).round(2).tolist()
    [53.24, 80.09, 67.2]
    """
    xyz = srgb_to_linear(rgb) @ XYZ_OF_RGB.T
    lab: Colours = _import_library().XYZ_to_Lab(xyz / WHITE[1], WHITE_XY)
    return lab


def lab_to_rgb(lab: Colours) -> Colours:
    """Convert CIE L*a*b* (D65) to sRGB-encoded colours; those outside the gamut leave [0, 1]."""
    xyz = _import_library().Lab_to_XYZ(lab, WHITE_XY) * WHITE[1]
    return linear_to_srgb(xyz @ RGB_OF_XYZ.T)


def hue_degrees(lab: Colours) -> Values:
    """Hue angle in degrees, [0, 360)."""
    degrees: Values = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    return degrees


def delta_e(first: Colours, second: Colours) -> Values:
    """Measure the CIEDE2000 difference of Lab colours with unit weights.

    Reference: Sharma, Wu and Dalal 2005, equations 2 to 22.
    """
    difference: Values = _import_library().difference.delta_E_CIE2000(first, second)
    return difference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Weighted mean and covariance of a set of colours."""

    mean: Vector
    covariance: Matrix


def compute_moments(
    colours: Float64[np.ndarray, "count 3"], weights: Float64[np.ndarray, " count"]
) -> Moments:
    """Compute the weighted mean and covariance. Raises ValueError when no colour has weight."""
    total = weights.sum()
    if total <= 0:
        raise ValueError("no colour has weight")
    mean = weights @ colours / total
    centred = colours - mean
    return Moments(mean=mean, covariance=(centred * weights[:, None]).T @ centred / total)


def estimate_monge_kantorovich(
    source: Moments, target: Moments, *, floor: float = 1e-5
) -> tuple[Matrix, Vector]:
    """Estimate the affine map that carries one Gaussian to another with the least movement.

    The map is `x -> matrix @ x + offset`; the matrix is symmetric and positive. `floor` is added to
    both covariances (the variance of 8-bit rounding and codec noise), so that flat pictures are not
    stretched. Reference: Pitie and Kokaram 2007, equation 16.
    """
    ridge = floor * np.eye(3)
    root = _take_root(source.covariance + ridge)
    back = np.linalg.inv(root)
    matrix = back @ _take_root(root @ (target.covariance + ridge) @ root) @ back
    return matrix, target.mean - matrix @ source.mean


def estimate_reinhard(
    source: Moments, target: Moments, *, most: float = 3.0
) -> tuple[Matrix, Vector]:
    """Match mean and standard deviation channel by channel; stretch at most `most` times.

    The paper works in l-alpha-beta; here the moments are those of CIE Lab, as in most later
    implementations. Reference: Reinhard et al. 2001, equations 10 and 11.
    """
    spread = np.sqrt((np.diag(target.covariance) + 1e-5) / (np.diag(source.covariance) + 1e-5))
    matrix = np.diag(np.clip(spread, 1 / most, most))
    return matrix, target.mean - matrix @ source.mean


def sample_cube(
    mapping: Mapping, points: int = CUBE_POINTS
) -> Float64[np.ndarray, "points points points 3"]:
    """Sample a mapping of rgb on a regular grid, clipped to [0, 1].

    The axes are blue, green, red, in the order in which `.cube` files store them.
    """
    axis = np.linspace(0, 1, points)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.clip(mapping(np.stack([red, green, blue], axis=-1)), 0, 1)


def write_cube(
    path: Path, cube: Float64[np.ndarray, "points points points 3"], *, title: str, note: str = ""
) -> None:
    """Write a 3D LUT (Adobe Cube 1.0), red fastest, atomically.

    `note` becomes the first comment of the file.
    """
    name = "".join(c if c.isprintable() and c != '"' else "_" for c in title)
    head = f"# {note}\n" if note else ""
    head += f'TITLE "{name}"\nLUT_3D_SIZE {len(cube)}\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n'
    body = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in cube.reshape(-1, 3))
    with atomic_write(path) as partial:
        partial.write_text(head + body + "\n", encoding="utf-8")


def read_cube(path: Path) -> Float64[np.ndarray, "points points points 3"]:
    """Read a LUT (Adobe Cube 1.0, also with Resolve's input ranges) as a 3D LUT of domain [0, 1].

    A 1D LUT, or a LUT with another domain, is resampled. Raises ValueError with the reason when the
    file is not a readable LUT.
    """
    lines = _read_cube_lines(path)
    keys = {words[0].upper(): words[1:] for words in lines if words[0][0].isalpha()}
    rows = [words for words in lines if words[0][0] in "0123456789-+."]
    sizes = [key for key in ("LUT_3D_SIZE", "LUT_1D_SIZE") if key in keys]
    if len(sizes) != 1:
        raise ValueError(
            "not a .cube: it needs one LUT_3D_SIZE or LUT_1D_SIZE" + (", not both" if sizes else "")
        )
    dimensions, most = (3, MOST_POINTS) if sizes[0] == "LUT_3D_SIZE" else (1, MOST_POINTS_1D)
    points = _parse_cube_size(keys[sizes[0]], most)
    table = _parse_cube_numbers(rows, points**dimensions).reshape(*[points] * dimensions, 3)
    low, high = _parse_cube_domain(keys, dimensions)
    if dimensions == 3 and not low.any() and (high == 1).all():
        return table

    def mapping(rgb: Colours) -> Colours:
        place = np.clip((rgb - low) / (high - low), 0, 1)
        return apply_cube(table, place) if dimensions == 3 else _apply_curves(table, place)

    return sample_cube(mapping, max(CUBE_POINTS, points if dimensions == 3 else 0))


def _read_cube_lines(path: Path) -> list[list[str]]:
    """Read the words of each line that is not empty, without comments."""
    if path.stat().st_size > LARGEST_CUBE:
        raise ValueError(f"not a .cube: larger than {LARGEST_CUBE >> 20} MB")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return [words for words in lines if words]


def read_cube_comment(path: Path) -> str:
    """Read the comment on the first line of a `.cube`; return "" when there is none."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    return first[1:].strip() if first.startswith("#") else ""


def apply_cube(cube: Float64[np.ndarray, "points points points 3"], rgb: Colours) -> Colours:
    """Look up colours with tetrahedral interpolation (Sakamoto 1981).

    This is what ffmpeg's `lut3d=interp=tetrahedral` computes.
    """
    look_up = _import_library().algebra.table_interpolation_tetrahedral
    looked_up: Colours = look_up(np.clip(rgb, 0, 1), cube.transpose(2, 1, 0, 3))
    return looked_up


def _parse_cube_size(words: list[str], most: int) -> int:
    if (
        len(words) != 1
        or not re.fullmatch("[0-9]{1,5}", words[0])
        or not 2 <= int(words[0]) <= most
    ):
        raise ValueError(
            f"not a .cube: its size is {' '.join(words)[:40]!r}, not a number from 2 to {most}"
        )
    return int(words[0])


def _parse_cube_numbers(rows: list[list[str]], count: int) -> Float64[np.ndarray, "rows 3"]:
    if len(rows) != count or any(len(row) != 3 for row in rows):
        raise ValueError(
            f"a .cube of this size needs {count} rows of three numbers; it has {len(rows)}"
        )
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"the .cube holds a value that is not a number: {error}") from error
    if not np.isfinite(values).all():
        raise ValueError("the .cube holds numbers that are not finite")
    return values


def _parse_cube_domain(keys: dict[str, list[str]], dimensions: int) -> tuple[Vector, Vector]:
    """Read the inputs that the first and the last point of a table stand for."""
    both = keys.get(f"LUT_{dimensions}D_INPUT_RANGE", ["0", "1"])
    low, high = keys.get("DOMAIN_MIN", both[:1] * 3), keys.get("DOMAIN_MAX", both[1:] * 3)
    try:
        first, last = (np.array([float(word) for word in words]) for words in (low, high))
    except ValueError as error:
        raise ValueError(f"the domain of the .cube is not a number: {error}") from error
    if (
        len(first) != 3
        or len(last) != 3
        or not np.isfinite([first, last]).all()
        or (first >= last).any()
    ):
        raise ValueError(
            f"the domain of the .cube is {' '.join(low)} to {' '.join(high)}; "
            "both need three numbers, and the second must be larger"
        )
    return first, last


def _apply_curves(table: Float64[np.ndarray, "points 3"], place: Colours) -> Colours:
    """Apply a 1D table: one curve per channel, linear between its points."""
    axis = np.linspace(0, 1, len(table))
    return np.stack(
        [np.interp(place[..., channel], axis, table[:, channel]) for channel in range(3)], axis=-1
    )


def _take_root(matrix: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    root: Matrix = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


@functools.cache
def _import_library() -> Any:
    """Import colour-science when colours are computed: it takes about two seconds.

    It changes how numpy prints numbers everywhere; that is undone.
    """
    printing = np.get_printoptions()
    import colour

    np.set_printoptions(**printing)
    return colour
