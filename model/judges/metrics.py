# SPDX-License-Identifier: Apache-2.0
"""Measure a clip by all judges, real or generated, by the same instruments in the same frames.

docs/how-it-works/judges.md says what each measure cannot tell.
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
# A clip needs this many frames: three moments of the lip-sync net, and some movement.
LEAST_FRAMES = 8
OFFSET_RIGHT = 1  # frames of offset that count as none

Faces = UInt8[np.ndarray, "frames 64 64 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedClip:
    """A clip to measure.

    `speech`: the sound of the whole clip; the first picture belongs to its frame `first`, at 25 a
    second. `wrong_sounds`: sounds of other clips, none of which the lips should follow.
    `portraits`: the identities to choose from, the own identity among them.
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
    """The measurements of a clip.

    `numbers`: by name. `gap`: of the lips. `level`: of the voice. `features`: of its frames, by
    net.
    """

    numbers: dict[str, float]
    gap: Float64[np.ndarray, " frames"]
    level: Float64[np.ndarray, " frames"]
    features: dict[str, Float64[np.ndarray, "frames width"]]


class MetricSuite:
    """All judges, loaded, and what they know about the portraits."""

    def __init__(
        self,
        folder: Path,
        portraits: Mapping[str, UInt8[np.ndarray, "64 64 3"]],
        *,
        external: Sequence[str] = (),
    ) -> None:
        """Load the judges.

        `folder`: of the trained judges. `portraits`: the neutral face of everybody who may be shown
        or stand in a lineup. `external`: names of the field's judges to ask too.

        Raises:
            InputError: Judges or weights are missing.
        """
        landmarker = Landmarker(weights.locate(WEIGHTS[0]), weights.locate(WEIGHTS[1]))
        self.recogniser = FaceRecogniser(
            landmarker, weights.locate(WEIGHTS[2]), weights.locate(WEIGHTS[3])
        )
        self.emotion, self.lips = emotion.EmotionJudge(), lipsync.SyncNet()
        self.packaged = packaged.load_packaged_judge()
        self.origins: tuple[JudgeOrigin, ...] = (
            load_judge(self.emotion, "emotion", folder),
            load_judge(self.lips, "lipsync", folder),
        )
        self._rest = {name: track_face(landmarker, face[None]) for name, face in portraits.items()}
        self.external = ExternalMetrics(external, self._rest)
        self._known: dict[str, Embedding] = {
            name: identity.embed_clip(self.recogniser, rest)[0] for name, rest in self._rest.items()
        }

    def measure_clip(self, clip: JudgedClip) -> ClipMetrics:
        """Measure a clip.

        Where the mesh finds no face, emotion and identity count as wrong, and what else needs a
        face is missing.
        """
        track = track_face(self.recogniser.landmarker, clip.faces)
        level = _measure_level(clip)
        numbers = self._measure_lipsync(clip) | {
            "flicker": stability.measure_flicker(clip.faces),
            "mouth_motion": stability.measure_mouth_motion(clip.faces),
            "face_found": track.found_share,
            "emotion_right": 0.0,
            "identity_right": 0.0,
        }
        features = {"mouth": lipsync.extract_features(self.lips, clip.faces)}
        if track.found_share > 0.5:
            embeddings = identity.embed_clip(self.recogniser, track)
            features["dlib"] = np.stack(embeddings).astype(np.float64)
            numbers |= self._measure_emotion(clip, track)
            numbers |= self._measure_identity(clip, embeddings)
            numbers |= self.external.measure_clip(_prepare_external_clip(clip, track))
            numbers |= _measure_points(track, level)
        return ClipMetrics(numbers=numbers, gap=track.gap, level=level, features=features)

    def _measure_emotion(self, clip: JudgedClip, track: FaceTrack) -> dict[str, float]:
        own, rest = LABELS.index(clip.emotion), self._rest[clip.identity]
        probabilities = emotion.predict_probabilities(self.emotion, track, rest)
        numbers = {
            "emotion_right": float(probabilities.argmax() == own),
            "emotion_chance": float(probabilities[own]),
        }
        if clip.emotion in packaged.ORDER:
            numbers["emotion_packaged_right"] = float(
                self.packaged.name_emotion(track, rest) == clip.emotion
            )
        return numbers

    def _measure_identity(
        self, clip: JudgedClip, embeddings: Sequence[Embedding]
    ) -> dict[str, float]:
        portraits = {name: self._known[name] for name in clip.portraits}
        score = identity.compare_portraits(embeddings, clip.identity, portraits)
        return {"identity_right": float(score.right), "identity_distance": score.distance}

    def _measure_lipsync(self, clip: JudgedClip) -> dict[str, float]:
        right = lipsync.measure_sync(self.lips, clip.faces, clip.speech, first=clip.first)
        wrong = [
            lipsync.measure_sync(self.lips, clip.faces, other, first=clip.first)
            for other in clip.wrong_sounds
        ]
        numbers = {
            "sync_confidence": right.confidence,
            "sync_offset": float(right.offset),
            "sync_offset_right": float(abs(right.offset) <= OFFSET_RIGHT),
        }
        if wrong:
            numbers["sync_confidence_wrong_sound"] = float(
                np.mean([score.confidence for score in wrong])
            )
        return numbers


def _measure_level(clip: JudgedClip) -> Float64[np.ndarray, " frames"]:
    """Measure the level of the voice in the frames that are shown."""
    whole = sound.measure_level(clip.speech, len(clip.speech) // SAMPLES_PER_FRAME)
    return whole[clip.first : clip.first + len(clip.faces)]


def _measure_points(track: FaceTrack, level: Float64[np.ndarray, " frames"]) -> dict[str, float]:
    return {
        "opening_spread": float(track.gap.std()),
        "opening_correlation": lipsync.correlate(track.gap, level),
        "jitter": stability.measure_jitter(track.points),
    }


def _prepare_external_clip(clip: JudgedClip, track: FaceTrack) -> ExternalClip:
    return ExternalClip(
        faces=clip.faces,
        track=track,
        speech=clip.speech[clip.first * SAMPLES_PER_FRAME :],
        identity=clip.identity,
        emotion=clip.emotion,
    )
