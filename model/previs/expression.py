# SPDX-License-Identifier: Apache-2.0
"""Define action units as movements of mesh points, and emotions as mixtures of action units.

Not the dense deformation (that is `rig`) and not time (that is `score`). All movements are in
inter-ocular distances (IOD) in the face's own axes: outward from the middle of the face, and down.
Units follow Ekman & Friesen's FACS (1978); the sizes were measured on portraits and tuned by eye
and by a classifier (docs/how-it-works/measurements/previs.md). Pairs of points are
(person's right, left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from model.emotion import LABELS
from model.previs import anatomy

Move = tuple[int, int, float, float]

# How much of a lip movement a point takes, from the corner to the middle of the lip.
CORNER = (1, 0.72, 0.45, 0.22, 0.08, 0)
LONG = (1, 0.90, 0.74, 0.54, 0.36, 0.19)  # a large pull at one side must not fold the lip's end
MIDDLE = (0, 0.20, 0.50, 0.78, 0.94, 1)

BROW_UNITS: dict[str, tuple[Move, ...]] = {
    "AU1": (
        *((107, 336, 0, -0.13), (55, 285, 0, -0.12), (66, 296, 0, -0.09), (65, 295, 0, -0.085)),
        *((105, 334, 0, -0.03), (52, 282, 0, -0.03), (70, 300, 0, 0), (46, 276, 0, 0)),
        *((108, 337, 0, -0.07), (69, 299, 0, -0.04)),
    ),
    "AU2": (
        *((70, 300, 0, -0.09), (46, 276, 0, -0.07), (63, 293, 0, -0.13), (53, 283, 0, -0.12)),
        *((105, 334, 0, -0.11), (52, 282, 0, -0.10), (66, 296, 0, -0.05), (65, 295, 0, -0.05)),
        *((107, 336, 0, -0.01), (55, 285, 0, -0.01), (104, 333, 0, -0.06)),
    ),
    "AU4": (
        *(
            (107, 336, -0.055, 0.085),
            (55, 285, -0.05, 0.08),
            (66, 296, -0.045, 0.085),
            (65, 295, -0.04, 0.075),
        ),
        *((105, 334, -0.02, 0.06), (52, 282, -0.02, 0.05), (63, 293, 0, 0.03), (53, 283, 0, 0.02)),
        *((70, 300, 0, 0.01), (46, 276, 0, 0)),
    ),
}
NOSE_UNITS: dict[str, tuple[Move, ...]] = {
    "AU9": (
        (48, 278, 0.01, -0.05),
        (64, 294, 0.01, -0.05),
        (129, 358, 0.02, -0.06),
        (98, 327, 0, -0.03),
        (49, 279, 0.01, -0.05),
    )
}
CHEEK_UNITS: dict[str, tuple[Move, ...]] = {
    "AU6": (
        *((50, 280, 0.01, -0.08), (117, 346, 0, -0.06), (118, 347, 0, -0.06)),
        *((101, 330, 0, -0.06), (205, 425, 0.02, -0.07), (123, 352, 0.02, -0.06)),
    )
}
# Lids: how far the upper and the lower lid move down at the middle of the eye.
LID_UNITS: dict[str, tuple[float, float]] = {"AU5": (-0.045, 0.0), "AU7": (0.02, -0.035)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LipUnit:
    """A unit of the mouth.

    `corner`: (out, down) at the corners, fading to the middle. `upper`, `lower`: down at the middle
    of the lip, (outer line, inner line), fading to the corners. `even`: down of the whole upper
    lip. `followers`: skin that moves along. `fading`: how the corner's pull fades to the middle.
    """

    corner: tuple[float, float] = (0.0, 0.0)
    upper: tuple[float, float] = (0.0, 0.0)
    lower: tuple[float, float] = (0.0, 0.0)
    even: float = 0.0
    followers: tuple[Move, ...] = ()
    jaw_moves: bool = False
    narrow: float = 0.0
    fading: tuple[float, ...] = CORNER


LIP_UNITS: dict[str, LipUnit] = {
    "AU10": LipUnit(
        even=-0.075,
        followers=(
            (165, 391, 0, -0.05),
            (92, 322, 0, -0.05),
            (2, 2, 0, -0.01),
            (206, 426, 0.01, -0.05),
        ),
    ),
    "AU12": LipUnit(
        corner=(0.15, -0.115),
        lower=(0.012, 0.012),
        followers=(
            *((205, 425, 0.05, -0.06), (50, 280, 0.02, -0.05), (206, 426, 0.07, -0.05)),
            *((212, 432, 0.06, -0.04), (216, 436, 0.09, -0.07)),
        ),
    ),
    "AU15": LipUnit(
        corner=(0.02, 0.10),
        lower=(-0.015, -0.015),
        followers=((212, 432, 0.02, 0.06), (202, 422, 0.01, 0.05)),
    ),
    "AU16": LipUnit(
        lower=(0.07, 0.07),
        followers=(
            (18, 18, 0, 0.062),
            (200, 200, 0, 0.035),
            (199, 199, 0, 0.012),
            (204, 424, 0, 0.028),
            (202, 422, 0, 0.018),
        ),
    ),
    "AU17": LipUnit(
        upper=(-0.03, -0.03),
        lower=(-0.055, -0.055),
        followers=(
            *((199, 199, 0, -0.05), (175, 175, 0, -0.03), (18, 18, 0, -0.05)),
            *((200, 200, 0, -0.05), (208, 428, 0, -0.04)),
        ),
    ),
    "AU18": LipUnit(
        corner=(-0.17, 0.0),
        upper=(-0.015, -0.0045),
        lower=(0.03, 0.009),
        narrow=-0.015,
        followers=((212, 432, -0.05, 0), (216, 436, -0.05, 0)),
    ),
    "AU20": LipUnit(corner=(0.12, 0.03), followers=((212, 432, 0.06, 0.02), (216, 436, 0.05, 0))),
    "AU24": LipUnit(corner=(-0.02, 0.0), upper=(0.035, 0.0), lower=(-0.04, 0.0)),
    "AU25": LipUnit(upper=(-0.025, -0.025), lower=(0.05, 0.05)),
    "AU26": LipUnit(
        corner=(-0.035, 0.05),
        lower=(0.30, 0.30),
        jaw_moves=True,
        followers=(
            *(
                (152, 152, 0, 0.27),
                (175, 175, 0, 0.28),
                (199, 199, 0, 0.29),
                (148, 377, 0, 0.26),
                (176, 400, 0, 0.235),
            ),
            *(
                (149, 378, 0, 0.20),
                (150, 379, 0, 0.15),
                (136, 365, 0, 0.10),
                (172, 397, 0, 0.05),
                (58, 288, 0, 0.02),
            ),
            *((204, 424, 0, 0.15), (212, 432, 0, 0.05), (202, 422, 0, 0.13), (18, 18, 0, 0.295)),
            *((200, 200, 0, 0.295), (210, 430, 0, 0.12)),
        ),
    ),
    "AU32": LipUnit(upper=(-0.02, -0.02), lower=(-0.03, -0.03)),
}
# A smirk: one corner out and up, with the cheek above it; the other half of the mouth sags a trace
# against the pull, so that its corner is seen to rest. `SMIRK_OTHER` is (out, down) from that
# corner to the middle. The number says which side: 0 the viewer's left, 1 the viewer's right.
SMIRK_OTHER = ((-0.004, 0.010), (-0.008, 0.020), (-0.010, 0.036), (-0.006, 0.030), (-0.002, 0.015))
SMIRK = LipUnit(
    corner=(0.215, -0.12),
    fading=LONG,
    followers=(
        (205, 425, 0.05, -0.06),
        (206, 426, 0.06, -0.05),
        (216, 436, 0.09, -0.07),
        (50, 280, 0.015, -0.045),
    ),
)
SMIRKS = {"AU14R": 0, "AU14L": 1}

UNITS: tuple[str, ...] = (*BROW_UNITS, *NOSE_UNITS, *CHEEK_UNITS, *LID_UNITS, *LIP_UNITS, *SMIRKS)
INDEX = {name: index for index, name in enumerate(UNITS)}
MOUTH = frozenset((*LIP_UNITS, *SMIRKS))
# units that give way to speech, which opens and closes the lips itself
OPENERS = ("AU18", "AU24", "AU25", "AU26")

EMOTIONS: dict[str, dict[str, float]] = {
    # the whole brow comes down and together over staring, tightened eyes; the lips are narrowed and
    # pressed
    "angry": {
        **{"AU1": -0.35, "AU2": -0.55, "AU4": 2.2, "AU5": 1.0, "AU7": 1.1, "AU10": -0.9},
        **{"AU15": 0.5, "AU16": 0.2, "AU17": 0.45, "AU18": 0.2, "AU20": -0.3, "AU24": 1.1},
    },
    "contempt": {"AU14L": 1.0, "AU6": 0.8, "AU7": 0.1},
    "disgusted": {
        "AU9": 1.5,
        "AU10": 1.05,
        "AU4": 0.9,
        "AU7": 0.8,
        "AU6": 0.6,
        "AU15": 0.2,
        "AU17": 0.45,
    },
    "fear": {
        **{"AU1": 1.4, "AU2": 0.7, "AU4": 0.5, "AU5": 1.35, "AU15": 0.3},
        **{"AU16": 0.1, "AU20": 0.35, "AU25": 0.4, "AU26": 0.9},
    },
    "happy": {"AU12": 1.15, "AU6": 1.1, "AU25": 0.6, "AU7": 0.45, "AU10": 0.25},
    "neutral": {},
    "sad": {
        **{"AU1": 1.05, "AU2": -0.9, "AU4": 0.8, "AU6": 0.2, "AU7": 0.1},
        **{"AU10": -0.25, "AU15": 1.05, "AU17": 0.15, "AU20": 0.5, "AU24": 0.85},
    },
    "surprised": {"AU1": 0.8, "AU2": 0.95, "AU5": 1.35, "AU26": 1.25, "AU25": 0.3, "AU18": 0.5},
}
# A small feeling shows more than in proportion: at intensity 0.6 a face shows 0.7 of it.
INTENSITY_EXPONENT = 0.7


# The bearing of an emotion: how far the upper lids sink (share), how far down the eyes look (IOD)
# and how far the head bows (radians).
BEARING: dict[str, tuple[float, float, float]] = {
    "angry": (0.0, 0.0, 0.020),
    "contempt": (0.04, 0.0, -0.004),
    "disgusted": (0.10, 0.0, -0.015),
    "fear": (0.0, 0.0, -0.015),
    "happy": (0.0, 0.0, -0.010),
    "neutral": (0.0, 0.0, 0.0),
    "sad": (0.27, 0.015, 0.040),
    "surprised": (0.0, 0.0, -0.020),
}


def scale_intensities(intensities: Float64[np.ndarray, "... 8"]) -> Float64[np.ndarray, "... 8"]:
    """Scale intensities of emotions to what a face shows.

    0 stays 0 and 1 stays 1; between them the face shows more than in proportion.
    """
    return np.asarray(np.power(np.maximum(intensities, 0), INTENSITY_EXPONENT))


def make_vector(weights: dict[str, float]) -> Float64[np.ndarray, " units"]:
    """Make a vector in the order of `UNITS` from named unit weights."""
    values = np.zeros(len(UNITS))
    for name, weight in weights.items():
        values[INDEX[name]] = weight
    return values


def build_emotion_matrix() -> Float64[np.ndarray, "8 units"]:
    """Build a row of unit weights for each emotion, in the order of `model.emotion.LABELS`."""
    return np.stack([make_vector(EMOTIONS[label]) for label in LABELS])


def build_bearing_matrix() -> Float64[np.ndarray, "8 3"]:
    """Build rows of `BEARING` in the order of `model.emotion.LABELS`."""
    return np.array([BEARING[label] for label in LABELS])


@dataclass(slots=True)
class UnitControls:
    """Points that a unit moves or holds, for either side of the mouth line.

    They map a mesh index to a displacement (right, down) in IOD.
    """

    upper: dict[int, tuple[float, float]]
    lower: dict[int, tuple[float, float]]

    def hold(self, points: tuple[int, ...]) -> None:
        """Hold points where they are unless they already move."""
        for point in points:
            self.upper.setdefault(point, (0.0, 0.0))
            self.lower.setdefault(point, (0.0, 0.0))

    def move(self, point: int, displacement: tuple[float, float]) -> None:
        """Move a point on both sides of the mouth line."""
        self.upper[point] = self.lower[point] = displacement


def build_controls(name: str) -> UnitControls:
    """Build the controls of the unit of that name."""
    if name in LIP_UNITS:
        return _build_lip_controls(LIP_UNITS[name])
    if name in SMIRKS:
        return _build_lip_controls(SMIRK, only=SMIRKS[name])
    if name in LID_UNITS:
        return _build_lid_controls(*LID_UNITS[name])
    return _build_skin_controls(name)


def _build_skin_controls(name: str) -> UnitControls:
    controls = UnitControls({}, {})
    for right, left, out, down in (BROW_UNITS | NOSE_UNITS | CHEEK_UNITS)[name]:
        controls.move(right, (-out, down))
        controls.move(left, (out, down))
    if name in BROW_UNITS:
        controls.hold((*anatomy.EYE_POINTS, *anatomy.UPPER_OVAL, 1, 4, 5, 195, 197))
        return controls
    if name == "AU6":
        for lids in anatomy.LID_LOWER:
            for place, point in enumerate(lids):
                controls.move(point, (0.0, -0.03 * np.sin(np.pi * place / 8)))
    controls.hold((*anatomy.EYE_POINTS, *anatomy.LIPS, *anatomy.OVAL, 6, 197))
    if name != "AU9":
        controls.hold((1, 2, 98, 327))
    return controls


def _build_lid_controls(upper: float, lower: float) -> UnitControls:
    controls = UnitControls({}, {})
    for lids, down in ((anatomy.LID_LOWER, lower), (anatomy.LID_UPPER, upper)):
        for points in lids:
            for place, point in enumerate(points):
                controls.move(point, (0.0, down * float(np.sin(np.pi * place / 8))))
    controls.hold(
        (*anatomy.BROWS[0], *anatomy.BROWS[1], *anatomy.NOSE, 50, 280, 101, 330, 117, 346)
    )
    return controls


def _build_lip_controls(unit: LipUnit, only: int | None = None) -> UnitControls:
    controls = UnitControls({}, {})
    for right, left, out, down in unit.followers:
        if only != 1:
            controls.move(right, (-out if right != left else 0.0, down))
        if only != 0:
            controls.move(left, (out if right != left else 0.0, down))
    _move_lips(controls, unit, only)
    for corner in anatomy.CORNERS:  # both lips end in them, so both sides move them alike
        (ax, ay), (bx, by) = controls.upper[corner], controls.lower[corner]
        controls.move(corner, ((ax + bx) / 2, (ay + by) / 2))
    controls.hold((*anatomy.EYE_POINTS, *anatomy.NOSE_RIDGE, *anatomy.UPPER_OVAL))
    if not unit.jaw_moves:
        controls.hold(anatomy.JAW)
    return controls


def _move_lips(controls: UnitControls, unit: LipUnit, only: int | None) -> None:
    """Move the lip points, those of one side only for a smirk; the other side sags."""
    for row, upper, inner in _LIP_ROWS:
        for place, point in enumerate(row):
            if (only == 0 and place > 5) or (only == 1 and place < 5):
                out, down = SMIRK_OTHER[min(place, 10 - place)]
                displacement = (float(np.sign(place - 5)) * out, down)
            else:
                displacement = _move_lip_point(unit, place, upper=upper, inner=inner)
            side = controls.upper if upper else controls.lower
            side.setdefault(point, displacement)


_LIP_ROWS = (
    (anatomy.LIP_OUTER_UPPER, True, False),
    (anatomy.LIP_INNER_UPPER, True, True),
    (anatomy.LIP_OUTER_LOWER, False, False),
    (anatomy.LIP_INNER_LOWER, False, True),
)


def _move_lip_point(unit: LipUnit, place: int, *, upper: bool, inner: bool) -> tuple[float, float]:
    from_corner = min(place, 10 - place)
    side = float(np.sign(place - 5))
    corner, middle = unit.fading[from_corner], MIDDLE[from_corner]
    own = (unit.upper if upper else unit.lower)[1 if inner else 0]
    even = unit.even * (0.25 + 0.75 * middle) if upper else 0.0
    out = unit.corner[0] * corner + unit.narrow * (1 - corner)
    return (side * out, unit.corner[1] * corner + own * middle + even)
