# SPDX-License-Identifier: Apache-2.0
"""Animate a portrait by warping it on one CPU core: the previs talker.

A portrait, speech, a performance and a seed go in (`model.talker`); frames of the talking portrait
come out, with a matte if requested. Open `talker.py` first: `portrait.py` solves a portrait into a
puppet once, `score.py` makes a pose for each frame, `warp.py` renders it, and `mouth.py` draws what
is seen between the lips. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from manifests.errors import InputError, Problem, find_nearest

if TYPE_CHECKING:
    from model.talker import Description

NAME = "previs"
VERSION = "1.4.0"
LABEL = "previs"
WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh", "mediapipe-iris", "mediapipe-selfie")
LICENCES: tuple[str, ...] = (
    "MediaPipe face detector, face mesh, iris and selfie segmentation: Apache-2.0",
    "pocketsphinx and its US English model: BSD-2-Clause",
)
CONTEXT_SECONDS = 0.5
LEAST_SIZE, MOST_SIZE = 128, 4320


@dataclass(frozen=True, slots=True, kw_only=True)
class PrevisSettings:
    """Settings of previs.

    - `size`: short side of the frames in pixels, None for the portrait's own; never more than the
      portrait has.
    """

    size: int | None = None


def read_settings(values: Mapping[str, object]) -> PrevisSettings:
    """Check a mapping from a settings file. Raises InputError with every problem."""
    known = [field.name for field in fields(PrevisSettings)]
    problems = [
        Problem(
            file="previs settings",
            message=f"unknown setting {key!r}",
            nearest=find_nearest(key, known),
        )
        for key in values
        if key not in known
    ]
    size = values.get("size")
    if size is not None and not (isinstance(size, int) and LEAST_SIZE <= size <= MOST_SIZE):
        problems.append(_refuse_size(size))
    if problems:
        raise InputError(problems)
    return PrevisSettings(size=size if isinstance(size, int) else None)


def _refuse_size(size: object) -> Problem:
    expected = f"a whole number from {LEAST_SIZE} to {MOST_SIZE}, or nothing"
    return Problem(file="previs settings", message="bad size", expected=expected, got=repr(size))


def describe(settings: Mapping[str, object]) -> Description:
    """Describe the talker for a plan. Raises InputError for wrong settings or missing weights."""
    from model import weights
    from model.talker import Description

    chosen = read_settings(settings)
    return Description(
        name=NAME,
        version=VERSION,
        label=LABEL,
        weights_digest=weights.digest_weights(WEIGHTS),
        context_seconds=CONTEXT_SECONDS,
        licences=LICENCES,
        weights=WEIGHTS,
        shaping={"size": chosen.size},
    )
