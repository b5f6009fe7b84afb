# SPDX-License-Identifier: Apache-2.0
"""Measure clips by the field's own judges, those that a user names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float64, Int16

from manifests.errors import InputError, Problem, collect_problems
from model.judges import arcface, external, i3d, syncnet
from model.judges.points import Faces, FaceTrack

FRAMES_PER_CLIP = 8  # that networks for single pictures see


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExternalClip:
    """What external judges need to know about a clip.

    `speech`: the sound from the first of the crops on.
    """

    faces: Faces
    track: FaceTrack
    speech: Int16[np.ndarray, " samples"]
    identity: str
    emotion: str


class ExternalMetrics:
    """The external judges that a user names, loaded.

    I3D says nothing about single clips: see `i3d.extract_features`.
    """

    def __init__(self, names: Sequence[str], rest: Mapping[str, FaceTrack]) -> None:
        """Load the judges. `rest`: the face of every portrait.

        Raises:
            InputError: Names are unknown, or files are missing or something else; it lists all.
        """
        self.names = tuple(dict.fromkeys(names))
        check_weights(self.names)
        problems: list[Problem] = []
        loaded = {name: collect_problems(problems, LOADERS[name]) for name in self.names}
        if problems:
            raise InputError(problems)
        for name in self.names:
            external.record_digest(name)
        self._syncnet, self._hsemotion, self._arcface = map(
            loaded.get, ("syncnet-v2", "hsemotion", "arcface")
        )
        self._homes = (
            {name: _embed_clip(self._arcface, face) for name, face in rest.items()}
            if self._arcface
            else {}
        )

    def measure_clip(self, clip: ExternalClip) -> dict[str, float]:
        """Return measures of a clip by name.

        A clip that is too short for SyncNet has none of SyncNet's.
        """
        numbers: dict[str, float] = {}
        if self._syncnet and len(clip.faces) >= syncnet.SPAN:
            sync = syncnet.measure_sync(self._syncnet, clip.faces, clip.speech)
            numbers |= {
                "syncnet_v2_confidence": sync.confidence,
                "syncnet_v2_distance": sync.distance,
                "syncnet_v2_offset": float(sync.offset),
            }
        if self._arcface:
            numbers["arcface_similarity"] = float(
                _embed_clip(self._arcface, clip.track) @ self._homes[clip.identity]
            )
        if self._hsemotion:
            label = _name_emotion(self._hsemotion, clip.track)
            numbers["hsemotion_right"] = float(label == clip.emotion)
        return numbers


def check_weights(names: Sequence[str]) -> None:
    """Check that all names are known and their files in place. Raises InputError that lists all."""
    problems: list[Problem] = []
    for name in names:
        collect_problems(problems, partial(external.locate_weights, name))
    if problems:
        raise InputError(problems)


def _embed_clip(graph: arcface.OnnxGraph, track: FaceTrack) -> Float64[np.ndarray, " 512"]:
    """Return the mean of a clip's ArcFace directions, of length 1."""
    numbers = [
        arcface.embed_face(graph, track.pictures[at], track.faces[at])
        for at in _spread_frames(track)
    ]
    middle = np.mean(numbers, axis=0)
    return np.asarray(middle / np.linalg.norm(middle))


def _name_emotion(graph: arcface.OnnxGraph, track: FaceTrack) -> str:
    """Name the emotion whose HSEmotion logit is the largest on average."""
    logits = [
        arcface.score_emotions(graph, track.pictures[at], track.faces[at])
        for at in _spread_frames(track)
    ]
    return arcface.HSEMOTION_LABELS[int(np.mean(logits, axis=0).argmax())]


def _spread_frames(track: FaceTrack) -> list[int]:
    """Spread frame numbers evenly over a clip, none twice."""
    count = len(track.faces)
    places = ((np.arange(FRAMES_PER_CLIP) + 0.5) * count / FRAMES_PER_CLIP).astype(int)
    return list(dict.fromkeys(places.tolist()))


def _load_arcface() -> arcface.OnnxGraph:
    graph = arcface.OnnxGraph("arcface")
    graph.check_output(arcface.ARCFACE_SIDE, arcface.ARCFACE_WIDTH)
    return graph


def _load_hsemotion() -> arcface.OnnxGraph:
    graph = arcface.OnnxGraph("hsemotion")
    graph.check_output(arcface.HSEMOTION_SIDE, len(arcface.HSEMOTION_LABELS))
    return graph


LOADERS: Mapping[str, Callable[[], Any]] = {
    "syncnet-v2": syncnet.load_syncnet,
    "arcface": _load_arcface,
    "hsemotion": _load_hsemotion,
    "i3d": i3d.check_archive,
}
"""What loads each judge, or at least tries it, before the first clip is judged."""
