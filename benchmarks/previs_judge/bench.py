# SPDX-License-Identifier: Apache-2.0
"""The shared bench of all judges: talker, speech, portraits, and clips measured once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import soundfile
from scipy.signal import resample_poly

from benchmarks.previs_judge.networks import JUDGES, embedding
from model import weights
from model.emotion import Performance, parse_curve
from model.previs import portrait, score
from model.previs.landmarks import Face, Landmarker
from model.previs.phones import PhoneDecoder
from model.previs.talker import PrevisTalker, load
from model.previs.warp import Pose
from model.talker import Portrait, Speech
from pipeline.render import portraits

RATE = Fraction(25)
SIZE = 512
OVAL = (10, 338, 297, 332, 284, 251, 389, 454, 361, 164, 132, 234, 162, 21, 54, 103, 67, 109)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchInputs:
    """Inputs of a judgement: portraits, a recording, a start in it, and the length of a clip."""

    portraits: tuple[Path, ...]
    speech: Path
    start: float
    seconds: float
    text: str | None


class Bench:
    """The talker, the speech and the portraits, and clips of them, which all judges share."""

    def __init__(self, arguments: BenchInputs) -> None:
        """Read everything."""
        talker = load(settings={"size": SIZE})
        if not isinstance(talker, PrevisTalker):
            raise TypeError("the previs talker is judged here")
        self.talker = talker
        self.samples = _read_speech(arguments.speech, arguments.start, arguments.seconds)
        self.other = _read_speech(
            arguments.speech, arguments.start + 2 * arguments.seconds, arguments.seconds
        )
        self.text = arguments.text
        self.frames = int(arguments.seconds * RATE)
        self.actors = [portraits.read(path, face="largest") for path in arguments.portraits]
        self.landmarker = Landmarker(
            weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
        )
        self._tracks: dict[tuple[str, str], Track] = {}

    @property
    def speech(self) -> Speech:
        """The judged speech."""
        return Speech(samples=self.samples, lead=0, frames=self.frames, rate=RATE, text=self.text)

    def hold_emotion(self, emotion: str) -> Performance:
        """Hold an emotion through the clip."""
        return Performance.from_curve(parse_curve(emotion), start=0, end=self.frames)

    def clip(self, actor: Portrait, emotion: str) -> Iterator[np.ndarray]:
        """Make the frames of a clip."""
        return iter(self.talker.talk(actor, self.speech, self.hold_emotion(emotion), 0))

    def poses(self, emotion: str) -> list[Pose]:
        """Compute the acting of a clip; it is the same for every portrait."""
        return list(
            score.make_poses(self.speech, self.hold_emotion(emotion), 0, phones=PhoneDecoder())
        )

    def track(self, actor: Portrait, emotion: str) -> Track:
        """Measure a clip when it is first asked for."""
        key = (actor.name, emotion)
        if key not in self._tracks:
            self._tracks[key] = Track(self, actor, emotion)
        return self._tracks[key]

    def follow(self, frame: np.ndarray, face: Face, rest: Face | None = None) -> Face:
        """Follow the face into a frame from its place before: two passes of the mesh.

        `rest`: see `Landmarker.follow`.
        """
        return self.landmarker.follow(frame, self.landmarker.follow(frame, face, rest), rest)


class Track:
    """Measurements of one clip.

    Landmarks of every frame, emotion and colour of every third, identity of every ninth.
    """

    def __init__(self, bench: Bench, actor: Portrait, emotion: str) -> None:
        """Make the clip and measure it."""
        puppet = bench.talker.find_puppet(actor)
        face, home = (
            puppet.whole_face,
            embedding(portrait.scale_portrait(actor, SIZE)[0], puppet.whole_face),
        )
        logs: dict[str, list[np.ndarray]] = {name: [] for name in JUDGES}
        colours = []
        self.rest = puppet.whole_face
        self.faces: list[Face] = []
        self.distances: list[float] = []
        for index, frame in enumerate(bench.clip(actor, emotion)):
            face = bench.follow(frame, face)
            self.faces.append(face)
            if index % 3 == 0:
                colours.append(_face_colour(frame, face))
                for name, judge in JUDGES.items():
                    logs[name].append(judge(frame, face))
            if index % 9 == 0:
                self.distances.append(float(np.linalg.norm(embedding(frame, face) - home)))
        self.colour = np.mean(colours, axis=0)
        self.mean_logs = {name: np.mean(values, axis=0) for name, values in logs.items()}

    def gap(self) -> np.ndarray:
        """Measure the distance of the inner lips in IOD, for each frame."""
        return np.array([measure_gap(face) for face in self.faces])


def measure_gap(face: Face) -> float:
    """Measure the distance of the inner lips in IOD."""
    return float((face.points[14, :2] - face.points[13, :2]) @ face.axes[:, 1] / face.unit)


def _read_speech(path: Path, start: float, seconds: float) -> np.ndarray:
    """Read part of a recording, mono, 16 kHz."""
    rate = soundfile.info(path).samplerate
    sound, _ = soundfile.read(
        path, start=int(start * rate), frames=int(seconds * rate), always_2d=True
    )
    common = int(np.gcd(rate, 16_000))
    return np.asarray(
        resample_poly(sound.mean(axis=1), 16_000 // common, rate // common), dtype=np.float32
    )


def _face_colour(frame: np.ndarray, face: Face) -> np.ndarray:
    """Compute the mean CIELAB of the skin inside the face oval above the mouth.

    The mouth's inside is not skin.
    """
    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(face.points[list(OVAL), :2]).astype(np.int32)], 255)
    lab = cv2.cvtColor((frame[::2, ::2] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    return np.asarray(lab[mask[::2, ::2] > 0].mean(axis=0))
