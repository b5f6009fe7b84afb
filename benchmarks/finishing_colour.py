# SPDX-License-Identifier: Apache-2.0
"""Measure colour matching: what remains of known colour casts, ours beside other methods.

Run by `python benchmarks/finishing.py colour`.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.colour import colour, colour_transfer
from pipeline.colour.skin_tone import FaceBox
from tests.pipeline.tiny_film import eight_bit

PORTRAITS = Path(__file__).parent.parent / "examples" / "lighthouse" / "portraits"
TRUTH = Path(__file__).parent.parent / "tests" / "data" / "lighthouse" / "casts.json"


FACES = {
    "henrik": (0.3, 0.2, 0.7, 0.65),
    "mara": (0.34, 0.2, 0.66, 0.68),
    "nadia_plate": (0.64, 0.12, 0.75, 0.42),
}


CASTS = {
    "warm": (1.2, 1.0, 0.75),
    "cool": (0.82, 1.0, 1.25),
    "green": (0.9, 1.1, 0.9),
    "magenta": (1.1, 0.88, 1.1),
    "dim": (0.65,) * 3,
}


@dataclasses.dataclass(frozen=True, eq=False)
class ColourScene:
    """A portrait under a known cast: as it is seen, as it was before, and the place of its face."""

    portrait: str
    cast: str
    seen: np.ndarray
    plain: np.ndarray
    face: FaceBox

    @property
    def start(self) -> float:
        return _measure_difference(self.seen, self.plain)

    def measure_rest(self, graded: np.ndarray) -> tuple[float, float]:
        """Measure what remains of the starting difference, and the hue error of skin in degrees."""
        skins = [
            colour_transfer.sample_pictures(eight_bit(picture)[None], self.face).skin_mean
            for picture in (graded, self.plain)
        ]
        hues = colour.hue_degrees(colour.rgb_to_lab(np.stack(skins)))
        return _measure_difference(graded, self.plain) / self.start, abs(float(hues[0] - hues[1]))


def measure_colour_matching(root: Path) -> None:
    """Print what remains of known casts, ours beside other methods.

    As a share of the start (mean CIEDE2000), and as hue error of skin in degrees.
    """
    scenes = list(_make_scenes())
    public = _run_public_reinhard(scenes, root)
    heads = ("M-K", "Reinhard", "package", "no look")
    print(
        f"{'portrait':<12} {'cast':<8} {'start':>5}"
        + "".join(f"  {head:>8} {'hue':>5}" for head in heads)
    )
    worst: dict[str, list[tuple[float, float]]] = {head: [] for head in heads}
    for scene, package in zip(scenes, public, strict=True):
        sample, truth = (
            colour_transfer.sample_pictures(eight_bit(p)[None], scene.face)
            for p in (scene.seen, scene.plain)
        )
        looks = [
            ("monge-kantorovich", colour_transfer.build_look(truth)),
            ("reinhard", colour_transfer.build_look(truth)),
            ("monge-kantorovich", colour_transfer.build_character_looks(["x"], [sample], {})["x"]),
        ]
        still, plain, neutral = (
            np.clip(
                colour_transfer.estimate_transfer(sample, look, method=method)(scene.seen), 0, 1
            )
            for method, look in looks
        )
        row = dict(
            zip(heads, map(scene.measure_rest, (still, plain, package, neutral)), strict=True)
        )
        print(
            f"{scene.portrait:<12} {scene.cast:<8} {scene.start:5.1f}"
            + "".join(f"  {s:8.2f} {h:5.2f}" for s, h in row.values())
        )
        for head, found in row.items():
            worst[head].append(found)
    for head, found in worst.items():
        shares, hues = np.array(found).T
        print(
            f"{head:<9} left: mean {shares.mean():.3f}, worst {shares.max():.3f}; skin hue: "
            f"worst {hues.max():.2f} deg"
        )


def _make_scenes() -> Iterator[ColourScene]:
    for name, face in FACES.items():
        with Image.open(PORTRAITS / f"{name}.png") as image:
            image.thumbnail((160, 160), Image.Resampling.BOX)
            own = np.asarray(image.convert("RGB")) / 255
        plain = _relight(own, np.linalg.inv(_read_own_cast(f"{name}.png")))
        for kind, gains in {"its own": None, **CASTS}.items():
            seen = own if gains is None else _relight(plain, np.diag(gains))
            yield ColourScene(name, kind, seen, plain, face)


def _run_public_reinhard(scenes: list[ColourScene], root: Path) -> list[np.ndarray]:
    """Match colours by a public package, in an environment of its own.

    It takes logarithms, so no value may be zero.
    """
    pairs = {f"source_{n}": np.maximum(eight_bit(scene.seen), 1) for n, scene in enumerate(scenes)}
    pairs |= {
        f"reference_{n}": np.maximum(eight_bit(scene.plain), 1) for n, scene in enumerate(scenes)
    }
    np.savez(root / "pairs.npz", **pairs)
    script = Path(__file__).with_name("color_matcher.sh")
    subprocess.run([script, root / "pairs.npz", root / "out.npz"], check=True)
    with np.load(root / "out.npz") as moved:
        return [moved[str(n)] / 255 for n in range(len(scenes))]


def _relight(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Put a picture under another light: a matrix on linear light."""
    return np.clip(
        colour.linear_to_srgb(np.clip(colour.srgb_to_linear(rgb) @ matrix.T, 0, 1)), 0, 1
    )


def _read_own_cast(name: str) -> np.ndarray:
    """Read the colour cast of one of the example's portraits."""
    return np.array(json.loads(TRUTH.read_text())["casts"][name])


def _measure_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(colour.delta_e(colour.rgb_to_lab(first), colour.rgb_to_lab(second)).mean())
