# SPDX-License-Identifier: Apache-2.0
"""All judges at one table: what each says of one clip, real or generated, by the same instruments
in the same frames.

docs/judges.md says what each measure can and cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int16, UInt8

from model import weights
from model.affect.prepared_corpus import SAMPLES_PER_FRAME
from model.emotion import LABELS
from model.judges import emotion, identity, lipsync, packaged, sound, stability
from model.judges.external_metrics import ExternalClip, ExternalMetrics
from model.judges.identity import Embedding
from model.judges.points import FaceTrack, track_face
from model.judges.trained import JudgeOrigin, load_judge
from model.likeness import FaceRecogniser
from model.previs.landmarks import Landmarker

WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh", "dlib-face", "dlib-face-layout")
# of a clip that can be judged: three moments of the lip-sync net, and some movement
LEAST_FRAMES = 8
OFFSET_RIGHT = 1  # frames of offset that count as none

Faces = UInt8[np.ndarray, "frames 64 64 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedClip:
    """A clip as it is judged. `speech`: the sound of the whole clip; the first picture belongs to
    its frame `first`, at 25 a second.

    `wrong_sounds`: sounds of other clips, none of which the lips should follow. `portraits`: who it might
    be, the own identity among them.
    """

    identity: str
    emotion: str
    faces: Faces
    speech: Int16[np.ndarray, " samples"]
    first: int
    wrong_sounds: Sequence[Int16[np.ndarray, " samples"]]
    portraits: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipMetrics:
    """What was measured of a clip: numbers by name, the gap of its lips and the level of its voice,
    the features of its frames by net.
    """

    numbers: dict[str, float]
    gap: Float64[np.ndarray, " frames"]
    level: Float64[np.ndarray, " frames"]
    features: dict[str, Float64[np.ndarray, "frames width"]]


class MetricSuite:
    """Holds the judges and what they know of the portraits."""

    def __init__(
        self,
        folder: Path,
        portraits: Mapping[str, UInt8[np.ndarray, "64 64 3"]],
        *,
        external: Sequence[str] = (),
    ) -> None:
        """`folder`: of the trained judges. `portraits`: the neutral face of everybody who may be
        shown or stand beside them. `external`: names of the field's judges to ask too.

        Raises InputError when judges or weights are missing, ToolError when the packaged judge
        cannot be fetched.
        """
        landmarker = Landmarker(weights.locate(WEIGHTS[0]), weights.locate(WEIGHTS[1]))
        self.recogniser = FaceRecogniser(
            landmarker, weights.locate(WEIGHTS[2]), weights.locate(WEIGHTS[3])
        )
        self.emotion, self.lips, self.packaged = (
            emotion.EmotionJudge(),
            lipsync.SyncNet(),
            packaged.load_packaged_judge(),
        )
        self.origins: tuple[JudgeOrigin, ...] = (
            load_judge(self.emotion, "emotion", folder),
            load_judge(self.lips, "lipsync", folder),
        )
        self.portraits = portraits
        self._rest = {name: track_face(landmarker, face[None]) for name, face in portraits.items()}
        self.external = ExternalMetrics(external, self._rest)
        self._known: dict[str, Embedding] = {
            name: identity.embed_clip(self.recogniser, rest)[0] for name, rest in self._rest.items()
        }

    def measure_clip(self, shown: JudgedClip) -> ClipMetrics:
        """Everything about one clip. Where the mesh finds no face, emotion and identity are not
        right, and the rest of it is missing.
        """
        followed = track_face(self.recogniser.landmarker, shown.faces)
        level = _measure_level(shown)
        numbers = self._measure_lipsync(shown) | {
            "flicker": stability.measure_flicker(shown.faces),
            "mouth_motion": stability.measure_mouth_motion(shown.faces),
            "face_found": followed.found_share,
            "emotion_right": 0.0,
            "identity_right": 0.0,
        }
        features = {"mouth": lipsync.extract_features(self.lips, shown.faces)}
        if followed.found_share > 0.5:
            seen = identity.embed_clip(self.recogniser, followed)
            features["dlib"] = np.stack(seen).astype(np.float64)
            numbers |= self._measure_emotion(shown, followed) | self._measure_identity(shown, seen)
            numbers |= self.external.measure_clip(_prepare_external_clip(shown, followed)) | {
                "opening_spread": float(followed.gap.std()),
                "opening_correlation": lipsync.correlate(followed.gap, level),
                "jitter": stability.measure_jitter(followed.points),
            }
        return ClipMetrics(numbers=numbers, gap=followed.gap, level=level, features=features)

    def _measure_emotion(self, shown: JudgedClip, followed: FaceTrack) -> dict[str, float]:
        own, rest = LABELS.index(shown.emotion), self._rest[shown.identity]
        said = emotion.predict_probabilities(self.emotion, followed, rest)
        numbers = {"emotion_right": float(said.argmax() == own), "emotion_chance": float(said[own])}
        if shown.emotion in packaged.ORDER:
            numbers["emotion_packaged_right"] = float(
                self.packaged.name_emotion(followed, rest) == shown.emotion
            )
        return numbers

    def _measure_identity(self, shown: JudgedClip, seen: Sequence[Embedding]) -> dict[str, float]:
        known = {name: self._known[name] for name in shown.portraits}
        likeness = identity.compare_portraits(seen, shown.identity, known)
        return {"identity_right": float(likeness.right), "identity_distance": likeness.distance}

    def _measure_lipsync(self, shown: JudgedClip) -> dict[str, float]:
        right = lipsync.measure_sync(self.lips, shown.faces, shown.speech, first=shown.first)
        wrong = [
            lipsync.measure_sync(self.lips, shown.faces, other, first=shown.first)
            for other in shown.wrong_sounds
        ]
        numbers = {
            "sync_confidence": right.confidence,
            "sync_offset": float(right.offset),
            "sync_offset_right": float(abs(right.offset) <= OFFSET_RIGHT),
        }
        if wrong:
            numbers["sync_confidence_wrong_sound"] = float(
                np.mean([one.confidence for one in wrong])
            )
        return numbers


def _measure_level(shown: JudgedClip) -> Float64[np.ndarray, " frames"]:
    """The level of the voice in the frames that are shown."""
    whole = sound.measure_level(shown.speech, len(shown.speech) // SAMPLES_PER_FRAME)
    return whole[shown.first : shown.first + len(shown.faces)]


def _prepare_external_clip(shown: JudgedClip, followed: FaceTrack) -> ExternalClip:
    return ExternalClip(
        faces=shown.faces,
        followed=followed,
        speech=shown.speech[shown.first * SAMPLES_PER_FRAME :],
        identity=shown.identity,
        emotion=shown.emotion,
    )
