# SPDX-License-Identifier: Apache-2.0
"""Judge whether a clip still shows the person of its portrait.

It measures distances of dlib's face recognition network, and the choice among ten portraits. The
network (`model.likeness`) was trained by others on photographs; it had no part in making anything
here. Crops of 64 px are enlarged before it sees them, so its distances are larger than for
photographs; the choice among portraits that are as small is the fairer number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from model.judges.points import Faces, FaceTrack, track_face
from model.likeness import FaceRecogniser, measure_distance

PORTRAITS = 10
FRAMES_PER_CLIP = 3

Embedding = Float32[np.ndarray, " 128"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityScore:
    """How a clip's face compares with its portrait.

    `distance`: L2, mean over frames. `right`: whether no other portrait is nearer.
    """

    distance: float
    right: bool


def embed_clip(recogniser: FaceRecogniser, track: FaceTrack) -> list[Embedding]:
    """Return the 128 numbers of the face in a few frames, evenly over the clip."""
    count = len(track.faces)
    places = ((np.arange(FRAMES_PER_CLIP) + 0.5) * count / FRAMES_PER_CLIP).astype(int)
    return [
        recogniser.embed(track.pictures[place], track.faces[place])
        for place in dict.fromkeys(places)
    ]


def embed_portrait(recogniser: FaceRecogniser, face: Faces) -> Embedding:
    """Return the 128 numbers of a prepared portrait [1, height, width, 3]."""
    return embed_clip(recogniser, track_face(recogniser.landmarker, face))[0]


def compare_portraits(
    clip: Sequence[Embedding], own: str, portraits: Mapping[str, Embedding]
) -> IdentityScore:
    """Compare a clip with portraits by identity, its own among them."""
    distances = {
        name: float(np.mean([measure_distance(embedding, home) for embedding in clip]))
        for name, home in portraits.items()
    }
    return IdentityScore(
        distance=distances[own], right=min(distances, key=lambda name: distances[name]) == own
    )


def choose_lineup(
    own: str, everybody: Sequence[str], *, seed: int, count: int = PORTRAITS
) -> list[str]:
    """Choose `own` and others at random from everybody, at most `count` in all, sorted by name."""
    others = sorted(set(everybody) - {own})
    chance = np.random.default_rng([seed, *own.encode()])
    drawn = chance.permutation(len(others))[: count - 1]
    return sorted([own, *(others[place] for place in drawn)])
