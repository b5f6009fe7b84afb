# SPDX-License-Identifier: Apache-2.0
"""Judge the acting: is the emotion recognised, is it the same person, is the skin untinted.

Also: does contempt pull one corner of the mouth only. Emotion: mean log-probability over frames
less the same actor's neutral clip; neutral wins unless a class exceeds 0.5. Two networks judge;
only one of them (fer) was known when the emotions were first made, both were looked at when they
were tuned.
"""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.previs_judge.bench import Bench, Track
from benchmarks.previs_judge.networks import JUDGES, LABELS, landmarks
from model.previs import expression, score
from model.previs.landmarks import Face
from model.previs.warp import Pose, Renderer
from model.talker import Portrait

JUDGED = ("happy", "angry", "sad", "surprised")
NEIGHBOURS = {"fear": ("fear", "surprised"), "disgusted": ("disgusted", "angry")}
INTENSITIES = (0.3, 0.6, 1.0)
CORNERS = (61, 291)
RESTS = 0.02  # IOD: a corner that moves less is at rest


def judge_emotion(bench: Bench) -> None:
    """Print the emotion that each network reads at three intensities, and its margins."""
    for judge in JUDGES:
        for intensity in INTENSITIES:
            _print_emotions(bench, judge, intensity)
        rising = [
            _margins(bench, judge, actor, emotion) for actor in bench.actors for emotion in JUDGED
        ]
        print(f"{judge} monotonic:", sum(a < b < c for a, b, c in rising), "of", len(rising))


def _print_emotions(bench: Bench, judge: str, intensity: float) -> None:
    wrong, count = [], 0
    for actor in bench.actors:
        for emotion in JUDGED:
            read, margin = _read_emotion(bench, judge, actor, f"{emotion} {intensity}")
            count += 1
            if read != emotion:
                wrong.append(f"{actor.name} {emotion}: {read} ({margin:+.2f})")
    print(f"{judge} {intensity}: {count - len(wrong)} of {count} right;", "; ".join(wrong))
    plain = [
        _find_most_probable(bench, judge, actor, f"{emotion} {intensity}")
        for actor in bench.actors
        for emotion in JUDGED
    ]
    results = [
        f"{emotion} {sum(label == emotion for label in plain[k :: len(JUDGED)])}"
        for k, emotion in enumerate(JUDGED)
    ]
    print(
        f"  most probable by itself, without the neutral clip, of {len(bench.actors)} each: "
        f"{', '.join(results)}"
    )
    for emotion, allowed in NEIGHBOURS.items():
        read = [
            _read_emotion(bench, judge, actor, f"{emotion} {intensity}")[0]
            for actor in bench.actors
        ]
        print(
            f"  {emotion}: {sum(label in allowed for label in read)} of {len(read)} as "
            f"{' or '.join(allowed)}: {read}"
        )


def _margins(bench: Bench, judge: str, actor: Portrait, emotion: str) -> list[float]:
    return [
        _read_emotion(bench, judge, actor, f"{emotion} {intensity}")[1] for intensity in INTENSITIES
    ]


def _read_emotion(bench: Bench, judge: str, actor: Portrait, arguments: str) -> tuple[str, float]:
    """Return the emotion that the judge reads, and its margin over the neutral clip."""
    shift = (
        bench.track(actor, arguments).mean_logs[judge]
        - bench.track(actor, "neutral").mean_logs[judge]
    )[:-1]
    best = int(shift.argmax())
    label = LABELS[best] if shift[best] > 0.5 else "neutral"
    return label, float(shift[LABELS.index(arguments.split(maxsplit=1)[0])])


def _find_most_probable(bench: Bench, judge: str, actor: Portrait, arguments: str) -> str:
    """Return the class with the highest mean log-probability of the clip alone."""
    return LABELS[int(bench.track(actor, arguments).mean_logs[judge].argmax())]


def judge_identity(bench: Bench) -> None:
    """Print L2 distances of face embeddings to the portrait's own; under 0.6 is the same person."""
    emotions = (*JUDGED, *NEIGHBOURS)
    for intensity in (0.6, 1.0):
        values = np.concatenate(
            [
                bench.track(actor, f"{emotion} {intensity}").distances
                for actor in bench.actors
                for emotion in emotions
            ]
        )
        print(
            f"{intensity}: mean {values.mean():.3f}, under 0.6: {100 * (values < 0.6).mean():.1f} %"
        )
    for actor in bench.actors:
        results = [
            f"{emotion} {np.mean(bench.track(actor, f'{emotion} 1.0').distances):.3f}"
            for emotion in emotions
        ]
        print(
            f"  {actor.name} neutral {np.mean(bench.track(actor, 'neutral').distances):.3f};",
            *results,
        )


def judge_contempt(bench: Bench) -> None:
    """Print how far the corners of the mouth move (out, up; IOD) in contempt 1.0 against neutral.

    Measured by four means. "Clip": the mesh network, mean over the clips. Stills, so that nothing
    else moves: the mesh; 68 landmarks of another network; dense optical flow of the picture about
    the corners, which knows nothing of faces; and where the rig moves them.
    """
    print("portrait: acting corner out, up; resting corner out, up")
    rested = []
    for actor in bench.actors:
        corners = [_corners(bench.track(actor, emotion)) for emotion in ("contempt 1.0", "neutral")]
        results = [_format_corner("clip", corners[0] - corners[1]), *_still_corners(bench, actor)]
        rested.append(float(np.hypot(*(corners[0] - corners[1])[0])))
        print(f"{actor.name}: {'; '.join(results)}")
    over = sum(distance >= RESTS for distance in rested)
    print(
        f"resting corner in clips: mean {np.mean(rested):.3f}, largest {max(rested):.3f}, {over} "
        f"not under {RESTS}"
    )


def _format_corner(name: str, moved: np.ndarray) -> str:
    (rest_out, rest_up), (out, up) = moved
    return f"{name} {out:+.3f} {up:+.3f}, {rest_out:+.3f} {rest_up:+.3f}"


def _corners(track: Track) -> np.ndarray:
    return np.asarray(
        np.mean([_to_outward(face, face.points[list(CORNERS), :2]) for face in track.faces], axis=0)
    )


def _to_outward(face: Face, points: np.ndarray) -> np.ndarray:
    """Convert two points left and right to (out, up) from the middle of the eyes, IOD."""
    local = (points - face.eyes.mean(axis=0)) @ face.axes / face.unit
    return np.asarray(local * np.array([[-1, -1], [1, -1]]))


def _still_corners(bench: Bench, actor: Portrait) -> list[str]:
    puppet = bench.talker.find_puppet(actor)
    renderer, acting = Renderer(puppet), score.pose_emotion("contempt", 1.0)
    calm = Pose(units=np.zeros_like(acting.units), head=np.zeros_like(acting.head))
    pictures = [
        renderer.render_frame(calm),
        renderer.render_frame(Pose(units=acting.units, head=calm.head)),
    ]
    faces = [bench.follow(picture, puppet.whole_face) for picture in pictures]
    mesh = [_to_outward(face, face.points[list(CORNERS), :2]) for face in faces]
    other = [
        _to_outward(faces[0], landmarks(picture, face)[[48, 54]])
        for picture, face in zip(pictures, faces, strict=True)
    ]
    rig = np.zeros((2, 2))
    for name, weight in zip(expression.UNITS, acting.units, strict=True):
        moved = expression.build_controls(name).upper
        rig += (
            weight
            * np.array([moved.get(corner, (0.0, 0.0)) for corner in CORNERS])
            * [[-1, -1], [1, -1]]
        )
    flow = _flow_at(pictures, faces[0])
    return [
        _format_corner("mesh", mesh[1] - mesh[0]),
        _format_corner("68 points", other[1] - other[0]),
        _format_corner("flow", flow),
        _format_corner("rig", rig),
    ]


def _flow_at(pictures: list[np.ndarray], face: Face) -> np.ndarray:
    """Compute the mean optical flow (out, up; IOD) around the corners of the mouth.

    Squares of 0.12 IOD are averaged.
    """
    before, after = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        before, after, np.zeros((*before.shape, 2), np.float32)
    )
    half = max(round(0.06 * face.unit), 1)
    rows = []
    for corner, side in zip(CORNERS, (-1, 1), strict=True):
        x, y = np.rint(face.points[corner, :2]).astype(int)
        moved = flow[y - half : y + half + 1, x - half : x + half + 1].reshape(-1, 2).mean(axis=0)
        rows.append(moved @ face.axes / face.unit * (side, -1))
    return np.stack(rows)


def judge_colour(bench: Bench) -> None:
    """Print CIEDE2000 between the mean face colour of an emotion's clip and of the neutral clip."""
    for emotion in (*JUDGED, *NEIGHBOURS):
        pairs = [
            (bench.track(actor, f"{emotion} 1.0"), bench.track(actor, "neutral"))
            for actor in bench.actors
        ]
        values = [_ciede2000(acted.colour, calm.colour) for acted, calm in pairs]
        print(f"{emotion:10s} mean {np.mean(values):.2f} largest {max(values):.2f}")


def _ciede2000(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the colour difference of two CIELAB colours (Sharma, Wu & Dalal 2005)."""
    l1, a1, b1 = map(float, first)
    l2, a2, b2 = map(float, second)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    dh = np.angle(np.exp(1j * (h2 - h1)))
    h, light, c = h1 + dh / 2, (l1 + l2) / 2, (c1 + c2) / 2
    big_h = 2 * np.sqrt(c1 * c2) * np.sin(dh / 2)
    t = 1 - 0.17 * np.cos(h - np.pi / 6) + 0.24 * np.cos(2 * h) + 0.32 * np.cos(3 * h + np.pi / 30)
    t -= 0.20 * np.cos(4 * h - np.deg2rad(63))
    sl = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    turn = np.deg2rad(60) * np.exp(-(((np.rad2deg(h) % 360 - 275) / 25) ** 2))
    rt = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(turn)
    dl, dc, dhh = (l2 - l1) / sl, (c2 - c1) / sc, big_h / sh
    return float(np.sqrt(dl**2 + dc**2 + dhh**2 + rt * dc * dhh))
