# SPDX-License-Identifier: Apache-2.0
"""Colour arithmetic: transfer curves, Lab, CIEDE2000, colour transfer and `.cube` files.

It knows no media and no faces. All arrays end in an axis of three channels. `rgb` means
gamma-encoded R'G'B' with BT.709/sRGB primaries and a D65 white, in [0, 1].

Sources: IEC 61966-2-1 (sRGB), CIE 15:2004 (Lab), Sharma, Wu and Dalal 2005 (CIEDE2000), Reinhard et
al. 2001, Pitie and Kokaram 2007 (linear Monge-Kantorovich), Adobe Cube LUT Specification 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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

_LAB_EDGE = 6 / 29


def srgb_to_linear(rgb: Values) -> Values:
    """Convert sRGB-encoded values to linear light (IEC 61966-2-1).

    >>> float(srgb_to_linear(np.array(0.5)).round(6))
    0.214041
    """
    return np.where(
        rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4
    )


def linear_to_srgb(light: Values) -> Values:
    """Convert linear light to sRGB-encoded values; negative light stays on the straight part."""
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    )


def rgb_to_lab(rgb: Colours) -> Colours:
    """Convert sRGB-encoded colours to CIE L*a*b* (D65).

    >>> rgb_to_lab(np.array([1.0, 0.0, 0.0])).round(2).tolist()
    [53.24, 80.09, 67.2]
    """
    ratio = srgb_to_linear(rgb) @ XYZ_OF_RGB.T / WHITE
    root = np.where(ratio > _LAB_EDGE**3, np.cbrt(ratio), ratio / (3 * _LAB_EDGE**2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_rgb(lab: Colours) -> Colours:
    """Convert CIE L*a*b* (D65) to sRGB-encoded colours; those outside the gamut leave [0, 1]."""
    lightness, a, b = np.moveaxis(lab, -1, 0)
    y = (lightness + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    ratio = np.where(root > _LAB_EDGE, root**3, 3 * _LAB_EDGE**2 * (root - 4 / 29))
    return linear_to_srgb((ratio * WHITE) @ RGB_OF_XYZ.T)


def hue_degrees(lab: Colours) -> Values:
    """Hue angle in degrees, [0, 360)."""
    degrees: Values = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    return degrees


def delta_e(first: Colours, second: Colours) -> Values:
    """Measure the CIEDE2000 difference of Lab colours with unit weights.

    Reference: Sharma, Wu and Dalal 2005, equations 2 to 22.
    """
    chroma_mean = (
        np.hypot(first[..., 1], first[..., 2]) + np.hypot(second[..., 1], second[..., 2])
    ) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma_mean**7 / (chroma_mean**7 + 25.0**7))  # 1 + G
    chroma1, hue1 = _to_polar(first, stretch)
    chroma2, hue2 = _to_polar(second, stretch)
    hue_step, hue_mean = _measure_hue_step(hue1, hue2, grey=chroma1 * chroma2 == 0)
    chroma = (chroma1 + chroma2) / 2
    d_light = (second[..., 0] - first[..., 0]) / _weigh_lightness(
        (first[..., 0] + second[..., 0]) / 2
    )
    d_chroma = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    d_hue = (
        2
        * np.sqrt(chroma1 * chroma2)
        * np.sin(hue_step / 2)
        / (1 + 0.015 * chroma * _weigh_hue(hue_mean))
    )
    turn = _compute_rotation(chroma, hue_mean)
    difference: Values = np.sqrt(
        np.maximum(d_light**2 + d_chroma**2 + d_hue**2 + turn * d_chroma * d_hue, 0)
    )
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
    top = len(cube) - 1
    place = np.clip(rgb, 0, 1) * top
    low = np.minimum(place.astype(int), top - 1)
    rest = place - low
    order = np.argsort(-rest, axis=-1, kind="stable")
    corner, value = low.copy(), cube[low[..., 2], low[..., 1], low[..., 0]]
    # walk from the low corner to the high one along the largest remainder first
    for step in range(3):
        channel = order[..., step, None]
        before = cube[corner[..., 2], corner[..., 1], corner[..., 0]]
        np.put_along_axis(corner, channel, np.take_along_axis(corner, channel, -1) + 1, -1)
        after = cube[corner[..., 2], corner[..., 1], corner[..., 0]]
        value = value + (after - before) * np.take_along_axis(rest, channel, -1)
    looked_up: Colours = value
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


def _to_polar(lab: Colours, stretch: Values) -> tuple[Values, Values]:
    a = lab[..., 1] * stretch
    return np.hypot(a, lab[..., 2]), np.arctan2(lab[..., 2], a) % (2 * np.pi)


def _measure_hue_step(hue1: Values, hue2: Values, *, grey: Values) -> tuple[Values, Values]:
    step = hue2 - hue1
    step = np.where(step > np.pi, step - 2 * np.pi, np.where(step < -np.pi, step + 2 * np.pi, step))
    total = hue1 + hue2
    around = np.where(total < 2 * np.pi, total + 2 * np.pi, total - 2 * np.pi)
    mean = np.where(np.abs(hue1 - hue2) > np.pi, around, total) / 2
    return np.where(grey, 0, step), np.where(grey, total, mean)


def _weigh_lightness(mean: Values) -> Values:
    weight: Values = 1 + 0.015 * (mean - 50) ** 2 / np.sqrt(20 + (mean - 50) ** 2)
    return weight


def _weigh_hue(hue: Values) -> Values:
    waves = (
        0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    weight: Values = 1 - 0.17 * np.cos(hue - np.radians(30)) + waves
    return weight


def _compute_rotation(chroma: Values, hue: Values) -> Values:
    angle = np.radians(30) * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    rotation: Values = -np.sin(2 * angle) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    return rotation


def _take_root(matrix: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    root: Matrix = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
