# SPDX-License-Identifier: Apache-2.0
"""Light and colour a scene. Brows and lashes are added by `strokes`."""

from __future__ import annotations

import math

import cv2
import numpy as np

from benchmarks.heads.people import Person
from benchmarks.heads.raster import CoveredPixels, rasterise
from benchmarks.heads.scene import PARTS, Camera, Scene

GAMMA = 1.25
RIM = np.array([0.7, 0.5, -0.6])
FILL = np.array([0.8, 0.1, 0.6])
SOFTNESS = np.array([0.55, 0.28, 0.20])  # how far light creeps around skin, by colour
PUPIL, IRIS_EDGE = 0.17, 0.46  # radians from the middle of the iris
NECKLINE = -3.05  # eye distances below the eyes


class Picture:
    """One view of a scene, painted part by part."""

    def __init__(self, scene: Scene, camera: Camera, person: Person) -> None:
        """Find what each pixel sees."""
        self.scene, self.camera, self.person = scene, camera, person
        self.screen = camera.project(scene)
        self.seen = rasterise(self.screen, scene.faces, camera.size)
        self.part = scene.part[self.seen.triangle]
        self.local = self.seen.of(scene.local, scene.faces)
        self.shade = self.seen.of(scene.shade, scene.faces)
        across = self.seen.of(scene.normals, scene.faces) @ camera.turn.T
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        self.normal = np.where(across[:, 2:] < 0, -across, across)  # hair is seen from both sides
        self.chance = np.random.default_rng(person.seed)
        self.open = _estimate_openness(self.seen, camera.size)
        self.key = np.array([-math.sin(person.light_from) * 0.85, 0.55, 0.75])

    def paint(self) -> np.ndarray:
        """Paint gamma-encoded RGB in [0, 1], [size, size, 3]."""
        colour = np.zeros((len(self.part), 3))
        for name, paint in (
            ("skin", self._skin),
            ("eye", self._eyes),
            ("teeth", self._teeth),
            ("tongue", self._tongue),
        ):
            mine = self.part == PARTS.index(name)
            colour[mine] = paint(mine)
        mine = self.part == PARTS.index("hair")
        colour[mine] = self._hair(mine)
        picture = backdrop(self.person, self.camera.size)
        warm = 1 + self.person.light_warmth * np.array([1.0, 0.1, -1.0])
        picture[self.seen.rows, self.seen.columns] = colour * warm
        return np.clip(picture, 0, 1) ** (1 / GAMMA)

    def _light(self, toward: np.ndarray, mine: np.ndarray, wrap: float = 0.0) -> np.ndarray:
        facing = self.normal[mine] @ (toward / np.linalg.norm(toward))
        return np.clip((facing + wrap) / (1 + wrap), 0, 1)

    def _skin(self, mine: np.ndarray) -> np.ndarray:
        person, local = self.person, self.local[mine]
        key = np.stack([self._light(self.key, mine, wrap) for wrap in SOFTNESS], axis=-1)
        fill = np.stack(
            [self._light(FILL * [-np.sign(self.key[0]), 1, 1], mine, wrap) for wrap in SOFTNESS],
            axis=-1,
        )
        ambient = 0.13 + 0.16 * (1 - person.contrast)
        light = key * [0.82, 0.80, 0.76] * person.contrast + fill * [0.16, 0.19, 0.22] + ambient
        light += 0.25 * self._light(RIM, mine)[:, None] ** 2
        shine = self.key / np.linalg.norm(self.key) + [0, 0, 1]
        mirror = self._light(shine, mine)
        open_sky = self.open[mine][:, None]
        albedo = self._paint_complexion(mine)
        skin = (
            albedo * light * open_sky + (0.10 * mirror**18 + 0.08 * mirror**60)[:, None] * open_sky
        )
        edge = (
            NECKLINE
            + 0.32 * np.clip(np.abs(local[:, 0]) - 0.2, 0, 2)
            - 0.25 * np.exp(-((local[:, 0] / 0.6) ** 2))
        )
        cloth = (
            np.array(person.shirt)
            * (self._light(self.key, mine, 0.2)[:, None] * 0.95 + 0.25)
            * open_sky
        )
        return np.where((local[:, 1] < edge)[:, None], cloth, skin)

    def _paint_complexion(self, mine: np.ndarray) -> np.ndarray:
        """Compute the albedo of the skin.

        It is mottled, red on cheeks and nose, with stubble, freckles and lips, and dark inside the
        mouth.
        """
        person, local = self.person, self.local[mine]
        fine, coarse = self._noise(1.1)[mine], self._noise(12)[mine]
        albedo = np.array(person.skin) * (
            1 + 0.025 * fine[:, None] + 0.025 * coarse[:, None] * [1, 0.4, 0.3]
        )
        cheeks = np.exp(
            -(((np.abs(local[:, 0]) - 0.62) / 0.28) ** 2) - ((local[:, 1] + 0.75) / 0.3) ** 2
        )
        nose = np.exp(-((local[:, 0] / 0.2) ** 2) - ((local[:, 1] + 0.68) / 0.22) ** 2)
        albedo *= 1 - (person.blush * (cheeks + 0.7 * nose))[:, None] * [-0.1, 1.0, 0.9]
        speckled = person.freckles * (cheeks + nose) * (fine > 1.2)
        albedo *= 1 - 0.35 * np.clip(speckled, 0, 1)[:, None]
        beard = (
            np.clip((-0.95 - local[:, 1]) / 0.25, 0, 1)
            * np.clip((local[:, 1] + 2.35) / 0.3, 0, 1)
            * (local[:, 2] > -0.9)
        )
        albedo *= 1 - (person.stubble * beard * (0.55 + 0.12 * fine))[:, None] * [1, 0.95, 0.85]
        lips, inside, _ = np.clip(self.shade[mine].T * 1.3, 0, 1)[..., None]
        albedo = albedo * (1 - 0.8 * lips) + np.array(person.lips) * 0.8 * lips
        return albedo * (1 - inside) + np.array([0.16, 0.04, 0.04]) * inside

    def _eyes(self, mine: np.ndarray) -> np.ndarray:
        centres, radius = self.scene.eyes
        place = self.local[mine] * self.scene.unit + self.scene.middle
        side = (
            np.linalg.norm(place - centres[1], axis=1) < np.linalg.norm(place - centres[0], axis=1)
        ).astype(int)
        out = (place - centres[side]) / radius
        gaze = self.camera.turn.T @ np.array([0, -0.02, 1.0])
        gaze /= np.linalg.norm(gaze)
        angle = np.arccos(
            np.clip(out @ gaze / np.maximum(np.linalg.norm(out, axis=1), 1e-6), -1, 1)
        )[:, None]
        white = (
            np.array([0.90, 0.88, 0.86])
            * (0.7 * self._light(self.key, mine, 0.6) + 0.25)[:, None]
            * self.open[mine][:, None]
        )
        around = np.arctan2(out[:, 1], out[:, 0])[:, None]
        fibres = 1 + 0.18 * np.sin(around * 37) + 0.12 * np.sin(around * 61 + 1)
        depth = np.clip((angle - PUPIL) / (IRIS_EDGE - PUPIL), 0, 1)
        iris = np.array(self.person.iris) * (0.65 + 0.9 * (1 - depth)) * fibres
        in_iris, in_pupil = (
            np.clip((IRIS_EDGE - angle) / 0.05, 0, 1),
            np.clip((PUPIL - angle) / 0.04, 0, 1),
        )
        eye = white * (1 - in_iris) + iris * in_iris
        eye = (eye * (1 - 0.55 * np.exp(-(((angle - IRIS_EDGE) / 0.05) ** 2)))) * (
            1 - in_pupil
        ) + 0.015 * in_pupil
        eye = eye * np.clip(1.05 - 0.9 * np.clip(out[:, 1:2] - 0.05, 0, 1), 0.4, 1)
        glint = out[:, :2] - gaze[:2] - [math.copysign(0.16, self.key[0]), 0.17]
        return eye + 0.9 * np.exp(-(glint**2).sum(axis=1, keepdims=True) / 0.006)

    def _teeth(self, mine: np.ndarray) -> np.ndarray:
        return (
            np.array([0.80, 0.77, 0.70])
            * (0.25 + 0.75 * self._light(self.key, mine, 0.4) * self.open[mine])[:, None]
        )

    def _tongue(self, mine: np.ndarray) -> np.ndarray:
        return (
            np.array([0.55, 0.22, 0.22])
            * (0.2 + 0.6 * self._light(self.key, mine, 0.4) * self.open[mine])[:, None]
        )

    def _hair(self, mine: np.ndarray) -> np.ndarray:
        local = self.local[mine]
        around = np.arctan2(local[:, 0], local[:, 2] + 0.2)
        strands = np.zeros(len(local))
        for octave in range(7):
            phase = self.chance.uniform(0, 2 * math.pi)
            waved = 1.6 * np.sin(3 * local[:, 1] * (0.4 + 0.15 * octave) + phase)
            strands += np.sin(around * 18 * 1.75**octave + phase + waved) / 1.2**octave
        strands = (strands / 4)[:, None]
        hair = np.array(self.person.hair)
        shaded = (
            hair
            * (1 + 0.6 * strands)
            * (0.9 * self._light(self.key, mine, 0.4) + 0.25)[:, None]
            * self.open[mine][:, None]
        )
        gloss = self._light(np.array([0.3 * self.key[0], 0.75, 0.66]), mine)[:, None] ** 14
        return (
            shaded
            + hair * 1.6 * gloss * (0.6 + 0.6 * strands)
            + 0.05 * self._light(RIM, mine)[:, None] ** 2
        )

    def _noise(self, sigma: float) -> np.ndarray:
        """Make smooth noise with deviation 1 at the pixels; it lies on the picture."""
        size = self.camera.size
        field = cv2.GaussianBlur(
            self.chance.standard_normal((size, size)), (0, 0), sigma * size / 512
        )
        field = field / field.std()
        return np.asarray(field[self.seen.rows, self.seen.columns])


def backdrop(person: Person, size: int) -> np.ndarray:
    """Draw a blurred wall: light behind the head, darker outward, with a few soft shapes."""
    down, across = np.meshgrid(
        np.linspace(0, 2, size) - 0.9, np.linspace(-1, 1, size), indexing="ij"
    )
    lightness = np.clip(1 - 0.5 * (across**2 + 0.6 * down**2), 0, 1)[..., None]
    wall = np.array(person.backdrop[0]) * lightness + np.array(person.backdrop[1]) * (1 - lightness)
    chance = np.random.default_rng(person.seed + 1)
    for _ in range(chance.integers(0, 4)):
        x, y, width, height = chance.uniform([-1, -1, 0.1, 0.2], [1, 1, 0.5, 1.2])
        shape = 1 / (
            1
            + np.exp(
                np.clip(
                    (np.maximum(np.abs(across - x) / width, np.abs(down - y) / height) - 1) * 9,
                    -50,
                    50,
                )
            )
        )
        wall *= 1 + chance.uniform(-0.25, 0.25) * shape[..., None]
    return wall


def _estimate_openness(seen: CoveredPixels, size: int) -> np.ndarray:
    """Estimate how much of the sky each pixel sees, from blurred depth.

    A pixel is darker where its surroundings are nearer.
    """
    depth = np.full((size, size), seen.depth.min() if len(seen.depth) else 0.0, np.float32)
    depth[seen.rows, seen.columns] = seen.depth
    small = cv2.resize(depth, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    hidden = np.zeros_like(small)
    for share, gain in ((0.006, 7.0), (0.018, 3.2), (0.05, 1.2)):
        around = cv2.GaussianBlur(small, (0, 0), share * size / 2)
        hidden += np.clip((around - small) * gain, 0, 0.35)
    whole = cv2.resize(1 - np.clip(hidden, 0, 0.6), (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole[seen.rows, seen.columns])
