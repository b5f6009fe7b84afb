# SPDX-License-Identifier: Apache-2.0
"""Face coordinates: landmarks as a few numbers, along the directions in which faces change.

Landmarks are laid on one reference face first. The directions are fitted once to the training
clips, not learned by gradient. They are the principal ones *within* identities, so that what tells
people apart weighs little; how identities differ is kept as a spread, to draw new ones from.

References: Goodall (1991), Procrustes alignment in the plane; principal component analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

LEAST_VARIANCE = 1e-6
"""Of the first direction's. What a few clips never show must not dominate a face that shows it."""
HEAD = 4  # numbers of head motion beside the coordinates: roll, size, right, down


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceSpace:
    """A fitted space of face coordinates.

    `reference`: the mean face (points as x, y). `mean`: of aligned points. `basis`: columns give
    coordinates of unit variance within an identity. `spread`: a draw of unit normals times this is
    how one identity differs from another.
    """

    reference: Float32[np.ndarray, "points 2"]
    mean: Float32[np.ndarray, " flat"]
    basis: Float32[np.ndarray, "flat axes"]
    spread: Float32[np.ndarray, "axes axes"]

    @property
    def width(self) -> int:
        """Numbers per frame that `describe` returns."""
        return int(self.basis.shape[1]) + HEAD

    def coordinates(
        self, points: Float32[np.ndarray, "frames points 2"]
    ) -> Float32[np.ndarray, "frames axes"]:
        """Compute expressions, whatever the place, size and roll of the head."""
        aligned, _, _ = _align_faces(points, self.reference)
        return np.asarray((aligned.reshape(len(points), -1) - self.mean) @ self.basis, np.float32)

    def describe(
        self, points: Float32[np.ndarray, "frames points 2"]
    ) -> Float32[np.ndarray, "frames width"]:
        """Compute coordinates, and the head's roll, size and place against the clip's median."""
        _, turn, centre = _align_faces(points, self.reference)
        place = np.column_stack(
            [
                np.angle(turn),
                np.log(np.abs(turn)),
                centre.real * np.abs(turn),
                centre.imag * np.abs(turn),
            ]
        )
        # about unit variance in talking heads
        moved = (place - np.median(place, axis=0)) * (10, 10, 5, 5)
        return np.column_stack([self.coordinates(points), moved]).astype(np.float32)


def fit_face_space(
    clips: Sequence[np.ndarray], identities: Sequence[str], *, axes: int
) -> FaceSpace:
    """Fit the space to points of clips (frames, points, 2), with the identity of each clip."""
    reference = _compute_mean_face(clips)
    frames = [_align_faces(points, reference)[0].reshape(len(points), -1) for points in clips]
    means, within = _split_identities(frames, identities)
    values, vectors = np.linalg.eigh(within.T @ within / len(within))
    kept = min(axes, vectors.shape[1])
    least = max(LEAST_VARIANCE * float(values[-1]), 1e-12)
    basis = vectors[:, ::-1][:, :kept] / np.sqrt(np.maximum(values[::-1][:kept], least))
    mean = means.mean(axis=0)
    between = (
        np.cov((means - mean) @ basis, rowvar=False) if len(means) > 1 else np.zeros((kept, kept))
    )
    spread = np.linalg.cholesky(np.atleast_2d(between) + 1e-6 * np.eye(kept)).T
    return FaceSpace(
        reference=reference.astype(np.float32),
        mean=mean.astype(np.float32),
        basis=basis.astype(np.float32),
        spread=spread.astype(np.float32),
    )


def _split_identities(
    frames: Sequence[np.ndarray], identities: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean of each identity, and how all frames differ from their identity's mean."""
    names = sorted(set(identities))
    pairs = list(zip(frames, identities, strict=True))
    means = np.stack(
        [np.concatenate([f for f, who in pairs if who == name]).mean(0) for name in names]
    )
    place = {name: index for index, name in enumerate(names)}
    return means, np.concatenate([f - means[place[who]] for f, who in pairs])


def _compute_mean_face(clips: Sequence[np.ndarray]) -> np.ndarray:
    """Compute the mean face, centred and of unit size, from one median face a clip.

    Two rounds settle it.
    """
    middles = np.stack([np.median(points.astype(np.float64), axis=0) for points in clips])
    face = middles[0] - middles[0].mean(axis=0)
    for _ in range(2):
        face = _align_faces(middles, face / np.linalg.norm(face))[0].mean(axis=0)
    return np.asarray(face / np.linalg.norm(face))


def _align_faces(
    points: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move, turn and scale points onto the reference.

    Returns them with the turn (a complex factor) and the centre of each frame. As complex numbers
    the best turn is a quotient of inner products.
    """
    plane = points[..., 0].astype(np.float64) + 1j * points[..., 1]
    wanted = reference[:, 0] + 1j * reference[:, 1]
    centre = plane.mean(axis=-1)
    centred = plane - centre[..., None]
    size = np.maximum((np.abs(centred) ** 2).sum(axis=-1), 1e-12)
    turn = (centred.conj() * wanted).sum(axis=-1) / size
    laid = centred * turn[..., None]
    return np.stack([laid.real, laid.imag], axis=-1), turn, centre
