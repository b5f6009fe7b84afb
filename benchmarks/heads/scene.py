# SPDX-License-Identifier: Apache-2.0
"""Build the scene before the camera: skin, eyes, teeth and hair of one person, and the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.heads.mesh import EYES, MOUTH_PARTS, REACH_DOWN, Head, compute_normals
from benchmarks.heads.people import Person

PARTS = ("skin", "eye", "teeth", "tongue", "hair")
HALF_PICTURE = 2.95  # eye distances from the middle of the picture to its edge
EYES_ABOVE_MIDDLE = 0.62
PERSPECTIVE = 0.108
CURTAIN = (121, 60)  # columns and rows of the hair that hangs
CURTAIN_REACH = 1.95  # radians to either side of the back of the head


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Everything as one mesh.

    `part`: index into `PARTS` of each triangle; `local`: vertices in eye distances from between the
    eyes; `shade`: of each vertex, the columns of `Head.masks`; `eyes`: eyeball centres and their
    radius.
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    local: np.ndarray
    shade: np.ndarray
    eyes: tuple[np.ndarray, float]
    middle: np.ndarray
    unit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Camera:
    """Turns the head by `turn` (a rotation matrix) and projects it.

    `framing`: (scale, right, up) of the person.
    """

    turn: np.ndarray
    framing: tuple[float, float, float]
    size: int

    def project(self, scene: Scene) -> np.ndarray:
        """Project the vertices to (column, row, nearness)."""
        scale, right, up = self.framing
        aim = scene.middle - np.array([0, EYES_ABOVE_MIDDLE * scene.unit, 0])
        placed = (scene.vertices - aim) @ self.turn.T / (HALF_PICTURE * scene.unit) * scale
        flat = (
            placed[:, :2] / (1 - PERSPECTIVE * placed[:, 2:]) + np.array([right, up]) / HALF_PICTURE
        )
        columns = (flat[:, 0] + 1) / 2 * self.size
        rows = (1 - flat[:, 1]) / 2 * self.size
        return np.stack([columns, rows, placed[:, 2]], axis=1)


def make_rotation(yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    """Build a rotation: yaw about the neck, then a nod, then a tilt."""
    c, s = math.cos(yaw), math.sin(yaw)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = math.cos(pitch), math.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = math.cos(roll), math.sin(roll)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ about_x @ about_y


def build(head: Head, person: Person, vertices: np.ndarray) -> Scene:
    """Build the scene of a person whose vertices have been shaped."""
    centres = head.eyes(vertices)
    middle = centres.mean(axis=0)
    unit = float(abs(centres[0, 0] - centres[1, 0]))
    skin = head.faces["body"]
    skin = skin[(vertices[skin][:, :, 1] > middle[1] - REACH_DOWN * unit).all(axis=1)]
    pieces = [("skin", vertices, skin)]
    pieces += [("eye", vertices, head.faces[name]) for name in EYES]
    pieces += [
        ("tongue" if "tongue" in name else "teeth", vertices, head.faces[name])
        for name in MOUTH_PARTS
    ]
    if person.hair_thick:
        pieces.append(("hair", *_model_cap(vertices, skin, (middle, unit), person)))
    if person.hair_long:
        pieces.append(("hair", *_model_curtain(vertices, skin, (middle, unit), person)))
    ball = vertices[np.unique(head.faces[EYES[0]])]
    radius = float(np.linalg.norm(ball - centres[0], axis=1).max())
    return _join_pieces(head, pieces, place=(middle, unit), eyes=(centres, radius))


def _join_pieces(
    head: Head,
    pieces: list[tuple[str, np.ndarray, np.ndarray]],
    *,
    place: tuple[np.ndarray, float],
    eyes: tuple[np.ndarray, float],
) -> Scene:
    """Join all pieces to one mesh; each piece keeps only the vertices it uses."""
    masks = np.stack(list(head.masks.values()), axis=1)
    vertices, across, faces, part, shade = [], [], [], [], []
    count = 0
    for name, points, rows in pieces:
        used, index = np.unique(rows, return_inverse=True)
        index = index.reshape(-1, 3)
        vertices.append(points[used])
        across.append(compute_normals(points[used], index))
        faces.append(index + count)
        part.append(np.full(len(index), PARTS.index(name)))
        shade.append(
            masks[used] if len(points) == len(masks) else np.zeros((len(used), masks.shape[1]))
        )
        count += len(used)
    middle, unit = place
    everything = np.concatenate(vertices)
    return Scene(
        vertices=everything,
        normals=np.concatenate(across),
        faces=np.concatenate(faces),
        part=np.concatenate(part),
        local=(everything - middle) / unit,
        shade=np.concatenate(shade),
        eyes=eyes,
        middle=middle,
        unit=unit,
    )


def _model_cap(
    vertices: np.ndarray, skin: np.ndarray, place: tuple[np.ndarray, float], person: Person
) -> tuple[np.ndarray, np.ndarray]:
    """Model hair on the skull: the scalp lifted along its normals, thin at the hairline."""
    middle, unit = place
    local = (vertices - middle) / unit
    cover = _cover_scalp(local, np.unique(skin), person.hairline)
    waves = 0.04 * np.sin(np.arctan2(local[:, 0], local[:, 2]) * 9) + 0.03 * np.sin(
        local[:, 1] * 11 + person.seed % 7
    )
    height = person.hair_thick * (
        0.55 + 0.45 * np.clip(local[:, 1], 0, 1.6) / 1.6 + waves
    ) * cover - 0.03 * (1 - cover)
    lifted = vertices + compute_normals(vertices, skin) * (height * unit)[:, None]
    return lifted, skin[(cover[skin] > 0.02).any(axis=1)]


def _cover_scalp(local: np.ndarray, used: np.ndarray, hairline: float) -> np.ndarray:
    """Compute how far each vertex lies within the hair, 0 to 1."""
    above = local[used][local[used][:, 1] > 0.3]
    front, back = above[:, 2].max(), above[:, 2].min()
    forward = (local[:, 2] - back) / (front - back)
    aside = np.abs(local[:, 0])
    brow = 1.02 + hairline - 0.10 * np.cos(local[:, 0] * 3.2) - 1.98 * np.clip(aside - 0.95, 0, 1)
    line = np.where(
        forward > 0.55, brow, np.where(forward > 0.42, 0.55 - (0.55 - forward) * 9, -1.0)
    )
    cover = np.clip((local[:, 1] - line) / 0.22, 0, 1)
    ears = (aside > 1.12) & (local[:, 1] < 0.75) & (forward > 0.4)
    cover = np.where(ears | (local[:, 1] < -1.3), 0, cover)
    return cover * cover * (3 - 2 * cover)


def _model_curtain(
    vertices: np.ndarray, skin: np.ndarray, place: tuple[np.ndarray, float], person: Person
) -> tuple[np.ndarray, np.ndarray]:
    """Model hanging hair: a curtain around the back of the head, from the crown down."""
    middle, unit = place
    local = (vertices[np.unique(skin)] - middle) / unit
    above = local[local[:, 1] > 0.2]
    half_width = np.abs(above[:, 0]).max()
    half_depth, depth = (
        (above[:, 2].max() - above[:, 2].min()) / 2,
        (above[:, 2].max() + above[:, 2].min()) / 2,
    )
    top = local[:, 1].max()
    columns, rows = CURTAIN
    angle = np.linspace(-CURTAIN_REACH, CURTAIN_REACH, columns)[None, :]
    fall = np.linspace(0, 1, rows)[:, None]
    round_off = np.sin(np.clip(fall * 3.4 + 0.25, 0, math.pi / 2)) * (
        1 + 0.10 * np.sin(fall * 5 + person.seed % 5)
    )
    ripple = 1.03 + 0.02 * np.sin(angle * 13 + fall * 4) + 0.012 * np.sin(angle * 29)
    points = np.stack(
        [
            np.sin(angle) * half_width * 1.06 * round_off * ripple,
            top - 0.15 - fall * (top + person.hair_long) + 0.04 * np.sin(angle * 7),
            depth
            - 0.10
            - np.cos(angle) * half_depth * 0.98 * round_off * ripple
            + np.clip(fall - 0.5, 0, 1) * 0.35,
        ],
        axis=-1,
    ).reshape(-1, 3)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (
        part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:])
    )
    return points * unit + middle, np.concatenate(
        [np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)]
    )
