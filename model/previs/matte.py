# SPDX-License-Identifier: Apache-2.0
"""Separate the person in a portrait from the background, and fill the plate behind the edge.

The matte comes from MediaPipe's selfie segmentation, sharpened by GrabCut (Rother et al. 2004)
because the network misses the tips of hair; a portrait with transparency brings its own. The plate
is filled by push-pull interpolation (Gortler et al. 1996): only the band beside the person's edge
is ever seen.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from model.previs.landmarks import Face

NETWORK_SIZE = 256
BAND = 0.16  # IOD beside the matte that is filled: more than the head ever moves

Matte = Float32[np.ndarray, "height width"]
Rgb = UInt8[np.ndarray, "height width 3"]


class Segmenter:
    """The segmentation network."""

    def __init__(self, weights: Path) -> None:
        """Read the .tflite file `mediapipe-selfie` of the catalogue."""
        self._network = cv2.dnn.readNetFromTFLite(str(weights))

    def segment_person(self, rgb: Rgb, face: Face) -> Matte:
        """Return how much each pixel around the face belongs to the person, in [0, 1]."""
        height, width = rgb.shape[:2]
        small = cv2.resize(rgb, (NETWORK_SIZE, NETWORK_SIZE), interpolation=cv2.INTER_AREA)
        guess = self._run_network(small)
        refined = np.maximum(_refine_matte(small, guess), np.clip((guess - 0.2) / 0.6, 0, 1))
        matte = cv2.resize(
            refined.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        matte = np.clip(cv2.GaussianBlur(matte, (0, 0), 1.5 * width / 512), 0, 1)
        hull = np.zeros((height, width), np.float32)
        cv2.fillConvexPoly(hull, cv2.convexHull(face.points[:, :2].astype(np.int32)), 1.0)
        return np.asarray(cv2.GaussianBlur(np.maximum(matte, hull), (0, 0), 1.2 * width / 512))

    def segment_roughly(self, rgb: Rgb) -> UInt8[np.ndarray, "height width"]:
        """Return the matte of a whole picture as the network sees it.

        It is soft, for what lies outside the moving box.
        """
        small = cv2.resize(rgb, (NETWORK_SIZE, NETWORK_SIZE), interpolation=cv2.INTER_AREA)
        guess = cv2.resize(
            self._run_network(small), (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR
        )
        return np.asarray(np.rint(np.clip((guess - 0.3) / 0.4, 0, 1) * 255), dtype=np.uint8)

    def _run_network(self, small: Rgb) -> Matte:
        self._network.setInput(small.astype(np.float32).transpose(2, 0, 1)[None] / 255.0)
        return np.asarray(self._network.forward()).reshape(NETWORK_SIZE, NETWORK_SIZE)


def _refine_matte(small: Rgb, guess: Matte) -> Matte:
    marks = np.where(
        guess > 0.9, cv2.GC_FGD, np.where(guess > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    ).astype(np.uint8)
    near = cv2.dilate((guess > 0.3).astype(np.uint8), np.ones((41, 41), np.uint8))
    marks[near == 0] = cv2.GC_BGD
    if not ((marks == cv2.GC_FGD).any() and (marks == cv2.GC_BGD).any()):
        return guess
    cv2.setRNGSeed(0)  # its colour models start from random clusters
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        np.ascontiguousarray(small[..., ::-1]), marks, None, *models, 4, cv2.GC_INIT_WITH_MASK
    )
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), dtype=np.float32)


def fill_plate(rgb: Rgb, matte: Matte, unit: float) -> Rgb:
    """Fill the person's edge from outside; leave pixels further than `BAND` from the matte.

    `unit`: the inter-ocular distance in px.
    """
    reach = max(3, round(BAND * unit)) | 1
    scale = max(1, round(reach / 12))
    small_matte = cv2.resize(matte, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach // scale | 1, reach // scale | 1))
    covered = cv2.dilate((small_matte > 0.02).astype(np.float32), kernel)
    small = cv2.resize(rgb, (covered.shape[1], covered.shape[0]), interpolation=cv2.INTER_AREA)
    filled = _fill_unknown(small.astype(np.float32), 1 - covered)
    size = (rgb.shape[1], rgb.shape[0])
    filled = cv2.resize(filled, size, interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(
        cv2.resize(covered, size, interpolation=cv2.INTER_LINEAR), (0, 0), max(1.0, unit * 0.01)
    )
    mixed = rgb + (filled - rgb) * soft[..., None]
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)


def fill_transparent(rgb: Rgb, cover: UInt8[np.ndarray, "height width"]) -> Rgb:
    """Continue a cut-out's own colours under its transparent pixels.

    `rgb`: multiplied by `cover`, its opacity.
    """
    if not cover.any():
        return rgb
    share = np.maximum(cover, 1).astype(np.float32)[..., None] / 255
    filled = _fill_unknown(rgb / share, np.minimum(cover.astype(np.float32) / 128, 1))
    return np.asarray(np.clip(np.rint(filled), 0, 255), dtype=np.uint8)


def _fill_unknown(values: np.ndarray, known: Matte) -> np.ndarray:
    """Fill where `known` is 0 with ever coarser averages of what is known (push-pull)."""
    height, width = known.shape
    weight = known[..., None]
    if min(height, width) <= 2:
        total = float(weight.sum())
        mean = (values * weight).sum(axis=(0, 1)) / total if total else values.mean(axis=(0, 1))
        return np.asarray(np.broadcast_to(mean, values.shape), dtype=np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = (
        cv2.resize(values * weight, half, interpolation=cv2.INTER_AREA)
        / np.maximum(coarse_weight, 1e-6)[..., None]
    )
    solved = _fill_unknown(coarse, np.minimum(coarse_weight * 4, 1))
    finer = cv2.resize(solved, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(values * weight + finer * (1 - weight), dtype=np.float32)
