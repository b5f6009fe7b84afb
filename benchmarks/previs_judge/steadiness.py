# SPDX-License-Identifier: Apache-2.0
"""Judge stillness: unrest of stable points, steps between frames, and the background.

Unrest: RMS of stable landmarks about their smoothed track (a Gaussian of two frames), in IOD,
blinks and head movement included.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from benchmarks.previs_judge.bench import Bench
from model.talker import Portrait

STABLE = (168, 6, 197, 195, 5, 4, 10, 151, 9, 8)
EMOTIONS = ("neutral", "happy 0.6")
PATCH = 0.30  # side of the patches that optical flow follows, IOD


def judge_jitter(bench: Bench) -> None:
    """Print unrest, and the largest step of the upper face, by several means.

    "Mesh": every frame as the mesh network sees it through a crop that follows all its points, the
    chin's too: the network answers a crop that moves on a still picture with a face that moves.
    "Held": through the crop of the face at rest, carried along by points that neither speech nor
    lids move. "Awake": the held crop without the frames in which the talker shuts its lids and two
    on either side, because the network shifts the whole face in them. "Flow": patches of the
    picture about the same points followed by optical flow (Lucas & Kanade), which knows nothing of
    faces. "Rig": where the talker itself moved the points.
    """
    for emotion in EMOTIONS:
        rows = []
        for actor in bench.actors:
            measured = _measure_unrests(bench, actor, emotion)
            rows.append([value for pair in measured.values() for value in pair])
            results = [
                f"{name} {jitter:.4f}, step {step:.3f}" for name, (jitter, step) in measured.items()
            ]
            print(f"{emotion} {actor.name}: {'; '.join(results)}")
        means = np.mean(rows, axis=0)[::2]
        results = [f"{name} {mean:.4f}" for name, mean in zip(measured, means, strict=True)]
        print(f"{emotion} mean: {', '.join(results)}")


def _measure_unrests(bench: Bench, actor: Portrait, emotion: str) -> dict[str, tuple[float, float]]:
    track = bench.track(actor, emotion)
    seen = np.stack([face.points[:, :2] for face in track.faces])
    moved, lids = _rig_motion(bench, actor, emotion)
    awake = minimum_filter1d(lids < np.median(lids) + 0.06, 5)
    every, unit = np.ones_like(awake), track.rest.unit
    upper = track.rest.local[:, 1] < 0.2
    flow, held = _follow_points(bench, actor, emotion)
    return {
        "mesh": (_unrest(seen[:, STABLE] / unit, every), _step(seen[:, upper] / unit, every)),
        "held": (_unrest(held[:, STABLE] / unit, every), _step(held[:, upper] / unit, every)),
        "awake": (_unrest(held[:, STABLE] / unit, awake), _step(held[:, upper] / unit, awake)),
        "flow": (_unrest(flow / unit, every), _step(flow / unit, every)),
        "rig": (_unrest(moved[:, STABLE] / unit, every), _step(moved[:, upper] / unit, every)),
    }


def _unrest(points: np.ndarray, kept: np.ndarray) -> float:
    off = ((points - gaussian_filter1d(points, 2.0, axis=0)) ** 2).sum(-1)[kept]
    return float(np.sqrt(off.mean()))


def _step(points: np.ndarray, kept: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=-1)[kept[1:]].max())


def _follow_points(bench: Bench, actor: Portrait, emotion: str) -> tuple[np.ndarray, np.ndarray]:
    """Follow points in every frame (px).

    Returns the stable points, each patch followed from the first frame, and all points through the
    held crop.
    """
    face = rest = bench.talker.find_puppet(actor).whole_face
    side = max(round(PATCH * face.unit), 5) | 1
    start = face.points[list(STABLE), :2].astype(np.float32)[:, None]
    first, places, rows, held = None, start, [], []
    for frame in bench.clip(actor, emotion):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        first = grey if first is None else first
        places, _, _ = cv2.calcOpticalFlowPyrLK(
            first,
            grey,
            start,
            places.copy(),
            winSize=(side, side),
            maxLevel=1,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        rows.append(places[:, 0])
        face = bench.follow(frame, face, rest)
        held.append(face.points[:, :2])
    return np.stack(rows), np.stack(held)


def _rig_motion(bench: Bench, actor: Portrait, emotion: str) -> tuple[np.ndarray, np.ndarray]:
    """Compute where the talker moves the mesh points in every frame, and how far it shuts the lids.

    In px, left-right asymmetry aside.
    """
    puppet = bench.talker.find_puppet(actor)
    wide, at, poses = puppet.rig.wide, puppet.face.points[:, :2], bench.poses(emotion)
    cells = (((at + 0.5 - (wide.left, wide.top)) / wide.step - 0.5)[None]).astype(np.float32)
    rows = []
    for pose in poses:
        weights = np.concatenate([pose.units + puppet.rest, pose.head])
        field = (weights @ puppet.rig.whole).reshape(wide.rows, wide.columns, 2)
        rows.append(at + cv2.remap(field.astype(np.float32), cells, None, cv2.INTER_LINEAR)[0])
    return np.stack(rows), np.array([max(pose.lids) for pose in poses])


def judge_background(bench: Bench) -> None:
    """Print the mean squared difference between frames outside the dilated matte."""
    for actor in bench.actors:
        puppet = bench.talker.find_puppet(actor)
        reach = round(0.25 * puppet.face.unit) | 1
        left, top, right, bottom = puppet.place
        person = np.zeros(puppet.plate.shape[:2], np.uint8)
        person[top:bottom, left:right] = puppet.source[..., 3] > 2
        outside = cv2.dilate(person, np.ones((reach, reach), np.uint8)) == 0
        frames = np.stack([frame[outside] for frame in bench.clip(actor, "surprised 1.0")])
        spread = float(((frames.astype(float) - frames[0]) ** 2).mean()) if outside.any() else 0.0
        print(
            f"{actor.name}: {100 * outside.mean():.0f} % of the frame outside, mean squared "
            f"difference {spread}"
        )
