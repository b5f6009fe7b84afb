# SPDX-License-Identifier: Apache-2.0
"""The head model: a base mesh, named targets that move its vertices, and masks painted on it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

EYES = ("helper-l-eye", "helper-r-eye")  # of the person; the viewer sees them the other way round
MOUTH_PARTS = ("helper-upper-teeth", "helper-lower-teeth", "helper-tongue")
REACH_DOWN = 7.5  # eye distances below the eyes that are drawn
MASKS = {"lips": "mpfb_lips.jpg", "inside": "mpfb_inside-mouth.jpg", "lids": "mpfb_eyelids.jpg"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """The head's mesh.

    Vertices have x to the viewer's right, y up and z toward the viewer. `faces`: triangles of each
    group; `masks`: in [0, 1], for each vertex.
    """

    data: Path
    base: np.ndarray
    faces: Mapping[str, np.ndarray]
    masks: Mapping[str, np.ndarray]

    def shape(self, mix: Mapping[str, float]) -> np.ndarray:
        """Move the vertices by targets; names are paths below `targets/` without endings."""
        vertices = self.base.copy()
        for name, weight in mix.items():
            index, moves = _load_target(self.data, name)
            vertices[index] += weight * moves
        return vertices

    def eyes(self, vertices: np.ndarray) -> np.ndarray:
        """Compute the centres of the two eyeballs [2, 3]."""
        return np.stack([vertices[np.unique(self.faces[name])].mean(axis=0) for name in EYES])

    def names(self, folder: str) -> list[str]:
        """List the targets in a folder of the head model."""
        return sorted(
            f"{folder}/{path.name.removesuffix('.target.gz')}"
            for path in (self.data / "mpfb2" / "targets" / folder).glob("*.target.gz")
        )


@cache
def load(data: Path) -> Head:
    """Read the base mesh under `data` (the folder with `mpfb2` and `faceunits01`)."""
    points, corners, groups = _read_obj(data / "mpfb2" / "3dobjs" / "base.obj")
    vertices = np.array(points["v"])
    where = np.zeros((len(vertices), 2))
    for vertex, place in corners:
        where[vertex] = points["vt"][place]
    masks = {
        name: _sample_mask(data / "mpfb2" / "textures" / file, where)
        for name, file in MASKS.items()
    }
    return Head(
        data=data,
        base=vertices,
        faces={name: np.array(rows) for name, rows in groups.items()},
        masks=masks,
    )


def _read_obj(
    path: Path,
) -> tuple[dict[str, list[list[float]]], list[tuple[int, int]], dict[str, list[list[int]]]]:
    points: dict[str, list[list[float]]] = {"v": [], "vt": []}
    corners: list[tuple[int, int]] = []
    groups: dict[str, list[list[int]]] = {}
    group = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, *values = line.split() or [""]
        if kind in points:
            points[kind].append([float(value) for value in values])
        elif kind == "g":
            group = values[0]
        elif kind == "f":
            pairs = [tuple(int(part) - 1 for part in value.split("/")[:2]) for value in values]
            corners += [(pair[0], pair[1]) for pair in pairs]
            ring = [pair[0] for pair in pairs]
            groups.setdefault(group, []).extend(
                [ring[0], ring[k], ring[k + 1]] for k in range(1, len(ring) - 1)
            )
    return points, corners, groups


def _sample_mask(path: Path, where: np.ndarray) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    soft = cv2.GaussianBlur(picture, (0, 0), 3)
    height, width = soft.shape
    columns = np.clip(where[:, 0] * width, 0, width - 1).astype(int)
    rows = np.clip((1 - where[:, 1]) * height, 0, height - 1).astype(int)
    return soft[rows, columns] / 255.0


@cache
def _load_target(data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    folder = "faceunits01" if name.startswith("faceunits/") else "mpfb2"
    path = data / folder / "targets" / f"{name}.target"
    text = (
        path.read_text()
        if path.exists()
        else gzip.decompress(path.with_suffix(".target.gz").read_bytes()).decode()
    )
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    index = np.array([row[0] for row in rows], dtype=int)  # some targets are empty
    return index, np.array([row[1:4] for row in rows], dtype=float).reshape(-1, 3)


def compute_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Compute unit normals of the vertices, triangles weighted by area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    flat = np.cross(b - a, c - a)
    summed = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(summed, faces[:, corner], flat)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
