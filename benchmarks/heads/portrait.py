# SPDX-License-Identifier: Apache-2.0
"""Photograph one person: a portrait at rest, and pictures with an expression and another pose."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from benchmarks.heads import strokes
from benchmarks.heads.mesh import Head
from benchmarks.heads.paint import Picture
from benchmarks.heads.people import Person
from benchmarks.heads.scene import Camera, build, make_rotation
from model import weights
from model.previs.landmarks import Landmarker

OVERSAMPLING = 2
ANCHOR_PX = 384
REST: Mapping[str, float] = {}


class Model:
    """Holds the shaped head of a person and the place of the brows on it."""

    def __init__(self, head: Head, person: Person) -> None:
        """Shape the head and find its landmarks, once. Raises ValueError when it shows no face."""
        self.head, self.person = head, person
        self.rest = head.shape(person.shape)
        picture = self._picture(self.rest, ANCHOR_PX, (0.0, 0.0, 0.0))
        landmarker = Landmarker(
            weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
        )
        found = strokes.anchors(picture, _bytes(picture.paint()), landmarker)
        if found is None:
            raise ValueError(f"no face is seen in {person.name}")
        self._anchors = found

    def portrait(self, size: int) -> np.ndarray:
        """Draw the neutral portrait, RGB uint8 [size, size, 3]."""
        turn = (self.person.yaw, self.person.pitch, 0.0)
        return self.shot(size, turn=turn, oversampling=OVERSAMPLING)

    def shot(
        self,
        size: int,
        *,
        turn: tuple[float, float, float],
        units: Mapping[str, float] = REST,
        oversampling: int = 1,
    ) -> np.ndarray:
        """Draw the head turned (yaw, pitch, roll), with expression units of `faceunits01`."""
        vertices = self.rest
        if units:
            moved = self.head.shape({f"faceunits/{name}": weight for name, weight in units.items()})
            vertices = self.rest + (moved - self.head.base)
        picture = self._picture(vertices, size * oversampling, turn)
        painted = strokes.draw(picture.paint(), self._anchors.at(picture.screen), self.person)
        if oversampling > 1:
            painted = cv2.resize(painted, (size, size), interpolation=cv2.INTER_AREA)
        return _bytes(painted)

    def _picture(
        self, vertices: np.ndarray, size: int, turn: tuple[float, float, float]
    ) -> Picture:
        camera = Camera(turn=make_rotation(*turn), framing=self.person.framing, size=size)
        return Picture(build(self.head, self.person, vertices), camera, self.person)


def _bytes(rgb: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
