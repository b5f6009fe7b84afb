# SPDX-License-Identifier: Apache-2.0
"""Draw people at random: shape, age, skin, hair, light and background, each from a seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.heads.mesh import Head

SEXES = ("female", "male")
ANCESTRIES = ("african", "asian", "caucasian")
DETAILS = {
    "nose": 5,
    "mouth": 4,
    "chin": 2,
    "head": 3,
    "forehead": 2,
    "eyebrows": 1,
    "cheek": 2,
    "eyes": 4,
    "ears": 2,
}
"""How many details of each kind a face gets."""
LARGEST_DETAIL = {"eyes": 0.35, "mouth": 0.45, "eyebrows": 0.5, "head": 0.45}
NOT_SHAPES = (
    "age",
    "angle",
    "trans",
    "corner2",
    "push",
)  # expressions, places and what the base mesh does not carry well
SKIN = np.array(
    [
        [0.93, 0.76, 0.68],
        [0.84, 0.63, 0.52],
        [0.70, 0.49, 0.37],
        [0.52, 0.35, 0.26],
        [0.33, 0.21, 0.16],
    ]
)
HAIR = np.array(
    [
        [0.04, 0.035, 0.035],
        [0.11, 0.07, 0.045],
        [0.24, 0.14, 0.07],
        [0.50, 0.30, 0.13],
        [0.42, 0.17, 0.07],
    ]
)
IRIS = np.array([[0.16, 0.09, 0.05], [0.28, 0.18, 0.08], [0.25, 0.36, 0.30], [0.24, 0.36, 0.46]])

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One face.

    Colours are linear-ish RGB in [0, 1]; `age` 0 is a young adult, 1 an old one; angles are in
    radians, lengths in eye distances. `hair_long`: how far below the eyes a curtain of hair hangs
    (0: none); `hair_thick`: 0 is bald.
    """

    name: str
    sex: str
    age: float
    shape: Mapping[str, float]
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    shirt: Colour
    backdrop: tuple[Colour, Colour]
    hair_long: float
    hair_thick: float
    hairline: float
    stubble: float
    freckles: float
    blush: float
    brow_weight: float
    yaw: float
    pitch: float
    light_from: float
    light_warmth: float
    contrast: float
    framing: tuple[float, float, float]
    seed: int


def draw(number: int, *, head: Head, seed: int) -> Person:
    """Draw the person of a number; the same for the same seed."""
    chance = np.random.default_rng([seed, number])
    sex = SEXES[number % 2]
    age = float(np.clip(chance.beta(1.1, 1.7), 0, 1))
    ancestry = chance.dirichlet([0.45] * 3)
    tone = float(np.clip(ancestry @ [3.2, 1.2, 0.55] + chance.normal(0, 0.35), 0, 4))
    skin = _between(SKIN, tone)
    hair = _hair(chance, ancestry, age)
    return Person(
        name=f"p{number:03d}",
        sex=sex,
        age=age,
        shape=_shape(chance, head, sex, (age, ancestry)),
        skin=skin,
        hair=hair,
        iris=_between(
            IRIS,
            float(np.clip(chance.uniform(-0.6, 0.9) + 2.6 * ancestry[2] * chance.random(), 0, 3)),
        ),
        lips=_lips(chance, skin, sex),
        shirt=_colour(chance, 0.08, 0.7),
        backdrop=_backdrop(chance),
        hair_long=float(chance.uniform(0.6, 2.8))
        if chance.random() < (0.7 if sex == "female" else 0.1)
        else 0.0,
        hair_thick=_thickness(chance, sex, age),
        hairline=float(chance.normal(0, 0.07) + (0.14 * age if sex == "male" else 0)),
        stubble=float(chance.uniform(0, 0.5)) if sex == "male" else 0.0,
        freckles=float(max(0, chance.normal(-0.2, 0.4)) * (tone < 1.5)),
        blush=float(chance.uniform(0.05, 0.2)),
        brow_weight=float(
            chance.uniform(0.55, 1.0) if sex == "female" else chance.uniform(0.8, 1.25)
        ),
        yaw=float(chance.normal(0, 0.09)),
        pitch=float(chance.normal(-0.01, 0.035)),
        light_from=float(chance.uniform(-1.1, 1.1)),
        light_warmth=float(chance.normal(0, 0.05)),
        contrast=float(chance.uniform(0.6, 1.0)),
        framing=(
            float(chance.uniform(1.02, 1.14)),
            *(float(value) for value in chance.normal(0, 0.06, 2)),
        ),
        seed=int(chance.integers(1 << 31)),
    )


def _shape(
    chance: np.random.Generator, head: Head, sex: str, grown: tuple[float, np.ndarray]
) -> dict[str, float]:
    age, ancestry = grown
    mix: dict[str, float] = {}
    heavy = float(np.clip(chance.normal(0, 0.35), -0.7, 0.7))
    for stage, share in (("young", 1 - age), ("old", age)):
        for people, weight in zip(ANCESTRIES, ancestry, strict=True):
            mix[f"macrodetails/{people}-{sex}-{stage}"] = float(weight * share)
        universal = f"macrodetails/universal-{sex}-{stage}-averagemuscle"
        mix[f"{universal}-averageweight"] = share * (1 - abs(heavy))
        mix[f"{universal}-{'max' if heavy > 0 else 'min'}weight"] = share * abs(heavy)
    for folder, count in DETAILS.items():
        mix |= _details(chance, head.names(folder), count, LARGEST_DETAIL.get(folder, 0.6))
    return {name: weight for name, weight in mix.items() if weight}


def _details(
    chance: np.random.Generator, names: list[str], count: int, largest: float
) -> dict[str, float]:
    """Draw a few targets of one folder.

    Those of one side (`l-`) bring their twin of the other, slightly different.
    """
    usable = [
        name for name in names if "/r-" not in name and not any(word in name for word in NOT_SHAPES)
    ]
    found = {}
    for name in chance.choice(usable, min(count, len(usable)), replace=False):
        weight = float(chance.uniform(0.1, largest))
        found[str(name)] = weight
        if "/l-" in name:
            found[str(name).replace("/l-", "/r-")] = weight * float(chance.uniform(0.8, 1.2))
    return found


def _hair(chance: np.random.Generator, ancestry: np.ndarray, age: float) -> Colour:
    fair = float(np.clip(ancestry[2] * chance.uniform(0.2, 4.2) - 0.2, 0, 4))
    colour = np.array(_between(HAIR, fair))
    grey = float(np.clip((age - 0.35) * 2 + chance.normal(0, 0.2), 0, 1))
    return _plain(colour * (1 - grey) + grey * chance.uniform(0.35, 0.68))


def _thickness(chance: np.random.Generator, sex: str, age: float) -> float:
    bald = sex == "male" and chance.random() < 0.06 + 0.22 * age
    return 0.0 if bald else float(chance.uniform(0.08, 0.24))


def _lips(chance: np.random.Generator, skin: Colour, sex: str) -> Colour:
    red = np.array([0.62, 0.24, 0.25]) if sex == "female" else np.array([0.50, 0.26, 0.24])
    share = chance.uniform(0.35, 0.75) if sex == "female" else chance.uniform(0.25, 0.45)
    return _plain(np.array(skin) * np.array([0.92, 0.68, 0.68]) * (1 - share) + red * share)


def _backdrop(chance: np.random.Generator) -> tuple[Colour, Colour]:
    light = np.array(_colour(chance, 0.25, 0.85))
    return _plain(light), _plain(light * chance.uniform(0.2, 0.75))


def _colour(chance: np.random.Generator, low: float, high: float) -> Colour:
    """Draw a colour of any hue, not saturated."""
    angle = chance.uniform(0, 2 * math.pi)
    hue = np.cos(angle + np.array([0, 2.1, 4.2])) * chance.uniform(0.02, 0.3)
    return _plain(np.clip(chance.uniform(low, high) * (1 + hue), 0, 1))


def _between(palette: np.ndarray, place: float) -> Colour:
    below = min(int(place), len(palette) - 2)
    return _plain(palette[below] + (palette[below + 1] - palette[below]) * (place - below))


def _plain(colour: np.ndarray) -> Colour:
    red, green, blue = (float(value) for value in colour)
    return red, green, blue
