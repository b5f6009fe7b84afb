# SPDX-License-Identifier: Apache-2.0
"""Make expressions with the head model's own units: a test set independent of the previs talker.

Each clip is a few stills in which the expression appears, the head moves, and the jaw moves as if
speaking, stored as one tall picture; the corpus blends from still to still. The mouth does not
follow the words: these clips test emotion, not lips.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from benchmarks.heads import mesh
from benchmarks.heads.people import draw
from benchmarks.heads.portrait import Model
from manifests.atomic_write import atomic_write

SIZE = 224
STILLS = 11
LEVELS = {1: 0.6, 2: 0.85, 3: 1.1}
FIRST = 1000  # number of the first person: none of them is in the other sets
SPREAD = 0.35
EXPRESSIONS: dict[str, Mapping[str, float]] = {
    "angry": {
        **{"browDown": 1.0, "eyeWide": 0.35, "eyeSquint": 0.3, "noseSneer": 0.35},
        **{"mouthPress": 0.8, "mouthFrown": 0.35, "mouthShrugLower": 0.3},
    },
    "contempt": {
        **{"mouthSmileLeft": 0.75, "mouthDimpleLeft": 0.7, "cheekSquintLeft": 0.4},
        **{"mouthPress": 0.3, "eyeSquint": 0.15},
    },
    "disgusted": {
        **{"noseSneer": 1.0, "mouthUpperUp": 0.75, "browDown": 0.55},
        **{"cheekSquint": 0.5, "eyeSquint": 0.45, "mouthShrugLower": 0.3},
    },
    "fear": {
        **{"browInnerUp": 1.0, "browOuterUp": 0.35, "browDown": 0.2},
        **{"eyeWide": 0.95, "mouthStretch": 0.8, "jawOpen": 0.22},
    },
    "happy": {
        "mouthSmile": 0.9,
        "cheekSquint": 0.8,
        "eyeSquint": 0.35,
        "mouthUpperUp": 0.15,
        "jawOpen": 0.08,
    },
    "neutral": {},
    "sad": {
        **{"browInnerUp": 0.95, "mouthFrown": 0.9, "mouthShrugLower": 0.35},
        **{"eyeBlink": 0.25, "browDown": 0.15, "mouthPress": 0.3},
    },
    "surprised": {
        "browInnerUp": 0.9,
        "browOuterUp": 0.95,
        "eyeWide": 0.85,
        "jawOpen": 0.5,
        "mouthFunnel": 0.25,
    },
}
"""Weights at level 3, after FACS (Ekman & Friesen 1978); names without a side mean both."""
CENTRAL = ("browInnerUp", "jawOpen", "mouthShrugLower", "mouthFunnel")


def clips(data: Path, folder: Path, *, count: int, seed: int) -> None:
    """Draw `count` people, each in eight emotions at one level each; keep existing files."""
    head = mesh.load(data)
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FIRST, FIRST + count):
        person = draw(number, head=head, seed=seed)
        name = f"u{number - FIRST:03d}"
        chance = np.random.default_rng([seed, number, 1])
        model: Model | None = None
        for emotion in EXPRESSIONS:
            level = int(chance.integers(1, 4))
            track = _track(emotion, LEVELS[level], chance)
            path = folder / f"{name}-{emotion}.png"
            if not path.exists():
                model = model or Model(head, person)
                _write(path, [model.shot(SIZE, turn=turn, units=units) for turn, units in track])
            rows.append((name, person.sex, emotion, level, STILLS, "CC0-1.0", path.name))
        if not (folder / f"{name}.png").exists():
            _write(folder / f"{name}.png", [(model or Model(head, person)).portrait(256)])
    with (folder / "units.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("identity", "sex", "emotion", "level", "stills", "licence", "file"), *rows]
        )


def _track(
    emotion: str, strength: float, chance: np.random.Generator
) -> list[tuple[tuple[float, float, float], dict[str, float]]]:
    """Draw the turn of the head and the units of each still."""
    strength *= float(np.clip(1 + 0.12 * chance.standard_normal(), 0.6, 1.3))
    weights = {
        unit: weight * strength * chance.uniform(1 - SPREAD, 1 + SPREAD)
        for name, weight in EXPRESSIONS[emotion].items()
        for unit in _sides(name)
    }
    begin, length = chance.uniform(-2, 1), chance.uniform(1, 3)
    pose, sway = (
        chance.normal(0, [0.09, 0.05, 0.03]),
        chance.normal(0, [0.02, 0.015, 0.01], (STILLS, 3)),
    )
    jaw = chance.uniform(0, 0.28, STILLS) * (chance.random(STILLS) < 0.7)
    paths = []
    for still in range(STILLS):
        share = float(np.clip((still - begin) / length, 0.3, 1))
        units = {unit: weight * share for unit, weight in weights.items()}
        units["jawOpen"] = units.get("jawOpen", 0.0) + float(jaw[still])
        yaw, pitch, roll = (float(value) for value in pose + sway[still])
        paths.append(((yaw, pitch, roll), units))
    return paths


def _sides(name: str) -> tuple[str, ...]:
    if name in CENTRAL or name.endswith(("Left", "Right")):
        return (name,)
    return (f"{name}Left", f"{name}Right")


def _write(path: Path, stills: list[np.ndarray]) -> None:
    with atomic_write(path) as partial:
        cv2.imwrite(str(partial), np.vstack(stills)[..., ::-1])
